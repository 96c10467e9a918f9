//! Makes the lines of the contract.

use medfolder_node::bench::Figure;

/// A value alone.
pub(super) fn plain(name: &str, value: f64, unit: &str) -> Figure {
    Figure {
        name: name.to_owned(),
        value,
        unit: unit.to_owned(),
        peer: None,
        peer_value: None,
        ratio: None,
        target: String::new(),
        met: None,
    }
}

/// The same beside a peer of this run.
pub(super) fn against(mut figure: Figure, peer: &str, value: f64) -> Figure {
    (figure.peer, figure.peer_value) = (Some(peer.to_owned()), Some(value));
    figure.ratio = (value > 0.0).then(|| figure.value / value);
    figure
}

/// The same with what is wanted.
pub(super) fn wanted(mut figure: Figure, target: &str, met: bool) -> Figure {
    (figure.target, figure.met) = (target.to_owned(), Some(met));
    figure
}

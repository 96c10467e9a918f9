//! Which codes a server of each kind may say no with.
//!
//! A peer chooses neither text nor code that is shown or kept: what its kind has no reason to say,
//! such as a node's `zone.missing`, becomes `node.answer` or `edge.answer`.

use medfolder_ledger::Refusal;

/// Of every server: the framework's own, and the log-in's.
const COMMON: [&str; 15] = [
    "body.malformed",
    "body.too_large",
    "body.too_slow",
    "http.method",
    "http.not_found",
    "login.busy",
    "login.expired",
    "login.refused",
    "login.subject",
    "rate.exceeded",
    "request.malformed",
    "server.internal",
    "session.expired",
    "session.missing",
    "storage.full",
];

const NODE: [&str; 11] = [
    "engine.clock_behind",
    "http.not_found",
    "ledger.fork",
    "log.range",
    "node.busy",
    "node.damaged",
    "node.follower",
    "node.slow",
    "node.stopping",
    "node.storage",
    "policy.refused",
];

const EDGE: [&str; 43] = [
    "card.closed",
    "card.frozen",
    "card.rotated",
    "card.unknown",
    "claim.absent",
    "claim.malformed",
    "desk.busy",
    "draft.absent",
    "draft.files_missing",
    "draft.not_a_jwe",
    "draft.too_large",
    "draft.too_many",
    "draft.too_many_files",
    "grant.exists",
    "grant.files",
    "grant.item_count",
    "grant.items_beyond",
    "grant.malformed",
    "grant.moved",
    "grant.refused",
    "grant.terms",
    "grant.window",
    "ledger.lapsed",
    "ledger.old",
    "ledger.refused",
    "ledger.unknown",
    "ledger.unreachable",
    "passcode.length",
    "range.unsatisfiable",
    "request.repeated",
    "route.absent",
    "session.required",
    "share.absent",
    "share.ended",
    "share.file_absent",
    "share.signature_invalid",
    "share.signature_missing",
    "share.signature_stale",
    "share.terms",
    "slot.malformed",
    "slot.misplaced",
    "zone.absent",
    "zone.too_many",
];

/// What the front desk behind an edge says of a claim.
const DESK: [&str; 8] = [
    "desk.card_mismatch",
    "desk.code_expired",
    "desk.code_malformed",
    "desk.code_unknown",
    "desk.code_used",
    "desk.no_claim",
    "desk.patient_ambiguous",
    "desk.patient_unknown",
];

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A node of the ledger.
    Node,
    /// A hospital's edge: exchange zone, front desk, share host.
    Edge,
    /// The front desk, whose answers an edge passes on.
    Desk,
}

impl Peer {
    /// The code if a server of this kind may say it, and else that its answer is not as agreed.
    #[must_use]
    pub fn code(self, code: &str) -> &str {
        if self.may_say(code) {
            code
        } else {
            self.answer()
        }
    }

    fn may_say(self, code: &str) -> bool {
        let refusal = || Refusal::ALL.iter().any(|refusal| refusal.code() == code);
        match self {
            Self::Node => COMMON.contains(&code) || NODE.contains(&code) || refusal(),
            Self::Edge => COMMON.contains(&code) || EDGE.contains(&code) || refusal(),
            Self::Desk => DESK.contains(&code) || refusal(),
        }
    }

    const fn answer(self) -> &'static str {
        match self {
            Self::Node => "node.answer",
            Self::Edge => "edge.answer",
            Self::Desk => "desk.refused",
        }
    }
}

/// Whether a text has a code's form: short, and nothing but `group.name` in small letters.
pub(crate) fn is_code(text: &str) -> bool {
    let part = |part: &str| {
        let small = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        !part.is_empty() && part.bytes().all(small)
    };
    text.len() <= 64
        && text
            .split_once('.')
            .is_some_and(|(a, b)| part(a) && part(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    #[test]
    fn a_peer_says_what_its_kind_may_say_and_nothing_else() {
        for (peer, code, shown) in [
            (Peer::Node, "card.frozen", "card.frozen"),
            (Peer::Node, "node.busy", "node.busy"),
            (Peer::Node, "zone.missing", "node.answer"),
            (Peer::Node, "zone.absent", "node.answer"),
            (Peer::Edge, "storage.full", "storage.full"),
            (Peer::Edge, "login.clock", "edge.answer"),
            (Peer::Edge, "record.leaf", "edge.answer"),
            (Peer::Edge, "node.busy", "edge.answer"),
            (Peer::Desk, "desk.code_used", "desk.code_used"),
            (Peer::Desk, "你好", "desk.refused"),
        ] {
            assert_eq!(peer.code(code), shown, "{peer:?} {code}");
        }
        assert!(is_code("zone.too_many") && !is_code("call 555") && !is_code("a.b\u{1b}[2J"));
        assert!(!is_code("") && !is_code(&format!("a.{}", "b".repeat(64))));
    }

    fn sources(place: &Path, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(place).unwrap().map(Result::unwrap) {
            match entry.path() {
                path if path.is_dir() => sources(&path, into),
                path => into.push(path),
            }
        }
    }

    /// Codes in the lines of these sources that make a refusal of a request.
    fn refusals(places: &[&str]) -> BTreeSet<String> {
        const MARKS: [&str; 9] = [
            "Problem::new(",
            "Problem::bad(",
            "Problem::unauthorized(",
            "Problem::forbidden(",
            "Problem::absent(",
            "Problem::conflict(",
            "Problem::unavailable(",
            "Refused::new(",
            "unavailable(\"",
        ];
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut files = Vec::new();
        places
            .iter()
            .for_each(|place| sources(&crates.join(place), &mut files));
        let mut codes = BTreeSet::new();
        for file in files {
            let text = fs::read_to_string(file).unwrap();
            let lines = text.lines();
            for line in lines.filter(|line| MARKS.iter().any(|mark| line.contains(mark))) {
                let quoted = line.split('"').skip(1).step_by(2);
                codes.extend(quoted.filter(|text| is_code(text)).map(str::to_owned));
            }
        }
        codes
    }

    #[test]
    fn whatever_a_server_of_ours_refuses_with_it_may_say() {
        let shared = "http/src";
        for (peer, place, least) in [
            (Peer::Node, "node/src/http", 5),
            (Peer::Edge, "gateway/src/edge", 30),
        ] {
            let codes = refusals(&[shared, place]);
            assert!(codes.len() > least, "{codes:?}");
            let missing: Vec<_> = codes.iter().filter(|code| !peer.may_say(code)).collect();
            assert!(missing.is_empty(), "{peer:?}: {missing:?}");
        }
    }
}

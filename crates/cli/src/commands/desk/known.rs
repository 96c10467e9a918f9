//! Which front desks this person uses, so that `desk confirm CODE` needs no `--config`: the
//! configurations' paths, newest first, one a line, in `desks` of the data folder. No code and no
//! token is kept.

use crate::commands::folder::vault::Place;
use std::path::{Path, PathBuf};

const FILE: &str = "desks";
/// More than a machine has hospitals.
const MOST: usize = 16;

/// The configurations that were used here, newest first.
pub(super) fn all(place: &Place) -> Vec<PathBuf> {
    let text = place.beside(FILE).and_then(std::fs::read_to_string);
    let text = text.unwrap_or_default();
    text.lines().take(MOST).map(PathBuf::from).collect()
}

/// Notes that this one was used; says whether it could.
pub(super) fn note(place: &Place, config: &Path) -> bool {
    let Ok(config) = std::path::absolute(config) else {
        return false;
    };
    let before = all(place).into_iter().filter(|known| *known != config);
    let paths: Vec<PathBuf> = [config.clone()].into_iter().chain(before).collect();
    let lines = paths.iter().take(MOST).filter_map(|path| path.to_str());
    let lines: String = lines.map(|path| format!("{path}\n")).collect();
    let written = place.beside(FILE).and_then(|file| {
        // Two desks that write at once leave one list or the other, none of both.
        let part = file.with_extension(std::process::id().to_string());
        std::fs::write(&part, lines)?;
        std::fs::rename(part, file)
    });
    written.is_ok() && config.to_str().is_some()
}

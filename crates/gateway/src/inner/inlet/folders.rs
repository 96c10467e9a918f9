//! What lies in the watched folder and below it.
//!
//! A hospital's systems often leave a folder for each visit behind. One that is empty is not listed
//! again until it changes, so that a look costs what is new.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// Levels of folders below the watched one.
pub(super) const DEPTH: usize = 16;
/// An empty folder is listed once more this long after its last change, then left alone: by then
/// no coarse clock hides a change.
const QUIET: Duration = Duration::from_secs(2);

/// Files with size and time of change, in no order.
pub(super) type Found = Vec<(PathBuf, (u64, Option<SystemTime>))>;

/// The empty folders of the last look.
#[derive(Default)]
pub(super) struct Folders {
    known: HashMap<PathBuf, Empty>,
    met: HashMap<PathBuf, Empty>,
}

#[derive(Clone, Copy)]
struct Empty {
    modified: SystemTime,
    since: Instant,
    quiet: bool,
}

impl Folders {
    /// Every file below `root` that is not being written.
    pub(super) fn files(&mut self, root: &Path) -> std::io::Result<Found> {
        let mut found = Found::new();
        self.met = HashMap::with_capacity(self.known.len());
        self.walk(root, DEPTH, &mut found)?;
        self.known = std::mem::take(&mut self.met);
        Ok(found)
    }

    fn walk(&mut self, folder: &Path, depth: usize, found: &mut Found) -> std::io::Result<bool> {
        let mut empty = true;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            empty = false;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with('.') || name.ends_with(".tmp") || name.ends_with(".part") {
                continue;
            }
            // Gone again, or a symbolic link: left alone.
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_dir() && depth > 0 {
                self.enter(entry.path(), &meta, depth - 1, found)?;
            } else if meta.is_file() {
                found.push((entry.path(), (meta.len(), meta.modified().ok())));
            }
        }
        Ok(empty)
    }

    fn enter(
        &mut self,
        folder: PathBuf,
        meta: &fs::Metadata,
        depth: usize,
        found: &mut Found,
    ) -> std::io::Result<()> {
        let modified = meta.modified()?;
        let before = self.known.get(&folder).copied();
        let before = before.filter(|empty| empty.modified == modified);
        let since = before.map_or_else(Instant::now, |empty| empty.since);
        let quiet = since.elapsed() >= QUIET;
        let known = before.filter(|empty| empty.quiet || !quiet);
        let empty = known.unwrap_or(Empty {
            modified,
            since,
            quiet,
        });
        if known.is_some() || self.walk(&folder, depth, found)? {
            self.met.insert(folder, empty);
        }
        Ok(())
    }
}

//! What lies in the watched folder and below it.
//!
//! A hospital's systems often leave a folder for each visit behind. One that is empty is not listed
//! again until it changes, so that a look costs what is new.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::inner::folder::{Entry, Folder, Stamp};

/// Levels of folders below the watched one.
pub(super) const DEPTH: usize = 16;
/// An empty folder is listed once more this long after its last change, then left alone: by then
/// no coarse clock hides a change.
const QUIET: Duration = Duration::from_secs(2);

/// Files with their path below the watched folder, in no order.
pub(super) type Found = Vec<(PathBuf, Stamp)>;

/// The empty folders of the last look.
#[derive(Default)]
pub(super) struct Folders {
    known: HashMap<PathBuf, Empty>,
    met: HashMap<PathBuf, Empty>,
}

#[derive(Clone, Copy)]
struct Empty {
    stamp: Stamp,
    since: Instant,
    quiet: bool,
}

impl Folders {
    /// Every file below `root` that is not being written.
    pub(super) fn files(&mut self, root: &Folder) -> std::io::Result<Found> {
        let mut found = Found::new();
        self.met = HashMap::with_capacity(self.known.len());
        self.walk(root, Path::new(""), DEPTH, &mut found)?;
        self.known = std::mem::take(&mut self.met);
        Ok(found)
    }

    fn walk(
        &mut self,
        folder: &Folder,
        path: &Path,
        depth: usize,
        found: &mut Found,
    ) -> std::io::Result<bool> {
        let names = folder.names()?;
        for name in &names {
            let text = name.to_string_lossy();
            if text.starts_with('.') || text.ends_with(".tmp") || text.ends_with(".part") {
                continue;
            }
            let path = path.join(name);
            match folder.entry(name) {
                Some(Entry::Folder(stamp)) if depth > 0 => {
                    self.enter(folder, path, stamp, depth - 1, found)?;
                }
                Some(Entry::File(stamp)) => found.push((path, stamp)),
                _ => {}
            }
        }
        Ok(names.is_empty())
    }

    /// A folder in `folder`; one that is gone again, or something else by now, is left alone.
    fn enter(
        &mut self,
        folder: &Folder,
        path: PathBuf,
        stamp: Stamp,
        depth: usize,
        found: &mut Found,
    ) -> std::io::Result<()> {
        let before = self.known.get(&path).copied();
        let before = before.filter(|empty| empty.stamp == stamp);
        let since = before.map_or_else(Instant::now, |empty| empty.since);
        let quiet = since.elapsed() >= QUIET;
        let known = before.filter(|empty| empty.quiet || !quiet);
        let empty = known.unwrap_or(Empty {
            stamp,
            since,
            quiet,
        });
        if known.is_some() {
            self.met.insert(path, empty);
        } else if let Ok(below) = folder.below(path.file_name().unwrap_or_default())
            && self.walk(&below, &path, depth, found)?
        {
            self.met.insert(path, empty);
        }
        Ok(())
    }
}

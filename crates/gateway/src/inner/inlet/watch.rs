//! The watched folder: hospital systems put files in, the inner zone takes them out.
//!
//! A file is taken when its size and time have not changed for a moment, in the order of its path,
//! several files with one database step. Then it is overwritten and removed, the files that it
//! names before it: a crash in between leaves a bundle that is recognised. What is refused is kept
//! encrypted, with its name and code. Names that begin with a dot or end with `.tmp` or `.part`
//! are still being written.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use medfolder_crypto::Wiped;
use medfolder_fhir::json::Limits;

use super::attach::{Beside, Copied};
use super::folders::{DEPTH, Folders, Found};
use super::{InletError, Prepared, copies, prepare, save};
use crate::inner::carried::Delivered;
use crate::inner::folder::{Folder, Stamp};
use crate::inner::store::Store;
use crate::inner::zone::{Zone, sql_time};
use crate::inner::{InnerError, cleanup, vault_file};
use crate::parallel::{in_parallel, joined};

/// Most files of one step, and most bytes of them.
const GROUP: usize = 256;
const GROUP_BYTES: u64 = 32 << 20;
/// A file that no bundle names is rejected after this long.
const ORPHAN: Duration = Duration::from_secs(10 * 60);

/// Code of a file that no bundle names.
const NOT_NAMED: &str = "inlet.not_named";

/// What is known of the folder from look to look.
pub(crate) struct Watch {
    root: PathBuf,
    seen: HashMap<PathBuf, Seen>,
    /// Files that a bundle named and that were stored, removed with the last bundle beside them.
    copied: BTreeMap<PathBuf, Stamp>,
    folders: Folders,
}

#[derive(Clone, Copy)]
struct Seen {
    stamp: Stamp,
    since: Instant,
}

enum Fate {
    /// It is stored, now or before; and the files that it names.
    Taken(Vec<Copied>),
    Refused(&'static str),
    /// It stays and is looked at again; with a failure of the zone's own.
    Later(Option<InnerError>),
}

impl Watch {
    pub(crate) fn new(root: &Path) -> Result<Self, InnerError> {
        std::fs::create_dir_all(root)?;
        Folder::open(root)?.finish_removals(DEPTH)?;
        Ok(Self {
            root: root.to_owned(),
            seen: HashMap::new(),
            copied: BTreeMap::new(),
            folders: Folders::default(),
        })
    }

    /// One look; returns how many files were dealt with.
    pub(crate) fn look(&mut self, zone: &Zone) -> Result<usize, InnerError> {
        let root = &Folder::open(&self.root)?;
        let found = self.folders.files(root)?;
        self.remember(found);
        let settle = Duration::from_millis(zone.config.tuning.settle);
        let mut bundles: Vec<(PathBuf, Seen)> = self
            .seen
            .iter()
            .filter(|(path, seen)| is_bundle(path) && seen.since.elapsed() >= settle)
            .map(|(path, seen)| (path.clone(), *seen))
            .collect();
        bundles.sort_unstable_by(|(a, _), (b, _)| a.as_os_str().cmp(b.as_os_str()));
        Ok(self.take_all(zone, root, &bundles)? + self.reject_orphans(zone, root)?)
    }

    /// Takes bundles in groups: while one is read, the one before it is saved and the one before
    /// that removed.
    fn take_all(
        &mut self,
        zone: &Zone,
        root: &Folder,
        bundles: &[(PathBuf, Seen)],
    ) -> Result<usize, InnerError> {
        let (mut rest, mut dealt) = (bundles, 0);
        std::thread::scope(|scope| {
            let (mut saving, mut removing) = (None, None);
            while !rest.is_empty() || saving.is_some() {
                let (group, later) = rest.split_at(group_len(rest));
                let read = in_parallel(group, |(path, seen)| prepare_file(zone, root, path, seen));
                if let Some((group, fates)) = saving.take() {
                    let gone = self.deal(zone, root, group, joined(fates));
                    dealt += gone.bundles.len();
                    removing.take().map_or(Ok(()), joined)?;
                    removing = Some(scope.spawn(move || gone.remove(root)));
                }
                if !group.is_empty() {
                    saving = Some((group, scope.spawn(move || save_files(zone, read))));
                }
                rest = later;
            }
            removing.map_or(Ok(()), joined)
        })?;
        Ok(dealt)
    }

    fn remember(&mut self, found: Found) {
        let now = Instant::now();
        let old = std::mem::take(&mut self.seen);
        self.seen = found
            .into_iter()
            .map(|(path, stamp)| {
                let same = old.get(&path).filter(|seen| seen.stamp == stamp);
                let since = same.map_or(now, |seen| seen.since);
                (path, Seen { stamp, since })
            })
            .collect();
    }

    /// Notes what became of a group; returns what is to be removed.
    fn deal(
        &mut self,
        zone: &Zone,
        root: &Folder,
        group: &[(PathBuf, Seen)],
        fates: Vec<Fate>,
    ) -> Gone {
        let (mut bundles, mut failed) = (Vec::new(), None);
        for ((path, seen), fate) in group.iter().zip(fates) {
            match fate {
                Fate::Later(error) => {
                    failed = error.or(failed);
                    continue;
                }
                Fate::Taken(sources) => {
                    let known = sources.into_iter().map(|one| (one.path, one.stamp));
                    self.copied.extend(known);
                }
                Fate::Refused(code) => {
                    if let Err(error) = keep_rejected(zone, root, path, code) {
                        failed = Some(error);
                        continue;
                    }
                }
            }
            self.seen.remove(path);
            bundles.push((path.clone(), seen.stamp));
        }
        let copied = self.no_more_needed(&bundles);
        for (path, _) in &copied {
            self.copied.remove(path);
            self.seen.remove(path);
        }
        Gone {
            copied,
            bundles,
            failed,
        }
    }

    /// Files that were copied for these bundles and that no other bundle beside them needs.
    fn no_more_needed(&self, bundles: &[(PathBuf, Stamp)]) -> Vec<(PathBuf, Stamp)> {
        if self.copied.is_empty() {
            return Vec::new();
        }
        let folders: BTreeSet<&Path> = bundles
            .iter()
            .filter_map(|(path, _)| path.parent())
            .collect();
        let waiting: BTreeSet<&Path> = self
            .seen
            .keys()
            .filter(|path| is_bundle(path))
            .filter_map(|path| path.parent())
            .collect();
        let needless = |path: &Path| {
            path.ancestors()
                .any(|above| folders.contains(above) && !waiting.contains(above))
        };
        let copied = self.copied.iter().filter(|(path, _)| needless(path));
        copied.map(|(path, stamp)| (path.clone(), *stamp)).collect()
    }

    fn reject_orphans(&mut self, zone: &Zone, root: &Folder) -> Result<usize, InnerError> {
        let bundle_folders: BTreeSet<PathBuf> = self
            .seen
            .keys()
            .filter(|path| is_bundle(path))
            .filter_map(|path| path.parent().map(Path::to_owned))
            .collect();
        let orphan = |path: &Path, seen: &Seen| {
            !is_bundle(path)
                && seen.since.elapsed() >= ORPHAN
                && !path
                    .ancestors()
                    .any(|folder| bundle_folders.contains(folder))
        };
        let orphans: Vec<(PathBuf, Stamp)> = self
            .seen
            .iter()
            .filter(|(path, seen)| orphan(path, seen))
            .map(|(path, seen)| (path.clone(), seen.stamp))
            .collect();
        for (path, stamp) in &orphans {
            keep_rejected(zone, root, path, NOT_NAMED)?;
            root.remove(path, stamp)?;
            self.seen.remove(path);
        }
        Ok(orphans.len())
    }
}

fn group_len(files: &[(PathBuf, Seen)]) -> usize {
    let mut bytes = 0_u64;
    let fits = files.iter().take(GROUP).take_while(|(_, seen)| {
        let first = bytes == 0;
        bytes = bytes.saturating_add(seen.stamp.size());
        first || bytes <= GROUP_BYTES
    });
    fits.count().max(1).min(files.len())
}

fn is_bundle(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("json"))
}

/// Delivered files that are safe elsewhere.
struct Gone {
    copied: Vec<(PathBuf, Stamp)>,
    bundles: Vec<(PathBuf, Stamp)>,
    /// Why others are not.
    failed: Option<InnerError>,
}

impl Gone {
    /// The files that bundles name go first: a crash leaves a bundle, which is recognised.
    fn remove(self, root: &Folder) -> Result<(), InnerError> {
        root.remove_all(&self.copied)?;
        root.remove_all(&self.bundles)?;
        self.failed.map_or(Ok(()), Err)
    }
}

/// Saves files with one step.
fn save_files(zone: &Zone, prepared: Vec<Result<Prepared, Fate>>) -> Vec<Fate> {
    let mut fates = Vec::with_capacity(prepared.len());
    let mut to_save: Vec<(usize, Prepared)> = Vec::new();
    for (index, one) in prepared.into_iter().enumerate() {
        fates.push(match one {
            Ok(prepared) => {
                let sources = prepared.sources().to_vec();
                to_save.push((index, prepared));
                Fate::Taken(sources)
            }
            Err(fate) => fate,
        });
    }
    if to_save.is_empty() {
        return fates;
    }
    match save_group(zone, &zone.store, &to_save) {
        Ok(()) => zone.wake.rouse(),
        Err(error) => {
            let mut error = Some(error);
            for (index, prepared) in &to_save {
                prepared.forget_files(zone, &prepared.files());
                if let Some(fate) = fates.get_mut(*index) {
                    *fate = Fate::Later(error.take());
                }
            }
        }
    }
    fates
}

fn save_group(zone: &Zone, store: &Store, group: &[(usize, Prepared)]) -> Result<(), InnerError> {
    let now = zone.now();
    let unused = store.write(|db| {
        let mut unused = Vec::new();
        for (_, prepared) in group {
            unused.extend(save::save(zone, db, prepared, now)?.1);
        }
        Ok::<_, InnerError>(unused)
    })?;
    cleanup::shred_files(zone, &unused);
    Ok(())
}

fn prepare_file(zone: &Zone, root: &Folder, path: &Path, seen: &Seen) -> Result<Prepared, Fate> {
    if seen.stamp.size() > Limits::default().bytes as u64 {
        return Err(Fate::Refused("fhir.too_large"));
    }
    // Gone again, or written since it was looked at.
    let Ok(Some(bytes)) = read(root, path, &seen.stamp) else {
        return Err(Fate::Later(None));
    };
    let result = match save::known(zone, &bytes) {
        // Stored before: sent twice, or a crash came before it was removed.
        Ok(Some(_)) => return Err(Fate::Taken(copies(&bytes, beside(root, path)))),
        Ok(None) => prepare_with_signature(zone, root, path, &bytes),
        Err(error) => Err(error.into()),
    };
    let patience = Duration::from_millis(zone.config.tuning.attachment_wait);
    result.map_err(|error| match error {
        InletError::AttachmentMissing if seen.since.elapsed() < patience => Fate::Later(None),
        InletError::Inner(error) => Fate::Later(Some(error)),
        refused => Fate::Refused(refused.code()),
    })
}

/// Reads the file that was seen under this path; `None` when it is another one by now.
fn read(root: &Folder, path: &Path, stamp: &Stamp) -> std::io::Result<Option<Wiped>> {
    let mut file = root.file(path)?;
    let length = usize::try_from(stamp.size()).unwrap_or_default();
    let mut bytes = Wiped::new(Vec::with_capacity(length.saturating_add(1)));
    file.by_ref().take(stamp.size()).read_to_end(&mut bytes)?;
    Ok((Stamp::of_file(&file)? == *stamp).then_some(bytes))
}

/// Where the files lie that a bundle names.
fn beside<'a>(root: &'a Folder, path: &'a Path) -> Option<Beside<'a>> {
    let folder = path.parent()?;
    Some(Beside { root, folder })
}

fn prepare_with_signature(
    zone: &Zone,
    root: &Folder,
    path: &Path,
    bytes: &[u8],
) -> Result<Prepared, InletError> {
    let beside = beside(root, path);
    let Some((carried, files)) = Delivered::beside(root, path)? else {
        return prepare(zone, bytes, beside, None);
    };
    let mut prepared = prepare(zone, bytes, beside, Some(&carried))?;
    files.into_iter().for_each(|file| prepared.add_source(file));
    Ok(prepared)
}

/// Keeps an encrypted copy of a refused file with its name and code.
fn keep_rejected(zone: &Zone, root: &Folder, path: &Path, code: &str) -> Result<(), InnerError> {
    let name = path.to_string_lossy();
    tracing::warn!(code, "a delivered file is refused");
    let file = root.file(path)?;
    let stored = vault_file::store(&zone.key, zone.suite(), &zone.files, file, |_| ())?;
    let index = zone
        .key
        .index("rejected", &[name.as_bytes(), &stored.digest.0]);
    zone.store.write(|db| {
        db.execute(
            "INSERT OR REPLACE INTO rejected (input_ix, name, code, file, at)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            (
                &index.0,
                zone.key.seal("file name", name.as_bytes()),
                code,
                &stored.name,
                sql_time(zone.now()),
            ),
        )
    })?;
    Ok(())
}

//! The watched folder: hospital systems put files in, the inner zone takes them out.
//!
//! A file is taken when its size and time have not changed for a moment, in the order of its path,
//! several files with one database step. Then it is overwritten and removed, the files that it
//! names before it: a crash in between leaves a bundle that is recognised. What is refused is kept
//! encrypted, with its name and code. Names that begin with a dot or end with `.tmp` or `.part`
//! are still being written.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use medfolder_crypto::Suite;
use medfolder_fhir::json::Limits;

use super::folders::{DEPTH, Folders, Found};
use super::{InletError, Prepared, copies, prepare, save};
use crate::inner::carried::Delivered;
use crate::inner::store::Store;
use crate::inner::zone::{Zone, sql_time};
use crate::inner::{InnerError, cleanup, in_parallel, in_threads, vault_file};

/// Most files of one step, and most bytes of them.
const GROUP: usize = 256;
const GROUP_BYTES: u64 = 32 << 20;
/// Files that are overwritten at the same time.
const REMOVERS: usize = 8;
/// A file that no bundle names is rejected after this long.
const ORPHAN: Duration = Duration::from_secs(10 * 60);

/// Names of files that are being overwritten.
const GOING: &str = ".medfolder-going-";
/// Code of a file that no bundle names.
const NOT_NAMED: &str = "inlet.not_named";

/// What is known of the folder from look to look.
pub(crate) struct Watch {
    root: PathBuf,
    seen: HashMap<PathBuf, Seen>,
    /// Files that a bundle named and that were stored, removed with the last bundle beside them.
    copied: BTreeSet<PathBuf>,
    folders: Folders,
}

#[derive(Clone, Copy)]
struct Seen {
    size: u64,
    modified: Option<SystemTime>,
    since: Instant,
}

enum Fate {
    /// It is stored, now or before; and the files that it names.
    Taken(Vec<PathBuf>),
    Refused(&'static str),
    /// It stays and is looked at again; with a failure of the zone's own.
    Later(Option<InnerError>),
}

impl Watch {
    pub(crate) fn new(root: &Path) -> Result<Self, InnerError> {
        fs::create_dir_all(root)?;
        finish_removals(root, DEPTH)?;
        Ok(Self {
            root: root.to_owned(),
            seen: HashMap::new(),
            copied: BTreeSet::new(),
            folders: Folders::default(),
        })
    }

    /// One look; returns how many files were dealt with.
    pub(crate) fn look(&mut self, zone: &Zone) -> Result<usize, InnerError> {
        let found = self.folders.files(&self.root)?;
        self.remember(found);
        let settle = Duration::from_millis(zone.config.tuning.settle);
        let mut bundles: Vec<(PathBuf, Seen)> = self
            .seen
            .iter()
            .filter(|(path, seen)| is_bundle(path) && seen.since.elapsed() >= settle)
            .map(|(path, seen)| (path.clone(), *seen))
            .collect();
        bundles.sort_unstable_by(|(a, _), (b, _)| a.as_os_str().cmp(b.as_os_str()));
        Ok(self.take_all(zone, &bundles)? + self.reject_orphans(zone)?)
    }

    /// Takes bundles in groups: while one is read, the one before it is saved and the one before
    /// that removed.
    fn take_all(&mut self, zone: &Zone, bundles: &[(PathBuf, Seen)]) -> Result<usize, InnerError> {
        let (mut rest, mut dealt) = (bundles, 0);
        std::thread::scope(|scope| {
            let (mut saving, mut removing) = (None, None);
            while !rest.is_empty() || saving.is_some() {
                let (group, later) = rest.split_at(group_len(rest));
                let read = in_parallel(group, |(path, seen)| prepare_file(zone, path, seen));
                if let Some((group, fates)) = saving.take() {
                    let gone = self.deal(zone, group, joined(fates));
                    dealt += gone.bundles.len();
                    removing.take().map_or(Ok(()), joined)?;
                    removing = Some(scope.spawn(move || gone.remove()));
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
            .map(|(path, (size, modified))| {
                let same = old
                    .get(&path)
                    .filter(|seen| seen.size == size && seen.modified == modified);
                let since = same.map_or(now, |seen| seen.since);
                (
                    path,
                    Seen {
                        size,
                        modified,
                        since,
                    },
                )
            })
            .collect();
    }

    /// Notes what became of a group; returns what is to be removed.
    fn deal(&mut self, zone: &Zone, group: &[(PathBuf, Seen)], fates: Vec<Fate>) -> Gone {
        let (mut bundles, mut failed) = (Vec::new(), None);
        for ((path, _), fate) in group.iter().zip(fates) {
            match fate {
                Fate::Later(error) => {
                    failed = error.or(failed);
                    continue;
                }
                Fate::Taken(sources) => self.copied.extend(sources),
                Fate::Refused(code) => {
                    if let Err(error) = keep_rejected(zone, &self.root, path, code) {
                        failed = Some(error);
                        continue;
                    }
                }
            }
            self.seen.remove(path);
            bundles.push(path.clone());
        }
        let copied = self.no_more_needed(&bundles);
        for path in &copied {
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
    fn no_more_needed(&self, bundles: &[PathBuf]) -> Vec<PathBuf> {
        if self.copied.is_empty() {
            return Vec::new();
        }
        let folders: BTreeSet<&Path> = bundles.iter().filter_map(|path| path.parent()).collect();
        let waiting: BTreeSet<&Path> = self
            .seen
            .keys()
            .filter(|path| is_bundle(path))
            .filter_map(|path| path.parent())
            .collect();
        let needless = |path: &&PathBuf| {
            path.ancestors()
                .any(|above| folders.contains(above) && !waiting.contains(above))
        };
        self.copied.iter().filter(needless).cloned().collect()
    }

    fn reject_orphans(&mut self, zone: &Zone) -> Result<usize, InnerError> {
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
        let orphans: Vec<PathBuf> = self
            .seen
            .iter()
            .filter(|(path, seen)| orphan(path, seen))
            .map(|(path, _)| path.clone())
            .collect();
        for path in &orphans {
            keep_rejected(zone, &self.root, path, NOT_NAMED)?;
            remove_plaintext(path)?;
            self.seen.remove(path);
        }
        Ok(orphans.len())
    }
}

fn group_len(files: &[(PathBuf, Seen)]) -> usize {
    let mut bytes = 0_u64;
    let fits = files.iter().take(GROUP).take_while(|(_, seen)| {
        let first = bytes == 0;
        bytes = bytes.saturating_add(seen.size);
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
    copied: Vec<PathBuf>,
    bundles: Vec<PathBuf>,
    /// Why others are not.
    failed: Option<InnerError>,
}

impl Gone {
    /// The files that bundles name go first: a crash leaves a bundle, which is recognised.
    fn remove(self) -> Result<(), InnerError> {
        let remove = |paths: &[PathBuf]| {
            let removed = in_threads(REMOVERS, paths, |path| remove_plaintext(path));
            removed.into_iter().collect::<Result<(), InnerError>>()
        };
        remove(&self.copied)?;
        remove(&self.bundles)?;
        self.failed.map_or(Ok(()), Err)
    }
}

fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    match thread.join() {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic),
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

fn prepare_file(zone: &Zone, path: &Path, seen: &Seen) -> Result<Prepared, Fate> {
    if seen.size > Limits::default().bytes as u64 {
        return Err(Fate::Refused("fhir.too_large"));
    }
    let Ok(bytes) = fs::read(path).map(zeroize::Zeroizing::new) else {
        return Err(Fate::Later(None));
    };
    let result = match save::known(zone, &bytes) {
        // Stored before: sent twice, or a crash came before it was removed.
        Ok(Some(_)) => {
            let mut files = copies(&bytes, path.parent());
            let beside = Delivered::beside(path).ok().flatten();
            files.extend(beside.into_iter().flat_map(|(_, files)| files));
            return Err(Fate::Taken(files));
        }
        Ok(None) => prepare_with_signature(zone, path, &bytes),
        Err(error) => Err(error.into()),
    };
    let patience = Duration::from_millis(zone.config.tuning.attachment_wait);
    result.map_err(|error| match error {
        InletError::AttachmentMissing if seen.since.elapsed() < patience => Fate::Later(None),
        InletError::Inner(error) => Fate::Later(Some(error)),
        refused => Fate::Refused(refused.code()),
    })
}

fn prepare_with_signature(zone: &Zone, path: &Path, bytes: &[u8]) -> Result<Prepared, InletError> {
    let Some((carried, files)) = Delivered::beside(path)? else {
        return prepare(zone, bytes, path.parent(), None);
    };
    let mut prepared = prepare(zone, bytes, path.parent(), Some(&carried))?;
    files.into_iter().for_each(|file| prepared.add_source(file));
    Ok(prepared)
}

/// Keeps an encrypted copy of a refused file with its name and code.
fn keep_rejected(zone: &Zone, root: &Path, path: &Path, code: &str) -> Result<(), InnerError> {
    let name = path
        .strip_prefix(root)
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned();
    tracing::warn!(code, "a delivered file is refused");
    let file = fs::File::open(path)?;
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

/// Overwrites and removes a delivered file. It gets a hidden name first, so that a half
/// overwritten one is never taken for a delivery. One that has another name elsewhere is only
/// removed here: its content is not ours to destroy.
fn remove_plaintext(path: &Path) -> Result<(), InnerError> {
    if fs::symlink_metadata(path).is_err() {
        return Ok(());
    }
    let Some(name) = path.file_name() else {
        return Ok(());
    };
    let digest = Suite::International.hash(&[name.as_encoded_bytes()]);
    let hidden = path.with_file_name(format!("{GOING}{digest}"));
    fs::rename(path, &hidden)?;
    Ok(vault_file::shred(&hidden)?)
}

/// Finishes removals that a crash cut off.
fn finish_removals(folder: &Path, depth: usize) -> Result<(), InnerError> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(meta) = entry.metadata() else { continue };
        let going = entry.file_name().to_string_lossy().starts_with(GOING);
        if meta.is_dir() && depth > 0 {
            finish_removals(&entry.path(), depth - 1)?;
        } else if meta.is_file() && going {
            vault_file::shred(&entry.path())?;
        }
    }
    Ok(())
}

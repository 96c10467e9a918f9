//! Folders that others write to, held open: a file is reached from the folder's handle, name by name,
//! and no symbolic link on the way is followed.
//!
//! Whoever may write to the watched folder can put a link, or another file, in the place of one that
//! was read. What is done to a file is therefore done in the folder that was opened, and only when the
//! file is still the one that was seen ([`Stamp`]).

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Error, ErrorKind, Result, Seek as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use medfolder_crypto::Suite;
use rustix::fs::{self, AtFlags, Dir, FileType, Mode, OFlags, Stat};

use crate::parallel::in_threads;

/// Names of files that are being overwritten.
const GOING: &str = ".medfolder-going-";

/// Files that are overwritten before the disk is waited for.
const GROUP: usize = 256;
/// Removing a file waits for the disk each time; so many wait together.
const REMOVERS: usize = 4;
/// Fewer than this many files are waited for one by one.
const FEW: usize = 8;

/// A folder that is open.
#[derive(Debug)]
pub(crate) struct Folder(OwnedFd);

/// An overwritten file under its hidden name.
struct Hidden {
    folder: Folder,
    name: OsString,
}

impl Hidden {
    fn unlink(&self) -> Result<()> {
        Ok(fs::unlinkat(&self.folder.0, &self.name, AtFlags::empty())?)
    }
}

/// Which file it is, and whether it was written since: device, number, size, nanoseconds of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: i128,
    number: i128,
    size: i128,
    changed: i128,
}

/// What a name in a folder stands for; a link, and what is neither, is left alone.
pub(crate) enum Entry {
    File(Stamp),
    Folder(Stamp),
}

impl Stamp {
    fn of(stat: &Stat) -> Self {
        let seconds = i128::from(stat.st_mtime).saturating_mul(1_000_000_000);
        Self {
            device: i128::from(stat.st_dev),
            number: i128::from(stat.st_ino),
            size: i128::from(stat.st_size),
            changed: seconds.saturating_add(i128::from(stat.st_mtime_nsec)),
        }
    }

    /// Of an open file.
    pub(crate) fn of_file(file: &File) -> Result<Self> {
        Ok(Self::of(&fs::fstat(file)?))
    }

    /// Bytes.
    pub(crate) fn size(&self) -> u64 {
        u64::try_from(self.size).unwrap_or_default()
    }
}

impl Folder {
    /// Opens the folder of this path, which the operator set.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(fs::open(path, flags, Mode::empty())?))
    }

    /// Names of everything in it.
    pub(crate) fn names(&self) -> Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name != "." && name != ".." {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// What stands under a name; `None` for a link, for what is neither file nor folder, and when it
    /// is gone.
    pub(crate) fn entry(&self, name: &OsStr) -> Option<Entry> {
        let stat = fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Some(Entry::File(Stamp::of(&stat))),
            FileType::Directory => Some(Entry::Folder(Stamp::of(&stat))),
            _ => None,
        }
    }

    /// The folder of this name in it.
    pub(crate) fn below(&self, name: &OsStr) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Self(fs::openat(&self.0, name, flags, Mode::empty())?))
    }

    /// Opens the file of this path below it.
    ///
    /// # Errors
    /// `InvalidInput` for what is no regular file and for a path through links or out of the folder.
    pub(crate) fn file(&self, path: &Path) -> Result<File> {
        let (folder, name) = self.place(path)?;
        folder.regular(name, OFlags::RDONLY)
    }

    fn regular(&self, name: &OsStr, access: OFlags) -> Result<File> {
        // One that is no regular file is not waited for.
        let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(fs::openat(&self.0, name, flags, Mode::empty()).map_err(link)?);
        match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(ErrorKind::InvalidInput.into()),
        }
    }

    /// The folder that holds a path, and the name there.
    fn place<'a>(&self, path: &'a Path) -> Result<(Self, &'a OsStr)> {
        let mut folder = Self(self.0.try_clone()?);
        let mut parts = path.components();
        let Some(Component::Normal(name)) = parts.next_back() else {
            return Err(ErrorKind::InvalidInput.into());
        };
        for part in parts {
            let Component::Normal(part) = part else {
                return Err(ErrorKind::InvalidInput.into());
            };
            folder = folder.below(part).map_err(|error| match error.kind() {
                ErrorKind::NotADirectory => ErrorKind::InvalidInput.into(),
                _ => error,
            })?;
        }
        Ok((folder, name))
    }

    /// Overwrites and removes a file below it, unless another one stands there by now.
    pub(crate) fn remove(&self, path: &Path, stamp: &Stamp) -> Result<()> {
        let hidden = self.overwrite(path, stamp, File::sync_data)?;
        hidden.map_or(Ok(()), |hidden| hidden.unlink())
    }

    /// Does so with many files, and waits for the disk once for all of a group. What can be removed
    /// is; the last error tells of what cannot.
    pub(crate) fn remove_all(&self, files: &[(PathBuf, Stamp)]) -> Result<()> {
        let device = Stamp::of(&fs::fstat(&self.0)?).device;
        let mut done = Ok(());
        for group in files.chunks(GROUP) {
            let alone = |stamp: &Stamp| group.len() < FEW || stamp.device != device;
            let mut hidden = Vec::with_capacity(group.len());
            for (path, stamp) in group {
                let sync = |file: &File| match alone(stamp) {
                    true => file.sync_data(),
                    false => Ok(()),
                };
                match self.overwrite(path, stamp, sync) {
                    Ok(one) => hidden.extend(one),
                    Err(error) => done = Err(error),
                }
            }
            if group.len() >= FEW {
                fs::syncfs(&self.0)?;
            }
            for gone in in_threads(REMOVERS, &hidden, Hidden::unlink) {
                done = gone.and(done);
            }
        }
        done
    }

    /// Overwrites a file below it. It gets a hidden name first, so that a half overwritten one is
    /// never taken for a delivery. One that has another name elsewhere keeps its content: that is
    /// not ours to destroy.
    fn overwrite(
        &self,
        path: &Path,
        stamp: &Stamp,
        sync: impl Fn(&File) -> Result<()>,
    ) -> Result<Option<Hidden>> {
        let opened = self.place(path).and_then(|(folder, name)| {
            let file = folder.regular(name, OFlags::RDWR)?;
            Ok((folder, name, file))
        });
        let (folder, name, mut file) = match opened {
            Err(error) if is_other(&error) => return Ok(None),
            opened => opened?,
        };
        if Stamp::of_file(&file)? != *stamp {
            return Ok(None);
        }
        let digest = Suite::International.hash(&[name.as_encoded_bytes()]);
        let hidden = OsString::from(format!("{GOING}{digest}"));
        fs::renameat(&folder.0, name, &folder.0, &hidden)?;
        match folder.entry(&hidden) {
            Some(Entry::File(moved)) if moved == *stamp => {
                zero(&mut file)?;
                sync(&file)?;
                Ok(Some(Hidden {
                    folder,
                    name: hidden,
                }))
            }
            // Put there between the look and the move.
            _ => {
                fs::renameat(&folder.0, &hidden, &folder.0, name)?;
                Ok(None)
            }
        }
    }

    /// Finishes removals below it that a crash cut off.
    pub(crate) fn finish_removals(&self, depth: usize) -> Result<()> {
        for name in self.names()? {
            match self.entry(&name) {
                Some(Entry::Folder(_)) if depth > 0 => {
                    self.below(&name)?.finish_removals(depth - 1)?;
                }
                Some(Entry::File(_)) if name.to_string_lossy().starts_with(GOING) => {
                    self.shred(&name)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Overwrites the file of this name with zeros and removes it; one that is gone is no error. A
    /// link is removed, and never followed.
    pub(crate) fn shred(&self, name: &OsStr) -> Result<()> {
        match self.regular(name, OFlags::RDWR) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) if is_other(&error) => {}
            opened => {
                let mut file = opened?;
                zero(&mut file)?;
                file.sync_data()?;
            }
        }
        Ok(fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }
}

/// Overwrites a file that has no other name.
fn zero(file: &mut File) -> Result<()> {
    let stat = fs::fstat(&*file)?;
    if stat.st_nlink > 1 {
        return Ok(());
    }
    file.rewind()?;
    let mut left = Stamp::of(&stat).size();
    let zeros = [0; 8 << 10];
    while left > 0 {
        let now = left.min(zeros.len() as u64);
        file.write_all(zeros.get(..now as usize).unwrap_or(&zeros))?;
        left -= now;
    }
    Ok(())
}

/// A link in a file's place.
fn link(errno: rustix::io::Errno) -> Error {
    match errno {
        rustix::io::Errno::LOOP => ErrorKind::InvalidInput.into(),
        other => other.into(),
    }
}

/// Whether what was looked for is gone, or is something else by now.
fn is_other(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::InvalidInput | ErrorKind::IsADirectory
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    struct Place {
        dir: tempfile::TempDir,
        root: Folder,
    }

    fn place() -> Place {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("watched/visit")).unwrap();
        std::fs::create_dir_all(dir.path().join("elsewhere")).unwrap();
        std::fs::write(dir.path().join("watched/visit/a.json"), b"ours").unwrap();
        std::fs::write(dir.path().join("elsewhere/a.json"), b"theirs").unwrap();
        let root = Folder::open(&dir.path().join("watched")).unwrap();
        Place { dir, root }
    }

    #[test]
    fn a_folder_swapped_for_a_link_leads_nowhere() {
        let Place { dir, root } = place();
        let (path, at) = (Path::new("visit/a.json"), |name: &str| {
            dir.path().join(name)
        });
        let stamp = Stamp::of_file(&root.file(path).unwrap()).unwrap();
        std::fs::rename(at("watched/visit"), at("aside")).unwrap();
        symlink(at("elsewhere"), at("watched/visit")).unwrap();
        let refused = root.file(path).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);
        root.remove(path, &stamp).unwrap();
        assert_eq!(std::fs::read(at("elsewhere/a.json")).unwrap(), b"theirs");
        assert_eq!(std::fs::read(at("aside/a.json")).unwrap(), b"ours");
        // A hard link to the same file behind the link: the very file, and still not reached.
        std::fs::remove_file(at("elsewhere/a.json")).unwrap();
        std::fs::hard_link(at("aside/a.json"), at("elsewhere/a.json")).unwrap();
        root.remove(path, &stamp).unwrap();
        assert_eq!(std::fs::read(at("elsewhere/a.json")).unwrap(), b"ours");
    }

    #[test]
    fn another_file_in_the_place_of_the_one_that_was_read_stays() {
        let Place { dir, root } = place();
        let (path, at) = (Path::new("visit/a.json"), |name: &str| {
            dir.path().join(name)
        });
        let stamp = Stamp::of_file(&root.file(path).unwrap()).unwrap();
        // A newer version, a link, a folder.
        std::fs::rename(at("elsewhere/a.json"), at("watched/visit/a.json")).unwrap();
        root.remove(path, &stamp).unwrap();
        assert_eq!(
            std::fs::read(at("watched/visit/a.json")).unwrap(),
            b"theirs"
        );
        std::fs::rename(at("watched/visit/a.json"), at("elsewhere/b")).unwrap();
        symlink(at("elsewhere/b"), at("watched/visit/a.json")).unwrap();
        root.remove(path, &stamp).unwrap();
        assert_eq!(std::fs::read(at("elsewhere/b")).unwrap(), b"theirs");
        std::fs::remove_file(at("watched/visit/a.json")).unwrap();
        std::fs::create_dir(at("watched/visit/a.json")).unwrap();
        root.remove(path, &stamp).unwrap();
        assert!(at("watched/visit/a.json").is_dir());
    }

    #[test]
    fn the_file_that_was_read_goes_and_a_removal_that_was_cut_off_is_finished() {
        let Place { dir, root } = place();
        let at = |name: &str| dir.path().join(name);
        let path = Path::new("visit/a.json");
        let stamp = Stamp::of_file(&root.file(path).unwrap()).unwrap();
        root.remove(path, &stamp).unwrap();
        assert_eq!(std::fs::read_dir(at("watched/visit")).unwrap().count(), 0);
        let half = format!("watched/visit/{GOING}1");
        std::fs::write(at(&half), b"ours").unwrap();
        root.finish_removals(2).unwrap();
        assert!(!at(&half).exists());
    }

    #[test]
    fn a_link_in_a_files_place_is_removed_and_what_it_names_stays() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("seal.key"), b"key").unwrap();
        symlink(at("seal.key"), at("link")).unwrap();
        std::fs::hard_link(at("seal.key"), at("other")).unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        for name in ["link", "other", "gone"] {
            folder.shred(OsStr::new(name)).unwrap();
            assert!(!at(name).exists());
        }
        assert_eq!(std::fs::read(at("seal.key")).unwrap(), b"key");
        folder.shred(OsStr::new("seal.key")).unwrap();
        assert!(!at("seal.key").exists());
    }
}

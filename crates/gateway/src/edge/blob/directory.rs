//! Blobs as files of one directory.
//!
//! ```text
//! blobs/tmp/<random>          being written
//! blobs/<2 hex>/<64 hex>      whole: written, synced, renamed, the rename synced
//! ```
//!
//! A few blobs are synced one by one, many by waiting twice for the whole disk.
//! A crash leaves at most files in `tmp`, which opening the store removes.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use medfolder_crypto::{Digest, Suite};
use rand_core::Rng as _;

use super::{BlobError, Blobs, OpenBlob, Source};

const BUFFER: usize = 128 * 1024;
/// Fewer than this many blobs are synced one by one.
const FEW: usize = 8;

/// A directory that holds blobs.
#[derive(Debug)]
pub struct Directory {
    root: PathBuf,
    suite: Suite,
}

impl Directory {
    /// Opens, and where needed makes, the store below `root`; unfinished writes are removed.
    ///
    /// # Errors
    /// [`BlobError::Io`].
    pub fn open(root: &Path, suite: Suite) -> Result<Self, BlobError> {
        let unfinished = root.join("tmp");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        fs::create_dir_all(&unfinished)?;
        // All at once, so that no write has to make one durable.
        for shard in 0..=u8::MAX {
            fs::create_dir_all(root.join(format!("{shard:02x}")))?;
        }
        File::open(root)?.sync_all()?;
        Ok(Self {
            root: root.to_owned(),
            suite,
        })
    }

    fn path(&self, name: &Digest) -> PathBuf {
        let hex = name.to_string();
        let shard = hex.get(..2).unwrap_or_default().to_owned();
        self.root.join(shard).join(hex)
    }

    fn fresh_path(&self) -> PathBuf {
        let mut name = [0; 16];
        medfolder_crypto::os_rng().fill_bytes(&mut name);
        self.root.join("tmp").join(hex::encode(name))
    }

    /// Copies a source to `path`; its name and length.
    fn write(
        &self,
        path: &Path,
        (source, limit): &mut Source<'_>,
        sync: bool,
    ) -> Result<(Digest, u64), BlobError> {
        let mut file = File::create_new(path)?;
        let (mut hasher, mut length) = (self.suite.hasher(), 0_u64);
        let mut buffer = vec![0; BUFFER];
        loop {
            let read = source.read(&mut buffer)?;
            let Some(chunk) = buffer.get(..read).filter(|chunk| !chunk.is_empty()) else {
                break;
            };
            length = length.saturating_add(chunk.len() as u64);
            if length > *limit {
                return Err(BlobError::TooLong);
            }
            hasher.update(chunk);
            file.write_all(chunk)?;
        }
        if sync {
            file.sync_all()?;
        }
        Ok((hasher.finish(), length))
    }

    /// Gives a written blob its name.
    fn keep(&self, from: &Path, name: &Digest, sync: bool) -> Result<(), BlobError> {
        let path = self.path(name);
        fs::rename(from, &path)?;
        if sync {
            File::open(path.parent().unwrap_or(&self.root))?.sync_all()?;
        }
        Ok(())
    }

    fn put_at(
        &self,
        paths: &[PathBuf],
        sources: &mut [Source<'_>],
    ) -> Result<Vec<(Digest, u64)>, BlobError> {
        // Opened before anything is written: it reports every failure since.
        let disk = File::open(&self.root)?;
        let few = sources.len() < FEW;
        let written = paths.iter().zip(sources);
        let written = written.map(|(path, source)| self.write(path, source, few));
        let written = written.collect::<Result<Vec<_>, _>>()?;
        if !few {
            rustix::fs::syncfs(&disk).map_err(io::Error::from)?;
        }
        for (path, (name, _)) in paths.iter().zip(&written) {
            self.keep(path, name, few)?;
        }
        if !few {
            rustix::fs::syncfs(&disk).map_err(io::Error::from)?;
        }
        Ok(written)
    }
}

impl Blobs for Directory {
    fn put_all(&self, sources: &mut [Source<'_>]) -> Result<Vec<(Digest, u64)>, BlobError> {
        let paths: Vec<PathBuf> = sources.iter().map(|_| self.fresh_path()).collect();
        let done = self.put_at(&paths, sources);
        if done.is_err() {
            // The write's own error matters; a left-over is removed at the next start.
            paths.iter().for_each(|path| drop(fs::remove_file(path)));
        }
        done
    }

    fn get(&self, name: &Digest) -> Result<Option<OpenBlob>, BlobError> {
        match File::open(self.path(name)) {
            Ok(file) => {
                let length = file.metadata()?.len();
                Ok(Some(OpenBlob {
                    reader: Box::new(file),
                    length,
                }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn delete(&self, name: &Digest) -> Result<(), BlobError> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn list(&self) -> Result<Vec<Digest>, BlobError> {
        let mut names = Vec::new();
        for shard in fs::read_dir(&self.root)? {
            let shard = shard?.path();
            if shard.is_dir() && !shard.ends_with("tmp") {
                for file in fs::read_dir(shard)? {
                    let name = file?.file_name();
                    names.extend(name.to_str().and_then(|name| name.parse::<Digest>().ok()));
                }
            }
        }
        names.sort_unstable();
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(dir: &tempfile::TempDir) -> Directory {
        Directory::open(&dir.path().join("blobs"), Suite::International).unwrap()
    }

    #[test]
    fn a_blob_is_read_back_under_the_digest_of_its_content() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(&dir);
        let (name, length) = store.put(&mut &b"ciphertext"[..], 100).unwrap();
        assert_eq!(name, Suite::International.hash(&[b"ciphertext"]));
        let mut open = store.get(&name).unwrap().unwrap();
        let mut bytes = Vec::new();
        open.reader.read_to_end(&mut bytes).unwrap();
        assert_eq!(
            (length, open.length, bytes.as_slice()),
            (10, 10, &b"ciphertext"[..])
        );
        assert_eq!(store.list().unwrap(), [name]);
        store.delete(&name).unwrap();
        store.delete(&name).unwrap();
        assert!(store.get(&name).unwrap().is_none() && store.list().unwrap().is_empty());
    }

    #[test]
    fn many_blobs_at_once_are_each_read_back_and_one_that_fails_leaves_none_half_written() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(&dir);
        let contents: Vec<Vec<u8>> = (0..FEW as u8 * 2).map(|n| vec![n; 99]).collect();
        let mut readers: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
        let sources = |readers: &mut [&[u8]], last: u64| {
            let count = readers.len();
            let limits = (1..=count).map(|n| if n == count { last } else { 99 });
            let mut all: Vec<Source<'_>> = Vec::new();
            for (reader, limit) in readers.iter_mut().zip(limits) {
                all.push((reader, limit));
            }
            store.put_all(&mut all)
        };
        assert!(matches!(
            sources(&mut readers.clone(), 98),
            Err(BlobError::TooLong)
        ));
        assert!(store.list().unwrap().is_empty());
        let left = fs::read_dir(dir.path().join("blobs/tmp")).unwrap();
        assert_eq!(left.count(), 0);
        let stored = sources(&mut readers, 99).unwrap();
        for ((name, length), content) in stored.iter().zip(&contents) {
            let mut read = Vec::new();
            let mut open = store.get(name).unwrap().unwrap();
            open.reader.read_to_end(&mut read).unwrap();
            assert_eq!((&read, *length), (content, 99));
        }
        assert_eq!(store.list().unwrap().len(), contents.len());
    }

    #[test]
    fn content_above_the_limit_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(&dir);
        assert!(matches!(
            store.put(&mut &[1; 11][..], 10),
            Err(BlobError::TooLong)
        ));
        assert!(store.list().unwrap().is_empty());
        assert_eq!(
            fs::read_dir(dir.path().join("blobs/tmp")).unwrap().count(),
            0
        );
    }

    #[test]
    fn a_write_that_fails_midway_leaves_no_blob_and_can_be_repeated() {
        struct Broken(u8);
        impl Read for Broken {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0 += 1;
                if self.0 > 2 {
                    Err(io::ErrorKind::StorageFull.into())
                } else {
                    Ok(buffer.len())
                }
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let store = store(&dir);
        assert!(matches!(
            store.put(&mut Broken(0), u64::MAX),
            Err(BlobError::Full)
        ));
        assert!(store.list().unwrap().is_empty());
        assert!(store.put(&mut &b"again"[..], 10).is_ok());
    }

    #[test]
    fn what_a_crash_left_half_written_is_gone_after_opening() {
        let dir = tempfile::tempdir().unwrap();
        let left = dir.path().join("blobs/tmp/half");
        fs::create_dir_all(left.parent().unwrap()).unwrap();
        fs::write(&left, b"half").unwrap();
        let store = store(&dir);
        assert!(!left.exists() && store.list().unwrap().is_empty());
    }
}

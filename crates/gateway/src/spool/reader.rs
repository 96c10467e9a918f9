//! Reads messages in order and forgets each when its effect is durable.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use medfolder_crypto::from_cbor;

use super::{
    BAD, BLOBS, BlobRef, Framed, MAX_BAD, MAX_MESSAGE, Message, NEW, SpoolError, VERSION,
    number_of, sync_dir, whole,
};

/// The reading end of one spool; one process at a time.
#[derive(Debug)]
pub struct Reader<M> {
    dir: PathBuf,
    listed: VecDeque<String>,
    messages: PhantomData<fn() -> M>,
}

/// The oldest file of the spool.
#[derive(Debug)]
pub enum Item<M> {
    /// A message of the right form; its content is still hostile.
    Message {
        /// Its file, for [`Reader::done`].
        name: String,
        /// The message.
        message: M,
    },
    /// Not a message: too long, a byte changed, not strict CBOR, no regular file, another kind. It is
    /// returned again until it is [set aside](Reader::set_aside).
    Bad {
        /// The file's name.
        name: String,
    },
}

impl<M: Message> Reader<M> {
    /// Opens the spool below `dir`, making its folders.
    ///
    /// # Errors
    /// [`SpoolError::Io`].
    pub fn open(dir: &Path) -> Result<Self, SpoolError> {
        for part in [NEW, BLOBS, BAD] {
            fs::create_dir_all(dir.join(part))?;
        }
        Ok(Self {
            dir: dir.to_owned(),
            listed: VecDeque::new(),
            messages: PhantomData,
        })
    }

    /// The oldest message, or `None` when there is nothing. It is returned again until it is
    /// [`done`](Self::done), so that nothing overtakes it.
    ///
    /// # Errors
    /// [`SpoolError::Io`].
    #[expect(
        clippy::should_implement_trait,
        reason = "it can fail, and stays until it is done"
    )]
    pub fn next(&mut self) -> Result<Option<Item<M>>, SpoolError> {
        if self.listed.is_empty() {
            self.listed = self.list()?;
        }
        while let Some(name) = self.listed.front().cloned() {
            match self.read(&name) {
                // Somebody took it away since it was listed: its sender finds that nothing came of it.
                Err(SpoolError::Io(error)) if error.kind() == ErrorKind::NotFound => {
                    self.listed.pop_front();
                }
                Ok(Some(message)) => return Ok(Some(Item::Message { name, message })),
                Ok(None) => return Ok(Some(Item::Bad { name })),
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// The message that is `ahead` places behind the oldest; `None` when none was seen there yet or
    /// it is no message.
    ///
    /// # Errors
    /// [`SpoolError::Io`].
    pub fn after(&self, ahead: usize) -> Result<Option<(String, M)>, SpoolError> {
        let Some(name) = self.listed.get(ahead) else {
            return Ok(None);
        };
        Ok(self.read(name)?.map(|message| (name.clone(), message)))
    }

    /// Deletes a message whose effect is durable, and its blobs before it.
    ///
    /// # Errors
    /// [`SpoolError::Io`]; the message comes again.
    pub fn done(&mut self, name: &str, message: &M) -> Result<(), SpoolError> {
        for blob in message.blobs() {
            remove_if_there(&self.blob_path(blob))?;
        }
        remove_if_there(&self.dir.join(NEW).join(name))?;
        self.forget(name);
        Ok(())
    }

    fn forget(&mut self, name: &str) {
        if self.listed.front().is_some_and(|oldest| oldest == name) {
            self.listed.pop_front();
        }
    }

    /// Opens a blob that a message names.
    ///
    /// # Errors
    /// [`SpoolError::NoBlob`] when it is missing, no regular file, or of another size.
    pub fn blob(&self, blob: &BlobRef) -> Result<File, SpoolError> {
        let path = self.blob_path(blob);
        let meta = fs::symlink_metadata(&path).map_err(|_| SpoolError::NoBlob)?;
        if !meta.is_file() || meta.len() != blob.size {
            return Err(SpoolError::NoBlob);
        }
        Ok(File::open(path)?)
    }

    fn blob_path(&self, blob: &BlobRef) -> PathBuf {
        self.dir.join(BLOBS).join(blob.digest.to_string())
    }

    fn list(&self) -> Result<VecDeque<String>, SpoolError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.dir.join(NEW))? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        // Sixteen hexadecimal digits sort as their numbers do; strangers go to `bad/` when met.
        names.sort_unstable();
        Ok(names.into())
    }

    /// `None`: the file is there and is no message of this direction.
    ///
    /// A message of a newer version is neither: it stays first in line until this side is updated.
    fn read(&self, name: &str) -> Result<Option<M>, SpoolError> {
        let path = self.dir.join(NEW).join(name);
        let meta = fs::symlink_metadata(&path)?;
        if number_of(name).is_none() || !meta.is_file() || meta.len() > MAX_MESSAGE as u64 {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        File::open(path)?
            .take(MAX_MESSAGE as u64 + 1)
            .read_to_end(&mut bytes)?;
        let Some(bytes) = whole(&bytes) else {
            return Ok(None);
        };
        if is_newer(bytes) {
            return Err(SpoolError::Version);
        }
        let framed = from_cbor::<Framed<M>>(bytes, MAX_MESSAGE).ok();
        Ok(framed
            .filter(|f| f.version == VERSION)
            .map(|f| f.message)
            .filter(|m| {
                name.split_once('.')
                    .is_some_and(|(_, kind)| kind == m.kind())
            }))
    }

    /// Keeps a message in `bad/` that could not be read or was not taken. Its blobs stay where they
    /// are: its sender writes them again under the same names, or sweeps them.
    ///
    /// # Errors
    /// [`SpoolError::Io`]; the message comes again.
    pub fn set_aside(&mut self, name: &str) -> Result<(), SpoolError> {
        let bad = self.dir.join(BAD);
        let mut kept: Vec<_> = fs::read_dir(&bad)?.filter_map(Result::ok).collect();
        kept.sort_by_key(fs::DirEntry::file_name);
        let surplus = (kept.len() + 1).saturating_sub(MAX_BAD);
        for old in kept.iter().take(surplus) {
            remove_any(&old.path())?;
        }
        fs::rename(self.dir.join(NEW).join(name), bad.join(name))?;
        sync_dir(&bad)?;
        self.forget(name);
        Ok(())
    }
}

/// Whether a message of a newer version begins so, whatever follows.
fn is_newer(bytes: &[u8]) -> bool {
    let mut d = minicbor::Decoder::new(bytes);
    let version = d.array().and_then(|_| d.u8());
    version.is_ok_and(|version| version > VERSION)
}

fn remove_if_there(path: &Path) -> Result<(), SpoolError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

fn remove_any(path: &Path) -> Result<(), SpoolError> {
    if fs::symlink_metadata(path)?.is_dir() {
        return Ok(fs::remove_dir_all(path)?);
    }
    remove_if_there(path)
}

//! Writes messages so that each is either absent or complete, whenever the machine stops.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use medfolder_crypto::{Digest, Suite, from_cbor};

use super::{
    BLOBS, Framed, MAX_BLOB, MAX_MESSAGE, Message, NEW, SpoolError, TMP, number_of, sync_dir,
    to_file, whole,
};

/// Numbers reserved at once, so that the file `number` is rarely written.
const RESERVE: u64 = 1024;
const COPY: usize = 64 << 10;
/// Fewer than this many staged messages are synced one by one.
const FEW: usize = 8;

/// The writing end of one spool; one process at a time.
#[derive(Debug)]
pub struct Writer<M> {
    dir: PathBuf,
    next: u64,
    reserved: u64,
    messages: PhantomData<fn(M)>,
}

/// A message that has its number; it becomes visible with [`Writer::publish`].
#[derive(Debug, Clone)]
pub struct Unsent {
    tmp: PathBuf,
    new: PathBuf,
}

impl Unsent {
    /// Its name in the spool, for [`Writer::staged`].
    #[must_use]
    pub fn name(&self) -> String {
        let name = self.tmp.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Writes the message, not durably yet: [`Self::sync_all`] does that.
    ///
    /// # Errors
    /// [`SpoolError::TooLarge`] or [`SpoolError::Io`]; nothing is left then.
    pub fn write<M: Message>(&self, message: &M) -> Result<(), SpoolError> {
        let bytes = to_file(message);
        if bytes.len() > MAX_MESSAGE {
            return Err(SpoolError::TooLarge);
        }
        let mut file = File::create(&self.tmp)?;
        if let Err(error) = file.write_all(&bytes) {
            self.forget();
            return Err(error.into());
        }
        Ok(())
    }

    /// Makes staged messages that were written and their names durable; the disk is waited for once
    /// when they are many.
    ///
    /// # Errors
    /// [`SpoolError::Io`].
    pub fn sync_all(staged: &[&Self]) -> Result<(), SpoolError> {
        let Some(folder) = staged.first().and_then(|one| one.tmp.parent()) else {
            return Ok(());
        };
        let folder = File::open(folder)?;
        if staged.len() >= FEW {
            return Ok(rustix::fs::syncfs(folder).map_err(std::io::Error::from)?);
        }
        for one in staged {
            File::open(&one.tmp)?.sync_all()?;
        }
        Ok(folder.sync_all()?)
    }

    /// Removes what was written; what cannot be removed goes when the writer opens again.
    pub fn forget(&self) {
        drop(fs::remove_file(&self.tmp));
    }
}

impl<M: Message> Writer<M> {
    /// Opens the spool below `dir`, making its folders; what a crash left in `tmp/` is removed.
    ///
    /// # Errors
    /// [`SpoolError::Io`].
    pub fn open(dir: &Path) -> Result<Self, SpoolError> {
        Self::open_keeping(dir, |_| false)
    }

    /// Opens the spool and keeps the staged messages that `keep` knows by name.
    ///
    /// # Errors
    /// [`SpoolError::Io`].
    pub fn open_keeping(dir: &Path, keep: impl Fn(&str) -> bool) -> Result<Self, SpoolError> {
        for part in [NEW, TMP, BLOBS] {
            fs::create_dir_all(dir.join(part))?;
        }
        for left in fs::read_dir(dir.join(TMP))? {
            let left = left?;
            if !left.file_name().to_str().is_some_and(&keep) {
                fs::remove_file(left.path())?;
            }
        }
        let next = match reserved_before(dir)? {
            Some(number) => number,
            None => above_all_in(&dir.join(NEW))?,
        };
        Ok(Self {
            dir: dir.to_owned(),
            next,
            reserved: next,
            messages: PhantomData,
        })
    }

    /// Sends one message; it is durable when this returns.
    ///
    /// # Errors
    /// [`SpoolError`]; the message may be there nevertheless when the last fsync failed, so the
    /// caller sends it again and the reader takes it once.
    pub fn send(&mut self, message: M) -> Result<(), SpoolError> {
        let unsent = self.prepare(&message)?;
        self.publish(&[unsent])
    }

    /// Writes a message durably without showing it yet; many of them share one [`Self::publish`].
    ///
    /// # Errors
    /// [`SpoolError::TooLarge`] or [`SpoolError::Io`]; nothing is visible.
    pub fn prepare(&mut self, message: &M) -> Result<Unsent, SpoolError> {
        let unsent = self.stage(message.kind())?;
        unsent.write(message)?;
        File::open(&unsent.tmp)?.sync_all()?;
        Ok(unsent)
    }

    /// The next number, for a message of this kind that another thread may write.
    ///
    /// # Errors
    /// [`SpoolError::Io`].
    pub fn stage(&mut self, kind: &str) -> Result<Unsent, SpoolError> {
        let name = format!("{:016x}.{kind}", self.number()?);
        Ok(self.staged(&name))
    }

    /// A message that was staged under this name.
    #[must_use]
    pub fn staged(&self, name: &str) -> Unsent {
        Unsent {
            tmp: self.dir.join(TMP).join(name),
            new: self.dir.join(NEW).join(name),
        }
    }

    /// Shows prepared messages, in order; they are durable when this returns. One that is shown
    /// already, and perhaps read, is passed over.
    ///
    /// # Errors
    /// [`SpoolError::Io`]; some may be visible.
    pub fn publish(&mut self, unsent: &[Unsent]) -> Result<(), SpoolError> {
        for one in unsent {
            match fs::rename(&one.tmp, &one.new) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                shown => shown?,
            }
        }
        Ok(sync_dir(&self.dir.join(NEW))?)
    }

    /// Copies a blob into the spool under the digest of its bytes; durable when this returns.
    ///
    /// # Errors
    /// [`SpoolError::TooLarge`] or [`SpoolError::Io`].
    pub fn put_blob(
        &mut self,
        suite: Suite,
        mut source: impl Read,
    ) -> Result<(Digest, u64), SpoolError> {
        let tmp = self
            .dir
            .join(TMP)
            .join(format!("{:016x}.blob", self.number()?));
        let copied = copy_blob(&tmp, suite, &mut source);
        if copied.is_err() {
            // What cannot be removed goes when the writer opens again.
            drop(fs::remove_file(&tmp));
        }
        let (digest, size) = copied?;
        fs::rename(&tmp, self.blob_path(&digest))?;
        sync_dir(&self.dir.join(BLOBS))?;
        Ok((digest, size))
    }

    /// Removes a blob that no message will name.
    ///
    /// # Errors
    /// [`SpoolError::Io`].
    pub fn remove_blob(&mut self, digest: &Digest) -> Result<(), SpoolError> {
        Ok(fs::remove_file(self.blob_path(digest))?)
    }

    fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.dir.join(BLOBS).join(digest.to_string())
    }

    /// Removes blobs that no message will name, such as those of a seal that a crash cut off;
    /// `keep` says which are still needed.
    ///
    /// # Errors
    /// [`SpoolError::Io`].
    pub fn sweep_blobs(&mut self, keep: impl Fn(&str) -> bool) -> Result<(), SpoolError> {
        for blob in fs::read_dir(self.dir.join(BLOBS))? {
            let blob = blob?;
            if !blob.file_name().to_str().is_some_and(&keep) {
                fs::remove_file(blob.path())?;
            }
        }
        Ok(())
    }

    /// Names of the blobs that unread and staged messages name.
    ///
    /// # Errors
    /// [`SpoolError::Io`].
    pub fn named_blobs(&self) -> Result<Vec<String>, SpoolError> {
        let mut names = Vec::new();
        let (new, staged) = (self.dir.join(NEW), self.dir.join(TMP));
        for entry in fs::read_dir(new)?.chain(fs::read_dir(staged)?) {
            // The reader may be taking it away just now.
            let Ok(bytes) = fs::read(entry?.path()) else {
                continue;
            };
            let framed = whole(&bytes).map(|bytes| from_cbor::<Framed<M>>(bytes, MAX_MESSAGE));
            if let Some(Ok(framed)) = framed {
                names.extend(
                    framed
                        .message
                        .blobs()
                        .iter()
                        .map(|blob| blob.digest.to_string()),
                );
            }
        }
        Ok(names)
    }

    /// The next number, never used before by this spool.
    fn number(&mut self) -> Result<u64, SpoolError> {
        if self.next >= self.reserved {
            self.reserved = self.next.saturating_add(RESERVE);
            let tmp = self.dir.join(TMP).join("number");
            let mut file = OpenOptions::new()
                .create(true)
                .write(true)
                .truncate(true)
                .open(&tmp)?;
            file.write_all(format!("{:016x}", self.reserved).as_bytes())?;
            file.sync_all()?;
            fs::rename(&tmp, self.dir.join("number"))?;
            sync_dir(&self.dir)?;
        }
        let number = self.next;
        self.next = self.next.saturating_add(1);
        Ok(number)
    }
}

fn copy_blob(
    path: &Path,
    suite: Suite,
    source: &mut impl Read,
) -> Result<(Digest, u64), SpoolError> {
    let mut file = File::create(path)?;
    let (mut hasher, mut size) = (suite.hasher(), 0_u64);
    let mut buffer = vec![0; COPY];
    loop {
        let count = source.read(&mut buffer)?;
        let Some(part) = buffer.get(..count).filter(|part| !part.is_empty()) else {
            break;
        };
        size = size.saturating_add(part.len() as u64);
        if size > MAX_BLOB {
            return Err(SpoolError::TooLarge);
        }
        hasher.update(part);
        file.write_all(part)?;
    }
    file.sync_all()?;
    Ok((hasher.finish(), size))
}

/// What the file `number` says; strangers' file names in `new/` count only when it is lost.
fn reserved_before(dir: &Path) -> Result<Option<u64>, SpoolError> {
    match fs::read_to_string(dir.join("number")) {
        Ok(text) => Ok(u64::from_str_radix(text.trim(), 16).ok()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn above_all_in(new: &Path) -> Result<u64, SpoolError> {
    let mut above = 0;
    for entry in fs::read_dir(new)? {
        if let Some(number) = entry?.file_name().to_str().and_then(number_of) {
            above = above.max(number.saturating_add(1));
        }
    }
    Ok(above)
}

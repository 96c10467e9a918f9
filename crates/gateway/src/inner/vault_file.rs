//! Attachments and rejected files while they wait: encrypted files, written and read in chunks.
//!
//! ```text
//! file     salt (16) ‖ chunk 0 ‖ chunk 1 ‖ …
//! chunk i  AEAD(once(salt), nonce = i (8) ‖ 0 0 0 ‖ last flag, AAD = "file", 64 KiB of plaintext) ‖ tag
//! ```
//! Named by 32 random hexadecimal characters. The last chunk may be empty, and says so.

use std::fs::{self, File, OpenOptions};
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::path::Path;

use medfolder_crypto::aead::{NONCE_LEN, TAG_LEN};
use medfolder_crypto::{AeadKey, Digest, Hasher, Suite, Wiped, os_rng};
use rand_core::Rng;

use super::folder::Folder;
use super::zone_key::ZoneKey;

const SALT_LEN: usize = 16;
const CHUNK: usize = 64 << 10;
const AAD: &[u8] = b"file";

/// What was stored of a file.
pub(crate) struct Stored {
    pub(crate) name: String,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

/// Encrypts `source` into a new file of `dir`; durable on return. `also` sees the plaintext too.
pub(crate) fn store(
    zone: &ZoneKey,
    suite: Suite,
    dir: &Path,
    mut source: impl Read,
    mut also: impl FnMut(&[u8]),
) -> Result<Stored> {
    let mut random = [0; SALT_LEN * 2];
    os_rng().fill_bytes(&mut random);
    let (salt, name) = random.split_at(SALT_LEN);
    let name = hex::encode(name);
    let path = dir.join(&name);
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)?;
    let mut hasher = suite.hasher();
    let size = write_chunks(&zone.once(salt), salt, &mut source, &mut out, |part| {
        hasher.update(part);
        also(part);
    });
    match size.and_then(|size| out.sync_all().map(|()| size)) {
        Ok(size) => Ok(Stored {
            name,
            digest: Hasher::finish(hasher),
            size,
        }),
        Err(error) => {
            let _ = fs::remove_file(path);
            Err(error)
        }
    }
}

fn write_chunks(
    key: &AeadKey,
    salt: &[u8],
    source: &mut impl Read,
    out: &mut File,
    mut seen: impl FnMut(&[u8]),
) -> Result<u64> {
    out.write_all(salt)?;
    let (mut index, mut size) = (0_u64, 0_u64);
    loop {
        let mut chunk = Wiped::new(Vec::with_capacity(CHUNK));
        source.by_ref().take(CHUNK as u64).read_to_end(&mut chunk)?;
        seen(&chunk);
        let last = chunk.len() < CHUNK;
        out.write_all(&key.seal(&nonce(index, last), AAD, &chunk))?;
        size = size.saturating_add(chunk.len() as u64);
        index = index.saturating_add(1);
        if last {
            return Ok(size);
        }
    }
}

fn nonce(index: u64, last: bool) -> [u8; NONCE_LEN] {
    let [a, b, c, d, e, f, g, h] = index.to_be_bytes();
    [a, b, c, d, e, f, g, h, 0, 0, 0, u8::from(last)]
}

/// Reads a stored file's plaintext.
pub(crate) struct Plain {
    file: File,
    key: AeadKey,
    index: u64,
    buffer: Wiped,
    at: usize,
    ended: bool,
}

impl Plain {
    pub(crate) fn open(zone: &ZoneKey, dir: &Path, name: &str) -> Result<Self> {
        let mut file = File::open(dir.join(name))?;
        let mut salt = [0; SALT_LEN];
        file.read_exact(&mut salt)?;
        let (key, buffer) = (zone.once(&salt), Wiped::new(Vec::new()));
        Ok(Self {
            file,
            key,
            index: 0,
            buffer,
            at: 0,
            ended: false,
        })
    }

    fn fill(&mut self) -> Result<()> {
        let mut sealed = Vec::with_capacity(CHUNK + TAG_LEN);
        Read::by_ref(&mut self.file)
            .take((CHUNK + TAG_LEN) as u64)
            .read_to_end(&mut sealed)?;
        let last = sealed.len() < CHUNK + TAG_LEN;
        let damaged = |_| Error::new(ErrorKind::InvalidData, "a stored file was changed");
        self.buffer = self
            .key
            .open(&nonce(self.index, last), AAD, &sealed)
            .map_err(damaged)?;
        (self.at, self.ended) = (0, last);
        self.index = self.index.saturating_add(1);
        Ok(())
    }
}

impl Read for Plain {
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        while self.at >= self.buffer.len() && !self.ended {
            self.fill()?;
        }
        let rest = self.buffer.get(self.at..).unwrap_or_default();
        let count = rest.len().min(out.len());
        for (to, from) in out.iter_mut().zip(rest) {
            *to = *from;
        }
        self.at = self.at.saturating_add(count);
        Ok(count)
    }
}

/// Overwrites a stored file with zeros and removes it; one that is gone is no error.
pub(crate) fn shred(dir: &Path, name: &str) -> Result<()> {
    Folder::open(dir)?.shred(name.as_ref())
}

/// Names of all stored files.
pub(crate) fn names(dir: &Path) -> Result<Vec<String>> {
    let names = Folder::open(dir)?.names()?.into_iter();
    Ok(names.filter_map(|name| name.into_string().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use medfolder_crypto::Secret32;

    #[test]
    fn a_stored_file_is_read_back_and_holds_no_plaintext() {
        let dir = tempfile::tempdir().unwrap();
        let zone = ZoneKey::new(Suite::International, Secret32::new([1; 32]));
        for size in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
            let plain = b"marker ".repeat(size / 7 + 1)[..size].to_vec();
            let stored =
                store(&zone, Suite::International, dir.path(), &plain[..], |_| ()).unwrap();
            assert_eq!(stored.size, size as u64);
            assert_eq!(stored.digest, Suite::International.hash(&[&plain]));
            let raw = fs::read(dir.path().join(&stored.name)).unwrap();
            assert!(!raw.windows(7).any(|window| window == b"marker "));
            let mut read = Vec::new();
            Plain::open(&zone, dir.path(), &stored.name)
                .unwrap()
                .read_to_end(&mut read)
                .unwrap();
            assert_eq!(read, plain);
        }
    }

    #[test]
    fn a_file_that_was_cut_at_a_chunk_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let zone = ZoneKey::new(Suite::International, Secret32::new([1; 32]));
        let plain = vec![7; 2 * CHUNK];
        let stored = store(&zone, Suite::International, dir.path(), &plain[..], |_| ()).unwrap();
        let path = dir.path().join(&stored.name);
        let length = (SALT_LEN + CHUNK + TAG_LEN) as u64;
        OpenOptions::new()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(length)
            .unwrap();
        let mut read = Vec::new();
        let mut file = Plain::open(&zone, dir.path(), &stored.name).unwrap();
        assert!(file.read_to_end(&mut read).is_err());
    }
}

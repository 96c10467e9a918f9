//! A secret key on disk: one line of 64 hexadecimal characters, the 32-byte seed.
//!
//! ```text
//! 0f1e…c3 ⏎        64 characters and a line feed; mode 0600
//! ```
//! What the seed becomes (signing key, encryption key, pepper) is up to its reader. A file that group
//! or others may read is refused: its secret may already be known. A new file is written whole or
//! not at all, and never over an old one.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use medfolder_crypto::Secret32;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

/// Length of the hexadecimal text.
const TEXT_LEN: usize = 64;

/// Why a key file was not read or made.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// There is no such file.
    #[error("there is no key file {0}")]
    Missing(PathBuf),
    /// A file of this name exists; keys are never overwritten.
    #[error("the key file {0} exists already")]
    Exists(PathBuf),
    /// Group or others may read or write it.
    #[error("the key file {0} can be read by others; set its mode to 0600 and replace the key")]
    Exposed(PathBuf),
    /// Not 64 hexadecimal characters.
    #[error("the key file {0} does not hold 64 hexadecimal characters")]
    Malformed(PathBuf),
    /// The system refused.
    #[error("the key file {0} could not be read or written")]
    Io(PathBuf, #[source] std::io::Error),
}

impl KeyFileError {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            KeyFileError::Missing(_) => "keyfile.missing",
            KeyFileError::Exists(_) => "keyfile.exists",
            KeyFileError::Exposed(_) => "keyfile.exposed",
            KeyFileError::Malformed(_) => "keyfile.malformed",
            KeyFileError::Io(..) => "keyfile.io",
        }
    }
}

/// Reads the seed in `path`.
///
/// # Errors
/// [`KeyFileError`]; nothing of the file's content is in it.
pub fn load(path: &Path) -> Result<Secret32, KeyFileError> {
    let file = File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => KeyFileError::Missing(path.to_owned()),
        _ => KeyFileError::Io(path.to_owned(), error),
    })?;
    refuse_exposed(path, &file)?;
    let mut text = Zeroizing::new(String::with_capacity(TEXT_LEN + 8));
    file.take(TEXT_LEN as u64 + 8)
        .read_to_string(&mut text)
        .map_err(|_| KeyFileError::Malformed(path.to_owned()))?;
    let mut seed = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text.trim_end(), seed.as_mut_slice())
        .map_err(|_| KeyFileError::Malformed(path.to_owned()))?;
    Ok(Secret32::new(*seed))
}

/// Draws a seed and writes it to `path`, which must not exist.
///
/// # Errors
/// [`KeyFileError::Exists`], or [`KeyFileError::Io`]; then there is no file of that name.
pub fn create(path: &Path, rng: &mut impl CryptoRng) -> Result<Secret32, KeyFileError> {
    let seed = Secret32::random(rng);
    write(path, &seed)?;
    Ok(seed)
}

/// Reads the seed in `path`, or draws one and writes it when there is no such file.
///
/// # Errors
/// [`KeyFileError`] as [`load`] and [`create`].
pub fn load_or_create(path: &Path, rng: &mut impl CryptoRng) -> Result<Secret32, KeyFileError> {
    match load(path) {
        Err(KeyFileError::Missing(_)) => match create(path, rng) {
            Err(KeyFileError::Exists(_)) => load(path),
            done => done,
        },
        done => done,
    }
}

/// Writes `seed` to `path`, which must not exist.
///
/// # Errors
/// [`KeyFileError::Exists`], or [`KeyFileError::Io`]; then there is no file of that name.
pub fn write(path: &Path, seed: &Secret32) -> Result<(), KeyFileError> {
    let io = |error| KeyFileError::Io(path.to_owned(), error);
    if path.exists() {
        return Err(KeyFileError::Exists(path.to_owned()));
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let draft = PathBuf::from(name);
    let done = write_draft(&draft, seed).and_then(|()| fs::hard_link(&draft, path));
    let _ = fs::remove_file(&draft);
    done.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => KeyFileError::Exists(path.to_owned()),
        _ => io(error),
    })?;
    sync_folder(path).map_err(io)
}

fn write_draft(draft: &Path, seed: &Secret32) -> std::io::Result<()> {
    let mut text = Zeroizing::new(hex::encode(seed.expose()));
    text.push('\n');
    // One that a crash left behind, or that somebody laid there, would keep its owner and mode.
    let _ = fs::remove_file(draft);
    let mut file = private().open(draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(unix)]
fn private() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options
}

#[cfg(not(unix))]
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    options
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn refuse_exposed(path: &Path, file: &File) -> Result<(), KeyFileError> {
    use std::os::unix::fs::PermissionsExt as _;
    let meta = file
        .metadata()
        .map_err(|error| KeyFileError::Io(path.to_owned(), error))?;
    match meta.permissions().mode() & 0o077 {
        0 => Ok(()),
        _ => Err(KeyFileError::Exposed(path.to_owned())),
    }
}

#[cfg(not(unix))]
fn refuse_exposed(_: &Path, _: &File) -> Result<(), KeyFileError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use medfolder_crypto::os_rng;

    #[test]
    fn a_seed_is_read_back_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seal.key");
        let seed = create(&path, &mut os_rng()).unwrap();
        assert_eq!(load(&path).unwrap(), seed);
        assert_eq!(load_or_create(&path, &mut os_rng()).unwrap(), seed);
        assert_eq!(
            create(&path, &mut os_rng()).unwrap_err().code(),
            "keyfile.exists"
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_the_group_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seal.key");
        create(&path, &mut os_rng()).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(load(&path).unwrap_err().code(), "keyfile.exposed");
    }

    #[test]
    fn a_missing_file_and_other_content_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seal.key");
        assert_eq!(load(&path).unwrap_err().code(), "keyfile.missing");
        private()
            .open(&path)
            .unwrap()
            .write_all(b"not a key\n")
            .unwrap();
        assert_eq!(load(&path).unwrap_err().code(), "keyfile.malformed");
        fs::write(&path, format!("{}\n", "0".repeat(66))).unwrap();
        assert_eq!(load(&path).unwrap_err().code(), "keyfile.malformed");
    }
}

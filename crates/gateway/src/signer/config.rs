//! What a signer is told: one JSON file.
//!
//! ```json
//! {"genesis": "genesis.json", "member": "…32 hex…", "inner": "http://127.0.0.1:7010",
//!  "token_file": "inner/tokens/signer", "poll": 300,
//!  "keys": [{"file": "doctor-1.key", "pin_file": "doctor-1.pin"}]}
//! ```
//! Paths are relative to the file. A PIN file (mode 0600) is for demonstrations and unattended
//! tokens; without one the PIN is asked for.

use std::path::{Path, PathBuf};

use medfolder_record::MemberId;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::SignerError;
use super::keyfile::{self, DoctorKey};

/// Configuration of a signer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The consortium's genesis file.
    pub genesis: PathBuf,
    /// The member whose doctors sign here.
    pub member: MemberId,
    /// Address of the inner zone's HTTP interface.
    pub inner: String,
    /// File with the inner zone's token for signers.
    pub token_file: PathBuf,
    /// The doctors' keys.
    pub keys: Vec<KeyEntry>,
    /// Milliseconds between two looks at an empty work list.
    #[serde(default = "default_poll")]
    pub poll: u64,
}

/// One doctor's key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyEntry {
    /// The key file.
    pub file: PathBuf,
    /// A file that holds the PIN.
    #[serde(default)]
    pub pin_file: Option<PathBuf>,
}

const fn default_poll() -> u64 {
    300
}

/// Asks somebody for the PIN of a key file; `None` gives up.
pub type AskPin<'a> = &'a mut dyn FnMut(&Path) -> Option<Zeroizing<String>>;

impl Config {
    /// Reads a configuration file; its paths are relative to it.
    ///
    /// # Errors
    /// [`SignerError::Config`].
    pub fn read(path: &Path) -> Result<Self, SignerError> {
        let text = std::fs::read(path).map_err(|_| SignerError::Config("file"))?;
        let mut config: Self =
            serde_json::from_slice(&text).map_err(|_| SignerError::Config("JSON"))?;
        let base = path.parent().unwrap_or(Path::new("."));
        config.genesis = base.join(&config.genesis);
        config.token_file = base.join(&config.token_file);
        for key in &mut config.keys {
            key.file = base.join(&key.file);
            key.pin_file = key.pin_file.take().map(|pin| base.join(pin));
        }
        Ok(config)
    }

    /// Opens every key; PINs come from their files, else from `ask`.
    ///
    /// # Errors
    /// [`SignerError::Key`] for the first key that does not open, [`SignerError::NoPin`].
    pub fn unlock(&self, ask: AskPin<'_>) -> Result<Vec<DoctorKey>, SignerError> {
        self.keys.iter().map(|entry| unlock(entry, ask)).collect()
    }
}

fn unlock(entry: &KeyEntry, ask: AskPin<'_>) -> Result<DoctorKey, SignerError> {
    let pin = match &entry.pin_file {
        Some(path) => read_private(path)?,
        None => ask(&entry.file).ok_or(SignerError::NoPin)?,
    };
    Ok(keyfile::open(&entry.file, &pin)?)
}

/// Text of a file that only its owner may read, without the line's end.
pub(crate) fn read_private(path: &Path) -> Result<Zeroizing<String>, SignerError> {
    use std::os::unix::fs::PermissionsExt;
    let refused = |_| SignerError::Config("private file");
    let meta = std::fs::metadata(path).map_err(refused)?;
    if meta.permissions().mode() & 0o077 != 0 {
        return Err(SignerError::Config("private file's mode"));
    }
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(refused)?);
    Ok(Zeroizing::new(text.trim_end().to_owned()))
}

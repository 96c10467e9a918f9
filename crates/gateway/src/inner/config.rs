//! What an operator sets for an inner zone: one JSON file.
//!
//! ```json
//! {"genesis": "genesis.cbor", "member": "…32 hex…", "data_dir": "inner",
//!  "keys": {"seal": "seal.key", "next_seal": "seal-2.key", "receive": "receive.key"},
//!  "spool_out": "../spool/out", "spool_in": "../spool/in", "watch_dir": "fhir",
//!  "listen": "127.0.0.1:0", "fallback_author": "YS-0001", "patient_system": "urn:oid:…",
//!  "tokens": {"signer": "inner/tokens/signer", "desk": "…", "feed": "…"}}
//! ```
//! Paths are relative to the file. Token files that do not exist are made at the first start,
//! mode 0600; each opens only its own part of the HTTP interface. Times are milliseconds.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use medfolder_record::{AreaId, MemberId};
use serde::{Deserialize, Serialize};

use super::InnerError;

/// Configuration of an inner zone.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The consortium's genesis file.
    pub genesis: PathBuf,
    /// The member whose inner zone this is.
    pub member: MemberId,
    /// Database, zone key and waiting attachments.
    pub data_dir: PathBuf,
    /// Files of the member's keys that belong here.
    pub keys: Keys,
    /// Spool to the edge.
    pub spool_out: PathBuf,
    /// Spool from the edge.
    pub spool_in: PathBuf,
    /// Folder in which hospital systems put FHIR files; left out, only HTTP takes them.
    #[serde(default)]
    pub watch_dir: Option<PathBuf>,
    /// Address of the inner zone's HTTP interface.
    pub listen: SocketAddr,
    /// Tokens of those who call it.
    #[serde(default)]
    pub tokens: Tokens,
    /// Licence of the staff member who answers for records whose author has no key here.
    #[serde(default)]
    pub fallback_author: Option<String>,
    /// Namespace of patient numbers that the desk types without one.
    #[serde(default)]
    pub patient_system: Option<String>,
    /// Certificates (DER) of the authorities whose signatures are taken with documents; each must be
    /// one of those that policy on the ledger names.
    #[serde(default)]
    pub carried_roots: Vec<PathBuf>,
    /// Storage area of the seals; left out, the member's first.
    #[serde(default)]
    pub area: Option<AreaId>,
    /// Number of the release policy of the seals.
    #[serde(default)]
    pub policy: u16,
    /// Intervals and windows.
    #[serde(default)]
    pub tuning: Tuning,
}

/// Files with the seeds of the member's keys.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// Signs seals, staff and cards.
    pub seal: PathBuf,
    /// Takes over from `seal` with the block that rotates the member's seal key to it.
    #[serde(default)]
    pub next_seal: Option<PathBuf>,
    /// Opens what others wrap to this member. Nothing is wrapped to members yet: it is compared
    /// with the ledger at the start, so that a wrong file is found before it is needed.
    #[serde(default)]
    pub receive: Option<PathBuf>,
}

/// Files with the tokens of the HTTP interface; left out, they lie in `data_dir/tokens`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tokens {
    /// For signers: the work list.
    pub signer: Option<PathBuf>,
    /// For the front desk and staff administration.
    pub desk: Option<PathBuf>,
    /// For hospital systems: FHIR.
    pub feed: Option<PathBuf>,
}

/// Intervals and windows in milliseconds, each with a default.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tuning {
    /// Between two looks at the watched folder.
    pub watch: u64,
    /// A file is taken when it has not changed for this long.
    pub settle: u64,
    /// A bundle waits this long for a file that it names.
    pub attachment_wait: u64,
    /// A visit is sealed when nothing was added to it for this long.
    pub quiet: u64,
    /// Between two looks at the incoming spool.
    pub poll: u64,
    /// From signing a seal to its valid-until; after that the same leaves are signed again.
    pub seal_validity: u64,
    /// Validity of a doctor's enrolment.
    pub staff_validity: u64,
    /// Rejected and unsealed files are deleted after this long.
    pub keep_unsealed: u64,
    /// A record waits this long for the one that it replaces; then it stands as a first version.
    pub replaced_wait: u64,
    /// How long the head of a request may take; its body, a second more for each 32 KiB.
    pub patience: u64,
    /// Most bytes of the database; 0: what the disk holds.
    pub database_bytes: u64,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            watch: 500,
            settle: 500,
            attachment_wait: 10_000,
            quiet: 2_000,
            poll: 50,
            seal_validity: 60 * 60 * 1_000,
            staff_validity: 5 * 366 * DAY,
            keep_unsealed: 30 * DAY,
            replaced_wait: 10 * 60 * 1_000,
            patience: 30_000,
            database_bytes: 0,
        }
    }
}

const DAY: u64 = 24 * 60 * 60 * 1_000;

impl Config {
    /// Reads a configuration file; its paths are relative to it.
    ///
    /// # Errors
    /// [`InnerError::Config`].
    pub fn read(path: &Path) -> Result<Self, InnerError> {
        let text = std::fs::read(path).map_err(|_| InnerError::Config("file"))?;
        let mut config: Self =
            serde_json::from_slice(&text).map_err(|_| InnerError::Config("JSON"))?;
        let base = path.parent().unwrap_or(Path::new("."));
        config
            .paths()
            .into_iter()
            .for_each(|path| *path = base.join(&*path));
        Ok(config)
    }

    fn paths(&mut self) -> Vec<&mut PathBuf> {
        let mut paths = vec![
            &mut self.genesis,
            &mut self.data_dir,
            &mut self.keys.seal,
            &mut self.spool_out,
            &mut self.spool_in,
        ];
        let optional = [
            &mut self.keys.next_seal,
            &mut self.keys.receive,
            &mut self.watch_dir,
            &mut self.tokens.signer,
            &mut self.tokens.desk,
            &mut self.tokens.feed,
        ];
        paths.extend(optional.into_iter().flatten());
        paths.extend(&mut self.carried_roots);
        paths
    }

    /// Where the front desk's token lies.
    #[must_use]
    pub fn desk_token(&self) -> PathBuf {
        self.token(&self.tokens.desk, "desk")
    }

    /// Where the signers' token lies.
    #[must_use]
    pub fn signer_token(&self) -> PathBuf {
        self.token(&self.tokens.signer, "signer")
    }

    /// Where the hospital systems' token lies.
    #[must_use]
    pub fn feed_token(&self) -> PathBuf {
        self.token(&self.tokens.feed, "feed")
    }

    fn token(&self, named: &Option<PathBuf>, name: &str) -> PathBuf {
        named
            .clone()
            .unwrap_or_else(|| self.data_dir.join("tokens").join(name))
    }
}

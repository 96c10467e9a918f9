//! What an operator sets for an edge: one JSON file.
//!
//! ```json
//! {"genesis": "genesis.json", "member": "…32 hex…", "data_dir": "edge", "host_key": "host.key",
//!  "spool_out": "../spool/out", "spool_in": "../spool/in", "ledger": ["http://127.0.0.1:7001"],
//!  "listen": "127.0.0.1:0", "public_url": "https://edge.example"}
//! ```
//! Paths are relative to the file. What may be left out has the defaults below. Times are
//! milliseconds.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use medfolder_record::MemberId;
use medfolder_share::rules::rate::RatePolicy;
use serde::Deserialize;

use super::limit::Rate;

/// Configuration of an edge.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The consortium's genesis file.
    pub genesis: PathBuf,
    /// The member whose edge this is.
    pub member: MemberId,
    /// Index, blobs and pepper.
    pub data_dir: PathBuf,
    /// File of the member's host key.
    pub host_key: PathBuf,
    /// Spool from the inner zone.
    pub spool_out: PathBuf,
    /// Spool to the inner zone.
    pub spool_in: PathBuf,
    /// Ledger nodes, tried in order.
    pub ledger: Vec<String>,
    /// Where patients and readers reach this edge.
    pub listen: SocketAddr,
    /// The address that patients and readers call: scheme, host and port. Left out, it is
    /// `http://` and the address bound, which only a loopback address may have.
    #[serde(default)]
    pub public_url: Option<String>,
    /// Where the operator reaches it (audit, health); left out, there is no such port.
    #[serde(default)]
    pub admin_listen: Option<SocketAddr>,
    /// Certificate and key for `listen`; left out, a proxy in front speaks TLS.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// Limits and intervals.
    #[serde(default)]
    pub tuning: Tuning,
}

/// PEM files.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Certificate chain.
    pub cert: PathBuf,
    /// Private key.
    pub key: PathBuf,
}

/// Limits and intervals, each with a default.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tuning {
    /// Between two looks at the ledger and at the spool.
    pub poll: u64,
    /// Between two batches of accesses.
    pub report: u64,
    /// From the end of one audit to the start of the next.
    pub audit: u64,
    /// Rest after each audited mebibyte.
    pub audit_rest: u64,
    /// Bytes of all attachments and files that one card's drafts may hold.
    pub draft_bytes: u64,
    /// Most bytes of the index; without it, what the disk holds.
    pub index_bytes: Option<u64>,
    /// Requests of one address for one link.
    pub link_rate: Rate,
    /// Files of one link to one address.
    pub file_rate: Rate,
    /// How long the head of a request may take; its body, a second more for each 32 KiB.
    pub patience: u64,
    /// Claims at the front desk of one network.
    pub claim_rate: Rate,
    /// Requests of one network for everything.
    pub address_rate: Rate,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            poll: 500,
            report: 1_000,
            audit: 24 * 60 * 60 * 1_000,
            audit_rest: 20,
            draft_bytes: 1 << 30,
            index_bytes: None,
            patience: 30_000,
            link_rate: RatePolicy::MANIFEST.into(),
            file_rate: RatePolicy::FILES.into(),
            claim_rate: Rate {
                burst: 30,
                interval: 2_000,
            },
            address_rate: Rate {
                burst: 3_000,
                interval: 20,
            },
        }
    }
}

/// Why a configuration is not usable.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration cannot be read")]
    Io(#[from] std::io::Error),
    /// Not the JSON drawn above.
    #[error("the configuration is not understood: {0}")]
    Json(#[from] serde_json::Error),
}

impl ConfigError {
    /// Stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "config.io",
            Self::Json(_) => "config.json",
        }
    }
}

impl Config {
    /// Reads a configuration file; its paths are relative to it.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let mut config: Self = serde_json::from_slice(&std::fs::read(path)?)?;
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
            &mut self.host_key,
            &mut self.spool_out,
            &mut self.spool_in,
        ];
        if let Some(tls) = &mut self.tls {
            paths.extend([&mut tls.cert, &mut tls.key]);
        }
        paths
    }
}

#[cfg(test)]
mod tests {
    use super::Config;

    #[test]
    fn paths_are_relative_to_the_file_and_unknown_members_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("edge.json");
        let member = "01".repeat(16);
        let text = format!(
            r#"{{"genesis":"g.json","member":"{member}","data_dir":"edge","host_key":"/etc/host.key",
            "spool_out":"out","spool_in":"in","ledger":[],"listen":"127.0.0.1:0"}}"#
        );
        std::fs::write(&path, &text).unwrap();
        let config = Config::read(&path).unwrap();
        assert_eq!(config.genesis, dir.path().join("g.json"));
        assert_eq!(config.host_key.to_str(), Some("/etc/host.key"));
        std::fs::write(&path, text.replacen('{', r#"{"passcode":1,"#, 1)).unwrap();
        assert_eq!(Config::read(&path).unwrap_err().code(), "config.json");
    }
}

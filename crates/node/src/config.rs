//! What a node is told at start: one JSON file.
//!
//! ```json
//! {"genesis": "genesis.bin", "data_dir": "data", "listen": "127.0.0.1:7400", "member": "0f…",
//!  "engine_key": "engine.key", "origins": ["https://ledger.hospital.example"],
//!  "tls": {"cert": "cert.pem", "key": "key.pem"}, "state": {"buckets": 500000, "cache_mib": 64}}
//! ```
//! Instead of `engine_key` a follower names the node that it copies and its member's host key:
//! `"follow": "https://…", "follow_key": "host.key"`.
//! Paths are relative to the file. An unknown member is an error: a mistyped limit must not be lost.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use medfolder_record::MemberId;
use serde::Deserialize;
use thiserror::Error;

/// Everything that a node is told.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// File of the genesis, the only thing that the node trusts.
    pub genesis: PathBuf,
    /// Folder for blocks, state and index; made when missing.
    pub data_dir: PathBuf,
    /// Address to listen on; port 0 picks a free one.
    pub listen: SocketAddr,
    /// The member that runs this node.
    pub member: MemberId,
    /// Seed of the consensus key (mode 0600). Exactly one of this and `follow` is set.
    #[serde(default)]
    pub engine_key: Option<PathBuf>,
    /// Address of the node whose blocks are copied, checked and executed again.
    #[serde(default)]
    pub follow: Option<String>,
    /// Seed of the member's host key, with which a follower logs in.
    #[serde(default)]
    pub follow_key: Option<PathBuf>,
    /// Origins under which clients call this node; its own address is always one.
    #[serde(default)]
    pub origins: Vec<String>,
    /// Certificate and key for HTTPS; without them plain HTTP, for loopback and proxies.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// Size of the state's table and caches.
    #[serde(default)]
    pub state: StateSize,
    /// Bounds on what peers may ask.
    #[serde(default)]
    pub limits: Limits,
    /// Log filter such as `info` or `medfolder_node=debug`.
    #[serde(default)]
    pub log: Option<String>,
    /// How this node lies, in builds made for tests.
    #[cfg(feature = "lying")]
    #[serde(default)]
    pub lie: Option<crate::lying::Lie>,
}

/// Files for HTTPS.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Certificate chain, PEM.
    pub cert: PathBuf,
    /// Private key, PEM.
    pub key: PathBuf,
}

/// Size of the state's table and caches.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StateSize {
    /// Buckets of 4 KiB in the state's table, fixed when it is made; sparse until used.
    pub buckets: u32,
    /// Cache in MiB, three times: for pages of the trie, for values, for what changed lately.
    pub cache_mib: usize,
}

impl Default for StateSize {
    fn default() -> Self {
        Self {
            buckets: 500_000,
            cache_mib: 64,
        }
    }
}

/// Bounds on what peers may ask.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Transactions that may wait for a block; more are answered 429.
    pub waiting: usize,
    /// Requests per second from one address.
    pub requests: u32,
    /// Challenges and log-ins per second from one address.
    pub sessions: u32,
    /// Event streams open at the same time.
    pub streams: usize,
    /// Milliseconds for the head of a request, and for its body with a second more for each 32 KiB.
    pub patience: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            waiting: 8_192,
            requests: 20_000,
            sessions: 500,
            streams: 256,
            patience: 30_000,
        }
    }
}

/// Why a configuration is not taken.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration {0} cannot be read")]
    Unreadable(PathBuf, #[source] std::io::Error),
    /// Not the JSON above.
    #[error("the configuration {0} is not valid: {1}")]
    Malformed(PathBuf, String),
    /// Neither or both of `engine_key` and `follow`.
    #[error("a node has either an engine_key or an address to follow")]
    OneSource,
}

impl ConfigError {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            ConfigError::Unreadable(..) => "config.unreadable",
            ConfigError::Malformed(..) => "config.malformed",
            ConfigError::OneSource => "config.one_source",
        }
    }
}

impl Config {
    /// Reads a configuration file; paths in it become relative to its folder.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let bytes =
            std::fs::read(path).map_err(|e| ConfigError::Unreadable(path.to_path_buf(), e))?;
        let mut config: Self = serde_json::from_slice(&bytes)
            .map_err(|e| ConfigError::Malformed(path.to_path_buf(), e.to_string()))?;
        if config.engine_key.is_some() == config.follow.is_some() {
            return Err(ConfigError::OneSource);
        }
        config.resolve(path.parent().unwrap_or(Path::new("")));
        Ok(config)
    }

    fn resolve(&mut self, base: &Path) {
        let tls = self
            .tls
            .iter_mut()
            .flat_map(|tls| [&mut tls.cert, &mut tls.key]);
        let paths = [&mut self.genesis, &mut self.data_dir].into_iter();
        for path in paths
            .chain(&mut self.engine_key)
            .chain(&mut self.follow_key)
            .chain(tls)
        {
            *path = base.join(&*path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Config, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.json");
        std::fs::write(&path, text).unwrap();
        Config::load(&path)
    }

    fn text(more: &str) -> String {
        let member = "01".repeat(16);
        format!(
            r#"{{"genesis":"g","data_dir":"d","listen":"127.0.0.1:0","member":"{member}"{more}}}"#
        )
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let config = load(&text(r#","engine_key":"k""#)).unwrap();
        assert!(config.genesis.is_absolute() && config.engine_key.unwrap().ends_with("k"));
    }

    #[test]
    fn a_node_has_one_source_of_blocks_and_no_unknown_settings() {
        assert_eq!(load(&text("")).unwrap_err().code(), "config.one_source");
        let both = load(&text(r#","engine_key":"k","follow":"http://x""#));
        assert_eq!(both.unwrap_err().code(), "config.one_source");
        let unknown = load(&text(r#","engine_key":"k","limit":{}"#));
        assert_eq!(unknown.unwrap_err().code(), "config.malformed");
    }
}

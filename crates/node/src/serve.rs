//! Starting a node: files, engine or follower, HTTP server.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use medfolder_client::keyfile::{self, KeyFileError};
use medfolder_crypto::{Label, Secret32, SigningKey, Suite};
use medfolder_http::Patience;
use medfolder_ledger::block::EngineSigner;
use medfolder_ledger::{Chain, EngineKeys, GenesisError};
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Tls};
use crate::engine::Engine;
use crate::engine::embedded::Embedded;
use crate::follower;
use crate::http::{App, router};
use crate::ledger::{Ledger, OpenError, Parts, open};
use crate::metrics::Metrics;
use crate::state::MapSize;
use crate::store::{BlockStore, StoreError};

/// Why a node does not start.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The genesis file cannot be read.
    #[error("the genesis file cannot be read")]
    GenesisFile(#[source] std::io::Error),
    /// It is no genesis.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// The key file.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The key is not the one that genesis names.
    #[error("the engine's key is not the one that genesis names")]
    OtherKey,
    /// The data folder.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Another program, perhaps another node, listens on the address.
    #[error("another program listens on {0}")]
    AddressInUse(SocketAddr),
    /// The address cannot be listened on.
    #[error("the address cannot be listened on")]
    Listen(#[source] std::io::Error),
    /// Certificate or key for HTTPS.
    #[error("the TLS certificate or key cannot be used")]
    Tls(#[source] std::io::Error),
    /// The node to follow.
    #[error(transparent)]
    Follow(#[from] follower::FollowError),
}

impl ServeError {
    /// Stable code of the error.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            ServeError::GenesisFile(_) => "genesis.unreadable",
            ServeError::Genesis(error) => error.code(),
            ServeError::Key(error) => error.code(),
            ServeError::OtherKey => "engine.other_key",
            ServeError::Open(error) => error.code(),
            ServeError::AddressInUse(_) => "node.address_in_use",
            ServeError::Listen(_) => "node.listen",
            ServeError::Tls(_) => "node.tls",
            ServeError::Follow(error) => error.code(),
        }
    }
}

impl From<StoreError> for ServeError {
    fn from(error: StoreError) -> Self {
        Self::Open(error.into())
    }
}

/// A running node.
pub struct Running {
    /// Where it listens.
    pub addr: SocketAddr,
    /// The ledger that it serves.
    pub ledger: Arc<Ledger>,
    /// Its engine; a follower has none.
    pub engine: Option<Arc<dyn Engine>>,
    /// Ends when the node has stopped and everything is on disk.
    pub handle: JoinHandle<()>,
}

impl Running {
    /// The node's address as clients call it.
    #[must_use]
    pub fn url(&self, tls: bool) -> String {
        format!("{}://{}", if tls { "https" } else { "http" }, self.addr)
    }
}

/// What tests replace.
#[derive(Clone, Default)]
pub struct Seams {
    /// The clock; the system's when `None`.
    pub clock: Option<Arc<dyn Clock>>,
    /// The block store; a file in the data folder when `None`.
    pub blocks: Option<Arc<dyn BlockStore>>,
}

/// The embedded engine's key that a seed determines: Ed25519, and on a national chain SM2 beside it.
#[must_use]
pub fn engine_signer(suite: Suite, seed: &Secret32) -> EngineSigner {
    let ed25519 = SigningKey::from_seed(Suite::International, seed);
    let sm2 = (suite == Suite::National).then(|| {
        let seed = suite.derive(seed, Label::SIGNING_SEED, &[b"consensus"]);
        SigningKey::from_seed(Suite::National, &seed)
    });
    EngineSigner::new(ed25519, sm2)
}

/// Starts a node; it runs until `shutdown` becomes true.
///
/// # Errors
/// [`ServeError`].
pub async fn serve(config: Config, shutdown: watch::Receiver<bool>) -> Result<Running, ServeError> {
    serve_with(config, Seams::default(), shutdown).await
}

/// The same with a clock or block store of the caller's own.
///
/// # Errors
/// [`ServeError`].
pub async fn serve_with(
    config: Config,
    seams: Seams,
    shutdown: watch::Receiver<bool>,
) -> Result<Running, ServeError> {
    let genesis = std::fs::read(&config.genesis).map_err(ServeError::GenesisFile)?;
    let chain = Chain::from_bytes(&genesis)?;
    let clock = seams.clock.clone().unwrap_or_else(|| Arc::new(SystemClock));
    let listener = bind(config.listen)?;
    let addr = listener.local_addr().map_err(ServeError::Listen)?;
    let parts = parts(&config, chain, seams.blocks);
    let source = start(&config, parts, &clock, &shutdown).await?;
    let (ledger, engine) = (source.ledger.clone(), source.engine.clone());
    let origins = origins(&config, addr);
    let app = App::new(
        ledger.clone(),
        engine.clone(),
        clock,
        &config,
        origins,
        shutdown.clone(),
    );
    let server = server(listener, router(Arc::new(app)), &config, shutdown)?;
    let handle = tokio::spawn(async move {
        let _ = server.await;
        source.stop().await;
    });
    Ok(Running {
        addr,
        ledger,
        engine,
        handle,
    })
}

fn parts(config: &Config, chain: Chain, blocks: Option<Arc<dyn BlockStore>>) -> Parts {
    let size = MapSize {
        buckets: config.state.buckets,
        cache_mib: config.state.cache_mib,
    };
    let (dir, metrics) = (config.data_dir.clone(), Arc::new(Metrics::default()));
    Parts {
        chain,
        dir,
        size,
        blocks,
        metrics,
    }
}

/// Where blocks come from.
pub(crate) struct Source {
    ledger: Arc<Ledger>,
    pub(crate) engine: Option<Arc<dyn Engine>>,
    follower: Option<JoinHandle<()>>,
}

impl Source {
    async fn stop(self) {
        if let Some(follower) = self.follower {
            let _ = follower.await;
        }
        if let Some(engine) = self.engine {
            let _ = tokio::task::spawn_blocking(move || engine.stop()).await;
        }
    }
}

async fn start(
    config: &Config,
    parts: Parts,
    clock: &Arc<dyn Clock>,
    shutdown: &watch::Receiver<bool>,
) -> Result<Source, ServeError> {
    match (&config.engine_key, &config.follow) {
        (Some(key), _) => {
            let seed = keyfile::load(key)?;
            let (clock, limit) = (clock.clone(), config.limits.waiting);
            #[cfg(feature = "lying")]
            let lie = config.lie;
            let started = tokio::task::spawn_blocking(move || {
                #[cfg(feature = "lying")]
                let rewritten = crate::lying::rewrite(lie, &parts)?;
                let started = embedded(&seed, parts, clock, limit)?;
                #[cfg(feature = "lying")]
                crate::lying::resubmit(&started, rewritten);
                Ok(started)
            });
            started
                .await
                .unwrap_or_else(|_| Err(StoreError::Failed("opening failed".to_owned()).into()))
        }
        (None, Some(address)) => {
            let started = follower::start(config, address, parts, shutdown.clone()).await?;
            let (ledger, task) = started;
            Ok(Source {
                ledger,
                engine: None,
                follower: Some(task),
            })
        }
        (None, None) => Err(ServeError::OtherKey),
    }
}

fn embedded(
    seed: &Secret32,
    parts: Parts,
    clock: Arc<dyn Clock>,
    limit: usize,
) -> Result<Source, ServeError> {
    let suite = parts.chain.suite();
    let signer = engine_signer(suite, seed);
    let EngineKeys::Embedded(named) = &parts.chain.genesis().engine;
    if signer.public() != *named {
        return Err(ServeError::OtherKey);
    }
    let writer = open(parts, &mut |header| Some(signer.certify(suite, header)))?;
    let ledger = writer.ledger().clone();
    let engine: Arc<dyn Engine> = Arc::new(Embedded::start(writer, signer, clock, limit)?);
    Ok(Source {
        ledger,
        engine: Some(engine),
        follower: None,
    })
}

fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => ServeError::AddressInUse(address),
        _ => ServeError::Listen(error),
    })
}

/// Under which origins clients may have called.
fn origins(config: &Config, addr: SocketAddr) -> Vec<String> {
    let scheme = if config.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let mut origins = config.origins.clone();
    origins.push(format!("{scheme}://{addr}"));
    if addr.ip().is_loopback() || addr.ip().is_unspecified() {
        let port = addr.port();
        origins.extend(["127.0.0.1", "localhost"].map(|host| format!("{scheme}://{host}:{port}")));
    }
    origins
}

fn server(
    listener: TcpListener,
    router: axum::Router,
    config: &Config,
    shutdown: watch::Receiver<bool>,
) -> Result<JoinHandle<std::io::Result<()>>, ServeError> {
    let certificate = |tls: &Tls| medfolder_http::certificate(&tls.cert, &tls.key);
    let tls = config.tls.as_ref().map(certificate).transpose();
    let tls = tls.map_err(ServeError::Tls)?;
    let patience = Patience::of(config.limits.patience);
    let serving = medfolder_http::listen(listener, tls, router, patience, shutdown);
    Ok(tokio::spawn(serving.map_err(ServeError::Listen)?))
}

//! Starts an edge: opens what is durable, binds, begins the background work.

use std::fs::{File, TryLockError};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use medfolder_client::keyfile::{self, KeyFileError};
use medfolder_crypto::{SigningKey, os_rng};
use medfolder_http::{Patience, listen};
use medfolder_ledger::genesis::{Chain, GenesisError};
use medfolder_share::Pepper;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use url::Url;

use super::app::{App, Head, Layout, Limits, Wake};
use super::blob::{BlobError, Blobs, Directory};
use super::config::{Config, Tls};
use super::db::{Db, DbError};
use super::http::routes;
use super::ledger::{Ledger, LedgerError, Nodes};
use super::session::Sessions;
use super::share::purge;
use super::{follow, tasks};
use crate::clock::{SharedClock, SystemClock};
use crate::intact;
use crate::spool::{Reader, SpoolError, Writer};
use crate::troubles::Troubles;

/// Why an edge does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file or a port could not be opened.
    #[error("a file or port could not be opened")]
    Io(#[from] std::io::Error),
    /// Another program, perhaps another edge, listens on the address.
    #[error("another program listens on {0}")]
    AddressInUse(SocketAddr),
    /// The genesis is not usable.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// The member is not in the genesis.
    #[error("the member is not in the genesis")]
    NoMember,
    /// Certificate and key cannot be read, or do not belong together.
    #[error("the TLS certificate and its key are not usable")]
    Tls,
    /// The host key cannot be read.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The host key is not the one that the genesis names for this member.
    #[error("the host key is not this member's")]
    OtherKey,
    /// Another edge runs on this data folder.
    #[error("another edge runs on this data folder")]
    Busy,
    /// The index cannot be opened.
    #[error(transparent)]
    Index(#[from] DbError),
    /// The blobs cannot be opened.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// A spool cannot be opened.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// No usable address of a node.
    #[error("the configuration names no node of the ledger")]
    Ledger(#[from] LedgerError),
    /// Not scheme, host and port, or too long for a link.
    #[error("the public address is not usable in a link")]
    PublicUrl,
}

impl StartError {
    /// Stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "edge.io",
            Self::AddressInUse(_) => "edge.address_in_use",
            Self::Genesis(error) => error.code(),
            Self::NoMember => "edge.no_member",
            Self::Tls => "edge.tls",
            Self::Key(error) => error.code(),
            Self::OtherKey => "edge.other_key",
            Self::Busy => "edge.busy",
            Self::Index(error) => error.code(),
            Self::Blobs(error) => error.code(),
            Self::Spool(error) => error.code(),
            Self::Ledger(error) => error.code(),
            Self::PublicUrl => "edge.public_url",
        }
    }
}

/// What a caller may put in place of the system's: a clock that it moves, a ledger of its own.
pub struct Parts {
    /// The clock.
    pub clock: SharedClock,
    /// The ledger.
    pub ledger: Arc<dyn Ledger>,
    /// The store of ciphertext; a directory below the data folder without one.
    pub blobs: Option<Arc<dyn Blobs>>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Parts { … }")
    }
}

/// A running edge.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Where its operator reaches it.
    pub admin: Option<SocketAddr>,
    /// Scheme, host and port as clients call it.
    pub origin: String,
    /// Ends when the edge has stopped.
    pub task: JoinHandle<()>,
}

/// Runs an edge until `shutdown` is true. Returns as soon as it listens.
///
/// # Errors
/// [`StartError`].
pub async fn serve(config: Config, shutdown: watch::Receiver<bool>) -> Result<Running, StartError> {
    let clock: SharedClock = Arc::new(SystemClock);
    let ledger = nodes(&config, clock.clone())?;
    let parts = Parts {
        clock,
        ledger,
        blobs: None,
    };
    serve_with(config, parts, shutdown).await
}

/// The nodes of a configuration, asked with its host key.
fn nodes(config: &Config, clock: SharedClock) -> Result<Arc<Nodes>, StartError> {
    let chain = chain(config)?;
    let key = host_key(config, &chain)?;
    let clock = medfolder_client::clock::Clock::of(move || clock.now());
    Ok(Arc::new(Nodes::new(
        &config.ledger,
        &chain,
        config.member,
        key,
        clock,
    )?))
}

fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => StartError::AddressInUse(address),
        _ => StartError::Io(error),
    })
}

fn chain(config: &Config) -> Result<Chain, StartError> {
    Ok(Chain::from_bytes(&std::fs::read(&config.genesis)?)?)
}

fn host_key(config: &Config, chain: &Chain) -> Result<SigningKey, StartError> {
    let member = chain.member(&config.member).ok_or(StartError::NoMember)?;
    let key = SigningKey::from_seed(chain.suite(), &keyfile::load(&config.host_key)?);
    if key.public() == member.keys.host {
        Ok(key)
    } else {
        Err(StartError::OtherKey)
    }
}

/// [`serve`] with a clock and a ledger of the caller's.
///
/// # Errors
/// [`StartError`].
pub async fn serve_with(
    config: Config,
    parts: Parts,
    shutdown: watch::Receiver<bool>,
) -> Result<Running, StartError> {
    let listener = bind(config.listen)?;
    let addr = listener.local_addr()?;
    let admin = config.admin_listen.map(bind).transpose()?;
    let admin_addr = admin.as_ref().map(TcpListener::local_addr).transpose()?;
    let origin = origin(&config, addr)?;
    let app = Arc::new(open(&config, parts, origin.clone()).await?);
    let reader = Reader::open(&config.spool_out)?;
    purge::sweep(&app).await?;
    let mut work = JoinSet::new();
    tasks::spawn(&mut work, &app, reader, &shutdown);
    let patience = Patience::of(config.tuning.patience);
    let mut listen = |listener, tls: Option<&Tls>, router| {
        let certificate = |tls: &Tls| medfolder_http::certificate(&tls.cert, &tls.key);
        let tls = tls
            .map(certificate)
            .transpose()
            .map_err(|_| StartError::Tls)?;
        let serving = listen(listener, tls, router, patience, shutdown.clone())?;
        work.spawn(ended(serving));
        Ok::<_, StartError>(())
    };
    listen(listener, config.tls.as_ref(), routes::public(&app))?;
    if let Some(admin) = admin {
        listen(admin, None, routes::admin(&app))?;
    }
    let task = tokio::spawn(async move { while work.join_next().await.is_some() {} });
    tracing::info!(%addr, member = %config.member, "the edge listens");
    Ok(Running {
        addr,
        admin: admin_addr,
        origin,
        task,
    })
}

/// Two edges on one folder would remove each other's ciphertext. The system frees the lock when the
/// process ends, however it ends.
fn lock(layout: &Layout<'_>) -> Result<File, StartError> {
    let file = File::create(layout.lock())?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StartError::Busy),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

async fn open(config: &Config, parts: Parts, origin: String) -> Result<App, StartError> {
    let chain = chain(config)?;
    let name = chain
        .member(&config.member)
        .ok_or(StartError::NoMember)?
        .name
        .clone();
    let key = host_key(config, &chain)?;
    let layout = Layout(&config.data_dir);
    std::fs::create_dir_all(layout.0)?;
    let lock = lock(&layout)?;
    if intact::is_gone(&layout.index(), &layout.pepper()) {
        return Err(DbError::Missing.into());
    }
    let db = Db::open(&layout.index(), config.tuning.index_bytes)?;
    let last = db.read(follow::last_header).await?;
    let head = last.map_or_else(
        || Head::new(0, 0),
        |header| Head::new(header.height, header.time),
    );
    let pepper = keyfile::load_or_create(&layout.pepper(), &mut os_rng())?;
    let blobs = match parts.blobs {
        Some(blobs) => blobs,
        None => Arc::new(Directory::open(&layout.blobs(), chain.suite())?),
    };
    Ok(App {
        suite: chain.suite(),
        member: config.member,
        name,
        origin,
        tuning: config.tuning.clone(),
        clock: parts.clock,
        db,
        blobs,
        key,
        pepper: Arc::new(Pepper::new(pepper)),
        ledger: parts.ledger,
        sessions: Sessions::default(),
        limits: Limits::new(&config.tuning),
        rooms: Arc::default(),
        to_inner: Mutex::new(Writer::open(&config.spool_in)?),
        head,
        troubles: Troubles::default(),
        following: tokio::sync::Mutex::default(),
        _lock: lock,
        wake: Wake::default(),
        chain,
    })
}

/// Longest address of a link: 128 characters without `/s/` and the segment's 43.
const MAX_ORIGIN: usize = 128 - 46;

fn origin(config: &Config, addr: SocketAddr) -> Result<String, StartError> {
    let Some(text) = &config.public_url else {
        if !addr.ip().is_loopback() {
            return Err(StartError::PublicUrl);
        }
        let scheme = if config.tls.is_some() {
            "https"
        } else {
            "http"
        };
        return Ok(format!("{scheme}://{addr}"));
    };
    let url: Url = text.parse().map_err(|_| StartError::PublicUrl)?;
    let origin = url.origin().ascii_serialization();
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let usable = medfolder_share::address::link_address(&origin).is_ok();
    if bare && usable && origin.len() <= MAX_ORIGIN {
        Ok(origin)
    } else {
        Err(StartError::PublicUrl)
    }
}

async fn ended(serving: impl Future<Output = std::io::Result<()>>) {
    if let Err(error) = serving.await {
        tracing::error!(%error, "a listener ended");
    }
}

//! The inner zone (内区): from FHIR to sealed visits. Plaintext, seal and receive key live here.
//!
//! ```text
//! watched folder, POST /v1/fhir ─▶ inlet ─▶ assign ─▶ work list ⇄ signer
//!                                                        │ all signed
//! spool in ─▶ follow (verified blocks), desk (claims)    ▼
//! spool out ◀──────────── outbox ◀──────────────────── seal ─▶ cleanup when final
//! ```
//! Everything that waits is encrypted under a zone key; every step is one durable database
//! transaction, so that a machine may stop at any instruction. The edge is not trusted: only what
//! verifies against genesis, or under a code made here, is believed.

mod assign;
mod carried;
mod checked;
mod cleanup;
mod config;
pub mod desk;
mod draft;
mod error;
mod folder;
mod follow;
mod http;
mod inlet;
mod keys;
mod outbox;
mod parted;
mod refused;
mod replaced;
mod run;
mod seal;
mod staff;
mod status;
mod store;
mod vault_file;
mod work;
mod zone;
mod zone_key;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use medfolder_client::keyfile;
use medfolder_crypto::os_rng;
use medfolder_http::Patience;
use medfolder_ledger::Chain;
use medfolder_record::AreaId;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::{SharedClock, SystemClock};
use crate::intact;
use crate::spool::{Reader, Writer};
pub use config::{Config, Keys, Tokens, Tuning};
pub use error::InnerError;
use inlet::watch::Watch;
pub use inlet::{InletError, Taken};
use keys::SealKeys;
use run::Worker;
pub use staff::{NewStaff, StaffError, StaffMember};
pub use status::{Head, HeldVisit, Skipped, Status};
use store::Store;
use zone::{Wake, Zone};
use zone_key::ZoneKey;

/// A running inner zone.
#[derive(Debug)]
pub struct Running {
    /// Where its HTTP interface listens.
    pub addr: SocketAddr,
    /// Ends when the zone has stopped.
    pub task: JoinHandle<()>,
}

/// Starts an inner zone; returns once it listens.
///
/// # Errors
/// [`InnerError`].
pub async fn serve(config: Config, shutdown: watch::Receiver<bool>) -> Result<Running, InnerError> {
    serve_at(config, Arc::new(SystemClock), shutdown).await
}

/// Starts an inner zone under another clock.
///
/// # Errors
/// [`InnerError`].
pub async fn serve_at(
    config: Config,
    clock: SharedClock,
    shutdown: watch::Receiver<bool>,
) -> Result<Running, InnerError> {
    let lock = lock(&config.data_dir)?;
    let zone = Arc::new(open(config, clock)?);
    let staged = outbox::staged(&zone)?;
    let mut writer = Writer::open_keeping(&zone.config.spool_out, |name| staged.contains(name))?;
    recover(&zone, &mut writer)?;
    let reader = Reader::open(&zone.config.spool_in)?;
    let router = http::router(Arc::clone(&zone), &zone.config)?;
    let address = zone.config.listen;
    let listener = std::net::TcpListener::bind(address).map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => InnerError::AddressInUse(address),
        _ => error.into(),
    })?;
    let addr = listener.local_addr()?;
    let patience = Patience::of(zone.config.tuning.patience);
    let stop = Arc::new(AtomicBool::new(false));
    let threads = threads(
        &zone,
        Worker::new(Arc::clone(&zone), Mutex::new(writer), reader),
        &stop,
    )?;
    let serving = medfolder_http::listen(listener, None, router, patience, shutdown)?;
    let task = tokio::spawn(async move {
        if let Err(error) = serving.await {
            tracing::error!(%error, "the inner zone's HTTP interface failed");
        }
        stop.store(true, Ordering::SeqCst);
        zone.wake.rouse();
        let joined = tokio::task::spawn_blocking(move || {
            threads.into_iter().for_each(|thread| drop(thread.join()));
            drop(lock);
        });
        drop(joined.await);
    });
    Ok(Running { addr, task })
}

/// One process per data folder.
fn lock(data_dir: &Path) -> Result<std::fs::File, InnerError> {
    std::fs::create_dir_all(data_dir)?;
    let file = std::fs::File::create(data_dir.join("lock"))?;
    file.try_lock()
        .map_err(|_| InnerError::Config("the data folder is in use"))?;
    Ok(file)
}

fn open(config: Config, clock: SharedClock) -> Result<Zone, InnerError> {
    let bytes = std::fs::read(&config.genesis).map_err(|_| InnerError::Config("genesis"))?;
    let chain = Chain::from_bytes(&bytes).map_err(|_| InnerError::Config("genesis"))?;
    let suite = chain.suite();
    let member = chain.member(&config.member).cloned();
    let member = &member.ok_or(InnerError::Config("member"))?;
    let area = area(&chain, &config).ok_or(InnerError::Config("storage area"))?;
    let carried_roots = carried::roots(&chain, &config.carried_roots)?;
    let zone_key = keyfile::load_or_create(&config.data_dir.join("zone.key"), &mut os_rng())?;
    let files = config.data_dir.join("files");
    let database = config.data_dir.join("inner.db");
    if intact::is_gone(&database, &files) {
        return Err(InnerError::DatabaseMissing);
    }
    let store = Store::open(&database, config.tuning.database_bytes)?;
    std::fs::create_dir_all(&files)?;
    let seals = store.read(|db| SealKeys::load(suite, &config.keys, db, member))?;
    let key = ZoneKey::new(suite, zone_key);
    Ok(Zone {
        config,
        chain,
        area,
        seals,
        carried_roots,
        key,
        store,
        files,
        clock,
        wake: Wake::default(),
        troubles: crate::troubles::Troubles::default(),
    })
}

fn area(chain: &Chain, config: &Config) -> Option<AreaId> {
    let areas = &chain.genesis().areas;
    let own = |id: &AreaId| {
        areas
            .iter()
            .any(|area| area.id == *id && area.member == config.member)
    };
    match config.area {
        Some(id) => own(&id).then_some(id),
        None => areas
            .iter()
            .find(|area| area.member == config.member)
            .map(|area| area.id),
    }
}

/// Removes what a crash left: stored files without a row, blobs that no message will name.
fn recover(zone: &Zone, writer: &mut Writer<crate::spool::Out>) -> Result<(), InnerError> {
    cleanup::sweep_files(zone)?;
    cleanup::forget_old(zone)?;
    let needed: BTreeSet<String> = writer.named_blobs()?.into_iter().collect();
    Ok(writer.sweep_blobs(|name| needed.contains(name))?)
}

fn threads(
    zone: &Arc<Zone>,
    worker: Worker,
    stop: &Arc<AtomicBool>,
) -> Result<Vec<std::thread::JoinHandle<()>>, InnerError> {
    let flag = Arc::clone(stop);
    let named = |name: &str| std::thread::Builder::new().name(name.to_owned());
    let mut threads = vec![named("inner-work").spawn(move || worker.run(&flag))?];
    if let Some(folder) = &zone.config.watch_dir {
        let watch = Watch::new(folder)?;
        let (zone, flag) = (Arc::clone(zone), Arc::clone(stop));
        threads.push(named("inner-watch").spawn(move || run::watch(&zone, watch, &flag))?);
    }
    Ok(threads)
}

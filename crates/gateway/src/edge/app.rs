//! What all parts of a running edge share.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use medfolder_crypto::{Digest, Secret32, SigningKey, Suite, os_rng};
use medfolder_ledger::genesis::Chain;
use medfolder_record::MemberId;
use medfolder_share::{Pepper, ShareId};
use tokio::sync::{Notify, watch};

use super::blob::Blobs;
use super::config::Tuning;
use super::db::Db;
use super::ledger::Ledger;
use super::limit::Limiter;
use super::session::Sessions;
use super::share::Rooms;
use crate::clock::SharedClock;
use crate::spool::{In, Writer};
use crate::troubles::Troubles;

/// How long shares are served on the ledger's last state, in milliseconds.
const RELIANCE: u64 = 10 * 60 * 1_000;
/// How long a request waits for a node when that time is over.
const PATIENCE: Duration = Duration::from_secs(3);
/// Buckets kept per limit.
const LIMITED: usize = 100_000;

/// The edge's parts and state.
pub(crate) struct App {
    pub(crate) suite: Suite,
    pub(crate) chain: Chain,
    pub(crate) member: MemberId,
    pub(crate) name: String,
    /// Scheme, host and port, as clients call it.
    pub(crate) origin: String,
    pub(crate) tuning: Tuning,
    pub(crate) clock: SharedClock,
    pub(crate) db: Db,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) key: SigningKey,
    pub(crate) pepper: Arc<Pepper>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) sessions: Sessions,
    pub(crate) limits: Limits,
    pub(crate) rooms: Arc<Rooms>,
    pub(crate) to_inner: Mutex<Writer<In>>,
    pub(crate) head: Head,
    pub(crate) troubles: Troubles,
    pub(crate) following: tokio::sync::Mutex<()>,
    /// Held as long as anything of this edge runs: one process on one data folder.
    pub(crate) _lock: std::fs::File,
    pub(crate) wake: Wake,
}

/// Rate limits of the public doors.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) address: Limiter<IpAddr>,
    pub(crate) link: Limiter<(IpAddr, ShareId)>,
    pub(crate) file: Limiter<(IpAddr, ShareId)>,
    pub(crate) claim: Limiter<IpAddr>,
    /// Hides networks in the index; another one after each start.
    hide: Secret32,
}

impl Limits {
    pub(crate) fn new(tuning: &Tuning) -> Self {
        Self {
            address: Limiter::new(tuning.address_rate, LIMITED),
            link: Limiter::new(tuning.link_rate, LIMITED),
            file: Limiter::new(tuning.file_rate, LIMITED),
            claim: Limiter::new(tuning.claim_rate, LIMITED),
            hide: Secret32::random(&mut os_rng()),
        }
    }

    /// A network as the index may know it.
    pub(crate) fn source(&self, network: IpAddr) -> Digest {
        let text = network.to_string();
        Suite::International.hmac(self.hide.expose(), &[text.as_bytes()])
    }
}

/// How far the ledger was followed.
#[derive(Debug)]
pub(crate) struct Head {
    /// Newest height that was verified and stored.
    height: watch::Sender<u64>,
    /// Its block time.
    time: AtomicU64,
}

impl Head {
    pub(crate) fn new(height: u64, time: u64) -> Self {
        Self {
            height: watch::channel(height).0,
            time: AtomicU64::new(time),
        }
    }

    pub(crate) fn advance(&self, height: u64, time: u64) {
        self.time.fetch_max(time, Ordering::SeqCst);
        self.height.send_replace(height);
    }

    /// Wakes whoever waits for a transaction's fate.
    pub(crate) fn touch(&self) {
        self.height.send_modify(|_| {});
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.height.subscribe()
    }
}

/// Wakes the background tasks before their interval is over.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    pub(crate) submit: Notify,
    pub(crate) report: Notify,
    pub(crate) audit: Notify,
}

impl App {
    /// The host's clock or block time, whichever is later: what expiry goes by.
    pub(crate) fn now(&self) -> u64 {
        self.clock.now().max(self.head.time.load(Ordering::SeqCst))
    }

    /// The host's clock or block time, whichever is earlier: what destroying goes by.
    pub(crate) fn earlier(&self) -> u64 {
        self.clock.now().min(self.head.time.load(Ordering::SeqCst))
    }

    /// The address in a link.
    pub(crate) fn manifest_url(&self, segment: &ShareId) -> String {
        format!("{}/s/{segment}", self.origin)
    }

    /// Whether the last state of the ledger may still be relied on: for ten minutes after its
    /// newest block; a ledger that lives has one a minute. A clock that far behind it knows of no
    /// ten minutes. Asks once more before it says no.
    pub(crate) async fn hears_ledger(self: &Arc<Self>) -> bool {
        let block_time = || self.head.time.load(Ordering::SeqCst);
        let fresh = || self.clock.now().abs_diff(block_time()) <= RELIANCE;
        if fresh() {
            return true;
        }
        let asked = tokio::time::timeout(PATIENCE, super::follow::catch_up(self)).await;
        if let Ok(Err(error)) = asked {
            tracing::warn!(code = error.code(), "the ledger is out of reach");
        }
        fresh()
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "App({})", self.member)
    }
}

/// Where the parts of a data folder lie.
pub(crate) struct Layout<'a>(pub(crate) &'a Path);

impl Layout<'_> {
    pub(crate) fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }
    pub(crate) fn index(&self) -> PathBuf {
        self.0.join("index.db")
    }
    pub(crate) fn blobs(&self) -> PathBuf {
        self.0.join("blobs")
    }
    pub(crate) fn pepper(&self) -> PathBuf {
        self.0.join("pepper.key")
    }
}

//! The ledger as the edge needs it: hand in a transaction, read certified blocks.
//!
//! What a node says is believed only where a certificate proves it ([`super::follow`]); a node that
//! refuses or is out of reach is passed over for the next one.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use medfolder_client::api::ledger::{SubmitRequest, Submitted};
use medfolder_client::api::{Blob, Peer};
use medfolder_client::clock::Clock;
use medfolder_client::http::{Http, HttpError, HttpOptions, Pin as TlsPin, join};
use medfolder_client::login::{Door, Identity};
use medfolder_crypto::SigningKey;
use medfolder_ledger::genesis::Chain;
use medfolder_ledger::login::LoginSubject;
use medfolder_ledger::member::Member;
use medfolder_ledger::refusal::Refusal;
use medfolder_record::MemberId;
use url::Url;

/// Longest answer with blocks.
const MAX_BLOCKS_ANSWER: usize = 128 << 20;

/// A future of this module.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, LedgerError>> + Send + 'a>>;

/// Why the ledger gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// No node answered.
    #[error("no node of the ledger answered")]
    Unreachable,
    /// A node refused the transaction with this code; another node may take it.
    #[error("a node refused the transaction: {0}")]
    Refused(String),
}

impl LedgerError {
    /// Stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreachable => "ledger.unreachable",
            Self::Refused(_) => "ledger.refused",
        }
    }
}

/// Nodes of the ledger.
pub trait Ledger: Send + Sync + 'static {
    /// Hands in a transaction; taken does not mean final.
    fn submit(&self, transaction: Vec<u8>) -> Answer<'_, ()>;

    /// Blocks with their certificates from height `from` on, as the node serves them: a CBOR
    /// sequence, at most `limit` of them; empty when there is none yet.
    fn blocks(&self, from: u64, limit: u64) -> Answer<'_, Vec<u8>>;
}

/// The nodes that an operator named, tried in order from the last that answered. Blocks are for
/// members: the edge logs in with the host key.
#[derive(Debug)]
pub struct Nodes {
    doors: Vec<Door>,
    current: AtomicUsize,
}

impl Nodes {
    /// Nodes at these addresses, asked in the name of `member`. The TLS key of a node that genesis
    /// names is pinned.
    ///
    /// # Errors
    /// [`LedgerError::Unreachable`] when one is no address, or there is none.
    pub fn new(
        urls: &[String],
        chain: &Chain,
        member: MemberId,
        host_key: SigningKey,
        clock: Clock,
    ) -> Result<Self, LedgerError> {
        let subject = LoginSubject::Member(member);
        let identity = Identity {
            subject,
            keys: None,
            key: Arc::new(host_key),
        };
        let doors: Vec<Door> = urls
            .iter()
            .map(|url| door(url, chain, &identity, &clock).ok_or(LedgerError::Unreachable))
            .collect::<Result<_, _>>()?;
        if doors.is_empty() {
            return Err(LedgerError::Unreachable);
        }
        Ok(Self {
            doors,
            current: AtomicUsize::new(0),
        })
    }

    fn in_turn(&self) -> impl Iterator<Item = (usize, &Door)> {
        let start = self.current.load(Ordering::Relaxed);
        (0..self.doors.len()).filter_map(move |step| {
            let index = start.wrapping_add(step).checked_rem(self.doors.len())?;
            self.doors.get(index).map(|door| (index, door))
        })
    }
}

fn door(url: &str, chain: &Chain, identity: &Identity, clock: &Clock) -> Option<Door> {
    let url: Url = url.parse().ok()?;
    let runs = |member: &&Member| {
        let node = member
            .endpoints
            .node
            .as_deref()
            .and_then(|text| text.parse::<Url>().ok());
        node.is_some_and(|node| node == url)
    };
    let member = chain.genesis().members.iter().find(runs);
    let pin = member.and_then(|member| member.tls_pin).map(TlsPin);
    let http = Http::new(HttpOptions {
        pin,
        ..HttpOptions::default()
    })
    .ok()?;
    let id = member.map(|member| member.id);
    Some(Door::new(
        http,
        url,
        chain.digest(),
        id,
        identity.clone(),
        clock.clone(),
    ))
}

async fn submit_to(door: &Door, request: &SubmitRequest) -> Result<(), HttpError> {
    let url = join(door.base(), "v1/transactions")?;
    door.http()
        .post::<Submitted>(&url, None, request)
        .await
        .map(drop)
}

/// What a node says that knows the transaction already: it is in a block.
fn is_known(code: &str) -> bool {
    code == Refusal::Replayed.code()
}

impl Ledger for Nodes {
    fn submit(&self, transaction: Vec<u8>) -> Answer<'_, ()> {
        Box::pin(async move {
            let request = SubmitRequest {
                transaction: Blob(transaction),
            };
            let mut last = LedgerError::Unreachable;
            for (index, door) in self.in_turn() {
                match submit_to(door, &request).await {
                    Ok(()) => {
                        self.current.store(index, Ordering::Relaxed);
                        return Ok(());
                    }
                    Err(error) if is_known(error.code()) => return Ok(()),
                    Err(error) if matches!(error.status(), Some(400 | 413 | 422)) => {
                        last = LedgerError::Refused(error.code_from(Peer::Node).to_owned());
                    }
                    Err(error) => {
                        tracing::debug!(code = error.code_from(Peer::Node), "a node did not answer")
                    }
                }
            }
            Err(last)
        })
    }

    fn blocks(&self, from: u64, limit: u64) -> Answer<'_, Vec<u8>> {
        Box::pin(async move {
            let path = format!("v1/blocks?from={from}&limit={limit}");
            for (index, door) in self.in_turn() {
                match door.get_bytes(&path, MAX_BLOCKS_ANSWER).await {
                    Ok(bytes) => {
                        self.current.store(index, Ordering::Relaxed);
                        return Ok(bytes);
                    }
                    Err(error) => {
                        tracing::debug!(code = error.code_from(Peer::Node), "a node did not answer")
                    }
                }
            }
            Err(LedgerError::Unreachable)
        })
    }
}

//! The ledger as the edge needs it: hand in a transaction, read certified blocks.
//!
//! What a node says is believed only where a certificate proves it ([`super::follow`]); a node that
//! refuses or is out of reach is passed over for the next one.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};

use medfolder_client::api::Blob;
use medfolder_client::api::ledger::{SubmitRequest, Submitted};
use medfolder_client::http::{Http, HttpError, HttpOptions, join};
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

/// The nodes that an operator named, tried in order from the last that answered.
#[derive(Debug)]
pub struct Nodes {
    http: Http,
    urls: Vec<Url>,
    current: AtomicUsize,
}

impl Nodes {
    /// Nodes at these addresses.
    ///
    /// # Errors
    /// [`LedgerError::Unreachable`] when none of them is an address.
    pub fn new(urls: &[String]) -> Result<Self, LedgerError> {
        let urls: Vec<Url> = urls.iter().filter_map(|text| text.parse().ok()).collect();
        let http = Http::new(HttpOptions::default()).map_err(|_| LedgerError::Unreachable)?;
        if urls.is_empty() {
            return Err(LedgerError::Unreachable);
        }
        Ok(Self { http, urls, current: AtomicUsize::new(0) })
    }

    fn in_turn(&self) -> impl Iterator<Item = (usize, &Url)> {
        let start = self.current.load(Ordering::Relaxed);
        (0..self.urls.len()).filter_map(move |step| {
            let index = start.wrapping_add(step).checked_rem(self.urls.len())?;
            self.urls.get(index).map(|url| (index, url))
        })
    }

    async fn submit_to(&self, url: &Url, request: &SubmitRequest) -> Result<(), HttpError> {
        let url = join(url, "v1/transactions")?;
        self.http.post::<Submitted>(&url, None, request).await.map(drop)
    }

    async fn blocks_of(&self, url: &Url, from: u64, limit: u64) -> Result<Vec<u8>, HttpError> {
        let mut url = join(url, "v1/blocks")?;
        url.set_query(Some(&format!("from={from}&limit={limit}")));
        self.http.get_bytes(&url, None, MAX_BLOCKS_ANSWER).await
    }
}

impl Ledger for Nodes {
    fn submit(&self, transaction: Vec<u8>) -> Answer<'_, ()> {
        Box::pin(async move {
            let request = SubmitRequest { transaction: Blob(transaction) };
            let mut last = LedgerError::Unreachable;
            for (index, url) in self.in_turn() {
                match self.submit_to(url, &request).await {
                    Ok(()) => {
                        self.current.store(index, Ordering::Relaxed);
                        return Ok(());
                    }
                    Err(error) if error.status().is_some_and(|s| (400..500).contains(&s)) => {
                        last = LedgerError::Refused(error.code().to_owned());
                    }
                    Err(_) => {}
                }
            }
            Err(last)
        })
    }

    fn blocks(&self, from: u64, limit: u64) -> Answer<'_, Vec<u8>> {
        Box::pin(async move {
            for (index, url) in self.in_turn() {
                if let Ok(bytes) = self.blocks_of(url, from, limit).await {
                    self.current.store(index, Ordering::Relaxed);
                    return Ok(bytes);
                }
            }
            Err(LedgerError::Unreachable)
        })
    }
}

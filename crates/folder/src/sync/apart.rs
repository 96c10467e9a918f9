//! Asking about the cards of one folder apart from each other: each at the node of the hospital that
//! issued it, on connections of its own, and not in one moment, so that nobody who watches a node
//! tells by when it was asked that two cards belong together.
//!
//! Where two cards have one node, as with the embedded engine's, that node sees both all the same:
//! there is nothing to wait for (SECURITY.md).

use crate::FolderError;
use medfolder_client::ledger::LedgerClient;
use medfolder_crypto::os_rng;
use medfolder_record::MemberId;
use rand_core::Rng as _;
use std::time::Duration;
use url::Url;

/// Longest pause before another node is asked about another card, in milliseconds.
const LONGEST_PAUSE: u64 = 2_000;

/// Goes from card to card.
#[derive(Debug, Default)]
pub(super) struct Apart {
    before: Option<Url>,
}

impl Apart {
    /// The ledger for what concerns the next card, of this member, after a random pause if another
    /// node than before will be asked.
    pub(super) async fn next(
        &mut self,
        ledger: &LedgerClient,
        member: &MemberId,
    ) -> Result<LedgerClient, FolderError> {
        let ledger = ledger.at(member)?;
        let first = ledger.first().cloned();
        if self.before.is_some() && self.before != first {
            let pause = os_rng().next_u64() % LONGEST_PAUSE;
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        self.before = first;
        Ok(ledger)
    }
}

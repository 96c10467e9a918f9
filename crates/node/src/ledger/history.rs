//! Lists of cards, grants and folders with what proves them whole.

use medfolder_crypto::{Suite, from_cbor};
use medfolder_ledger::proof::{EntryProof, HistoryItem, HistoryPage};
use medfolder_ledger::state::{
    CardEntry, FolderEntry, GrantEntry, StateError, StateRead, TransactionStep, read,
};
use medfolder_ledger::{Header, Subject};

use super::Ledger;
use crate::store::{IndexEntry, StoreError};

/// A page ends after the item that passes this many bytes.
const ENOUGH: usize = 4 << 20;

impl From<StateError> for StoreError {
    fn from(error: StateError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl Ledger {
    /// At most `limit` items of a subject's list from `from` on, with its entry as of the newest
    /// checkpoint.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn history(
        &self,
        subject: Subject,
        from: u64,
        limit: u64,
    ) -> Result<HistoryPage, StoreError> {
        let (entry, count) = self.subject_entry(&subject)?;
        let to = from.saturating_add(limit).min(count);
        let items = if from < to {
            self.items(&subject, from, to)?
        } else {
            Vec::new()
        };
        Ok(HistoryPage {
            subject,
            from,
            items,
            entry,
        })
    }

    /// The subject's entry with its proof, and the length of its list.
    fn subject_entry(&self, subject: &Subject) -> Result<(EntryProof, u64), StoreError> {
        let failed = |error: crate::state::MapError| StoreError::Failed(error.to_string());
        let suite = self.chain.suite();
        let view = self.view().map_err(failed)?;
        let entry = view.entry(&subject.state_key(suite)).map_err(failed)?;
        Ok((entry, count(&view, suite, subject)?))
    }

    fn items(&self, subject: &Subject, from: u64, to: u64) -> Result<Vec<HistoryItem>, StoreError> {
        if !self.index.reach(self.head().header.height) {
            return Err(StoreError::Failed("the index does not follow".to_owned()));
        }
        let (mut items, mut size) = (Vec::new(), 0);
        let mut last = None;
        for (height, entry) in self.index.entries(subject, from, to)? {
            let item = self.item(height, entry, &mut last)?;
            size += match &item {
                HistoryItem::Transaction(step) => step.stored.len(),
                HistoryItem::Access(_) => 256,
            };
            items.push(item);
            if size > ENOUGH {
                break;
            }
        }
        Ok(items)
    }

    /// One item; `last` is the block that was asked for its time last.
    fn item(
        &self,
        height: u64,
        entry: IndexEntry,
        last: &mut Option<(u64, u64)>,
    ) -> Result<HistoryItem, StoreError> {
        if entry.step.is_empty() {
            let (_, stored) = self.blocks.transaction(height, entry.place)?;
            let block_time = match *last {
                Some((known, time)) if known == height => time,
                _ => self.block_time(height)?,
            };
            *last = Some((height, block_time));
            return Ok(HistoryItem::Transaction(TransactionStep {
                stored,
                position: entry.position,
                block_time,
            }));
        }
        let damaged = |_| StoreError::Damaged;
        from_cbor(&entry.step, entry.step.len())
            .map(HistoryItem::Access)
            .map_err(damaged)
    }

    fn block_time(&self, height: u64) -> Result<u64, StoreError> {
        let damaged = || StoreError::Damaged;
        let (header, _) = self.blocks.header(height)?.ok_or_else(damaged)?;
        let header: Header = from_cbor(&header, header.len()).map_err(|_| damaged())?;
        Ok(header.time)
    }
}

/// Length of a subject's list.
fn count(state: &dyn StateRead, suite: Suite, subject: &Subject) -> Result<u64, StateError> {
    let key = subject.state_key(suite);
    let running = match subject {
        Subject::Card(_) => read::<CardEntry>(state, &key)?.map(|entry| entry.running),
        Subject::Grant(_) => read::<GrantEntry>(state, &key)?.map(|entry| entry.running),
        Subject::Folder(_) => read::<FolderEntry>(state, &key)?.map(|entry| entry.running),
    };
    Ok(running.map_or(0, |running| running.count))
}

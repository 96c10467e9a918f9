//! Lists of cards, grants and folders with what proves them whole.

use medfolder_crypto::{Suite, from_cbor};
use medfolder_ledger::Subject;
use medfolder_ledger::proof::{EntryProof, HistoryItem, HistoryPage};
use medfolder_ledger::state::{CardEntry, FolderEntry, GrantEntry, StateError, StateRead, read};

use super::Ledger;
use crate::store::{IndexEntry, StoreError};

/// A page ends after the item that passes this many bytes.
const ENOUGH: usize = 4 << 20;

impl From<StateError> for StoreError {
    fn from(error: StateError) -> Self {
        Self(error.to_string())
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
        let failed = |error: crate::state::MapError| StoreError(error.to_string());
        let suite = self.chain.suite();
        let view = self.view().map_err(failed)?;
        let entry = view.entry(&subject.state_key(suite)).map_err(failed)?;
        Ok((entry, count(&view, suite, subject)?))
    }

    fn items(&self, subject: &Subject, from: u64, to: u64) -> Result<Vec<HistoryItem>, StoreError> {
        if !self.index.reach(self.head().header.height) {
            return Err(StoreError("the index does not follow".to_owned()));
        }
        let (mut items, mut size) = (Vec::new(), 0);
        for (height, entry) in self.index.entries(subject, from, to)? {
            let item = self.item(height, entry)?;
            size += match &item {
                HistoryItem::Transaction(stored) => stored.len(),
                HistoryItem::Access(_) => 256,
            };
            items.push(item);
            if size > ENOUGH {
                break;
            }
        }
        Ok(items)
    }

    fn item(&self, height: u64, entry: IndexEntry) -> Result<HistoryItem, StoreError> {
        if entry.step.is_empty() {
            let (_, bytes) = self.blocks.transaction(height, entry.place)?;
            return Ok(HistoryItem::Transaction(bytes));
        }
        let damaged = |_| StoreError("a stored step is damaged".to_owned());
        from_cbor(&entry.step, entry.step.len())
            .map(HistoryItem::Access)
            .map_err(damaged)
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

//! Who looked: every access that hospitals reported, proven whole as of a checkpoint.
//!
//! The ledger's entry says when, what came of it and which positions of the grant's list; only the
//! patient can name them. Who the reader said she was stands in the host's own record, which must
//! have the digest that the ledger holds.

use super::manage::{ShareInfo, Standing};
use crate::{Folder, FolderError};
use medfolder_client::clock::Clock;
use medfolder_client::login::Identity;
use medfolder_crypto::Digest;
use medfolder_ledger::Subject;
use medfolder_ledger::body::{AccessOutcome, Items};
use medfolder_ledger::login::LoginSubject;
use medfolder_ledger::proof::HistoryItem;
use medfolder_ledger::state::AccessClass;
use medfolder_record::{GrantId, RecordId};
use medfolder_share::receipt::AccessRecord;
use std::collections::BTreeMap;
use std::sync::Arc;

const MAX_ACCESS_RECORD: usize = 8 * 1024;

/// One access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedAccess {
    /// The share.
    pub grant: GrantId,
    /// When, by the host's clock, in milliseconds.
    pub time: u64,
    /// What came of it.
    pub outcome: AccessOutcome,
    /// How the ledger's contract classified it.
    pub class: AccessClass,
    /// Records that were received.
    pub records: Vec<RecordId>,
    /// Whether `records` is what the host says of a session that goes on; the ledger holds it
    /// when the session has ended.
    pub provisional: bool,
    /// What the reader called herself; none when the host has no record that fits the ledger's.
    pub recipient: Option<String>,
    /// Its place in the grant's list on the ledger.
    pub position: u64,
}

/// Accesses of all shares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessLog {
    /// Oldest first.
    pub accesses: Vec<LoggedAccess>,
    /// Whether every share's list is proven whole as of a checkpoint.
    pub complete: bool,
}

impl Folder<'_> {
    /// Asks the ledger for the accesses of every share, and their hosts for readers' names.
    ///
    /// # Errors
    /// `ledger.…` when the ledger cannot be asked or hides something. A host that does not answer
    /// leaves names out and is no error.
    pub async fn access_log(&self, clock: &Clock) -> Result<AccessLog, FolderError> {
        let mut log = AccessLog {
            accesses: Vec::new(),
            complete: true,
        };
        for share in self.shares(clock.now())?.iter().rev() {
            log.accesses
                .extend(self.share_accesses(share, clock).await?);
        }
        log.accesses.sort_by_key(|access| access.time);
        Ok(log)
    }

    /// Accesses of one share, oldest first, proven whole.
    ///
    /// # Errors
    /// As [`Folder::access_log`].
    pub async fn share_accesses(
        &self,
        share: &ShareInfo,
        clock: &Clock,
    ) -> Result<Vec<LoggedAccess>, FolderError> {
        let identity = Identity {
            subject: LoginSubject::Grant(share.grant),
            keys: None,
            key: Arc::new(share.seed.signing_key(self.consortium.suite())),
        };
        let ledger = self.ledger_client(clock)?;
        if share.standing == Standing::Preparing {
            return Ok(Vec::new());
        }
        let session = ledger.session(&identity)?;
        let history = session.entries(&Subject::Grant(share.grant), None).await?;
        let words = self.host_words(share, clock).await;
        let mut accesses = Vec::new();
        for (position, item) in history.items.into_iter().enumerate() {
            let HistoryItem::Access(step) = item else {
                continue;
            };
            let entry = step.entry;
            let word = words.get(&entry.receipt);
            let so_far = word.and_then(|word| word.so_far.as_ref());
            let so_far = so_far.filter(|_| entry.outcome == AccessOutcome::Opened);
            let records = so_far.unwrap_or(&entry.items).positions().into_iter();
            accesses.push(LoggedAccess {
                grant: share.grant,
                time: entry.time,
                outcome: entry.outcome,
                class: step.class,
                records: records
                    .filter_map(|at| share.records.get(at).copied())
                    .collect(),
                provisional: so_far.is_some(),
                recipient: word.map(|word| word.recipient.clone()),
                position: position as u64,
            });
        }
        Ok(accesses)
    }

    /// What the host adds to the ledger's entries, by the digest of its record of each.
    async fn host_words(&self, share: &ShareInfo, clock: &Clock) -> BTreeMap<Digest, HostWord> {
        let Ok(owner) = self.owner(share, clock) else {
            return BTreeMap::new();
        };
        let Ok(answer) = owner.accesses().await else {
            return BTreeMap::new();
        };
        let suite = self.consortium.suite();
        let proven = answer.accesses.into_iter().filter_map(|access| {
            let record: AccessRecord =
                medfolder_crypto::from_cbor(&access.record.0, MAX_ACCESS_RECORD).ok()?;
            let digest = record.digest(suite);
            let word = HostWord {
                recipient: record.recipient,
                so_far: access.so_far.map(|items| Items(items.0)),
            };
            (record.grant == share.grant).then_some((digest, word))
        });
        proven.collect()
    }
}

struct HostWord {
    /// What the reader called herself.
    recipient: String,
    /// What a session that goes on has received.
    so_far: Option<Items>,
}

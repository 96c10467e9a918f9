//! Who looked: every access that hospitals reported, proven whole as of a checkpoint.
//!
//! The ledger's entry says when, what came of it and which positions of the grant's list; only the
//! patient can name them. Who the reader said she was stands in the host's own record, which must
//! have the digest that the ledger holds. The vault keeps what was fetched last for when the ledger
//! is out of reach.

use super::manage::{ShareInfo, Standing};
use crate::{Folder, FolderError};
use medfolder_client::clock::Clock;
use medfolder_client::ledger::LedgerError;
use medfolder_crypto::Digest;
use medfolder_ledger::body::{AccessOutcome, Items};
use medfolder_ledger::proof::HistoryItem;
use medfolder_ledger::state::AccessClass;
use medfolder_record::{GrantId, RecordId};
use medfolder_share::receipt::AccessRecord;
use rusqlite::params;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const MAX_ACCESS_RECORD: usize = 8 * 1024;

/// One access.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Which of the share's openings it is about, from 1: the same for an opening and the end of its
    /// session; none where nothing was opened, or where the host does not tell of which session it is.
    pub opening: Option<u32>,
    /// Its place in the grant's list on the ledger.
    pub position: u64,
}

/// Accesses of all shares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessLog {
    /// Oldest first.
    pub accesses: Vec<LoggedAccess>,
    /// Whether every share's list is proven whole as of a checkpoint of now.
    pub complete: bool,
    /// The ledger is out of reach, and this is what was proven whole then (ms).
    pub as_of: Option<u64>,
    /// Shares whose lists could not be had; what is known of them is not in `accesses`.
    pub untold: Vec<Untold>,
}

/// A share whose accesses are not told, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Untold {
    /// The share.
    pub share: GrantId,
    /// Code of what went wrong.
    pub code: String,
}

impl Folder<'_> {
    /// Asks the ledger for the accesses of every share, and their hosts for readers' names. Of a
    /// ledger that is out of reach the vault tells what it heard last.
    ///
    /// # Errors
    /// `ledger.…` when the ledger cannot be asked and never was; `vault.…`. What goes wrong with one
    /// share's list is told beside the others'. A host that does not answer leaves names out and is no
    /// error.
    pub async fn access_log(&self, clock: &Clock) -> Result<AccessLog, FolderError> {
        let mut log = AccessLog {
            complete: true,
            ..AccessLog::default()
        };
        let shares = self.shares(clock.now())?;
        for share in shares.iter().rev() {
            match self.share_accesses(share, clock).await {
                Ok(accesses) => log.accesses.extend(accesses),
                Err(error) if error.is_silence() => {
                    log = self.kept_log(&shares)?.ok_or(error)?;
                    break;
                }
                Err(FolderError::Ledger(error)) if !matches!(error, LedgerError::Fork(_)) => {
                    log.complete = false;
                    log.untold.push(Untold {
                        share: share.grant,
                        code: error.code().to_owned(),
                    });
                }
                Err(error) => return Err(error),
            }
        }
        log.accesses.sort_by_key(|access| access.time);
        Ok(log)
    }

    /// What the vault knows of all shares, as of the share that it heard of least lately; nothing
    /// when it never heard of any.
    fn kept_log(&self, shares: &[ShareInfo]) -> Result<Option<AccessLog>, FolderError> {
        let (mut accesses, mut heard, mut as_of) = (Vec::new(), false, u64::MAX);
        let made = shares.iter().filter(|s| s.standing != Standing::Preparing);
        for share in made {
            let kept = self.kept(share)?;
            heard |= kept.is_some();
            // Nobody had opened a share when it was made.
            let (own, at) = kept.unwrap_or((Vec::new(), share.created));
            accesses.extend(own);
            as_of = as_of.min(at);
        }
        Ok(heard.then_some(AccessLog {
            accesses,
            complete: false,
            as_of: Some(as_of),
            untold: Vec::new(),
        }))
    }

    /// A share's list as it was fetched last, and when.
    fn kept(&self, share: &ShareInfo) -> Result<Option<(Vec<LoggedAccess>, u64)>, FolderError> {
        let database = self.vault.database()?;
        let (log, at): (Option<String>, Option<u64>) = database
            .prepare_cached("SELECT log, log_asked FROM share WHERE id = ?1")?
            .query_row([share.row], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let log = log.and_then(|text| serde_json::from_str(&text).ok());
        Ok(log.zip(at))
    }

    fn keep_log(
        &self,
        share: &ShareInfo,
        log: &[LoggedAccess],
        now: u64,
    ) -> Result<(), FolderError> {
        let log = serde_json::to_string(log).map_err(|_| FolderError::VaultDamaged)?;
        self.vault.database()?.execute(
            "UPDATE share SET log = ?2, log_asked = ?3 WHERE id = ?1",
            params![share.row, log, now],
        )?;
        Ok(())
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
        if share.standing == Standing::Preparing {
            return Ok(Vec::new());
        }
        let history = self.grant_history(&share.grant, &share.seed, clock).await?;
        let words = self.host_words(share, clock).await;
        // Whom the host named before, for when it is away now.
        let before = self.kept(share)?.map(|(log, _)| log).unwrap_or_default();
        let mut sessions = Sessions::default();
        let mut accesses = Vec::new();
        for (position, item) in history.items.into_iter().enumerate() {
            let HistoryItem::Access(step) = item else {
                continue;
            };
            let (entry, position) = (step.entry, position as u64);
            let word = words.get(&entry.receipt);
            let so_far = word.and_then(|word| word.so_far.as_ref());
            let so_far = so_far.filter(|_| entry.outcome == AccessOutcome::Opened);
            let records = so_far.unwrap_or(&entry.items).positions().into_iter();
            let known = before.iter().find(|known| known.position == position);
            let opening = sessions.opening(entry.outcome, word.map(|word| word.session));
            accesses.push(LoggedAccess {
                grant: share.grant,
                time: entry.time,
                outcome: entry.outcome,
                class: step.class,
                records: records
                    .filter_map(|at| share.records.get(at).copied())
                    .collect(),
                provisional: so_far.is_some(),
                recipient: word
                    .map(|word| word.recipient.clone())
                    .or_else(|| known?.recipient.clone()),
                opening: opening.or_else(|| known?.opening),
                position,
            });
        }
        self.keep_log(share, &accesses, clock.now())?;
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
                session: record.session,
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
    /// Which session it was in.
    session: Digest,
    /// What a session that goes on has received.
    so_far: Option<Items>,
}

/// The openings of a share, counted in the ledger's order, by their sessions.
#[derive(Default)]
struct Sessions {
    count: u32,
    openings: BTreeMap<Digest, u32>,
}

impl Sessions {
    /// An opening's own number; that of the newest opening of the same session for its end.
    fn opening(&mut self, outcome: AccessOutcome, session: Option<Digest>) -> Option<u32> {
        match outcome {
            AccessOutcome::Opened => {
                self.count += 1;
                session.map(|session| self.openings.insert(session, self.count));
                Some(self.count)
            }
            AccessOutcome::Ended => self.openings.get(&session?).copied(),
            AccessOutcome::WrongCode | AccessOutcome::Refused | AccessOutcome::Locked => None,
        }
    }
}

//! Bringing what the ledger says is hers into the vault: proven, fetched, checked, decrypted.
//!
//! ```text
//! per card    list      new ledger entries, proven whole as of a checkpoint     one transaction
//!             records   envelopes and slots from the hospital's edge            a transaction a batch
//!             files     attachments, streamed                                   a row each
//! ```
//! Each step is durable before the next begins, so a stop at any moment, wanted or not, loses
//! nothing: the next sync goes on. A failed check never stops the rest. Runs off the window's
//! thread: it writes to the vault between awaits.

mod apart;
mod attachments;
mod fetch;
mod ledger;
mod report;
mod store;
mod take_in;

use crate::{Card, Folder, FolderError};
use apart::Apart;
pub(crate) use ledger::is_unknown;
use medfolder_client::clock::Clock;
use medfolder_client::ledger::LedgerClient;
use medfolder_client::zone::ZoneClient;
use medfolder_record::limits::CLOCK_TOLERANCE_MS;
use medfolder_record::{CardNumber, MemberId, RecordId};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Code of a log-in that failed because two clocks differ.
const WRONG_CLOCK: &str = "login.clock";
/// The ledger does not know a card, or one of its nodes says so.
const REFUSED_AT_THE_DOOR: &str = "login.refused";

/// How far a sync has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Cards whose lists are taken in, of how many.
    Cards(usize, usize),
    /// Records of the present card that are fetched and checked, of how many.
    Records(usize, usize),
    /// Attachments of the present card, of how many.
    Attachments(usize, usize),
}

/// Stops a sync at the next safe place.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks the sync to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it may go on.
    ///
    /// # Errors
    /// `sync.cancelled` once it was asked to stop.
    pub fn check(&self) -> Result<(), FolderError> {
        if self.0.load(Ordering::Relaxed) {
            Err(FolderError::Cancelled)
        } else {
            Ok(())
        }
    }
}

/// A record or attachment that did not pass a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The record.
    pub record: RecordId,
    /// Code of the check.
    pub check: String,
}

/// A card whose list has ended: its hospital's desk linked another one to the same patient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// The card.
    pub card: CardNumber,
    /// Its hospital.
    pub member: MemberId,
    /// Since when, in milliseconds: block time.
    pub since: u64,
}

/// What a sync did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SyncReport {
    /// Records that the ledger named for the first time.
    pub new: usize,
    /// Records that passed every check now.
    pub verified: usize,
    /// Records that the hospital's edge lost or changed and that this sync reported to the ledger.
    pub reported: usize,
    /// Shares that were to end before, and could not, that this sync ended.
    pub ended: usize,
    /// Records, also of earlier syncs, that do not pass a check.
    pub failed: Vec<Failure>,
    /// Whether every card's list is proven whole as of a checkpoint.
    pub complete: bool,
    /// Cards whose lists have ended without another of this folder that follows: what the hospital
    /// made since then goes to somebody's other card.
    pub replaced: Vec<Replaced>,
}

/// What a sync runs with.
pub struct SyncOptions<'a> {
    /// The time.
    pub clock: Clock,
    /// Told how far it has come.
    pub progress: &'a (dyn Fn(Progress) + Sync),
    /// Stops it.
    pub cancel: Cancel,
}

impl Folder<'_> {
    /// Brings the folder up to date.
    ///
    /// # Errors
    /// `sync.cancelled`; `ledger.…` when the ledger cannot be asked or lies; `vault.…`. A record
    /// that fails is no error: the report names it. A hospital that cannot be reached is one, after
    /// the others were asked.
    pub async fn sync(&self, options: &SyncOptions<'_>) -> Result<SyncReport, FolderError> {
        match self.sync_all(options).await {
            Err(error) if error.code() == WRONG_CLOCK && self.is_behind(&options.clock)? => {
                Err(FolderError::DeviceClock)
            }
            done => done,
        }
    }

    /// Whether this device's clock shows an earlier time than the newest block it has verified.
    fn is_behind(&self, clock: &Clock) -> Result<bool, FolderError> {
        let known = self.checkpoint()?.map_or(0, |known| known.header.time);
        Ok(known > clock.now().saturating_add(CLOCK_TOLERANCE_MS))
    }

    async fn sync_all(&self, options: &SyncOptions<'_>) -> Result<SyncReport, FolderError> {
        // Before all else: somebody may be reading what she no longer wants to share.
        let ended = self.end_waiting(&options.clock).await?;
        self.take_up_unfinished(&options.clock).await?;
        let ledger = self.ledger_client(&options.clock)?;
        if self.ledger.len() > 1 {
            // One node alone could go on showing an old state of itself.
            ledger.compare_heads().await?;
        }
        self.find_cards(&ledger, options).await?;
        self.take_up_pending(&ledger).await?;
        let cards = self.cards()?;
        let mut report = SyncReport {
            complete: true,
            ended,
            ..SyncReport::default()
        };
        let mut silent = None;
        let mut apart = Apart::default();
        for (done, card) in cards.iter().enumerate() {
            let ledger = apart.next(&ledger, &card.member).await?;
            options.cancel.check()?;
            match self.take_in_card(&ledger, card, options).await {
                Ok(new) => report.new += new,
                // The door of one card's node is no reason to miss what other hospitals have.
                Err(error) if error.code() == REFUSED_AT_THE_DOOR => {
                    report.complete = false;
                    silent.get_or_insert(error);
                    continue;
                }
                Err(error) => return Err(error),
            }
            self.learn_replaced(&ledger, card).await?;
            (options.progress)(Progress::Cards(done + 1, cards.len()));
            match self.sync_zone(&ledger, card, options, &mut report).await {
                // The ledger, asked a moment ago, goes by this device's time.
                Err(error) if error.code() == WRONG_CLOCK => {
                    silent.get_or_insert(FolderError::EdgeClock);
                }
                // The other hospitals' records are fetched all the same.
                Err(error) if error.is_of_an_edge() => {
                    silent.get_or_insert(error);
                }
                done => done?,
            }
        }
        report.failed = self.failures()?;
        report.replaced = self.replaced_cards()?;
        match silent {
            Some(error) => Err(error),
            None => Ok(report),
        }
    }

    /// What a card's hospital has.
    async fn sync_zone(
        &self,
        ledger: &LedgerClient,
        card: &Card,
        options: &SyncOptions<'_>,
        report: &mut SyncReport,
    ) -> Result<(), FolderError> {
        let zone = ZoneClient::new(self.edge_door(card, &options.clock)?);
        report.verified += self.fetch_records(ledger, &zone, card, options).await?;
        let files = self.fetch_attachments(&zone, card, options).await;
        report.reported += self.report_zone(ledger, card, options).await?;
        files
    }

    fn replaced_cards(&self) -> Result<Vec<Replaced>, FolderError> {
        let cards = self.linked_cards()?;
        let at = |member| {
            cards
                .iter()
                .any(|one| one.card.member == member && one.is_used())
        };
        let ended = cards.iter().filter(|one| !at(one.card.member));
        Ok(ended
            .filter_map(|one| {
                Some(Replaced {
                    card: one.card.number,
                    member: one.card.member,
                    since: one.replaced?,
                })
            })
            .collect())
    }

    async fn fetch_attachments(
        &self,
        zone: &ZoneClient,
        card: &Card,
        options: &SyncOptions<'_>,
    ) -> Result<(), FolderError> {
        let wanted = self.wanted_attachments(card.row)?;
        let mut broken_off = Ok(());
        for (done, attachment) in wanted.iter().enumerate() {
            options.cancel.check()?;
            match self.fetch_attachment(zone, attachment).await {
                // One that always breaks off does not keep the others from arriving.
                Err(error) if error.is_interrupted() => broken_off = Err(error),
                fetched => fetched?,
            }
            (options.progress)(Progress::Attachments(done + 1, wanted.len()));
        }
        broken_off
    }

    /// Records and attachments that do not pass a check, oldest first.
    ///
    /// # Errors
    /// `vault.storage`.
    pub fn failures(&self) -> Result<Vec<Failure>, FolderError> {
        let database = self.vault.database()?;
        let mut statement = database.prepare_cached(
            "SELECT record, failure FROM (
                 SELECT id, record, failure FROM record WHERE folder = ?1 AND state = 'failed'
                 UNION ALL
                 SELECT record.id, record.record, attachment.failure FROM attachment
                     JOIN record ON record.id = attachment.record
                     WHERE record.folder = ?1 AND attachment.state = 'failed')
             ORDER BY id",
        )?;
        let rows = statement.query_map([self.id], |row| {
            Ok(Failure {
                record: crate::records::parsed(row, 0)?,
                check: row.get(1)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

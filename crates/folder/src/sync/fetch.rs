//! Fetching a card's records in batches and checking each.

use super::report::{MISSING, is_of_the_zone};
use super::store::{self, Opener, Wanted};
use super::{Progress, SyncOptions};
use crate::records::{parsed, sealed_at};
use crate::{Card, Folder, FolderError};
use medfolder_client::api::zone::{FetchItem, SealName};
use medfolder_client::ledger::LedgerClient;
use medfolder_client::zone::ZoneClient;
use medfolder_record::{Check, Record, RecordId, VisitId};
use std::collections::{BTreeMap, BTreeSet};

/// Records of one request and of one transaction of the vault.
const BATCH: usize = 200;
/// Requests under way at once.
const PARALLEL: usize = 1;

impl Folder<'_> {
    /// Fetches and checks all records of a card that are not verified yet; gives how many passed.
    pub(super) async fn fetch_records(
        &self,
        ledger: &LedgerClient,
        zone: &ZoneClient,
        card: &Card,
        options: &SyncOptions<'_>,
    ) -> Result<usize, FolderError> {
        let wanted = self.wanted_records(card)?;
        let mut opener = Opener::new(self, card)?;
        let (mut verified, total) = (0, wanted.len());
        for (done, batch) in wanted.chunks(BATCH).enumerate() {
            options.cancel.check()?;
            let mut fetched = fetch_batch(zone, batch).await?;
            self.learn_staff(ledger, &mut opener, batch, &mut fetched)
                .await?;
            let (sure, doubtful) = split(batch, &fetched);
            verified += self.store_batch(&mut opener, &sure, fetched)?;
            if !doubtful.is_empty() {
                // One bad answer, of whoever stood between, accuses no hospital: a second has to.
                let mut again = fetch_batch(zone, &doubtful).await?;
                self.learn_staff(ledger, &mut opener, &doubtful, &mut again)
                    .await?;
                verified += self.store_batch(&mut opener, &doubtful, again)?;
            }
            (options.progress)(Progress::Records(done * BATCH + batch.len(), total));
        }
        Ok(verified)
    }

    fn wanted_records(&self, card: &Card) -> Result<Vec<Wanted>, FolderError> {
        let database = self.vault.database()?;
        let mut statement = database.prepare_cached(
            "SELECT record.id, seal.id, record.record, seal.visit, seal.seq, record.k,
                    seal.position, seal.block_time, record.replaces, seal.slot IS NOT NULL,
                    seal.mark = 2
             FROM record JOIN seal ON seal.id = record.seal
             WHERE seal.card = ?1 AND record.state <> 'verified'
             ORDER BY seal.id, record.k",
        )?;
        let rows = statement.query_map([card.row], |row| {
            let replaces: Option<String> = row.get(8)?;
            Ok(Wanted {
                row: row.get(0)?,
                seal_row: row.get(1)?,
                record: parsed(row, 2)?,
                visit: parsed(row, 3)?,
                seq: row.get(4)?,
                k: row.get(5)?,
                sealed: sealed_at(row, 6)?,
                replaces: replaces.and_then(|text| text.parse().ok()),
                has_slot: row.get(9)?,
                delivered_again: row.get(10)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Opens a batch as far as it goes without doctors' keys, and learns those it needs.
    async fn learn_staff(
        &self,
        ledger: &LedgerClient,
        opener: &mut Opener<'_>,
        batch: &[Wanted],
        fetched: &mut Fetched,
    ) -> Result<(), FolderError> {
        let mut unknown = BTreeSet::new();
        for wanted in batch {
            let Some(envelope) = fetched.envelopes.get(&wanted.record) else {
                continue;
            };
            let slot = match fetched.slots.get(&(wanted.visit, wanted.seq)) {
                None if wanted.has_slot => store::slot(&*self.vault.database()?, wanted.seal_row)?,
                slot => slot.cloned(),
            };
            let opened = opener.open(wanted, envelope, slot.as_deref());
            if let Ok(opened) = &opened {
                unknown.extend(opener.unknown_signers(opened));
            }
            fetched.opened.insert(wanted.record, opened);
        }
        for key in unknown {
            if let Some(entry) = ledger.staff(&key).await? {
                store::store_staff(&*self.vault.database()?, self, &key, &entry)?;
                opener.staff.insert(key, entry);
            }
        }
        Ok(())
    }

    /// Checks signatures and writes the batch in one transaction.
    fn store_batch(
        &self,
        opener: &mut Opener<'_>,
        batch: &[Wanted],
        mut fetched: Fetched,
    ) -> Result<usize, FolderError> {
        let mut database = self.vault.database()?;
        let transaction = database.transaction()?;
        let mut verified = 0;
        for wanted in batch {
            let Some(opened) = fetched.opened.remove(&wanted.record) else {
                store::store_failed(&transaction, wanted, MISSING)?;
                continue;
            };
            let checked = match opened {
                Ok(opened) => self.verify(&transaction, opener, wanted, opened)?,
                Err(check) => Err(check),
            };
            match (checked, fetched.envelopes.get(&wanted.record)) {
                (Ok(record), Some(envelope)) => {
                    store::store_verified(&transaction, wanted, &record, envelope)?;
                    // Kept once it opened a record: a wrong one would be asked for never again.
                    if let Some(slot) = fetched.slots.get(&(wanted.visit, wanted.seq)) {
                        store::store_slot(&transaction, wanted.seal_row, slot)?;
                    }
                    verified += 1;
                }
                (Err(check), _) => store::store_failed(&transaction, wanted, check.code())?,
                (Ok(_), None) => store::store_failed(&transaction, wanted, MISSING)?,
            }
        }
        transaction.commit()?;
        Ok(verified)
    }

    /// The doctors' signatures, and that the record replaces the one that its seal names.
    fn verify(
        &self,
        database: &rusqlite::Connection,
        opener: &mut Opener<'_>,
        wanted: &Wanted,
        opened: medfolder_record::Opened,
    ) -> Result<Result<Record, Check>, FolderError> {
        let record = match opener.verify(opened, &wanted.sealed)? {
            Ok(record) => record,
            Err(check) => return Ok(Err(check)),
        };
        // The same signed record again, in the place of the first: its statement is the first one's.
        if wanted.delivered_again {
            return Ok(Ok(record));
        }
        let replaced = match &wanted.replaces {
            // An earlier version that was lost cannot be compared; that there is one must agree.
            Some(replaced) => {
                store::content_root(database, self.id, replaced)?.or(record.statement().replaces)
            }
            None => None,
        };
        if wanted.replaces.is_some() && replaced.is_none() {
            return Ok(Err(Check::Replaced));
        }
        Ok(record.check_replaced(replaced.as_ref()).map(|()| record))
    }
}

#[derive(Default)]
struct Fetched {
    envelopes: BTreeMap<RecordId, Vec<u8>>,
    slots: BTreeMap<(VisitId, u32), Vec<u8>>,
    opened: BTreeMap<RecordId, Result<medfolder_record::Opened, Check>>,
}

/// What the ledger would not hear of, and what it would.
fn split(batch: &[Wanted], fetched: &Fetched) -> (Vec<Wanted>, Vec<Wanted>) {
    batch.iter().cloned().partition(|wanted| {
        let opened = fetched.opened.get(&wanted.record);
        opened.is_some_and(|opened| match opened {
            Ok(_) => true,
            Err(check) => !is_of_the_zone(check.code()),
        })
    })
}

async fn fetch_batch(zone: &ZoneClient, batch: &[Wanted]) -> Result<Fetched, FolderError> {
    let records: Vec<RecordId> = batch.iter().map(|wanted| wanted.record).collect();
    let without_slot = batch.iter().filter(|wanted| !wanted.has_slot);
    let seals: BTreeSet<SealName> = without_slot
        .map(|wanted| SealName {
            visit: wanted.visit,
            seq: wanted.seq,
        })
        .collect();
    let seals: Vec<SealName> = seals.into_iter().collect();
    let mut items = zone.fetch(&seals, &records, PARALLEL);
    let mut fetched = Fetched::default();
    while let Some(item) = items.recv().await {
        match item? {
            FetchItem::Envelope { record, envelope } => {
                fetched.envelopes.insert(record, envelope);
            }
            FetchItem::Slot { visit, seq, slot } => {
                fetched.slots.insert((visit, seq), slot);
            }
            FetchItem::MissingRecord { .. } | FetchItem::MissingSlot { .. } => {}
        }
    }
    Ok(fetched)
}

//! The patient's word on the ledger when a hospital's exchange zone lost or changed her records.
//!
//! A Zone report per seal, signed by the card, goes to the ledger's nodes and not by way of the
//! edge that it accuses. What is reported was fetched twice in the sync that reports it, and is the
//! patient's word, no proof. Each finding is reported once: what was reported stands in the card's
//! list, so that a restored device knows it too.

use super::SyncOptions;
use crate::records::parsed;
use crate::{Card, Folder, FolderError};
use medfolder_client::ledger::{LedgerClient, Patience};
use medfolder_ledger::Transaction;
use medfolder_ledger::body::{Body, Finding, LeafList, ZoneFinding, ZoneReport, ZoneReporter};
use medfolder_ledger::transaction::Unsigned;
use medfolder_record::RecordId;
use rusqlite::{Connection, params};
use std::collections::BTreeMap;

/// How long a report may take to reach the ledger, in milliseconds.
const SUBMIT_WITHIN: u64 = 60 * 60 * 1_000;

/// The edge says that it does not have what the ledger names.
pub(super) const MISSING: &str = "zone.missing";
/// Checks of stored bytes that need no key: what they find is the zone's doing.
const CHANGED: [&str; 3] = ["record.envelope", "record.leaf", "record.sealed_content"];

/// What a failed check says of the zone; nothing when it is about something else.
fn finding(check: &str) -> Option<ZoneFinding> {
    match check {
        MISSING => Some(ZoneFinding::Missing),
        check if CHANGED.contains(&check) => Some(ZoneFinding::Changed),
        _ => None,
    }
}

/// Whether a failed check is something that the ledger is told.
pub(super) fn is_of_the_zone(check: &str) -> bool {
    finding(check).is_some()
}

const fn word(finding: ZoneFinding) -> &'static str {
    match finding {
        ZoneFinding::Changed => "changed",
        ZoneFinding::Missing => "missing",
    }
}

/// What one seal's report says.
struct Findings {
    seal: Vec<u8>,
    records: Vec<(u16, RecordId, ZoneFinding)>,
}

impl Folder<'_> {
    /// Reports what this sync found at a card's edge and was not reported before; gives how many
    /// records that concerns. A ledger that does not take it is asked again by the next sync.
    pub(super) async fn report_zone(
        &self,
        ledger: &LedgerClient,
        card: &Card,
        options: &SyncOptions<'_>,
    ) -> Result<usize, FolderError> {
        let mut reported = 0;
        for findings in self.unreported(card)? {
            options.cancel.check()?;
            let report = self.zone_report(card, &findings, options.clock.now())?;
            let answer = ledger.submit(&report, Patience::default()).await;
            match answer.and_then(|outcome| outcome.accepted()) {
                Ok(_) => {
                    let database = self.vault.database()?;
                    for (_, record, what) in &findings.records {
                        set_reported(&database, self.id, card, record, *what)?;
                    }
                    reported += findings.records.len();
                }
                Err(error) => {
                    let (card, code) = (card.number, error.code().to_owned());
                    tracing::warn!(%card, code, "the ledger did not take a zone report");
                }
            }
        }
        Ok(reported)
    }

    /// Findings at the zone that nobody reported from this folder, by seal.
    fn unreported(&self, card: &Card) -> Result<Vec<Findings>, FolderError> {
        let database = self.vault.database()?;
        let mut statement = database.prepare_cached(
            "SELECT seal.id, seal.transaction_bytes, record.k, record.record, record.failure,
                 record.reported
             FROM record JOIN seal ON seal.id = record.seal
             WHERE record.folder = ?1 AND record.state = 'failed' AND seal.card = ?2
             ORDER BY seal.id, record.k",
        )?;
        let mut seals: BTreeMap<i64, Findings> = BTreeMap::new();
        let mut rows = statement.query(params![self.id, card.row])?;
        while let Some(row) = rows.next()? {
            let check: String = row.get(4)?;
            let reported: Option<String> = row.get(5)?;
            let Some(what) =
                finding(&check).filter(|what| reported.as_deref() != Some(word(*what)))
            else {
                continue;
            };
            let found = (row.get(2)?, parsed(row, 3)?, what);
            let seal = row.get(1)?;
            let findings = seals.entry(row.get(0)?).or_insert(Findings {
                seal,
                records: Vec::new(),
            });
            findings.records.push(found);
        }
        Ok(seals.into_values().collect())
    }

    fn zone_report(
        &self,
        card: &Card,
        findings: &Findings,
        now: u64,
    ) -> Result<Vec<u8>, FolderError> {
        let chain = &self.consortium;
        let seal = Transaction::from_bytes(&findings.seal).map(|transaction| transaction.body);
        let Ok(Body::Seal(seal)) = seal else {
            return Err(FolderError::VaultDamaged);
        };
        let report = ZoneReport {
            member: card.member,
            by: ZoneReporter::Card(card.number),
            list: LeafList {
                visit: seal.visit,
                seq: seal.seq,
                leaves: seal.leaves.iter().map(|sealed| sealed.leaf).collect(),
            },
            findings: findings
                .records
                .iter()
                .map(|(k, _, what)| Finding { k: *k, what: *what })
                .collect(),
        };
        let unsigned = Unsigned::new(report, now + SUBMIT_WITHIN);
        let signature = unsigned.sign(chain, &self.card_keys(card)?.signing);
        Ok(unsigned.with_signatures(vec![signature]).to_bytes())
    }
}

/// Takes in a report of the patient's own, also one of another device.
pub(super) fn take_in(
    database: &Connection,
    folder: i64,
    card: &Card,
    report: &ZoneReport,
) -> Result<(), FolderError> {
    if report.by == ZoneReporter::Edge {
        return Ok(());
    }
    for finding in &report.findings {
        if let Some(record) = report.list.leaves.get(usize::from(finding.k)) {
            set_reported(database, folder, card, record, finding.what)?;
        }
    }
    Ok(())
}

fn set_reported(
    database: &Connection,
    folder: i64,
    card: &Card,
    record: &RecordId,
    what: ZoneFinding,
) -> Result<(), FolderError> {
    database
        .prepare_cached(
            "UPDATE record SET reported = ?3
             WHERE folder = ?1 AND record = ?2 AND hospital = ?4",
        )?
        .execute(params![
            folder,
            record.to_string(),
            word(what),
            card.member.to_string()
        ])?;
    Ok(())
}

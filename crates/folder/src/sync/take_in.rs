//! What the ledger says of a card, written into the vault: seals, replacements, withdrawals.
//!
//! Entries arrive proven: their list is whole as of a checkpoint. Records begin as *waiting*; what
//! stands in the list is never dropped, so a record that nobody delivers stays visible by name.

use crate::{Card, FolderError};
use medfolder_ledger::body::{Mark, Seal, Withdraw};
use medfolder_ledger::state::TransactionStep;
use medfolder_ledger::{Body, Transaction};
use medfolder_record::{CardNumber, RecordId};
use rusqlite::{Connection, params};

/// One proven entry of a card's list.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its place in the log, its block time and its bytes.
    pub(crate) step: TransactionStep,
    /// The bytes, read.
    pub(crate) transaction: Transaction,
}

/// Writes one entry; gives the number of records that it brought.
pub(crate) fn take_in(
    database: &Connection,
    folder: i64,
    card: &Card,
    entry: &Entry,
) -> Result<usize, FolderError> {
    match &entry.transaction.body {
        Body::Seal(seal) => take_seal(database, folder, card, entry, seal),
        Body::Withdraw(withdraw) => take_withdraw(database, folder, withdraw).map(|()| 0),
        Body::ZoneReport(report) => super::report::take_in(database, folder, report).map(|()| 0),
        Body::FreezeCard(_) => set_state(database, card, "frozen"),
        Body::LiftFreeze(_) => set_state(database, card, "registered"),
        Body::CloseCard(_) => set_state(database, card, "closed"),
        // A hand-over stands in the lists of both cards; only the one that ends is rotated.
        Body::RotateCard(rotate) if rotate.card == card.number => {
            set_state(database, card, "rotated")
        }
        _ => Ok(0),
    }
}

fn set_state(database: &Connection, card: &Card, state: &str) -> Result<usize, FolderError> {
    database
        .prepare_cached("UPDATE card SET state = ?2 WHERE id = ?1")?
        .execute(params![card.row, state])?;
    Ok(0)
}

fn take_seal(
    database: &Connection,
    folder: i64,
    card: &Card,
    entry: &Entry,
    seal: &Seal,
) -> Result<usize, FolderError> {
    let mark = match seal.mark {
        Mark::None => 0,
        Mark::Late => 1,
        Mark::DeliveredAgain => 2,
    };
    let row: i64 = database
        .prepare_cached(
            "INSERT INTO seal (card, visit, seq, position, block_time, mark, transaction_bytes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING id",
        )?
        .query_row(
            params![
                card.row,
                seal.visit.to_string(),
                seal.seq,
                entry.step.position,
                entry.step.block_time,
                mark,
                entry.step.stored
            ],
            |row| row.get(0),
        )?;
    for (k, sealed) in seal.leaves.iter().enumerate() {
        let replaces = sealed.replaces.and_then(|place| seal.replaced_leaf(&place));
        add_record(
            database,
            folder,
            row,
            k,
            seal,
            &sealed.leaf,
            replaces.as_ref(),
        )?;
    }
    Ok(seal.leaves.len())
}

fn add_record(
    database: &Connection,
    folder: i64,
    seal_row: i64,
    k: usize,
    seal: &Seal,
    leaf: &RecordId,
    replaces: Option<&RecordId>,
) -> Result<(), FolderError> {
    database
        .prepare_cached(
            "INSERT INTO record (folder, seal, record, k, replaces, state, hospital, date)
             VALUES (?1, ?2, ?3, ?4, ?5, 'waiting', ?6, ?7)",
        )?
        .execute(params![
            folder,
            seal_row,
            leaf.to_string(),
            k,
            replaces.map(ToString::to_string),
            seal.member.to_string(),
            seal.time
        ])?;
    if let Some(replaced) = replaces {
        database
            .prepare_cached("UPDATE record SET replaced_by = ?3 WHERE folder = ?1 AND record = ?2")?
            .execute(params![folder, replaced.to_string(), leaf.to_string()])?;
    }
    Ok(())
}

fn take_withdraw(
    database: &Connection,
    folder: i64,
    withdraw: &Withdraw,
) -> Result<(), FolderError> {
    if let Some(leaf) = withdraw.leaf() {
        database
            .prepare_cached("UPDATE record SET withdrawn = 1 WHERE folder = ?1 AND record = ?2")?
            .execute(params![folder, leaf.to_string()])?;
    }
    Ok(())
}

/// Notes how far a card's list is taken in, in the same transaction as the entries themselves.
pub(crate) fn set_taken(
    database: &Connection,
    card: CardNumber,
    folder: i64,
    entries: u64,
    digest: &[u8],
) -> Result<(), FolderError> {
    database
        .prepare_cached(
            "UPDATE card SET entries = ?3, digest = ?4 WHERE folder = ?1 AND number = ?2",
        )?
        .execute(params![folder, card.to_string(), entries, digest])?;
    Ok(())
}

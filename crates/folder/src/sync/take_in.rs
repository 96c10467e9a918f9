//! What the ledger says of a card, written into the vault: seals, replacements, withdrawals.
//!
//! Entries arrive proven: their list is whole as of a checkpoint. Records begin as *waiting*; what
//! stands in the list is never dropped, so a record that nobody delivers stays visible by name. A leaf
//! is its hospital's: what another one's seal, which may copy it, says of it counts for that copy only.

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
        Body::Withdraw(withdraw) => take_withdraw(database, folder, card, withdraw).map(|()| 0),
        Body::ZoneReport(report) => {
            super::report::take_in(database, folder, card, report).map(|()| 0)
        }
        Body::RegisterCard(_) => set_linked(database, card, entry.step.block_time),
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

fn set_linked(database: &Connection, card: &Card, time: u64) -> Result<usize, FolderError> {
    database
        .prepare_cached("UPDATE card SET linked = ?2 WHERE id = ?1")?
        .execute(params![card.row, time])?;
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
             VALUES (?1, ?2, ?3, ?4, ?5, 'waiting', ?6, ?7)
             ON CONFLICT (folder, hospital, record) DO NOTHING",
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
            .prepare_cached(
                "UPDATE record SET replaced_by = ?3
                 WHERE folder = ?1 AND record = ?2 AND hospital = ?4",
            )?
            .execute(params![
                folder,
                replaced.to_string(),
                leaf.to_string(),
                seal.member.to_string()
            ])?;
    }
    Ok(())
}

fn take_withdraw(
    database: &Connection,
    folder: i64,
    card: &Card,
    withdraw: &Withdraw,
) -> Result<(), FolderError> {
    if let Some(leaf) = withdraw.leaf() {
        database
            .prepare_cached(
                "UPDATE record SET withdrawn = 1
                 WHERE folder = ?1 AND record = ?2 AND hospital = ?3",
            )?
            .execute(params![folder, leaf.to_string(), card.member.to_string()])?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::sealed_at;
    use crate::{Unlock, Vault};
    use medfolder_crypto::Digest;
    use medfolder_ledger::body::{LeafList, SealedLeaf};
    use medfolder_record::{AreaId, MemberId, SealedAt, VisitId};

    fn seal(card: &Card, seq: u32) -> Seal {
        let leaf = RecordId(Digest([7; 32]));
        let replaces = None;
        Seal {
            member: card.member,
            card: card.number,
            visit: VisitId([1; 16]),
            seq,
            area: AreaId([2; 16]),
            policy: 0,
            time: 1_000,
            mark: Mark::Late,
            leaves: vec![SealedLeaf { leaf, replaces }],
            earlier: None,
        }
    }

    fn entry(body: Body, position: u64) -> Entry {
        let transaction = Transaction {
            version: 0,
            valid_until: 9_999_999,
            body,
            signatures: Vec::new(),
        };
        let step = TransactionStep {
            stored: transaction.to_bytes(),
            position,
            block_time: 5_000_000,
        };
        Entry { step, transaction }
    }

    fn card_of(row: i64) -> Card {
        let of = u8::try_from(row).unwrap();
        Card {
            row,
            number: CardNumber(Digest([of; 32])),
            member: MemberId([of; 16]),
            index: 0,
        }
    }

    fn vault_with_cards(dir: &std::path::Path) -> Vault {
        let unlock = Unlock::Passphrase("correct horse battery");
        let vault = Vault::create(&dir.join("vault"), &unlock).unwrap();
        vault
            .database()
            .unwrap()
            .execute_batch(
                "INSERT INTO folder VALUES (1, 'f', x'00', x'00', '[]', 'n', 0, 0, NULL);
                 INSERT INTO card (id, folder, number, member, idx, state)
                     VALUES (1, 1, 'c', 'm', 0, 'registered'), (2, 1, 'd', 'n', 0, 'registered');",
            )
            .unwrap();
        vault
    }

    #[test]
    fn a_hospital_that_copies_anothers_leaf_withdraws_and_hides_nothing_of_it() {
        let (first, copying) = (card_of(1), card_of(2));
        for order in [[&first, &copying], [&copying, &first]] {
            let dir = tempfile::tempdir().unwrap();
            let vault = vault_with_cards(dir.path());
            let database = vault.database().unwrap();
            for card in order {
                let sealed = entry(Body::Seal(seal(card, 0)), 41);
                take_in(&database, 1, card, &sealed).unwrap();
                // The same leaf a second time changes nothing and stops nothing.
                let again = entry(Body::Seal(seal(card, 1)), 43);
                take_in(&database, 1, card, &again).unwrap();
            }
            let withdraw = Withdraw {
                member: copying.member,
                list: LeafList {
                    visit: VisitId([1; 16]),
                    seq: 0,
                    leaves: vec![RecordId(Digest([7; 32]))],
                },
                k: 0,
                reason: medfolder_ledger::body::WithdrawReason::Wrong,
            };
            let withdrawn = entry(Body::Withdraw(withdraw), 44);
            take_in(&database, 1, &copying, &withdrawn).unwrap();
            let rows = |withdrawn: bool| -> Vec<String> {
                let sql = "SELECT hospital FROM record WHERE withdrawn = ?1";
                let mut statement = database.prepare(sql).unwrap();
                let rows = statement.query_map([withdrawn], |row| row.get(0)).unwrap();
                rows.map(Result::unwrap).collect()
            };
            assert_eq!(rows(false), [first.member.to_string()]);
            assert_eq!(rows(true), [copying.member.to_string()]);
        }
    }

    #[test]
    fn a_seal_is_judged_by_the_place_and_time_that_the_list_proves_and_not_by_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let vault = vault_with_cards(dir.path());
        let database = vault.database().unwrap();
        let card = card_of(1);
        let entry = entry(Body::Seal(seal(&card, 0)), 41);
        assert_eq!(take_in(&database, 1, &card, &entry).unwrap(), 1);
        let sealed = database
            .query_row("SELECT position, block_time FROM seal", [], |row| {
                sealed_at(row, 0)
            })
            .unwrap();
        let (position, time) = (41, 5_000_000);
        assert_eq!(sealed, SealedAt { position, time });
    }
}

//! The vault's tables, as numbered migrations; a column never changes its meaning.

use crate::FolderError;
use rusqlite::Connection;

/// Vaults of this version and of those before it were written before the ledger proved a seal's
/// block time: no ledger of today continues what they know.
const FORSAKEN: usize = 1;

/// Migration n brings a vault to version `FORSAKEN` + 1 + n; the first one makes a new vault.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/001_folders_records_shares.sql"),
    include_str!("migrations/002_fewer_merges.sql"),
    include_str!("migrations/003_days_as_written.sql"),
    include_str!("migrations/004_replaced.sql"),
    include_str!("migrations/005_share_state.sql"),
    include_str!("migrations/006_access_log.sql"),
    include_str!("migrations/007_leaf_of_a_hospital.sql"),
];

/// Brings the database to the newest version, each step in a transaction of its own.
pub(super) fn migrate(database: &mut Connection) -> Result<(), FolderError> {
    let version: usize = database.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version > FORSAKEN + MIGRATIONS.len() {
        return Err(FolderError::VaultNewer);
    }
    if (1..=FORSAKEN).contains(&version) {
        return Err(FolderError::VaultVersion);
    }
    let done = version.saturating_sub(FORSAKEN);
    for (step, sql) in MIGRATIONS.iter().enumerate().skip(done) {
        let transaction = database.transaction()?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "user_version", FORSAKEN + step + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn migrated(version: usize) -> Result<(), String> {
        let mut database = Connection::open_in_memory().unwrap();
        database
            .pragma_update(None, "user_version", version)
            .unwrap();
        migrate(&mut database).map_err(|error| error.code().to_owned())
    }

    #[test]
    fn a_vault_of_before_block_times_or_of_a_newer_program_is_refused_by_name() {
        assert_eq!(migrated(FORSAKEN), Err("vault.version".to_owned()));
        let newer = FORSAKEN + MIGRATIONS.len() + 1;
        assert_eq!(migrated(newer), Err("vault.newer".to_owned()));
    }

    #[test]
    fn a_vault_that_is_up_to_date_is_left_as_it_is() {
        let mut database = Connection::open_in_memory().unwrap();
        migrate(&mut database).unwrap();
        migrate(&mut database).unwrap();
    }

    #[test]
    fn a_table_that_is_made_anew_keeps_what_points_to_it() {
        let mut database = Connection::open_in_memory().unwrap();
        database
            .execute_batch("PRAGMA foreign_keys = OFF;")
            .unwrap();
        for sql in MIGRATIONS.iter().take(6) {
            database.execute_batch(sql).unwrap();
        }
        let rows = "INSERT INTO folder VALUES (1, 'f', x'00', x'00', '[]', 'n', 0, 0, NULL);
             INSERT INTO card (id, folder, number, member, idx, state)
                 VALUES (1, 1, 'c', 'm', 0, 'registered');
             INSERT INTO seal VALUES (1, 1, 'v', 0, 7, 8, 0, NULL, x'00');
             INSERT INTO record (id, folder, seal, record, k, state, hospital, date)
                 VALUES (9, 1, 1, 'r', 0, 'verified', 'm', 5);
             INSERT INTO content VALUES (9, x'0102');";
        database.execute_batch(rows).unwrap();
        let version = FORSAKEN + 6;
        database
            .pragma_update(None, "user_version", version)
            .unwrap();
        migrate(&mut database).unwrap();
        let kept = "SELECT record.record, content.envelope
             FROM record JOIN content ON content.record = record.id";
        let kept: (String, Vec<u8>) = database
            .query_row(kept, [], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        assert_eq!(kept, ("r".to_owned(), vec![1, 2]));
        let broken = database
            .prepare("PRAGMA foreign_key_check")
            .unwrap()
            .exists([]);
        assert!(!broken.unwrap());
    }
}

//! The vault's tables, as numbered migrations; a column never changes its meaning.

use crate::FolderError;
use rusqlite::Connection;

/// Migration n brings a vault from version n to n + 1.
const MIGRATIONS: &[&str] = &[include_str!("migrations/001_folders_records_shares.sql")];

/// Brings the database to the newest version, each step in a transaction of its own.
pub(super) fn migrate(database: &mut Connection) -> Result<(), FolderError> {
    let version: usize = database.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version > MIGRATIONS.len() {
        return Err(FolderError::VaultNewer);
    }
    for (step, sql) in MIGRATIONS.iter().enumerate().skip(version) {
        let transaction = database.transaction()?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "user_version", step + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

//! A database that was here is there and whole, or its process does not start: begun anew from nothing
//! it would take what lies beside it for left-overs, and sweep it.

use std::path::Path;

use rusqlite::{Connection, ErrorCode};

/// Whether nothing is left of a database; `mark` is what was made after it.
pub(crate) fn is_gone(database: &Path, mark: &Path) -> bool {
    let empty = std::fs::metadata(database).map_or(true, |file| file.len() == 0);
    empty && mark.exists()
}

/// Whether every page of a database can be read and fits the others.
pub(crate) fn is_whole(database: &Connection) -> rusqlite::Result<bool> {
    let said: String = database.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok(said == "ok")
}

/// Whether an error says that the file is no database any more.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

//! The list of records, newest first, in pages.

use crate::{Folder, FolderError};
use chrono::NaiveDate;
use medfolder_fhir::Written;
use medfolder_record::{MemberId, RecordId, VisitId};
use rusqlite::types::{ToSqlOutput, Value};
use rusqlite::{Row, ToSql, params_from_iter};
use serde::Serialize;

/// Which records a list shows; the default shows all that are in force.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this hospital.
    pub hospital: Option<MemberId>,
    /// Of this kind (LOINC code).
    pub kind: Option<String>,
    /// Of this day or later, as the records' hospitals wrote their days.
    pub from: Option<NaiveDate>,
    /// Of this day or earlier.
    pub to: Option<NaiveDate>,
    /// Of this visit.
    pub visit: Option<VisitId>,
    /// Replaced and withdrawn records too.
    pub all_versions: bool,
    /// Behind this cursor of the page before.
    pub after: Option<String>,
    /// At most so many; 0 for all.
    pub limit: usize,
}

/// Whether a record was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The ledger names it; its bytes are not here yet.
    Waiting,
    /// Every check held.
    Verified,
    /// A check failed; the record is kept apart and named.
    Failed,
}

/// A record in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub(crate) row: i64,
    /// The record.
    pub record: RecordId,
    /// Its visit.
    pub visit: VisitId,
    /// The member that sealed it.
    pub hospital: MemberId,
    /// LOINC code of its kind.
    pub kind: String,
    /// Title, as signed.
    pub title: String,
    /// Author, as signed.
    pub author: String,
    /// Its place in time, in milliseconds: when it was written; the seal's time while it is not read.
    pub date: i64,
    /// When it was written, as its hospital wrote it; none while it is not read.
    pub written: Option<Written>,
    /// Whether it was verified.
    pub state: State,
    /// Code of the check that failed.
    pub failure: Option<String>,
    /// 1 for a first version, 2 for what replaced it, ….
    pub version: u32,
    /// Whether a newer version replaced it or the hospital withdrew it.
    pub superseded: bool,
    /// How many attachments it has; none of a record that is not read.
    pub attachments: u32,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Newest first.
    pub records: Vec<Listed>,
    /// Where the next page begins; none on the last.
    pub next: Option<String>,
}

/// Columns that [`read`] takes, of `record` joined with its `seal`. A version's number is one more
/// than the length of the chain of records that it replaces, directly or by way of others.
pub(crate) const COLUMNS: &str = "record.id, record.record, seal.visit, record.hospital, \
    record.kind, record.title, record.author, record.date, record.state, record.failure, \
    (WITH RECURSIVE earlier(name, depth) AS ( \
        SELECT record.replaces, 1 WHERE record.replaces IS NOT NULL \
        UNION ALL \
        SELECT older.replaces, depth + 1 FROM earlier \
            JOIN record AS older ON older.record = earlier.name AND older.folder = record.folder \
            AND older.hospital = record.hospital \
            WHERE older.replaces IS NOT NULL AND depth < 1000) \
     SELECT 1 + count(*) FROM earlier), \
    record.replaced_by IS NOT NULL OR record.withdrawn = 1, record.written, record.day, \
    (SELECT count(*) FROM attachment WHERE attachment.record = record.id)";

impl Folder<'_> {
    /// A page of the folder's records.
    ///
    /// # Errors
    /// `list.cursor`, `vault.storage`.
    pub fn list(&self, filter: &Filter) -> Result<Page, FolderError> {
        let (conditions, mut values) = conditions(self.id, filter)?;
        let limit = if filter.limit == 0 {
            -1
        } else {
            filter.limit as i64 + 1
        };
        values.push(Value::Integer(limit));
        let sql = format!(
            "SELECT {COLUMNS} FROM record JOIN seal ON seal.id = record.seal
             WHERE {conditions} ORDER BY record.date DESC, record.id DESC LIMIT ?{}",
            values.len()
        );
        let database = self.vault.database()?;
        let mut statement = database.prepare_cached(&sql)?;
        let mut records = statement
            .query_map(params_from_iter(values.iter().map(Bound)), read)?
            .collect::<Result<Vec<_>, _>>()?;
        let more = filter.limit > 0 && records.len() > filter.limit;
        if more {
            records.pop();
        }
        let next = more
            .then(|| records.last().map(|r| format!("{}.{}", r.date, r.row)))
            .flatten();
        Ok(Page { records, next })
    }
}

struct Bound<'a>(&'a Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

fn conditions(folder: i64, filter: &Filter) -> Result<(String, Vec<Value>), FolderError> {
    let mut conditions = vec!["record.folder = ?1".to_owned()];
    let mut values = vec![Value::Integer(folder)];
    let mut add = |condition: &str, value: Option<Value>| {
        if let Some(value) = value {
            values.push(value);
            conditions.push(format!("{condition} ?{}", values.len()));
        }
    };
    add(
        "record.hospital =",
        filter.hospital.map(|id| Value::Text(id.to_string())),
    );
    add("record.kind =", filter.kind.clone().map(Value::Text));
    let day = |day: NaiveDate| Value::Text(day.to_string());
    // What is not read has no day, and stands in no span of days.
    add("record.day <> '' AND record.day >=", filter.from.map(day));
    add("record.day <> '' AND record.day <=", filter.to.map(day));
    add(
        "seal.visit =",
        filter.visit.map(|id| Value::Text(id.to_string())),
    );
    if !filter.all_versions {
        conditions.push("record.replaced_by IS NULL AND record.withdrawn = 0".to_owned());
    }
    if let Some(cursor) = &filter.after {
        let (date, row) = cursor_parts(cursor).ok_or(FolderError::Cursor)?;
        values.extend([Value::Integer(date), Value::Integer(row)]);
        let at = values.len();
        conditions.push(format!("(record.date, record.id) < (?{}, ?{at})", at - 1));
    }
    Ok((conditions.join(" AND "), values))
}

fn cursor_parts(cursor: &str) -> Option<(i64, i64)> {
    let (date, row) = cursor.split_once('.')?;
    Some((date.parse().ok()?, row.parse().ok()?))
}

pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Listed> {
    Ok(Listed {
        row: row.get(0)?,
        record: parsed(row, 1)?,
        visit: parsed(row, 2)?,
        hospital: parsed(row, 3)?,
        kind: row.get(4)?,
        title: row.get(5)?,
        author: row.get(6)?,
        date: row.get(7)?,
        state: match row.get_ref(8)?.as_str()? {
            "verified" => State::Verified,
            "failed" => State::Failed,
            _ => State::Waiting,
        },
        failure: row.get(9)?,
        version: row.get(10)?,
        superseded: row.get(11)?,
        written: written(row, 7, 12)?,
        attachments: row.get(14)?,
    })
}

/// A record's date as it was written, from its moment's column and two that neighbour each other.
pub(super) fn written(
    row: &Row<'_>,
    moment: usize,
    text: usize,
) -> rusqlite::Result<Option<Written>> {
    let is_read = !row.get_ref(text + 1)?.as_str()?.is_empty();
    let moment = row.get(moment)?;
    let text = row.get_ref(text)?.as_str()?;
    Ok(is_read.then(|| Written::kept(text, moment)))
}

/// A column that holds an identifier's text.
pub(crate) fn parsed<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T: core::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    row.get_ref(column)?.as_str()?.parse().map_err(|error| {
        let text = rusqlite::types::Type::Text;
        rusqlite::Error::FromSqlConversionFailure(column, text, Box::new(error))
    })
}

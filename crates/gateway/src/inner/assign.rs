//! Who signs a record, and what it replaces: then its statement is made and its content root fixed.
//!
//! The author's key is found by licence, else by name, else it is the key of the member of staff
//! who answers for authors without one (`fallback_author`). The statement names whoever signs.

use medfolder_record::{Author, ContentRoot, ContentTree, KeyId, VisitId};
use rusqlite::{Connection, OptionalExtension, Params};

use super::InnerError;
use super::draft::{Draft, Responsible, seal_statement};
use super::staff;
use super::store::record;
use super::zone::{Zone, time_of};

/// Waiting records that are tried with one step.
const AT_ONCE: usize = 500;

/// Makes the statement of a record if that can be done by now; otherwise notes why not.
pub(crate) fn assign(
    zone: &Zone,
    db: &Connection,
    id: i64,
    visit: VisitId,
    draft: &Draft,
    tree: Option<&ContentTree>,
) -> Result<bool, InnerError> {
    let replaced = match replaced(db, id)? {
        Replaced::Nothing => None,
        Replaced::Known(record, root) => Some((record, root)),
        // Never delivered here, as when it is older than this gateway: a first version then.
        Replaced::Unknown { since } if waited(zone, since) => None,
        Replaced::Unknown { .. } => return wait(db, id, "record.replaces_unknown"),
    };
    let Some(responsible) = responsible(zone, db, draft)? else {
        return wait(db, id, "record.author_unknown");
    };
    let key = responsible.key;
    let author = Author {
        key: Some(key),
        name: responsible.name,
    };
    let statement = draft.statement(zone, visit, author, replaced.map(|(_, root)| root));
    // Whatever could be refused was refused at the inlet.
    let statement = statement.map_err(|_| InnerError::Damaged)?;
    let statement_bytes = statement.to_bytes();
    let root = match tree {
        Some(tree) => tree.root_with(&draft.salt(), &statement_bytes),
        None => {
            let tree = draft.check(zone).map_err(|_| InnerError::Damaged)?;
            tree.root_with(&draft.salt(), &statement_bytes)
        }
    };
    db.prepare_cached(
        "UPDATE records SET state = ?2, reason = '', key = ?3, root = ?4, replaces = ?5,
           statement = ?6 WHERE id = ?1",
    )?
    .execute((
        id,
        record::TO_SIGN,
        key.as_bytes(),
        root.as_bytes(),
        replaced.map_or(0, |(record, _)| record),
        seal_statement(zone, &statement),
    ))?;
    Ok(true)
}

/// Tries again for records that have no signer yet, from after `after`; returns how many got one,
/// and where to go on.
pub(crate) fn assign_waiting(zone: &Zone, after: i64) -> Result<(usize, i64), InnerError> {
    zone.store.write(|db| {
        let waiting: Vec<(i64, [u8; 16], Vec<u8>)> = db
            .prepare_cached(
                "SELECT r.id, v.visit, d.draft FROM records r
                 JOIN batches b ON b.id = r.batch JOIN visits v ON v.id = b.visit
                 JOIN drafts d ON d.record = r.id
                 WHERE r.state = ?1 AND r.id > ?2 ORDER BY r.id LIMIT ?3",
            )?
            .query_map((record::NO_KEY, after, AT_ONCE as i64), |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?
            .collect::<Result<_, _>>()?;
        let last = waiting.last().filter(|_| waiting.len() == AT_ONCE);
        let (mut assigned, next) = (0, last.map_or(0, |(id, ..)| *id));
        for (id, visit, sealed) in waiting {
            let draft = Draft::open(zone, &sealed)?;
            assigned += usize::from(assign(zone, db, id, VisitId(visit), &draft, None)?);
        }
        Ok((assigned, next))
    })
}

fn wait(db: &Connection, id: i64, reason: &str) -> Result<bool, InnerError> {
    // It is tried every second: what stays as it is costs no write.
    db.prepare_cached("UPDATE records SET reason = ?2 WHERE id = ?1 AND reason <> ?2")?
        .execute((id, reason))?;
    Ok(false)
}

/// Whether a record has waited long enough for the one that it replaces.
fn waited(zone: &Zone, since: u64) -> bool {
    zone.now() >= since.saturating_add(zone.config.tuning.replaced_wait)
}

enum Replaced {
    Nothing,
    Known(i64, ContentRoot),
    /// Not here yet, or without a content root of its own yet.
    Unknown {
        since: u64,
    },
}

fn replaced(db: &Connection, id: i64) -> Result<Replaced, InnerError> {
    let (patient, named, since): (i64, Vec<u8>, i64) = db
        .prepare_cached(
            "SELECT r.patient, r.replaces_ix, b.added FROM records r
             JOIN batches b ON b.id = r.batch WHERE r.id = ?1",
        )?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    if named.is_empty() {
        return Ok(Replaced::Nothing);
    }
    // By version first, then by Composition, then by document: the newest that came before.
    for column in ["version_ix", "url_ix", "source_ix"] {
        let sql = format!(
            "SELECT id, root, parted FROM records
             WHERE patient = ?1 AND {column} = ?2 AND id <> ?3
             ORDER BY id < ?3 DESC, id DESC LIMIT 1"
        );
        let found: Option<(i64, Vec<u8>, bool)> = db
            .prepare_cached(&sql)?
            .query_row((patient, &named, id), |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        if let Some((record, root, parted)) = found {
            if parted {
                // Another card's: whoever has this one has no earlier version of it.
                return Ok(Replaced::Nothing);
            }
            return Ok(match <[u8; 32]>::try_from(root) {
                Ok(root) => Replaced::Known(record, ContentRoot(medfolder_crypto::Digest(root))),
                // It is here and waits for its own author: so does this one.
                Err(_) => Replaced::Unknown { since: u64::MAX },
            });
        }
    }
    Ok(Replaced::Unknown {
        since: time_of(since),
    })
}

fn responsible(
    zone: &Zone,
    db: &Connection,
    draft: &Draft,
) -> Result<Option<Responsible>, InnerError> {
    if let Some(found) = staff::find(
        zone,
        db,
        "licence_ix",
        staff::licence_index(zone, &draft.licence),
    )? {
        return Ok(Some(found));
    }
    if !draft.author.is_empty()
        && let Some(found) =
            staff::find(zone, db, "name_ix", staff::name_index(zone, &draft.author))?
    {
        return Ok(Some(found));
    }
    match &zone.config.fallback_author {
        Some(licence) => staff::find(zone, db, "licence_ix", staff::licence_index(zone, licence)),
        None => Ok(None),
    }
}

/// Takes the signer from records that nobody signed yet, because the key has ended.
pub(crate) fn unassign(db: &Connection, key: &KeyId) -> Result<(), InnerError> {
    let these = (key.as_bytes(), record::TO_SIGN, record::HELD);
    release(db, "key = ?1 AND state IN (?2, ?3)", these)?;
    Ok(())
}

/// Takes the signer from records, and from those that replace them: their statements name a content
/// root that changes with the signer. Returns how many.
pub(crate) fn release(
    db: &Connection,
    condition: &str,
    these: impl Params,
) -> rusqlite::Result<usize> {
    let sql = format!(
        "WITH RECURSIVE released (id) AS (
           SELECT id FROM records WHERE {condition}
           UNION SELECT later.id FROM records later JOIN released ON later.replaces = released.id
             WHERE later.state IN ({}, {}, {}))
         UPDATE records SET state = {}, reason = '', key = x'', root = x'', replaces = 0,
           signature = x'' WHERE id IN (SELECT id FROM released)",
        record::TO_SIGN,
        record::SIGNED,
        record::HELD,
        record::NO_KEY,
    );
    db.prepare_cached(&sql)?.execute(these)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_goes_on_waiting_for_the_same_is_not_written_again() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch("CREATE TABLE records (id, reason); INSERT INTO records VALUES (1, '');")
            .unwrap();
        let written = |reason| {
            let before = db.total_changes();
            assert!(!wait(&db, 1, reason).unwrap());
            db.total_changes() - before
        };
        let reasons = ["a", "a", "b", "b"];
        assert_eq!(reasons.map(written), [1, 0, 1, 0]);
    }
}

//! The signers' work list, and their answers.
//!
//! A signature is checked when it comes, and kept with the content root that it was checked for
//! ([`checked`](super::checked)); whether its signer may still sign is asked again when the visit is
//! sealed. One that does not hold keeps the whole visit back, with its reason, until the record is
//! signed properly.

use medfolder_crypto::Digest;
use medfolder_record::{ContentRoot, DoctorSignature, KeyId, RecordSignature, Signatures};
use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::draft::{Draft, open_statement};
use super::staff::{self, SigningStaff};
use super::store::{record, staff as staff_state};
use super::vault_file::Plain;
use super::zone::Zone;
use super::{InnerError, assign, checked, refused};
use crate::parallel::in_parallel;
use crate::worklist::{Answer, Answered, Item, MAX_BODIES, MAX_ITEMS};

const MAX_KEYS: usize = 256;

/// Why there is no such item.
pub(crate) const NO_ITEM: &str = "worklist.unknown";

struct Row {
    id: i64,
    key: [u8; 32],
    draft: Vec<u8>,
    statement: Vec<u8>,
}

/// Records that wait for these keys, oldest first, from after `after`.
pub(crate) fn items(
    zone: &Zone,
    keys: &[KeyId],
    after: u64,
    limit: usize,
) -> Result<Vec<Item>, InnerError> {
    let keys: Vec<Vec<u8>> = keys
        .iter()
        .take(MAX_KEYS)
        .map(|key| key.as_bytes().to_vec())
        .collect();
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let marks = vec!["?"; keys.len()].join(",");
    let sql = format!(
        "SELECT r.id FROM records r JOIN staff s ON s.key = r.key AND s.state = {}
         WHERE r.state = {} AND r.key IN ({marks}) AND r.id > {} ORDER BY r.id LIMIT {}",
        staff_state::ENROLLED,
        record::TO_SIGN,
        i64::try_from(after).unwrap_or(i64::MAX),
        limit.min(MAX_ITEMS),
    );
    let rows = zone.store.read(|db| bounded_rows(db, &sql, &keys))?;
    rows.iter().map(|row| item_of(zone, row)).collect()
}

fn bounded_rows(db: &Connection, sql: &str, keys: &[Vec<u8>]) -> Result<Vec<Row>, InnerError> {
    let ids: Vec<i64> = db
        .prepare(sql)?
        .query_map(params_from_iter(keys), |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let (mut rows, mut total) = (Vec::new(), 0_usize);
    for id in ids {
        let row = db.prepare_cached(ONE_ITEM)?.query_row([id], read_row)?;
        total = total.saturating_add(row.draft.len());
        if total > MAX_BODIES && !rows.is_empty() {
            break;
        }
        rows.push(row);
    }
    Ok(rows)
}

const ONE_ITEM: &str = "SELECT r.id, r.key, d.draft, r.statement FROM records r
  JOIN drafts d ON d.record = r.id WHERE r.id = ?1";

fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row {
        id: row.get(0)?,
        key: row.get(1)?,
        draft: row.get(2)?,
        statement: row.get(3)?,
    })
}

fn item_of(zone: &Zone, row: &Row) -> Result<Item, InnerError> {
    let draft = Draft::open(zone, &row.draft)?;
    let statement = open_statement(zone, &row.statement)?;
    Ok(Item {
        id: u64::try_from(row.id).map_err(|_| InnerError::Damaged)?,
        key: KeyId(Digest(row.key)),
        statement: statement.to_vec().into(),
        body: draft.body,
        attachments: draft.attachments,
        salt: draft.salt,
    })
}

/// One record that waits for a signature, or was held.
pub(crate) fn item(zone: &Zone, id: u64) -> Result<Option<Item>, InnerError> {
    let row = zone.store.read(|db| {
        db.prepare_cached(
            "SELECT r.id, r.key, d.draft, r.statement FROM records r
             JOIN drafts d ON d.record = r.id WHERE r.id = ?1 AND r.state IN (?2, ?3)",
        )?
        .query_row(
            (
                i64::try_from(id).unwrap_or(-1),
                record::TO_SIGN,
                record::HELD,
            ),
            read_row,
        )
        .optional()
    })?;
    row.map(|row| item_of(zone, &row)).transpose()
}

/// Opens an attachment of a record that waits for a signature.
pub(crate) fn attachment(zone: &Zone, id: u64, index: usize) -> Result<Option<Plain>, InnerError> {
    let files: Option<String> = zone.store.read(|db| {
        db.prepare_cached(
            "SELECT d.files FROM drafts d JOIN records r ON r.id = d.record
             WHERE r.id = ?1 AND r.state IN (?2, ?3)",
        )?
        .query_row(
            (
                i64::try_from(id).unwrap_or(-1),
                record::TO_SIGN,
                record::HELD,
            ),
            |row| row.get(0),
        )
        .optional()
    })?;
    let Some(files) = files else { return Ok(None) };
    let Some(name) = files.split_whitespace().nth(index) else {
        return Ok(None);
    };
    Ok(Some(Plain::open(&zone.key, &zone.files, name)?))
}

/// Takes answers; each is judged by itself. `None`: taken.
pub(crate) fn answer(zone: &Zone, answers: &[Answered]) -> Result<Vec<Option<String>>, InnerError> {
    let now = zone.now();
    let known = zone.store.read(|db| {
        let known = answers.iter().map(|answered| Known::load(db, answered));
        known.collect::<Result<Vec<_>, InnerError>>()
    })?;
    let asked: Vec<_> = answers.iter().zip(known).collect();
    let judged = in_parallel(&asked, |(answered, known)| {
        judge(zone, answered, known.as_ref(), now)
    });
    zone.store.write(|db| {
        for (verdict, (answered, known)) in judged.iter().zip(&asked) {
            if let Some(known) = known {
                verdict.store(db, answered.id, &known.root)?;
            }
        }
        Ok::<_, InnerError>(())
    })?;
    zone.wake.rouse();
    Ok(judged.into_iter().map(Verdict::code).collect())
}

/// What is known of the record that an answer is for.
struct Known {
    state: i64,
    key: Vec<u8>,
    root: Vec<u8>,
    staff: Option<SigningStaff>,
}

impl Known {
    fn load(db: &Connection, answered: &Answered) -> Result<Option<Self>, InnerError> {
        let id = i64::try_from(answered.id).unwrap_or(-1);
        let row: Option<(i64, Vec<u8>, Vec<u8>)> = db
            .prepare_cached("SELECT state, key, root FROM records WHERE id = ?1")?
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let Some((state, key, root)) = row else {
            return Ok(None);
        };
        let staff = match &answered.answer {
            Answer::Signed(signature) => staff::signing(db, &signature.key)?,
            Answer::Refused(_) => None,
        };
        Ok(Some(Self {
            state,
            key,
            root,
            staff,
        }))
    }
}

/// What becomes of an answer.
enum Verdict {
    /// The signature counts; as it is stored.
    Taken(Vec<u8>),
    /// The record is held for this.
    Held(String),
    /// Nothing changes, for this.
    Left(&'static str),
}

fn judge(zone: &Zone, answered: &Answered, known: Option<&Known>, now: u64) -> Verdict {
    let Some(known) = known else {
        return Verdict::Left(NO_ITEM);
    };
    if known.state != record::TO_SIGN && known.state != record::HELD {
        return Verdict::Left("worklist.done");
    }
    let signature = match &answered.answer {
        Answer::Refused(code) if is_code(code) => return Verdict::Held(code.clone()),
        Answer::Refused(_) => return Verdict::Held("signer.refused".to_owned()),
        Answer::Signed(signature) => signature,
    };
    match objection(zone, known, signature, now) {
        None => {
            let signatures = Signatures(vec![RecordSignature::Native(signature.clone())]);
            Verdict::Taken(checked::seal(zone, &known.root, &signatures))
        }
        // The ledger has not said yet that the key counts: sign again a little later.
        Some("staff.not_enrolled") => Verdict::Left("staff.not_enrolled"),
        Some(code) => Verdict::Held(code.to_owned()),
    }
}

/// Why a signature does not count for a record; `None` when it does.
fn objection(
    zone: &Zone,
    known: &Known,
    signature: &DoctorSignature,
    now: u64,
) -> Option<&'static str> {
    let Ok(root) = <[u8; 32]>::try_from(known.root.as_slice()) else {
        return Some("worklist.done");
    };
    if signature.key.as_bytes().as_slice() != known.key {
        return Some("signature.other_key");
    }
    let Some(staff) = &known.staff else {
        return Some("staff.unknown");
    };
    staff.standing(signature, now).or_else(|| {
        let made = staff.made(zone, signature, &ContentRoot(Digest(root)));
        (!made).then_some("signature.invalid")
    })
}

impl Verdict {
    fn code(self) -> Option<String> {
        match self {
            Self::Taken(_) => None,
            Self::Held(code) => Some(code),
            Self::Left(code) => Some(code.to_owned()),
        }
    }

    fn store(&self, db: &Connection, id: u64, root: &[u8]) -> rusqlite::Result<()> {
        let (state, reason, signature) = match self {
            Self::Taken(signature) => (record::SIGNED, "", signature.as_slice()),
            Self::Held(code) => (record::HELD, code.as_str(), [].as_slice()),
            Self::Left(_) => return Ok(()),
        };
        // The content root must still be the one that was checked.
        db.prepare_cached(
            "UPDATE records SET state = ?2, reason = ?3, signature = ?4
             WHERE id = ?1 AND state IN (?5, ?6) AND root = ?7",
        )?
        .execute((
            i64::try_from(id).unwrap_or(-1),
            state,
            reason,
            signature,
            record::TO_SIGN,
            record::HELD,
            root,
        ))
        .map(|_| ())
    }
}

fn is_code(code: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || matches!(byte, b'.' | b'_');
    (1..=64).contains(&code.len()) && code.bytes().all(plain)
}

/// Puts every held record before its signer again, one whose signer's key has ended before a new
/// one, and has every visit sealed anew that the ledger refused. Returns how many.
pub(crate) fn retry_held(zone: &Zone) -> Result<usize, InnerError> {
    let retried = zone.store.write(|db| {
        let orphaned = assign::release(
            db,
            "state = ?1 AND NOT EXISTS
               (SELECT 1 FROM staff s WHERE s.key = records.key AND s.state IN (?2, ?3))",
            (record::HELD, staff_state::SUBMITTED, staff_state::ENROLLED),
        )?;
        let again = db.execute(
            "UPDATE records SET state = ?1, reason = '' WHERE state = ?2",
            (record::TO_SIGN, record::HELD),
        )?;
        Ok::<_, InnerError>(orphaned + again + refused::retry(db)?)
    })?;
    zone.wake.rouse();
    Ok(retried)
}

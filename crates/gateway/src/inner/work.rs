//! The signers' work list, and their answers.
//!
//! A signature is checked when it comes and again when the visit is sealed. One that does not hold
//! keeps the whole visit back, with its reason, until the record is signed properly.

use medfolder_crypto::{Digest, to_cbor};
use medfolder_record::{ContentRoot, DoctorSignature, KeyId, RecordSignature, Signatures};
use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::InnerError;
use super::draft::{Draft, open_statement};
use super::staff;
use super::store::{record, staff as staff_state};
use super::vault_file::Plain;
use super::zone::Zone;
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

/// Records that wait for these keys, oldest first.
pub(crate) fn items(zone: &Zone, keys: &[KeyId], limit: usize) -> Result<Vec<Item>, InnerError> {
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
        "SELECT r.id, r.key, d.draft, d.statement FROM records r
         JOIN staff s ON s.key = r.key AND s.state = {} JOIN drafts d ON d.record = r.id
         WHERE r.state = {} AND r.key IN ({marks}) ORDER BY r.id LIMIT {}",
        staff_state::ENROLLED,
        record::TO_SIGN,
        limit.min(MAX_ITEMS),
    );
    let rows = zone.store.read(|db| bounded_rows(db, &sql, &keys))?;
    rows.iter().map(|row| item_of(zone, row)).collect()
}

fn bounded_rows(db: &Connection, sql: &str, keys: &[Vec<u8>]) -> Result<Vec<Row>, InnerError> {
    let mut statement = db.prepare_cached(sql)?;
    let mut found = statement.query(params_from_iter(keys))?;
    let (mut rows, mut total) = (Vec::new(), 0_usize);
    while let Some(row) = found.next()? {
        let row = read_row(row)?;
        total = total.saturating_add(row.draft.len());
        if total > MAX_BODIES && !rows.is_empty() {
            break;
        }
        rows.push(row);
    }
    Ok(rows)
}

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
            "SELECT r.id, r.key, d.draft, d.statement FROM records r
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
    let judged = zone.store.read(|db| {
        let judge = |answered| judge(zone, db, answered, now);
        answers
            .iter()
            .map(judge)
            .collect::<Result<Vec<_>, InnerError>>()
    })?;
    zone.store.write(|db| {
        for verdict in &judged {
            verdict.store(db)?;
        }
        Ok::<_, InnerError>(())
    })?;
    zone.wake.rouse();
    Ok(judged.into_iter().map(|verdict| verdict.code).collect())
}

struct Verdict {
    id: i64,
    root: Vec<u8>,
    signature: Option<Vec<u8>>,
    /// What the answer is answered.
    code: Option<String>,
    /// Whether the record is held for it.
    held: bool,
}

fn judge(
    zone: &Zone,
    db: &Connection,
    answered: &Answered,
    now: u64,
) -> Result<Verdict, InnerError> {
    let id = i64::try_from(answered.id).unwrap_or(-1);
    let row: Option<(i64, Vec<u8>, Vec<u8>)> = db
        .prepare_cached("SELECT state, key, root FROM records WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let verdict = |root, signature, code: Option<&str>, held| {
        Ok(Verdict {
            id,
            root,
            signature,
            code: code.map(str::to_owned),
            held,
        })
    };
    let Some((state, key, root)) = row else {
        return verdict(Vec::new(), None, Some(NO_ITEM), false);
    };
    if state != record::TO_SIGN && state != record::HELD {
        return verdict(root, None, Some("worklist.done"), false);
    }
    match &answered.answer {
        Answer::Refused(code) => {
            let code = if is_code(code) {
                code.as_str()
            } else {
                "signer.refused"
            };
            Ok(Verdict {
                id,
                root,
                signature: None,
                code: None,
                held: true,
            }
            .because(code))
        }
        Answer::Signed(signature) => {
            match objection(zone, db, signature, &key, &root, now)? {
                None => verdict(root, Some(encoded(signature)), None, false),
                // The ledger has not said yet that the key counts: sign again a little later.
                Some("staff.not_enrolled") => {
                    verdict(root, None, Some("staff.not_enrolled"), false)
                }
                Some(code) => verdict(root, None, Some(code), true),
            }
        }
    }
}

impl Verdict {
    fn because(mut self, code: &str) -> Self {
        self.code = Some(code.to_owned());
        self
    }

    fn store(&self, db: &Connection) -> rusqlite::Result<()> {
        let (state, reason) = match (&self.signature, self.held) {
            (Some(_), _) => (record::SIGNED, ""),
            (None, true) => (
                record::HELD,
                self.code.as_deref().unwrap_or("signer.refused"),
            ),
            (None, false) => return Ok(()),
        };
        // The content root must still be the one that was checked.
        db.prepare_cached(
            "UPDATE records SET state = ?2, reason = ?3, signature = ?4
             WHERE id = ?1 AND state IN (?5, ?6) AND root = ?7",
        )?
        .execute((
            self.id,
            state,
            reason,
            self.signature.as_deref().unwrap_or_default(),
            record::TO_SIGN,
            record::HELD,
            &self.root,
        ))
        .map(|_| ())
    }
}

fn is_code(code: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || matches!(byte, b'.' | b'_');
    (1..=64).contains(&code.len()) && code.bytes().all(plain)
}

fn encoded(signature: &DoctorSignature) -> Vec<u8> {
    to_cbor(&Signatures(vec![RecordSignature::Native(
        signature.clone(),
    )]))
}

/// Why a signature does not count for a record; `None` when it does.
pub(crate) fn objection(
    zone: &Zone,
    db: &Connection,
    signature: &DoctorSignature,
    key: &[u8],
    root: &[u8],
    now: u64,
) -> Result<Option<&'static str>, InnerError> {
    if signature.key.as_bytes().as_slice() != key {
        return Ok(Some("signature.other_key"));
    }
    let root = <[u8; 32]>::try_from(root).map_err(|_| InnerError::Damaged)?;
    let Some(staff) = staff::signing(db, &signature.key)? else {
        return Ok(Some("staff.unknown"));
    };
    Ok(staff.objection(zone, signature, &ContentRoot(Digest(root)), now))
}

/// Puts every held record before its signer again; one whose signer's key has ended gets a new
/// signer. Returns how many.
pub(crate) fn retry_held(zone: &Zone) -> Result<usize, InnerError> {
    let retried = zone.store.write(|db| {
        let orphaned = db.execute(
            "UPDATE records SET state = ?1, reason = '', key = x'', root = x'', replaces = 0,
               signature = x''
             WHERE state = ?2
               AND NOT EXISTS (SELECT 1 FROM staff s WHERE s.key = records.key AND s.state IN (?3, ?4))
               AND NOT EXISTS (SELECT 1 FROM records later WHERE later.replaces = records.id)",
            (
                record::NO_KEY,
                record::HELD,
                staff_state::SUBMITTED,
                staff_state::ENROLLED,
            ),
        )?;
        let again = db.execute(
            "UPDATE records SET state = ?1, reason = '' WHERE state = ?2",
            (record::TO_SIGN, record::HELD),
        )?;
        Ok::<_, InnerError>(orphaned + again)
    })?;
    zone.wake.rouse();
    Ok(retried)
}

//! The front desk: codes, claims, and the comparison that a person makes.
//!
//! ```text
//! code     80 bits, one use, ten minutes; never seen by the edge (`medfolder_client::desk_code`)
//! claim    T_R with the card's signature, HMAC(code, label ‖ 0 ‖ genesis ‖ T_R body); by way of the edge
//! confirm  the desk types the last eight characters of the card number that the patient's screen
//!          shows: somebody may have photographed the code and claimed first
//! ```
//! Only then the seal key signs T_R. An edge that puts a card of its own into a claim cannot make
//! the HMAC. A claim that comes again under its number gets the answer that it got before, however
//! the two race with the desk; under another number it finds the code used.

use medfolder_client::desk_code::{CODE_LEN, DeskCode, DeskLink};
use medfolder_crypto::{Digest, os_rng, to_cbor};
use medfolder_fhir::Identifier;
use medfolder_ledger::body::{Body, RegisterCard};
use medfolder_ledger::{Transaction, TxId, Unsigned};
use medfolder_record::CardNumber;
use medfolder_record::limits::MAX_CODE;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

use super::InnerError;
use super::inlet;
use super::outbox;
use super::replaced::{self, Linked};
use super::store::code as state;
use super::zone::{Zone, sql_time, time_of};
use crate::spool::{CardClaim, DeskAnswer, DeskOutcome, Out};

/// How long a code lasts, and a claim after it.
pub const CODE_LIFETIME: u64 = 10 * 60 * 1_000;
/// How long a code is remembered, so that a late claim is told why.
const REMEMBERED: u64 = 24 * 60 * 60 * 1_000;
/// Wrong card numbers that the desk may type before the claim is refused.
const TRIES: i64 = 3;
/// Last characters of a card number that the desk compares.
const COMPARED: usize = 8;
const PURPOSE: &str = "code";

/// Why the front desk says no.
#[derive(Debug, Error)]
pub enum DeskError {
    /// No patient of this number is known, or none can be made.
    #[error("no patient of this number")]
    PatientUnknown,
    /// Two patients have this number in different namespaces.
    #[error("this number belongs to more than one patient; write it as system|number")]
    PatientAmbiguous,
    /// Not a code.
    #[error("not a code of the front desk")]
    Malformed,
    /// Never given, or forgotten.
    #[error("this code was not given here")]
    Unknown,
    /// Claimed or confirmed before.
    #[error("this code was used before")]
    Used,
    /// Older than ten minutes.
    #[error("this code is too old")]
    Expired,
    /// Nobody claimed it yet.
    #[error("the patient's claim has not arrived yet")]
    NoClaim,
    /// The characters are not the end of the claimed card's number.
    #[error("the card that claimed is not the one on the patient's screen")]
    CardMismatch,
    /// The inner zone failed.
    #[error(transparent)]
    Inner(#[from] InnerError),
}

impl DeskError {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::PatientUnknown => "desk.patient_unknown",
            Self::PatientAmbiguous => "desk.patient_ambiguous",
            Self::Malformed => "desk.code_malformed",
            Self::Unknown => "desk.code_unknown",
            Self::Used => "desk.code_used",
            Self::Expired => "desk.code_expired",
            Self::NoClaim => "desk.no_claim",
            Self::CardMismatch => "desk.card_mismatch",
            Self::Inner(error) => error.code(),
        }
    }
}

impl From<rusqlite::Error> for DeskError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Inner(error.into())
    }
}

/// A fresh code, for the patient in front of the desk.
#[derive(Clone, Serialize, Deserialize)]
pub struct GivenCode {
    /// The 16 characters.
    pub code: String,
    /// The link for the QR.
    pub link: String,
    /// When it ends, milliseconds since the Unix epoch, UTC.
    pub expires: u64,
    /// The card that the patient has here already: the one that is linked now would replace it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linked: Option<Linked>,
}

impl core::fmt::Debug for GivenCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "GivenCode(…, {})", self.expires)
    }
}

/// A card that the desk confirmed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Confirmed {
    /// The card.
    pub card: CardNumber,
    /// T_R's id; the card is registered when the ledger accepted it.
    pub transaction: Digest,
    /// The card that this one replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Linked>,
}

/// Makes a code for a patient; earlier codes of hers that nobody claimed end.
///
/// # Errors
/// [`DeskError::PatientUnknown`] or [`DeskError::PatientAmbiguous`].
pub(crate) fn give(zone: &Zone, number: &str) -> Result<GivenCode, DeskError> {
    let code = DeskCode::random(&mut os_rng());
    let expires = zone.now().saturating_add(CODE_LIFETIME);
    let sealed = zone.key.seal(PURPOSE, code.expose());
    let linked = zone.store.write(|db| {
        let patient = patient(zone, db, number)?;
        db.execute(
            "DELETE FROM codes WHERE patient = ?1 AND state = ?2",
            (patient, state::GIVEN),
        )?;
        db.execute(
            "INSERT INTO codes (patient, code, expires, state, tries, claim, tx, tx_id)
             VALUES (?1, ?2, ?3, ?4, 0, x'', x'', x'')",
            (patient, &sealed, sql_time(expires), state::GIVEN),
        )?;
        Ok::<_, DeskError>(replaced::linked(db, patient)?)
    })?;
    let link = DeskLink::new(&zone.genesis(), zone.member(), code.clone());
    Ok(GivenCode {
        code: code.text(),
        link: link.text(),
        expires,
        linked,
    })
}

fn patient(zone: &Zone, db: &Connection, number: &str) -> Result<i64, DeskError> {
    let number = number.trim();
    if number.is_empty() || number.len() > 4 * MAX_CODE || number.contains(char::is_control) {
        return Err(DeskError::PatientUnknown);
    }
    let (system, value) = match number.rsplit_once('|') {
        Some((system, value)) => (Some(system), value),
        None => (zone.config.patient_system.as_deref(), number),
    };
    let mut statement =
        db.prepare_cached("SELECT id FROM patients WHERE number_ix = ?1 LIMIT 2")?;
    let index = inlet::number_index(zone, value);
    let found: Vec<i64> = statement
        .query_map([&index.0], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    match (system, found.as_slice()) {
        (Some(system), _) => patient_in(zone, db, system, value),
        (None, [only]) => Ok(*only),
        (None, []) => Err(DeskError::PatientUnknown),
        (None, _) => Err(DeskError::PatientAmbiguous),
    }
}

/// A patient by number and namespace; one without records yet may get a card too.
fn patient_in(zone: &Zone, db: &Connection, system: &str, value: &str) -> Result<i64, DeskError> {
    let identifier = Identifier {
        system: system.to_owned(),
        value: value.to_owned(),
        type_code: None,
    };
    let (token, number) = inlet::patient_indexes(zone, &identifier);
    db.execute(
        "INSERT OR IGNORE INTO patients (token_ix, number_ix) VALUES (?1, ?2)",
        (&token.0, &number.0),
    )?;
    Ok(db.query_row(
        "SELECT id FROM patients WHERE token_ix = ?1",
        [&token.0],
        |row| row.get(0),
    )?)
}

struct Row {
    id: i64,
    patient: i64,
    code: DeskCode,
    expires: u64,
    state: i64,
    tries: i64,
    claim: Vec<u8>,
    tx: Vec<u8>,
    tx_id: Vec<u8>,
}

impl Row {
    fn claim_number(&self) -> Result<[u8; 16], InnerError> {
        self.claim
            .as_slice()
            .try_into()
            .map_err(|_| InnerError::Damaged)
    }

    /// What the claim of this code was answered; `None` while the desk has not decided.
    fn answered(&self) -> Result<Option<Out>, InnerError> {
        let claim = self.claim_number()?;
        if self.state == state::CLAIMED {
            return Ok(None);
        }
        if self.tx_id.is_empty() {
            return Ok(Some(refuse(claim, DeskError::CardMismatch.code())));
        }
        let id = <[u8; 32]>::try_from(self.tx_id.as_slice()).map_err(|_| InnerError::Damaged)?;
        Ok(Some(confirmed(claim, Digest(id))))
    }
}

fn rows(zone: &Zone, db: &Connection) -> Result<Vec<Row>, DeskError> {
    let mut statement = db.prepare_cached(
        "SELECT id, code, expires, state, tries, claim, tx, tx_id, patient FROM codes
         ORDER BY id DESC",
    )?;
    let mut found = statement.query([])?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let sealed: Vec<u8> = row.get(1)?;
        let plain = zone.key.open(PURPOSE, &sealed).map_err(InnerError::from)?;
        let bytes: [u8; CODE_LEN] = plain
            .as_slice()
            .try_into()
            .map_err(|_| InnerError::Damaged)?;
        rows.push(Row {
            id: row.get(0)?,
            code: DeskCode::new(bytes),
            expires: time_of(row.get(2)?),
            state: row.get(3)?,
            tries: row.get(4)?,
            claim: row.get(5)?,
            tx: row.get(6)?,
            tx_id: row.get(7)?,
            patient: row.get(8)?,
        });
    }
    Ok(rows)
}

/// Takes a claim from the spool; what is wrong with it is answered to the edge as a code.
///
/// # Errors
/// [`InnerError`] only; the claim comes again.
pub(crate) fn claim(zone: &Zone, claim: &CardClaim) -> Result<(), InnerError> {
    let answer = match zone.store.write(|db| take_claim(zone, db, claim)) {
        Ok(()) => return Ok(()),
        Err(DeskError::Inner(error)) => return Err(error),
        Err(refused) => refuse(claim.claim, refused.code()),
    };
    zone.store.write(|db| outbox::queue(db, &answer))?;
    Ok(())
}

fn refuse(claim: [u8; 16], code: &str) -> Out {
    let outcome = DeskOutcome::Refused {
        code: code.to_owned(),
    };
    Out::Answer(DeskAnswer { claim, outcome })
}

fn confirmed(claim: [u8; 16], transaction: Digest) -> Out {
    let outcome = DeskOutcome::Confirmed { transaction };
    Out::Answer(DeskAnswer { claim, outcome })
}

fn take_claim(zone: &Zone, db: &Connection, claim: &CardClaim) -> Result<(), DeskError> {
    let (_, body) = card_signed(zone, &claim.transaction).ok_or(DeskError::Unknown)?;
    if claim.member != zone.member() {
        return Err(DeskError::Unknown);
    }
    let body = to_cbor(&body);
    let holds = |row: &Row| {
        constant_time_eq(
            &row.code.mac(zone.suite(), &zone.genesis(), &body),
            &claim.mac,
        )
    };
    let row = rows(zone, db)?
        .into_iter()
        .find(holds)
        .ok_or(DeskError::Unknown)?;
    if row.claim == claim.claim {
        // The same claim again: sent twice, or after a crash.
        return match row.answered()? {
            Some(answer) => Ok(outbox::queue(db, &answer)?),
            None => warn_of_replacing(db, &row, claim.claim),
        };
    }
    let now = zone.now();
    match row.state {
        // Also one whose claim nobody confirmed in time: it can be neither claimed nor confirmed.
        state::GIVEN | state::CLAIMED if now >= row.expires => return Err(DeskError::Expired),
        state::GIVEN => {}
        _ => return Err(DeskError::Used),
    }
    db.execute(
        "UPDATE codes SET state = ?2, claim = ?3, tx = ?4, expires = ?5 WHERE id = ?1",
        (
            row.id,
            state::CLAIMED,
            claim.claim,
            &claim.transaction,
            sql_time(now.saturating_add(CODE_LIFETIME)),
        ),
    )?;
    warn_of_replacing(db, &row, claim.claim)
}

/// Tells the patient's device, while the desk decides, that her present card would be replaced.
fn warn_of_replacing(db: &Connection, row: &Row, claim: [u8; 16]) -> Result<(), DeskError> {
    if let Some(Linked { since, .. }) = replaced::linked(db, row.patient)? {
        let outcome = DeskOutcome::Replaces { since };
        outbox::queue(db, &Out::Answer(DeskAnswer { claim, outcome }))?;
    }
    Ok(())
}

/// T_R of this member with a card's valid signature and no other.
fn card_signed(zone: &Zone, bytes: &[u8]) -> Option<(Transaction, RegisterCard)> {
    let transaction = Transaction::from_bytes(bytes).ok()?;
    let Body::RegisterCard(body) = &transaction.body else {
        return None;
    };
    let [signature] = transaction.signatures.as_slice() else {
        return None;
    };
    let unsigned = Unsigned::new(body.clone(), transaction.valid_until);
    let holds =
        body.member == zone.member() && unsigned.verify(&zone.chain, &body.signing, signature);
    let body = body.clone();
    holds.then_some((transaction, body))
}

fn constant_time_eq(a: &Digest, b: &Digest) -> bool {
    // Secret32 compares in constant time.
    medfolder_crypto::Secret32::new(a.0) == medfolder_crypto::Secret32::new(b.0)
}

/// The desk says that the claimed card is the one on the patient's screen.
///
/// # Errors
/// [`DeskError`]; after three wrong numbers the claim is refused.
pub(crate) fn confirm(zone: &Zone, code: &str, card_end: &str) -> Result<Confirmed, DeskError> {
    let code: DeskCode = code.parse().map_err(|_| DeskError::Malformed)?;
    let card_end = Zeroizing::new(card_end.trim().to_owned());
    let done = zone
        .store
        .write(|db| match confirm_in(zone, db, &code, &card_end) {
            // A wrong number is counted: that must be stored too.
            Err(DeskError::CardMismatch) => Ok(Err(DeskError::CardMismatch)),
            Err(other) => Err(other),
            Ok(done) => Ok(Ok(done)),
        })?;
    zone.wake.rouse();
    done
}

fn confirm_in(
    zone: &Zone,
    db: &Connection,
    code: &DeskCode,
    card_end: &str,
) -> Result<Confirmed, DeskError> {
    let row = rows(zone, db)?.into_iter().find(|row| row.code == *code);
    let row = row.ok_or(DeskError::Unknown)?;
    match row.state {
        state::CLAIMED => {}
        state::GIVEN if zone.now() < row.expires => return Err(DeskError::NoClaim),
        state::GIVEN => return Err(DeskError::Expired),
        _ => return Err(DeskError::Used),
    }
    if zone.now() >= row.expires {
        return Err(DeskError::Expired);
    }
    let (transaction, body) = card_signed(zone, &row.tx).ok_or(InnerError::Damaged)?;
    let card = body.number(zone.suite());
    if !ends_with(&card.to_string(), card_end) {
        return mismatch(db, &row);
    }
    let replaces = replaced::linked(db, row.patient)?.filter(|linked| linked.card != card);
    let (bytes, id) = both_sign(zone, &transaction, body)?;
    db.execute(
        "UPDATE codes SET state = ?2, tx = ?3, tx_id = ?4 WHERE id = ?1",
        (row.id, state::CONFIRMED, &bytes, &id.0),
    )?;
    let transaction = Digest(id.0);
    outbox::queue(db, &Out::Tx(bytes))?;
    outbox::queue(db, &confirmed(row.claim_number()?, transaction))?;
    Ok(Confirmed {
        card,
        transaction,
        replaces,
    })
}

fn ends_with(number: &str, end: &str) -> bool {
    end.chars().count() == COMPARED && number.ends_with(end)
}

fn mismatch(db: &Connection, row: &Row) -> Result<Confirmed, DeskError> {
    let tries = row.tries.saturating_add(1);
    let next = if tries >= TRIES {
        state::REFUSED
    } else {
        state::CLAIMED
    };
    db.execute(
        "UPDATE codes SET tries = ?2, state = ?3 WHERE id = ?1",
        (row.id, tries, next),
    )?;
    if next == state::REFUSED {
        let code = DeskError::CardMismatch.code();
        outbox::queue(db, &refuse(row.claim_number()?, code))?;
    }
    Err(DeskError::CardMismatch)
}

/// T_R with the card's signature and ours.
fn both_sign(
    zone: &Zone,
    transaction: &Transaction,
    body: RegisterCard,
) -> Result<(Vec<u8>, TxId), InnerError> {
    let unsigned = Unsigned::new(body, transaction.valid_until);
    let id = unsigned.id(&zone.chain);
    let mut signatures: Vec<_> = transaction.signatures.iter().take(1).cloned().collect();
    signatures.push(unsigned.sign(&zone.chain, zone.seals.current()?));
    Ok((unsigned.with_signatures(signatures).to_bytes(), id))
}

/// Signs confirmed cards again that are not on the ledger yet: the seal key is another one.
pub(crate) fn resign(zone: &Zone, db: &Connection) -> Result<(), InnerError> {
    let confirmed: Vec<(i64, Vec<u8>)> = db
        .prepare("SELECT id, tx FROM codes WHERE state = ?1 AND tx <> x''")?
        .query_map([state::CONFIRMED], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (id, tx) in confirmed {
        let transaction = Transaction::from_bytes(&tx).map_err(|_| InnerError::Damaged)?;
        let Body::RegisterCard(body) = transaction.body.clone() else {
            return Err(InnerError::Damaged);
        };
        let (bytes, _) = both_sign(zone, &transaction, body)?;
        db.execute("UPDATE codes SET tx = ?2 WHERE id = ?1", (id, &bytes))?;
        outbox::queue(db, &Out::Tx(bytes))?;
    }
    Ok(())
}

/// Forgets the code of a card that is on the ledger now.
pub(crate) fn forget_confirmed(db: &Connection, id: &TxId) -> Result<(), InnerError> {
    db.execute("UPDATE codes SET tx = x'' WHERE tx_id = ?1", [&id.0])?;
    Ok(())
}

/// Forgets codes that ended a day ago.
pub(crate) fn forget_old(zone: &Zone, db: &Connection) -> rusqlite::Result<usize> {
    let before = sql_time(zone.now().saturating_sub(REMEMBERED));
    db.execute("DELETE FROM codes WHERE expires < ?1", [before])
}

//! Doctors and other staff of this member: enrolled on the ledger, found again by licence or name.
//!
//! The ledger gets both public keys, the role, the validity and a salted commitment to name and
//! licence; salt and texts stay here, encrypted. A key counts once a verified block holds its
//! enrolment; what it signed is checked against its validity again when the visit is sealed.

use medfolder_crypto::{Digest, PublicKeyBytes, Signature, from_cbor, os_rng, to_cbor};
use medfolder_ledger::body::{
    EnrolStaff, RevokeReason, RevokeStaff, StaffRole, commitment, proves_possession,
};
use medfolder_record::limits::{CLOCK_TOLERANCE_MS, ENDED_KEY_GRACE_MS, MAX_CODE, MAX_TEXT};
use medfolder_record::{DoctorSignature, KeyId};
use minicbor::{Decode, Encode};
use rand_core::Rng;
use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::InnerError;
use super::draft::{Responsible, line};
use super::outbox;
use super::store::staff as state;
use super::zone::{Zone, sql_time, time_of};
use crate::spool::Out;

const PURPOSE: &str = "staff";

/// A person to be enrolled.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewStaff {
    /// Checks the person's signatures.
    pub signing: PublicKeyBytes,
    /// Others wrap to it.
    pub encryption: PublicKeyBytes,
    /// Name, as it stands in the key file and in statements.
    pub name: String,
    /// Licence number, as records name their author.
    pub licence: String,
    /// What the person does.
    pub role: StaffRole,
    /// The signing key's word that this member may enrol it.
    pub proof: Signature,
}

/// A member of staff as this inner zone knows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StaffMember {
    /// The signing key's identifier on the ledger.
    pub key: KeyId,
    /// Name.
    pub name: String,
    /// Licence number.
    pub licence: String,
    /// `submitted`, `enrolled`, `ended`, `compromised` or `refused`.
    pub state: String,
}

/// Why a person is not enrolled, or a signature does not count.
#[derive(Debug, Error)]
pub enum StaffError {
    /// A key of another suite.
    #[error("a key of this person is not a key of the chain's suite")]
    Key,
    /// The key did not sign that this member may enrol it.
    #[error("the key did not sign that this member may enrol it")]
    Possession,
    /// Name or licence empty, too long or with control characters.
    #[error("name and licence must be one line each")]
    Text,
    /// No such key here.
    #[error("this key is not enrolled here")]
    Unknown,
    /// The inner zone failed.
    #[error(transparent)]
    Inner(#[from] InnerError),
}

impl StaffError {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Key => "key.invalid",
            Self::Possession => "staff.possession",
            Self::Text => "staff.text",
            Self::Unknown => "staff.unknown",
            Self::Inner(error) => error.code(),
        }
    }
}

impl From<rusqlite::Error> for StaffError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Inner(error.into())
    }
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct Details {
    #[n(0)]
    name: String,
    #[n(1)]
    licence: String,
    #[cbor(n(2), with = "minicbor::bytes")]
    salt: [u8; 16],
}

impl Details {
    fn open(zone: &Zone, sealed: &[u8]) -> Result<Self, InnerError> {
        Ok(from_cbor(&zone.key.open(PURPOSE, sealed)?, 4096)?)
    }
}

pub(crate) fn name_index(zone: &Zone, name: &str) -> Digest {
    zone.key.index("staff-name", &[name.as_bytes()])
}

pub(crate) fn licence_index(zone: &Zone, licence: &str) -> Digest {
    zone.key.index("staff-licence", &[licence.as_bytes()])
}

/// The newest key in force of the person that an index names; a submitted one counts too.
pub(crate) fn find(
    zone: &Zone,
    db: &Connection,
    column: &str,
    index: Digest,
) -> Result<Option<Responsible>, InnerError> {
    let sql = format!(
        "SELECT key, details FROM staff WHERE {column} = ?1 AND state IN (?2, ?3)
         ORDER BY state DESC, rowid DESC LIMIT 1"
    );
    let found: Option<([u8; 32], Vec<u8>)> = db
        .prepare_cached(&sql)?
        .query_row((&index.0, state::SUBMITTED, state::ENROLLED), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((key, details)) = found else {
        return Ok(None);
    };
    let name = Details::open(zone, &details)?.name;
    Ok(Some(Responsible {
        key: KeyId(Digest(key)),
        name,
    }))
}

/// Signs and queues the enrolment of a person; the same key twice is one enrolment.
///
/// # Errors
/// [`StaffError`].
pub(crate) fn enrol(zone: &Zone, person: &NewStaff) -> Result<KeyId, StaffError> {
    let suite = zone.suite();
    person
        .signing
        .verifying(suite)
        .map_err(|_| StaffError::Key)?;
    person
        .encryption
        .encryption(suite)
        .map_err(|_| StaffError::Key)?;
    let NewStaff {
        signing,
        encryption,
        proof,
        ..
    } = person;
    if !proves_possession(&zone.chain, &zone.member(), signing, encryption, proof) {
        return Err(StaffError::Possession);
    }
    let plain = |text: &str, limit| !text.is_empty() && line(text, limit) == text;
    if !plain(&person.name, MAX_TEXT) || !plain(&person.licence, MAX_CODE) {
        return Err(StaffError::Text);
    }
    let key = KeyId::of(suite, &person.signing);
    zone.store.write(|db| enrol_once(zone, db, person, key))?;
    zone.wake.rouse();
    Ok(key)
}

fn enrol_once(
    zone: &Zone,
    db: &Connection,
    person: &NewStaff,
    key: KeyId,
) -> Result<(), StaffError> {
    let known: bool = db
        .prepare_cached("SELECT count(*) FROM staff WHERE key = ?1 AND state <> ?2")?
        .query_row((key.as_bytes(), state::REFUSED), |row| row.get::<_, i64>(0))?
        > 0;
    if known {
        return Ok(());
    }
    let mut salt = [0; 16];
    os_rng().fill_bytes(&mut salt);
    let now = zone.now();
    let enrol = EnrolStaff {
        member: zone.member(),
        signing: person.signing,
        encryption: person.encryption,
        role: person.role,
        from: now.saturating_sub(60_000),
        until: now.saturating_add(zone.config.tuning.staff_validity),
        commitment: commitment(zone.suite(), &salt, &person.name, &person.licence),
        proof: person.proof,
    };
    let (from, until) = (enrol.from, enrol.until);
    let signed = outbox::sign(zone, enrol)?;
    let details = Details {
        name: person.name.clone(),
        licence: person.licence.clone(),
        salt,
    };
    db.prepare_cached(
        "INSERT OR REPLACE INTO staff (key, state, name_ix, licence_ix, signing, details,
           valid_from, valid_until, ended, tx, tx_id, tx_until)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?9, ?10, ?11)",
    )?
    .execute((
        key.as_bytes(),
        state::SUBMITTED,
        &name_index(zone, &person.name).0,
        &licence_index(zone, &person.licence).0,
        person.signing.as_bytes(),
        zone.key.seal(PURPOSE, &to_cbor(&details)),
        sql_time(from),
        sql_time(until),
        &signed.bytes,
        &signed.id.0,
        sql_time(signed.valid_until),
    ))?;
    outbox::queue(db, &Out::Tx(signed.bytes))?;
    Ok(())
}

/// Signs and queues the end of a person's key; it stops counting here at once.
///
/// # Errors
/// [`StaffError::Unknown`] when there is no such key.
pub(crate) fn revoke(zone: &Zone, key: KeyId, reason: RevokeReason) -> Result<(), StaffError> {
    let ended = match reason {
        RevokeReason::Ended => state::ENDED,
        RevokeReason::Compromised => state::COMPROMISED,
    };
    zone.store.write(|db| {
        let changed = db
            .prepare_cached(
                "UPDATE staff SET state = ?2, ended = ?3 WHERE key = ?1 AND state < ?2",
            )?
            .execute((key.as_bytes(), ended, sql_time(zone.now())))?;
        if changed == 0 {
            return Err(StaffError::Unknown);
        }
        super::assign::unassign(db, &key)?;
        let revoke = RevokeStaff {
            member: zone.member(),
            key,
            reason,
        };
        let signed = outbox::sign(zone, revoke)?;
        db.execute(
            "UPDATE staff SET tx = ?2, tx_id = ?3, tx_until = ?4 WHERE key = ?1",
            (
                key.as_bytes(),
                &signed.bytes,
                &signed.id.0,
                sql_time(signed.valid_until),
            ),
        )?;
        outbox::queue(db, &Out::Tx(signed.bytes))?;
        Ok(())
    })?;
    zone.wake.rouse();
    Ok(())
}

/// Everybody who was ever enrolled here.
///
/// # Errors
/// [`InnerError`].
pub(crate) fn list(zone: &Zone) -> Result<Vec<StaffMember>, InnerError> {
    let rows: Vec<([u8; 32], i64, Vec<u8>)> = zone.store.read(|db| {
        db.prepare_cached("SELECT key, state, details FROM staff ORDER BY rowid")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<Result<_, rusqlite::Error>>()
    })?;
    rows.into_iter()
        .map(|(key, state, details)| {
            let Details { name, licence, .. } = Details::open(zone, &details)?;
            let state = state_name(state).to_owned();
            Ok(StaffMember {
                key: KeyId(Digest(key)),
                name,
                licence,
                state,
            })
        })
        .collect()
}

const fn state_name(value: i64) -> &'static str {
    match value {
        state::SUBMITTED => "submitted",
        state::ENROLLED => "enrolled",
        state::ENDED => "ended",
        state::COMPROMISED => "compromised",
        _ => "refused",
    }
}

/// A key as a signature is checked against it.
pub(crate) struct SigningStaff {
    state: i64,
    signing: PublicKeyBytes,
    valid_from: u64,
    valid_until: u64,
    ended: u64,
}

/// Loads a key; `None` when it was never enrolled here.
pub(crate) fn signing(db: &Connection, key: &KeyId) -> Result<Option<SigningStaff>, InnerError> {
    let row: Option<(i64, Vec<u8>, i64, i64, i64)> = db
        .prepare_cached(
            "SELECT state, signing, valid_from, valid_until, ended FROM staff WHERE key = ?1",
        )?
        .query_row([key.as_bytes()], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
            ))
        })
        .optional()?;
    let Some((state, signing, from, until, ended)) = row else {
        return Ok(None);
    };
    let signing = PublicKeyBytes::new(&signing).map_err(|_| InnerError::Damaged)?;
    let (valid_from, valid_until, ended) = (time_of(from), time_of(until), time_of(ended));
    Ok(Some(SigningStaff {
        state,
        signing,
        valid_from,
        valid_until,
        ended,
    }))
}

impl SigningStaff {
    /// Why a signature of this key that was checked does not count now; `None` when it does.
    pub(crate) fn standing(&self, signature: &DoctorSignature, now: u64) -> Option<&'static str> {
        match self.state {
            state::ENROLLED => {}
            state::ENDED
                if signature.time < self.ended
                    && now <= self.ended.saturating_add(ENDED_KEY_GRACE_MS) => {}
            state::SUBMITTED => return Some("staff.not_enrolled"),
            _ => return Some("staff.ended"),
        }
        let valid = (self.valid_from..self.valid_until).contains(&signature.time);
        let ahead = signature.time > now.saturating_add(CLOCK_TOLERANCE_MS);
        (!valid || ahead).then_some("signature.time")
    }

    /// Whether a signature is this key's, over this content root.
    pub(crate) fn made(
        &self,
        zone: &Zone,
        signature: &DoctorSignature,
        root: &medfolder_record::ContentRoot,
    ) -> bool {
        let key = self.signing.verifying(zone.suite());
        matches!(
            key.map(|key| signature.verify(&key, &zone.genesis(), root)),
            Ok(Ok(()))
        )
    }
}

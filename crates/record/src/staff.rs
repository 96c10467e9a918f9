//! What a verifier knows of staff keys, and when a signature of one counts.
//!
//! A key counts for a seal when it was enrolled before the seal, the claimed time lies in its
//! validity and not after the seal, and it was not ended before the seal. A key that ended without
//! being compromised still counts in seals of the next 30 days for what it claims to have signed
//! before its end.

use crate::check::Check;
use crate::id::{KeyId, MemberId};
use crate::limits::{CLOCK_TOLERANCE_MS, ENDED_KEY_GRACE_MS};
use crate::signature::DoctorSignature;
use medfolder_crypto::VerifyingKey;

/// A staff key as the ledger holds it. Times are ms since 1970 in UTC.
#[derive(Clone, Debug)]
pub struct StaffKey {
    /// The member that enrolled it.
    pub member: MemberId,
    /// The key.
    pub key: VerifyingKey,
    /// Position of its enrolment in the log.
    pub enrolled: u64,
    /// Start of its validity.
    pub valid_from: u64,
    /// End of its validity, not included.
    pub valid_until: u64,
    /// Its rotation or revocation.
    pub ended: Option<Ended>,
}

/// End of a staff key before its validity ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Position in the log.
    pub position: u64,
    /// Block time.
    pub time: u64,
    /// Whether the key may be in other hands: then nothing sealed later counts.
    pub compromised: bool,
}

/// Where and when a record was sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedAt {
    /// Position of the seal in the log.
    pub position: u64,
    /// Its block time.
    pub time: u64,
}

/// Look-up of staff keys, as of a checkpoint that the caller trusts.
pub trait StaffKeys {
    /// The key with this id; none when the ledger has no such entry.
    fn staff_key(&self, id: &KeyId) -> Option<&StaffKey>;
}

impl StaffKeys for std::collections::BTreeMap<KeyId, StaffKey> {
    fn staff_key(&self, id: &KeyId) -> Option<&StaffKey> {
        self.get(id)
    }
}

impl StaffKey {
    /// Whether a signature of this key counts in a seal of `member`.
    ///
    /// # Errors
    /// [`Check::SignerMember`], [`Check::SignerValidity`] or [`Check::SignatureTime`].
    pub fn counts(
        &self,
        signature: &DoctorSignature,
        member: &MemberId,
        sealed: &SealedAt,
    ) -> Result<(), Check> {
        if self.member != *member {
            return Err(Check::SignerMember);
        }
        let latest = sealed.time.saturating_add(CLOCK_TOLERANCE_MS);
        let valid = (self.valid_from..self.valid_until).contains(&signature.time);
        if !valid || signature.time > latest {
            return Err(Check::SignatureTime);
        }
        let in_force = self
            .ended
            .is_none_or(|ended| ended.still_counts(signature.time, sealed));
        let enrolled = self.enrolled < sealed.position;
        (enrolled && in_force)
            .then_some(())
            .ok_or(Check::SignerValidity)
    }
}

impl Ended {
    const fn still_counts(&self, signed: u64, sealed: &SealedAt) -> bool {
        if sealed.position < self.position {
            return true;
        }
        let within_grace = sealed.time <= self.time.saturating_add(ENDED_KEY_GRACE_MS);
        !self.compromised && within_grace && signed < self.time
    }
}

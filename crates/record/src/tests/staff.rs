//! A doctor's key counts as of the seal.

use super::forge::{SEALED, SIGNED, place, staff};
use crate::limits::{CLOCK_TOLERANCE_MS, ENDED_KEY_GRACE_MS, MAX_UINT};
use crate::{
    Check, Custody, DoctorSignature, Ended, KeyId, RecordSignature, SealedAt, Signatures, StaffKey,
};
use medfolder_crypto::{Digest, Signature, Suite};

fn counts(change: impl FnOnce(&mut StaffKey, &mut SealedAt, &mut u64)) -> Result<(), Check> {
    let mut key = staff(Suite::International).into_values().next().unwrap();
    let (mut sealed, mut time) = (SEALED, SIGNED);
    change(&mut key, &mut sealed, &mut time);
    let signature = DoctorSignature {
        key: KeyId(Digest([0; 32])),
        time,
        custody: Custody::FileKey,
        signature: Signature([0; 64]),
    };
    key.counts(&signature, &place().member, &sealed)
}

fn ended(compromised: bool) -> Option<Ended> {
    Some(Ended {
        position: 40,
        time: SIGNED + 1,
        compromised,
    })
}

#[test]
fn a_key_enrolled_before_the_seal_and_in_force_counts() {
    assert_eq!(counts(|_, _, _| ()), Ok(()));
}

#[test]
fn a_key_enrolled_after_the_seal_does_not_count() {
    assert_eq!(
        counts(|key, _, _| key.enrolled = 50),
        Err(Check::SignerValidity)
    );
}

#[test]
fn a_claimed_time_outside_validity_or_after_the_seal_is_impossible() {
    assert_eq!(
        counts(|key, _, time| *time = key.valid_from - 1),
        Err(Check::SignatureTime)
    );
    assert_eq!(
        counts(|key, _, time| *time = key.valid_until),
        Err(Check::SignatureTime)
    );
    let after =
        |excess: u64| counts(|_, sealed, time| *time = sealed.time + CLOCK_TOLERANCE_MS + excess);
    assert_eq!(after(0), Ok(()));
    assert_eq!(after(1), Err(Check::SignatureTime));
}

#[test]
fn a_key_ended_after_the_seal_still_counts() {
    let later = Ended {
        position: 51,
        time: SIGNED,
        compromised: true,
    };
    assert_eq!(counts(|key, _, _| key.ended = Some(later)), Ok(()));
}

#[test]
fn a_key_ended_without_compromise_counts_thirty_days_for_what_it_signed_before() {
    assert_eq!(counts(|key, _, _| key.ended = ended(false)), Ok(()));
    let sealed_after = |excess: u64| {
        counts(|key, sealed, _| {
            key.ended = ended(false);
            sealed.time = SIGNED + 1 + ENDED_KEY_GRACE_MS + excess;
        })
    };
    assert_eq!(sealed_after(0), Ok(()));
    assert_eq!(sealed_after(1), Err(Check::SignerValidity));
    let signed_later = counts(|key, _, time| {
        key.ended = ended(false);
        *time = SIGNED + 1;
    });
    assert_eq!(signed_later, Err(Check::SignerValidity));
}

#[test]
fn a_compromised_key_does_not_count_in_later_seals() {
    assert_eq!(
        counts(|key, _, _| key.ended = ended(true)),
        Err(Check::SignerValidity)
    );
}

#[test]
fn a_claimed_time_that_not_every_reader_can_hold_is_no_signature() {
    let claimed = |time| {
        let signature = DoctorSignature {
            key: KeyId(Digest([0; 32])),
            time,
            custody: Custody::FileKey,
            signature: Signature([0; 64]),
        };
        let list = Signatures(vec![RecordSignature::Native(signature)]);
        Signatures::from_bytes(&list.to_bytes())
    };
    assert!(claimed(MAX_UINT).is_ok());
    assert!(claimed(MAX_UINT + 1).is_err());
}

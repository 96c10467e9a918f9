//! A key slot opens for one card at one place.

use super::forge::{TestRng, place, secret};
use crate::{CardNumber, Check, KeySlot, MemberId, SealKey, SlotPlace, VisitId};
use medfolder_crypto::{Digest, EncryptionSecret, Suite};

fn slot_place() -> SlotPlace {
    let place = place();
    SlotPlace {
        member: place.member,
        card: place.card,
        visit: place.visit,
        seq: place.seq,
    }
}

fn card(suite: Suite) -> EncryptionSecret {
    EncryptionSecret::from_seed(suite, &secret(0x31))
}

fn slot(suite: Suite) -> KeySlot {
    let key = SealKey::new(secret(0x61));
    KeySlot::make(&slot_place(), &card(suite).public(), &key, &mut TestRng(1)).unwrap()
}

#[test]
fn a_slot_gives_the_seal_key_to_its_card() {
    for suite in Suite::ALL {
        let slot = KeySlot::from_bytes(&slot(suite).to_bytes()).unwrap();
        let key = slot.open(&slot_place(), &card(suite)).unwrap();
        assert_eq!(key.expose(), &[0x61; 32]);
    }
}

#[test]
fn a_slot_opens_for_no_other_card() {
    for suite in Suite::ALL {
        let other = EncryptionSecret::from_seed(suite, &secret(0x32));
        assert_eq!(
            slot(suite).open(&slot_place(), &other).unwrap_err(),
            Check::Slot
        );
    }
}

#[test]
fn a_slot_expected_elsewhere_is_refused() {
    let suite = Suite::International;
    let changes: [fn(&mut SlotPlace); 4] = [
        |place| place.member = MemberId([0; 16]),
        |place| place.card = CardNumber(Digest([0; 32])),
        |place| place.visit = VisitId([0; 16]),
        |place| place.seq = 0,
    ];
    for change in changes {
        let mut elsewhere = slot_place();
        change(&mut elsewhere);
        assert_eq!(
            slot(suite).open(&elsewhere, &card(suite)).unwrap_err(),
            Check::Slot
        );
    }
}

#[test]
fn a_slot_relabelled_for_another_seal_does_not_open() {
    for suite in Suite::ALL {
        let mut bytes = slot(suite).to_bytes();
        // The seal's number stands between visit and wrapped key.
        let seq = 2 + 17 + 34 + 17;
        assert_eq!(bytes[seq], 1);
        bytes[seq] = 0;
        let relabelled = KeySlot::from_bytes(&bytes).unwrap();
        let elsewhere = SlotPlace {
            seq: 0,
            ..slot_place()
        };
        assert_eq!(
            relabelled.open(&elsewhere, &card(suite)).unwrap_err(),
            Check::Slot
        );
    }
}

#[test]
fn a_changed_slot_is_refused() {
    for suite in Suite::ALL {
        let mut bytes = slot(suite).to_bytes();
        *bytes.last_mut().unwrap() ^= 1;
        let changed = KeySlot::from_bytes(&bytes).unwrap();
        assert_eq!(
            changed.open(&slot_place(), &card(suite)).unwrap_err(),
            Check::Slot
        );
    }
}

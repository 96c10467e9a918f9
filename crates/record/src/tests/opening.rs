//! Each check of an opened record fails by its own name when its input is changed by itself.

use super::forge::{BODY, Forge, Forged, SEALED, doctor, place, secret, staff};
use crate::carried::{CarriedFile, CarriedSignature};
use crate::id::{CardNumber, ContentRoot, MemberId, RecordId, VisitId};
use crate::keys::SealKey;
use crate::pieces::PiecesError;
use crate::record_core::{Core, Place};
use crate::signature::{Custody, DoctorSignature, RecordSignature};
use crate::{Check, Draft, Envelope, Opened, Sealing, Signatures};
use medfolder_crypto::{Digest, Suite};
use std::collections::BTreeMap;

fn both(test: impl Fn(Suite)) {
    Suite::ALL.into_iter().for_each(test);
}

/// Opens what the change made of an honest record, re-signed when it says so.
fn after(suite: Suite, change: impl FnOnce(&mut Forge)) -> Check {
    let mut forge = Forge::honest(suite);
    change(&mut forge);
    forge.seal().open().unwrap_err()
}

/// Rewrites an envelope's core and keeps everything else.
fn with_core(forged: &Forged, change: impl FnOnce(&mut Core)) -> Vec<u8> {
    let envelope = Envelope::from_bytes(&forged.envelope).unwrap();
    let mut core = envelope.core().clone();
    change(&mut core);
    let (root, signatures) = (envelope.content_root(), envelope.signatures_digest());
    crate::envelope::write(&core.to_bytes(), &root, &signatures, envelope.sealed())
}

#[test]
fn an_honest_record_opens_in_both_suites_and_gives_back_every_byte() {
    both(|suite| {
        let record = Forge::honest(suite).seal().open().unwrap();
        assert_eq!(record.body(), BODY.as_bytes());
        assert_eq!(record.statement().title, "门诊病历");
        assert_eq!(record.attachments().len(), 1);
        assert_eq!(record.core().place, place());
    });
}

#[test]
fn what_a_draft_seals_is_what_the_card_opens() {
    both(|suite| {
        let forge = Forge::honest(suite);
        let statement = super::forge::statement(suite, 1);
        let draft = Draft::new(
            suite,
            forge.salt.duplicate(),
            statement,
            &forge.body,
            forge.attachments.clone(),
        )
        .unwrap();
        assert_eq!(draft.content_root(), forge.content_root);
        let key = forge.seal_key.record(suite, forge.place.k);
        let signatures = Signatures::from_bytes(&forge.signatures).unwrap();
        let sealing = Sealing {
            key: &key,
            place: forge.place,
            signatures: &signatures,
            files: &[],
            blobs: forge.blobs.clone(),
            storage_address: None,
        };
        let sealed = draft.seal(sealing).unwrap();
        let mut forged = forge.seal();
        forged.id = sealed.id;
        forged.envelope = sealed.envelope;
        assert_eq!(forged.open().unwrap().body(), BODY.as_bytes());
    });
}

#[test]
fn an_envelope_cut_anywhere_or_with_a_byte_more_is_no_envelope() {
    let forged = Forge::honest(Suite::International).seal();
    for end in 0..forged.envelope.len() {
        assert_eq!(
            Envelope::from_bytes(&forged.envelope[..end]).unwrap_err(),
            Check::Envelope
        );
    }
    let longer = [forged.envelope.as_slice(), &[0]].concat();
    assert_eq!(Envelope::from_bytes(&longer).unwrap_err(), Check::Envelope);
}

#[test]
fn every_changed_bit_of_an_envelope_is_noticed_without_a_key() {
    both(|suite| {
        let forged = Forge::honest(suite).seal();
        for place in (0..forged.envelope.len()).step_by(7) {
            let mut changed = forged.envelope.clone();
            changed[place] ^= 1 << (place % 8);
            let audited =
                Envelope::from_bytes(&changed).and_then(|e| e.audit(suite, &forged.id).map(drop));
            assert!(audited.is_err(), "byte {place}");
        }
    });
}

#[test]
fn another_leaf_is_named() {
    both(|suite| {
        let mut forged = Forge::honest(suite).seal();
        forged.id = RecordId(Digest([9; 32]));
        assert_eq!(forged.open().unwrap_err(), Check::Leaf);
    });
}

#[test]
fn a_changed_core_does_not_match_the_leaf() {
    let mut forged = Forge::honest(Suite::International).seal();
    forged.envelope = with_core(&forged, |core| core.place.seq = 7);
    assert_eq!(forged.open().unwrap_err(), Check::Leaf);
}

#[test]
fn sealed_content_of_another_record_is_named() {
    both(|suite| {
        let other = Forge::honest(suite);
        let mut forge = Forge::honest(suite);
        forge.body = BODY.replace("青霉素", "阿司匹林").into_bytes();
        forge.sign();
        let (other, mut forged) = (other.seal(), forge.seal());
        let theirs = Envelope::from_bytes(&other.envelope).unwrap();
        let ours = Envelope::from_bytes(&forged.envelope).unwrap();
        let swapped = crate::envelope::write(
            ours.core_bytes(),
            &ours.content_root(),
            &ours.signatures_digest(),
            theirs.sealed(),
        );
        forged.envelope = swapped;
        assert_eq!(forged.open().unwrap_err(), Check::SealedContent);
    });
}

#[test]
fn a_record_that_stands_elsewhere_is_named_by_what_differs() {
    let forged = Forge::honest(Suite::International).seal();
    let at = |change: fn(&mut Place)| {
        let mut place = place();
        change(&mut place);
        forged.open_at(&place, &forged.seal_key).unwrap_err()
    };
    assert_eq!(at(|place| place.genesis = Digest([0; 32])), Check::Genesis);
    assert_eq!(at(|place| place.member = MemberId([0; 16])), Check::Member);
    assert_eq!(
        at(|place| place.card = CardNumber(Digest([0; 32]))),
        Check::Card
    );
    assert_eq!(at(|place| place.visit = VisitId([0; 16])), Check::Visit);
    assert_eq!(at(|place| place.seq = 0), Check::Seq);
    assert_eq!(at(|place| place.k = 0), Check::Position);
}

#[test]
fn another_seal_key_is_named() {
    let forged = Forge::honest(Suite::National).seal();
    let other = SealKey::new(secret(1));
    assert_eq!(
        forged.open_at(&place(), &other).unwrap_err(),
        Check::KeyCommitment
    );
}

#[test]
fn a_key_that_is_committed_but_did_not_encrypt_is_named() {
    both(|suite| {
        let mut forged = Forge::honest(suite).seal();
        let other = SealKey::new(secret(1));
        forged.envelope = with_core(&forged, |core| {
            core.commitment = other.record(suite, 2).commitment()
        });
        forged.id = Envelope::from_bytes(&forged.envelope).unwrap().leaf(suite);
        assert_eq!(
            forged.open_at(&place(), &other).unwrap_err(),
            Check::Decrypt
        );
    });
}

#[test]
fn content_encrypted_for_another_place_does_not_open() {
    let suite = Suite::International;
    let mut forged = Forge::honest(suite).seal();
    forged.envelope = with_core(&forged, |core| core.place.seq = 9);
    forged.id = Envelope::from_bytes(&forged.envelope).unwrap().leaf(suite);
    let moved = Place { seq: 9, ..place() };
    assert_eq!(
        forged.open_at(&moved, &forged.seal_key).unwrap_err(),
        Check::Decrypt
    );
}

#[test]
fn a_statement_that_is_none_is_named() {
    let check = after(Suite::International, |forge| forge.statement = vec![0x80]);
    assert!(matches!(check, Check::Statement(_)));
}

#[test]
fn a_statement_of_another_member_or_visit_is_named() {
    both(|suite| {
        let forge = Forge::honest(suite).with_statement(|s| s.member = MemberId([0; 16]));
        assert_eq!(resigned(forge), Check::StatementMember);
        let forge = Forge::honest(suite).with_statement(|s| s.visit = VisitId([0; 16]));
        assert_eq!(resigned(forge), Check::StatementVisit);
    });
}

fn resigned(mut forge: Forge) -> Check {
    forge.sign();
    forge.seal().open().unwrap_err()
}

#[test]
fn another_number_of_attachments_is_named() {
    let suite = Suite::International;
    assert_eq!(
        resigned(Forge::honest(suite).with_statement(|s| s.attachments = 2)),
        Check::Attachments
    );
    assert_eq!(
        after(suite, |forge| forge.blobs.clear()),
        Check::Attachments
    );
}

#[test]
fn a_changed_statement_body_attachment_or_salt_is_not_what_was_signed() {
    both(|suite| {
        let forge = Forge::honest(suite).with_statement(|s| s.title = "出院小结".into());
        assert_eq!(forge.seal().open().unwrap_err(), Check::ContentRoot);
        let changes: [fn(&mut Forge); 3] = [
            |forge| forge.body = BODY.replace("青霉素", "花粉").into_bytes(),
            |forge| forge.attachments[0].name = "别的.png".into(),
            |forge| forge.salt = crate::ContentSalt::new(secret(2)),
        ];
        for change in changes {
            assert_eq!(after(suite, change), Check::ContentRoot);
        }
    });
}

#[test]
fn a_body_that_breaks_a_rule_is_named_with_the_rule() {
    let check = after(Suite::International, |forge| {
        forge.body = br#"{"a":1,"a":2}"#.to_vec()
    });
    assert_eq!(check, Check::Body(PiecesError::Duplicate(13)));
}

#[test]
fn signatures_other_than_the_sealed_ones_are_named() {
    both(|suite| {
        let check = after(suite, |forge| forge.signatures_digest = Digest([1; 32]));
        assert_eq!(check, Check::Signatures);
    });
}

#[test]
fn an_unsigned_record_is_named() {
    let check = after(Suite::International, |forge| forge.sign_with(Vec::new()));
    assert_eq!(check, Check::Unsigned);
}

fn signed_by(suite: Suite, change: impl FnOnce(&mut DoctorSignature)) -> Check {
    after(suite, |forge| {
        let mut signature = forge.signature();
        change(&mut signature);
        forge.sign_with(vec![RecordSignature::Native(signature)]);
    })
}

#[test]
fn a_signature_over_something_else_is_named() {
    both(|suite| {
        assert_eq!(signed_by(suite, |s| s.time += 1), Check::Signature);
        assert_eq!(
            signed_by(suite, |s| s.custody = Custody::HardwareToken),
            Check::Signature
        );
        assert_eq!(
            signed_by(suite, |s| s.signature.0[0] ^= 1),
            Check::Signature
        );
        let check = after(suite, |forge| {
            let root = ContentRoot(Digest([5; 32]));
            let genesis = forge.place.genesis;
            let key = doctor(suite);
            let signature = DoctorSignature::sign(
                &key,
                &genesis,
                &root,
                super::forge::SIGNED,
                Custody::FileKey,
            );
            forge.sign_with(vec![RecordSignature::Native(signature)]);
        });
        assert_eq!(check, Check::Signature);
    });
}

#[test]
fn a_signature_on_another_ledger_does_not_count_here() {
    let suite = Suite::International;
    let check = after(suite, |forge| {
        let genesis = Digest([0; 32]);
        let key = doctor(suite);
        let root = forge.content_root;
        let time = super::forge::SIGNED;
        let signature = DoctorSignature::sign(&key, &genesis, &root, time, Custody::FileKey);
        forge.sign_with(vec![RecordSignature::Native(signature)]);
    });
    assert_eq!(check, Check::Signature);
}

#[test]
fn an_author_who_did_not_sign_is_named() {
    let suite = Suite::National;
    let other = crate::KeyId(Digest([8; 32]));
    let forge = Forge::honest(suite).with_statement(|s| s.author.key = Some(other));
    assert_eq!(resigned(forge), Check::Author);
}

fn opened(forged: &Forged) -> Opened {
    let envelope = Envelope::from_bytes(&forged.envelope).unwrap();
    let audited = envelope.audit(forged.suite, &forged.id).unwrap();
    audited
        .placed(&place())
        .unwrap()
        .open(&forged.seal_key)
        .unwrap()
}

#[test]
fn a_signer_whom_the_ledger_does_not_know_is_named() {
    let forged = Forge::honest(Suite::International).seal();
    let nobody = BTreeMap::new();
    assert_eq!(
        opened(&forged).verify(&nobody, &SEALED).unwrap_err(),
        Check::SignerUnknown
    );
}

#[test]
fn a_signer_of_another_member_is_named() {
    let suite = Suite::International;
    let forged = Forge::honest(suite).seal();
    let mut staff = staff(suite);
    staff
        .values_mut()
        .for_each(|key| key.member = MemberId([0; 16]));
    assert_eq!(
        opened(&forged).verify(&staff, &SEALED).unwrap_err(),
        Check::SignerMember
    );
}

fn carried(forge: &mut Forge) {
    let file = CarriedFile {
        media_type: "application/pdf".into(),
        bytes: b"%PDF-".to_vec().into(),
    };
    let signature = CarriedSignature {
        file: forge.suite.hash(&[&file.bytes]),
        media_type: file.media_type.clone(),
        cms: vec![0x30].into(),
        chain: vec![vec![0x30].into()],
        revocation: Vec::new(),
        time_stamp: Vec::new().into(),
    };
    forge.files = vec![file];
    let native = RecordSignature::Native(forge.signature());
    forge.sign_with(vec![native, RecordSignature::Carried(signature)]);
}

#[test]
fn a_carried_file_stays_with_its_signature() {
    both(|suite| {
        let mut forge = Forge::honest(suite);
        carried(&mut forge);
        let record = forge.seal().open().unwrap();
        assert_eq!(record.files().len(), 1);
        assert_eq!(record.signatures().carried().count(), 1);
    });
}

#[test]
fn a_carried_file_that_is_missing_changed_renamed_or_unsigned_is_named() {
    let suite = Suite::International;
    let changes: [fn(&mut Forge); 4] = [
        |forge| forge.files.clear(),
        |forge| forge.files[0].bytes.push(0),
        |forge| forge.files[0].media_type = "text/html".into(),
        |forge| {
            let unsigned = CarriedFile {
                media_type: "text/plain".into(),
                bytes: Vec::new().into(),
            };
            forge.files.push(unsigned);
        },
    ];
    for change in changes {
        let check = after(suite, |forge| {
            carried(forge);
            change(forge);
        });
        assert_eq!(check, Check::CarriedFile);
    }
}

#[test]
fn a_replaced_record_other_than_the_one_named_is_named() {
    let suite = Suite::International;
    let replaced = ContentRoot(Digest([6; 32]));
    let mut forge = Forge::honest(suite).with_statement(|s| s.replaces = Some(replaced));
    forge.sign();
    let record = forge.seal().open().unwrap();
    assert_eq!(record.check_replaced(Some(&replaced)), Ok(()));
    let other = ContentRoot(Digest([7; 32]));
    assert_eq!(record.check_replaced(Some(&other)), Err(Check::Replaced));
    assert_eq!(record.check_replaced(None), Err(Check::Replaced));
}

#[test]
fn no_secret_shows_in_debug() {
    let forged = Forge::honest(Suite::International).seal();
    let record = forged.open().unwrap();
    let shown = format!("{record:?} {:?} {:?}", record.key(), forged.seal_key);
    assert!(!shown.contains("青霉素") && !shown.contains("97, 97"));
}

#[test]
fn each_check_has_a_code_of_its_own() {
    let codes: std::collections::BTreeSet<_> = Check::CODES.into_iter().collect();
    assert_eq!(codes.len(), Check::CODES.len());
    assert!(codes.contains(Check::Slot.code()) && codes.contains(Check::Replaced.code()));
}

/// Seals these plaintext bytes in place of a content.
fn with_plaintext(suite: Suite, change: impl FnOnce(&mut Vec<u8>)) -> Check {
    let honest = Forge::honest(suite).seal();
    let envelope = Envelope::from_bytes(&honest.envelope).unwrap();
    let forge = Forge::honest(suite);
    let key = forge.seal_key.record(suite, forge.place.k);
    let aad = forge.place.associated_data();
    let mut plaintext = key
        .content()
        .open_once(&aad, envelope.sealed())
        .unwrap()
        .to_vec();
    change(&mut plaintext);
    let sealed = key.content().seal_once(&aad, &plaintext);
    forge.finish(sealed, Vec::new()).open().unwrap_err()
}

#[test]
fn bytes_hidden_in_the_padding_of_a_content_are_named() {
    both(|suite| {
        let check = with_plaintext(suite, |plaintext| *plaintext.last_mut().unwrap() = 1);
        assert_eq!(check, Check::Content);
    });
}

#[test]
fn a_content_padded_to_another_length_is_named() {
    let suite = Suite::International;
    assert_eq!(
        with_plaintext(suite, |plaintext| plaintext.push(0)),
        Check::Content
    );
    assert_eq!(
        with_plaintext(suite, |plaintext| plaintext.truncate(1023)),
        Check::Content
    );
    assert_eq!(with_plaintext(suite, Vec::clear), Check::Content);
}

#[test]
fn a_content_of_another_version_or_encoding_is_named() {
    let suite = Suite::International;
    assert_eq!(
        with_plaintext(suite, |plaintext| plaintext[5] = 1),
        Check::Content
    );
    let longer_head = |plaintext: &mut Vec<u8>| {
        // The same version in two bytes, the length put right, one zero of padding less.
        plaintext.splice(5..6, [0x18, 0]);
        let length = u32::from_be_bytes(plaintext[..4].try_into().unwrap()) + 1;
        plaintext[..4].copy_from_slice(&length.to_be_bytes());
        plaintext.pop();
    };
    assert_eq!(with_plaintext(suite, longer_head), Check::Content);
}

#[test]
fn a_storage_address_opens_with_the_record_key_only() {
    both(|suite| {
        let key = SealKey::new(secret(0x61)).record(suite, place().k);
        let address = crate::record_core::seal_storage_address(&key, &place(), b"ipfs:1").unwrap();
        let core = Core {
            place: place(),
            sealed: Digest([0; 32]),
            attachments: Vec::new(),
            storage_address: Some(address),
            commitment: key.commitment(),
        };
        let core = Core::from_bytes(&core.to_bytes()).unwrap();
        assert_eq!(
            core.open_storage_address(&key).unwrap().unwrap().as_slice(),
            b"ipfs:1"
        );
        let other = SealKey::new(secret(1)).record(suite, place().k);
        assert!(core.open_storage_address(&other).is_err());
    });
}

//! Each part of a pack is changed by itself; the check that it belongs to must name it.

use super::world::{BODY, HOSPITAL, World, doctor};
use super::*;
use medfolder_crypto::Suite;
use medfolder_ledger::StateKey;
use medfolder_ledger::body::RevokeReason;
use medfolder_record::content::PieceType;

struct Case {
    world: World,
    pack: Evidence,
}

pub(super) fn making<'a>(
    world: &'a World,
    record: &'a medfolder_record::Record,
    seal: &'a [u8],
) -> Making<'a> {
    let suite = world.suite;
    let key = doctor(suite);
    Making {
        chain: &world.chain,
        record,
        seal,
        receipt: world.receipt(seal),
        sealed: world.entry(&seal_key(suite, seal)),
        status: world.entry(&StateKey::record(suite, &HOSPITAL, &record.id())),
        member: world.entry(&StateKey::member(suite, &HOSPITAL)),
        staff: vec![(key, world.entry(&StateKey::staff(suite, &key)))],
        with_genesis: true,
    }
}

fn seal_key(suite: Suite, stored: &[u8]) -> StateKey {
    let transaction = medfolder_ledger::Transaction::from_bytes(stored).unwrap();
    let medfolder_ledger::Body::Seal(seal) = transaction.body else {
        panic!("a seal")
    };
    StateKey::seal(suite, &seal.member, &seal.visit, seal.seq)
}

fn whole(suite: Suite) -> Case {
    let mut world = World::with_card(suite);
    let (record, seal) = world.seal_record(0);
    let pack = making(&world, &record, &seal).whole(false).unwrap();
    Case { world, pack }
}

fn part(entries: &[usize]) -> Case {
    let mut world = World::with_card(Suite::International);
    let (record, seal) = world.seal_record(0);
    let pack = making(&world, &record, &seal).pieces(entries, &[]).unwrap();
    Case { world, pack }
}

impl Case {
    fn report(&self) -> Report {
        // Through its bytes, as it travels.
        let pack = Evidence::from_bytes(&self.pack.to_bytes()).unwrap();
        pack.verify(Some(&self.world.chain), Some(BODY.as_bytes()))
    }

    /// The code of the check that fails after a change.
    fn after(mut self, change: impl FnOnce(&mut Evidence)) -> &'static str {
        change(&mut self.pack);
        let report = self.report();
        assert_eq!(report.seal, SealState::Failed);
        report.failed().unwrap().code
    }
}

#[test]
fn a_whole_record_is_verified_in_both_suites() {
    for suite in Suite::ALL {
        let report = whole(suite).report();
        assert_eq!(report.failed(), None);
        assert_eq!(report.seal, SealState::Verified);
        assert_eq!(report.trust, Some(Trust::Known));
        assert_eq!(report.standing, Some(Standing::InForce));
        assert_eq!(report.hospital.as_deref(), Some("儿童医院"));
        assert_eq!(report.signers.len(), 1);
        assert_eq!(report.checks.len(), EvidenceCheck::ALL.len());
        let (zh, en) = report.summary();
        assert!(zh.contains("儿童医院") && en.contains("unchanged"));
    }
}

#[test]
fn a_single_entry_is_shown_without_the_others() {
    let case = part(&[1]);
    assert_eq!(case.report().seal, SealState::VerifiedInPart);
    let bytes = case.pack.to_bytes();
    let holds = |text: &str| {
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    assert!(holds("青霉素过敏"));
    assert!(!holds("Composition"));
}

#[test]
fn a_pack_that_shows_no_piece_of_the_record_proves_its_seal_only() {
    let mut case = part(&[]);
    assert_eq!(case.report().seal, SealState::SealOnly);
    case.pack.shown = Shown::Pieces(vec![case.pack.statement.clone()]);
    assert_eq!(case.report().seal, SealState::SealOnly);
    assert_eq!(
        case.report().outcome(EvidenceCheck::Content),
        Outcome::NotChecked
    );
}

#[test]
fn what_a_pack_brings_beyond_its_proof_changes_nothing_for_a_reader_who_knows_the_ledger() {
    let mut case = whole(Suite::International);
    let report = case.report();
    let stranger = medfolder_record::KeyId(Digest([0x5A; 32]));
    let proof = case.pack.staff[0].proof.clone();
    case.pack.staff.push(StaffProof {
        key: stranger,
        proof,
    });
    for genesis in [&b"junk"[..], &[]] {
        case.pack.genesis_file = Some(genesis.to_vec().into());
        assert_eq!(case.report(), report);
        let alone = case.pack.verify(None, Some(BODY.as_bytes()));
        assert_eq!(alone.seal, SealState::Failed);
    }
    // A genesis that is one, and another ledger's.
    let other = World::with_card(Suite::National).chain.to_bytes();
    case.pack.genesis_file = Some(other.into());
    assert_eq!(case.report(), report);
    let alone = case.pack.verify(None, Some(BODY.as_bytes()));
    assert_eq!(alone.failed().unwrap().code, "evidence.genesis");
}

#[test]
fn a_pack_never_holds_the_content_salt() {
    let salt = [0x71; 32];
    for case in [whole(Suite::International), part(&[0, 1])] {
        let bytes = case.pack.to_bytes();
        assert!(!bytes.windows(32).any(|window| window == salt));
    }
}

#[test]
fn without_the_text_only_the_seal_and_the_statement_are_proven() {
    let case = whole(Suite::International);
    let report = case.pack.verify(Some(&case.world.chain), None);
    assert_eq!(report.seal, SealState::SealOnly);
    assert_eq!(report.outcome(EvidenceCheck::Content), Outcome::NotChecked);
    assert_eq!(report.statement.unwrap().title, "门诊病历");
}

#[test]
fn the_body_may_travel_inside() {
    let mut world = World::with_card(Suite::International);
    let (record, seal) = world.seal_record(0);
    let pack = making(&world, &record, &seal).whole(true).unwrap();
    assert_eq!(
        pack.verify(Some(&world.chain), None).seal,
        SealState::Verified
    );
}

#[test]
fn a_reader_without_the_genesis_is_told_that_the_ledger_is_not_known() {
    let mut case = whole(Suite::International);
    let report = case.pack.verify(None, Some(BODY.as_bytes()));
    assert_eq!(report.seal, SealState::Verified);
    assert_eq!(report.trust, Some(Trust::SelfDeclared));
    let (zh, en) = report.summary();
    assert!(zh.starts_with("只有文件自带的账本可信") && en.starts_with("Only if the ledger"));
    case.pack.genesis_file = None;
    let report = case.pack.verify(None, Some(BODY.as_bytes()));
    assert_eq!(report.seal, SealState::Failed);
    assert_eq!(report.outcome(EvidenceCheck::Genesis), Outcome::NotChecked);
}

#[test]
fn a_pack_of_another_ledger_is_named() {
    let case = whole(Suite::International);
    let other = World::new(Suite::National);
    let report = case.pack.verify(Some(&other.chain), Some(BODY.as_bytes()));
    assert_eq!(report.failed().unwrap().code, "evidence.genesis");
    let code = whole(Suite::International).after(|pack| pack.genesis.0[0] ^= 1);
    assert_eq!(code, "evidence.genesis");
}

#[test]
fn a_checkpoint_that_nobody_certified_is_named() {
    let changes: [fn(&mut Evidence); 5] = [
        |pack| pack.receipt.checkpoint.header.time += 1,
        |pack| pack.sealed.checkpoint.header.time += 1,
        |pack| pack.status.checkpoint.header.time += 1,
        |pack| pack.member.checkpoint.header.time += 1,
        |pack| pack.staff[0].proof.checkpoint.header.time += 1,
    ];
    for change in changes {
        assert_eq!(
            whole(Suite::International).after(change),
            "evidence.checkpoint"
        );
    }
}

#[test]
fn a_seal_that_is_not_in_the_ledger_is_named() {
    let moved = whole(Suite::International).after(|pack| pack.receipt.inclusion.index = 0);
    assert_eq!(moved, "evidence.inclusion");
    let changed = whole(Suite::International).after(|pack| {
        let last = pack.seal.len() - 1;
        pack.seal[last] ^= 1;
    });
    assert_eq!(changed, "evidence.inclusion");
}

#[test]
fn another_transaction_in_the_seals_place_is_named() {
    let mut case = whole(Suite::International);
    let other = case.world.stored[0].clone();
    case.pack.receipt = case.world.receipt(&other);
    assert_eq!(case.after(|pack| pack.seal = other.into()), "evidence.seal");
}

#[test]
fn a_seal_that_the_hospital_did_not_sign_is_named_though_the_log_holds_it() {
    let mut world = World::with_card(Suite::International);
    let (record, seal) = world.seal_record(0);
    let pack = making(&world, &record, &seal).whole(false).unwrap();
    let report = pack.verify(Some(&world.chain), Some(BODY.as_bytes()));
    assert!(report.failed().is_none());
    let forged = world.forge(&seal);
    let pack = making(&world, &record, &forged).whole(false).unwrap();
    let report = pack.verify(Some(&world.chain), Some(BODY.as_bytes()));
    assert_eq!(report.failed().unwrap().code, "evidence.seal");
}

#[test]
fn an_entry_of_somebody_else_is_named() {
    let mut case = whole(Suite::International);
    let key = StateKey::staff(case.world.suite, &doctor(case.world.suite));
    let staff = case.world.entry(&key);
    case.pack.member = staff;
    assert_eq!(case.after(|_| {}), "evidence.member");
}

#[test]
fn another_seal_of_the_same_hospital_does_not_cover_the_record() {
    let mut world = World::with_card(Suite::International);
    let (record, seal) = world.seal_record(0);
    let (_, other) = world.seal_record(1);
    let mut pack = making(&world, &record, &seal).whole(false).unwrap();
    pack.receipt = world.receipt(&other);
    pack.seal = other.clone().into();
    let report = pack.verify(Some(&world.chain), Some(BODY.as_bytes()));
    assert_eq!(report.failed().unwrap().code, "evidence.seal");
    pack.sealed = world.entry(&seal_key(world.suite, &other));
    let report = pack.verify(Some(&world.chain), Some(BODY.as_bytes()));
    assert_eq!(report.failed().unwrap().code, "evidence.leaf");
}

#[test]
fn a_signature_is_judged_by_the_block_time_of_the_seal_and_not_of_a_later_checkpoint() {
    const DAY: u64 = 86_400_000;
    let mut world = World::with_card(Suite::International);
    let signed = world.time();
    world.end_doctor(RevokeReason::Ended);
    let (honest, honest_seal) = world.seal_signed(0, signed);
    let sealed_at = world.time();
    let mut forger = World::with_card(Suite::International);
    let (post_dated, forged_seal) = forger.seal_signed(0, signed + 30 * DAY);
    // Receipts of checkpoints of long after the seals.
    world.pass(40 * DAY);
    forger.pass(40 * DAY);
    let report = |world: &World, record, seal| {
        let pack = making(world, record, seal).whole(false).unwrap();
        assert!(pack.receipt.checkpoint.header.time > signed + 39 * DAY);
        pack.verify(Some(&world.chain), Some(BODY.as_bytes()))
    };
    let honest = report(&world, &honest, &honest_seal);
    assert_eq!(honest.failed(), None);
    assert_eq!(honest.existed_before, Some(sealed_at));
    let forged = report(&forger, &post_dated, &forged_seal);
    assert_eq!(forged.failed().unwrap().code, "evidence.signature");
}

#[test]
fn core_content_root_and_signatures_are_those_under_the_leaf() {
    let changes: [fn(&mut Evidence); 3] = [
        |pack| pack.core.0[0] ^= 1,
        |pack| pack.content.0.0[0] ^= 1,
        |pack| {
            let last = pack.signatures.len() - 1;
            pack.signatures[last] ^= 1;
        },
    ];
    for change in changes {
        assert_eq!(whole(Suite::International).after(change), "evidence.leaf");
    }
}

#[test]
fn a_changed_statement_is_named() {
    let swapped: fn(&mut Evidence) = |pack| {
        let Shown::Pieces(pieces) = &pack.shown else {
            panic!("made in part")
        };
        pack.statement = pieces[0].clone();
    };
    assert_eq!(part(&[0]).after(swapped), "evidence.statement");
    let changed = whole(Suite::International).after(|pack| {
        let last = pack.statement.bytes.len() - 1;
        pack.statement.bytes[last] ^= 1;
    });
    assert_eq!(changed, "evidence.statement");
    let salt = whole(Suite::International).after(|pack| pack.statement.salt.0[0] ^= 1);
    assert_eq!(salt, "evidence.statement");
}

#[test]
fn a_changed_text_salt_or_attachment_is_named() {
    let case = whole(Suite::International);
    let other = BODY.replace("青霉素", "头孢");
    let report = case
        .pack
        .verify(Some(&case.world.chain), Some(other.as_bytes()));
    assert_eq!(report.failed().unwrap().code, "evidence.content");
    let changes: [fn(&mut Whole); 4] = [
        |whole| whole.salts[1].0[0] ^= 1,
        |whole| whole.salts.truncate(1),
        |whole| whole.body.0[0] ^= 1,
        |whole| whole.attachments.push(vec![0x80].into()),
    ];
    for change in changes {
        let code = whole(Suite::International).after(|pack| {
            let Shown::Whole(whole) = &mut pack.shown else {
                panic!("made whole")
            };
            change(whole);
        });
        assert_eq!(code, "evidence.content");
    }
}

#[test]
fn a_changed_entry_is_named() {
    let changes: [fn(&mut medfolder_record::Disclosure); 4] = [
        |piece| piece.bytes[20] ^= 1,
        |piece| piece.salt.0[0] ^= 1,
        |piece| piece.k += 2,
        |piece| piece.kind = PieceType::Frame,
    ];
    for change in changes {
        let code = part(&[0]).after(|pack| {
            let Shown::Pieces(pieces) = &mut pack.shown else {
                panic!("made in part")
            };
            change(&mut pieces[0]);
        });
        assert_eq!(code, "evidence.content");
    }
}

#[test]
fn a_signer_without_an_entry_is_named() {
    let missing = whole(Suite::International).after(|pack| pack.staff.clear());
    assert_eq!(missing, "evidence.signature");
    let mut case = whole(Suite::International);
    case.pack.staff[0].proof = case.pack.member.clone();
    assert_eq!(case.after(|_| {}), "evidence.signature");
}

#[test]
fn an_entry_of_before_the_seal_does_not_know_what_ended_the_key() {
    let mut world = World::with_card(Suite::International);
    let key = StateKey::staff(world.suite, &doctor(world.suite));
    let (early, hospital) = (world.entry(&key), StateKey::member(world.suite, &HOSPITAL));
    let hospital = world.entry(&hospital);
    world.end_doctor(RevokeReason::Compromised);
    let (record, seal) = world.seal_record(0);
    let code = |change: &dyn Fn(&mut Evidence)| {
        let mut pack = making(&world, &record, &seal).whole(false).unwrap();
        change(&mut pack);
        let report = pack.verify(Some(&world.chain), Some(BODY.as_bytes()));
        report.failed().map(|check| check.code)
    };
    assert_eq!(code(&|_| ()), Some("evidence.signature"));
    let old_entry = |pack: &mut Evidence| pack.staff[0].proof = early.clone();
    assert_eq!(code(&old_entry), Some("evidence.signature"));
    let old_member = |pack: &mut Evidence| pack.member = hospital.clone();
    assert_eq!(code(&old_member), Some("evidence.member"));
}

#[test]
fn a_key_declared_compromised_after_the_seal_is_judged_as_it_was_at_the_seal() {
    let mut world = World::with_card(Suite::International);
    let signed = world.time();
    world.end_doctor(RevokeReason::Ended);
    let (record, seal) = world.seal_signed(0, signed);
    world.end_doctor(RevokeReason::Compromised);
    let pack = making(&world, &record, &seal).whole(false).unwrap();
    let report = pack.verify(Some(&world.chain), Some(BODY.as_bytes()));
    assert_eq!(report.failed(), None);
    // What is sealed from the declaration on no longer counts.
    let (record, seal) = world.seal_signed(1, signed);
    let pack = making(&world, &record, &seal).whole(false).unwrap();
    let report = pack.verify(Some(&world.chain), Some(BODY.as_bytes()));
    assert_eq!(report.failed().unwrap().code, "evidence.signature");
}

#[test]
fn a_withdrawn_record_says_so_and_its_old_state_is_not_taken_for_the_new() {
    let mut world = World::with_card(Suite::International);
    let (record, seal) = world.seal_record(0);
    let before = making(&world, &record, &seal).whole(false).unwrap();
    world.withdraw(&record);
    let after = making(&world, &record, &seal).whole(false).unwrap();
    let standing = |pack: &Evidence| pack.verify(Some(&world.chain), None).standing;
    assert_eq!(standing(&before), Some(Standing::InForce));
    assert_eq!(standing(&after), Some(Standing::Withdrawn));
    let mut mixed = after.clone();
    mixed.status.state = before.status.state.clone();
    let report = mixed.verify(Some(&world.chain), Some(BODY.as_bytes()));
    assert_eq!(report.failed().unwrap().code, "evidence.status");
    // A proof of before the seal was made says nothing about it.
    let mut early = after;
    let fresh = World::with_card(Suite::International);
    let key = StateKey::record(fresh.suite, &HOSPITAL, &record.id());
    early.status = fresh.entry(&key);
    let report = early.verify(Some(&world.chain), Some(BODY.as_bytes()));
    assert_eq!(report.failed().unwrap().code, "evidence.status");
}

#[test]
fn other_encodings_are_no_packs() {
    let mut bytes = whole(Suite::International).pack.to_bytes();
    bytes.push(0);
    assert_eq!(
        Evidence::from_bytes(&bytes).unwrap_err().code(),
        "evidence.encoding"
    );
    bytes.pop();
    bytes[1] = 1;
    let of_another_shape = [0x82, 0x01, 0xa0];
    for newer in [&bytes[..], &of_another_shape] {
        let code = Evidence::from_bytes(newer).unwrap_err().code();
        assert_eq!(code, "evidence.version");
    }
}

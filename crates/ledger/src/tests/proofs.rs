//! Receipts, entries, whole lists, consistency: what a client believes and what it refuses.

use super::world::*;
use crate::body::*;
use crate::log::ConsistencyProof;
use crate::proof::*;
use crate::state::{CardEntry, RecordEntry, Running};
use crate::*;
use medfolder_crypto::{Digest, Suite};

/// A card with seven entries of several kinds.
fn card_world(suite: Suite) -> (World, Subject) {
    let mut world = World::of(suite);
    let card = world.register(A, 1);
    world.register(A, 2);
    let first = world.seal(card, 1, 0);
    world.seal(card, 1, 1);
    let other = world.number(2);
    world.seal(other, 2, 0);
    let (host, seal) = (world.host_key(A), world.seal_key(A));
    let list = list_of(&first);
    let findings = vec![Finding {
        k: 0,
        what: ZoneFinding::Missing,
    }];
    let by = ZoneReporter::Edge;
    world.accept(
        ZoneReport {
            member: A,
            by,
            list: list.clone(),
            findings,
        },
        &[&host],
    );
    world.accept(
        Withdraw {
            member: A,
            list,
            k: 1,
            reason: WithdrawReason::Wrong,
        },
        &[&seal],
    );
    let freeze = FreezeCard {
        card,
        member: A,
        by: By::Desk,
        successor: None,
    };
    world.accept(freeze, &[&seal]);
    world.rotate_at_desk(A, 1, 3);
    (world, Subject::Card(card))
}

fn start(world: &World, subject: &Subject) -> Running {
    Running::start(world.suite, subject)
}

#[test]
fn a_cards_whole_list_is_proven_at_once_and_page_by_page() {
    for suite in Suite::ALL {
        let (world, subject) = card_world(suite);
        let page = world.page(subject, 0, 7);
        assert_eq!(page.items.len(), 7);
        let page = HistoryPage::from_bytes(&page.to_bytes()).unwrap();
        let whole = page
            .verify_complete(&world.chain, &subject, &start(&world, &subject))
            .unwrap();
        assert!(
            matches!(whole.entry, SubjectEntry::Card(CardEntry { running, .. }) if running == whole.known)
        );
        let first = world.page(subject, 0, 3);
        let first = first
            .verify(&world.chain, &subject, &start(&world, &subject))
            .unwrap();
        assert!(!first.complete);
        let rest = world.page(subject, 3, 7);
        let rest = rest
            .verify_complete(&world.chain, &subject, &first.known)
            .unwrap();
        assert_eq!(rest.known, whole.known);
        let nothing_new = world.page(subject, 7, 7);
        let last = nothing_new
            .verify_complete(&world.chain, &subject, &rest.known)
            .unwrap();
        assert_eq!(last.known, whole.known);
    }
}

#[test]
fn a_hidden_added_changed_swapped_or_foreign_entry_is_noticed() {
    let (world, subject) = card_world(Suite::International);
    let good = world.page(subject, 0, 7);
    let known = start(&world, &subject);
    let verdict = |page: &HistoryPage| {
        page.verify_complete(&world.chain, &subject, &known)
            .map(drop)
            .map_err(|e| e.code())
    };
    assert_eq!(verdict(&good), Ok(()));
    for index in 0..7 {
        let mut hidden = good.clone();
        hidden.items.remove(index);
        assert_eq!(verdict(&hidden), Err("proof.incomplete"));
        let mut added = good.clone();
        added.items.insert(index, good.items[0].clone());
        assert_eq!(verdict(&added), Err("proof.incomplete"));
        let mut changed = good.clone();
        let HistoryItem::Transaction(step) = &mut changed.items[index] else {
            panic!()
        };
        step.stored[60] ^= 1;
        assert_eq!(verdict(&changed), Err("proof.incomplete"));
        for other in [-1, 1] {
            let mut moved = good.clone();
            let HistoryItem::Transaction(step) = &mut moved.items[index] else {
                panic!()
            };
            step.position = step.position.wrapping_add_signed(other);
            assert_eq!(verdict(&moved), Err("proof.incomplete"));
            let mut retimed = good.clone();
            let HistoryItem::Transaction(step) = &mut retimed.items[index] else {
                panic!()
            };
            step.block_time = step.block_time.wrapping_add_signed(other);
            assert_eq!(verdict(&retimed), Err("proof.incomplete"));
        }
        let mut swapped = good.clone();
        swapped.items.swap(index, (index + 1) % 7);
        assert_eq!(verdict(&swapped), Err("proof.incomplete"));
    }
    let mut gap = good.clone();
    gap.from = 1;
    assert_eq!(verdict(&gap), Err("proof.gap"));
    let foreign = world.page(Subject::Card(world.number(2)), 0, 7);
    assert_eq!(verdict(&foreign), Err("proof.gap"));
    let mut relabelled = foreign;
    relabelled.subject = subject;
    assert_eq!(verdict(&relabelled), Err("proof.state"));
}

#[test]
fn a_page_that_holds_too_much_or_ends_otherwise_is_refused_even_before_the_last() {
    let (world, subject) = card_world(Suite::International);
    let known = start(&world, &subject);
    let mut longer = world.page(subject, 0, 7);
    longer.items.push(longer.items[6].clone());
    let mut other = world.page(subject, 0, 7);
    other.items.swap(1, 2);
    for page in [longer, other] {
        let verdict = page.verify(&world.chain, &subject, &known);
        assert_eq!(verdict.map(drop), Err(ProofError::Incomplete));
    }
}

#[test]
fn a_list_with_an_old_head_is_whole_as_of_that_head_only() {
    let (mut world, subject) = card_world(Suite::International);
    let old = world.page(subject, 0, 7);
    let card = world.number(3);
    world.seal(card, 9, 0);
    let successor = Subject::Card(card);
    let hidden = HistoryPage {
        entry: world.entry_proof(&successor.state_key(world.suite)),
        ..world.page(successor, 0, 1)
    };
    let verdict = hidden.verify_complete(&world.chain, &successor, &start(&world, &successor));
    assert_eq!(verdict.map(drop), Err(ProofError::Incomplete));
    let page = old
        .verify_complete(&world.chain, &subject, &start(&world, &subject))
        .unwrap();
    assert!(
        page.header.height < world.header.height,
        "the caller sees how old it is"
    );
}

#[test]
fn one_flipped_bit_of_a_page_proves_nothing_else() {
    let (world, subject) = card_world(Suite::International);
    let good = world.page(subject, 0, 7).to_bytes();
    let known = start(&world, &subject);
    for index in 0..good.len() {
        let mut bytes = good.clone();
        bytes[index] ^= 1 << (index % 8);
        let Ok(page) = HistoryPage::from_bytes(&bytes) else {
            continue;
        };
        let verdict = page.verify_complete(&world.chain, &subject, &known);
        assert!(verdict.is_err(), "byte {index}");
    }
}

#[test]
fn a_grants_list_holds_its_own_accesses_and_nobody_elses() {
    for suite in Suite::ALL {
        let mut world = World::of(suite);
        let (one, two) = (world.grant(1), world.grant(2));
        let host = world.host_key(A);
        let entries = vec![
            world.access(one, AccessOutcome::Opened, 1),
            world.access(two, AccessOutcome::Opened, 2),
            world.access(one, AccessOutcome::Ended, 3),
        ];
        world.accept(AccessBatch { host: A, entries }, &[&host]);
        world.accept(Revoke { grant: one }, &[&world.grant_key(1).signing]);
        let subject = Subject::Grant(one);
        let page = world.page(subject, 0, 4);
        let page = HistoryPage::from_bytes(&page.to_bytes()).unwrap();
        page.verify_complete(&world.chain, &subject, &start(&world, &subject))
            .unwrap();
        let accesses: Vec<_> = page
            .items
            .iter()
            .filter_map(|item| match item {
                HistoryItem::Access(step) => Some(step.entry.receipt),
                HistoryItem::Transaction(_) => None,
            })
            .collect();
        assert_eq!(accesses, [Digest([1; 32]), Digest([3; 32])]);
        for change in 0..5 {
            let mut forged = page.clone();
            let HistoryItem::Access(step) = &mut forged.items[1] else {
                panic!()
            };
            match change {
                0 => step.host = B,
                1 => step.entry.time += 1,
                2 => step.entry.items = Items::default(),
                3 => step.class = crate::state::AccessClass::AfterEnd,
                _ => step.block_time += 1,
            }
            let verdict = forged.verify_complete(&world.chain, &subject, &start(&world, &subject));
            assert_eq!(verdict.map(drop), Err(ProofError::Incomplete));
        }
    }
}

#[test]
fn a_subject_that_is_not_on_the_ledger_has_no_list() {
    let world = World::new();
    let subject = Subject::Grant(medfolder_record::GrantId(Digest([1; 32])));
    let page = world.page(subject, 0, 0);
    let verdict = page.verify(&world.chain, &subject, &start(&world, &subject));
    assert_eq!(verdict.map(drop), Err(ProofError::Absent));
}

#[test]
fn a_receipt_proves_acceptance_of_exactly_these_bytes() {
    for suite in Suite::ALL {
        let (world, _) = card_world(suite);
        for position in 0..world.log.size() {
            let stored = &world.stored[position as usize];
            let receipt = world.receipt(position);
            let receipt = Receipt::from_bytes(&receipt.to_bytes()).unwrap();
            assert_eq!(receipt.verify(&world.chain, stored), Ok(position));
            let mut changed = stored.clone();
            changed[30] ^= 1;
            assert_eq!(
                receipt.verify(&world.chain, &changed),
                Err(ProofError::Inclusion)
            );
        }
    }
    let (world, _) = card_world(Suite::International);
    let good = world.receipt(3).to_bytes();
    for index in 0..good.len() {
        let mut bytes = good.clone();
        bytes[index] ^= 1 << (index % 8);
        let Ok(receipt) = Receipt::from_bytes(&bytes) else {
            continue;
        };
        assert!(
            receipt.verify(&world.chain, &world.stored[3]).is_err(),
            "byte {index}"
        );
    }
}

#[test]
fn a_record_in_force_is_a_proof_of_absence() {
    let (world, _) = card_world(Suite::International);
    let status = |member, record| {
        let key = StateKey::record(world.suite, &member, &record);
        let proof = EntryProof::from_bytes(&world.entry_proof(&key).to_bytes()).unwrap();
        proof.record_status(&world.chain, &member, &record)
    };
    assert_eq!(status(A, leaf(1, 0, 0)), Ok(None));
    let withdrawn = status(A, leaf(1, 0, 1));
    assert!(matches!(withdrawn, Ok(Some(RecordEntry::Withdrawn { .. }))));
    // The proof for one record does not speak for another.
    let key = StateKey::record(world.suite, &A, &leaf(1, 0, 1));
    let other = world
        .entry_proof(&key)
        .record_status(&world.chain, &A, &leaf(1, 0, 0));
    assert_ne!(other, Ok(withdrawn.unwrap()));
}

#[test]
fn a_newer_checkpoint_continues_an_older_one_or_is_refused() {
    let (world, _) = card_world(Suite::International);
    let newest = world.checkpoint();
    for older in &world.checkpoints {
        let (from, to) = (older.header.log_size, newest.header.log_size);
        let proof = ConsistencyProof::make(world.suite, &world.log, from, to).unwrap();
        assert_eq!(
            verify_consistency(&world.chain, older, &newest, &proof),
            Ok(())
        );
    }
    let mut fork = World::new();
    fork.register(A, 9);
    let older = fork.checkpoint();
    let proof = ConsistencyProof::make(world.suite, &world.log, 1, newest.header.log_size).unwrap();
    let verdict = verify_consistency(&world.chain, &older, &newest, &proof);
    assert_eq!(verdict, Err(ProofError::Consistency));
    let (one, two) = (&world.checkpoints[2], &world.checkpoints[1]);
    let back = ConsistencyProof {
        from: 2,
        to: 1,
        path: Vec::new(),
    };
    let verdict = verify_consistency(&world.chain, one, two, &back);
    assert_eq!(verdict, Err(ProofError::Consistency));
}

/// The proof of what the newest block did with these bytes.
fn refusal(world: &World, stored: &[u8]) -> Result<Refusal, ProofError> {
    let block = world.blocks.last().unwrap();
    let proof = RefusalProof {
        results: block.results(world.suite),
        checkpoint: world.checkpoint(),
    };
    let proof = RefusalProof::from_bytes(&proof.to_bytes()).unwrap();
    proof.verify(&world.chain, stored)
}

#[test]
fn a_refusal_is_proven_and_not_that_of_an_accepted_transactions_copy() {
    let mut world = World::new();
    let card = world.register(A, 1);
    let key = world.seal_key(A);
    let early = world.signed(world.seal_body(A, card, 1, 1), &[&key]);
    world.submit(&early);
    let early = early.to_bytes();
    assert_eq!(refusal(&world, &early), Ok(Refusal::SealSeq));
    let other = world.signed(world.seal_body(A, card, 1, 0), &[&key]);
    let stored = other.to_bytes();
    assert_eq!(refusal(&world, &stored), Err(ProofError::Inclusion));
    // Whoever orders transactions puts a copy behind the first, or into a later block.
    let prepared = world.prepare(&other).unwrap();
    world.block(&[prepared.clone(), prepared]);
    assert_eq!(refusal(&world, &stored), Err(ProofError::NotRefused));
    world.submit(&other);
    assert_eq!(refusal(&world, &stored), Err(ProofError::NotRefused));
    // Refused first and accepted behind it, in one block.
    let third = world.signed(world.seal_body(A, card, 1, 2), &[&key]);
    let second = world.signed(world.seal_body(A, card, 1, 1), &[&key]);
    let prepare = |transaction| world.prepare(transaction).unwrap();
    let block = [prepare(&third), prepare(&second), prepare(&third)];
    world.block(&block);
    let third = third.to_bytes();
    assert_eq!(refusal(&world, &third), Err(ProofError::NotRefused));
}

#[test]
fn an_accepted_transaction_that_is_handed_in_after_its_time_is_not_proven_refused() {
    let mut world = World::new();
    let card = world.register(A, 1);
    let key = world.seal_key(A);
    let seal = world.signed(world.seal_body(A, card, 1, 0), &[&key]);
    assert!(matches!(world.submit(&seal), Outcome::Accepted(_)));
    world.pass(2 * crate::policy::DAY);
    assert_eq!(world.submit(&seal), Outcome::Refused(Refusal::Expired));
    assert_eq!(
        refusal(&world, &seal.to_bytes()),
        Err(ProofError::NotRefused)
    );
}

//! Bytes per record, printed and held to their targets (`--nocapture` shows them).

use super::world::*;
use crate::body::*;
use crate::state::Running;
use crate::*;
use medfolder_crypto::{Suite, to_cbor};

fn seal_of(world: &World, records: u8, visit: u8) -> Seal {
    let card = world.number(1);
    let leaves = (0..records).map(|k| SealedLeaf {
        leaf: leaf(visit, 0, k),
        replaces: None,
    });
    Seal {
        leaves: leaves.collect(),
        ..world.seal_body(A, card, visit, 0)
    }
}

#[test]
fn a_record_costs_at_most_250_bytes_alone_and_80_in_a_seal_of_eight() {
    for suite in Suite::ALL {
        let world = World::of(suite);
        let key = world.seal_key(A);
        let size = |records| {
            world
                .signed(seal_of(&world, records, 1), &[&key])
                .to_bytes()
                .len()
        };
        let (one, eight) = (size(1), size(8));
        println!(
            "{suite}: seal of one record {one} B, of eight {} B a record",
            eight.div_ceil(8)
        );
        assert!(one <= 250, "{one}");
        assert!(eight <= 8 * 80, "{eight}");
    }
}

#[test]
fn state_entries_are_small() {
    let mut world = World::new();
    let card = world.register(A, 1);
    let seal = world.seal(card, 1, 0);
    let grant = world.grant(1);
    for (name, key) in [
        ("card", StateKey::card(world.suite, &card)),
        ("seal", StateKey::seal(world.suite, &A, &seal.visit, 0)),
        ("grant", StateKey::grant(world.suite, &grant)),
        ("member", StateKey::member(world.suite, &A)),
    ] {
        let bytes = world.state.get(&key).unwrap().unwrap().len();
        println!("state entry of a {name}: {bytes} B");
        assert!(bytes < 600, "{name}");
    }
}

#[test]
fn a_list_costs_60_bytes_a_record_and_160_a_seal_beyond_its_proof() {
    let mut world = World::new();
    let card = world.register(A, 1);
    let key = world.seal_key(A);
    let (mut records, mut seals) = (0, 0);
    for visit in 1..20u8 {
        let body = seal_of(&world, visit % 8 + 1, visit);
        records += body.leaves.len();
        seals += 1;
        world.accept(body, &[&key]);
    }
    let subject = Subject::Card(card);
    let page = world.page(subject, 1, 20);
    let known = Running::start(world.suite, &subject);
    let first = world
        .page(subject, 0, 1)
        .verify(&world.chain, &subject, &known)
        .unwrap();
    page.verify_complete(&world.chain, &subject, &first.known)
        .unwrap();
    let whole = page.to_bytes().len();
    let proof = to_cbor(&page.entry).len();
    println!("{records} records in {seals} seals: {whole} B with a proof of {proof} B");
    assert!(whole - proof <= 60 * records + 160 * seals + 100);
    // The proof of a state of a million entries has 21 siblings; here there are fewer.
    let deep = proof + 32 * (21 - page.entry.state.depth());
    println!("proof of an incremental sync with 21 siblings: {deep} B");
    assert!(deep <= 2048);
}

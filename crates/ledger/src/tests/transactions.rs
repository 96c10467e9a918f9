//! Encoding, signatures, valid-until and replay: what holds for every type.

use super::world::*;
use crate::body::{Revoke, Shorten};
use crate::policy::{DAY, HOUR};
use crate::*;
use medfolder_crypto::Suite;

#[test]
fn stored_bytes_are_read_back_and_signed_bytes_are_a_part_of_them() {
    for suite in Suite::ALL {
        let world = World::of(suite);
        let body = world.t_r(A, 1);
        let unsigned = Unsigned::new(body.clone(), START + HOUR);
        let (card, seal) = (world.card(1), world.seal_key(A));
        let core = unsigned.core().to_vec();
        let id = unsigned.id(&world.chain);
        let transaction = unsigned.signed_by(&world.chain, &[&card.signing, &seal]);
        let bytes = transaction.to_bytes();
        assert_eq!(Transaction::from_bytes(&bytes), Ok(transaction.clone()));
        assert_eq!(bytes[1..=core.len()], core[..]);
        assert_eq!(transaction.id(&world.chain), id);
        let prepared = world.prepare(&transaction).unwrap();
        assert_eq!(prepared.id(), id);
        assert!(prepared.is_verified());
    }
}

#[test]
fn every_type_has_its_own_number_name_and_label() {
    for (index, kind) in Type::ALL.iter().enumerate() {
        assert_eq!(usize::from(kind.number()), index + 1);
        assert_eq!(Type::of(kind.number()), Some(*kind));
        for other in Type::ALL.iter().filter(|other| *other != kind) {
            assert_ne!(kind.label(), other.label());
            assert_ne!(kind.as_str(), other.as_str());
        }
    }
    assert_eq!(Type::of(0), None);
}

#[test]
fn every_refusal_has_its_own_number_and_code() {
    for refusal in Refusal::ALL {
        assert_eq!(Refusal::of(refusal.number()), Some(*refusal));
        assert_ne!(refusal.number(), 0);
        let same = Refusal::ALL
            .iter()
            .filter(|other| other.code() == refusal.code())
            .count();
        assert_eq!(same, 1, "{}", refusal.code());
    }
}

#[test]
fn bytes_that_are_cut_short_extended_or_not_canonical_are_refused() {
    let world = World::new();
    let key = world.seal_key(A);
    let bytes = world
        .signed(world.seal_body(A, world.number(1), 1, 0), &[&key])
        .to_bytes();
    for length in 0..bytes.len() {
        assert!(Transaction::from_bytes(&bytes[..length]).is_err());
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(Transaction::from_bytes(&longer), Err(Refusal::Malformed));
    // The version in two bytes instead of one.
    let mut wide = bytes.clone();
    wide.splice(1..2, [0x18, 0x00]);
    assert_eq!(Transaction::from_bytes(&wide), Err(Refusal::Malformed));
    let mut version = bytes.clone();
    version[1] = 1;
    assert_eq!(Transaction::from_bytes(&version), Err(Refusal::Version));
    let mut kind = bytes;
    kind[2] = 0;
    assert_eq!(Transaction::from_bytes(&kind), Err(Refusal::Kind));
    assert_eq!(
        Transaction::from_bytes(&vec![0; 70_000]),
        Err(Refusal::TooLong)
    );
}

#[test]
fn one_flipped_bit_anywhere_is_refused() {
    for suite in Suite::ALL {
        let mut world = World::of(suite);
        let card = world.register(A, 1);
        let key = world.seal_key(A);
        let bytes = world
            .signed(world.seal_body(A, card, 1, 0), &[&key])
            .to_bytes();
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1 << (index % 8);
            let prepared = Prepared::new(&world.chain, changed, &world.state);
            let outcome = prepared.map(|prepared| world.block(&[prepared]).remove(0));
            assert!(
                !matches!(outcome, Ok(Outcome::Accepted(_))),
                "byte {index} of the {suite} transaction is not protected"
            );
        }
    }
}

#[test]
fn a_signature_of_another_role_member_chain_or_type_is_refused() {
    let mut world = World::new();
    let card = world.register(A, 1);
    let body = world.seal_body(A, card, 1, 0);
    for wrong in [
        world.host_key(A),
        world.member(A, 1).signing,
        world.seal_key(B),
    ] {
        assert_eq!(world.refuse(body.clone(), &[&wrong]), Refusal::Signature);
    }
    let mut genesis = genesis(Suite::International);
    genesis.nonce.0[0] ^= 1;
    let other = Chain::new(genesis).unwrap();
    let foreign =
        Unsigned::new(body.clone(), START + HOUR).signed_by(&other, &[&world.seal_key(A)]);
    assert_eq!(world.submit(&foreign), Outcome::Refused(Refusal::Signature));
    // A Shorten's signature under a Revoke: other label, other bytes.
    let id = world.grant(1);
    let key = world.grant_key(1).signing;
    let shorten = world.signed(
        Shorten {
            grant: id,
            until: START,
        },
        &[&key],
    );
    let revoke = Unsigned::new(Revoke { grant: id }, shorten.valid_until)
        .with_signatures(shorten.signatures);
    assert_eq!(world.submit(&revoke), Outcome::Refused(Refusal::Signature));
}

#[test]
fn too_few_or_too_many_signatures_are_refused() {
    let mut world = World::new();
    let (card, seal) = (world.card(1).signing, world.seal_key(A));
    let body = world.t_r(A, 1);
    assert_eq!(
        world.refuse(body.clone(), &[&card]),
        Refusal::SignatureCount
    );
    assert_eq!(world.refuse(body.clone(), &[]), Refusal::SignatureCount);
    assert_eq!(
        world.refuse(body.clone(), &[&card, &seal, &seal]),
        Refusal::Malformed
    );
    assert_eq!(world.refuse(body, &[&seal, &card]), Refusal::Signature);
}

#[test]
fn a_signature_that_nobody_asked_for_is_refused() {
    let mut world = World::new();
    let card = world.register(A, 1);
    let seal = world.seal_key(A);
    let body = world.seal_body(A, card, 1, 0);
    assert_eq!(world.refuse(body, &[&seal, &seal]), Refusal::SignatureCount);
}

#[test]
fn a_transaction_is_valid_until_the_moment_before_and_at_most_a_day() {
    let mut world = World::new();
    world.pass(HOUR);
    let (card, seal) = (world.card(1).signing, world.seal_key(A));
    let body = world.t_r(A, 1);
    // Block time will be exactly `now`.
    let now = world.time;
    let with = |world: &World, until| {
        Unsigned::new(body.clone(), until).signed_by(&world.chain, &[&card, &seal])
    };
    let expired = with(&world, now);
    assert_eq!(world.submit(&expired), Outcome::Refused(Refusal::Expired));
    world.pass(10);
    let now = world.time;
    let far = with(&world, now + DAY + 1);
    assert_eq!(world.submit(&far), Outcome::Refused(Refusal::ValidUntil));
    world.pass(10);
    let now = world.time;
    let last = with(&world, now + DAY);
    assert!(matches!(world.submit(&last), Outcome::Accepted(_)));
    let mut world = World::new();
    world.pass(HOUR);
    let first = with(&world, world.time + 1);
    assert!(matches!(world.submit(&first), Outcome::Accepted(_)));
}

#[test]
fn a_number_that_a_reader_in_javascript_would_round_is_refused() {
    let mut world = World::new();
    let key = world.seal_key(A);
    let enrolment = world.enrolment(A, 1);
    let until = |until| crate::body::EnrolStaff {
        until,
        ..enrolment.clone()
    };
    let for_ever = until(u64::MAX);
    let one_above = until(1 << 53);
    let last = until((1 << 53) - 1);
    for body in [for_ever, one_above] {
        assert_eq!(world.refuse(body, &[&key]), Refusal::Malformed);
    }
    world.accept(last, &[&key]);
}

#[test]
fn a_replay_is_refused_in_the_same_block_and_later() {
    let mut world = World::new();
    let id = world.grant(1);
    let (key, host) = (world.grant_key(1).signing, world.host_key(A));
    let extend = crate::body::Extend {
        grant: id,
        host: A,
        present: world.grant_entry(&id).until,
        until: START + 2 * DAY,
        scope: None,
    };
    let transaction = world.signed(extend, &[&key, &host]);
    let prepared = world.prepare(&transaction).unwrap();
    let outcomes = world.block(&[prepared.clone(), prepared]);
    assert!(matches!(outcomes[0], Outcome::Accepted(_)));
    assert_eq!(outcomes[1], Outcome::Refused(Refusal::Replayed));
    assert_eq!(
        world.submit(&transaction),
        Outcome::Refused(Refusal::Replayed)
    );
}

#[test]
fn a_refused_transaction_may_come_again_when_its_reason_is_gone() {
    let mut world = World::new();
    let card = world.register(A, 1);
    let key = world.seal_key(A);
    let second = world.signed(world.seal_body(A, card, 1, 1), &[&key]);
    assert_eq!(world.submit(&second), Outcome::Refused(Refusal::SealSeq));
    world.seal(card, 1, 0);
    assert!(matches!(world.submit(&second), Outcome::Accepted(_)));
}

#[test]
fn a_key_replaced_between_the_check_and_its_turn_is_noticed() {
    let mut world = World::new();
    let card = world.register(A, 1);
    let old = world.seal_key(A);
    let prepared = world
        .prepare(&world.signed(world.seal_body(A, card, 1, 0), &[&old]))
        .unwrap();
    let new = keys(world.suite, 0x99, 2);
    let rotate = crate::body::RotateMemberKey {
        member: A,
        role: KeyRole::Seal,
        key: new.public,
    };
    let alliance = world.member(A, 1).signing;
    let rotate = world
        .prepare(&world.signed(rotate, &[&alliance, &new.signing]))
        .unwrap();
    // The new key's signature could not be checked under the state before; it is at its turn.
    let sealed = Prepared::read(
        &world.chain,
        world
            .signed(world.seal_body(A, card, 2, 0), &[&new.signing])
            .to_bytes(),
    )
    .unwrap();
    assert!(!sealed.is_verified());
    let outcomes = world.block(&[rotate, prepared, sealed]);
    assert!(matches!(outcomes[0], Outcome::Accepted(_)));
    assert_eq!(outcomes[1], Outcome::Refused(Refusal::Signature));
    assert!(matches!(outcomes[2], Outcome::Accepted(_)));
}

#[test]
fn a_card_registered_in_a_block_is_sealed_for_in_the_same_block() {
    let mut world = World::new();
    let (card, seal) = (world.card(1).signing, world.seal_key(A));
    let t_r = world
        .prepare(&world.signed(world.t_r(A, 1), &[&card, &seal]))
        .unwrap();
    let body = world.seal_body(A, world.number(1), 1, 0);
    let t_m = world.prepare(&world.signed(body, &[&seal])).unwrap();
    let outcomes = world.block(&[t_r, t_m]);
    assert!(outcomes.iter().all(|outcome| outcome.number() == 0));
}

#[test]
fn a_genesis_that_makes_no_sense_is_refused_by_name() {
    type Change = fn(&mut Genesis);
    let changes: [(Change, GenesisError); 20] = [
        (|g| g.version = 1, GenesisError::Version),
        (|g| g.name.clear(), GenesisError::Text),
        (|g| g.members[0].name = " ".to_owned(), GenesisError::Text),
        (|g| g.members[0].name.push('\u{202e}'), GenesisError::Text),
        (|g| g.members[0].name.push('\u{2028}'), GenesisError::Text),
        (|g| g.name.push('\n'), GenesisError::Text),
        (
            |g| g.members[0].name = g.members[1].name.clone(),
            GenesisError::Text,
        ),
        (
            |g| g.members[0].endpoints.edge = Some("http://edge.example".to_owned()),
            GenesisError::Text,
        ),
        (
            |g| g.members[0].keys.host = g.members[0].keys.seal,
            GenesisError::SameKey,
        ),
        (
            |g| g.members[0].keys.seal = g.members[1].keys.seal,
            GenesisError::SameKey,
        ),
        (
            |g| {
                let EngineKeys::Embedded(key) = &g.engine;
                g.members[0].keys.host = key.ed25519;
            },
            GenesisError::SameKey,
        ),
        (
            |g| g.members[0].keys.credential = Some(keys(Suite::International, 1, 1).public),
            GenesisError::Key,
        ),
        (|g| g.time = 1 << 53, GenesisError::Number),
        (
            |g| g.areas[0].endpoints = vec!["ftp://x".to_owned()],
            GenesisError::Text,
        ),
        (|g| g.members.swap(0, 1), GenesisError::Order),
        (|g| g.areas.swap(0, 1), GenesisError::Order),
        (|g| g.areas[0].member = NOBODY, GenesisError::Area),
        (|g| g.policy.windows.freeze = 0, GenesisError::Policy),
        (|g| g.policy.decide.over = 3, GenesisError::Policy),
        (
            |g| {
                let EngineKeys::Embedded(key) = &mut g.engine;
                key.sm2 = Some(keys(Suite::National, 1, 1).public);
            },
            GenesisError::Key,
        ),
    ];
    for (change, error) in changes {
        let mut genesis = genesis(Suite::International);
        change(&mut genesis);
        assert_eq!(Chain::new(genesis), Err(error));
    }
    let mut key = genesis(Suite::International);
    key.members[0].keys.seal = medfolder_crypto::PublicKeyBytes::new(&[0; 32]).unwrap();
    assert_eq!(Chain::new(key), Err(GenesisError::Key));
}

#[test]
fn the_engine_may_be_a_members_own_and_http_may_be_this_machine() {
    for suite in Suite::ALL {
        let mut genesis = genesis(suite);
        let EngineKeys::Embedded(key) = &genesis.engine;
        genesis.members[0].keys.consensus = Some(key.clone());
        for url in [
            "http://127.0.0.1:8080",
            "http://[::1]:80/x",
            "http://localhost",
        ] {
            genesis.members[0].endpoints.node = Some(url.to_owned());
            assert!(Chain::new(genesis.clone()).is_ok(), "{url}");
        }
        for url in [
            "http://127.0.0.1.example",
            "http://127.0.0.1@evil.example",
            "http://localhost:x@evil.example",
            "http://10.0.0.1",
            "http://",
        ] {
            genesis.members[0].endpoints.node = Some(url.to_owned());
            let refused = Chain::new(genesis.clone());
            assert_eq!(refused, Err(GenesisError::Text), "{url}");
        }
    }
}

#[test]
fn a_genesis_file_is_read_back_and_also_from_json() {
    for suite in Suite::ALL {
        let chain = Chain::new(genesis(suite)).unwrap();
        let bytes = chain.to_bytes();
        assert_eq!(Chain::from_bytes(&bytes).unwrap(), chain);
        let json = serde_json::to_string(chain.genesis()).unwrap();
        let again: Genesis = serde_json::from_str(&json).unwrap();
        assert_eq!(Chain::new(again).unwrap().digest(), chain.digest());
        let mut longer = bytes;
        longer.push(0);
        let error = Chain::from_bytes(&longer).unwrap_err();
        assert_eq!(error.code(), "genesis.encoding");
    }
}

#[test]
fn the_formats_page_tells_every_refusals_number() {
    let page = include_str!("../../../../docs/formats/ledger.md");
    for refusal in Refusal::ALL {
        let (number, code) = (refusal.number(), refusal.code());
        let row = format!("| {number} | `{code}` | {} |", refusal.message());
        assert!(page.contains(&row), "{row}");
    }
}

//! Keys and storage areas of members; anchors.

use super::world::*;
use crate::body::*;
use crate::member::ConsensusKey;
use crate::state::{AnchorEntry, AreaEntry, MemberEntry};
use crate::*;
use medfolder_crypto::{Digest, PublicKeyBytes, Suite, to_cbor};
use medfolder_record::AreaId;

fn rotation(role: KeyRole, key: &Keys) -> RotateMemberKey {
    let key = if role == KeyRole::Receive {
        key.encryption
    } else {
        key.public
    };
    RotateMemberKey {
        member: A,
        role,
        key,
    }
}

fn entry(world: &World) -> MemberEntry {
    world.entry(StateKey::member(world.suite, &A)).unwrap()
}

#[test]
fn a_member_replaces_its_keys_with_the_alliance_key_and_the_new_one() {
    let mut world = World::new();
    let alliance = world.member(A, 1).signing;
    for (index, role) in [KeyRole::Seal, KeyRole::Host, KeyRole::Alliance]
        .into_iter()
        .enumerate()
    {
        let new = keys(world.suite, 0x90 + index as u8, 2);
        let body = rotation(role, &new);
        assert_eq!(
            world.refuse(body.clone(), &[&alliance]),
            Refusal::SignatureCount
        );
        assert_eq!(
            world.refuse(body.clone(), &[&alliance, &alliance]),
            Refusal::Signature
        );
        assert_eq!(
            world.refuse(body.clone(), &[&new.signing, &new.signing]),
            Refusal::Signature
        );
        let before = *entry(&world).keys().signing(role).unwrap();
        let accepted = world.accept(body, &[&alliance, &new.signing]);
        let entry = entry(&world);
        assert_eq!(entry.keys().signing(role), Some(&new.public));
        assert_eq!(entry.key_at(role, accepted.position), Some(&new.public));
        assert_eq!(entry.past.last().unwrap().key, before);
        if accepted.position > 0 {
            assert_eq!(entry.key_at(role, accepted.position - 1), Some(&before));
        }
    }
}

#[test]
fn keys_that_sign_no_transactions_need_the_alliance_key_alone() {
    let mut world = World::new();
    let alliance = world.member(A, 1).signing;
    for role in [KeyRole::Receive, KeyRole::Tls, KeyRole::Credential] {
        let mut new = keys(world.suite, 0x90 + role as u8, 2);
        if role == KeyRole::Credential {
            new.public = point(3);
        }
        world.accept(rotation(role, &new), &[&alliance]);
    }
    let new = keys(world.suite, 0x99, 2);
    let body = rotation(KeyRole::Consensus, &new);
    assert_eq!(
        world.refuse(body, &[&alliance]),
        Refusal::AllianceConsensusKey
    );
}

/// 33 bytes as a compressed P-256 point has them.
fn point(first: u8) -> PublicKeyBytes {
    let mut bytes = [0x17; 33];
    bytes[0] = first;
    PublicKeyBytes::new(&bytes).unwrap()
}

#[test]
fn keys_of_tls_and_credentials_have_one_form() {
    let mut world = World::new();
    let alliance = world.member(A, 1).signing;
    let suite = world.suite;
    let other = |key| Keys {
        public: key,
        ..keys(suite, 0x90, 2)
    };
    let (uncompressed, ed25519) = (other(point(4)), keys(world.suite, 0x91, 2));
    for (role, key) in [
        (KeyRole::Tls, &uncompressed),
        (KeyRole::Credential, &uncompressed),
        (KeyRole::Credential, &ed25519),
    ] {
        let body = rotation(role, key);
        assert_eq!(world.refuse(body, &[&alliance]), Refusal::Key);
    }
    world.accept(rotation(KeyRole::Tls, &ed25519), &[&alliance]);
    world.accept(
        rotation(KeyRole::Credential, &other(point(2))),
        &[&alliance],
    );
}

#[test]
fn a_member_replaces_256_keys_and_no_more() {
    let mut world = World::new();
    let alliance = world.member(A, 1).signing;
    let new = |n: u16| {
        let mut bytes = [2; 33];
        bytes[1..3].copy_from_slice(&n.to_be_bytes());
        Keys {
            public: PublicKeyBytes::new(&bytes).unwrap(),
            ..keys(Suite::International, 0x90, 2)
        }
    };
    // The first TLS key replaces none.
    for n in 0..=256 {
        world.accept(rotation(KeyRole::Tls, &new(n)), &[&alliance]);
    }
    assert_eq!(entry(&world).past.len(), 256);
    let one_more = rotation(KeyRole::Tls, &new(257));
    assert_eq!(
        world.refuse(one_more, &[&alliance]),
        Refusal::AllianceManyKeys
    );
    let bytes = world.state.get(&StateKey::member(world.suite, &A));
    assert!(bytes.unwrap().unwrap().len() < crate::tree::MAX_VALUE / 8);
}

#[test]
fn a_key_that_the_member_has_or_had_is_refused() {
    let mut world = World::new();
    let alliance = world.member(A, 1).signing;
    let old = world.member(A, 2);
    let host = world.member(A, 4);
    let same = rotation(KeyRole::Seal, &host);
    assert_eq!(
        world.refuse(same, &[&alliance, &host.signing]),
        Refusal::AllianceSameKey
    );
    let new = keys(world.suite, 0x91, 2);
    world.accept(rotation(KeyRole::Seal, &new), &[&alliance, &new.signing]);
    let back = rotation(KeyRole::Seal, &old);
    assert_eq!(
        world.refuse(back, &[&alliance, &old.signing]),
        Refusal::AllianceSameKey
    );
}

#[test]
fn a_consensus_key_of_the_member_takes_no_second_role() {
    let mut world = World::new();
    let (alliance, consensus) = (world.member(A, 1).signing, keys(world.suite, 0x92, 5));
    let mut own = entry(&world);
    own.member.keys.consensus = Some(ConsensusKey {
        ed25519: consensus.public,
        sm2: None,
    });
    let key = StateKey::member(world.suite, &A);
    world.state.write([(key, to_cbor(&own))]);
    for role in [KeyRole::Seal, KeyRole::Tls] {
        let second = rotation(role, &consensus);
        let signers: &[_] = match role {
            KeyRole::Seal => &[&alliance, &consensus.signing],
            _ => &[&alliance],
        };
        assert_eq!(world.refuse(second, signers), Refusal::AllianceSameKey);
    }
}

#[test]
fn a_hospital_moves_its_store_and_nobody_elses() {
    let mut world = World::new();
    let set = |area, member, url: &str| SetStorageArea {
        area,
        member,
        endpoints: vec![url.to_owned()],
    };
    let (host_a, host_b) = (world.host_key(A), world.host_key(B));
    world.accept(set(AREA_A, A, "https://new.example"), &[&host_a]);
    let area: AreaEntry = world.entry(StateKey::area(world.suite, &AREA_A)).unwrap();
    assert_eq!(area.endpoints, ["https://new.example"]);
    let foreign = set(AREA_A, B, "https://b.example");
    assert_eq!(world.refuse(foreign, &[&host_b]), Refusal::AreaMember);
    world.accept(set(AreaId([5; 16]), B, "http://127.0.0.1:1"), &[&host_b]);
    for url in ["", "ftp://x", "https://a b"] {
        let body = set(AREA_A, A, url);
        assert_eq!(world.refuse(body, &[&host_a]), Refusal::AreaEndpoints);
    }
    let none = SetStorageArea {
        endpoints: Vec::new(),
        ..set(AREA_A, A, "")
    };
    assert_eq!(world.refuse(none, &[&host_a]), Refusal::AreaEndpoints);
    let insurer = set(AreaId([6; 16]), INSURER, "https://i.example");
    let host = world.host_key(INSURER);
    assert_eq!(world.refuse(insurer, &[&host]), Refusal::MemberRole);
}

#[test]
fn any_member_in_good_standing_anchors_a_digest_once_with_each_of_its_keys() {
    let mut world = World::new();
    let anchor = |member, by, kind: &str| Anchor {
        member,
        by,
        digest: Digest([3; 32]),
        kind: kind.to_owned(),
    };
    let host = world.host_key(INSURER);
    world.accept(anchor(INSURER, AnchorKey::Host, "viewer-bundle"), &[&host]);
    let key = |by| StateKey::anchor(world.suite, &INSURER, by, &Digest([3; 32]));
    let (by_host, by_seal) = (key(AnchorKey::Host), key(AnchorKey::Seal));
    let entry: AnchorEntry = world.entry(by_host).unwrap();
    assert_eq!(
        world.entry::<AnchorEntry>(by_seal),
        None,
        "the other key's word"
    );
    assert_eq!((entry.kind.as_str(), entry.position), ("viewer-bundle", 0));
    let again = anchor(INSURER, AnchorKey::Host, "data-set");
    assert_eq!(world.refuse(again, &[&host]), Refusal::AnchorExists);
    let seal = world.seal_key(A);
    world.accept(anchor(A, AnchorKey::Host, "stolen"), &[&world.host_key(A)]);
    world.accept(anchor(A, AnchorKey::Seal, "chain"), &[&seal]);
    for kind in ["", "a b", &"x".repeat(65)] {
        let body = anchor(A, AnchorKey::Seal, kind);
        assert_eq!(world.refuse(body, &[&seal]), Refusal::AnchorKind);
    }
    let suspended = world.seal_key(SUSPENDED);
    let body = anchor(SUSPENDED, AnchorKey::Seal, "chain");
    assert_eq!(world.refuse(body, &[&suspended]), Refusal::MemberSuspended);
}

//! Pinned vectors of both suites, `tests/vectors/ledger/*.json`.
//!
//! `cargo test -p medfolder-ledger -- --ignored write_vectors` writes them anew: only for a new
//! version of a format.

use super::world::*;
use crate::body::*;
use crate::log::ConsistencyProof;
use crate::member::KeyRole;
use crate::policy::{DAY, HOUR, MINUTE};
use crate::proof::{HistoryPage, Receipt, RefusalProof};
use crate::state::Running;
use crate::*;
use medfolder_crypto::{Digest, SigningKey, Suite, to_cbor};
use medfolder_record::{AreaId, CardNumber, GrantId, MemberId};
use serde_json::{Value, json};

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/ledger");

fn path(suite: Suite) -> String {
    format!("{DIRECTORY}/{suite}.json")
}

/// A short history in which every type of transaction is accepted once, and one is refused.
fn history(suite: Suite) -> (World, CardNumber, GrantId) {
    let mut world = World::of(suite);
    let card = world.register(A, 1);
    world.register(A, 2);
    records(&mut world, card);
    staff(&mut world);
    let grant = shares(&mut world);
    cards(&mut world, card);
    rest(&mut world);
    (world, card, grant)
}

fn records(world: &mut World, card: CardNumber) {
    let (seal_key, host) = (world.seal_key(A), world.host_key(A));
    world.pass(MINUTE);
    let first = world.seal(card, 1, 0);
    let mut second = world.seal_body(A, card, 1, 1);
    second.mark = Mark::DeliveredAgain;
    second.policy = 3;
    second.leaves[0].replaces = Some(Place {
        visit: first.visit,
        seq: 0,
        k: 2,
    });
    second.leaves[2].replaces = Some(Place {
        visit: first.visit,
        seq: 1,
        k: 1,
    });
    second.earlier = Some(vec![list_of(&first)]);
    world.accept(second, &[&seal_key]);
    let refused = world.seal_body(A, card, 1, 5);
    assert_eq!(world.refuse(refused, &[&seal_key]), Refusal::SealSeq);
    let list = list_of(&first);
    let reason = WithdrawReason::WrongPerson;
    world.accept(
        Withdraw {
            member: A,
            list: list.clone(),
            k: 1,
            reason,
        },
        &[&seal_key],
    );
    let findings = vec![
        Finding {
            k: 0,
            what: ZoneFinding::Changed,
        },
        Finding {
            k: 2,
            what: ZoneFinding::Missing,
        },
    ];
    let report = |by| ZoneReport {
        member: A,
        by,
        list: list.clone(),
        findings: findings.clone(),
    };
    world.accept(report(ZoneReporter::Edge), &[&host]);
    let key = world.card(1).signing;
    world.accept(report(ZoneReporter::Card(card)), &[&key]);
}

fn staff(world: &mut World) {
    let key = world.seal_key(A);
    world.accept(world.enrolment(A, 1), &[&key]);
    let new = keys(world.suite, 2, 0x30);
    let rotate = RotateStaff {
        member: A,
        key: world.staff_id(1),
        signing: new.public,
        encryption: new.encryption,
        until: START + 900 * DAY,
        proof: world.possession(A, &new),
    };
    world.accept(rotate, &[&key]);
    let reason = RevokeReason::Compromised;
    world.accept(
        RevokeStaff {
            member: A,
            key: world.staff_id(1),
            reason,
        },
        &[&key],
    );
}

fn shares(world: &mut World) -> GrantId {
    let host = world.host_key(A);
    let grant = world.grant(1);
    let key = world.grant_key(1).signing;
    let scope = Some(Scope {
        digest: Digest([0x5C; 32]),
        items: 9,
    });
    let until = START + 3 * DAY;
    let extend = Extend {
        grant,
        host: A,
        present: world.grant_entry(&grant).until,
        until,
        scope,
    };
    world.accept(extend, &[&key, &host]);
    let doctor = Grant {
        grantee: Grantee::Staff(world.staff_id(2)),
        uses: None,
        ..world.grant_body(2)
    };
    world.accept(doctor, &[&world.grant_key(2).signing, &host]);
    let other = grant_id(world.suite, &world.grant_key(2).public);
    let entries = vec![
        world.access(grant, AccessOutcome::WrongCode, 1),
        world.access(other, AccessOutcome::Opened, 2),
        world.access(grant, AccessOutcome::Opened, 3),
    ];
    world.accept(AccessBatch { host: A, entries }, &[&host]);
    world.accept(
        Shorten {
            grant,
            until: START + 2 * DAY,
        },
        &[&key],
    );
    world.pass(HOUR);
    world.accept(Revoke { grant }, &[&key]);
    grant
}

fn cards(world: &mut World, card: CardNumber) {
    let desk = world.seal_key(A);
    let key = world.card(1).signing;
    let successor = Some(world.number(3));
    world.accept(
        FreezeCard {
            card,
            member: A,
            by: By::Key,
            successor,
        },
        &[&key],
    );
    world.accept(LiftFreeze { card, member: A }, &[&desk]);
    world.pass(1);
    world.accept(
        FreezeCard {
            card,
            member: A,
            by: By::Desk,
            successor,
        },
        &[&desk],
    );
    world.pass(73 * HOUR);
    let rotate = world.rotation(A, 1, 3, By::Key);
    world.accept(rotate, &[&world.card(3).signing]);
    let second = world.number(2);
    world.accept(
        CloseCard {
            card: second,
            member: A,
            by: By::Desk,
        },
        &[&desk],
    );
}

fn rest(world: &mut World) {
    let (host, alliance) = (world.host_key(A), world.member(A, 1).signing);
    let folder = keys(world.suite, 1, 0x50);
    let body = RegisterFolder {
        signing: folder.public,
        encryption: folder.encryption,
        member: A,
        area: AREA_A,
    };
    let number = body.number(world.suite);
    world.accept(body, &[&folder.signing, &host]);
    let head = SetFolderHead {
        folder: number,
        length: 4,
        head: Digest([0xF0; 32]),
    };
    world.accept(head, &[&folder.signing]);
    let digest = Digest([0xAB; 32]);
    let kind = "viewer-bundle".to_owned();
    world.accept(
        Anchor {
            member: A,
            by: AnchorKey::Host,
            digest,
            kind,
        },
        &[&host],
    );
    // A card that its hospital replaced, and the same word by the hospital's edge.
    let replaced = Anchor::of_replaced(world.suite, A, &world.number(2));
    let by = AnchorKey::Host;
    let twin = Anchor {
        by,
        ..replaced.clone()
    };
    world.accept(replaced, &[&world.seal_key(A)]);
    world.accept(twin, &[&host]);
    let endpoints = vec!["https://moved.example/zone".to_owned()];
    let area = AreaId([0x1D; 16]);
    world.accept(
        SetStorageArea {
            area,
            member: A,
            endpoints,
        },
        &[&host],
    );
    let new = keys(world.suite, 0x91, 2);
    let rotate = RotateMemberKey {
        member: A,
        role: KeyRole::Seal,
        key: new.public,
    };
    world.accept(rotate, &[&alliance, &new.signing]);
}

fn transactions(world: &World) -> Value {
    world
        .stored
        .iter()
        .enumerate()
        .map(|(position, stored)| {
            let prepared = Prepared::read(&world.chain, stored.clone()).unwrap();
            let kind = prepared.transaction().kind();
            json!({
                "position": position,
                "type": kind.as_str(),
                "number": kind.number(),
                "label": kind.label().as_str(),
                "stored": hex::encode(stored),
                "id": prepared.id(),
                "leaf": prepared.leaf(),
                "read": prepared.transaction(),
            })
        })
        .collect()
}

fn state_entries(world: &World) -> Value {
    let entries = world.state.entries().iter();
    entries
        .map(|(key, value)| json!({ "key": key, "value": hex::encode(value) }))
        .collect()
}

fn history_page(world: &World, subject: Subject) -> Value {
    let page = world.page(subject, 0, u64::MAX);
    let known = Running::start(world.suite, &subject);
    let verified = page
        .verify_complete(&world.chain, &subject, &known)
        .unwrap();
    json!({
        "start": known.digest,
        "count": verified.known.count,
        "digest": verified.known.digest,
        "page": hex::encode(page.to_bytes()),
    })
}

fn entry_proof(world: &World, key: StateKey) -> Value {
    let value = world.state.get(&key).unwrap();
    json!({
        "key": key,
        "value": value.map(hex::encode),
        "proof": hex::encode(world.entry_proof(&key).to_bytes()),
    })
}

fn consistency(world: &World) -> Value {
    let (older, newer) = (&world.checkpoints[5], world.checkpoints.last().unwrap());
    let (from, to) = (older.header.log_size, newer.header.log_size);
    let proof = ConsistencyProof::make(world.suite, &world.log, from, to).unwrap();
    json!({
        "older": hex::encode(older.to_bytes()),
        "newer": hex::encode(newer.to_bytes()),
        "proof": hex::encode(to_cbor(&proof)),
    })
}

/// What a block did with a transaction, as its proof has it.
fn fate(world: &World, block: usize, at: usize) -> Value {
    let transaction = &world.blocks[block].transactions[at];
    let results = world.blocks[block].results(world.suite);
    let checkpoint = world.checkpoints[block + 1].clone();
    let proof = RefusalProof {
        results,
        checkpoint,
    };
    json!({
        "stored": hex::encode(&transaction.bytes),
        "result": transaction.result,
        "proof": hex::encode(proof.to_bytes()),
    })
}

/// The history's refused seal; and what proves no refusal: an accepted transaction, its copy, and
/// its copy after its time.
fn fates(suite: Suite) -> Value {
    let (mut world, ..) = history(suite);
    let refused = |block: &Block| block.transactions[0].result != 0;
    let refused = world.blocks.iter().position(refused).unwrap();
    let (last, accepted) = (world.blocks.len(), world.stored.last().unwrap());
    let copy = Transaction::from_bytes(accepted).unwrap();
    world.submit(&copy);
    world.pass(DAY);
    world.submit(&copy);
    json!([
        fate(&world, refused, 0),
        fate(&world, last - 1, 0),
        fate(&world, last, 0),
        fate(&world, last + 1, 0),
    ])
}

fn vectors(suite: Suite) -> Value {
    let (world, card, grant) = history(suite);
    let record = |k| StateKey::record(suite, &A, &leaf(1, 0, k));
    let header = &world.header;
    json!({
        "suite": suite,
        "genesis": {
            "file": hex::encode(world.chain.to_bytes()),
            "digest": world.chain.digest(),
            "json": world.chain.genesis(),
        },
        "transactions": transactions(&world),
        "blocks": world.blocks.iter().map(|b| hex::encode(b.to_bytes())).collect::<Vec<_>>(),
        "header": { "read": header, "digest": header.digest(suite) },
        "checkpoint": hex::encode(world.checkpoint().to_bytes()),
        "state": state_entries(&world),
        "receipt": { "position": 3, "proof": hex::encode(world.receipt(3).to_bytes()) },
        "fates": fates(suite),
        "present": entry_proof(&world, StateKey::card(suite, &card)),
        "withdrawn": entry_proof(&world, record(1)),
        "in_force": entry_proof(&world, record(0)),
        "consistency": consistency(&world),
        "card": history_page(&world, Subject::Card(card)),
        "grant": history_page(&world, Subject::Grant(grant)),
    })
}

fn pinned(suite: Suite) -> Value {
    let text = std::fs::read_to_string(path(suite)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

#[test]
fn every_type_of_transaction_stands_in_the_vectors() {
    let (world, ..) = history(Suite::International);
    let kinds: std::collections::BTreeSet<_> = world
        .stored
        .iter()
        .map(|s| Transaction::from_bytes(s).unwrap().kind())
        .collect();
    assert_eq!(kinds.len(), Type::ALL.len());
}

#[test]
fn the_pinned_bytes_are_what_this_program_writes() {
    for suite in Suite::ALL {
        assert!(
            vectors(suite) == pinned(suite),
            "the {suite} formats changed"
        );
    }
}

#[test]
fn the_pinned_bytes_are_read_and_verified() {
    for suite in Suite::ALL {
        let file = pinned(suite);
        let chain = Chain::from_bytes(&bytes(&file["genesis"]["file"])).unwrap();
        assert_eq!(file["genesis"]["digest"], chain.digest().to_string());
        let checkpoint = Checkpoint::from_bytes(&bytes(&file["checkpoint"])).unwrap();
        checkpoint.verify(&chain).unwrap();
        let receipt = Receipt::from_bytes(&bytes(&file["receipt"]["proof"])).unwrap();
        let stored = bytes(&file["transactions"][3]["stored"]);
        assert_eq!(receipt.verify(&chain, &stored), Ok(3));
        let refused = file["fates"].as_array().unwrap().iter().map(|fate| {
            let proof = RefusalProof::from_bytes(&bytes(&fate["proof"])).unwrap();
            let refusal = proof.verify(&chain, &bytes(&fate["stored"]));
            refusal.map_err(|error| error.code())
        });
        let not = Err("proof.not_refused");
        let expected = [Ok(Refusal::SealSeq), not, not, not];
        assert_eq!(refused.collect::<Vec<_>>(), expected);
        for subject in ["card", "grant"] {
            let page = HistoryPage::from_bytes(&bytes(&file[subject]["page"])).unwrap();
            let known = Running::start(suite, &page.subject);
            let verified = page.verify_complete(&chain, &page.subject, &known).unwrap();
            assert_eq!(file[subject]["digest"], verified.known.digest.to_string());
        }
    }
}

#[test]
#[ignore = "writes tests/vectors/ledger; run it only for a new version of a format"]
fn write_vectors() {
    std::fs::create_dir_all(DIRECTORY).unwrap();
    for suite in Suite::ALL {
        let text = serde_json::to_string_pretty(&vectors(suite)).unwrap();
        std::fs::write(path(suite), text + "\n").unwrap();
    }
}

/// Keys are derived from pinned seeds, so that the vectors say whose signature each is.
#[test]
fn seeds_of_the_vectors_are_those_that_the_format_names() {
    let member: MemberId = A;
    let key = SigningKey::from_seed(Suite::International, &seed(member.0[0], 2)).public();
    let chain = Chain::new(genesis(Suite::International)).unwrap();
    assert_eq!(chain.member(&A).unwrap().keys.seal, key);
}

//! The member's own keys: rotation with a block, and files that are not the ledger's.

use std::path::{Path, PathBuf};

use medfolder_crypto::{Secret32, Suite};
use medfolder_gateway::inner::{self, Config};
use medfolder_ledger::Unsigned;
use medfolder_ledger::body::RotateMemberKey;
use medfolder_ledger::member::KeyRole;

use crate::ledger::{MEMBER, key};
use crate::world::{Patient, World, bundle, doctor};

const SUITE: Suite = Suite::International;
const NEXT: u8 = 31;

fn key_file(config: &Config, name: &str, seed: u8) -> PathBuf {
    let path = config.data_dir.with_file_name(name);
    medfolder_client::keyfile::write(&path, &Secret32::new([seed; 32])).unwrap();
    path
}

/// The alliance key, offline, names the seal key that follows.
fn rotation(world: &World) -> Vec<u8> {
    let next = key(SUITE, NEXT);
    let body = RotateMemberKey {
        member: MEMBER,
        role: KeyRole::Seal,
        key: next.public(),
    };
    let unsigned = Unsigned::new(body, crate::ledger::NOW + 3_600_000);
    let signed = unsigned.signed_by(&world.chain, &[&key(SUITE, 1), &next]);
    signed.to_bytes()
}

async fn start_error(config: Config) -> &'static str {
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    inner::serve(config, stopped).await.unwrap_err().code()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_seal_key_signs_what_waits_and_what_was_sealed_stays() {
    let mut world = World::with(SUITE, |config| {
        config.keys.next_seal = Some(key_file(config, "seal-2.key", NEXT));
    })
    .await;
    world.one_doctor().await;
    let patient = Patient::new(&world.chain, 1);
    world.post_fhir(bundle("P1", "V1", "D1", 1, "one")).await;
    world.link("P1", &patient).await;
    world.until_status("final", |s| s.done == 1).await;

    // A second visit and a second doctor are signed with the old key and not on the ledger yet.
    world.edge.stalled = true;
    world.edge.submitted.clear();
    world.post_fhir(bundle("P1", "V2", "D2", 1, "two")).await;
    let second = doctor(SUITE, 2);
    let person = world.person(&second, &MEMBER, "YS-0002");
    world.desk("staff", person).await;
    world
        .until("both are on their way", async |world| {
            world.edge.submitted.len() == 2
        })
        .await;
    let mut block = vec![rotation(&world)];
    block.append(&mut world.edge.submitted);
    world.edge.ledger.commit(block);
    world.edge.stalled = false;
    world.until_status("final", |s| s.done == 2).await;
    assert_eq!(
        world.edge.ledger.refused,
        ["signature.invalid", "signature.invalid"]
    );
    world.enrol(&second, "YS-0002").await;
    let seals = world.seals();
    assert_eq!((seals.len(), world.edge.deliveries), (2, 2));
    assert_eq!(world.records_of(&patient).len(), 2);

    // The new key is remembered; without its file the zone does not start.
    world.halt().await;
    let mut config = world.config.clone();
    config.keys.next_seal = None;
    assert_eq!(start_error(config).await, "inner.seal_key");
    world.start().await;
    world.stop_signer();
    world.start_signer(vec![doctor(SUITE, 1)]);
    world.post_fhir(bundle("P1", "V3", "D3", 1, "three")).await;
    world.until_status("final", |s| s.done == 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn key_files_that_are_not_the_ledgers_are_found_at_the_start() {
    let mut world = World::new(SUITE).await;
    world.halt().await;
    let with = |adjust: fn(&mut Config, &Path)| {
        let mut config = world.config.clone();
        let wrong = key_file(&config, "wrong.key", 77);
        adjust(&mut config, &wrong);
        config
    };
    let config = with(|config, wrong| config.keys.receive = Some(wrong.to_owned()));
    assert_eq!(start_error(config).await, "inner.receive_key");
    std::fs::remove_file(world.config.data_dir.with_file_name("wrong.key")).unwrap();
    let config = with(|config, wrong| config.keys.seal = wrong.to_owned());
    assert_eq!(start_error(config).await, "inner.seal_key");
    world.config.keys.receive = Some(key_file(&world.config, "receive.key", 4));
    world.start().await;
}

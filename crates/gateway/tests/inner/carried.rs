//! Signatures of the hospital's own system, delivered with a document
//! (`tests/vectors/record/carried/make_visit.sh`).

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use medfolder_crypto::Suite;
use medfolder_gateway::inner;
use serde_json::Value;

use crate::world::{Patient, World};

macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!("../../../../tests/vectors/record/carried/", $name))
    };
}

pub const ROOT: &[u8] = file!("visit-root.der");
pub const STAMP_ROOT: &[u8] = file!("visit-stamp-root.der");
const DOCUMENT: &[u8] = file!("visit.json");
const SIGNATURE: &[u8] = file!("visit.json.p7s");
const REVOKED: &[u8] = file!("visit-revoked.crl");

fn root(name: &str) -> PathBuf {
    let vectors = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors");
    vectors.join("record/carried").join(name)
}

async fn world(roots: bool) -> World {
    let mut world = World::with(Suite::International, |config| {
        let names = ["visit-root.der", "visit-stamp-root.der"];
        config.carried_roots = names.into_iter().filter(|_| roots).map(root).collect();
    })
    .await;
    world.one_doctor().await;
    world
}

async fn post(world: &World, document: &[u8], signature: &[u8]) -> (u16, Value) {
    post_with(world, document, signature, &[]).await
}

async fn post_with(
    world: &World,
    document: &[u8],
    signature: &[u8],
    more: &[(&str, &[u8])],
) -> (u16, Value) {
    let request = world.request(reqwest::Method::POST, "fhir");
    let mut request = request
        .bearer_auth(world.token("feed"))
        .header("medfolder-signature", STANDARD.encode(signature))
        .body(document.to_vec());
    for (name, value) in more {
        request = request.header(*name, STANDARD.encode(value));
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, response.json().await.unwrap_or(Value::Null))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carried_signature_is_checked_at_sealing_and_reaches_the_patient_with_its_file() {
    let mut world = world(true).await;
    let path = world.watched().join("visit.json");
    let beside = ["p7s", "crl", "ocsp", "tsr"].map(|ending| format!("visit.json.{ending}"));
    for name in &beside {
        std::fs::copy(root(name), path.with_file_name(name)).unwrap();
    }
    std::fs::write(&path, DOCUMENT).unwrap();
    world.until_status("signed", |s| s.signed == 1).await;
    let patient = Patient::new(&world.chain, 1);
    world.link("P1", &patient).await;
    world.until_status("final", |s| s.done_records == 1).await;
    let records = world.records_of(&patient);
    let carried: Vec<_> = records[0].signatures().carried().collect();
    assert_eq!(carried.len(), 1);
    assert_eq!(carried[0].cms.as_slice(), SIGNATURE);
    // The roots in which its paths end, and nothing else that the configuration names.
    assert_eq!(
        carried[0].chain,
        [ROOT.to_vec().into(), STAMP_ROOT.to_vec().into()]
    );
    assert_eq!(carried[0].revocation.len(), 2);
    assert!(!carried[0].time_stamp.is_empty());
    assert_eq!(records[0].files()[0].bytes.as_slice(), DOCUMENT);
    world
        .until("all files are removed", async |_| {
            let gone = |name: &String| !path.with_file_name(name).exists();
            !path.exists() && beside.iter().all(gone)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_that_lies_there_and_cannot_be_read_is_not_taken_for_none() {
    let mut world = world(true).await;
    let elsewhere = world.watched().with_file_name("elsewhere.p7s");
    std::fs::copy(root("visit.json.p7s"), &elsewhere).unwrap();
    for (document, ending) in [("a.json", "p7s"), ("b.json", "crl")] {
        let path = world.watched().join(document);
        let beside = |ending: &str| path.with_file_name(format!("{document}.{ending}"));
        std::fs::copy(root("visit.json.p7s"), beside("p7s")).unwrap();
        let _ = std::fs::remove_file(beside(ending));
        std::os::unix::fs::symlink(&elsewhere, beside(ending)).unwrap();
        std::fs::write(&path, DOCUMENT).unwrap();
    }
    world
        .until_status("refused", |s| s.skipped.len() == 2)
        .await;
    let status = world.status().await;
    assert_eq!(status.records, 0);
    assert!(status.skipped.iter().all(|one| one.code == "inlet.carried"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carried_signature_that_does_not_hold_keeps_the_visit_back_by_name() {
    for (roots, change, code) in [
        (true, true, "carried.file"),
        (false, false, "carried.chain"),
    ] {
        let mut world = world(roots).await;
        let text = String::from_utf8(DOCUMENT.to_vec()).unwrap();
        let document = match change {
            true => text.replace("头痛三天", "头痛四天"),
            false => text,
        };
        let (status, taken) = post(&world, document.as_bytes(), SIGNATURE).await;
        assert_eq!((status, taken["new"].as_u64()), (200, Some(1)));
        let patient = Patient::new(&world.chain, 1);
        world.link("P1", &patient).await;
        world.until_status("held", |s| s.held.len() == 1).await;
        assert_eq!(world.status().await.held[0].reason, code);
        assert_eq!(world.edge.deliveries, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_about_revocation_and_a_time_stamp_are_checked_at_sealing() {
    for (name, value, code) in [
        ("medfolder-revocation", REVOKED, "carried.revoked"),
        (
            "medfolder-revocation",
            b"no answer".as_slice(),
            "carried.form",
        ),
        ("medfolder-time-stamp", SIGNATURE, "carried.time_stamp"),
    ] {
        let mut world = world(true).await;
        let (status, _) = post_with(&world, DOCUMENT, SIGNATURE, &[(name, value)]).await;
        assert_eq!(status, 200);
        let patient = Patient::new(&world.chain, 1);
        world.link("P1", &patient).await;
        world.until_status("held", |s| s.held.len() == 1).await;
        assert_eq!(world.status().await.held[0].reason, code);
    }
    let world = world(true).await;
    let long = vec![0; (256 << 10) + 1];
    let long = [("medfolder-time-stamp", long.as_slice())];
    let (_, problem) = post_with(&world, DOCUMENT, SIGNATURE, &long).await;
    assert_eq!(problem["code"], "inlet.carried");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_comes_with_one_document_and_a_root_of_policy_only() {
    let mut world = world(true).await;
    let synthea = crate::world::family().join("../synthea/child-alexis-toy.json");
    let (status, problem) = post(&world, &std::fs::read(synthea).unwrap(), SIGNATURE).await;
    assert_eq!(
        (status, problem["code"].as_str()),
        (422, Some("inlet.carried"))
    );
    let long = vec![0; (256 << 10) + 1];
    std::fs::write(world.watched().join("visit.json.p7s"), long).unwrap();
    std::fs::write(world.watched().join("visit.json"), DOCUMENT).unwrap();
    world
        .until_status("refused", |s| s.skipped.len() == 1)
        .await;
    assert_eq!(world.status().await.skipped[0].code, "inlet.carried");
    world.halt().await;
    world.config.carried_roots = vec![root("visit-other-root.der")];
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let refused = inner::serve(world.config.clone(), stopped)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), "inner.config");
    world.config.carried_roots.clear();
    world.start().await;
}

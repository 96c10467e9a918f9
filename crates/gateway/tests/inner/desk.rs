//! The front desk, with honest and hostile edges.

use medfolder_crypto::{Secret32, SigningKey, Suite};
use medfolder_gateway::clock::Clock as _;
use medfolder_gateway::spool::{DeskOutcome, In};
use medfolder_ledger::body::{Body, By, RotateCard, card_replaced};
use medfolder_ledger::{Transaction, Unsigned};
use serde_json::json;

use crate::ledger::{MEMBER, SEAL_SEED};
use crate::world::{MRN, Patient, World, bundle};

async fn world() -> World {
    let world = World::new(Suite::International).await;
    assert_eq!(
        world.post_fhir(bundle("P1", "V1", "D1", 1, "text")).await.0,
        200
    );
    world
}

/// The next answer that the edge gets, in the order of the spool.
async fn refusal(world: &mut World) -> String {
    world
        .until("an answer", async |world| !world.edge.answers.is_empty())
        .await;
    match world.edge.answers.remove(0).outcome {
        DeskOutcome::Refused { code } => code,
        DeskOutcome::Confirmed { .. } => "confirmed".into(),
        DeskOutcome::Replaces { .. } => "replaces".into(),
    }
}

fn end_of(patient: &Patient) -> String {
    let card = patient.number().to_string();
    card[card.len() - 8..].to_owned()
}

async fn confirm(world: &mut World, code: &str, end: &str) -> (u16, String) {
    let body = json!({"code": code, "card_end": end});
    let mut last = (0, String::new());
    world
        .until("the claim has come", async |world| {
            let (status, answer) = world.desk("desk/confirm", body.clone()).await;
            last = (
                status,
                answer["code"].as_str().unwrap_or_default().to_owned(),
            );
            last.1 != "desk.no_claim"
        })
        .await;
    last
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_that_swaps_in_its_own_card_is_caught() {
    let mut world = world().await;
    let code = world.code("P1").await;
    let (patient, thief) = (Patient::new(&world.chain, 1), Patient::new(&world.chain, 2));
    let honest = world.claim(&code, &patient);
    // The edge knows the patient's mac, not the code.
    let mut forged = world.claim("0000000000000000", &thief);
    forged.mac = honest.mac;
    world.edge.send(In::Claim(forged));
    assert_eq!(refusal(&mut world).await, "desk.code_unknown");
    // The honest claim still stands.
    world.edge.send(In::Claim(honest));
    assert_eq!(confirm(&mut world, &code, &end_of(&patient)).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_photographed_the_code_is_noticed_at_the_desk() {
    let mut world = world().await;
    let code = world.code("P1").await;
    let (patient, thief) = (Patient::new(&world.chain, 1), Patient::new(&world.chain, 2));
    let stolen = world.claim(&code, &thief);
    world.edge.send(In::Claim(stolen));
    let honest = world.claim(&code, &patient);
    world.edge.send(In::Claim(honest));
    assert_eq!(refusal(&mut world).await, "desk.code_used");
    let end = end_of(&patient);
    for _ in 0..3 {
        let answer = confirm(&mut world, &code, &end).await;
        assert_eq!(answer, (409, "desk.card_mismatch".into()));
    }
    assert_eq!(refusal(&mut world).await, "desk.card_mismatch");
    assert_eq!(
        confirm(&mut world, &code, &end_of(&thief)).await.1,
        "desk.code_used"
    );
    assert_eq!(world.edge.submitted.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_ends_after_ten_minutes_and_works_once() {
    let mut world = world().await;
    let patient = Patient::new(&world.chain, 1);
    let old = world.code("P1").await;
    world.clock.advance(10 * 60 * 1000);
    let claim = world.claim(&old, &patient);
    world.edge.send(In::Claim(claim));
    assert_eq!(refusal(&mut world).await, "desk.code_expired");
    assert_eq!(
        confirm(&mut world, &old, "12345678").await.1,
        "desk.code_expired"
    );

    // One that was claimed and that nobody confirmed is too old as well, and was not used.
    let code = world.code("P1").await;
    let mut claim = world.claim(&code, &patient);
    world.edge.send(In::Claim(claim.clone()));
    let wrong = confirm(&mut world, &code, "12345678").await.1;
    assert_eq!(wrong, "desk.card_mismatch");
    world.clock.advance(10 * 60 * 1000);
    claim.claim = [8; 16];
    world.edge.send(In::Claim(claim));
    assert_eq!(refusal(&mut world).await, "desk.code_expired");

    let code = world.code("P1").await;
    let claim = world.claim(&code, &patient);
    world.edge.send(In::Claim(claim.clone()));
    assert_eq!(confirm(&mut world, &code, &end_of(&patient)).await.0, 200);
    assert_eq!(
        confirm(&mut world, &code, &end_of(&patient)).await.1,
        "desk.code_used"
    );
    // Under another number it is another claim, and the code is used.
    let mut replayed = claim;
    replayed.claim = [9; 16];
    world.edge.send(In::Claim(replayed));
    assert_eq!(refusal(&mut world).await, "confirmed");
    assert_eq!(refusal(&mut world).await, "desk.code_used");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_sent_again_while_the_desk_decides_gets_one_answer() {
    let mut world = world().await;
    for (card, right) in [(1, true), (2, false)] {
        let patient = Patient::new(&world.chain, card);
        let code = world.code("P1").await;
        let claim = world.claim(&code, &patient);
        let (typed, expected) = match right {
            true => (end_of(&patient), "confirmed"),
            false => ("12345678".to_owned(), "desk.card_mismatch"),
        };
        world.edge.send(In::Claim(claim.clone()));
        loop {
            world.edge.send(In::Claim(claim.clone()));
            let (status, code) = confirm(&mut world, &code, &typed).await;
            world.edge.send(In::Claim(claim.clone()));
            if status == 200 || code == "desk.code_used" {
                break;
            }
        }
        // Another claim comes after all of them: its answer is the last one.
        let mut other = claim;
        other.claim = [90 + card; 16];
        world.edge.send(In::Claim(other));
        let mut answers = vec![refusal(&mut world).await];
        while answers.last().is_some_and(|code| code != "desk.code_used") {
            answers.push(refusal(&mut world).await);
        }
        answers.pop();
        answers.retain(|answer| answer != "replaces");
        assert!(answers.len() >= 2, "{answers:?}");
        assert!(answers.iter().all(|code| code == expected), "{answers:?}");
    }
}

/// Otherwise an edge could have the records of one patient sealed for another card, and keep from
/// the first one's holder that her list has ended.
#[tokio::test(flavor = "multi_thread")]
async fn seals_name_a_second_card_only_when_the_ledger_says_that_the_first_is_replaced() {
    let mut world = world().await;
    world.one_doctor().await;
    let [first, second] = [1, 2].map(|seed| Patient::new(&world.chain, seed));
    assert!(world.desk("desk/codes", json!({"patient": "P1"})).await.1["linked"].is_null());
    let old = world.link("P1", &first).await;
    world.until_status("sealed", |s| s.done == 1).await;
    // The desk is told with the code, the patient's device while the desk decides, the desk again.
    world.edge.answers.clear();
    let given = world.desk("desk/codes", json!({"patient": "P1"})).await.1;
    assert_eq!(given["linked"]["card"], old.to_string().as_str());
    assert!(given["linked"]["since"].as_u64() > Some(0));
    let code = given["code"].as_str().unwrap().to_owned();
    let claim = world.claim(&code, &second);
    world.edge.send(In::Claim(claim));
    assert_eq!(refusal(&mut world).await, "replaces");
    world.edge.stalled = true;
    world.edge.submitted.clear();
    let body = json!({"code": code, "card_end": end_of(&second)});
    let confirmed = world.desk("desk/confirm", body).await.1;
    assert_eq!(confirmed["replaces"]["card"], old.to_string().as_str());
    // The edge lets T_R through and nothing else.
    let new_card = |bytes: &Vec<u8>| is(bytes, |body| matches!(body, Body::RegisterCard(_)));
    world
        .until("T_R", async |w| w.edge.submitted.iter().any(new_card))
        .await;
    let registration = world.edge.submitted.clone();
    world.edge.ledger.commit(registration);
    let told = |bytes: &Vec<u8>| is(bytes, |body| matches!(body, Body::Anchor(_)));
    world
        .until("the anchor", async |w| w.edge.submitted.iter().any(told))
        .await;
    world.post_fhir(bundle("P1", "V2", "D2", 1, "two")).await;
    let is_seal = |bytes: &&Vec<u8>| is(bytes, |body| matches!(body, Body::Seal(_)));
    world
        .until("sealed", async |w| {
            w.edge.submitted.iter().any(|one| is_seal(&one))
        })
        .await;
    let held_back = world.edge.submitted.clone();
    let seal = held_back.iter().find(is_seal);
    assert!(is(
        seal.unwrap(),
        |body| matches!(body, Body::Seal(seal) if seal.card == old)
    ));
    // Once it is on the ledger, that and not before: records go to the second card.
    world.edge.ledger.commit(held_back);
    world.edge.stalled = false;
    world.until_status("final", |s| s.done == 2).await;
    world.post_fhir(bundle("P1", "V3", "D3", 1, "three")).await;
    world.until_status("final", |s| s.done == 3).await;
    assert_eq!(world.records_of(&first).len(), 2);
    assert_eq!(world.records_of(&second).len(), 1);
    let digest = card_replaced(world.chain.suite(), &old);
    let anchored = world.edge.ledger.accepted.iter().filter(
        |one| matches!(&one.transaction.body, Body::Anchor(anchor) if anchor.digest == digest),
    );
    assert_eq!(anchored.count(), 1);
}

/// The first card, which is just being replaced, and the second one, which waits to replace it.
#[tokio::test(flavor = "multi_thread")]
async fn cards_that_are_handed_over_while_one_replaces_the_other_pass_their_places_on() {
    let mut world = world().await;
    world.one_doctor().await;
    let cards = [1, 2, 3, 4].map(|seed| Patient::new(&world.chain, seed));
    let [first, second, third, fourth] = &cards;
    world.link("P1", first).await;
    world.until_status("sealed", |s| s.done == 1).await;
    let code = world.code("P1").await;
    world.edge.answers.clear();
    let claim = world.claim(&code, second);
    world.edge.send(In::Claim(claim));
    assert_eq!(refusal(&mut world).await, "replaces");
    world.edge.stalled = true;
    world.edge.submitted.clear();
    let body = json!({"code": code, "card_end": end_of(second)});
    world.desk("desk/confirm", body).await;
    let new_card = |bytes: &Vec<u8>| is(bytes, |body| matches!(body, Body::RegisterCard(_)));
    world
        .until("T_R", async |w| w.edge.submitted.iter().any(new_card))
        .await;
    let registration = std::mem::take(&mut world.edge.submitted);
    world.edge.ledger.commit(registration);
    // Their holders lose both devices before the ledger says that the first is replaced.
    let rotations = [(first, third), (second, fourth)].map(|(old, new)| rotation(&world, old, new));
    world.edge.ledger.commit(rotations.to_vec());
    let told = |bytes: &&Vec<u8>| is(bytes, |body| matches!(body, Body::Anchor(_)));
    world
        .until("both anchors", async |w| {
            w.edge.submitted.iter().filter(told).count() == 2
        })
        .await;
    let held_back = world.edge.submitted.clone();
    world.edge.ledger.commit(held_back);
    world.edge.stalled = false;
    world.post_fhir(bundle("P1", "V3", "D3", 1, "three")).await;
    world.until_status("final", |s| s.done == 2).await;
    assert_eq!(world.records_of(third).len(), 0);
    assert_eq!(world.records_of(fourth).len(), 1);
}

fn rotation(world: &World, old: &Patient, new: &Patient) -> Vec<u8> {
    let body = RotateCard {
        card: old.number(),
        member: MEMBER,
        by: By::Desk,
        signing: new.keys.signing.public(),
        encryption: new.keys.encryption.public().to_bytes(),
    };
    let seal = SigningKey::from_seed(world.chain.suite(), &Secret32::new(SEAL_SEED));
    let unsigned = Unsigned::new(body, world.clock.now() + 3_600_000);
    let signed = unsigned.signed_by(&world.chain, &[&new.keys.signing, &seal]);
    signed.to_bytes()
}

fn is(bytes: &[u8], kind: impl Fn(&Body) -> bool) -> bool {
    Transaction::from_bytes(bytes).is_ok_and(|transaction| kind(&transaction.body))
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_and_patients_that_are_not_known_have_codes_of_their_own() {
    let world = world().await;
    let ask = async |patient: &str| world.desk("desk/codes", json!({"patient": patient})).await;
    assert_eq!(ask("P2").await.1["code"], "desk.patient_unknown");
    assert_eq!(ask(&format!("{MRN}|P2")).await.0, 200);
    assert_eq!(ask("urn:other|P1").await.0, 200);
    assert_eq!(ask("P1").await.1["code"], "desk.patient_ambiguous");
    assert_eq!(ask(&format!("{MRN}|P1")).await.0, 200);
    let confirm = async |code: &str| {
        world
            .desk(
                "desk/confirm",
                json!({"code": code, "card_end": "12345678"}),
            )
            .await
            .1
    };
    assert_eq!(
        confirm("0000000000000000").await["code"],
        "desk.code_unknown"
    );
    assert_eq!(confirm("hello").await["code"], "desk.code_malformed");
    let code = world.code(&format!("{MRN}|P1")).await;
    assert_eq!(confirm(&code).await["code"], "desk.no_claim");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_caller_has_a_token_of_its_own() {
    let world = world().await;
    let status = async |caller: &str, path: &str| {
        let request = world.request(reqwest::Method::GET, path);
        request
            .bearer_auth(caller)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    let (feed, desk, signer) = (
        world.token("feed"),
        world.token("desk"),
        world.token("signer"),
    );
    let list = format!("worklist?keys={}", "0".repeat(64));
    assert_eq!(status(&signer, &list).await, 200);
    assert_eq!(status(&desk, &list).await, 403);
    assert_eq!(status(&feed, "staff").await, 403);
    assert_eq!(status(&desk, "staff").await, 200);
    assert_eq!(status("x", "status").await, 401);
    let open = world
        .request(reqwest::Method::GET, "status")
        .send()
        .await
        .unwrap();
    assert_eq!(open.status().as_u16(), 401);
    let posted = world
        .request(reqwest::Method::POST, "fhir")
        .body("{}")
        .send()
        .await
        .unwrap();
    assert_eq!(posted.status().as_u16(), 401);
}

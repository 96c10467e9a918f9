//! What the edge passes on between patients, the inner zone and the ledger.

use medfolder_crypto::Suite;
use medfolder_gateway::edge::Tuning;
use medfolder_gateway::edge::limit::Rate;
use medfolder_gateway::spool::{CardClaim, DeskAnswer, DeskOutcome, In, Item, Out, Reader};
use medfolder_ledger::TxId;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::chain::{self, MEMBER};
use crate::hospital::send;
use crate::world::{Card, World, json_of, text, tuning};

pub(crate) fn from_edge(world: &World) -> Vec<In> {
    let mut reader = Reader::<In>::open(&world.dir.path().join("in")).unwrap();
    let mut found = Vec::new();
    while let Some(item) = reader.next().unwrap() {
        let Item::Message { name, message } = item else {
            panic!("{item:?}")
        };
        reader.done(&name, &message).unwrap();
        found.push(message);
    }
    found
}

#[tokio::test]
async fn blocks_are_passed_inwards_and_follow_each_other() {
    let world = World::new().await;
    world.card().await;
    let mut last = None;
    for message in from_edge(&world) {
        let In::Blocks(blocks) = message else {
            continue;
        };
        for block in blocks {
            for one in medfolder_gateway::certified::Certified::read_all(&block).unwrap() {
                one.verify(&world.chain, last.as_ref()).unwrap();
                last = Some(one.block.header);
            }
        }
    }
    assert_eq!(last.unwrap().height, 1);
}

fn claim(world: &World, card: &Card) -> (Vec<u8>, Value) {
    let body = medfolder_ledger::body::RegisterCard {
        member: MEMBER,
        signing: card.signing.public(),
        encryption: card.encryption.public().to_bytes(),
        consent: world.consent(),
    };
    let transaction = world.signed(body, &[&card.signing]).to_bytes();
    let blob = medfolder_client::api::Blob(transaction.clone());
    let mac = medfolder_crypto::Digest([3; 32]);
    (transaction, json!({ "transaction": blob, "mac": mac }))
}

#[tokio::test]
async fn a_claim_passes_inwards_once_and_the_desks_answer_comes_back() {
    let world = World::new().await;
    let card = world.new_card();
    let (transaction, body) = claim(&world, &card);
    let response = world.post("/v1/desk/claims", None, &body).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let id = text(&json_of(response).await, "claim");
    let again = json_of(world.post("/v1/desk/claims", None, &body).await).await;
    assert_eq!(text(&again, "claim"), id);
    let claims: Vec<CardClaim> = from_edge(&world)
        .into_iter()
        .filter_map(|message| match message {
            In::Claim(claim) => Some(claim),
            _ => None,
        })
        .collect();
    assert_eq!(claims[0].transaction, transaction);
    let path = format!("/v1/desk/claims/{id}");
    assert_eq!(
        text(&json_of(world.get(&path, None).await).await, "state"),
        "waiting"
    );
    let tx = TxId([9; 32]);
    let outcome = DeskOutcome::Confirmed {
        transaction: medfolder_crypto::Digest(tx.0),
    };
    send(
        &world,
        Out::Answer(DeskAnswer {
            claim: claims[0].claim,
            outcome,
        }),
    );
    world
        .eventually("the answer is known", || async {
            let status = json_of(world.get(&path, None).await).await;
            (status["state"] == "confirmed" && status["transaction"] == json!(tx)).then_some(())
        })
        .await;
}

#[tokio::test]
async fn a_claim_that_the_card_did_not_sign_goes_nowhere() {
    let world = World::new().await;
    let (card, other) = (world.new_card(), world.new_card());
    let body = medfolder_ledger::body::RegisterCard {
        member: MEMBER,
        signing: card.signing.public(),
        encryption: card.encryption.public().to_bytes(),
        consent: world.consent(),
    };
    let transaction = world.signed(body, &[&other.signing]).to_bytes();
    let blob = medfolder_client::api::Blob(transaction);
    let body = json!({ "transaction": blob, "mac": medfolder_crypto::Digest([3; 32]) });
    let response = world.post("/v1/desk/claims", None, &body).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_transaction_of_the_inner_zone_is_passed_on_as_it_stands() {
    let world = World::new().await;
    let card = world.new_card();
    let body = medfolder_ledger::body::RegisterCard {
        member: MEMBER,
        signing: card.signing.public(),
        encryption: card.encryption.public().to_bytes(),
        consent: world.consent(),
    };
    let seal = chain::key(world.suite(), 2);
    let transaction = world.signed(body, &[&card.signing, &seal]);
    send(&world, Out::Tx(transaction.to_bytes()));
    world
        .eventually("it is on the ledger", || async {
            world.ledger.accepted().contains(&transaction).then_some(())
        })
        .await;
}

/// The claim of a card under a code that somebody made up.
fn made_up(world: &World, card: &Card, n: u8) -> Value {
    let mut body = claim(world, card).1;
    body["mac"] = json!(medfolder_crypto::Digest([n; 32]));
    body
}

#[tokio::test]
async fn whoever_floods_the_desk_is_held_back_and_a_patient_elsewhere_is_not() {
    let claim_rate = Rate {
        burst: 5,
        interval: 1_000,
    };
    let tuning = Tuning {
        claim_rate,
        ..tuning()
    };
    let world = World::with(Suite::International, tuning).await;
    let (card, thief) = (world.new_card(), world.new_card());
    let (mut accepted, mut refused) = (0, Vec::new());
    for n in 0..60 {
        let answer = world
            .post("/v1/desk/claims", None, &made_up(&world, &thief, n))
            .await;
        match answer.status() {
            StatusCode::ACCEPTED => accepted += 1,
            _ => refused.push(text(&json_of(answer).await, "code")),
        }
        // The rate alone would let through what has time.
        world.clock.advance(500);
    }
    // Nobody answers them: twice the burst waits, however slowly they come.
    assert_eq!(accepted, 10);
    for code in ["rate.exceeded", "desk.busy"] {
        assert!(refused.iter().any(|one| one == code), "{refused:?}");
    }
    let elsewhere = reqwest::Client::builder()
        .no_proxy()
        .local_address(std::net::IpAddr::from([127, 0, 0, 2]));
    let request = elsewhere.build().unwrap().post(world.at("/v1/desk/claims"));
    let honest = request.json(&claim(&world, &card).1).send().await.unwrap();
    assert_eq!(honest.status(), StatusCode::ACCEPTED);
    let claims = from_edge(&world).into_iter();
    let claims = claims.filter(|message| matches!(message, In::Claim(_)));
    assert_eq!(claims.count(), 11);
}

#[tokio::test]
async fn a_claim_that_was_decided_troubles_the_inner_zone_no_more() {
    let world = World::new().await;
    let (_, body) = claim(&world, &world.new_card());
    let response = world.post("/v1/desk/claims", None, &body).await;
    let id = text(&json_of(response).await, "claim");
    let passed = || {
        let claims = from_edge(&world).into_iter();
        claims.filter_map(|message| match message {
            In::Claim(claim) => Some(claim.claim),
            _ => None,
        })
    };
    let outcome = DeskOutcome::Refused {
        code: "desk.code_unknown".to_owned(),
    };
    let claim = passed().next().unwrap();
    send(&world, Out::Answer(DeskAnswer { claim, outcome }));
    world
        .eventually("the answer is known", || async {
            let path = format!("/v1/desk/claims/{id}");
            let status = json_of(world.get(&path, None).await).await;
            (status["state"] == "refused").then_some(())
        })
        .await;
    let again = world.post("/v1/desk/claims", None, &body).await;
    assert_eq!(text(&json_of(again).await, "claim"), id);
    assert_eq!(passed().count(), 0);
}

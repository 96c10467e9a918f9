//! Requests that are bent, repeated, or race each other.

use std::path::Path;
use std::time::Duration;

use medfolder_crypto::{Suite, os_rng};
use medfolder_gateway::edge::Tuning;
use medfolder_ledger::Transaction;
use medfolder_ledger::body::{Body, By, FreezeCard};
use medfolder_share::LinkKey;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::chain::{self, MEMBER, NOW};
use crate::sharing::{Wish, file};
use crate::world::{HOUR, World, dr_li, json_of, text, tuning};

const QUOTA: u64 = 100_000;

async fn small_quota() -> World {
    let tuning = Tuning {
        draft_bytes: QUOTA,
        ..tuning()
    };
    World::with(Suite::International, tuning).await
}

fn jwe(length: usize) -> String {
    file(&LinkKey::generate(&mut os_rng()), &" ".repeat(length))
}

fn blobs(dir: &Path) -> usize {
    let entries = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
    entries
        .map(|entry| match entry.path().is_dir() {
            true => blobs(&entry.path()),
            false => 1,
        })
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_race_never_pass_the_quota_together() {
    let world = small_quota().await;
    let card = world.card().await;
    let token = world.log_in(&card).await.unwrap();
    let draft = world.draft(&token, false).await;
    let jwe = jwe(15_000);
    let fit = usize::try_from(QUOTA).unwrap() / jwe.len();
    let mut running = JoinSet::new();
    for k in 0..30 {
        let path = world.at(&format!("/v1/shares/drafts/{}/files/{k}", draft.draft));
        let request = world.http.put(path).bearer_auth(&token).body(jwe.clone());
        running.spawn(async move { request.send().await.unwrap().status() });
    }
    let answers = running.join_all().await;
    let taken = answers.iter().filter(|one| **one == StatusCode::NO_CONTENT);
    let taken = taken.count();
    assert!(taken <= fit, "{taken} of {fit}");
    for k in 30..30 + fit - taken {
        let status = world.upload(&token, &draft, k, &jwe).await;
        assert_eq!(status, StatusCode::NO_CONTENT, "what is not taken is free");
    }
    let more = world.upload(&token, &draft, 60, &jwe).await;
    assert_eq!(more, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn room_that_an_upload_did_not_use_is_given_back() {
    let mut world = small_quota().await;
    let card = world.card().await;
    let token = world.log_in(&card).await.unwrap();
    let draft = world.draft(&token, false).await;
    let (large, path) = (
        jwe(60_000),
        format!("/v1/shares/drafts/{}/files/0", draft.draft),
    );
    let bad = world.upload(&token, &draft, 0, &"A".repeat(90_000)).await;
    assert_eq!(bad, StatusCode::BAD_REQUEST);
    // One that is cut off, and one that is under way when the edge ends.
    let begin = async |world: &World| {
        let mut stream = TcpStream::connect(world.addr).await.unwrap();
        let head = format!("PUT {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n");
        let head = format!("{head}content-length: 90000\r\nexpect: 100-continue\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        // The body is asked for once its room is taken.
        let mut asked = [0; 21];
        stream.read_exact(&mut asked).await.unwrap();
        assert_eq!(&asked, b"HTTP/1.1 100 Continue");
        stream.write_all(b"AAAA").await.unwrap();
        let status = world.upload(&token, &draft, 1, &large).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
        stream
    };
    let free = async |world: &World, token: &str, k: usize| {
        world
            .eventually("the room is free", || async {
                let status = world.upload(token, &draft, k, &jwe(1_000)).await;
                (status == StatusCode::NO_CONTENT).then_some(())
            })
            .await;
    };
    drop(begin(&world).await);
    free(&world, &token, 2).await;
    let _open = begin(&world).await;
    world.restart().await;
    let token = world.log_in(&card).await.unwrap();
    free(&world, &token, 3).await;
    world
        .eventually("all the room is free", || async {
            let status = world.upload(&token, &draft, 0, &large).await;
            (status == StatusCode::NO_CONTENT).then_some(())
        })
        .await;
}

#[tokio::test]
async fn a_card_that_is_frozen_while_its_request_is_on_its_way_publishes_nothing() {
    let world = World::new().await;
    let card = world.card().await;
    let token = world.log_in(&card).await.unwrap();
    let draft = world.draft(&token, false).await;
    let link = LinkKey::generate(&mut os_rng());
    world.upload(&token, &draft, 0, &file(&link, "{}")).await;
    let wish = Wish {
        items: 1,
        ..Wish::default()
    };
    let key = chain::key(world.suite(), 81);
    let body = json!(world.publish_request(&card, &key, &link, &wish, 1)).to_string();
    let path = format!("/v1/shares/drafts/{}/publish", draft.draft);
    let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n");
    let kind = "content-type: application/json\r\nexpect: 100-continue\r\nconnection: close";
    let head = format!("{head}{kind}\r\ncontent-length: {}\r\n\r\n", body.len());
    let mut stream = TcpStream::connect(world.addr).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    // The body is asked for once the card was looked at.
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).await.unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    let freeze = FreezeCard {
        card: card.number,
        member: MEMBER,
        by: By::Key,
        successor: None,
    };
    world.commit(freeze, &[&card.signing]).unwrap();
    world
        .eventually("the freeze is known", || async {
            world.log_in(&card).await.err()
        })
        .await;
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert!(answer.contains("card.frozen"), "{answer}");
}

#[tokio::test]
async fn a_file_that_is_uploaded_again_replaces_the_first_on_the_disk_too() {
    let world = small_quota().await;
    let card = world.card().await;
    let token = world.log_in(&card).await.unwrap();
    let draft = world.draft(&token, false).await;
    for _ in 0..4 {
        assert_eq!(
            world.upload(&token, &draft, 0, &jwe(1_000)).await,
            StatusCode::NO_CONTENT
        );
    }
    assert_eq!(blobs(&world.dir.path().join("edge/blobs")), 1);
}

#[tokio::test]
async fn a_newer_version_of_a_file_that_a_share_does_not_have_leaves_nothing_on_the_disk() {
    let world = World::new().await;
    let shared = world.share(&world.card().await, Wish::default()).await;
    let stored = || blobs(&world.dir.path().join("edge/blobs"));
    let before = stored();
    for (k, status) in [(99, StatusCode::NOT_FOUND), (0, StatusCode::NO_CONTENT)] {
        let newer = file(&shared.link, "{}").into_bytes();
        let verb = format!("files/{k}");
        let answer = world.owner(&shared, Method::PUT, &verb, newer).await;
        assert_eq!(answer.status(), status);
        assert_eq!(stored(), before, "{k}");
    }
}

#[tokio::test]
async fn an_earlier_end_that_the_ledger_never_heard_of_is_asked_for_again() {
    let world = World::new().await;
    let lasts = 10 * HOUR;
    let wish = Wish {
        lasts,
        ..Wish::default()
    };
    let shared = world.share(&world.card().await, wish).await;
    world.ledger.stall(true);
    let until = NOW + 5 * HOUR;
    // The answer is lost, and the transaction lapses before a block takes it.
    let asked = world.shorten(&shared, until);
    let _ = tokio::time::timeout(Duration::from_millis(300), asked).await;
    assert_eq!(world.state(&shared).await.end, until);
    world.clock.advance(2 * HOUR);
    world.ledger.stall(false);
    world.ledger.commit(None).unwrap();
    let again = world.shorten(&shared, until).await;
    assert_eq!(again.status(), StatusCode::OK);
    let is_it =
        |tx: &Transaction| matches!(&tx.body, Body::Shorten(shorten) if shorten.until == until);
    assert_eq!(
        world
            .ledger
            .accepted()
            .iter()
            .filter(|tx| is_it(tx))
            .count(),
        1
    );
}

#[tokio::test]
async fn a_captured_request_has_no_second_effect() {
    let mut world = World::new().await;
    let card = world.card().await;
    let wish = Wish {
        passcode: Some("first-code"),
        ..Wish::default()
    };
    let shared = world.share(&card, wish).await;
    let body = serde_json::to_vec(&json!({ "passcode": "other-code" })).unwrap();
    let send = async |world: &World| {
        let sent = world.owner(&shared, Method::POST, "passcode", body.clone());
        sent.await
    };
    assert_eq!(send(&world).await.status(), StatusCode::OK);
    let mut guess = dr_li();
    guess["passcode"] = json!("wrong-code");
    for _ in 0..3 {
        world.manifest(&shared, guess.clone()).await;
    }
    let left = world.state(&shared).await.tries_left;
    // The world's clock stands still: these are the same bytes, before a restart and after.
    for _ in 0..2 {
        let again = send(&world).await;
        assert_eq!(again.status(), StatusCode::CONFLICT);
        assert_eq!(text(&json_of(again).await, "code"), "request.repeated");
        world.restart().await;
    }
    assert_eq!(world.state(&shared).await.tries_left, left);
    world.clock.advance(1_000);
    assert_eq!(send(&world).await.status(), StatusCode::OK);
    assert!(world.state(&shared).await.tries_left > left);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_a_problem_and_a_code() {
    let world = World::new().await;
    let card = world.card().await;
    let token = world.log_in(&card).await.unwrap();
    let card = json!({ "kind": "card", "id": card.number });
    let twice = format!(r#"{{"subject":{card},"subject":{card}}}"#);
    let hidden = format!(r#"{{"subject":{card},"x":{{"y":1,"y":2}}}}"#);
    for (method, path, body, status, code) in [
        ("POST", "/v1/sessions/challenge", "{", 400, "body.malformed"),
        (
            "POST",
            "/v1/sessions/challenge",
            "{}",
            400,
            "body.malformed",
        ),
        (
            "POST",
            "/v1/sessions/challenge",
            &twice,
            400,
            "body.malformed",
        ),
        (
            "POST",
            "/v1/sessions/challenge",
            &hidden,
            400,
            "body.malformed",
        ),
        (
            "POST",
            "/v1/desk/claims",
            r#"{"mac":1}"#,
            400,
            "body.malformed",
        ),
        (
            "POST",
            "/v1/shares/drafts",
            r#"{"direct":false,"direct":true}"#,
            400,
            "body.malformed",
        ),
        (
            "PUT",
            "/v1/shares/drafts/x/files?first=y",
            "",
            400,
            "request.malformed",
        ),
        (
            "PUT",
            "/v1/shares/drafts/x/files/y",
            "",
            400,
            "request.malformed",
        ),
        ("DELETE", "/v1/desk/claims", "", 405, "http.method"),
        // Whom a report accuses does not pass it on: the patient sends it to the ledger's nodes.
        ("POST", "/v1/zone/reports", "{}", 404, "route.absent"),
        ("GET", "/v1/nothing", "", 404, "route.absent"),
    ] {
        let method: Method = method.parse().unwrap();
        let request = world.http.request(method, world.at(path));
        let request = request.bearer_auth(&token).body(body.to_owned());
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{path} {body}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert_eq!(text(&json_of(answer).await, "code"), code, "{path} {body}");
    }
}

//! SMART Health Links, the host's items 19–23: passcodes, lock-out, and the one 404.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::sharing::{Shared, Wish};
use crate::world::{HOUR, World, dr_li, fingerprint, json_of};

fn coded() -> Wish {
    Wish {
        passcode: Some("123456"),
        lasts: 48 * HOUR,
        ..Wish::default()
    }
}

fn with(passcode: &str) -> Value {
    json!({ "recipient": "Dr. Li", "passcode": passcode })
}

async fn lock(world: &World, shared: &Shared) {
    for _ in 0..5 {
        let status = world.manifest(shared, with("000000")).await.status();
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn item_19_a_wrong_passcode_is_401_and_the_tries_fall_by_one_each_time() {
    let world = World::new().await;
    let shared = world.share(&world.card().await, coded()).await;
    for left in [4, 3, 2, 1, 0] {
        let response = world.manifest(&shared, with("000000")).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(
            json_of(response).await,
            json!({ "remainingAttempts": left })
        );
    }
    assert_eq!(
        world.manifest(&shared, with("000000")).await.status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_missing_passcode_is_401_and_takes_no_try() {
    let world = World::new().await;
    let shared = world.share(&world.card().await, coded()).await;
    for _ in 0..7 {
        let response = world.manifest(&shared, dr_li()).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(json_of(response).await, json!({ "remainingAttempts": 5 }));
    }
}

#[tokio::test]
async fn item_20_fifty_parallel_wrong_guesses_get_at_most_five_401_and_then_404() {
    let world = World::new().await;
    let shared = world.share(&world.card().await, coded()).await;
    let mut guesses = tokio::task::JoinSet::new();
    for guess in 0..50 {
        let request = world
            .http
            .post(&shared.url)
            .json(&with(&format!("9{guess:05}")));
        guesses.spawn(async move { request.send().await.unwrap().status().as_u16() });
    }
    let statuses = guesses.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 5);
    assert_eq!(statuses.iter().filter(|status| **status == 404).count(), 45);
    assert_eq!(
        world.manifest(&shared, with("123456")).await.status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn item_21_the_right_passcode_after_lock_out_is_404() {
    let world = World::new().await;
    let shared = world.share(&world.card().await, coded()).await;
    lock(&world, &shared).await;
    assert_eq!(
        world.manifest(&shared, with("123456")).await.status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn item_21_the_budget_survives_a_restart_and_success_does_not_refill_it() {
    let mut world = World::new().await;
    let mut shared = world.share(&world.card().await, coded()).await;
    for _ in 0..2 {
        world.manifest(&shared, with("000000")).await;
    }
    assert_eq!(
        world.manifest(&shared, with("123456")).await.status(),
        StatusCode::OK
    );
    let before = world.at("");
    world.restart().await;
    shared.url = shared.url.replace(&before, &world.at(""));
    let response = world.manifest(&shared, with("000000")).await;
    assert_eq!(json_of(response).await, json!({ "remainingAttempts": 2 }));
}

#[tokio::test]
async fn a_new_passcode_of_the_owner_brings_new_tries_and_ends_the_old_one() {
    let world = World::new().await;
    let shared = world.share(&world.card().await, coded()).await;
    lock(&world, &shared).await;
    let body = serde_json::to_vec(&json!({ "passcode": "654321" })).unwrap();
    let answer = world
        .owner(&shared, reqwest::Method::POST, "passcode", body)
        .await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(world.state(&shared).await.tries_left, Some(5));
    let old = world.manifest(&shared, with("123456")).await;
    assert_eq!(old.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        world.manifest(&shared, with("654321")).await.status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn item_22_lock_out_of_one_link_leaves_all_others_usable() {
    let world = World::new().await;
    let card = world.card().await;
    let locked = world.share(&card, coded()).await;
    let other = world.share(&card, coded()).await;
    let open = world.share(&card, Wish::default()).await;
    lock(&world, &locked).await;
    assert_eq!(
        world.manifest(&other, with("123456")).await.status(),
        StatusCode::OK
    );
    assert_eq!(
        world.manifest(&open, dr_li()).await.status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn item_23_unknown_expired_revoked_used_up_and_locked_are_one_404() {
    let world = World::new().await;
    let card = world.card().await;
    let expired = world
        .share(
            &card,
            Wish {
                lasts: HOUR,
                ..coded()
            },
        )
        .await;
    let revoked = world.share(&card, coded()).await;
    let used_up = world
        .share(
            &card,
            Wish {
                openings: Some(1),
                ..coded()
            },
        )
        .await;
    let locked = world.share(&card, coded()).await;
    world.revoke(&revoked).await;
    assert_eq!(
        world.manifest(&used_up, with("123456")).await.status(),
        StatusCode::OK
    );
    lock(&world, &locked).await;
    world.clock.advance(2 * HOUR);
    let unknown = format!("{}/s/{}", world.at(""), "A".repeat(43));
    let malformed = format!("{}/s/short", world.at(""));
    let urls = [
        &expired.url,
        &revoked.url,
        &used_up.url,
        &locked.url,
        &unknown,
        &malformed,
    ];
    for body in [dr_li(), with("123456"), with("000000")] {
        let mut fingerprints = Vec::new();
        for url in urls {
            let response = world.http.post(url).json(&body).send().await.unwrap();
            fingerprints.push(fingerprint(response).await);
        }
        assert_eq!(fingerprints[0].0, 404);
        assert!(
            fingerprints.iter().all(|one| *one == fingerprints[0]),
            "{fingerprints:?}"
        );
    }
}

//! A card is handed over at the desk: what the former holder lent rests until the new one confirms.

use medfolder_client::api::share::{HeldAnswer, HeldShare};
use medfolder_client::card_consent;
use medfolder_ledger::Transaction;
use medfolder_ledger::body::{Body, By, Extend, RotateCard};
use medfolder_share::rules::status::{StatusAnswer, status_request};
use reqwest::StatusCode;
use serde_json::json;

use crate::chain::{self, MEMBER};
use crate::sharing::{Shared, Wish};
use crate::world::{Card, HOUR, World, dr_li, json_of, text, with_token};

async fn hand_over(world: &World, from: &Card) -> Card {
    let next = world.new_card();
    let rotate = RotateCard {
        card: from.number,
        member: MEMBER,
        by: By::Desk,
        signing: next.signing.public(),
        encryption: next.encryption.public().to_bytes(),
    };
    let keys = [&next.signing, &chain::key(world.suite(), 2)];
    world.commit(rotate, &keys).unwrap();
    let arrived = || async { world.log_in(&next).await.ok() };
    world.eventually("the new card logs in", arrived).await;
    next
}

async fn opens(world: &World, shared: &Shared) -> StatusCode {
    world.manifest(shared, dr_li()).await.status()
}

async fn held(world: &World, card: &Card) -> Vec<HeldShare> {
    let token = world.log_in(card).await.unwrap();
    let answer: HeldAnswer = world
        .get("/v1/shares/held", Some(&token))
        .await
        .json()
        .await
        .unwrap();
    answer.shares
}

/// The new card signs the grant that it was shown, or that of `signer`.
async fn confirm(
    world: &World,
    card: &Card,
    held: &HeldShare,
    signer: &Card,
) -> (StatusCode, String) {
    let transaction = Transaction::from_bytes(&held.transaction.0).unwrap();
    let Body::Grant(grant) = transaction.body else {
        panic!("no grant");
    };
    let consent = card_consent::sign(&world.chain.digest(), &signer.signing, &grant);
    let token = world.log_in(card).await.unwrap();
    let url = world.at(&format!("/v1/shares/held/{}", held.grant));
    let request = world.http.put(url).json(&json!({ "consent": consent }));
    let response = with_token(request, Some(&token)).send().await.unwrap();
    (response.status(), text(&json_of(response).await, "code"))
}

#[tokio::test]
async fn what_the_former_holder_lent_rests_until_the_new_card_confirms_each_share() {
    let world = World::new().await;
    let former = world.card().await;
    let stranger = world.card().await;
    let wish = Wish {
        lasts: 2 * HOUR,
        ..Wish::default()
    };
    let kept = world.share(&former, wish.clone()).await;
    let ended = world.share(&former, wish).await;
    let locations = world.open(&kept, dr_li()).await;
    let new = hand_over(&world, &former).await;

    for shared in [&kept, &ended] {
        assert_eq!(opens(&world, shared).await, StatusCode::NOT_FOUND);
    }
    let location = reqwest::get(&locations[0]).await.unwrap();
    assert_eq!(location.status(), StatusCode::NOT_FOUND);
    let asked = world.http.post(format!("{}/status", kept.url));
    let asked = asked.body(status_request(&kept.link).to_vec()).send();
    let told: StatusAnswer = asked.await.unwrap().json().await.unwrap();
    assert_eq!(told.state.code(), Some("share.revoked"));

    let resting = held(&world, &new).await;
    assert_eq!(resting.len(), 2);
    assert!(held(&world, &stranger).await.is_empty());
    let share = resting.iter().find(|one| one.grant == kept.grant).unwrap();
    let foreign = confirm(&world, &stranger, share, &stranger).await;
    assert_eq!(foreign, (StatusCode::NOT_FOUND, "share.absent".into()));
    let forged = confirm(&world, &new, share, &former).await;
    assert_eq!(forged, (StatusCode::FORBIDDEN, "grant.refused".into()));
    assert_eq!(opens(&world, &kept).await, StatusCode::NOT_FOUND);

    let done = confirm(&world, &new, share, &new).await;
    assert_eq!(done.0, StatusCode::NO_CONTENT);
    assert_eq!(opens(&world, &kept).await, StatusCode::OK);
    assert_eq!(opens(&world, &ended).await, StatusCode::NOT_FOUND);
    assert_eq!(held(&world, &new).await.len(), 1);

    // The former holder can end it, and not lengthen it.
    let extend = Extend {
        grant: kept.grant,
        host: MEMBER,
        present: kept.published.end,
        until: kept.published.end + HOUR,
        scope: None,
    };
    let refused = world.end(&kept, "extend", extend).await;
    assert_eq!(text(&json_of(refused).await, "code"), "card.rotated");
    world.revoke(&kept).await;
    assert_eq!(opens(&world, &kept).await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn shares_of_cards_before_the_one_handed_over_rest_too_and_after_a_restart() {
    let mut world = World::new().await;
    let first = world.card().await;
    let shared = world.share(&first, Wish::default()).await;
    let second = hand_over(&world, &first).await;
    let share = held(&world, &second).await.remove(0);
    confirm(&world, &second, &share, &second).await;
    assert_eq!(opens(&world, &shared).await, StatusCode::OK);
    let third = hand_over(&world, &second).await;
    world.restart().await;
    assert_eq!(opens(&world, &shared).await, StatusCode::NOT_FOUND);
    assert_eq!(held(&world, &third).await.len(), 1);
}

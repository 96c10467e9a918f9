//! Uploading the files of a share: their size, and many at once.

use medfolder_crypto::os_rng;
use medfolder_share::{GrantSeed, LinkKey};
use reqwest::StatusCode;
use serde_json::json;

use crate::sharing::Wish;
use crate::world::{World, dr_li, json_of, text};

#[tokio::test]
async fn sixteen_mebibytes_of_plaintext_fit_into_a_file_and_a_longer_jwe_is_refused() {
    let world = World::new().await;
    let card = world.card().await;
    let token = world.log_in(&card).await.unwrap();
    let draft = world.draft(&token, false).await;
    let link = LinkKey::generate(&mut os_rng());
    let largest = crate::sharing::file(&link, &" ".repeat(16 << 20));
    assert_eq!(
        world.upload(&token, &draft, 0, &largest).await,
        StatusCode::NO_CONTENT
    );
    let (rest, tag) = largest.rsplit_once('.').unwrap();
    let longer = |length: usize| {
        let filler = "A".repeat(length - largest.len());
        format!("{rest}{filler}.{tag}")
    };
    let limit = medfolder_client::api::share::MAX_FILE;
    for (length, status) in [
        (limit, StatusCode::NO_CONTENT),
        (limit + 1, StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let status_of = world.upload(&token, &draft, 1, &longer(length)).await;
        assert_eq!(status_of, status, "{length}");
    }
}

#[tokio::test]
async fn files_that_travel_together_are_taken_all_or_none() {
    let world = World::new().await;
    let card = world.card().await;
    let token = world.log_in(&card).await.unwrap();
    let draft = world.draft(&token, false).await;
    let link = LinkKey::generate(&mut os_rng());
    let files: Vec<String> = (0..40)
        .map(|k| crate::sharing::file(&link, &format!(r#"{{"id":"{k}"}}"#)))
        .collect();
    let path = format!("/v1/shares/drafts/{}/files?first=1", draft.draft);
    let put = async |body: String| {
        let request = world.http.put(world.at(&path)).bearer_auth(&token);
        request.body(body).send().await.unwrap().status()
    };
    let mut broken = files[1..].to_vec();
    broken[20] = "no jwe".to_owned();
    assert_eq!(put(broken.join("\n")).await, StatusCode::BAD_REQUEST);
    world.upload(&token, &draft, 0, &files[0]).await;
    let key = GrantSeed::generate(&mut os_rng()).signing_key(world.suite());
    let request = world.publish_request(&card, &key, &link, &Wish::default(), 40);
    let publish = format!("/v1/shares/drafts/{}/publish", draft.draft);
    let early = world.post(&publish, Some(&token), &json!(request)).await;
    assert_eq!(text(&json_of(early).await, "code"), "draft.files_missing");

    assert_eq!(put(files[1..].join("\n")).await, StatusCode::NO_CONTENT);
    let done = world.post(&publish, Some(&token), &json!(request)).await;
    assert_eq!(done.status(), StatusCode::OK);
    let asked = world
        .http
        .post(world.local(&draft.manifest_url))
        .json(&dr_li());
    let manifest = json_of(asked.send().await.unwrap()).await;
    let locations = crate::sharing::locations(&manifest);
    assert_eq!(locations.len(), 40);
    for (location, file) in locations.iter().zip(&files).step_by(13) {
        let served = reqwest::get(world.local(location)).await.unwrap();
        assert_eq!(served.text().await.unwrap(), *file);
    }
}

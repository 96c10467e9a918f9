//! SMART Health Links, the host's items of the checklist: 13–18 and 24–31. A test each.

use medfolder_crypto::os_rng;
use medfolder_gateway::edge::Tuning;
use medfolder_gateway::edge::limit::Rate;
use medfolder_share::jwe::{JweLimits, Zip, decrypt, encrypt};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::sharing::{Wish, locations};
use crate::world::{FHIR, World, dr_li, fingerprint, json_of, text, tuning};

#[tokio::test]
async fn item_13_a_post_with_json_answers_200_json_and_at_least_one_file() {
    let world = World::new().await;
    let shared = world.share(&world.card().await, Wish::default()).await;
    let response = world.manifest(&shared, dr_li()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(
        json_of(response).await["files"].as_array().unwrap().len(),
        3
    );
}

#[tokio::test]
async fn item_14_each_file_has_a_known_type_and_exactly_one_source() {
    let world = World::new().await;
    let shared = world.share(&world.card().await, Wish::default()).await;
    let manifest = json_of(world.manifest(&shared, dr_li()).await).await;
    for file in manifest["files"].as_array().unwrap() {
        assert_eq!(file["contentType"], FHIR);
        assert!(file.get("embedded").is_none() && file["location"].is_string());
    }
}

#[tokio::test]
async fn item_15_whatever_length_may_be_embedded_only_locations_are_given() {
    let world = World::new().await;
    let shared = world.share(&world.card().await, Wish::default()).await;
    let length = shared.files[0].len();
    for limit in [0, length, length + 1] {
        let body = json!({ "recipient": "Dr. Li", "embeddedLengthMax": limit });
        let manifest = json_of(world.manifest(&shared, body).await).await;
        assert!(locations(&manifest).iter().all(|url| !url.is_empty()));
        assert!(!manifest.to_string().contains("embedded"));
    }
}

#[tokio::test]
async fn item_16_a_location_answers_200_jose_with_a_jwe_that_the_links_key_opens() {
    let world = World::new().await;
    let shared = world.share(&world.card().await, Wish::default()).await;
    for (location, jwe) in world.open(&shared, dr_li()).await.iter().zip(&shared.files) {
        let response = reqwest::get(location).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "application/jose");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let body = response.text().await.unwrap();
        assert_eq!((&body, body.split('.').count()), (jwe, 5));
        assert!(decrypt(&shared.link, &body, &JweLimits::default()).is_ok());
    }
}

#[tokio::test]
async fn item_17_a_location_is_dead_after_five_minutes() {
    let world = World::new().await;
    let shared = world.share(&world.card().await, Wish::default()).await;
    let locations = world.open(&shared, dr_li()).await;
    world.clock.advance(5 * 60_000 - 1_000);
    assert_eq!(
        reqwest::get(&locations[0]).await.unwrap().status(),
        StatusCode::OK
    );
    world.clock.advance(2_000);
    assert_eq!(
        reqwest::get(&locations[0]).await.unwrap().status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn item_18_a_location_may_be_fetched_again_and_a_new_manifest_gives_one_that_works() {
    let world = World::new().await;
    let shared = world.share(&world.card().await, Wish::default()).await;
    let locations = world.open(&shared, dr_li()).await;
    for _ in 0..2 {
        assert_eq!(
            reqwest::get(&locations[0]).await.unwrap().status(),
            StatusCode::OK
        );
    }
    world.clock.advance(6 * 60_000);
    assert_eq!(
        reqwest::get(&locations[0]).await.unwrap().status(),
        StatusCode::NOT_FOUND
    );
    let fresh = world.open(&shared, dr_li()).await;
    assert_eq!(
        reqwest::get(&fresh[0]).await.unwrap().status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_location_that_was_altered_or_belongs_to_another_link_is_404() {
    let world = World::new().await;
    let card = world.card().await;
    let (one, other) = (
        world.share(&card, Wish::default()).await,
        world.share(&card, Wish::default()).await,
    );
    let location = world.open(&one, dr_li()).await.remove(0);
    let token = location.rsplit('/').next().unwrap();
    let flipped = if token.starts_with('A') { "B" } else { "A" };
    let altered = location.replace(token, &format!("{flipped}{}", &token[1..]));
    let moved = format!("{}/files/{token}", other.url);
    for url in [altered, moved] {
        assert_eq!(
            reqwest::get(&url).await.unwrap().status(),
            StatusCode::NOT_FOUND
        );
    }
}

#[tokio::test]
async fn item_24_unknown_members_and_headers_change_nothing() {
    let world = World::new().await;
    let shared = world.share(&world.card().await, Wish::default()).await;
    let body = json!({ "recipient": "Dr. Li", "future": [1], "_x": {"y": null} });
    let request = world
        .http
        .post(&shared.url)
        .header("x-future", "1")
        .json(&body);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(locations(&json_of(response).await).len(), 3);
    // The same session: no second opening.
    world.open(&shared, dr_li()).await;
    assert_eq!(world.state(&shared).await.opened, 1);
}

#[tokio::test]
async fn item_25_polling_too_fast_is_429_with_retry_after_for_live_and_unknown_links_alike() {
    let narrow = Tuning {
        link_rate: Rate {
            burst: 3,
            interval: 2_000,
        },
        ..tuning()
    };
    let world = World::with(medfolder_crypto::Suite::International, narrow).await;
    let shared = world.share(&world.card().await, Wish::default()).await;
    let unknown = format!("{}/s/{}", world.at(""), "A".repeat(43));
    let mut fingerprints = Vec::new();
    for url in [&shared.url, &unknown] {
        for _ in 0..3 {
            let status = world
                .http
                .post(url)
                .json(&dr_li())
                .send()
                .await
                .unwrap()
                .status();
            assert_ne!(status, StatusCode::TOO_MANY_REQUESTS);
        }
        let response = world.http.post(url).json(&dr_li()).send().await.unwrap();
        assert_eq!(response.headers()["retry-after"], "2");
        assert_eq!(response.headers()["access-control-allow-origin"], "*");
        fingerprints.push(fingerprint(response).await);
    }
    assert_eq!(fingerprints[0], fingerprints[1]);
    assert_eq!(fingerprints[0].0, 429);
    world.clock.advance(3_000);
    assert_eq!(
        world.manifest(&shared, dr_li()).await.status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn item_26_right_after_an_update_the_manifest_leads_to_the_newest_version() {
    let world = World::new().await;
    let shared = world.share(&world.card().await, Wish::default()).await;
    let newer = encrypt(&shared.link, FHIR, b"{\"v\":2}", Zip::None, &mut os_rng()).unwrap();
    let old = world.open(&shared, dr_li()).await;
    let updated = world
        .owner(&shared, Method::PUT, "files/0", newer.clone().into_bytes())
        .await;
    assert_eq!(updated.status(), StatusCode::NO_CONTENT);
    let fresh = world.open(&shared, dr_li()).await;
    for location in [&fresh[0], &old[0]] {
        assert_eq!(
            reqwest::get(location).await.unwrap().text().await.unwrap(),
            newer
        );
    }
    assert_eq!(
        reqwest::get(&fresh[1]).await.unwrap().text().await.unwrap(),
        shared.files[1]
    );
}

fn direct() -> Wish {
    Wish {
        direct: true,
        items: 1,
        ..Wish::default()
    }
}

#[tokio::test]
async fn item_27_a_direct_file_comes_by_get_and_neither_kind_of_link_takes_the_others_verb() {
    let world = World::new().await;
    let card = world.card().await;
    let file = world.share(&card, direct()).await;
    let url = format!("{}?recipient=Dr.+Li", file.url);
    let response = world.http.get(&url).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "application/jose");
    assert_eq!(response.text().await.unwrap(), file.files[0]);
    assert_eq!(
        world.manifest(&file, dr_li()).await.status(),
        StatusCode::NOT_FOUND
    );
    let listed = world.share(&card, Wish::default()).await;
    let wrong = format!("{}?recipient=Dr.+Li", listed.url);
    assert_eq!(
        world.http.get(&wrong).send().await.unwrap().status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn a_direct_file_cannot_have_a_passcode() {
    let world = World::new().await;
    let card = world.card().await;
    let token = world.log_in(&card).await.unwrap();
    let draft = world.draft(&token, true).await;
    let link = medfolder_share::LinkKey::generate(&mut os_rng());
    let jwe = encrypt(&link, FHIR, b"{}", Zip::None, &mut os_rng()).unwrap();
    world.upload(&token, &draft, 0, &jwe).await;
    let wish = Wish {
        passcode: Some("123456"),
        ..direct()
    };
    let key = crate::chain::key(world.suite(), 77);
    let request = world.publish_request(&card, &key, &link, &wish, 1);
    let path = format!("/v1/shares/drafts/{}/publish", draft.draft);
    let response = world.post(&path, Some(&token), &json!(request)).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert_eq!(text(&json_of(response).await, "code"), "share.terms");
}

#[tokio::test]
async fn item_28_a_direct_file_without_recipient_is_400_and_no_use() {
    let world = World::new().await;
    let shared = world.share(&world.card().await, direct()).await;
    for query in ["", "?recipient=", "?recipient=%20", "?recipient=+"] {
        let response = world
            .http
            .get(format!("{}{query}", shared.url))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{query}");
    }
    assert_eq!(world.state(&shared).await.opened, 0);
}

#[tokio::test]
async fn head_and_options_count_as_no_use() {
    let world = World::new().await;
    let shared = world
        .share(
            &world.card().await,
            Wish {
                openings: Some(1),
                ..direct()
            },
        )
        .await;
    let url = format!("{}?recipient=Dr.+Li", shared.url);
    for _ in 0..3 {
        world.http.head(&url).send().await.unwrap();
        world
            .http
            .request(Method::OPTIONS, &url)
            .send()
            .await
            .unwrap();
    }
    assert_eq!(world.state(&shared).await.opened, 0);
    assert_eq!(
        world.http.get(&url).send().await.unwrap().status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_body_without_recipient_or_json_is_400_before_anything_else() {
    let world = World::new().await;
    let shared = world
        .share(
            &world.card().await,
            Wish {
                passcode: Some("123456"),
                ..Wish::default()
            },
        )
        .await;
    let bad = [
        "",
        "{",
        "[]",
        "{}",
        r#"{"recipient":""}"#,
        r#"{"recipient":" \t"}"#,
        r#"{"recipient":7}"#,
        r#"{"recipient":"x","embeddedLengthMax":-1}"#,
        r#"{"passcode":"wrong"}"#,
    ];
    let unknown = format!("{}/s/{}", world.at(""), "A".repeat(43));
    for body in bad {
        for url in [&shared.url, &unknown] {
            let response = world.http.post(url).body(body).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{body}");
        }
    }
    assert_eq!(world.state(&shared).await.tries_left, Some(5));
}

#[tokio::test]
async fn item_29_options_passes_from_any_origin_on_all_urls_and_errors_carry_cors_headers() {
    let world = World::new().await;
    let shared = world
        .share(
            &world.card().await,
            Wish {
                passcode: Some("123456"),
                ..Wish::default()
            },
        )
        .await;
    let body = json!({ "recipient": "Dr. Li", "passcode": "123456" });
    let location = world.open(&shared, body).await.remove(0);
    for url in [
        shared.url.clone(),
        location,
        format!("{}/status", shared.url),
    ] {
        let response = world
            .http
            .request(Method::OPTIONS, &url)
            .header("origin", "https://viewer.example")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type")
            .send()
            .await
            .unwrap();
        assert!(response.status().is_success());
        let headers = response.headers();
        assert_eq!(headers["access-control-allow-origin"], "*");
        assert_eq!(
            headers["access-control-allow-methods"],
            "GET, POST, OPTIONS"
        );
        assert_eq!(headers["access-control-allow-headers"], "content-type");
        assert!(!headers.contains_key("access-control-allow-credentials"));
    }
    let wrong = json!({ "recipient": "Dr. Li", "passcode": "000000" });
    let unknown = format!("{}/s/{}", world.at(""), "A".repeat(43));
    let answers = [
        world.manifest(&shared, wrong).await,
        world.manifest(&shared, json!({})).await,
        world
            .http
            .post(&unknown)
            .json(&dr_li())
            .send()
            .await
            .unwrap(),
    ];
    for (response, status) in answers.into_iter().zip([401, 400, 404]) {
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(response.headers()["access-control-allow-origin"], "*");
        assert_eq!(
            response.headers()["access-control-expose-headers"],
            "retry-after"
        );
        assert_eq!(response.headers()["cache-control"], "no-store");
    }
}

#[tokio::test]
async fn the_management_interface_has_no_cors() {
    let world = World::new().await;
    let shared = world.share(&world.card().await, Wish::default()).await;
    let response = world.owner(&shared, Method::GET, "state", Vec::new()).await;
    assert!(
        !response
            .headers()
            .contains_key("access-control-allow-origin")
    );
}

#[tokio::test]
async fn item_31_a_link_needs_nothing_beyond_the_standard() {
    let world = World::new().await;
    let shared = world.share(&world.card().await, Wish::default()).await;
    let bare = reqwest::Client::builder()
        .no_proxy()
        .user_agent("")
        .build()
        .unwrap();
    let response = bare
        .post(&shared.url)
        .body(r#"{"recipient":"x"}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let location = world.local(&locations(&json_of(response).await)[0]);
    assert_eq!(
        bare.get(location).send().await.unwrap().status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn the_address_in_a_link_ends_in_256_random_bits_and_is_short() {
    let world = World::new().await;
    let token = world.log_in(&world.card().await).await.unwrap();
    let (one, two) = (
        world.draft(&token, false).await,
        world.draft(&token, false).await,
    );
    assert!(one.manifest_url.len() <= 128 && one.manifest_url != two.manifest_url);
    assert_eq!(one.manifest_url.rsplit('/').next().unwrap().len(), 43);
}

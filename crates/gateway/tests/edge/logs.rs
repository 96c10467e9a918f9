//! Item 30: after a full run, the logs hold nothing that opens or names anything.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;

use crate::sharing::Wish;
use crate::world::{World, json_of, text};

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn item_30_the_logs_hold_no_key_passcode_payload_ticket_recipient_or_segment() {
    let captured = Captured::default();
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(captured.clone())
        .with_ansi(false);
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let world = World::new().await;
    let card = world.card().await;
    let visit = world.deliver(&card, 60).await;
    let token = world.log_in(&card).await.unwrap();
    let wish = Wish {
        passcode: Some("secret-code"),
        ..Wish::default()
    };
    let shared = world.share(&card, wish).await;
    let direct = world
        .share(
            &card,
            Wish {
                direct: true,
                items: 1,
                ..Wish::default()
            },
        )
        .await;
    let wrong = json!({ "recipient": "Marker Person", "passcode": "wrong-guess" });
    world.manifest(&shared, wrong).await;
    let right = json!({ "recipient": "Marker Person", "passcode": "secret-code" });
    let locations = world.open(&shared, right).await;
    for location in &locations {
        reqwest::get(location).await.unwrap();
    }
    let direct_url = format!("{}?recipient=Marker+Person", direct.url);
    reqwest::get(&direct_url).await.unwrap();
    world
        .http
        .post(format!("{}/status", shared.url))
        .body("{}")
        .send()
        .await
        .unwrap();
    world
        .get(
            &format!("/v1/zone/records/{}/envelope", visit.records[0]),
            Some(&token),
        )
        .await;
    world.revoke(&shared).await;
    world
        .http
        .post(&shared.url)
        .body("not json")
        .send()
        .await
        .unwrap();
    let unknown = json_of(world.get("/nowhere/secret-path", None).await).await;
    assert_eq!(text(&unknown, "code"), "route.absent");

    let log = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("/s/{segment}"), "the capture works");
    let segment = |url: &str| url.rsplit('/').next().unwrap().to_owned();
    let mut secrets = vec![
        "secret-code".to_owned(),
        "wrong-guess".to_owned(),
        "Marker".to_owned(),
        "secret-path".to_owned(),
        shared.link.to_text().to_string(),
        token,
        segment(&shared.url),
        segment(&direct.url),
        shared.files[0][100..140].to_owned(),
    ];
    secrets.extend(locations.iter().map(|location| segment(location)));
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret}");
    }
}

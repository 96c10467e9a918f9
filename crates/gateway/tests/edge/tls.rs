//! The edge with a certificate of its own: pinned as the ledger names it, or trusted by authority.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use medfolder_client::clock::Clock as ClientClock;
use medfolder_client::http::{Http, HttpError, HttpOptions, Pin, join};
use medfolder_client::login::{Door, Identity};
use medfolder_client::share_host::ShareHost;
use medfolder_client::viewer::{OpenOptions, Reach, open_link};
use medfolder_crypto::{Digest, Suite, os_rng};
use medfolder_gateway::edge::config::Tls;
use medfolder_gateway::edge::{Config, Parts, Running, StartError, serve_with};
use medfolder_ledger::login::{LoginSubject, ShownKeys};
use medfolder_share::{Flags, GrantSeed, Link, LinkDraft, LinkKey};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use reqwest::StatusCode;
use tokio::sync::watch;
use url::Url;

use crate::chain::{MEMBER, NOW};
use crate::sharing::Wish;
use crate::world::{Card, World, config, dr_li, tuning};

/// An authority, and what it made for the edge.
struct Certificates {
    authority: Vec<u8>,
    edge: Vec<u8>,
    files: Tls,
}

fn pem(kind: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = (0..text.len())
        .step_by(64)
        .map(|at| &text[at..text.len().min(at + 64)])
        .collect();
    format!(
        "-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n",
        lines.join("\n")
    )
}

fn certificates(dir: &Path) -> Certificates {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap().der().to_vec();
    let issuer = Issuer::new(params, key);
    let own = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let made = params.signed_by(&own, &issuer).unwrap();
    let files = Tls {
        cert: dir.join("tls.pem"),
        key: dir.join("tls.key"),
    };
    std::fs::write(&files.cert, pem("CERTIFICATE", made.der())).unwrap();
    std::fs::write(&files.key, pem("PRIVATE KEY", &own.serialize_der())).unwrap();
    Certificates {
        authority,
        edge: made.der().to_vec(),
        files,
    }
}

async fn start(world: &World, tls: Tls) -> Result<(Running, watch::Sender<bool>), StartError> {
    let (stop, stopped) = watch::channel(false);
    let parts = Parts {
        clock: world.clock.clone(),
        ledger: world.ledger.clone(),
        blobs: None,
    };
    let config = Config {
        tls: Some(tls),
        public_url: None,
        ..config(world.dir.path(), &tuning())
    };
    Ok((serve_with(config, parts, stopped).await?, stop))
}

fn http(pin: Option<Pin>) -> Http {
    Http::new(HttpOptions {
        pin,
        ..HttpOptions::default()
    })
    .unwrap()
}

fn door(world: &World, card: &Card, origin: &Url, pin: Option<Pin>) -> Door {
    let identity = Identity {
        subject: LoginSubject::Card(card.number),
        keys: Some(ShownKeys {
            signing: card.signing.public(),
            encryption: card.encryption.public().to_bytes(),
        }),
        key: Arc::new(medfolder_crypto::SigningKey::from_seed(
            world.suite(),
            &card.seed,
        )),
    };
    let (genesis, clock) = (world.chain.digest(), ClientClock::of(|| NOW));
    Door::new(
        http(pin),
        origin.clone(),
        genesis,
        Some(MEMBER),
        identity,
        clock,
    )
}

#[tokio::test]
async fn a_share_is_made_over_a_pinned_key_and_opened_under_a_trusted_authority() {
    let world = World::without_edge(Suite::International, tuning());
    let made = certificates(world.dir.path());
    let (edge, _stop) = start(&world, made.files.clone()).await.unwrap();
    let origin: Url = edge.origin.parse().unwrap();
    assert_eq!(origin.scheme(), "https");
    let card = world.new_card();
    world.register(&card);

    let pin = Pin::of_certificate(&made.edge);
    let host = ShareHost::new(door(&world, &card, &origin, pin));
    let draft = || async { host.draft().await.ok() };
    let draft = world.eventually("the card logs in", draft).await;
    let (link, key) = (
        LinkKey::generate(&mut os_rng()),
        GrantSeed::generate(&mut os_rng()).signing_key(world.suite()),
    );
    let wish = Wish {
        items: 1,
        evidence: false,
        ..Wish::default()
    };
    let request = world.publish_request(&card, &key, &link, &wish, 1);
    let jwe = crate::sharing::file(&link, "{}");
    host.upload(draft.draft, vec![jwe]).await.unwrap();
    host.publish(draft.draft, &request).await.unwrap();

    let authority = reqwest::Certificate::from_der(&made.authority).unwrap();
    let trusting = reqwest::Client::builder().no_proxy();
    let trusting = trusting.tls_certs_only([authority]).build().unwrap();
    let asked = trusting.post(&draft.manifest_url).json(&dr_li());
    assert_eq!(asked.send().await.unwrap().status(), StatusCode::OK);

    let text = Link::issue(LinkDraft {
        url: draft.manifest_url.clone(),
        key: link,
        flags: Flags::default(),
        label: None,
        exp: None,
    });
    let options = OpenOptions {
        recipient: "Dr. Li".to_owned(),
        reach: Reach::OwnHost,
        ..OpenOptions::default()
    };
    let clock = ClientClock::of(|| NOW);
    let opened = open_link(&text.unwrap().to_uri(), options, &clock, &mut os_rng()).await;
    assert_eq!(opened.unwrap_err().code(), "http.certificate");
}

#[tokio::test]
async fn another_key_no_authority_and_plain_http_are_turned_away() {
    let world = World::without_edge(Suite::International, tuning());
    let made = certificates(world.dir.path());
    let (edge, _stop) = start(&world, made.files).await.unwrap();
    let url = join(&edge.origin.parse().unwrap(), "v1/info").unwrap();
    for pin in [Some(Pin(Digest([9; 32]))), None] {
        let error = http(pin).get::<serde_json::Value>(&url, None).await;
        assert!(matches!(error, Err(HttpError::Certificate)));
    }
    let plain: Url = url.as_str().replace("https", "http").parse().unwrap();
    let plain = http(None).get::<serde_json::Value>(&plain, None).await;
    assert!(plain.is_err());
    let pinned = http(Pin::of_certificate(&made.edge));
    assert!(pinned.get::<serde_json::Value>(&url, None).await.is_ok());
}

#[tokio::test]
async fn an_edge_with_anothers_key_for_its_certificate_does_not_start() {
    let world = World::without_edge(Suite::International, tuning());
    let made = certificates(world.dir.path());
    std::fs::write(
        &made.files.key,
        pem("PRIVATE KEY", &KeyPair::generate().unwrap().serialize_der()),
    )
    .unwrap();
    let error = start(&world, made.files).await.unwrap_err();
    assert_eq!(error.code(), "edge.tls");
}

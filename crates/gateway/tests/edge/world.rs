//! An edge under test with everything around it.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use medfolder_client::api::share::{
    AccessesAnswer, Draft, FileItem, PublishRequest, Published, ShareState,
};
use medfolder_client::card_consent;
use medfolder_client::grant_request::GrantRequest;
use medfolder_crypto::{EncryptionSecret, Secret32, SigningKey, Suite, os_rng};
use medfolder_gateway::clock::{Clock, ManualClock};
use medfolder_gateway::edge::ledger::Ledger;
use medfolder_gateway::edge::limit::Rate;
use medfolder_gateway::edge::{Config, Parts, Running, StartError, Tuning, serve_with};
use medfolder_ledger::body::{Body, Consent, Grant, Grantee, RegisterCard, Revoke, Scope, Shorten};
use medfolder_ledger::genesis::Chain;
use medfolder_ledger::login::{LOGIN_VERSION, LoginStatement, LoginSubject, ShownKeys};
use medfolder_ledger::{Transaction, Unsigned};
use medfolder_record::{CardNumber, GrantId, RecordId};
use medfolder_share::jwe::{Zip, encrypt};
use medfolder_share::rules::status::status_digest;
use medfolder_share::{GrantSeed, LinkKey};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::chain::{self, MEMBER, NOW, TestLedger};

pub(crate) const FHIR: &str = "application/fhir+json";
pub(crate) const HOUR: u64 = 3_600_000;
static SEEDS: AtomicU8 = AtomicU8::new(100);

pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) chain: Chain,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) ledger: Arc<TestLedger>,
    pub(crate) http: reqwest::Client,
    pub(crate) edge: Running,
    nodes: Arc<dyn Ledger>,
    stop: watch::Sender<bool>,
    tuning: Tuning,
}

pub(crate) struct Card {
    pub(crate) signing: SigningKey,
    pub(crate) encryption: EncryptionSecret,
    pub(crate) number: CardNumber,
}

pub(crate) struct Shared {
    pub(crate) grant: GrantId,
    pub(crate) key: SigningKey,
    pub(crate) link: LinkKey,
    pub(crate) url: String,
    pub(crate) files: Vec<String>,
    pub(crate) published: Published,
}

#[derive(Clone)]
pub(crate) struct Wish {
    pub(crate) passcode: Option<&'static str>,
    pub(crate) openings: Option<u32>,
    pub(crate) direct: bool,
    pub(crate) items: u16,
    pub(crate) evidence: bool,
    pub(crate) lasts: u64,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            passcode: None,
            openings: None,
            direct: false,
            items: 2,
            evidence: true,
            lasts: HOUR,
        }
    }
}

pub(crate) fn tuning() -> Tuning {
    // Limits that no test meets by accident; the test of limits sets its own.
    let wide = Rate {
        burst: 100_000,
        interval: 1,
    };
    Tuning {
        poll: 20,
        report: 20,
        audit: HOUR,
        audit_rest: 0,
        link_rate: wide,
        file_rate: wide,
        address_rate: wide,
        ..Tuning::default()
    }
}

fn config(dir: &Path, tuning: &Tuning) -> Config {
    Config {
        genesis: dir.join("genesis"),
        member: MEMBER,
        data_dir: dir.join("edge"),
        host_key: dir.join("host.key"),
        spool_out: dir.join("out"),
        spool_in: dir.join("in"),
        ledger: Vec::new(),
        listen: "127.0.0.1:0".parse().unwrap(),
        public_url: Some("https://edge.example".into()),
        admin_listen: Some("127.0.0.1:0".parse().unwrap()),
        tls: None,
        tuning: tuning.clone(),
    }
}

async fn start(
    dir: &Path,
    tuning: &Tuning,
    clock: &Arc<ManualClock>,
    ledger: &Arc<dyn Ledger>,
) -> Result<(Running, watch::Sender<bool>), StartError> {
    let (stop, stopped) = watch::channel(false);
    let parts = Parts {
        clock: clock.clone(),
        ledger: ledger.clone(),
    };
    let running = serve_with(config(dir, tuning), parts, stopped).await?;
    Ok((running, stop))
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Suite::International, tuning()).await
    }

    pub(crate) async fn with(suite: Suite, tuning: Tuning) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let chain = chain::genesis(suite);
        std::fs::write(dir.path().join("genesis"), chain.to_bytes()).unwrap();
        let host = dir.path().join("host.key");
        medfolder_client::keyfile::write(&host, &Secret32::new([3; 32])).unwrap();
        let clock = ManualClock::at(NOW);
        let ledger = TestLedger::new(&chain, clock.clone());
        let nodes: Arc<dyn Ledger> = ledger.clone();
        let (edge, stop) = start(dir.path(), &tuning, &clock, &nodes).await.unwrap();
        let http = client();
        Self {
            dir,
            chain,
            clock,
            ledger,
            http,
            edge,
            nodes,
            stop,
            tuning,
        }
    }

    /// Moves the edge, before it was used, to other nodes.
    pub(crate) async fn move_to(&mut self, nodes: Arc<dyn Ledger>) {
        self.nodes = nodes;
        self.stop.send_replace(true);
        (&mut self.edge.task).await.unwrap();
        std::fs::remove_dir_all(self.dir.path().join("edge")).unwrap();
        self.restart().await;
    }

    /// Cuts the edge off wherever it is, and starts it again on the same data as soon as nothing of
    /// it runs any more.
    pub(crate) async fn crash(&mut self) {
        self.edge.task.abort();
        // An open connection would keep a part of it alive.
        self.http = client();
        let started = self
            .eventually("the folder is free", || self.try_start())
            .await;
        (self.edge, self.stop) = started;
    }

    /// Starts a second edge on the same data, unless one holds it.
    pub(crate) async fn try_start(&self) -> Option<(Running, watch::Sender<bool>)> {
        match start(self.dir.path(), &self.tuning, &self.clock, &self.nodes).await {
            Ok(started) => Some(started),
            Err(error) => {
                assert_eq!(error.code(), "edge.busy");
                None
            }
        }
    }

    /// Stops the edge and starts it again on the same data.
    pub(crate) async fn restart(&mut self) {
        self.stop.send_replace(true);
        if !self.edge.task.is_finished() {
            (&mut self.edge.task).await.unwrap();
        }
        let started = self
            .eventually("the folder is free", || self.try_start())
            .await;
        (self.edge, self.stop) = started;
    }

    pub(crate) fn suite(&self) -> Suite {
        self.chain.suite()
    }

    /// The edge's real address in place of the public one.
    pub(crate) fn local(&self, url: &str) -> String {
        url.replace(
            "https://edge.example",
            &format!("http://{}", self.edge.addr),
        )
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.edge.addr)
    }

    /// Tries until `done` gives something; bounded.
    pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
        &self,
        what: &str,
        done: impl Fn() -> F,
    ) -> T {
        for _ in 0..500 {
            if let Some(done) = done().await {
                return done;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("never: {what}");
    }

    /// Signs with these keys and puts into a block at once.
    pub(crate) fn commit(
        &self,
        body: impl Into<Body>,
        keys: &[&SigningKey],
    ) -> Result<(), &'static str> {
        self.ledger.commit(Some(self.signed(body, keys).to_bytes()))
    }

    pub(crate) fn signed(&self, body: impl Into<Body>, keys: &[&SigningKey]) -> Transaction {
        Unsigned::new(body, self.clock.now() + HOUR).signed_by(&self.chain, keys)
    }

    pub(crate) fn consent(&self) -> Consent {
        let text = chain::consent_text();
        Consent {
            digest: text.digest,
            version: text.version,
            language: text.language,
            time: self.clock.now(),
        }
    }

    pub(crate) fn new_card(&self) -> Card {
        let seed = SEEDS.fetch_add(1, Ordering::SeqCst);
        let suite = self.suite();
        let signing = chain::key(suite, seed);
        let encryption = EncryptionSecret::from_seed(suite, &Secret32::new([seed; 32]));
        let number = CardNumber::of(suite, &signing.public(), &encryption.public().to_bytes());
        Card {
            signing,
            encryption,
            number,
        }
    }

    /// A card that is registered here and known to the edge.
    pub(crate) async fn card(&self) -> Card {
        let card = self.new_card();
        self.register(&card);
        self.eventually("the card logs in", || async {
            self.log_in(&card).await.ok()
        })
        .await;
        card
    }

    pub(crate) fn register(&self, card: &Card) {
        let body = RegisterCard {
            member: MEMBER,
            signing: card.signing.public(),
            encryption: card.encryption.public().to_bytes(),
            consent: self.consent(),
        };
        let seal = chain::key(self.suite(), 2);
        self.commit(body, &[&card.signing, &seal]).unwrap();
    }

    /// A token, or the code of the refusal.
    pub(crate) async fn log_in(&self, card: &Card) -> Result<String, String> {
        self.log_in_at(card, "https://edge.example").await
    }

    pub(crate) async fn log_in_at(&self, card: &Card, origin: &str) -> Result<String, String> {
        let subject = LoginSubject::Card(card.number);
        let body = json!({ "subject": subject });
        let challenge: Value =
            json_of(self.post("/v1/sessions/challenge", None, &body).await).await;
        let statement = LoginStatement {
            version: LOGIN_VERSION,
            genesis: self.chain.digest(),
            member: MEMBER,
            origin: origin.into(),
            subject,
            challenge: challenge["challenge"].as_str().unwrap().parse().unwrap(),
            expires: challenge["expires"].as_u64().unwrap(),
        };
        let keys = ShownKeys {
            signing: card.signing.public(),
            encryption: card.encryption.public().to_bytes(),
        };
        let body = json!({
            "subject": subject,
            "keys": keys,
            "challenge": statement.challenge,
            "signature": statement.sign(&card.signing),
        });
        let response = self.post("/v1/sessions", None, &body).await;
        let ok = response.status().is_success();
        let answer: Value = json_of(response).await;
        if ok {
            Ok(text(&answer, "token"))
        } else {
            Err(text(&answer, "code"))
        }
    }

    pub(crate) async fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Response {
        let request = self.http.post(self.at(path)).json(body);
        with_token(request, token).send().await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str, token: Option<&str>) -> Response {
        with_token(self.http.get(self.at(path)), token)
            .send()
            .await
            .unwrap()
    }

    pub(crate) fn grant(&self, key: &SigningKey, wish: &Wish) -> Grant {
        let records: Vec<RecordId> = (0..wish.items)
            .map(|n| RecordId(self.suite().hash(&[&n.to_be_bytes()])))
            .collect();
        Grant {
            key: key.public(),
            host: MEMBER,
            grantee: Grantee::Bearer,
            scope: Scope::of(self.suite(), &[1; 32], &records),
            from: self.clock.now(),
            until: self.clock.now() + wish.lasts,
            late: false,
            consent: self.consent(),
            uses: wish.openings,
        }
    }

    pub(crate) async fn draft(&self, token: &str, direct: bool) -> Draft {
        let response = self
            .post("/v1/shares/drafts", Some(token), &json!({"direct": direct}))
            .await;
        assert_eq!(response.status(), StatusCode::OK);
        response.json().await.unwrap()
    }

    pub(crate) async fn upload(
        &self,
        token: &str,
        draft: &Draft,
        k: usize,
        jwe: &str,
    ) -> StatusCode {
        let url = self.at(&format!("/v1/shares/drafts/{}/files/{k}", draft.draft));
        let request = self.http.put(url).body(jwe.to_owned());
        with_token(request, Some(token))
            .send()
            .await
            .unwrap()
            .status()
    }

    /// Makes a share as a folder does.
    pub(crate) async fn share(&self, card: &Card, wish: Wish) -> Shared {
        let token = self.log_in(card).await.unwrap();
        let draft = self.draft(&token, wish.direct).await;
        let link = LinkKey::generate(&mut os_rng());
        let count = usize::from(wish.items) + usize::from(wish.evidence && !wish.direct);
        let mut files = Vec::new();
        for k in 0..count {
            let plain = format!(r#"{{"resourceType":"Bundle","id":"file-{k}"}}"#);
            let jwe = encrypt(&link, FHIR, plain.as_bytes(), Zip::None, &mut os_rng()).unwrap();
            assert_eq!(
                self.upload(&token, &draft, k, &jwe).await,
                StatusCode::NO_CONTENT
            );
            files.push(jwe);
        }
        let key = GrantSeed::generate(&mut os_rng()).signing_key(self.suite());
        let request = self.publish_request(card, &key, &link, &wish, count);
        let path = format!("/v1/shares/drafts/{}/publish", draft.draft);
        let response = self.post(&path, Some(&token), &json!(request)).await;
        assert_eq!(
            response.status(),
            StatusCode::OK,
            "{}",
            response.text().await.unwrap()
        );
        let published: Published = response.json().await.unwrap();
        let grant = published.grant;
        Shared {
            grant,
            key,
            link,
            url: self.local(&draft.manifest_url),
            files,
            published,
        }
    }

    pub(crate) fn publish_request(
        &self,
        card: &Card,
        key: &SigningKey,
        link: &LinkKey,
        wish: &Wish,
        files: usize,
    ) -> PublishRequest {
        let grant = self.grant(key, wish);
        let consent = card_consent::sign(&self.chain.digest(), &card.signing, &grant);
        let transaction = self.signed(grant, &[key]).to_bytes().into();
        let record = |k| (k < u32::from(wish.items)).then_some(k);
        PublishRequest {
            transaction,
            consent,
            passcode: wish.passcode.map(str::to_owned),
            openings: wish.openings,
            status_digest: status_digest(link),
            files: (0..files as u32)
                .map(|k| FileItem { record: record(k) })
                .collect(),
        }
    }

    pub(crate) async fn manifest(&self, shared: &Shared, body: Value) -> Response {
        self.http
            .post(&shared.url)
            .json(&body)
            .send()
            .await
            .unwrap()
    }

    /// The manifest's locations for a session that opens.
    pub(crate) async fn open(&self, shared: &Shared, body: Value) -> Vec<String> {
        let response = self.manifest(shared, body).await;
        assert_eq!(response.status(), StatusCode::OK);
        locations(&json_of(response).await)
            .iter()
            .map(|url| self.local(url))
            .collect()
    }

    /// A request signed with the grant key.
    pub(crate) async fn owner(
        &self,
        shared: &Shared,
        method: Method,
        verb: &str,
        body: Vec<u8>,
    ) -> Response {
        let path = format!("/v1/shares/{}/{verb}", shared.grant);
        let signed = GrantRequest {
            genesis: self.chain.digest(),
            grant: shared.grant,
            method: method.as_str(),
            origin: "https://edge.example",
            path: &path,
            body: &body,
        }
        .sign(&shared.key, self.clock.now());
        let request = self.http.request(method, self.at(&path)).body(body);
        request
            .header("medfolder-signature", signed)
            .send()
            .await
            .unwrap()
    }

    pub(crate) async fn state(&self, shared: &Shared) -> ShareState {
        self.owner(shared, Method::GET, "state", Vec::new())
            .await
            .json()
            .await
            .unwrap()
    }

    pub(crate) async fn accesses(&self, shared: &Shared) -> AccessesAnswer {
        self.owner(shared, Method::GET, "accesses", Vec::new())
            .await
            .json()
            .await
            .unwrap()
    }

    pub(crate) async fn end(&self, shared: &Shared, verb: &str, body: impl Into<Body>) -> Response {
        let transaction = self.signed(body, &[&shared.key]).to_bytes();
        let blob = medfolder_client::api::Blob(transaction);
        let body = serde_json::to_vec(&json!({ "transaction": blob })).unwrap();
        self.owner(shared, Method::POST, verb, body).await
    }

    pub(crate) async fn revoke(&self, shared: &Shared) -> ShareState {
        let response = self
            .end(
                shared,
                "revoke",
                Revoke {
                    grant: shared.grant,
                },
            )
            .await;
        assert_eq!(response.status(), StatusCode::OK);
        response.json().await.unwrap()
    }

    pub(crate) async fn shorten(&self, shared: &Shared, until: u64) -> Response {
        self.end(
            shared,
            "shorten",
            Shorten {
                grant: shared.grant,
                until,
            },
        )
        .await
    }

    /// Runs the audit and says what it saw.
    pub(crate) async fn audit(&self) -> Value {
        let url = format!("http://{}/v1/audit", self.edge.admin.unwrap());
        json_of(self.http.post(url).send().await.unwrap()).await
    }
}

fn with_token(request: RequestBuilder, token: Option<&str>) -> RequestBuilder {
    match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    }
}

pub(crate) async fn json_of(response: Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or(Value::Null)
}

pub(crate) fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

pub(crate) fn locations(manifest: &Value) -> Vec<String> {
    let files = manifest["files"].as_array().unwrap();
    files.iter().map(|file| text(file, "location")).collect()
}

/// An answer as a stranger can compare it: status, headers without the date, body.
pub(crate) async fn fingerprint(response: Response) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let status = response.status().as_u16();
    let mut headers: Vec<(String, String)> = response
        .headers()
        .iter()
        .filter(|(name, _)| name.as_str() != "date")
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    headers.sort();
    (status, headers, response.bytes().await.unwrap().to_vec())
}

pub(crate) fn dr_li() -> Value {
    json!({ "recipient": "Dr. Li" })
}

/// Whether any file below `dir` holds `needle`.
pub(crate) fn disk_holds(dir: &Path, needle: &[u8]) -> bool {
    std::fs::read_dir(dir).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return disk_holds(&path, needle);
        }
        let bytes = std::fs::read(&path).unwrap_or_default();
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

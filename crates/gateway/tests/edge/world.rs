//! An edge under test with everything around it.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use medfolder_crypto::{EncryptionSecret, Secret32, SigningKey, Suite};
use medfolder_gateway::clock::{Clock, ManualClock};
use medfolder_gateway::edge::blob::Blobs;
use medfolder_gateway::edge::ledger::Ledger;
use medfolder_gateway::edge::limit::Rate;
use medfolder_gateway::edge::{Config, Parts, Running, Tuning, serve_with};
use medfolder_ledger::body::{Body, Consent, RegisterCard};
use medfolder_ledger::genesis::Chain;
use medfolder_ledger::login::{LOGIN_VERSION, LoginStatement, LoginSubject, ShownKeys};
use medfolder_ledger::{Transaction, Unsigned};
use medfolder_record::CardNumber;
use reqwest::{RequestBuilder, Response};
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
    pub(crate) addr: SocketAddr,
    pub(crate) admin: SocketAddr,
    /// The edge, unless it is a process of its own.
    running: Option<(Running, watch::Sender<bool>)>,
    nodes: Arc<dyn Ledger>,
    /// A store that fails on demand, in place of the edge's own.
    pub(crate) blobs: Option<Arc<dyn Blobs>>,
    pub(crate) tuning: Tuning,
}

pub(crate) struct Card {
    pub(crate) seed: Secret32,
    pub(crate) signing: SigningKey,
    pub(crate) encryption: EncryptionSecret,
    pub(crate) number: CardNumber,
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
        claim_rate: wide,
        address_rate: wide,
        ..Tuning::default()
    }
}

pub(crate) fn config(dir: &Path, tuning: &Tuning) -> Config {
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

/// What [`config`] says, as the file that an edge of its own process reads.
pub(crate) fn config_file(dir: &Path, ledger: &str) -> Value {
    let Config {
        genesis,
        member,
        data_dir,
        host_key,
        ..
    } = config(dir, &tuning());
    let wide = json!({ "burst": 100_000, "interval": 1 });
    json!({
        "genesis": genesis, "member": member, "data_dir": data_dir, "host_key": host_key,
        "spool_out": dir.join("out"), "spool_in": dir.join("in"), "ledger": [ledger],
        "listen": "127.0.0.1:0", "admin_listen": "127.0.0.1:0",
        "public_url": "https://edge.example",
        "tuning": {
            "poll": 20, "report": 20, "audit": HOUR, "audit_rest": 0,
            "link_rate": wide, "file_rate": wide, "claim_rate": wide, "address_rate": wide,
        },
    })
}

pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Suite::International, tuning()).await
    }

    pub(crate) async fn with(suite: Suite, tuning: Tuning) -> Self {
        let mut world = Self::without_edge(suite, tuning);
        world.restart().await;
        world
    }

    /// Genesis, keys and clock; whoever wants an edge starts one.
    pub(crate) fn without_edge(suite: Suite, tuning: Tuning) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let chain = chain::genesis(suite);
        std::fs::write(dir.path().join("genesis"), chain.to_bytes()).unwrap();
        let host = dir.path().join("host.key");
        medfolder_client::keyfile::write(&host, &Secret32::new([3; 32])).unwrap();
        let clock = ManualClock::at(NOW);
        let ledger = TestLedger::new(&chain, clock.clone());
        let nowhere = ([127, 0, 0, 1], 1).into();
        Self {
            dir,
            chain,
            clock,
            nodes: ledger.clone(),
            ledger,
            http: client(),
            addr: nowhere,
            admin: nowhere,
            running: None,
            blobs: None,
            tuning,
        }
    }

    /// Moves the edge, before it was used, to other nodes.
    pub(crate) async fn move_to(&mut self, nodes: Arc<dyn Ledger>) {
        self.nodes = nodes;
        self.stop().await;
        std::fs::remove_dir_all(self.dir.path().join("edge")).unwrap();
        self.restart().await;
    }

    /// Cuts the edge off wherever it is, and starts it again on the same data as soon as nothing of
    /// it runs any more.
    pub(crate) async fn crash(&mut self) {
        if let Some((edge, _)) = self.running.take() {
            edge.task.abort();
        }
        // An open connection would keep a part of it alive.
        self.http = client();
        self.restart().await;
    }

    pub(crate) async fn stop(&mut self) {
        if let Some((edge, stop)) = self.running.take() {
            stop.send_replace(true);
            edge.task.await.unwrap();
        }
    }

    /// Stops the edge, if it runs, and starts it again on the same data.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        let started = self
            .eventually("the folder is free", || self.try_start())
            .await;
        self.addr = started.0.addr;
        self.admin = started.0.admin.unwrap();
        self.running = Some(started);
    }

    /// Starts a second edge on the same data, unless one holds it.
    pub(crate) async fn try_start(&self) -> Option<(Running, watch::Sender<bool>)> {
        let (stop, stopped) = watch::channel(false);
        let parts = Parts {
            clock: self.clock.clone(),
            ledger: self.nodes.clone(),
            blobs: self.blobs.clone(),
        };
        let config = config(self.dir.path(), &self.tuning);
        match serve_with(config, parts, stopped).await {
            Ok(running) => Some((running, stop)),
            Err(error) => {
                assert_eq!(error.code(), "edge.busy");
                None
            }
        }
    }

    /// Starts another edge that listens here; the code of what keeps it from starting.
    pub(crate) async fn start_at(&self, addr: SocketAddr) -> String {
        let parts = Parts {
            clock: self.clock.clone(),
            ledger: self.nodes.clone(),
            blobs: self.blobs.clone(),
        };
        let mut config = config(self.dir.path(), &self.tuning);
        config.listen = addr;
        let (_stop, stopped) = watch::channel(false);
        let started = serve_with(config, parts, stopped).await;
        started.unwrap_err().code().to_owned()
    }

    pub(crate) fn suite(&self) -> Suite {
        self.chain.suite()
    }

    /// The edge's real address in place of the public one.
    pub(crate) fn local(&self, url: &str) -> String {
        url.replace("https://edge.example", &format!("http://{}", self.addr))
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
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
            seed: Secret32::new([seed; 32]),
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
        let stored = self.registration(card).to_bytes();
        self.ledger.commit(Some(stored)).unwrap();
    }

    /// T_R of a card with both signatures.
    pub(crate) fn registration(&self, card: &Card) -> Transaction {
        let body = RegisterCard {
            member: MEMBER,
            signing: card.signing.public(),
            encryption: card.encryption.public().to_bytes(),
            consent: self.consent(),
        };
        let seal = chain::key(self.suite(), 2);
        self.signed(body, &[&card.signing, &seal])
    }

    /// A token, or the code of the refusal.
    pub(crate) async fn log_in(&self, card: &Card) -> Result<String, String> {
        self.log_in_at(card, "https://edge.example").await
    }

    pub(crate) async fn log_in_at(&self, card: &Card, origin: &str) -> Result<String, String> {
        let body = json!({ "subject": LoginSubject::Card(card.number) });
        let challenge: Value =
            json_of(self.post("/v1/sessions/challenge", None, &body).await).await;
        let body = self.login(card, origin, &challenge);
        let response = self.post("/v1/sessions", None, &body).await;
        let ok = response.status().is_success();
        let answer: Value = json_of(response).await;
        if ok {
            Ok(text(&answer, "token"))
        } else {
            Err(text(&answer, "code"))
        }
    }

    /// The card's answer to a challenge.
    pub(crate) fn login(&self, card: &Card, origin: &str, challenge: &Value) -> Value {
        let subject = LoginSubject::Card(card.number);
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
        json!({
            "subject": subject,
            "keys": keys,
            "challenge": statement.challenge,
            "signature": statement.sign(&card.signing),
        })
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

    /// Runs the audit and says what it saw.
    pub(crate) async fn audit(&self) -> Value {
        let url = format!("http://{}/v1/audit", self.admin);
        json_of(self.http.post(url).send().await.unwrap()).await
    }
}

pub(crate) fn with_token(request: RequestBuilder, token: Option<&str>) -> RequestBuilder {
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

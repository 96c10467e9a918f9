//! A hospital for one test: inner zone, signer, edge, ledger and patients, all in a temporary folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use medfolder_client::desk_code::DeskLink;
use medfolder_crypto::tree::{ChainRoot, KeyPair};
use medfolder_crypto::{Digest, Secret32, Suite, to_cbor};
use medfolder_gateway::clock::{Clock, ManualClock};
use medfolder_gateway::inner::{self, Config, Keys, Status, Tokens, Tuning};
use medfolder_gateway::signer;
use medfolder_gateway::signer::keyfile::DoctorKey;
use medfolder_gateway::spool::{CardClaim, In};
use medfolder_ledger::body::{Body, Consent, EnrolStaff, RegisterCard, Seal};
use medfolder_ledger::{Chain, Unsigned};
use medfolder_record::{
    CardNumber, Envelope, KeyId, MemberId, Place, Record, SealedAt, SlotPlace, StaffKey,
};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::edge::Edge;
use crate::ledger::{Ledger, MEMBER, NOW, SEAL_SEED, consent_text, genesis};

pub const MRN: &str = "https://his.pujiang-first.example/mrn";

pub struct World {
    pub dir: tempfile::TempDir,
    pub chain: Chain,
    pub clock: Arc<ManualClock>,
    pub edge: Edge,
    pub config: Config,
    running: Option<inner::Running>,
    stop: watch::Sender<bool>,
    signer: Option<(JoinHandle<()>, watch::Sender<bool>)>,
    http: reqwest::Client,
    pub url: String,
    /// Between two looks of [`World::until`].
    pub rest: Duration,
}

impl World {
    pub async fn new(suite: Suite) -> Self {
        Self::with(suite, |_| ()).await
    }

    pub async fn with(suite: Suite, adjust: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let chain = genesis(suite);
        let clock = ManualClock::at(NOW);
        let mut config = config(dir.path(), &chain);
        adjust(&mut config);
        let ledger = Ledger::new(&chain, Arc::clone(&clock));
        let edge = Edge::new(&config.spool_out, &config.spool_in, ledger);
        let (stop, _) = watch::channel(false);
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut world = Self {
            dir,
            chain,
            clock,
            edge,
            config,
            running: None,
            stop,
            signer: None,
            http,
            url: String::new(),
            rest: Duration::from_millis(10),
        };
        world.start().await;
        world
    }

    pub async fn start(&mut self) {
        let (stop, stopped) = watch::channel(false);
        let clock: Arc<ManualClock> = Arc::clone(&self.clock);
        let running = inner::serve_at(self.config.clone(), clock, stopped)
            .await
            .unwrap();
        self.url = format!("http://{}", running.addr);
        (self.running, self.stop) = (Some(running), stop);
    }

    pub async fn halt(&mut self) {
        self.stop.send(true).unwrap();
        self.running.take().unwrap().task.await.unwrap();
    }

    pub fn start_signer(&mut self, keys: Vec<DoctorKey>) {
        let config = signer::Config {
            genesis: self.config.genesis.clone(),
            member: MEMBER,
            inner: self.url.clone(),
            token_file: self.config.signer_token(),
            keys: Vec::new(),
            poll: 20,
        };
        let (stop, stopped) = watch::channel(false);
        let clock: Arc<ManualClock> = Arc::clone(&self.clock);
        self.signer = Some((signer::serve(&config, keys, clock, stopped).unwrap(), stop));
    }

    pub fn stop_signer(&mut self) {
        if let Some((task, stop)) = self.signer.take() {
            let _ = stop.send(true);
            task.abort();
        }
    }

    /// One doctor who answers for everybody, enrolled and signing.
    pub async fn one_doctor(&mut self) {
        let doctor = doctor(self.chain.suite(), 1);
        self.enrol(&doctor, "YS-0001").await;
        self.start_signer(vec![doctor]);
    }

    /// What a doctor's signer exports for a member, as the staff office sends it.
    pub fn person(&self, doctor: &DoctorKey, member: &MemberId, licence: &str) -> Value {
        let exported = doctor.enrolment(&self.chain.digest(), member);
        let public = exported.public;
        json!({"signing": public.signing, "encryption": public.encryption, "name": public.name,
            "licence": licence, "role": "doctor", "proof": exported.proof})
    }

    pub async fn enrol(&mut self, doctor: &DoctorKey, licence: &str) {
        let person = self.person(doctor, &MEMBER, licence);
        let (status, answer) = self.desk("staff", person).await;
        assert_eq!(status, 200, "{answer}");
        let key = doctor.public().key_id().to_string();
        self.until("the doctor is enrolled", async |world| {
            let list = world.get("desk", "staff").await.1;
            let list = list.as_array().unwrap().clone();
            list.iter()
                .any(|one| one["key"] == key.as_str() && one["state"] == "enrolled")
        })
        .await;
    }

    // --- HTTP ---

    pub fn token(&self, caller: &str) -> String {
        let path = match caller {
            "desk" => self.config.desk_token(),
            "signer" => self.config.signer_token(),
            _ => self.config.feed_token(),
        };
        std::fs::read_to_string(path).unwrap()
    }

    pub fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}/v1/{path}", self.url))
    }

    pub async fn get(&self, caller: &str, path: &str) -> (u16, Value) {
        let request = self
            .request(reqwest::Method::GET, path)
            .bearer_auth(self.token(caller));
        answer(request).await
    }

    pub async fn desk(&self, path: &str, body: Value) -> (u16, Value) {
        let request = self
            .request(reqwest::Method::POST, path)
            .bearer_auth(self.token("desk"));
        answer(
            request
                .header("content-type", "application/json")
                .body(body.to_string()),
        )
        .await
    }

    pub async fn post_fhir(&self, bytes: Vec<u8>) -> (u16, Value) {
        let request = self
            .request(reqwest::Method::POST, "fhir")
            .bearer_auth(self.token("feed"));
        answer(request.body(bytes)).await
    }

    pub async fn status(&self) -> Status {
        serde_json::from_value(self.get("feed", "status").await.1).unwrap()
    }

    // --- Time passes ---

    /// Turns the edge until `done`, for half a minute at most.
    pub async fn until(&mut self, what: &str, mut done: impl AsyncFnMut(&Self) -> bool) {
        let started = Instant::now();
        loop {
            self.edge.turn();
            if done(self).await {
                return;
            }
            let late = started.elapsed() > Duration::from_secs(60);
            assert!(!late, "waited for: {what}; {:?}", self.status().await);
            tokio::time::sleep(self.rest).await;
        }
    }

    pub async fn until_status(&mut self, what: &str, done: impl Fn(&Status) -> bool) {
        self.until(what, async |world| done(&world.status().await))
            .await;
    }

    // --- The watched folder ---

    pub fn watched(&self) -> PathBuf {
        self.config.watch_dir.clone().unwrap()
    }

    /// Copies sample files into the watched folder.
    pub fn drop_family(&self, folder: &str) {
        copy_all(&family().join(folder), &self.watched().join(folder));
    }

    // --- Patients ---

    /// Links a patient's card by way of the edge, as the app and the desk do.
    pub async fn link(&mut self, number: &str, patient: &Patient) -> CardNumber {
        let given = self.code(number).await;
        let claim = self.claim(&given, patient);
        self.edge.send(In::Claim(claim));
        let card = patient.number().to_string();
        let confirm = json!({"code": given, "card_end": &card[card.len() - 8..]});
        self.until("the desk confirms", async |world| {
            let (status, answer) = world.desk("desk/confirm", confirm.clone()).await;
            assert!(
                status == 200 || answer["code"] == "desk.no_claim",
                "{answer}"
            );
            status == 200
        })
        .await;
        let number = patient.number();
        self.until("the card is on the ledger", async |world| {
            world.registered(&number)
        })
        .await;
        number
    }

    /// Links while the edge puts nothing into blocks: only T_R is.
    pub async fn link_stalled(&mut self, number: &str, patient: &Patient) {
        let registration = self.confirm_stalled(number, patient).await;
        self.edge.ledger.commit(registration);
    }

    /// Confirms a claim while the edge puts nothing into blocks; gives T_R.
    pub async fn confirm_stalled(&mut self, number: &str, patient: &Patient) -> Vec<Vec<u8>> {
        self.edge.submitted.clear();
        let code = self.code(number).await;
        let claim = self.claim(&code, patient);
        self.edge.send(In::Claim(claim));
        let card = patient.number().to_string();
        let confirm = json!({"code": code, "card_end": &card[card.len() - 8..]});
        self.until("the desk confirms", async |world| {
            world.desk("desk/confirm", confirm.clone()).await.0 == 200
        })
        .await;
        self.until("T_R is in the spool", async |world| {
            !world.edge.submitted.is_empty()
        })
        .await;
        std::mem::take(&mut self.edge.submitted)
    }

    pub async fn code(&self, number: &str) -> String {
        let (status, given) = self.desk("desk/codes", json!({"patient": number})).await;
        assert_eq!(status, 200, "{given}");
        let link: DeskLink = given["link"].as_str().unwrap().parse().unwrap();
        assert!(link.is_for(&self.chain.digest()) && link.member == MEMBER);
        given["code"].as_str().unwrap().to_owned()
    }

    pub fn claim(&self, code: &str, patient: &Patient) -> CardClaim {
        let body = patient.body();
        let code: medfolder_client::desk_code::DeskCode = code.parse().unwrap();
        let mac = code.mac(self.chain.suite(), &self.chain.digest(), &to_cbor(&body));
        let valid_until = self.clock.now() + 3_600_000;
        let unsigned = Unsigned::new(body, valid_until);
        let signature = unsigned.sign(&self.chain, &patient.keys.signing);
        let transaction = unsigned.with_signatures(vec![signature]).to_bytes();
        CardClaim {
            claim: patient.claim,
            member: MEMBER,
            transaction,
            mac,
        }
    }

    fn registered(&self, card: &CardNumber) -> bool {
        let suite = self.chain.suite();
        self.edge
            .ledger
            .accepted
            .iter()
            .any(|accepted| match &accepted.transaction.body {
                Body::RegisterCard(body) => body.number(suite) == *card,
                _ => false,
            })
    }

    /// Seals on the ledger, with position and time.
    pub fn seals(&self) -> Vec<(Seal, SealedAt)> {
        let accepted = self.edge.ledger.accepted.iter();
        accepted
            .filter_map(|one| match &one.transaction.body {
                Body::Seal(seal) => {
                    let at = SealedAt {
                        position: one.position,
                        time: one.time,
                    };
                    Some((seal.clone(), at))
                }
                _ => None,
            })
            .collect()
    }

    fn staff(&self) -> BTreeMap<KeyId, StaffKey> {
        let suite = self.chain.suite();
        let accepted = self.edge.ledger.accepted.iter();
        let enrolled = accepted.filter_map(|one| match &one.transaction.body {
            Body::EnrolStaff(body) => Some((body, one.position)),
            _ => None,
        });
        enrolled
            .map(|(body, position)| staff_key(suite, body, position))
            .collect()
    }

    /// Opens and verifies every record of a patient, as her app does; in the order of the ledger.
    pub fn records_of(&self, patient: &Patient) -> Vec<Record> {
        let (suite, card, staff) = (self.chain.suite(), patient.number(), self.staff());
        let mut records = Vec::new();
        for (seal, at) in self
            .seals()
            .into_iter()
            .filter(|(seal, _)| seal.card == card)
        {
            let (visit, seq) = (seal.visit, seal.seq);
            let place = SlotPlace {
                member: MEMBER,
                card,
                visit,
                seq,
            };
            let key = self.edge.slots[&place]
                .open(&place, &patient.keys.encryption)
                .unwrap();
            for (k, sealed) in (0..).zip(&seal.leaves) {
                let genesis = self.chain.digest();
                let place = Place {
                    genesis,
                    member: MEMBER,
                    card,
                    visit,
                    seq,
                    k,
                };
                let envelope = Envelope::from_bytes(&self.edge.envelopes[&sealed.leaf]).unwrap();
                let audited = envelope.audit(suite, &sealed.leaf).unwrap();
                let opened = audited.placed(&place).unwrap().open(&key).unwrap();
                records.push(opened.verify(&staff, &at).unwrap());
            }
        }
        records
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop_signer();
        let _ = self.stop.send(true);
    }
}

fn staff_key(suite: Suite, body: &EnrolStaff, position: u64) -> (KeyId, StaffKey) {
    let key = StaffKey {
        member: body.member,
        key: body.signing.verifying(suite).unwrap(),
        enrolled: position,
        valid_from: body.from,
        valid_until: body.until,
        ended: None,
    };
    (KeyId::of(suite, &body.signing), key)
}

async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let bytes = response.bytes().await.unwrap();
    (
        status,
        serde_json::from_slice(&bytes).unwrap_or(Value::Null),
    )
}

fn config(dir: &Path, chain: &Chain) -> Config {
    std::fs::write(dir.join("genesis.cbor"), chain.to_bytes()).unwrap();
    let seal = dir.join("seal.key");
    medfolder_client::keyfile::write(&seal, &Secret32::new(SEAL_SEED)).unwrap();
    Config {
        genesis: dir.join("genesis.cbor"),
        member: MEMBER,
        data_dir: dir.join("inner"),
        keys: Keys {
            seal,
            next_seal: None,
            receive: None,
        },
        spool_out: dir.join("out"),
        spool_in: dir.join("in"),
        watch_dir: Some(dir.join("watched")),
        listen: "127.0.0.1:0".parse().unwrap(),
        tokens: Tokens::default(),
        fallback_author: Some("YS-0001".into()),
        patient_system: None,
        carried_roots: Vec::new(),
        area: None,
        policy: 0,
        tuning: Tuning {
            watch: 20,
            settle: 50,
            attachment_wait: 300,
            quiet: 0,
            poll: 10,
            ..Tuning::default()
        },
    }
}

pub fn doctor(suite: Suite, seed: u8) -> DoctorKey {
    DoctorKey::from_seed(
        suite,
        &format!("Dr. {seed}"),
        &Secret32::new([100 + seed; 32]),
    )
}

pub fn family() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/family")
}

pub fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_all(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A patient's app, as far as a hospital meets it.
pub struct Patient {
    pub keys: KeyPair,
    pub claim: [u8; 16],
}

impl Patient {
    pub fn new(chain: &Chain, seed: u8) -> Self {
        let root = Secret32::new([seed; 32]);
        let root = ChainRoot::derive(chain.suite(), &root, &chain.digest());
        Self {
            keys: root.card(&MEMBER.0, 0),
            claim: [seed; 16],
        }
    }

    pub fn number(&self) -> CardNumber {
        CardNumber(self.keys.number)
    }

    pub fn body(&self) -> RegisterCard {
        let text = consent_text();
        RegisterCard {
            member: MEMBER,
            signing: self.keys.signing.public(),
            encryption: self.keys.encryption.public().to_bytes(),
            consent: Consent {
                digest: text.digest,
                version: text.version,
                language: text.language,
                time: NOW,
            },
        }
    }
}

/// A document Bundle of one record, for tests that need a text of their own.
pub fn bundle(patient: &str, visit: &str, document: &str, version: u32, text: &str) -> Vec<u8> {
    let urn = |name: &str| format!("urn:uuid:{}", uuid(&format!("{name}{document}{version}")));
    let coding = json!({"system": "http://loinc.org", "code": "34108-1"});
    let composition = json!({
        "resourceType": "Composition", "status": "final", "title": "门诊病历",
        "identifier": {"system": "urn:test:document", "value": document},
        "type": {"coding": [coding]}, "date": "2026-03-01T09:00:00+08:00",
        "subject": {"reference": urn("patient")}, "author": [{"reference": urn("author")}],
        "encounter": {"reference": urn("encounter")},
        "text": {"status": "generated",
            "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">{text}</div>")},
    });
    let entry = |name: &str, resource: Value| json!({"fullUrl": urn(name), "resource": resource});
    json!({
        "resourceType": "Bundle", "type": "document",
        "identifier": {"system": "urn:test:version", "value": format!("{document}.v{version}")},
        "timestamp": "2026-03-01T09:30:00+08:00",
        "entry": [
            entry("composition", composition),
            entry("patient", json!({"resourceType": "Patient", "birthDate": "1990-01-01",
                "identifier": [{"system": MRN, "value": patient,
                    "type": {"coding": [{"code": "MR",
                        "system": "http://terminology.hl7.org/CodeSystem/v2-0203"}]}}],
                "name": [{"text": "测试"}]})),
            entry("author", json!({"resourceType": "Practitioner", "name": [{"text": "林静怡"}],
                "identifier": [{"system": "urn:test:licence", "value": "YS-0102"}]})),
            entry("encounter", json!({"resourceType": "Encounter", "status": "finished",
                "identifier": [{"system": "urn:test:visit", "value": visit}],
                "class": {"code": "AMB"}, "subject": {"reference": urn("patient")},
                "period": {"start": "2026-03-01T08:30:00+08:00",
                    "end": "2026-03-01T10:00:00+08:00"}})),
        ],
    })
    .to_string()
    .into_bytes()
}

/// A UUID made of a text.
fn uuid(text: &str) -> String {
    let Digest(bytes) = Suite::International.hash(&[text.as_bytes()]);
    let hex = Digest(bytes).to_string();
    format!(
        "{}-{}-4{}-8{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..32]
    )
}

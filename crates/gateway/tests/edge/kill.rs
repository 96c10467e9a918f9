//! `kill -9` of an edge process under load, at random times.
//!
//! Five lanes use the edge as its inner zone, a patient, a share's owner and readers do, each until
//! its first request that fails. What the edge answered is written down out here, in this process,
//! and must hold afterwards: a record that was served is served again, whole; a file that was taken
//! is not asked for again; a share that was published opens; an opening is counted and reported
//! once; a try at a passcode that was taken never comes back.
//!
//! `MEDFOLDER_KILLS` says how often (25 without it), `MEDFOLDER_SEED` repeats a run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use medfolder_client::api::share::{Draft, Outcome, Published};
use medfolder_crypto::{SigningKey, Suite, os_rng};
use medfolder_gateway::edge::ledger::Nodes;
use medfolder_gateway::spool::Out;
use medfolder_ledger::body::{AccessOutcome, Body};
use medfolder_record::GrantId;
use medfolder_share::{GrantSeed, LinkKey};
use rand_core::Rng as _;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::hospital::{self, Visit, send};
use crate::process::Process;
use crate::real;
use crate::sharing::{Shared, Wish, locations};
use crate::world::{Card, World, text, tuning, with_token};

const CODE: &str = "right-code";
const TRIES: u64 = 5;
const FILES: usize = 3;
const OPENINGS: u32 = 4;

/// Numbers from a seed, so that a run can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        let step = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = step.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// An answer with its whole body; `None` when the edge was gone before the last byte.
async fn answer(request: reqwest::RequestBuilder) -> Option<(StatusCode, Vec<u8>)> {
    let response = request.send().await.ok()?;
    let status = response.status();
    Some((status, response.bytes().await.ok()?.to_vec()))
}

async fn post(
    world: &World,
    path: &str,
    token: Option<&str>,
    body: &Value,
) -> Option<(StatusCode, Value)> {
    let request = world.http.post(world.at(path)).json(body);
    let (status, body) = answer(with_token(request, token)).await?;
    Some((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
}

async fn log_in(world: &World, card: &Card) -> Option<String> {
    let subject = medfolder_ledger::login::LoginSubject::Card(card.number);
    let asked = json!({ "subject": subject });
    let (_, challenge) = post(world, "/v1/sessions/challenge", None, &asked).await?;
    let body = world.login(card, "https://edge.example", &challenge);
    let (status, session) = post(world, "/v1/sessions", None, &body).await?;
    assert_eq!(status, StatusCode::OK, "{session}");
    Some(text(&session, "token"))
}

/// Whether the edge still runs; the lanes end with it.
async fn alive(world: &World) -> Option<()> {
    answer(world.http.get(world.at("/healthz"))).await.map(drop)
}

/// The inner zone: never waits for an edge.
async fn deliver(world: &World, card: &Card, first: usize, pauses: [u64; 2]) -> Vec<Visit> {
    let mut visits = Vec::new();
    for pause in pauses {
        // A visit's number is one byte here; a longer run goes on without new ones.
        let Ok(seed) = u8::try_from(first + visits.len()) else {
            break;
        };
        let visit = hospital::visit(world, card, seed, &[seed; 70_000]);
        send(world, Out::Delivery(visit.delivery.clone()));
        visits.push(visit);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    visits
}

/// What a patient was served.
#[derive(Default)]
struct Reads(BTreeSet<String>);

impl Reads {
    /// Reads visits that may have arrived until the edge is gone.
    async fn run(&mut self, world: &World, card: &Card, visits: &[Visit]) -> Option<()> {
        let token = log_in(world, card).await?;
        loop {
            alive(world).await?;
            for visit in visits {
                self.read(world, &token, visit).await?;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn read(&mut self, world: &World, token: &str, visit: &Visit) -> Option<()> {
        let record = visit.records[0];
        let parts = [
            ("envelope", &visit.envelopes[0]),
            ("attachments/0", &visit.blob),
        ];
        for (part, expected) in parts {
            let path = format!("/v1/zone/records/{record}/{part}");
            let request = with_token(world.http.get(world.at(&path)), Some(token));
            match answer(request).await? {
                (StatusCode::OK, bytes) => {
                    assert!(bytes == *expected, "half a file, or another");
                    self.0.insert(path);
                }
                (status, _) => {
                    assert_eq!(status, StatusCode::NOT_FOUND);
                    assert!(!self.0.contains(&path), "what was served is gone");
                }
            }
        }
        Some(())
    }
}

/// A share on its way, with what the edge has taken of it.
struct Making {
    key: SigningKey,
    link: LinkKey,
    files: Vec<String>,
    wish: Wish,
    draft: Option<Draft>,
    taken: usize,
    request: Option<Value>,
}

impl Making {
    fn new(wish: Wish) -> Self {
        let link = LinkKey::generate(&mut os_rng());
        let plain = |k| format!(r#"{{"resourceType":"Bundle","id":"file-{k}"}}"#);
        let jwe = |k| crate::sharing::file(&link, &plain(k));
        Self {
            files: (0..FILES).map(jwe).collect(),
            key: GrantSeed::generate(&mut os_rng()).signing_key(Suite::International),
            link,
            wish,
            draft: None,
            taken: 0,
            request: None,
        }
    }

    /// Goes on where it was: what was answered is not asked again.
    async fn go_on(&mut self, world: &World, card: &Card, token: &str) -> Option<Published> {
        if self.draft.is_none() {
            let wish = json!({ "direct": false });
            let (status, draft) = post(world, "/v1/shares/drafts", Some(token), &wish).await?;
            assert_eq!(status, StatusCode::OK, "{draft}");
            self.draft = Some(serde_json::from_value(draft).unwrap());
        }
        let draft = self.draft.as_ref().unwrap().draft;
        while let Some(jwe) = self.files.get(self.taken) {
            let path = format!("/v1/shares/drafts/{draft}/files/{}", self.taken);
            let request = world.http.put(world.at(&path)).body(jwe.clone());
            let (status, _) = answer(with_token(request, Some(token))).await?;
            assert_eq!(status, StatusCode::NO_CONTENT);
            self.taken += 1;
        }
        let (key, link, wish) = (&self.key, &self.link, &self.wish);
        let request = self
            .request
            .get_or_insert_with(|| json!(world.publish_request(card, key, link, wish, FILES)));
        let path = format!("/v1/shares/drafts/{draft}/publish");
        let (status, published) = post(world, &path, Some(token), request).await?;
        assert_eq!(status, StatusCode::OK, "a file is missing: {published}");
        Some(serde_json::from_value(published).unwrap())
    }

    fn shared(self, published: Published) -> Shared {
        Shared {
            grant: published.grant,
            key: self.key,
            link: self.link,
            url: self.draft.unwrap().manifest_url,
            files: self.files,
            published,
        }
    }
}

/// Shares that a patient makes.
#[derive(Default)]
struct Shares {
    making: Option<Making>,
    /// With a limit of openings.
    open: Vec<Shared>,
    /// With a passcode.
    locked: Vec<Shared>,
}

/// Makes shares until the edge is gone: those that were published, by whether they have a code.
async fn make(
    world: &World,
    card: &Card,
    making: &mut Option<Making>,
    made: &mut Vec<(bool, Shared)>,
) -> Option<()> {
    let token = log_in(world, card).await?;
    loop {
        let locked = made.len() % 2 == 1;
        let one = making.get_or_insert_with(|| {
            Making::new(Wish {
                passcode: locked.then_some(CODE),
                openings: (!locked).then_some(OPENINGS),
                ..Wish::default()
            })
        });
        let published = one.go_on(world, card, &token).await?;
        let done = making.take().unwrap();
        made.push((done.wish.passcode.is_some(), done.shared(published)));
    }
}

/// Sessions of readers: those that asked, those that were let in.
#[derive(Default)]
struct Openings {
    asked: BTreeMap<GrantId, Vec<String>>,
    opened: BTreeMap<GrantId, Vec<String>>,
}

impl Openings {
    async fn run(&mut self, world: &World, shares: &[Shared]) -> Option<()> {
        loop {
            alive(world).await?;
            for share in shares {
                self.open(world, share).await?;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// A new session each time, one more than may open it.
    async fn open(&mut self, world: &World, share: &Shared) -> Option<()> {
        let asked = self.asked.entry(share.grant).or_default();
        if asked.len() > OPENINGS as usize {
            return Some(());
        }
        let session = format!("session-{}", asked.len());
        asked.push(session.clone());
        let asked = asked.len();
        match manifest(world, share, &session, None).await? {
            (StatusCode::OK, manifest) => {
                self.opened.entry(share.grant).or_default().push(session);
                file(world, share, &manifest, asked % FILES).await?;
            }
            (status, _) => {
                assert_eq!(status, StatusCode::NOT_FOUND);
                assert!(asked > OPENINGS as usize, "refused before it was used up");
            }
        }
        Some(())
    }
}

async fn manifest(
    world: &World,
    share: &Shared,
    session: &str,
    passcode: Option<&str>,
) -> Option<(StatusCode, Value)> {
    let mut body = json!({ "recipient": "Dr. Li", "_s": session });
    if let Some(passcode) = passcode {
        body["passcode"] = passcode.into();
    }
    let url = world.local(&share.url);
    let (status, body) = answer(world.http.post(url).json(&body)).await?;
    Some((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
}

/// One of the manifest's files, which must be the one that was uploaded.
async fn file(world: &World, share: &Shared, manifest: &Value, k: usize) -> Option<()> {
    let url = world.local(&locations(manifest)[k]);
    let (status, bytes) = answer(world.http.get(url)).await?;
    assert_eq!(status, StatusCode::OK);
    assert!(
        bytes == share.files[k].as_bytes(),
        "half a file, or another"
    );
    Some(())
}

/// Tries of each share with a passcode.
#[derive(Default)]
struct Guesses(BTreeMap<GrantId, Tries>);

struct Tries {
    /// As the edge last said.
    left: u64,
    /// Wrong guesses, the unanswered ones too.
    sent: u64,
    right: u64,
}

impl Guesses {
    /// A wrong guess a share, then the right passcode.
    async fn run(&mut self, world: &World, shares: &[Shared], pause: u64) -> Option<()> {
        for share in shares {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            self.of(share).wrong(world, share).await?;
            self.of(share).right(world, share).await?;
        }
        Some(())
    }

    fn of(&mut self, share: &Shared) -> &mut Tries {
        self.0.entry(share.grant).or_insert(Tries {
            left: TRIES,
            sent: 0,
            right: 0,
        })
    }
}

impl Tries {
    async fn wrong(&mut self, world: &World, share: &Shared) -> Option<()> {
        self.sent += 1;
        let (status, body) = manifest(world, share, "guess", Some("wrong")).await?;
        if status == StatusCode::NOT_FOUND {
            assert!(self.sent > TRIES, "locked after {} guesses", self.sent);
            self.left = 0;
            return Some(());
        }
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        let remaining = body["remainingAttempts"].as_u64().unwrap();
        assert!(remaining < self.left, "{remaining} after {}", self.left);
        self.left = remaining;
        Some(())
    }

    /// Opens until the last try is gone, and gives none back.
    async fn right(&mut self, world: &World, share: &Shared) -> Option<()> {
        self.right += 1;
        let session = format!("right-{}", self.right);
        let (status, _) = manifest(world, share, &session, Some(CODE)).await?;
        match status {
            StatusCode::OK => assert!(self.left > 0, "opens without a try left"),
            // The last try may have been taken for a guess that a kill cut off.
            _ => assert!(self.sent >= TRIES, "locked after {} guesses", self.sent),
        }
        Some(())
    }
}

/// Everything that was answered.
#[derive(Default)]
struct Journal {
    visits: Vec<Visit>,
    reads: Reads,
    shares: Shares,
    openings: Openings,
    guesses: Guesses,
}

impl Journal {
    /// One life of the edge: load until it is killed, and until the lanes have seen it.
    async fn life(&mut self, world: &World, card: &Card, random: &mut Random, process: Process) {
        let pauses = [random.below(60), random.below(60)];
        let (lasts, pause) = (random.below(300), random.below(30));
        let (visits, open, locked) = (
            last(&self.visits, 4),
            last(&self.shares.open, 3),
            last(&self.shares.locked, 2),
        );
        let mut made = Vec::new();
        let kill = async {
            tokio::time::sleep(Duration::from_millis(lasts)).await;
            process.kill();
        };
        let (fresh, ..) = tokio::join!(
            deliver(world, card, self.visits.len(), pauses),
            self.reads.run(world, card, visits),
            make(world, card, &mut self.shares.making, &mut made),
            self.openings.run(world, open),
            self.guesses.run(world, locked, pause),
            kill,
        );
        self.visits.extend(fresh);
        for (locked, share) in made {
            let list = match locked {
                true => &mut self.shares.locked,
                false => &mut self.shares.open,
            };
            list.push(share);
        }
    }
}

fn last<T>(list: &[T], count: usize) -> &[T] {
    &list[list.len().saturating_sub(count)..]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_edge_loses_nothing_counts_nothing_twice_and_forgets_no_try() {
    let seed = number("MEDFOLDER_SEED").unwrap_or_else(|| os_rng().next_u64() >> 16);
    eprintln!("MEDFOLDER_SEED={seed}");
    let kills = number("MEDFOLDER_KILLS").unwrap_or(25);
    let mut random = Random(seed);
    let mut world = World::without_edge(Suite::International, tuning());
    let (node, _stop) = real::node(&world).await;
    let url = node.url(false).to_string();
    let nodes = real::nodes(&world, &node);
    let card = world.new_card();
    send(&world, Out::Tx(world.registration(&card).to_bytes()));
    let process = world.launch(&url).await;
    world
        .eventually("the card logs in", || async {
            world.log_in(&card).await.ok()
        })
        .await;
    process.kill();

    let mut journal = Journal::default();
    for _ in 0..kills {
        let process = world.launch(&url).await;
        journal.life(&world, &card, &mut random, process).await;
    }
    let _process = world.launch(&url).await;
    let token = world.log_in(&card).await.unwrap();
    everything_is_there(&world, &nodes, &token, &mut journal).await;
}

async fn everything_is_there(world: &World, nodes: &Nodes, token: &str, journal: &mut Journal) {
    let count = journal.visits.len();
    let seals = || async {
        let accepted = real::accepted(nodes).await.into_iter();
        let seals = accepted.filter_map(|tx| match tx.body {
            Body::Seal(seal) => Some(seal.visit),
            _ => None,
        });
        seals.collect::<Vec<_>>()
    };
    let all = || async { (seals().await.len() >= count).then_some(()) };
    world.eventually("every visit is sealed", all).await;
    let sealed = seals().await;
    let visits: BTreeSet<_> = journal.visits.iter().map(|visit| visit.id).collect();
    assert_eq!(sealed.len(), count, "sealed twice");
    assert_eq!(sealed.into_iter().collect::<BTreeSet<_>>(), visits);
    for visit in &journal.visits {
        journal.reads.read(world, token, visit).await.unwrap();
    }
    assert_eq!(journal.reads.0.len(), count * 2, "not everything is served");

    let audit = world.audit().await;
    assert_eq!(audit["records"], count * 2);
    for broken in ["changed", "missing", "broken_files"] {
        assert_eq!(audit[broken], 0, "{broken}");
    }
    for unfinished in [
        "edge/blobs/tmp",
        "in/tmp",
        "out/new",
        "out/blobs",
        "out/bad",
    ] {
        let dir = std::fs::read_dir(world.dir.path().join(unfinished)).unwrap();
        assert_eq!(dir.count(), 0, "left in {unfinished}");
    }
    shares_are_there(world, nodes, journal).await;
}

async fn shares_are_there(world: &World, nodes: &Nodes, journal: &mut Journal) {
    for share in &journal.shares.locked {
        // A fresh count would give these guesses five tries.
        let tries = journal.guesses.of(share);
        while tries.left > 0 {
            tries.wrong(world, share).await.unwrap();
        }
        tries.right(world, share).await.unwrap();
    }
    let mut counts = BTreeMap::new();
    for share in &journal.shares.open {
        let (asked, opened) = (
            journal.openings.asked.get(&share.grant).map_or(0, Vec::len),
            journal.openings.opened.entry(share.grant).or_default(),
        );
        let counted = world.state(share).await.opened as usize;
        assert!((opened.len()..=asked).contains(&counted) && counted <= OPENINGS as usize);
        for session in &*opened {
            let (status, manifest) = manifest(world, share, session, None).await.unwrap();
            assert_eq!(status, StatusCode::OK, "a session that was let in is not");
            file(world, share, &manifest, counted % FILES)
                .await
                .unwrap();
        }
        let accesses = world.accesses(share).await.accesses;
        let records = accesses.iter().filter(|one| one.outcome == Outcome::Opened);
        assert_eq!(records.count(), counted, "an opening without its record");
        counts.insert(share.grant, counted);
    }
    counts.retain(|_, counted| *counted > 0);
    let total: usize = counts.values().sum();
    let all = || async {
        (reported(nodes, &counts).await.values().sum::<usize>() >= total).then_some(())
    };
    world.eventually("the openings are reported", all).await;
    assert_eq!(reported(nodes, &counts).await, counts, "reported twice");
    let shares = journal.shares.open.len() + journal.shares.locked.len();
    let guesses: u64 = journal.guesses.0.values().map(|tries| tries.sent).sum();
    eprintln!(
        "{} visits, {shares} shares, {total} openings, {guesses} guesses",
        journal.visits.len()
    );
    assert!(total > 0 && guesses > 0, "the load was too small");
}

/// Openings of these shares on the ledger.
async fn reported(nodes: &Nodes, of: &BTreeMap<GrantId, usize>) -> BTreeMap<GrantId, usize> {
    let mut counts = BTreeMap::new();
    for tx in real::accepted(nodes).await {
        let Body::AccessBatch(batch) = tx.body else {
            continue;
        };
        for entry in batch.entries {
            if entry.outcome == AccessOutcome::Opened && of.contains_key(&entry.grant) {
                *counts.entry(entry.grant).or_default() += 1;
            }
        }
    }
    counts
}

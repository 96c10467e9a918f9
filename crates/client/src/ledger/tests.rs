//! Against nodes on loopback addresses that may lie about a real little ledger.

use super::*;
use crate::api::Blob;
use crate::api::ledger::{
    CheckpointAnswer, ConsistencyAnswer, MemberAnswer, MembersAnswer, StateAnswer, SubmitRequest,
    TransactionState, TransactionStatus,
};
use crate::api::session::{Challenge, Session};
use crate::login::Identity;
use crate::test_world::{HOSPITAL, World, card, card_keys, doctor, key};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use medfolder_crypto::{Digest, Suite, to_cbor};
use medfolder_ledger::body::{By, FreezeCard};
use medfolder_ledger::login::{LoginSubject, ShownKeys};
use medfolder_ledger::proof::{HistoryItem, RefusalProof};
use medfolder_ledger::{Prepared, Refusal, StateKey, Subject};
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

const SUITE: Suite = Suite::International;

/// How a node behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mood {
    Honest,
    /// Leaves the newest entry out of every list.
    Hides,
    /// Takes a transaction and breaks off before it answers, once.
    BreaksOff,
    /// Says that everything was refused.
    Refuses,
    /// Says "final" without a receipt that fits.
    Boasts,
    /// Shows what became of the newest copy and not of an accepted one.
    ShowsCopy,
    /// Proves what continues what with a proof in which one byte is another.
    BendsProofs,
    /// The same with bytes that are no proof.
    GarblesProofs,
    /// Says for ever that a transaction waits.
    Stalls,
}

#[derive(Clone)]
struct Served {
    world: Arc<Mutex<World>>,
    mood: Mood,
    submissions: Arc<AtomicU32>,
}

type Query1 = Query<HashMap<String, String>>;

fn number(query: &HashMap<String, String>, name: &str) -> u64 {
    query.get(name).map_or(0, |text| text.parse().unwrap())
}

async fn list(
    State(served): State<Served>,
    Path(_): Path<String>,
    Query(query): Query1,
) -> Vec<u8> {
    let world = served.world.lock().unwrap();
    let from = number(&query, "from");
    let mut page = world.page(Subject::Card(card(SUITE)), from, 2);
    if served.mood == Mood::Hides {
        let all = world.page(Subject::Card(card(SUITE)), 0, 100).items.len() as u64;
        page.items.truncate((all - 1).saturating_sub(from) as usize);
    }
    page.to_bytes()
}

async fn record(
    State(served): State<Served>,
    Path(id): Path<String>,
    Query(query): Query1,
) -> Json<StateAnswer> {
    let member = query["member"].parse().unwrap();
    let key = StateKey::record(SUITE, &member, &id.parse().unwrap());
    let proof = served.world.lock().unwrap().entry(&key).to_bytes();
    Json(StateAnswer { proof: Blob(proof) })
}

async fn staff(State(served): State<Served>, Path(id): Path<String>) -> Json<StateAnswer> {
    let key = StateKey::staff(SUITE, &id.parse().unwrap());
    let proof = served.world.lock().unwrap().entry(&key).to_bytes();
    Json(StateAnswer { proof: Blob(proof) })
}

async fn members(State(served): State<Served>) -> Json<MembersAnswer> {
    let world = served.world.lock().unwrap();
    let proof = Blob(world.entry(&StateKey::member(SUITE, &HOSPITAL)).to_bytes());
    let one = MemberAnswer {
        member: HOSPITAL,
        proof,
    };
    let members = if served.mood == Mood::Hides {
        Vec::new()
    } else {
        vec![one]
    };
    Json(MembersAnswer { members })
}

async fn latest(State(served): State<Served>) -> Json<CheckpointAnswer> {
    let checkpoint = Blob(served.world.lock().unwrap().checkpoint().to_bytes());
    Json(CheckpointAnswer { checkpoint })
}

async fn checkpoint_at(
    State(served): State<Served>,
    Path(height): Path<u64>,
) -> Result<Json<CheckpointAnswer>, StatusCode> {
    let world = served.world.lock().unwrap();
    let mut blocks = world.blocks.iter();
    let found = blocks.find(|(block, _)| block.header.height == height);
    let (block, certificate) = found.ok_or(StatusCode::NOT_FOUND)?;
    let checkpoint = Checkpoint {
        header: block.header.clone(),
        certificate: certificate.clone(),
    };
    let checkpoint = Blob(checkpoint.to_bytes());
    Ok(Json(CheckpointAnswer { checkpoint }))
}

async fn consistency(
    State(served): State<Served>,
    Query(query): Query1,
) -> Json<ConsistencyAnswer> {
    let world = served.world.lock().unwrap();
    let proof = world.consistency(number(&query, "from"), number(&query, "to"));
    let mut proof = to_cbor(&proof);
    match served.mood {
        Mood::BendsProofs => *proof.last_mut().unwrap() ^= 1,
        Mood::GarblesProofs => proof.truncate(proof.len() / 2),
        _ => {}
    }
    Json(ConsistencyAnswer { proof: Blob(proof) })
}

fn fate(world: &World, mood: Mood, bytes: &[u8]) -> TransactionStatus {
    let id = Prepared::read(&world.chain, bytes.to_vec()).unwrap().id();
    let mut status = TransactionStatus {
        id,
        state: TransactionState::Unknown,
        code: None,
        height: None,
        time: None,
        position: None,
        receipt: None,
        refusal: None,
    };
    for (block, certificate) in &world.blocks {
        for tx in block.transactions.iter().filter(|tx| tx.bytes == bytes) {
            status.height = Some(block.header.height);
            status.state = TransactionState::Refused;
            status.code = Refusal::of(tx.result).map(|refusal| refusal.code().to_owned());
            let proof = RefusalProof {
                results: block.results(world.chain.suite()),
                checkpoint: Checkpoint {
                    header: block.header.clone(),
                    certificate: certificate.clone(),
                },
            };
            status.refusal = Some(Blob(proof.to_bytes()));
            if tx.result == 0 {
                status.state = TransactionState::Final;
                status.receipt = Some(Blob(world.receipt(bytes).to_bytes()));
                if mood != Mood::ShowsCopy {
                    return status;
                }
            }
        }
    }
    status
}

async fn submit(
    State(served): State<Served>,
    Json(request): Json<SubmitRequest>,
) -> Result<Json<TransactionStatus>, (StatusCode, Json<crate::api::Problem>)> {
    let count = served.submissions.fetch_add(1, Ordering::SeqCst);
    let mut world = served.world.lock().unwrap();
    let bytes = request.transaction.0;
    let no = |status: u16, code: &str| {
        let problem = crate::api::Problem::new(status, "no", code);
        (StatusCode::from_u16(status).unwrap(), Json(problem))
    };
    match served.mood {
        Mood::Refuses => return Err(no(422, "card.frozen")),
        Mood::Stalls => {
            let mut status = fate(&world, served.mood, &bytes);
            status.state = TransactionState::Waiting;
            return Ok(Json(status));
        }
        _ => {}
    }
    if fate(&world, served.mood, &bytes).state == TransactionState::Unknown
        && served.mood != Mood::Boasts
    {
        world.commit(vec![bytes.clone()]);
    }
    if served.mood == Mood::BreaksOff && count == 0 {
        return Err(no(503, "node.stopping"));
    }
    let mut status = fate(&world, served.mood, &bytes);
    if served.mood == Mood::Boasts {
        let other = world.stored[0].clone();
        status.state = TransactionState::Final;
        status.receipt = Some(Blob(world.receipt(&other).to_bytes()));
    }
    Ok(Json(status))
}

async fn status(State(served): State<Served>, Path(id): Path<String>) -> Json<TransactionStatus> {
    let world = served.world.lock().unwrap();
    let all = world
        .blocks
        .iter()
        .flat_map(|(block, _)| &block.transactions);
    let found = all
        .map(|tx| fate(&world, served.mood, &tx.bytes))
        .find(|status| status.id.to_string() == id);
    let unknown = TransactionStatus {
        id: id.parse().unwrap(),
        state: TransactionState::Unknown,
        code: None,
        height: None,
        time: None,
        position: None,
        receipt: None,
        refusal: None,
    };
    Json(found.unwrap_or(unknown))
}

async fn serve(world: Arc<Mutex<World>>, mood: Mood) -> (NodeAddress, Arc<AtomicU32>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let submissions = Arc::new(AtomicU32::new(0));
    let served = Served {
        world,
        mood,
        submissions: Arc::clone(&submissions),
    };
    let challenge = || async {
        let expires = Clock::system().now() + 60_000;
        Json(Challenge {
            challenge: Digest([1; 32]),
            expires,
            member: HOSPITAL,
        })
    };
    let session = || async {
        Json(Session {
            token: "t".to_owned(),
            expires: Clock::system().now() + 900_000,
        })
    };
    let routes = axum::Router::new()
        .route("/v1/sessions/challenge", post(challenge))
        .route("/v1/sessions", post(session))
        .route("/v1/transactions", post(submit))
        .route("/v1/transactions/{id}", get(status))
        .route("/v1/cards/{number}/entries", get(list))
        .route("/v1/records/{id}", get(record))
        .route("/v1/staff/{id}", get(staff))
        .route("/v1/members", get(members))
        .route("/v1/checkpoints/latest", get(latest))
        .route("/v1/checkpoints/{height}", get(checkpoint_at))
        .route("/v1/proofs/consistency", get(consistency))
        .with_state(served);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (NodeAddress::at(base), submissions)
}

fn shared(world: World) -> Arc<Mutex<World>> {
    Arc::new(Mutex::new(world))
}

/// A ledger with a card, a doctor and `seals` sealed records.
fn ledger(seals: u32) -> World {
    let mut world = World::with_card(SUITE);
    (0..seals).for_each(|seq| drop(world.seal_record(seq)));
    world
}

fn client(nodes: Vec<NodeAddress>, known: Option<Checkpoint>) -> LedgerClient {
    let chain = World::new(SUITE).chain;
    LedgerClient::new(chain, nodes, known, Clock::system()).unwrap()
}

async fn one(world: World, mood: Mood) -> LedgerClient {
    client(vec![serve(shared(world), mood).await.0], None)
}

fn identity() -> Identity {
    let (signing, encryption) = card_keys(SUITE);
    Identity {
        subject: LoginSubject::Card(card(SUITE)),
        keys: Some(ShownKeys {
            signing,
            encryption,
        }),
        key: Arc::new(key(SUITE, 7)),
    }
}

async fn read_list(client: &LedgerClient) -> Result<History, LedgerError> {
    let session = client.session(&identity()).unwrap();
    session.entries(&Subject::Card(card(SUITE)), None).await
}

fn patience() -> Patience {
    Patience(Duration::from_secs(5))
}

fn freeze(world: &World) -> Vec<u8> {
    let body = FreezeCard {
        card: card(SUITE),
        member: HOSPITAL,
        by: By::Key,
        successor: None,
    };
    world.sign(body, &[7])
}

#[tokio::test]
async fn a_list_comes_whole_over_several_pages_and_goes_on_from_what_is_known() {
    let world = shared(ledger(4));
    let client = client(vec![serve(Arc::clone(&world), Mood::Honest).await.0], None);
    let history = read_list(&client).await.unwrap();
    assert_eq!(history.items.len(), 5);
    assert!(matches!(history.items[0], HistoryItem::Transaction(_)));
    world.lock().unwrap().seal_record(4);
    let session = client.session(&identity()).unwrap();
    let subject = Subject::Card(card(SUITE));
    let newer = session
        .entries(&subject, Some(history.known))
        .await
        .unwrap();
    assert_eq!((newer.items.len(), newer.known.count), (1, 6));
    assert_eq!(client.known(), Some(world.lock().unwrap().checkpoint()));
}

#[tokio::test]
async fn a_node_that_hides_the_newest_record_is_found_out() {
    let client = one(ledger(3), Mood::Hides).await;
    assert_eq!(
        read_list(&client).await.unwrap_err().code(),
        "proof.incomplete"
    );
}

#[tokio::test]
async fn an_honest_node_is_asked_when_the_first_one_hides() {
    let world = shared(ledger(3));
    let lying = serve(Arc::clone(&world), Mood::Hides).await.0;
    let honest = serve(world, Mood::Honest).await.0;
    let client = client(vec![lying, honest], None);
    assert_eq!(read_list(&client).await.unwrap().items.len(), 4);
}

#[tokio::test]
async fn a_node_that_serves_an_old_head_is_found_out() {
    let known = ledger(2).checkpoint();
    let node = serve(shared(ledger(1)), Mood::Honest).await.0;
    let client = client(vec![node], Some(known.clone()));
    assert_eq!(client.latest().await.unwrap_err().code(), "ledger.old_head");
    assert_eq!(
        read_list(&client).await.unwrap_err().code(),
        "ledger.old_head"
    );
    assert_eq!(client.known(), Some(known));
}

/// Another history under the same engine key: what a cheating operator would sign.
fn rewritten(extra: u32) -> World {
    let mut world = World::with_card(SUITE);
    let (record, _) = world.seal_record(0);
    world.withdraw(&record);
    (1..=extra).for_each(|seq| drop(world.seal_record(seq)));
    world
}

#[tokio::test]
async fn a_rewritten_history_is_a_fork_with_both_checkpoints_as_proof() {
    let known = ledger(2).checkpoint();
    for extra in [0, 3] {
        let node = serve(shared(rewritten(extra)), Mood::Honest).await.0;
        let client = client(vec![node], Some(known.clone()));
        let error = client.latest().await.unwrap_err();
        assert_eq!(error.code(), "ledger.fork");
        let LedgerError::Fork(conflict) = error else {
            panic!("a fork")
        };
        assert_eq!(*conflict.known, known);
        assert!(conflict.shown.verify(client.chain()).is_ok());
    }
}

#[tokio::test]
async fn a_proof_that_does_not_hold_is_its_nodes_failure_and_no_fork() {
    let known = ledger(2).checkpoint();
    for (mood, code) in [
        (Mood::BendsProofs, "proof.consistency"),
        (Mood::GarblesProofs, "proof.encoding"),
    ] {
        let world = shared(ledger(4));
        let bent = serve(Arc::clone(&world), mood).await.0;
        let alone = client(vec![bent.clone()], Some(known.clone()));
        assert_eq!(alone.latest().await.unwrap_err().code(), code);
        assert_eq!(read_list(&alone).await.unwrap_err().code(), code);
        assert_eq!(alone.compare_heads().await.unwrap_err().code(), code);
        assert_eq!(alone.known(), Some(known.clone()));

        let honest = serve(world, Mood::Honest).await.0;
        let both = || client(vec![bent.clone(), honest.clone()], Some(known.clone()));
        assert_eq!(both().latest().await.unwrap(), ledger(4).checkpoint());
        assert_eq!(read_list(&both()).await.unwrap().items.len(), 5);
        assert_eq!(
            both().compare_heads().await.unwrap(),
            ledger(4).checkpoint()
        );

        // The newest head of all, which nothing shows to continue the other's.
        let close = serve(shared(ledger(3)), Mood::Honest).await.0;
        let torn = client(vec![bent, close], Some(known.clone()));
        assert_eq!(torn.compare_heads().await.unwrap(), ledger(3).checkpoint());
    }
}

#[tokio::test]
async fn a_node_that_says_not_yet_for_ever_holds_no_transaction_up() {
    let world = shared(ledger(1));
    let tx = freeze(&world.lock().unwrap());
    let stalling = serve(Arc::clone(&world), Mood::Stalls).await.0;
    let honest = serve(world, Mood::Honest).await.0;
    let client = client(vec![stalling, honest], None);
    let submitted = client.submit(&tx, patience()).await.unwrap();
    assert!(submitted.accepted().is_ok());
}

#[tokio::test]
async fn heads_of_two_nodes_are_compared() {
    let newest = serve(shared(ledger(3)), Mood::Honest).await.0;
    let close = serve(shared(ledger(2)), Mood::Honest).await.0;
    let honest = client(vec![newest.clone(), close], None);
    assert_eq!(
        honest.compare_heads().await.unwrap(),
        ledger(3).checkpoint()
    );
    let forked = serve(shared(rewritten(0)), Mood::Honest).await.0;
    let torn = client(vec![newest.clone(), forked], None);
    assert_eq!(
        torn.compare_heads().await.unwrap_err().code(),
        "ledger.fork"
    );
    let old = serve(shared(World::new(SUITE)), Mood::Honest).await.0;
    let mut far = ledger(0);
    (0..130).for_each(|_| drop(far.commit(Vec::new())));
    let far = serve(shared(far), Mood::Honest).await.0;
    let stale = client(vec![far, old], None);
    assert_eq!(
        stale.compare_heads().await.unwrap_err().code(),
        "ledger.old_head"
    );
}

#[tokio::test]
async fn records_staff_and_members_come_with_their_proofs() {
    let mut world = ledger(0);
    let (record, _) = world.seal_record(0);
    let (kept, _) = world.seal_record(1);
    world.withdraw(&record);
    let client = one(world, Mood::Honest).await;
    assert!(
        client
            .record_status(&HOSPITAL, &record.id())
            .await
            .unwrap()
            .0
            .is_some()
    );
    assert!(
        client
            .record_status(&HOSPITAL, &kept.id())
            .await
            .unwrap()
            .0
            .is_none()
    );
    let doctor = client.staff(&doctor(SUITE)).await.unwrap().unwrap();
    assert_eq!(doctor.member, HOSPITAL);
    let (member, _) = client.member(&HOSPITAL).await.unwrap().unwrap();
    assert_eq!(member.member.name, "儿童医院");
    let hiding = one(ledger(0), Mood::Hides).await;
    assert_eq!(hiding.members().await.unwrap_err().code(), "proof.absent");
}

#[tokio::test]
async fn a_transaction_is_final_with_a_receipt_and_only_once() {
    let world = shared(ledger(1));
    let tx = freeze(&world.lock().unwrap());
    let (node, submissions) = serve(Arc::clone(&world), Mood::BreaksOff).await;
    let client = client(vec![node], None);
    let Submission::Final { position, .. } = client.submit(&tx, patience()).await.unwrap() else {
        panic!("accepted")
    };
    let size = world.lock().unwrap().stored.len() as u64;
    assert_eq!(position, size - 1);
    // The first answer was lost; the status answered, nothing was sent twice.
    assert_eq!(submissions.load(Ordering::SeqCst), 1);
    let again = client.submit(&tx, patience()).await.unwrap();
    assert_eq!(again.accepted().unwrap(), position);
    assert_eq!(world.lock().unwrap().stored.len() as u64, size);
}

#[tokio::test]
async fn a_refusal_is_believed_with_the_block_that_says_so() {
    let world = shared(ledger(1));
    let stored = world.lock().unwrap().stored.clone();
    // The card exists already: refused by its contract.
    let twice = world.lock().unwrap().sign(
        medfolder_ledger::Transaction::from_bytes(&stored[1])
            .unwrap()
            .body,
        &[7, 2],
    );
    let client = client(vec![serve(world, Mood::Honest).await.0], None);
    let done = client.submit(&twice, patience()).await.unwrap();
    assert!(matches!(done, Submission::Refused { .. }), "{done:?}");
    assert_eq!(done.accepted().unwrap_err().code(), "card.exists");
}

#[tokio::test]
async fn the_expired_copy_of_an_accepted_transaction_is_no_proof_that_it_was_refused() {
    let world = shared(ledger(1));
    let tx = freeze(&world.lock().unwrap());
    {
        let mut world = world.lock().unwrap();
        assert_eq!(world.commit(vec![tx.clone()]), [0]);
        world.time += 2 * medfolder_ledger::policy::DAY;
        assert_eq!(world.commit(vec![tx.clone()]), [Refusal::Expired.number()]);
    }
    let liar = serve(Arc::clone(&world), Mood::ShowsCopy).await.0;
    let honest = serve(world, Mood::Honest).await.0;
    let alone = client(vec![liar.clone()], None);
    let only_its_word = alone.submit(&tx, patience()).await.unwrap_err();
    assert_eq!(only_its_word.code(), "transaction.expired");
    let both = client(vec![liar, honest], None);
    assert!(
        both.submit(&tx, patience())
            .await
            .unwrap()
            .accepted()
            .is_ok()
    );
}

#[tokio::test]
async fn a_node_that_boasts_is_not_believed_and_the_next_one_is_asked() {
    let world = shared(ledger(1));
    let tx = freeze(&world.lock().unwrap());
    let boasting = serve(Arc::clone(&world), Mood::Boasts).await.0;
    let honest = serve(Arc::clone(&world), Mood::Honest).await.0;
    let alone = client(vec![boasting.clone()], None);
    let short = Patience(Duration::from_millis(50));
    assert_eq!(
        alone.submit(&tx, short).await.unwrap_err().code(),
        "ledger.unresolved"
    );
    let both = client(vec![boasting, honest], None);
    assert!(
        both.submit(&tx, patience())
            .await
            .unwrap()
            .accepted()
            .is_ok()
    );
}

#[tokio::test]
async fn one_nodes_refusal_before_ordering_is_not_the_ledgers() {
    let world = shared(ledger(1));
    let tx = freeze(&world.lock().unwrap());
    let refusing = serve(Arc::clone(&world), Mood::Refuses).await.0;
    let honest = serve(Arc::clone(&world), Mood::Honest).await.0;
    let alone = client(vec![refusing.clone()], None);
    let error = alone.submit(&tx, patience()).await.unwrap_err();
    assert_eq!(error.code(), "card.frozen");
    let both = client(vec![refusing, honest], None);
    assert!(
        both.submit(&tx, patience())
            .await
            .unwrap()
            .accepted()
            .is_ok()
    );
}

#[tokio::test]
async fn nodes_that_are_all_away_are_unreachable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    drop(listener);
    let client = client(vec![NodeAddress::at(url)], None);
    assert_eq!(
        client.latest().await.unwrap_err().code(),
        "ledger.unreachable"
    );
}

#[tokio::test]
async fn a_node_that_answers_nonsense_is_not_called_away() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let nonsense = axum::Router::new().fallback(async || "hello");
    tokio::spawn(async move { axum::serve(listener, nonsense).await });
    let client = client(vec![NodeAddress::at(url.parse().unwrap())], None);
    let error = client.latest().await.unwrap_err();
    assert_eq!(error.code(), "node.answer");
}

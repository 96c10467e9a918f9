//! Signatures: who may sign, what a bad one does, what a signer refuses.

use medfolder_crypto::{Secret32, Suite, to_cbor};
use medfolder_gateway::clock::Clock;
use medfolder_gateway::signer::examine::{self, Chain, Refusal};
use medfolder_gateway::signer::keyfile::DoctorKey;
use medfolder_gateway::worklist::{Answer, Answered, Answers, Item, Items, Taken, VERSION};
use medfolder_record::{ContentSalt, Draft, MemberId, Statement};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::ledger::MEMBER;
use crate::world::{Patient, World, bundle, doctor};

const SUITE: Suite = Suite::International;

async fn items(world: &World, key: &DoctorKey) -> Vec<Item> {
    let path = format!("worklist?keys={}", key.public().key_id());
    let request = world
        .request(reqwest::Method::GET, &path)
        .bearer_auth(world.token("signer"));
    let bytes = request.send().await.unwrap().bytes().await.unwrap();
    minicbor::decode::<Items>(&bytes).unwrap().items
}

async fn answer(world: &World, id: u64, answer: Answer) -> Option<String> {
    let answers = Answers {
        version: VERSION,
        answers: vec![Answered { id, answer }],
    };
    let request = world.request(reqwest::Method::POST, "worklist/answers");
    let request = request
        .bearer_auth(world.token("signer"))
        .body(to_cbor(&answers));
    let bytes = request.send().await.unwrap().bytes().await.unwrap();
    minicbor::decode::<Taken>(&bytes).unwrap().codes.remove(0)
}

fn chain(world: &World) -> Chain {
    Chain {
        suite: SUITE,
        genesis: world.chain.digest(),
        member: MEMBER,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doctor_is_enrolled_only_by_the_member_that_her_key_signed_for() {
    let mut world = World::new(SUITE).await;
    let doctor = doctor(SUITE, 1);
    let elsewhere = world.person(&doctor, &MemberId([9; 16]), "YS-0001");
    let (status, answer) = world.desk("staff", elsewhere).await;
    assert_eq!((status, &answer["code"]), (400, &"staff.possession".into()));
    world.enrol(&doctor, "YS-0001").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_signature_holds_the_whole_visit_until_it_is_signed_properly() {
    let mut world = World::new(SUITE).await;
    let (key, other) = (doctor(SUITE, 1), doctor(SUITE, 2));
    world.enrol(&key, "YS-0001").await;
    let patient = Patient::new(&world.chain, 1);
    world.post_fhir(bundle("P1", "V1", "D1", 1, "one")).await;
    world.post_fhir(bundle("P1", "V1", "D2", 1, "two")).await;
    world.link("P1", &patient).await;
    let waiting = items(&world, &key).await;
    let [good, bad] = waiting.as_slice() else {
        panic!("{waiting:?}")
    };
    let sign = |item: &Item| examine::sign(&chain(&world), &key, item, world.clock.now()).unwrap();

    assert_eq!(
        answer(&world, good.id, Answer::Signed(sign(good))).await,
        None
    );
    // The right key over another content, then another key.
    let wrong = answer(&world, bad.id, Answer::Signed(sign(good))).await;
    assert_eq!(wrong.as_deref(), Some("signature.invalid"));
    let mut foreign = sign(bad);
    foreign.key = other.public().key_id();
    let wrong = answer(&world, bad.id, Answer::Signed(foreign)).await;
    assert_eq!(wrong.as_deref(), Some("signature.other_key"));
    let proper = sign(bad);
    world
        .until_status("held", |s| s.held.len() == 1 && s.signed == 1)
        .await;
    assert_eq!(world.status().await.held[0].reason, "signature.other_key");
    assert_eq!(world.edge.deliveries, 0);

    assert_eq!(answer(&world, bad.id, Answer::Signed(proper)).await, None);
    world
        .until_status("final", |s| s.done_records == 2 && s.held.is_empty())
        .await;
    assert_eq!(world.seals().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signer_refuses_other_members_and_authors() {
    let mut world = World::new(SUITE).await;
    let key = doctor(SUITE, 1);
    world.enrol(&key, "YS-0001").await;
    world.post_fhir(bundle("P1", "V1", "D1", 1, "one")).await;
    let item = items(&world, &key).await.remove(0);
    let now = world.clock.now();
    let elsewhere = Chain {
        member: MemberId([1; 16]),
        ..chain(&world)
    };
    assert_eq!(
        examine::sign(&elsewhere, &key, &item, now),
        Err(Refusal::OtherMember)
    );
    let same_name = DoctorKey::from_seed(SUITE, "Dr. 1", &Secret32::new([9; 32]));
    assert_eq!(
        examine::sign(&chain(&world), &same_name, &item, now),
        Err(Refusal::OtherAuthor)
    );
    let other_name = DoctorKey::from_seed(SUITE, "Dr. X", &Secret32::new([101; 32]));
    assert_eq!(other_name.public().key_id(), key.public().key_id());
    assert_eq!(
        examine::sign(&chain(&world), &other_name, &item, now),
        Err(Refusal::OtherAuthor)
    );
    // A signer's refusal holds the visit with its code.
    let refused = answer(
        &world,
        item.id,
        Answer::Refused("signer.other_author".into()),
    )
    .await;
    assert_eq!(refused.as_deref(), Some("signer.other_author"));
    world.until_status("held", |s| s.held.len() == 1).await;
    let (_, retried) = world.desk("held/retry", serde_json::json!({})).await;
    assert_eq!(retried["records"], 1);
    assert_eq!(world.status().await.to_sign, 1);
}

/// An address that leads to `server`, where `from` in what it answers becomes `to`.
async fn changing(server: &str, from: &'static [u8], to: &'static [u8]) -> String {
    let (server, listener) = (
        server.trim_start_matches("http://").to_owned(),
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
    );
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&server).await.unwrap();
            let ((mut asks, mut hears), (mut says, mut takes)) =
                (client.into_split(), server.into_split());
            tokio::spawn(async move { tokio::io::copy(&mut asks, &mut takes).await });
            tokio::spawn(async move {
                let mut part = vec![0; 64 * 1024];
                while let Ok(length @ 1..) = says.read(&mut part).await {
                    let found = part[..length].windows(from.len()).position(|w| w == from);
                    if let Some(at) = found {
                        part[at..at + to.len()].copy_from_slice(to);
                    }
                    hears.write_all(&part[..length]).await.unwrap();
                }
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signer_to_whom_another_attachment_is_shown_than_the_work_list_says_does_not_sign() {
    let mut world = World::new(SUITE).await;
    let key = doctor(SUITE, 1);
    world.enrol(&key, "YS-0001").await;
    let honest = world.url.clone();
    world.url = changing(&honest, b"IHDR", b"IHDX").await;
    world.start_signer(vec![key]);
    world.url = honest;
    world.drop_family("wang-xiulan/2020-07-15-pujiang-first-atrial-fibrillation");
    world
        .until_status("the others are signed", |s| {
            s.signed == 4 && s.held.len() == 1
        })
        .await;
    assert_eq!(world.status().await.held[0].reason, "signer.attachment");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_signer_signs_what_it_computed_and_nothing_else() {
    let mut world = World::new(SUITE).await;
    let key = doctor(SUITE, 1);
    world.enrol(&key, "YS-0001").await;
    world.post_fhir(bundle("P1", "V1", "D1", 1, "one")).await;
    let mut item = items(&world, &key).await.remove(0);
    let root = |item: &Item| {
        let salt = ContentSalt::new(Secret32::new(item.salt));
        let statement = Statement::from_bytes(&item.statement).unwrap();
        Draft::new(SUITE, salt, statement, &item.body, Vec::new())
            .unwrap()
            .content_root()
    };
    let public = key.signing().verifying_key();
    let honest = root(&item);
    let signature = examine::sign(&chain(&world), &key, &item, world.clock.now()).unwrap();
    assert!(
        signature
            .verify(&public, &world.chain.digest(), &honest)
            .is_ok()
    );
    // A body that was changed on the way gives another root, never a signature over the old one.
    let changed = String::from_utf8(item.body.to_vec())
        .unwrap()
        .replace("one", "two");
    item.body = changed.into_bytes().into();
    let signature = examine::sign(&chain(&world), &key, &item, world.clock.now()).unwrap();
    assert!(
        signature
            .verify(&public, &world.chain.digest(), &honest)
            .is_err()
    );
    assert!(
        signature
            .verify(&public, &world.chain.digest(), &root(&item))
            .is_ok()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn authors_sign_their_own_records_and_only_once_enrolled() {
    let mut world = World::with(SUITE, |config| config.fallback_author = None).await;
    world.post_fhir(bundle("P1", "V1", "D1", 1, "one")).await;
    let unknown = world.status().await.unassigned;
    assert_eq!(unknown.get("record.author_unknown"), Some(&1));
    // The Practitioner of the file has licence YS-0102.
    let key = DoctorKey::from_seed(SUITE, "林静怡", &Secret32::new([55; 32]));
    world.enrol(&key, "YS-0102").await;
    world
        .until("assigned", async |world| {
            items(world, &key).await.len() == 1
        })
        .await;
    let item = items(&world, &key).await.remove(0);
    let statement = Statement::from_bytes(&item.statement).unwrap();
    assert_eq!(statement.author.key, Some(key.public().key_id()));
    assert_eq!(statement.author.name, "林静怡");

    // A compromised key signs nothing more; the record waits for another author.
    let path = format!("staff/{}/revoke", key.public().key_id());
    assert_eq!(
        world
            .desk(&path, serde_json::json!({"reason": "compromised"}))
            .await
            .0,
        200
    );
    let signature = examine::sign(&chain(&world), &key, &item, world.clock.now()).unwrap();
    assert!(
        answer(&world, item.id, Answer::Signed(signature))
            .await
            .is_some()
    );
    world
        .until_status("unassigned", |s| {
            s.unassigned.get("record.author_unknown") == Some(&1)
        })
        .await;
    let successor = DoctorKey::from_seed(SUITE, "林静怡", &Secret32::new([56; 32]));
    world.enrol(&successor, "YS-0102").await;
    world
        .until("assigned anew", async |world| {
            items(world, &successor).await.len() == 1
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_is_signed_anew_with_what_it_replaces_when_their_signers_key_ends() {
    let mut world = World::with(SUITE, |config| config.fallback_author = None).await;
    let [key, successor] =
        [55, 56].map(|seed| DoctorKey::from_seed(SUITE, "林静怡", &Secret32::new([seed; 32])));
    world.enrol(&key, "YS-0102").await;
    for (version, text) in [(1, "one"), (2, "two"), (3, "three"), (4, "four")] {
        let posted = bundle("P1", "V1", "D1", version, text);
        world.post_fhir(posted).await;
    }
    let all = async |world: &World, key: &DoctorKey| items(world, key).await.len() == 4;
    world
        .until("assigned", async |world| all(world, &key).await)
        .await;
    let path = format!("staff/{}/revoke", key.public().key_id());
    world
        .desk(&path, serde_json::json!({"reason": "ended"}))
        .await;
    world.enrol(&successor, "YS-0102").await;
    world
        .until("assigned anew", async |world| all(world, &successor).await)
        .await;
    let items = items(&world, &successor).await;
    let statements = items
        .iter()
        .map(|item| Statement::from_bytes(&item.statement));
    let replaces: Vec<bool> = statements
        .map(|one| one.unwrap().replaces.is_some())
        .collect();
    assert_eq!(replaces, [false, true, true, true]);
    let patient = Patient::new(&world.chain, 1);
    world.link("P1", &patient).await;
    world.start_signer(vec![successor]);
    world.until_status("final", |s| s.done_records == 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_compromised_after_signing_keeps_the_visit_from_being_sealed() {
    let mut world = World::new(SUITE).await;
    let key = doctor(SUITE, 1);
    world.enrol(&key, "YS-0001").await;
    world.post_fhir(bundle("P1", "V1", "D1", 1, "one")).await;
    let item = items(&world, &key).await.remove(0);
    let signature = examine::sign(&chain(&world), &key, &item, world.clock.now()).unwrap();
    assert_eq!(
        answer(&world, item.id, Answer::Signed(signature)).await,
        None
    );
    let path = format!("staff/{}/revoke", key.public().key_id());
    world
        .desk(&path, serde_json::json!({"reason": "compromised"}))
        .await;
    let patient = Patient::new(&world.chain, 1);
    world.link("P1", &patient).await;
    world
        .until_status("held", |s| {
            s.held.first().is_some_and(|h| h.reason == "staff.ended")
        })
        .await;
    assert_eq!(world.edge.deliveries, 0);
    // Another doctor answers for the record now.
    let other = doctor(SUITE, 2);
    world.enrol(&other, "YS-0001").await;
    world.desk("held/retry", serde_json::json!({})).await;
    world.start_signer(vec![other]);
    world.until_status("final", |s| s.done_records == 1).await;
    assert_eq!(world.records_of(&patient).len(), 1);
}

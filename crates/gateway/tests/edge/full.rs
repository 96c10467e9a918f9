//! A full disk: told by code, nothing acknowledged is lost, and it goes on when there is room.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use medfolder_client::api::share::ShareCondition;
use medfolder_crypto::{Digest, Suite};
use medfolder_gateway::edge::blob::{BlobError, Blobs, Directory, OpenBlob, Source};
use medfolder_gateway::spool::Out;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::hospital::{self, send};
use crate::sharing::{Shared, Wish};
use crate::world::{Card, World, dr_li, json_of, text, tuning};

/// A directory on a disk that may be full: half of what is written fits.
struct Disk {
    directory: Directory,
    full: Arc<AtomicBool>,
    refused: Arc<AtomicU32>,
}

/// A source that ends as a write to a full disk does.
struct Half<'a>(&'a mut dyn Read, usize);

impl Read for Half<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.1 += 1;
        if self.1 > 1 {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        let half = buffer.len() / 2;
        self.0.read(&mut buffer[..half])
    }
}

impl Blobs for Disk {
    fn put_all(&self, sources: &mut [Source<'_>]) -> Result<Vec<(Digest, u64)>, BlobError> {
        if !self.full.load(Ordering::SeqCst) {
            return self.directory.put_all(sources);
        }
        self.refused.fetch_add(1, Ordering::SeqCst);
        let mut halves: Vec<_> = sources
            .iter_mut()
            .map(|(s, limit)| (Half(s, 0), *limit))
            .collect();
        let halves = halves
            .iter_mut()
            .map(|(half, limit)| (half as &mut dyn Read, *limit));
        self.directory.put_all(&mut halves.collect::<Vec<_>>())
    }

    fn get(&self, name: &Digest) -> Result<Option<OpenBlob>, BlobError> {
        self.directory.get(name)
    }

    fn delete(&self, name: &Digest) -> Result<(), BlobError> {
        self.directory.delete(name)
    }

    fn list(&self) -> Result<Vec<Digest>, BlobError> {
        self.directory.list()
    }
}

fn files_in(world: &World, dir: &str) -> usize {
    std::fs::read_dir(world.dir.path().join(dir))
        .unwrap()
        .count()
}

/// Status and code of an upload into a new draft.
async fn upload(world: &World, card: &Card, shared: &Shared) -> (StatusCode, String) {
    let token = world.log_in(card).await.unwrap();
    let draft = world.draft(&token, false).await;
    let url = world.at(&format!("/v1/shares/drafts/{}/files/0", draft.draft));
    let request = world.http.put(url).body(shared.files[0].clone());
    let response = request.bearer_auth(token).send().await.unwrap();
    (response.status(), text(&json_of(response).await, "code"))
}

#[tokio::test]
async fn a_disk_without_room_for_ciphertext_is_told_and_deliveries_wait_for_room() {
    let (full, refused) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU32::new(0)),
    );
    let mut world = World::without_edge(Suite::International, tuning());
    let blobs = world.dir.path().join("edge/blobs");
    world.blobs = Some(Arc::new(Disk {
        directory: Directory::open(&blobs, Suite::International).unwrap(),
        full: full.clone(),
        refused: refused.clone(),
    }));
    world.restart().await;
    let card = world.card().await;
    let before = world.deliver(&card, 80).await;
    let shared = world.share(&card, Wish::default()).await;

    full.store(true, Ordering::SeqCst);
    let told = (StatusCode::INSUFFICIENT_STORAGE, "storage.full".to_owned());
    assert_eq!(upload(&world, &card, &shared).await, told);
    let visit = hospital::visit(&world, &card, 81, &[81; 200_000]);
    send(&world, Out::Delivery(visit.delivery.clone()));
    let tried = || async { (refused.load(Ordering::SeqCst) > 1).then_some(()) };
    world.eventually("the delivery was tried", tried).await;
    world.open(&shared, dr_li()).await;
    let token = world.log_in(&card).await.unwrap();
    let path = format!("/v1/zone/records/{}/envelope", before.records[0]);
    assert_eq!(
        world.get(&path, Some(&token)).await.status(),
        StatusCode::OK,
        "reading goes on"
    );
    assert!(!world.is_sealed(visit.id));
    assert_eq!(files_in(&world, "out/new"), 1);
    // Between two tries nothing half-written lies there.
    let clean = || async { (files_in(&world, "edge/blobs/tmp") == 0).then_some(()) };
    world.eventually("what did not fit is gone", clean).await;

    full.store(false, Ordering::SeqCst);
    let id = visit.id;
    let sealed = || async { world.is_sealed(id).then_some(()) };
    world.eventually("the delivery goes on", sealed).await;
    assert_eq!(
        upload(&world, &card, &shared).await.0,
        StatusCode::NO_CONTENT
    );
    let audit = world.audit().await;
    assert_eq!(
        (&audit["records"], &audit["changed"], &audit["missing"]),
        (&4.into(), &0.into(), &0.into())
    );
}

#[tokio::test]
async fn an_index_without_room_answers_nothing_that_it_cannot_count() {
    let mut world = World::new().await;
    let card = world.card().await;
    let wish = Wish {
        passcode: Some("right"),
        ..Wish::default()
    };
    let locked = world.share(&card, wish).await;
    let open = world.share(&card, Wish::default()).await;
    world.deliver(&card, 82).await;

    // As large as it is now, and not a page more.
    world.tuning.index_bytes = Some(1);
    world.restart().await;
    let filled = fill(&world, &card).await;
    assert_eq!(filled, "storage.full");
    let visit = hospital::visit(&world, &card, 83, b"picture");
    send(&world, Out::Delivery(visit.delivery.clone()));
    let stays = || async { (files_in(&world, "out/new") == 1).then_some(()) };
    world.eventually("the delivery waits", stays).await;
    let sessions = opened_until_full(&world, &open).await;

    world.tuning.index_bytes = None;
    world.restart().await;
    let id = visit.id;
    let sealed = || async { world.is_sealed(id).then_some(()) };
    world.eventually("the delivery goes on", sealed).await;
    let state = world.state(&open).await;
    assert_eq!(
        (state.state, state.opened),
        (ShareCondition::Live, sessions)
    );
    assert_eq!(world.state(&locked).await.tries_left, Some(5));
    let right = json!({ "recipient": "Dr. Li", "passcode": "right" });
    assert_eq!(world.open(&locked, right).await.len(), 3);
}

/// Opens drafts until there is no room for another; the refusal's code.
async fn fill(world: &World, card: &Card) -> String {
    let token = world.log_in(card).await.unwrap();
    for _ in 0..16 {
        let wish = json!({ "direct": false });
        let response = world.post("/v1/shares/drafts", Some(&token), &wish).await;
        let draft: Value = match response.status() {
            StatusCode::OK => json_of(response).await,
            status => {
                assert_eq!(status, StatusCode::INSUFFICIENT_STORAGE);
                return text(&json_of(response).await, "code");
            }
        };
        for k in 0..100 {
            let path = format!("/v1/shares/drafts/{}/files/{k}", text(&draft, "draft"));
            let jwe = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwiY3R5IjoiYXBwbGljYXRpb24vZmhpcitqc29uIn0..AAAAAAAAAAAAAAAA.YQ.AAAAAAAAAAAAAAAAAAAAAA";
            let request = world.http.put(world.at(&path)).body(jwe);
            let response = request.bearer_auth(&token).send().await.unwrap();
            if !response.status().is_success() {
                assert_eq!(response.status(), StatusCode::INSUFFICIENT_STORAGE);
                return text(&json_of(response).await, "code");
            }
        }
    }
    String::new()
}

/// Sessions that were let in before the answer was 503 with a time to come again.
async fn opened_until_full(world: &World, shared: &Shared) -> u32 {
    for session in 0..200 {
        let body = json!({ "recipient": "Dr. Li", "_s": format!("session-{session}") });
        let response = world.manifest(shared, body).await;
        if response.status() != StatusCode::OK {
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert!(response.headers().contains_key("retry-after"));
            assert_eq!(text(&json_of(response).await, "code"), "storage.full");
            return session;
        }
    }
    panic!("the index never filled up");
}

//! What is final leaves no plaintext behind: marker strings through every inlet, then all files read.

use std::path::Path;

use medfolder_crypto::Suite;

use crate::refused::refused_for_good;
use crate::world::{Patient, World, bundle, doctor};

const MARKERS: [&str; 5] = [
    "MARKER-BODY-7f3a",
    "MARKER-FILE-19c2",
    "P-MARKER-5521",
    "V-MARKER-88",
    "D-MARKER-61",
];

fn found_in(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found_in(&path, found);
            continue;
        }
        // Gone meanwhile: nothing is in it.
        let Ok(bytes) = std::fs::read(&path) else {
            continue;
        };
        for marker in MARKERS {
            if bytes
                .windows(marker.len())
                .any(|window| window == marker.as_bytes())
            {
                found.push(format!("{marker} in {}", path.display()));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_marker_is_in_any_file_before_or_after_sealing() {
    let mut world = World::new(Suite::International).await;
    world.one_doctor().await;
    let text = format!("{} 青霉素", MARKERS[0]);
    let posted = bundle(MARKERS[2], MARKERS[3], MARKERS[4], 1, &text);
    assert_eq!(world.post_fhir(posted).await.0, 200);
    let attachment = r#"{"fullUrl":"urn:uuid:00000000-0000-4000-8000-000000000001","resource":{"resourceType":"DocumentReference","status":"current","content":[{"attachment":{"contentType":"text/plain","url":"files/a.txt"}}]}},{"fullUrl""#;
    let watched = String::from_utf8(bundle(MARKERS[2], MARKERS[3], "D2", 1, &text)).unwrap();
    let at = watched.rfind(r#"{"fullUrl""#).unwrap();
    let watched = format!("{}{attachment}{}", &watched[..at], &watched[at + 10..]);
    std::fs::create_dir_all(world.watched().join("files")).unwrap();
    std::fs::write(world.watched().join("files/a.txt"), MARKERS[1].repeat(5000)).unwrap();
    std::fs::write(world.watched().join("visit.json"), watched).unwrap();
    std::fs::write(
        world.watched().join("bad.json"),
        format!("{{ {}", MARKERS[0]),
    )
    .unwrap();
    world
        .until_status("all signed", |s| s.signed == 2 && s.skipped.len() == 1)
        .await;

    let folder = world.watched();
    world
        .until("the delivered files are removed", async |_| {
            let mut left = Vec::new();
            found_in(&folder, &mut left);
            left.is_empty()
        })
        .await;
    // Waiting for a card: encrypted already, nothing in clear on any disk.
    let mut found = Vec::new();
    found_in(world.dir.path(), &mut found);
    assert_eq!(found, Vec::<String>::new());

    let patient = Patient::new(&world.chain, 1);
    world.link(MARKERS[2], &patient).await;
    world.until_status("final", |s| s.done_records == 2).await;
    world.edge.turn();
    assert_eq!(world.records_of(&patient).len(), 2);
    world.halt().await;
    found_in(world.dir.path(), &mut found);
    assert_eq!(found, Vec::<String>::new());
    // Not even encrypted drafts or attachments are kept.
    let files = std::fs::read_dir(world.config.data_dir.join("files"))
        .unwrap()
        .count();
    assert_eq!(files, 1, "only the refused file is kept, encrypted");
    let db = rusqlite::Connection::open(world.config.data_dir.join("inner.db")).unwrap();
    let count = |table: &str| rows(&db, table);
    assert_eq!((count("drafts"), count("outbox")), (0, 0));
    world.start().await;
}

fn rows(db: &rusqlite::Connection, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    db.query_row(&sql, [], |row| row.get(0)).unwrap()
}

/// A visit without a card, with an attachment.
fn waiting() -> Vec<u8> {
    let document = bundle("P3", "V3", "D3", 1, "three");
    let text = String::from_utf8(document).unwrap();
    let file = r#"{"fullUrl":"urn:uuid:00000000-0000-4000-8000-000000000003","resource":{"resourceType":"DocumentReference","status":"current","content":[{"attachment":{"contentType":"text/plain","url":"files/three.txt"}}]}},{"fullUrl""#;
    let at = text.rfind(r#"{"fullUrl""#).unwrap();
    format!("{}{file}{}", &text[..at], &text[at + 10..]).into_bytes()
}

async fn deliver_waiting(world: &mut World) {
    let files = world.watched().join("files");
    std::fs::create_dir_all(&files).unwrap();
    std::fs::write(files.join("three.txt"), "three").unwrap();
    std::fs::write(world.watched().join("three.json"), waiting()).unwrap();
    world
        .until_status("it waits for a card", |s| s.waiting_for_card == 1)
        .await;
}

/// Starts again `days` later; gives what is kept: rejected files, records with a draft, all
/// records, and encrypted files.
async fn days_later(world: &mut World, days: u64) -> (i64, i64, i64, usize) {
    world.halt().await;
    world.clock.advance(days * 24 * 3_600_000);
    world.start().await;
    // The signer is told where the zone listens now.
    world.stop_signer();
    let doctor = doctor(world.chain.suite(), 1);
    world.start_signer(vec![doctor]);
    let db = rusqlite::Connection::open(world.config.data_dir.join("inner.db")).unwrap();
    let files = std::fs::read_dir(world.config.data_dir.join("files"));
    let [rejected, drafts, records] = ["rejected", "drafts", "records"].map(|of| rows(&db, of));
    (rejected, drafts, records, files.unwrap().count())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_rejected_or_cannot_be_sealed_is_kept_thirty_days_and_then_taken_as_new() {
    let mut world = World::new(Suite::International).await;
    world.one_doctor().await;
    let patient = Patient::new(&world.chain, 1);
    world.post_fhir(bundle("P1", "V1", "D1", 1, "one")).await;
    world.link("P1", &patient).await;
    world.until_status("final", |s| s.done == 1).await;
    // Refused by the ledger, without a card, and no FHIR at all.
    refused_for_good(&mut world).await;
    deliver_waiting(&mut world).await;
    std::fs::write(world.watched().join("bad.json"), "{ bad").unwrap();
    world
        .until_status("rejected", |s| s.skipped.len() == 1)
        .await;

    assert_eq!(days_later(&mut world, 29).await, (1, 2, 3, 2));
    assert_eq!(days_later(&mut world, 2).await, (0, 0, 1, 0));
    let status = world.status().await;
    assert!(
        status.skipped.is_empty() && status.held.is_empty(),
        "{status:?}"
    );
    assert_eq!((status.waiting_for_card, status.done), (0, 1));

    // The hospital's system delivers again.
    deliver_waiting(&mut world).await;
    let other = Patient::new(&world.chain, 2);
    world.link("P3", &other).await;
    world.until_status("final", |s| s.done == 2).await;
    assert_eq!(world.records_of(&other).len(), 1);
}

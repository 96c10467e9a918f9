//! A watched folder in which somebody swaps folders for links while it is read.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use medfolder_crypto::Suite;

use crate::world::{World, bundle};

const VISITS: usize = 12;

/// Swaps every folder of `watched` with a link to one of the same name elsewhere, and back; how many.
fn swap(watched: &Path, aside: &Path, elsewhere: &Path) -> usize {
    let mut swapped = 0;
    for visit in (0..VISITS).map(|n| n.to_string()) {
        let (here, there) = (watched.join(&visit), aside.join(&visit));
        if std::fs::rename(&here, &there).is_ok() {
            std::os::unix::fs::symlink(elsewhere.join(&visit), &here).unwrap();
            std::thread::yield_now();
            std::fs::remove_file(&here).unwrap();
            std::fs::rename(&there, &here).unwrap();
            swapped += 1;
        }
    }
    swapped
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_behind_a_link_is_neither_taken_nor_removed() {
    let mut world = World::new(Suite::International).await;
    let (aside, elsewhere) = (
        world.dir.path().join("aside"),
        world.dir.path().join("else"),
    );
    let watched = world.watched();
    std::fs::create_dir_all(&aside).unwrap();
    let name = |folder: &Path, n: usize| folder.join(n.to_string()).join("visit.json");
    let theirs = |n: usize| bundle(&format!("Q{n}"), "V9", "D9", 1, "not delivered");
    for n in 0..VISITS {
        std::fs::create_dir_all(elsewhere.join(n.to_string())).unwrap();
        std::fs::write(name(&elsewhere, n), theirs(n)).unwrap();
        std::fs::create_dir_all(watched.join(n.to_string())).unwrap();
        let ours = bundle(&format!("P{n}"), "V1", "D1", 1, "text");
        std::fs::write(name(&watched, n), ours).unwrap();
    }
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let (from, to, there) = (watched.clone(), aside, elsewhere.clone());
    let swapping = std::thread::spawn(move || {
        let mut swapped = 0;
        while !stopped.load(Ordering::SeqCst) {
            swapped += swap(&from, &to, &there);
        }
        swapped
    });
    world
        .until_status("some are taken while it goes on", |status| {
            status.records > 2
        })
        .await;
    stop.store(true, Ordering::SeqCst);
    assert!(swapping.join().unwrap() > VISITS);
    world
        .until("all are taken and gone", async |world| {
            let gone = (0..VISITS).all(|n| !name(&watched, n).exists());
            gone && world.status().await.records == VISITS as u64
        })
        .await;
    for n in 0..VISITS {
        assert_eq!(std::fs::read(name(&elsewhere, n)).unwrap(), theirs(n));
    }
    // A document that was met behind a link is not refused either: it is looked for again.
    assert!(world.status().await.skipped.is_empty());
}

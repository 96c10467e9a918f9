//! A disk or somebody changes one byte of what lies between inner zone and edge, in either direction,
//! while the reader does not run: it is named, kept aside, and comes again by itself.

use crate::documents::{self, Document, PATIENT};
use crate::kills::{come_to_rest, drop_file};
use crate::world::World;
use medfolder_gateway::inner::Status;
use medfolder_tests::{Device, eventually};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
/// A visit with an attachment.
const VISIT: u32 = 1;

fn world() -> (World, Device) {
    let mut world = World::new();
    world.start_all();
    let device = world.device("device");
    device.create();
    let first = deliver(&world, 0);
    device.link(&world.config(&World::service(0, "inner")), PATIENT);
    come_to_rest(&mut world, &device, &first);
    assert_eq!(device.records().len(), first.len());
    (world, device)
}

fn deliver(world: &World, number: u32) -> Vec<(PathBuf, Document)> {
    let documents = documents::visit(0, number).into_iter();
    let dropped = documents.map(|document| (drop_file(&world.watched(0), &document), document));
    dropped.collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let third = bytes.len() / 3;
    bytes[third] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn until(world: &World, what: &str, holds: impl Fn(&Status) -> bool) {
    let held = eventually(PATIENCE, || {
        world.status(0).is_some_and(|status| holds(&status))
    });
    assert!(held, "{what}: {:#?}", world.status(0));
}

fn is_told(status: &Status, code: &str) -> bool {
    let told = status.troubles.contains("inner.delivery_refused");
    told && status.retried.iter().any(|visit| visit.reason == code)
}

#[test]
fn what_a_disk_changes_on_the_way_to_the_edge_is_named_and_arrives_all_the_same() {
    type Harm = fn(&Path);
    let harms: [(&str, Harm, &str); 3] = [
        ("new", flip, "spool.bad"),
        ("new", |file| fs::write(file, []).unwrap(), "spool.bad"),
        ("blobs", flip, "delivery.attachment"),
    ];
    let (mut world, device) = world();
    let mut known = device.records().len();
    let edge = World::service(0, "edge");
    let spool = world.spool(0, "spool_out");
    for (number, (part, harm, code)) in (0..).zip(harms) {
        world.signal(&edge, "STOP");
        let visit = deliver(&world, VISIT + 3 * number);
        until(&world, "sealed", |status| {
            status.sealed > 0 && status.signed + status.to_sign + status.outbox == 0
        });
        let before = files(&spool.join("bad")).len();
        harm(&files(&spool.join(part))[0]);
        // As long as the ledger stands still the seal is not final, and the trouble stays.
        world.signal("node", "STOP");
        world.signal(&edge, "CONT");
        until(&world, "told", |status| is_told(status, code));
        let kept = eventually(PATIENCE, || files(&spool.join("bad")).len() == before + 1);
        assert!(kept, "{:?}", files(&spool.join("bad")));
        world.signal("node", "CONT");
        known += visit.len();
        come_to_rest(&mut world, &device, &visit);
        assert_eq!(device.records().len(), known);
        until(&world, "no trouble is left", |status| {
            status.retried.is_empty() && !status.troubles.contains("inner.delivery_refused")
        });
        assert!(files(&spool.join("blobs")).is_empty());
    }
}

#[test]
fn blocks_that_a_disk_changes_on_the_way_inwards_are_handed_in_again() {
    let (mut world, device) = world();
    let known = device.records().len();
    let inner = World::service(0, "inner");
    let incoming = world.spool(0, "spool_in").join("new");
    world.signal(&inner, "STOP");
    // The other hospital's seals make blocks meanwhile.
    let documents = documents::visit(1, 0).into_iter();
    let there = documents.map(|document| (drop_file(&world.watched(1), &document), document));
    let there: Vec<_> = there.collect();
    device.link(&world.config(&World::service(1, "inner")), PATIENT);
    assert!(eventually(PATIENCE, || !files(&incoming).is_empty()));
    flip(&files(&incoming)[0]);
    world.signal(&inner, "CONT");
    let here = deliver(&world, VISIT);
    let both: Vec<_> = here.iter().chain(&there).cloned().collect();
    come_to_rest(&mut world, &device, &both);
    assert_eq!(device.records().len(), known + both.len());
    until(&world, "no trouble is left", |status| {
        status.troubles.is_empty()
    });
}

//! Clocks that are wrong by a day: what stays possible, which code says what is not and whose clock
//! it is, and that everything goes on once it is right.

use crate::documents::{self, PATIENT};
use crate::kills::{come_to_rest, drop_file};
use crate::world::{World, ask};
use medfolder_gateway::inner::Status;
use medfolder_tests::{Device, Ended, eventually, medfolder, run, told};
use std::time::Duration;

const DAY: i64 = 86_400_000;
const PATIENCE: Duration = Duration::from_secs(60);

fn sync(device: &Device, shift: i64) -> Ended {
    let mut command = device.folder(&["sync"]);
    run(command.env("MEDFOLDER_CLOCK_SHIFT", shift.to_string()))
}

/// A world in which the device has the first hospital's first visit.
fn world() -> (World, Device) {
    let (world, device, _) = with_words();
    (world, device)
}

/// The same, and the folder's words.
fn with_words() -> (World, Device, String) {
    let mut world = World::new();
    world.start_all();
    let device = world.device("device");
    let words = device.create();
    deliver(&world, 0);
    device.link(&world.config(&World::service(0, "inner")), PATIENT);
    come_to_rest(&mut world, &device, &[]);
    (world, device, words)
}

/// Hands a visit over at the first hospital; gives how many documents it has.
fn deliver(world: &World, number: u32) -> usize {
    let documents = documents::visit(0, number);
    for document in &documents {
        drop_file(&world.watched(0), document);
    }
    documents.len()
}

/// Starts a service again with a clock that is so much ahead.
fn restart(world: &mut World, service: &str, shift: i64) {
    world.kill(service);
    world.shift(service, shift);
    world.start(service);
}

fn until(world: &World, what: &str, holds: impl Fn(&Status) -> bool) {
    let mut last = None;
    let held = eventually(PATIENCE, || {
        last = world.status(0);
        last.as_ref().is_some_and(&holds)
    });
    assert!(held, "{what}: {last:#?}");
}

/// Shares everything for an hour; gives the link.
fn share(device: &Device) -> String {
    let made = told(&mut device.folder(&["share", "--all", "--no-code", "--for", "1h"]));
    made.last()["link"].as_str().unwrap().to_owned()
}

fn opened(link: &str) -> String {
    let ended = run(&mut medfolder(&["open", link]));
    match ended.exit {
        0 => "opened".to_owned(),
        _ => ended.error_code().to_owned(),
    }
}

#[test]
fn a_device_or_an_edge_whose_clock_is_wrong_by_a_day_is_named_and_nothing_is_lost() {
    let (mut world, device, words) = with_words();
    let (mut known, link) = (device.records().len(), share(&device));
    assert_eq!(opened(&link), "opened");

    // The device knows from the blocks it verified that its clock is behind; ahead, it reads on.
    let behind = sync(&device, -DAY);
    let (exit, code) = (behind.exit, behind.error_code());
    assert_eq!((exit, code), (1, "sync.device_clock"), "{}", behind.stdout);
    assert_eq!(sync(&device, DAY).last()["complete"], true);
    // What is in the vault opens offline; a share would begin tomorrow, which its host refuses.
    for shift in [-DAY, DAY] {
        let mut list = device.folder(&["list"]);
        let listed = told(list.env("MEDFOLDER_CLOCK_SHIFT", shift.to_string()));
        let verified = listed.lines.iter().filter(|line| line["verified"] == true);
        assert_eq!(verified.count(), known);
    }
    let mut ahead = device.folder(&["share", "--all", "--no-code", "--for", "1h"]);
    let ahead = run(ahead.env("MEDFOLDER_CLOCK_SHIFT", DAY.to_string()));
    assert_eq!(
        (ahead.exit, ahead.error_code()),
        (1, "grant.window"),
        "{}",
        ahead.stdout
    );
    // Before its first sync a device knows no block: the log-in fails by name.
    let restored = world.device("restored");
    restored.restore(&words);
    assert_eq!(sync(&restored, -DAY).error_code(), "login.clock");
    assert_eq!(sync(&restored, 0).last()["complete"], true);
    assert_eq!(restored.records().len(), known);

    // An edge whose clock is wrong relies on no state of the ledger: shares stay closed, unharmed.
    let edge = World::service(0, "edge");
    for (number, shift) in [(3, DAY), (6, -DAY)] {
        restart(&mut world, &edge, shift);
        world.wait_for(&edge);
        known += deliver(&world, number);
        assert_eq!(opened(&link), "host.behind", "{shift}");
        let expected = if shift > 0 { "sync.hospital_clock" } else { "" };
        let named = || sync(&device, 0).error_code() == expected;
        assert!(eventually(PATIENCE, named), "{}", sync(&device, 0).stdout);
        restart(&mut world, &edge, 0);
        come_to_rest(&mut world, &device, &[]);
        assert_eq!(device.records().len(), known);
        assert!(eventually(PATIENCE, || opened(&link) == "opened"));
    }
}

#[test]
fn an_inner_zone_or_signer_whose_clock_is_wrong_by_a_day_is_named_and_nothing_is_lost() {
    let (mut world, device) = world();
    let mut known = device.records().len();
    let (inner, signer) = (World::service(0, "inner"), World::service(0, "signer"));

    // Who signs for tomorrow, or after the inner zone's today, is held with the reason.
    for (number, service, shift) in [(3, &signer, DAY), (6, &inner, -DAY)] {
        restart(&mut world, service, shift);
        world.wait_for(&inner);
        known += deliver(&world, number);
        until(&world, "held", |status| {
            let times = status
                .held
                .iter()
                .all(|held| held.reason == "signature.time");
            !status.held.is_empty() && status.to_sign == 0 && times
        });
        let named = world.status(0).unwrap().troubles;
        assert_eq!(named.contains("inner.clock_behind"), shift < 0, "{named:?}");
        restart(&mut world, service, 0);
        world.wait_for(&inner);
        let (address, token) = (world.address(&inner).unwrap(), world.token(0, "desk"));
        let retried = ask(address, "POST", "/v1/held/retry", &token, "");
        assert_eq!(retried.unwrap().0, 200);
        come_to_rest(&mut world, &device, &[]);
        assert_eq!(device.records().len(), known);
    }

    // A seal of tomorrow is not taken today; it is signed again when the clock is right.
    restart(&mut world, &inner, DAY);
    world.wait_for(&inner);
    known += deliver(&world, 9);
    until(&world, "sealed", |status| status.sealed > 0);
    let named = world.status(0).unwrap().troubles;
    assert!(named.contains("inner.ledger_old"), "{named:?}");
    assert_eq!(sync(&device, 0).last()["complete"], true);
    restart(&mut world, &inner, 0);
    come_to_rest(&mut world, &device, &[]);
    assert_eq!(device.records().len(), known);
}

#[test]
fn a_node_whose_clock_is_wrong_by_a_day_stamps_nothing_that_counts_and_nothing_is_lost() {
    let (mut world, device) = world();
    let mut known = device.records().len();
    let node = world.address("node").unwrap();
    let is_stopped = || {
        let health = ask(node, "GET", "/healthz", "", "");
        health.is_some_and(|(status, said)| status == 503 && said.contains("engine.clock_behind"))
    };

    // One that is behind stamps nothing; reading goes on, and what is delivered waits.
    restart(&mut world, "node", -DAY);
    assert!(eventually(PATIENCE, is_stopped), "{}", world.log("node"));
    known += deliver(&world, 3);
    until(&world, "sealed", |status| status.sealed > 0);
    assert_eq!(sync(&device, 0).last()["complete"], true);
    restart(&mut world, "node", 0);
    world.wait_for("node");
    come_to_rest(&mut world, &device, &[]);
    assert_eq!(device.records().len(), known);

    // Nobody logs in at one that is ahead. What it stamped meanwhile stands: set right, it waits
    // for its own last block's time, and what is delivered waits with it.
    let head = || ask(node, "GET", "/v1/checkpoints/latest", "", "");
    let before = head();
    restart(&mut world, "node", DAY);
    world.wait_for("node");
    assert_eq!(sync(&device, 0).error_code(), "login.clock");
    assert!(eventually(PATIENCE, || head() != before));
    restart(&mut world, "node", 0);
    assert!(eventually(PATIENCE, is_stopped), "{}", world.log("node"));
    known += deliver(&world, 6);
    until(&world, "sealed", |status| status.sealed > 0);
    assert_eq!(sync(&device, 0).last()["complete"], true);

    // A day later.
    for service in World::services() {
        restart(&mut world, &service, DAY);
    }
    let later = || sync(&device, DAY);
    let arrived = eventually(PATIENCE, || {
        later().exit == 0 && device.records().len() == known
    });
    let later = later();
    assert!(arrived, "{}", later.stdout);
    assert_eq!(later.last()["failed"], serde_json::json!([]));
}

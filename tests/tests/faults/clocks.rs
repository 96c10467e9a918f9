//! Clocks that are wrong by a day: what stays possible, and which code says what is not.

use crate::documents::{self, PATIENT};
use crate::kills::{come_to_rest, drop_file};
use crate::world::{World, ask};
use medfolder_tests::{Device, Ended, eventually, run, told};
use std::time::Duration;

const DAY: i64 = 86_400_000;
const PATIENCE: Duration = Duration::from_secs(30);

fn sync(device: &Device, shift: i64) -> Ended {
    let mut command = device.folder(&["sync"]);
    run(command.env("MEDFOLDER_CLOCK_SHIFT", shift.to_string()))
}

#[test]
fn a_clock_that_is_wrong_by_a_day_is_named_and_nothing_is_lost() {
    let mut world = World::new();
    world.start_all();
    let device = world.device("device");
    device.create();
    let first = documents::visit(0, 0);
    first
        .iter()
        .for_each(|document| drop(drop_file(&world.watched(0), document)));
    device.link(&world.config(&World::service(0, "inner")), PATIENT);
    come_to_rest(&mut world, &device, &[]);

    // A device that is behind takes the node's challenge for one that runs too long.
    let behind = sync(&device, -DAY);
    assert_eq!(
        (behind.exit, behind.error_code()),
        (1, "login.clock"),
        "{}",
        behind.stdout
    );
    // One that is ahead reads and verifies as ever.
    assert_eq!(sync(&device, DAY).last()["complete"], true);

    // A node that is behind stamps nothing; reading goes on, and what is delivered waits.
    world.kill("node");
    world.shift("node", -DAY);
    world.start("node");
    let node = world.address("node").unwrap();
    let stopped = eventually(PATIENCE, || {
        let health = ask(node, "GET", "/healthz", "", "");
        health.is_some_and(|(status, said)| status == 503 && said.contains("engine.clock_behind"))
    });
    assert!(stopped, "{}", world.log("node"));
    let second = documents::visit(0, 3);
    second
        .iter()
        .for_each(|document| drop(drop_file(&world.watched(0), document)));
    let waits = || world.status(0).is_some_and(|status| status.sealed > 0);
    assert!(eventually(PATIENCE, waits));
    assert_eq!(sync(&device, 0).last()["complete"], true);
    let known = device.records().len();
    world.kill("node");
    world.shift("node", 0);
    world.start("node");
    world.wait_for("node");
    come_to_rest(&mut world, &device, &[]);
    assert_eq!(device.records().len(), known + second.len());

    // An edge that is ahead opens no session; right again, it serves.
    let edge = World::service(0, "edge");
    world.kill(&edge);
    world.shift(&edge, DAY);
    world.start(&edge);
    world.wait_for(&edge);
    let third = documents::visit(0, 6);
    third
        .iter()
        .for_each(|document| drop(drop_file(&world.watched(0), document)));
    let refused = eventually(PATIENCE, || sync(&device, 0).error_code() == "login.clock");
    assert!(refused, "{}", sync(&device, 0).stdout);
    world.kill(&edge);
    world.shift(&edge, 0);
    world.start(&edge);
    come_to_rest(&mut world, &device, &[]);
    assert_eq!(
        told(&mut device.folder(&["sync"])).last()["failed"],
        serde_json::json!([])
    );
    assert_eq!(device.records().len(), known + second.len() + third.len());
}

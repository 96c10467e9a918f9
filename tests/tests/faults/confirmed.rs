//! An edge that calls a card confirmed which nobody at the desk confirmed: the ledger is asked, and
//! the card waits as before.

use crate::documents::{self, PATIENT};
use crate::kills::{come_to_rest, drop_file};
use crate::proxy::Proxy;
use crate::world::World;
use medfolder_tests::{eventually, medfolder, run, told};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn a_card_that_only_the_edge_calls_confirmed_is_not_linked_and_can_be_linked_later() {
    let mut world = World::new();
    let edge = Proxy::before(&world, &World::service(0, "edge"));
    world.start_all();
    let device = world.device("device");
    device.create();
    let documents = documents::visit(0, 0).into_iter();
    let delivered: Vec<_> = documents
        .map(|one| (drop_file(&world.watched(0), &one), one))
        .collect();
    let inner = world.config(&World::service(0, "inner"));
    let at = inner.to_str().unwrap();
    let words = ["desk", "code", "--config", at, "--patient", PATIENT];
    let mut given = run(&mut medfolder(&words));
    assert!(eventually(PATIENCE, || {
        given = run(&mut medfolder(&words));
        given.exit == 0
    }));
    let link = given.last()["link"].as_str().unwrap().to_owned();
    edge.bend("/v1/desk/claims/", |answer| {
        *answer = br#"{"state":"confirmed"}"#.to_vec();
    });
    let lied = run(&mut device.folder(&["link", &link]));
    assert_eq!((lied.exit, lied.error_code()), (1, "desk.unproven"));
    told(&mut device.folder(&["sync"]));
    edge.be_honest();
    device.link(&inner, PATIENT);
    come_to_rest(&mut world, &device, &delivered);
    let synced = told(&mut device.folder(&["sync"]));
    assert_eq!(synced.last()["complete"], true);
    assert!(!told(&mut device.folder(&["list"])).lines.is_empty());
}

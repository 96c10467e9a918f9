//! A patient's program that is stopped or killed while a request of its is on the way: at Ctrl-C a
//! sync keeps what came, and a share that was cut off is ended whatever becomes of its request.

use crate::documents::{self, PATIENT};
use crate::kills::{come_to_rest, drop_file};
use crate::proxy::{Gate, Proxy};
use crate::world::World;
use medfolder_tests::{Device, Ended, eventually, medfolder, run, told};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long whatever is waited for may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// A word of the records' that only an index finds.
const WORD: &str = "华法林";

/// A patient with two visits at a hospital, whose edge stands behind the proxy.
pub(crate) struct Patient {
    world: World,
    pub(crate) edge: Proxy,
    pub(crate) device: Device,
    words: String,
}

impl Patient {
    pub(crate) fn new() -> Self {
        let mut world = World::new();
        let edge = Proxy::before(&world, &World::service(0, "edge"));
        world.start_all();
        let device = world.device("device");
        let words = device.create();
        let delivered = [0, 1].map(|visit| {
            let documents = documents::visit(0, visit).into_iter();
            let dropped = documents.map(|one| (drop_file(&world.watched(0), &one), one));
            dropped.collect::<Vec<_>>()
        });
        device.link(&world.config(&World::service(0, "inner")), PATIENT);
        come_to_rest(&mut world, &device, &delivered.concat());
        told(&mut device.folder(&["sync"]));
        Self {
            world,
            edge,
            device,
            words,
        }
    }

    /// Another device with the same folder, that has not synced yet.
    fn another(&self, name: &str) -> Device {
        let device = self.world.device(name);
        device.restore(&self.words);
        device
    }
}

fn signal(child: &Child, signal: &str) {
    let id = child.id().to_string();
    let sent = Command::new("kill").args([signal, &id]).status().unwrap();
    assert!(sent.success());
}

/// Ctrl-C, and what is said of it before anything has stopped.
fn interrupt(syncing: &mut Child) -> BufReader<std::process::ChildStderr> {
    signal(syncing, "-INT");
    let mut said = BufReader::new(syncing.stderr.take().unwrap());
    let mut lines = said.by_ref().lines().map_while(Result::ok);
    let stopping = lines.find(|line| line.contains("Stopping after the batch in hand"));
    assert!(stopping.is_some(), "it does not say that it stops");
    said
}

/// How a command ended that had been interrupted.
fn code(child: Child, said: BufReader<std::process::ChildStderr>) -> (Option<i32>, String) {
    let ended = child.wait_with_output().unwrap();
    drop(said);
    let last: Value = serde_json::from_slice(&ended.stdout).unwrap_or_default();
    let code = last["error"]["code"].as_str().unwrap_or_default();
    (ended.status.code(), code.to_owned())
}

fn found(device: &Device) -> usize {
    told(&mut device.folder(&["search", WORD])).lines.len()
}

fn stopped() -> (Option<i32>, String) {
    (Some(1), "sync.cancelled".to_owned())
}

#[test]
fn a_sync_that_is_stopped_keeps_the_batch_in_hand_and_the_next_one_goes_on() {
    let patient = Patient::new();
    let (all, hits) = (patient.device.records(), found(&patient.device));
    assert!(all.len() > 3 && hits > 0);

    let second = patient.another("second");
    let gate = patient.edge.hold("/v1/zone/fetch");
    let mut syncing = second.folder(&["sync"]).spawn().unwrap();
    assert!(gate.is_reached());
    let said = interrupt(&mut syncing);
    gate.open();
    assert_eq!(code(syncing, said), stopped());
    assert_eq!(second.records(), all);
    // Nobody had indexed what came: the search does.
    assert_eq!(found(&second), hits);
    let went_on = told(&mut second.folder(&["sync"]));
    assert_eq!(
        (&went_on.last()["new"], &went_on.last()["complete"]),
        (&0.into(), &true.into())
    );
    assert!(
        went_on.stderr.contains("attachments 1/"),
        "{}",
        went_on.stderr
    );

    a_second_ctrl_c_waits_for_nobody(&patient, all.len());
    a_link_that_is_stopped_leaves_the_vault_whole(&patient);
}

fn a_second_ctrl_c_waits_for_nobody(patient: &Patient, all: usize) {
    let third = patient.another("third");
    let gate = patient.edge.hold("/v1/zone/fetch");
    let mut syncing = third.folder(&["sync"]).spawn().unwrap();
    assert!(gate.is_reached());
    let said = interrupt(&mut syncing);
    let began = Instant::now();
    signal(&syncing, "-INT");
    assert_eq!(code(syncing, said), stopped());
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "it waited for the hospital"
    );
    // The list, which came before, is there; its records are not.
    let listed = told(&mut third.folder(&["list"]));
    assert_eq!(listed.lines.len(), all);
    assert!(listed.lines.iter().all(|line| line["state"] == "waiting"));
    gate.open();
    told(&mut third.folder(&["sync"]));
    assert_eq!(third.records().len(), all);
}

fn a_link_that_is_stopped_leaves_the_vault_whole(patient: &Patient) {
    let device = patient.world.device("fourth");
    device.create();
    let inner = patient.world.config(&World::service(0, "inner"));
    let words = ["desk", "code", "--patient", PATIENT];
    let given = told(medfolder(&words).arg("--config").arg(inner));
    let link = given.last()["link"].as_str().unwrap().to_owned();
    let mut linking = device.folder(&["link", &link]).spawn().unwrap();
    let mut said = BufReader::new(linking.stderr.take().unwrap());
    let mut lines = said.by_ref().lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("card number")));
    signal(&linking, "-INT");
    assert_eq!(
        code(linking, said),
        (Some(1), "link.interrupted".to_owned())
    );
    let cards = told(&mut device.folder(&["cards"]));
    assert_eq!(cards.last()["state"], "pending");
}

fn share(device: &Device) -> Child {
    let words = ["share", "--all", "--no-code", "--for", "1h"];
    device.folder(&words).spawn().unwrap()
}

/// Kills the program that makes a share once its request has come to the gate.
fn kill_at(gate: &Arc<Gate>, mut sharing: Child) {
    assert!(gate.is_reached());
    sharing.kill().unwrap();
    sharing.wait().unwrap();
}

pub(crate) fn shares(device: &Device) -> Vec<Value> {
    told(&mut device.folder(&["shares"])).lines
}

pub(crate) fn name<'a>(share: &'a Value, name: &str) -> &'a str {
    share[name].as_str().unwrap()
}

pub(crate) fn revoke(device: &Device, share: &Value) -> Value {
    let ended = told(&mut device.folder(&["revoke", name(share, "share")]));
    ended.last()["by"].clone()
}

pub(crate) fn open(share: &Value) -> Ended {
    run(&mut medfolder(&["open", name(share, "link")]))
}

#[test]
fn a_share_that_is_cut_off_is_told_and_ended_wherever_its_request_has_come() {
    let patient = Patient::new();
    let (device, edge) = (&patient.device, &patient.edge);

    let gate = edge.hold("/files");
    kill_at(&gate, share(device));
    gate.open();
    let unfinished = shares(device);
    assert_eq!(unfinished.len(), 1);
    assert_eq!(name(&unfinished[0], "state"), "preparing");
    assert_eq!(revoke(device, &unfinished[0]), Value::Null);
    assert!(shares(device).is_empty());

    its_request_arrives_after_it_was_dropped(&patient);

    let gate = Arc::new(Gate::default());
    let answer = Arc::clone(&gate);
    edge.bend("/publish", move |_| answer.pass());
    kill_at(&gate, share(device));
    gate.open();
    edge.be_honest();
    let accepted = shares(device).remove(0);
    assert_eq!(name(&accepted, "state"), "live");
    assert_eq!(revoke(device, &accepted), "host");
    assert_eq!(open(&accepted).error_code(), "share.revoked");
}

/// The patient is told that the share is gone; then the hospital gets the request of before and puts
/// the grant on the ledger. Her next sync ends it.
fn its_request_arrives_after_it_was_dropped(patient: &Patient) {
    let device = &patient.device;
    let gate = patient.edge.hold("/publish");
    kill_at(&gate, share(device));
    let late = shares(device).remove(0);
    assert_eq!(name(&late, "state"), "preparing");
    assert_eq!(revoke(device, &late), Value::Null);
    assert!(shares(device).is_empty());
    told(&mut device.folder(&["sync"]));
    gate.open();
    assert!(eventually(PATIENCE, || open(&late).exit == 0));
    let synced = told(&mut device.folder(&["sync"]));
    assert_eq!(synced.last()["ended"], 1, "{}", synced.stdout);
    assert_eq!(open(&late).error_code(), "share.revoked");
    let ended = shares(device);
    assert_eq!(name(&ended[0], "state"), "revoked");
    assert_eq!(ended.len(), 1);
}

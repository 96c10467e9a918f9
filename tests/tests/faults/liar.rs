//! What stands between a folder and its share's host answers in the host's name: that a share is made
//! which is not, that it is ended or shortened, that its address is elsewhere. The folder believes the
//! ledger.

use crate::halted::{Patient, name, open, revoke, shares};
use medfolder_client::api::share::PublishRequest;
use medfolder_crypto::Suite;
use medfolder_ledger::body::Body;
use medfolder_ledger::transaction::Transaction;
use medfolder_tests::{Device, Ended, eventually, run, told};
use serde_json::{Value, json};
use std::time::Duration;

/// How long a host may take to read an end from the ledger.
const PATIENCE: Duration = Duration::from_secs(30);

fn share(device: &Device) -> Ended {
    run(&mut device.folder(&["share", "--all", "--no-code", "--for", "1h"]))
}

/// A share's state as a host tells it.
fn state(condition: &'static str) -> impl Fn(&[u8]) -> Vec<u8> {
    move |_| {
        let state = json!({ "state": condition, "since": 1, "end": u64::MAX >> 12, "opened": 0 });
        serde_json::to_vec(&state).unwrap()
    }
}

fn published(grant: &Value) -> Vec<u8> {
    serde_json::to_vec(&json!({ "grant": grant, "position": 1, "end": 1 })).unwrap()
}

/// The grant that a request to publish asks for.
fn asked(body: &[u8]) -> Value {
    let request: PublishRequest = serde_json::from_slice(body).unwrap();
    let transaction = Transaction::from_bytes(&request.transaction.0).unwrap();
    match transaction.body {
        Body::Grant(grant) => json!(grant.id(Suite::International)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_share_is_live_and_ended_by_the_ledgers_word_and_not_by_its_hosts() {
    let patient = Patient::new();
    a_link_leads_to_its_host_alone(&patient);
    a_share_that_no_ledger_has_is_not_live(&patient);
    an_end_that_the_host_never_got_is_on_the_ledger(&patient);
    an_earlier_end_that_the_host_never_got_is_on_the_ledger(&patient);
}

fn a_link_leads_to_its_host_alone(patient: &Patient) {
    let (device, edge) = (&patient.device, &patient.edge);
    edge.bend("/v1/shares/drafts", |body: &mut Vec<u8>| {
        let mut draft: Value = serde_json::from_slice(body).unwrap();
        let elsewhere = draft["manifest_url"].as_str().unwrap();
        let elsewhere = elsewhere.replacen("127.0.0.1", "127.0.0.9", 1);
        draft["manifest_url"] = elsewhere.into();
        *body = serde_json::to_vec(&draft).unwrap();
    });
    assert_eq!(share(device).error_code(), "share.elsewhere");
    assert!(shares(device).is_empty());
    edge.be_honest();
}

fn a_share_that_no_ledger_has_is_not_live(patient: &Patient) {
    let (device, edge) = (&patient.device, &patient.edge);
    assert_eq!(share(device).exit, 0);
    let other = shares(device)[0]["share"].clone();
    edge.forge("/publish", move |_| published(&other));
    assert_eq!(share(device).error_code(), "share.not_confirmed");
    edge.forge("/publish", |body| published(&asked(body)));
    assert_eq!(share(device).error_code(), "share.not_confirmed");

    // Nor does it become live because its host says so.
    edge.forge("/state", state("live"));
    told(&mut device.folder(&["sync"]));
    let listed = shares(device);
    let states: Vec<&str> = listed.iter().map(|share| name(share, "state")).collect();
    assert_eq!(states, ["preparing", "preparing", "live"]);
    let log = told(&mut device.folder(&["access-log"]));
    assert_eq!(log.last()["complete"], true);
    edge.forge("/revoke", state("revoked"));
    for unfinished in &listed[..2] {
        assert_eq!(revoke(device, unfinished), Value::Null);
    }
    edge.be_honest();
    assert_eq!(shares(device).len(), 1);
}

fn an_end_that_the_host_never_got_is_on_the_ledger(patient: &Patient) {
    let (device, edge) = (&patient.device, &patient.edge);
    for (says, by) in [("live", "ledger"), ("revoked", "host")] {
        assert_eq!(share(device).exit, 0);
        let live = shares(device).remove(0);
        edge.forge("/revoke", state(says));
        assert_eq!(revoke(device, &live), by);
        edge.forge("/state", state("live"));
        let ended = shares(device).remove(0);
        assert_eq!(name(&ended, "state"), "revoked");
        // What it says last is told beside the ledger's word, unless it said before that it is over.
        assert_eq!(ended["host_says"] == "live", says == "live");
        edge.be_honest();
        let is_over = eventually(PATIENCE, || open(&live).error_code() == "share.revoked");
        assert!(is_over, "the ledger did not get the end");
    }
}

/// The host lengthens only from the end that the ledger has.
fn an_earlier_end_that_the_host_never_got_is_on_the_ledger(patient: &Patient) {
    let (device, edge) = (&patient.device, &patient.edge);
    assert_eq!(share(device).exit, 0);
    let live = shares(device).remove(0);
    edge.forge("/shorten", state("live"));
    told(&mut device.folder(&["shorten", name(&live, "share"), "--for", "30m"]));
    edge.be_honest();
    let words = ["extend", name(&live, "share"), "--for", "45m"];
    let is_known = eventually(PATIENCE, || run(&mut device.folder(&words)).exit == 0);
    assert!(is_known, "the ledger did not get the earlier end");
}

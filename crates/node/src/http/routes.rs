//! The table of routes: what is served, and what the interface's description says of it.

use std::sync::Arc;

use axum::routing::{MethodRouter, get, post};
use medfolder_ledger::policy::Action;

use super::{
    App, blocks, checkpoints, entries, entry, events, info, openapi, sessions, transactions,
};

/// What a route takes or answers.
#[derive(Clone, Copy)]
pub(super) enum Form {
    /// JSON of a type in the description's table of schemas.
    Json(&'static str),
    /// Bytes or text of a media type.
    Media(&'static str),
}

use Form::{Json, Media};

const CBOR: Form = Media("application/cbor");

/// One route.
pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) summary: &'static str,
    /// The row of the policy table that is asked; `None` for what says nothing of the ledger.
    pub(super) action: Option<Action>,
    /// Query parameters; those with `!` are required.
    pub(super) query: &'static [&'static str],
    pub(super) takes: Option<Form>,
    pub(super) answers: Form,
    pub(super) handler: fn() -> MethodRouter<Arc<App>>,
}

macro_rules! routes {
    ($($method:literal $path:literal $action:expr, [$($query:literal),*], $takes:expr => $answers:expr, $handler:expr, $summary:literal;)*) => {
        /// Every route.
        pub(super) const ROUTES: &[Route] = &[$(Route {
            method: $method, path: $path, summary: $summary, action: $action,
            query: &[$($query),*], takes: $takes, answers: $answers, handler: || $handler,
        }),*];
    };
}

routes! {
    "post" "/v1/transactions" Some(Action::Submit), ["wait"], Some(Json("SubmitRequest")) => Json("TransactionStatus"), post(transactions::submit), "Submits a transaction. 202 with Submitted; with ?wait=final 200 with its status once it is final.";
    "get" "/v1/transactions/{id}" Some(Action::ReadTransaction), [], None => Json("TransactionStatus"), get(transactions::status), "What is known of a transaction, with its receipt once it is final.";
    "get" "/v1/cards/{number}/entries" Some(Action::ReadCard), ["from", "limit"], None => CBOR, get(entries::card), "A part of a card's list: a HistoryPage.";
    "get" "/v1/grants/{id}/entries" Some(Action::ReadGrant), ["from", "limit"], None => CBOR, get(entries::grant), "A part of a grant's list: a HistoryPage.";
    "get" "/v1/folders/{number}" Some(Action::ReadFolder), ["from", "limit"], None => CBOR, get(entries::folder), "A part of a folder's list: a HistoryPage.";
    "get" "/v1/records/{id}" Some(Action::ReadRecord), ["member!"], None => Json("StateAnswer"), get(entry::record), "Whether a record that MEMBER sealed is in force: an EntryProof; absent means in force.";
    "get" "/v1/seals/{visit}/{seq}" Some(Action::ReadRecord), ["member!"], None => Json("StateAnswer"), get(entry::seal), "Where in the log and when a seal of MEMBER was accepted: an EntryProof.";
    "get" "/v1/staff/{key}" Some(Action::ReadStaff), [], None => Json("StateAnswer"), get(entry::staff), "A staff key's entry: an EntryProof.";
    "get" "/v1/receipts/{digest}" Some(Action::ReadReceipt), ["host!"], None => Json("StateAnswer"), get(entry::receipt), "Whether HOST reported an access receipt: an EntryProof.";
    "get" "/v1/anchors/{digest}" Some(Action::ReadRecord), ["member!", "by!"], None => Json("StateAnswer"), get(entry::anchor), "Whether MEMBER anchored a digest with its key BY (seal or host): an EntryProof.";
    "get" "/v1/members" Some(Action::ReadMembers), [], None => Json("MembersAnswer"), get(entry::members), "All members, each with an EntryProof.";
    "get" "/v1/checkpoints/latest" Some(Action::ReadCheckpoint), [], None => Json("CheckpointAnswer"), get(checkpoints::latest), "The newest checkpoint.";
    "get" "/v1/checkpoints/{height}" Some(Action::ReadCheckpoint), [], None => Json("CheckpointAnswer"), get(checkpoints::at), "The checkpoint of a block.";
    "get" "/v1/proofs/consistency" Some(Action::ReadCheckpoint), ["from!", "to!"], None => Json("ConsistencyAnswer"), get(checkpoints::consistency), "That the log of size TO continues the log of size FROM: a ConsistencyProof.";
    "get" "/v1/policies" Some(Action::ReadPolicy), [], None => Json("Policies"), get(info::policies), "The policy in force.";
    "get" "/v1/stats" Some(Action::ReadStats), [], None => Json("Stats"), get(info::stats), "Sizes and counts.";
    "get" "/v1/alerts" Some(Action::ReadAlerts), ["limit"], None => Json("AlertsAnswer"), get(info::alerts), "What the monitor noticed, newest first.";
    "get" "/v1/genesis" None, [], None => CBOR, get(info::genesis), "The genesis file.";
    "get" "/v1/blocks" Some(Action::ReadBlocks), ["from", "limit"], None => CBOR, get(blocks::range), "A sequence of arrays of block and certificate.";
    "get" "/v1/blocks/{height}" Some(Action::ReadBlocks), [], None => CBOR, get(blocks::one), "An array of block and certificate.";
    "get" "/v1/events" Some(Action::ReadEvents), ["from"], None => Media("text/event-stream"), get(events::stream), "An event per block; id and data are its height. Resumable by Last-Event-ID.";
    "post" "/v1/sessions/challenge" None, [], Some(Json("ChallengeRequest")) => Json("Challenge"), post(sessions::challenge), "A challenge: one use, two minutes.";
    "post" "/v1/sessions" Some(Action::OpenSession), [], Some(Json("SessionRequest")) => Json("Session"), post(sessions::open), "A session of at most 15 minutes for whoever answers the challenge with a key on the ledger.";
    "get" "/v1/openapi.json" None, [], None => Media("application/json"), get(openapi::answer), "This description.";
    "get" "/healthz" None, [], None => Media("text/plain"), get(info::health), "200 while blocks can be written or copied, else 503 with a code.";
    "get" "/metrics" None, [], None => Media("text/plain"), get(info::metrics), "Counters for Prometheus.";
}

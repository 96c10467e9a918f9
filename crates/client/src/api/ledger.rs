//! The interface of a ledger node.
//!
//! ```text
//! POST /v1/transactions[?wait=final]                SubmitRequest -> 202 Submitted | 200 TransactionStatus
//! GET  /v1/transactions/{id}                        TransactionStatus
//! GET  /v1/cards/{number}/entries?from=N&limit=M    application/cbor: a HistoryPage, with the card's (or a member's) token
//! GET  /v1/grants/{id}/entries?from=N&limit=M       the same, with the grant's token
//! GET  /v1/folders/{number}?from=N&limit=M          the same, with the folder's token
//! GET  /v1/records/{id}?member=MEMBER               StateAnswer, for anybody; MEMBER sealed the record
//! GET  /v1/seals/{visit}/{seq}?member=MEMBER        StateAnswer, for anybody; MEMBER sealed
//! GET  /v1/receipts/{digest}?host=MEMBER            StateAnswer, for anybody; MEMBER reported the access
//! GET  /v1/staff/{key}                              StateAnswer, for anybody
//! GET  /v1/members                                  MembersAnswer
//! GET  /v1/checkpoints/latest · /{height}           CheckpointAnswer
//! GET  /v1/proofs/consistency?from=SIZE&to=SIZE     ConsistencyAnswer
//! GET  /v1/policies · /v1/stats · /v1/alerts        Policies · Stats · AlertsAnswer
//! GET  /v1/genesis                                  the genesis file's bytes
//! GET  /v1/blocks/{height} · ?from=H&limit=N        application/cbor, one or a sequence of (block, certificate)
//! GET  /v1/events                                   server-sent events; id and data are the height
//! ```
//! Everything a client relies on is canonical CBOR of the ledger crate that it checks itself:
//! `Receipt`, `EntryProof`, `HistoryPage`, `ConsistencyProof`, `Checkpoint`, stored transactions. A page
//! ends where the node likes; the client asks again from where it ended until its count is the
//! entry's, and each page carries its own entry and checkpoint.

use medfolder_ledger::TxId;
use medfolder_record::MemberId;
use serde::{Deserialize, Serialize};

use super::Blob;

/// Most items that one page carries.
pub const MAX_PAGE: u64 = 1_000;
/// Most blocks that one answer carries.
pub const MAX_BLOCKS: u64 = 256;

/// A transaction to be ordered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SubmitRequest {
    /// The whole encoding with signatures.
    pub transaction: Blob,
}

/// The node has the transaction; nothing is said about its fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
    /// H of its signed bytes.
    pub id: TxId,
}

/// How far a transaction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransactionState {
    /// The node does not know it: never seen, or its validity is over and it was forgotten.
    Unknown,
    /// Taken, in no block yet.
    Waiting,
    /// In a block, accepted by its contract.
    Final,
    /// In a block, refused by its contract; changes nothing.
    Refused,
}

/// A transaction's fate, with what proves it once it is final.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TransactionStatus {
    /// The transaction.
    pub id: TxId,
    /// How far it has come.
    pub state: TransactionState,
    /// Why its contract refused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The block it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u64>,
    /// That block's time, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<u64>,
    /// Its place in the log, counted from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// CBOR of a `Receipt`: its inclusion under the checkpoint of its block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Blob>,
    /// CBOR of a `RefusalProof`: the block's results, to which its header commits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Blob>,
}

/// One state entry, present or absent, with its proof.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StateAnswer {
    /// CBOR of an `EntryProof`.
    pub proof: Blob,
}

/// One member with the proof of its entry.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MemberAnswer {
    /// The member.
    pub member: MemberId,
    /// CBOR of an `EntryProof` of its entry.
    pub proof: Blob,
}

/// All members.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MembersAnswer {
    /// Each member.
    pub members: Vec<MemberAnswer>,
}

/// A checkpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CheckpointAnswer {
    /// Header and certificate, CBOR.
    pub checkpoint: Blob,
}

/// That the log of size `to` continues the log of size `from`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConsistencyAnswer {
    /// CBOR of a `ConsistencyProof`.
    pub proof: Blob,
}

/// The policy in force; the ledger crate names the limits.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Policies {
    /// Milliseconds between heartbeat blocks when idle.
    pub heartbeat: u64,
    /// Milliseconds that one step of a grant may last.
    pub grant_window: u64,
    /// The policy's canonical CBOR.
    pub policy: Blob,
}

/// What a node tells about itself.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Stats {
    /// Newest block.
    pub height: u64,
    /// Its time, in milliseconds.
    pub time: u64,
    /// Accepted transactions.
    pub log_size: u64,
    /// Refused transactions.
    pub refused: u64,
    /// Taken, in no block yet.
    pub waiting: u64,
    /// Bytes that the blocks take on disk.
    pub bytes: u64,
}

/// Something that the monitor noticed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Alert {
    /// Stable code, such as `access.after_end`.
    pub code: String,
    /// Block it was seen in.
    pub height: u64,
    /// That block's time, in milliseconds.
    pub time: u64,
    /// What it is about: the text form of a grant, record, member or key.
    pub subject: String,
}

/// Newest alerts first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AlertsAnswer {
    /// The alerts.
    pub alerts: Vec<Alert>,
}

//! The interface of a ledger node.
//!
//! ```text
//! POST /v1/transactions[?wait=final]                SubmitRequest -> 202 Submitted | 200 TransactionStatus
//! GET  /v1/transactions/{id}                        TransactionStatus
//! GET  /v1/cards/{number}/entries?from=N&limit=M    EntriesPage, with the card's (or a member's) token
//! GET  /v1/grants/{id}/entries?from=N&limit=M       EntriesPage, with the grant's token
//! GET  /v1/folders/{number}?from=N&limit=M          EntriesPage, with the folder's token
//! GET  /v1/records/{id} · /v1/staff/{key} · /v1/receipts/{digest}      StateAnswer, for anybody
//! GET  /v1/members                                  MembersAnswer
//! GET  /v1/checkpoints/latest · /{height}           CheckpointAnswer
//! GET  /v1/proofs/consistency?from=SIZE&to=SIZE     ConsistencyAnswer
//! GET  /v1/policies · /v1/stats · /v1/alerts        Policies · Stats · AlertsAnswer
//! GET  /v1/genesis                                  the genesis file's bytes
//! GET  /v1/blocks/{height} · ?from=H&limit=N        application/cbor, one or a sequence of (block, certificate)
//! GET  /v1/events                                   server-sent events; id and data are the height
//! ```
//! Everything a client relies on is a [`Blob`] of canonical CBOR that it checks itself: checkpoints
//! (header and certificate), state proofs, inclusion and consistency proofs, raw transactions.

use medfolder_crypto::Digest;
use medfolder_record::MemberId;
use serde::{Deserialize, Serialize};

use super::Blob;

/// Most entries that one page carries.
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
    pub id: Digest,
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
    pub id: Digest,
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
    /// A checkpoint whose log holds it: the one of its block, CBOR.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Blob>,
    /// Inclusion proof of `position` under that checkpoint's log root, CBOR.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inclusion: Option<Blob>,
}

/// One entry of a card's, grant's or folder's list, in the list's order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Entry {
    /// An accepted transaction that concerns the subject. JSON: `{"at":POSITION,"tx":BLOB}`.
    Transaction {
        /// Its place in the log.
        at: u64,
        /// The whole encoding with signatures.
        tx: Blob,
    },
    /// One entry of an Access batch that concerns the grant. JSON: `{"at":POSITION,"access":BLOB}`.
    Access {
        /// The batch's place in the log.
        at: u64,
        /// Host, entry, class and block time: one step of the running digest, CBOR.
        access: Blob,
    },
}

/// A part of a list, as of a checkpoint. Whoever has all entries from 0 (or from a count and digest
/// that she proved before) folds them into the running digest; it must be the one in the state entry.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EntriesPage {
    /// Header and certificate, CBOR; the same for all pages of one answer.
    pub checkpoint: Blob,
    /// Proof of the subject's state entry (present, with count and running digest; or absent), CBOR.
    pub state_proof: Blob,
    /// Entries `from`, `from` + 1, ….
    pub entries: Vec<Entry>,
    /// Where the next page begins; `null` when this is the list's end as of the checkpoint. The next
    /// page is asked for with `&height=` of this page's checkpoint, so that both tell of one state.
    pub next: Option<u64>,
}

/// One state entry, present or absent, with its proof.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StateAnswer {
    /// Header and certificate, CBOR.
    pub checkpoint: Blob,
    /// State proof under that header's state root, CBOR.
    pub proof: Blob,
}

/// One member with the proof of its entry.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MemberAnswer {
    /// The member.
    pub member: MemberId,
    /// State proof of its entry, CBOR.
    pub proof: Blob,
}

/// All members as of one checkpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MembersAnswer {
    /// Header and certificate, CBOR.
    pub checkpoint: Blob,
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
    /// The older log's size.
    pub from: u64,
    /// The newer log's size.
    pub to: u64,
    /// RFC 9162 consistency proof, in order.
    pub proof: Vec<Digest>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_entry_are_told_apart() {
        for entry in [
            Entry::Transaction {
                at: 1,
                tx: Blob(vec![1]),
            },
            Entry::Access {
                at: 2,
                access: Blob(vec![2]),
            },
        ] {
            let json = serde_json::to_string(&entry).unwrap();
            assert_eq!(serde_json::from_str::<Entry>(&json).unwrap(), entry);
        }
    }
}

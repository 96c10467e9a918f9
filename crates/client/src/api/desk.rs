//! Linking a card: the public half of the front desk, at the edge.
//!
//! ```text
//! POST /v1/desk/claims              ClaimRequest -> 202 ClaimAccepted
//! GET  /v1/desk/claims/{claim}      ClaimStatus
//! ```

use medfolder_crypto::{Digest, cbor::bytes_newtype};
use medfolder_ledger::TxId;
use serde::{Deserialize, Serialize};

use super::Blob;

/// A claim at an edge: 16 random bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimId(pub [u8; 16]);

bytes_newtype!(ClaimId, 16);

/// A card asks to be registered under a code of the front desk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClaimRequest {
    /// Register card (T_R) with the card's signature; the hospital's is added at the desk.
    pub transaction: Blob,
    /// HMAC(code, label ‖ genesis digest ‖ T_R body).
    pub mac: Digest,
}

/// The claim is on its way to the inner zone.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ClaimAccepted {
    /// Its name at this edge.
    pub claim: ClaimId,
}

/// How far a claim has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClaimState {
    /// The desk has not compared the number yet.
    Waiting,
    /// The hospital signed.
    Confirmed,
    /// Wrong code, code used or too old, or the desk said no.
    Refused,
}

/// A claim's fate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClaimStatus {
    /// How far it has come.
    pub state: ClaimState,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The registration's transaction id once it was confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<TxId>,
    /// The patient has a card at this hospital already, registered then (ms, 0 unknown), which
    /// confirming replaces. The edge's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<u64>,
}

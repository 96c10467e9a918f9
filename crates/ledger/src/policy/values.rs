//! The values of a consortium's policy: windows, limits, roots and consent texts.
//!
//! They stand in genesis; all windows are milliseconds.

use medfolder_crypto::Digest;
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// One minute in milliseconds.
pub const MINUTE: u64 = 60_000;
/// One hour in milliseconds.
pub const HOUR: u64 = 60 * MINUTE;
/// One day in milliseconds.
pub const DAY: u64 = 24 * HOUR;

/// A fraction of the voting members that a decision must exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
pub struct Threshold {
    /// Numerator.
    #[n(0)]
    pub over: u32,
    /// Denominator.
    #[n(1)]
    pub of: u32,
}

/// Time windows, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
#[serde(default)]
pub struct Windows {
    /// A claimed time may be this much after block time: 5 minutes.
    #[n(0)]
    pub ahead: u64,
    /// A seal's time may be this much before block time unless it is marked late: 24 hours.
    #[n(1)]
    pub seal_behind: u64,
    /// Longest window of one Grant or Extend: 90 days.
    #[n(2)]
    pub grant: u64,
    /// Longest window of a room grant marked late: 24 hours.
    #[n(3)]
    pub room: u64,
    /// Longest time until valid-until: 24 hours.
    #[n(4)]
    pub validity: u64,
    /// The same for a room grant marked late: 7 days. Ids are kept for this long.
    #[n(5)]
    pub validity_late: u64,
    /// From a freeze that names a successor until that successor may complete it: 72 hours.
    #[n(6)]
    pub freeze: u64,
    /// An access reported later than this is classified late: 10 minutes.
    #[n(7)]
    pub report: u64,
    /// Least time between two anchored heads of one folder: 20 hours ("daily, at a random time").
    #[n(8)]
    pub folder_head: u64,
    /// A block of an idle ledger: 60 seconds.
    #[n(9)]
    pub heartbeat: u64,
    /// A block's time may be this much ahead of a validator's clock: 5 seconds.
    #[n(10)]
    pub block_ahead: u64,
}

impl Default for Windows {
    fn default() -> Self {
        Self {
            ahead: 5 * MINUTE,
            seal_behind: DAY,
            grant: 90 * DAY,
            room: DAY,
            validity: DAY,
            validity_late: 7 * DAY,
            freeze: 72 * HOUR,
            report: 10 * MINUTE,
            folder_head: 20 * HOUR,
            heartbeat: MINUTE,
            block_ahead: 5_000,
        }
    }
}

/// When the monitor raises an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
#[serde(default)]
pub struct AlertThresholds {
    /// Wrong codes on one grant within an hour: 5.
    #[n(0)]
    pub wrong_codes_per_hour: u32,
    /// Openings by one grantee within a day: 200.
    #[n(1)]
    pub openings_per_grantee_per_day: u32,
}

impl Default for AlertThresholds {
    fn default() -> Self {
        Self {
            wrong_codes_per_hour: 5,
            openings_per_grantee_per_day: 200,
        }
    }
}

/// A consent text that registrations and grants may name.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
pub struct ConsentText {
    /// Digest of the text's UTF-8 bytes.
    #[n(0)]
    pub digest: Digest,
    /// Its version.
    #[n(1)]
    pub version: u16,
    /// BCP 47 language tag, such as `zh` or `en`.
    #[n(2)]
    pub language: String,
}

/// A rule under which a member's store releases ciphertext; a seal names it by number.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
pub struct ReleasePolicy {
    /// The number that seals carry; 0 is "to the card's holder and live grants only".
    #[n(0)]
    pub number: u16,
    /// A sentence for people.
    #[n(1)]
    pub title: String,
}

/// The policy of a consortium.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
#[serde(default)]
pub struct Policy {
    /// What share of voting members decides.
    #[n(0)]
    pub decide: Threshold,
    /// Time windows.
    #[n(1)]
    pub windows: Windows,
    /// Alerts.
    #[n(2)]
    pub alerts: AlertThresholds,
    /// SHA-256 digests of trusted CA root certificates (DER) for carried signatures.
    #[n(3)]
    pub ca_roots: Vec<Digest>,
    /// SHA-256 digests of trusted time-stamp authority root certificates (DER).
    #[n(4)]
    pub tsa_roots: Vec<Digest>,
    /// Consent texts in use.
    #[n(5)]
    pub consent_texts: Vec<ConsentText>,
    /// Rules of release, by number, ascending.
    #[n(6)]
    pub release: Vec<ReleasePolicy>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            decide: Threshold { over: 2, of: 3 },
            windows: Windows::default(),
            alerts: AlertThresholds::default(),
            ca_roots: Vec::new(),
            tsa_roots: Vec::new(),
            consent_texts: Vec::new(),
            release: vec![ReleasePolicy {
                number: 0,
                title: "to the card's holder and to live grants".to_owned(),
            }],
        }
    }
}

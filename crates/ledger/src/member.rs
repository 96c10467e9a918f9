//! Members of the alliance: roles, standing, keys and where they are reached.
//!
//! A member id is 16 random bytes fixed at admission and never reused. Seven key roles, so that a
//! key stolen from one zone does not do another zone's work: a stolen edge key (host) can neither
//! seal nor open a record.
//!
//! Source: `trust.md`, "Keys of members and doctors"; `ledger.md`, contract *alliance*.

use medfolder_crypto::{Digest, PublicKeyBytes, Suite};
use medfolder_record::{AreaId, MemberId};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// What a member is; decides what it may do ([`crate::policy`]).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "lowercase")]
pub enum MemberRole {
    /// Seals records, hosts shares.
    #[n(1)]
    Hospital,
    /// Receives shares and credentials.
    #[n(2)]
    Insurer,
    /// Receives de-identified data.
    #[n(3)]
    Research,
    /// Reads statistics, audits evidence.
    #[n(4)]
    Regulator,
    /// Holds the ledger and reads it.
    #[n(5)]
    Observer,
}

impl MemberRole {
    /// All roles, for tables and tests.
    pub const ALL: [Self; 5] = [
        Self::Hospital,
        Self::Insurer,
        Self::Research,
        Self::Regulator,
        Self::Observer,
    ];

    /// The role's name as JSON and the command line write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hospital => "hospital",
            Self::Insurer => "insurer",
            Self::Research => "research",
            Self::Regulator => "regulator",
            Self::Observer => "observer",
        }
    }
}

/// Whether a member may act for others' data at present.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// In good standing.
    #[n(1)]
    Good,
    /// Suspended: nothing new in its name; what protects patients still works.
    #[n(2)]
    Suspended,
}

/// The seven roles of a member's keys.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "lowercase")]
pub enum KeyRole {
    /// Membership and the other keys; kept offline.
    #[n(1)]
    Alliance,
    /// Seals, cards at the desk, staff; inner zone.
    #[n(2)]
    Seal,
    /// Others wrap to it; inner zone. It signs nothing.
    #[n(3)]
    Receive,
    /// Shares and accesses; edge.
    #[n(4)]
    Host,
    /// Certificates of finality.
    #[n(5)]
    Consensus,
    /// TLS of the member's servers.
    #[n(6)]
    Tls,
    /// Visit credentials (ES256).
    #[n(7)]
    Credential,
}

/// A consensus key: Ed25519 on every chain, with an SM2 key beside it on a national one.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
pub struct ConsensusKey {
    /// Ed25519, 32 bytes.
    #[n(0)]
    pub ed25519: PublicKeyBytes,
    /// SM2, 33 bytes; present exactly on a national chain.
    #[n(1)]
    pub sm2: Option<PublicKeyBytes>,
}

impl ConsensusKey {
    /// Its one or two keys.
    pub(crate) fn halves(&self) -> impl Iterator<Item = &PublicKeyBytes> {
        core::iter::once(&self.ed25519).chain(&self.sm2)
    }
}

/// Whether bytes have the form of a compressed P-256 point: nobody but TLS and ES256 libraries,
/// which check the rest, ever uses it.
pub(crate) fn is_p256(key: &PublicKeyBytes) -> bool {
    matches!(key.as_bytes(), [2 | 3, x @ ..] if x.len() == 32)
}

/// Whether a key is one of TLS: P-256, or Ed25519.
pub(crate) fn is_tls(key: &PublicKeyBytes) -> bool {
    is_p256(key) || key.verifying(Suite::International).is_ok()
}

/// A member's public keys. What a member does not use is absent.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
pub struct MemberKeys {
    /// Signs changes of the member's own entry.
    #[n(0)]
    pub alliance: PublicKeyBytes,
    /// Signs seals, cards at the desk and staff entries.
    #[n(1)]
    pub seal: PublicKeyBytes,
    /// Encryption key that others wrap to.
    #[n(2)]
    pub receive: PublicKeyBytes,
    /// Signs grants as host, accesses, zone reports.
    #[n(3)]
    pub host: PublicKeyBytes,
    /// Signs certificates of finality; absent for members without a vote.
    #[n(4)]
    pub consensus: Option<ConsensusKey>,
    /// TLS key (compressed SEC 1 P-256, or Ed25519).
    #[n(5)]
    pub tls: Option<PublicKeyBytes>,
    /// Credential issuer key (compressed SEC 1 P-256).
    #[n(6)]
    pub credential: Option<PublicKeyBytes>,
}

impl MemberKeys {
    /// Every key that it has.
    pub(crate) fn all(&self) -> impl Iterator<Item = &PublicKeyBytes> {
        let consensus = self.consensus.iter();
        [&self.alliance, &self.seal, &self.receive, &self.host]
            .into_iter()
            .chain(consensus.flat_map(ConsensusKey::halves))
            .chain(&self.tls)
            .chain(&self.credential)
    }

    /// The key of a role that signs transactions; `None` for the roles that sign none.
    #[must_use]
    pub const fn signing(&self, role: KeyRole) -> Option<&PublicKeyBytes> {
        match role {
            KeyRole::Alliance => Some(&self.alliance),
            KeyRole::Seal => Some(&self.seal),
            KeyRole::Host => Some(&self.host),
            KeyRole::Receive | KeyRole::Consensus | KeyRole::Tls | KeyRole::Credential => None,
        }
    }
}

/// Where a member is reached: HTTPS base URLs (http only for loopback).
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
#[serde(default)]
pub struct Endpoints {
    /// Ledger node.
    #[n(0)]
    pub node: Option<String>,
    /// Gateway edge.
    #[n(1)]
    pub edge: Option<String>,
}

/// A member as genesis names it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
pub struct Member {
    /// Fixed at admission.
    #[n(0)]
    pub id: MemberId,
    /// Name shown to people, at most 200 bytes.
    #[n(1)]
    pub name: String,
    /// What it is.
    #[n(2)]
    pub role: MemberRole,
    /// Whether it may act.
    #[n(3)]
    pub standing: Standing,
    /// Its public keys.
    #[n(4)]
    pub keys: MemberKeys,
    /// Digest of its CA certificate (DER).
    #[n(5)]
    pub certificate: Digest,
    /// Where it is reached.
    #[n(6)]
    pub endpoints: Endpoints,
    /// Has a vote in the alliance.
    #[n(7)]
    pub voting: bool,
    /// SHA-256 of the TLS certificate's public key (SPKI), which the front desk's link pins.
    #[n(8)]
    pub tls_pin: Option<Digest>,
}

/// A storage area: where ciphertext of a member's records, or a folder's state log, lies.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
pub struct StorageArea {
    /// Fixed name; transactions name an area by it only.
    #[n(0)]
    pub id: AreaId,
    /// Whose it is.
    #[n(1)]
    pub member: MemberId,
    /// Base URLs, best first.
    #[n(2)]
    pub endpoints: Vec<String>,
}

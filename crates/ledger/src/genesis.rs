//! Genesis: what every node and every device of one consortium starts from and trusts.
//!
//! ```text
//! file   = strict CBOR array [version, suite, name, nonce, time, members, areas, policy, engine]
//! digest = H("medfolder/genesis" ‖ 0 ‖ file)
//! ```
//! The suite inside the file chooses H. All signatures cover the digest, so nothing made for one
//! chain holds on another. A folder that was created under a genesis trusts that one and no other.

use core::net::Ipv4Addr;
use medfolder_crypto::{
    CborError, Digest, KeyError, Label, PublicKeyBytes, Suite, VerifyingKey, all_exact, from_cbor,
    to_cbor,
};
use medfolder_record::statement::breaks_line;
use medfolder_record::{AreaId, MemberId, is_other_version};
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::member::{ConsensusKey, Member, MemberKeys, StorageArea, is_p256, is_tls};
use crate::policy::Policy;
use crate::state::{AreaEntry, MemberEntry, StateKey};

/// Version of the format.
pub const VERSION: u8 = 0;
/// Longest genesis file in bytes.
pub const MAX_LEN: usize = 4 << 20;
const MAX_NAME: usize = 200;
const MAX_URL: usize = 400;

/// Who orders blocks, with the keys that certify them.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKeys {
    /// One process with one key: its operator can stop, reorder and fork this ledger.
    #[n(1)]
    Embedded(#[n(0)] ConsensusKey),
}

/// The first state of a ledger.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(array)]
pub struct Genesis {
    /// [`VERSION`].
    #[n(0)]
    pub version: u8,
    /// Algorithms of this chain.
    #[n(1)]
    pub suite: Suite,
    /// Name shown to people.
    #[n(2)]
    pub name: String,
    /// Random, so that no two chains share a digest.
    #[n(3)]
    pub nonce: Digest,
    /// Time of block 0, milliseconds since the Unix epoch, UTC.
    #[n(4)]
    pub time: u64,
    /// Members, ascending by id.
    #[n(5)]
    pub members: Vec<Member>,
    /// Storage areas, ascending by id.
    #[n(6)]
    pub areas: Vec<StorageArea>,
    /// Windows, limits, roots, consent texts.
    #[n(7)]
    pub policy: Policy,
    /// Who certifies blocks.
    #[n(8)]
    pub engine: EngineKeys,
}

/// Why a genesis is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// Not the strict encoding.
    #[error("not a genesis file: {0}")]
    Encoding(#[from] CborError),
    /// Another version than this program knows.
    #[error("a genesis of a version that this program does not know")]
    Version,
    /// A name that is empty, too long, not one line or another member's, or no address.
    #[error("a name or address in the genesis is none, or two members share a name")]
    Text,
    /// Members or areas not ascending by id, or twice.
    #[error("members or storage areas are not in ascending order of their ids")]
    Order,
    /// A key that is none of the suite, or a consensus key without or with too many halves.
    #[error("a key in the genesis is not a key of its suite")]
    Key,
    /// A key that stands in two places: whoever steals it in one zone has the other's.
    #[error("a key stands twice in the genesis")]
    SameKey,
    /// A number above 2⁵³ − 1.
    #[error("a number in the genesis is above 9,007,199,254,740,991")]
    Number,
    /// A storage area of nobody.
    #[error("a storage area belongs to no member")]
    Area,
    /// A window of zero or a threshold that is no fraction.
    #[error("a policy value makes no sense")]
    Policy,
}

impl GenesisError {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Encoding(_) => "genesis.encoding",
            Self::Version => "genesis.version",
            Self::Text => "genesis.text",
            Self::Order => "genesis.order",
            Self::Key => "genesis.key",
            Self::SameKey => "genesis.same_key",
            Self::Number => "genesis.number",
            Self::Area => "genesis.area",
            Self::Policy => "genesis.policy",
        }
    }
}

impl Genesis {
    /// Checks what the encoding alone does not say.
    ///
    /// # Errors
    /// [`GenesisError`], by its first failing rule.
    pub fn check(&self) -> Result<(), GenesisError> {
        if self.version != VERSION {
            return Err(GenesisError::Version);
        }
        self.check_order()?;
        self.check_texts()?;
        self.check_keys()?;
        let members: BTreeSet<&MemberId> = self.members.iter().map(|member| &member.id).collect();
        if self
            .areas
            .iter()
            .any(|area| !members.contains(&area.member))
        {
            return Err(GenesisError::Area);
        }
        self.check_policy()?;
        if all_exact(&to_cbor(self)) {
            Ok(())
        } else {
            Err(GenesisError::Number)
        }
    }

    fn check_order(&self) -> Result<(), GenesisError> {
        let members = self.members.iter().map(|member| member.id.0);
        let areas = self.areas.iter().map(|area| area.id.0);
        if members.is_sorted_by(|a, b| a < b) && areas.is_sorted_by(|a, b| a < b) {
            Ok(())
        } else {
            Err(GenesisError::Order)
        }
    }

    fn check_texts(&self) -> Result<(), GenesisError> {
        let line = |text: &str| text.len() <= MAX_NAME && !text.contains(breaks_line);
        let name = |text: &str| line(text) && !text.trim().is_empty();
        let unique: BTreeSet<&str> = self.members.iter().map(|m| m.name.as_str()).collect();
        let mut names = self.members.iter().map(|member| member.name.as_str());
        let member_urls = self
            .members
            .iter()
            .flat_map(|m| [&m.endpoints.node, &m.endpoints.edge])
            .flatten();
        let mut urls = member_urls.chain(self.areas.iter().flat_map(|area| &area.endpoints));
        let named = name(&self.name) && names.all(name) && unique.len() == self.members.len();
        if named && urls.all(|url| is_url(url)) {
            Ok(())
        } else {
            Err(GenesisError::Text)
        }
    }

    fn check_keys(&self) -> Result<(), GenesisError> {
        for member in &self.members {
            let keys = &member.keys;
            for key in [&keys.alliance, &keys.seal, &keys.host] {
                key.verifying(self.suite).map_err(|_| GenesisError::Key)?;
            }
            keys.receive
                .encryption(self.suite)
                .map_err(|_| GenesisError::Key)?;
            keys.consensus
                .iter()
                .try_for_each(|key| self.check_consensus(key))?;
            if !keys.tls.iter().all(is_tls) || !keys.credential.iter().all(is_p256) {
                return Err(GenesisError::Key);
            }
        }
        let EngineKeys::Embedded(key) = &self.engine;
        self.check_consensus(key)?;
        self.check_roles(key)
    }

    /// No key stands twice; the engine's may be a member's consensus key, whose process it then is.
    fn check_roles(&self, engine: &ConsensusKey) -> Result<(), GenesisError> {
        let of_members = || self.members.iter().map(|member| &member.keys);
        let own = !of_members().any(|keys| keys.consensus.as_ref() == Some(engine));
        let engine = own.then_some(engine).into_iter();
        let mut all = of_members().flat_map(MemberKeys::all);
        let mut seen = BTreeSet::new();
        let mut new = |key: &PublicKeyBytes| seen.insert(*key);
        if all.all(&mut new) && engine.flat_map(ConsensusKey::halves).all(&mut new) {
            Ok(())
        } else {
            Err(GenesisError::SameKey)
        }
    }

    fn check_consensus(&self, key: &ConsensusKey) -> Result<(), GenesisError> {
        key.ed25519
            .verifying(Suite::International)
            .map_err(|_| GenesisError::Key)?;
        match (self.suite, &key.sm2) {
            (Suite::International, None) => Ok(()),
            (Suite::National, Some(sm2)) => sm2
                .verifying(Suite::National)
                .map(drop)
                .map_err(|_| GenesisError::Key),
            _ => Err(GenesisError::Key),
        }
    }

    fn check_policy(&self) -> Result<(), GenesisError> {
        let policy = &self.policy;
        let w = &policy.windows;
        let all = [
            w.ahead,
            w.seal_behind,
            w.grant,
            w.room,
            w.validity,
            w.validity_late,
            w.freeze,
        ]
        .into_iter()
        .chain([w.report, w.heartbeat, w.block_ahead])
        .all(|window| window > 0);
        let fraction = policy.decide.over > 0 && policy.decide.over < policy.decide.of;
        let ordered = policy.release.is_sorted_by(|a, b| a.number < b.number);
        if all && fraction && ordered && w.validity <= w.validity_late {
            Ok(())
        } else {
            Err(GenesisError::Policy)
        }
    }

    /// The entries of the state before any transaction.
    #[must_use]
    pub fn initial_state(&self) -> Vec<(StateKey, Vec<u8>)> {
        let suite = self.suite;
        let members = self.members.iter().map(|member| {
            (
                StateKey::member(suite, &member.id),
                to_cbor(&MemberEntry::admitted(member.clone())),
            )
        });
        let areas = self.areas.iter().map(|area| {
            let entry = AreaEntry {
                member: area.member,
                endpoints: area.endpoints.clone(),
            };
            (StateKey::area(suite, &area.id), to_cbor(&entry))
        });
        members.chain(areas).collect()
    }
}

/// https, or http of this machine itself; of bounded length and without white space.
pub(crate) fn is_url(text: &str) -> bool {
    let reached = match text.strip_prefix("http://") {
        Some(rest) => is_loopback(rest),
        None => text.starts_with("https://"),
    };
    reached && text.len() <= MAX_URL && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether what follows `http://` names the loopback interface.
fn is_loopback(rest: &str) -> bool {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = rest.get(..end).unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (authority, ""),
    };
    let loopback = host.parse().is_ok_and(|v4: Ipv4Addr| v4.is_loopback());
    let named = matches!(host, "localhost" | "[::1]");
    (named || loopback) && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// The members' keys that sign transactions.
fn keys(genesis: &Genesis) -> Result<BTreeMap<PublicKeyBytes, VerifyingKey>, GenesisError> {
    let members = genesis.members.iter().map(|member| &member.keys);
    members
        .flat_map(|keys| [keys.alliance, keys.seal, keys.host])
        .map(|key| Ok((key, key.verifying(genesis.suite)?)))
        .collect::<Result<_, KeyError>>()
        .map_err(|_| GenesisError::Key)
}

/// A checked genesis with its digest: what everything else verifies against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    genesis: Genesis,
    digest: Digest,
    /// The keys of genesis that sign transactions, read: a twelfth of every check.
    keys: Arc<BTreeMap<PublicKeyBytes, VerifyingKey>>,
}

impl Chain {
    /// Checks a genesis and computes its digest.
    ///
    /// # Errors
    /// [`GenesisError`], by its first failing rule.
    pub fn new(genesis: Genesis) -> Result<Self, GenesisError> {
        genesis.check()?;
        let digest = genesis
            .suite
            .hash_labelled(Label::GENESIS, &[&to_cbor(&genesis)]);
        let keys = Arc::new(keys(&genesis)?);
        Ok(Self {
            genesis,
            digest,
            keys,
        })
    }

    /// Reads a genesis file.
    ///
    /// # Errors
    /// [`GenesisError`], by its first failing rule.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, GenesisError> {
        if is_other_version(bytes) {
            return Err(GenesisError::Version);
        }
        Self::new(from_cbor(bytes, MAX_LEN)?)
    }

    /// The genesis file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        to_cbor(&self.genesis)
    }

    /// A key that checks signatures on this chain.
    ///
    /// # Errors
    /// [`KeyError`] when it is no such key.
    pub fn verifying(&self, key: &PublicKeyBytes) -> Result<Cow<'_, VerifyingKey>, KeyError> {
        match self.keys.get(key) {
            Some(known) => Ok(Cow::Borrowed(known)),
            None => key.verifying(self.suite()).map(Cow::Owned),
        }
    }

    /// The genesis.
    #[must_use]
    pub const fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// Its digest, which every signature on this chain covers.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The chain's algorithms.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.genesis.suite
    }

    /// The chain's policy.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.genesis.policy
    }

    /// A member of genesis.
    #[must_use]
    pub fn member(&self, id: &MemberId) -> Option<&Member> {
        self.genesis.members.iter().find(|member| member.id == *id)
    }

    /// A member of genesis by its name.
    #[must_use]
    pub fn member_named(&self, name: &str) -> Option<&Member> {
        self.genesis
            .members
            .iter()
            .find(|member| member.name == name)
    }

    /// A storage area of genesis.
    #[must_use]
    pub fn area(&self, id: &AreaId) -> Option<&StorageArea> {
        self.genesis.areas.iter().find(|area| area.id == *id)
    }
}

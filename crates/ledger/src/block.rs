//! Blocks, their headers, and certificates of finality.
//!
//! ```text
//! header        CBOR array  version, genesis digest, height, epoch, previous header's digest,
//!                           transactions digest, log size, log root, state root, time
//! digest        H("medfolder/block-header" ‖ 0 ‖ header)
//! transactions  H("medfolder/block-transactions" ‖ 0 ‖ CBOR [[leaf hash, result]…])
//! block         CBOR [header, [[stored bytes, result]…]]          result 0 accepted, else a refusal's number
//! certificate   [1, [Ed25519 signature, SM2 signature?]]          over "medfolder/block-header" ‖ 0 ‖ digest
//! checkpoint    CBOR [header, certificate]
//! ```
//! Log size, log root and state root are those after the block's transactions. Block 0 is genesis:
//! no transactions, previous digest of zeros, genesis' time and state.

use medfolder_crypto::{CborError, Digest, Label, Signature, SigningKey, Suite, from_cbor};
use medfolder_crypto::{merkle, to_cbor};
use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::genesis::{Chain, EngineKeys};

/// Version of the format.
pub const VERSION: u8 = 0;
/// Longest block in bytes.
pub const MAX_LEN: usize = 64 << 20;
/// Longest checkpoint in bytes.
pub const MAX_CHECKPOINT_LEN: usize = 16 << 10;

/// A block's header.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct Header {
    /// [`VERSION`].
    #[n(0)]
    pub version: u8,
    /// Digest of the chain's genesis.
    #[n(1)]
    pub genesis: Digest,
    /// 0 for genesis, then one more each.
    #[n(2)]
    pub height: u64,
    /// Which set of validators certifies it; 0 until the set changes.
    #[n(3)]
    pub epoch: u64,
    /// Digest of the header before.
    #[n(4)]
    pub previous: Digest,
    /// Digest of the block's transactions with their results.
    #[n(5)]
    pub transactions: Digest,
    /// Number of accepted transactions.
    #[n(6)]
    pub log_size: u64,
    /// Root of their Merkle tree.
    #[n(7)]
    pub log_root: Digest,
    /// Root of the state.
    #[n(8)]
    pub state_root: Digest,
    /// Block time, milliseconds since the Unix epoch, UTC.
    #[n(9)]
    pub time: u64,
}

/// What execution of a block's transactions led to; fills the rest of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roots {
    /// Number of accepted transactions so far.
    pub log_size: u64,
    /// Root over them.
    pub log_root: Digest,
    /// Root of the state.
    pub state_root: Digest,
}

impl Header {
    /// Header of block 0; `state_root` is the root over [`crate::Genesis::initial_state`].
    #[must_use]
    pub fn genesis(chain: &Chain, state_root: Digest) -> Self {
        let suite = chain.suite();
        Self {
            version: VERSION,
            genesis: chain.digest(),
            height: 0,
            epoch: 0,
            previous: Digest::default(),
            transactions: transactions_digest(suite, &[]),
            log_size: 0,
            log_root: merkle::root(suite, &[]),
            state_root,
            time: chain.genesis().time,
        }
    }

    /// Header of the next block.
    #[must_use]
    pub fn next(&self, suite: Suite, results: &[(Digest, u16)], roots: Roots, time: u64) -> Self {
        Self {
            version: VERSION,
            genesis: self.genesis,
            height: self.height.saturating_add(1),
            epoch: self.epoch,
            previous: self.digest(suite),
            transactions: transactions_digest(suite, results),
            log_size: roots.log_size,
            log_root: roots.log_root,
            state_root: roots.state_root,
            time,
        }
    }

    /// The time of the next block: max(previous + 1, the proposer's clock).
    #[must_use]
    pub const fn next_time(&self, clock: u64) -> u64 {
        let least = self.time.saturating_add(1);
        if clock > least { clock } else { least }
    }

    /// The header's digest, which the next header and the certificate cover.
    #[must_use]
    pub fn digest(&self, suite: Suite) -> Digest {
        suite.hash_labelled(Label::BLOCK_HEADER, &[&to_cbor(self)])
    }

    /// That this header can follow `previous`.
    ///
    /// # Errors
    /// [`BlockError`], by its first failing rule.
    pub fn check_follows(&self, chain: &Chain, previous: &Self) -> Result<(), BlockError> {
        if self.version != VERSION || self.genesis != chain.digest() {
            return Err(BlockError::Chain);
        }
        let follows = previous.height.checked_add(1) == Some(self.height)
            && self.previous == previous.digest(chain.suite())
            && self.epoch == previous.epoch;
        if !follows {
            return Err(BlockError::Previous);
        }
        if self.time <= previous.time {
            return Err(BlockError::Time);
        }
        if self.log_size < previous.log_size {
            Err(BlockError::Log)
        } else {
            Ok(())
        }
    }
}

/// Digest of a block's transactions: leaf hash and result of each, in order.
#[must_use]
pub fn transactions_digest(suite: Suite, results: &[(Digest, u16)]) -> Digest {
    suite.hash_labelled(Label::BLOCK_TRANSACTIONS, &[&to_cbor(&results)])
}

/// A transaction in a block.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct BlockTransaction {
    /// Its stored bytes.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
    /// 0 for accepted, else the refusal's number.
    #[n(1)]
    pub result: u16,
}

/// A block.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Block {
    /// Its header.
    #[n(0)]
    pub header: Header,
    /// Its transactions, accepted and refused, in order.
    #[n(1)]
    pub transactions: Vec<BlockTransaction>,
}

impl Block {
    /// Reads a block strictly.
    ///
    /// # Errors
    /// [`CborError`]
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CborError> {
        from_cbor(bytes, MAX_LEN)
    }

    /// The block's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        to_cbor(self)
    }

    /// Leaf hash and result of each transaction.
    #[must_use]
    pub fn results(&self, suite: Suite) -> Vec<(Digest, u16)> {
        self.transactions
            .iter()
            .map(|tx| (merkle::leaf_hash(suite, &[&tx.bytes]), tx.result))
            .collect()
    }

    /// That the header follows `previous` and commits to these transactions.
    ///
    /// # Errors
    /// [`BlockError`], by its first failing rule.
    pub fn check(&self, chain: &Chain, previous: &Header) -> Result<(), BlockError> {
        self.header.check_follows(chain, previous)?;
        let digest = transactions_digest(chain.suite(), &self.results(chain.suite()));
        if digest != self.header.transactions {
            return Err(BlockError::Transactions);
        }
        let accepted = self.transactions.iter().filter(|tx| tx.result == 0).count();
        let grown = self.header.log_size.checked_sub(previous.log_size);
        if grown.and_then(|n| usize::try_from(n).ok()) == Some(accepted) {
            Ok(())
        } else {
            Err(BlockError::Log)
        }
    }
}

/// Who says that a header is final.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Certificate {
    /// The one key of the embedded engine.
    #[n(1)]
    Embedded {
        /// Ed25519, on every chain.
        #[n(0)]
        ed25519: Signature,
        /// SM2 beside it on a national chain.
        #[n(1)]
        sm2: Option<Signature>,
    },
}

/// The embedded engine's private key; a pair on a national chain.
#[derive(Debug)]
pub struct EngineSigner {
    ed25519: SigningKey,
    sm2: Option<SigningKey>,
}

impl EngineSigner {
    /// Takes the key, or the pair.
    #[must_use]
    pub const fn new(ed25519: SigningKey, sm2: Option<SigningKey>) -> Self {
        Self { ed25519, sm2 }
    }

    /// The public half, as genesis names it.
    #[must_use]
    pub fn public(&self) -> crate::member::ConsensusKey {
        crate::member::ConsensusKey {
            ed25519: self.ed25519.public(),
            sm2: self.sm2.as_ref().map(SigningKey::public),
        }
    }

    /// Certifies a header.
    #[must_use]
    pub fn certify(&self, suite: Suite, header: &Header) -> Certificate {
        let Digest(digest) = header.digest(suite);
        let sign = |key: &SigningKey| key.sign(Label::BLOCK_HEADER, &[&digest]);
        Certificate::Embedded {
            ed25519: sign(&self.ed25519),
            sm2: self.sm2.as_ref().map(sign),
        }
    }
}

/// A header that is final: what every proof ends at. A phone checks it offline.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct Checkpoint {
    /// The header.
    #[n(0)]
    pub header: Header,
    /// Why it is final.
    #[n(1)]
    pub certificate: Certificate,
}

impl Checkpoint {
    /// Reads a checkpoint strictly; verifies nothing.
    ///
    /// # Errors
    /// [`CborError`]
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CborError> {
        from_cbor(bytes, MAX_CHECKPOINT_LEN)
    }

    /// The checkpoint's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        to_cbor(self)
    }

    /// That the chain's engine certified this header of this chain.
    ///
    /// # Errors
    /// [`BlockError::Chain`] or [`BlockError::Certificate`].
    pub fn verify(&self, chain: &Chain) -> Result<(), BlockError> {
        if self.header.version != VERSION || self.header.genesis != chain.digest() {
            return Err(BlockError::Chain);
        }
        let Digest(digest) = self.header.digest(chain.suite());
        let EngineKeys::Embedded(key) = &chain.genesis().engine;
        let Certificate::Embedded { ed25519, sm2 } = &self.certificate;
        let holds = |suite: Suite, key: &medfolder_crypto::PublicKeyBytes, signature| {
            key.verifying(suite).is_ok_and(|key| {
                key.verify(Label::BLOCK_HEADER, &[&digest], signature)
                    .is_ok()
            })
        };
        let national = match (&key.sm2, sm2) {
            (None, None) => true,
            (Some(key), Some(signature)) => holds(Suite::National, key, signature),
            _ => false,
        };
        if national && holds(Suite::International, &key.ed25519, ed25519) {
            Ok(())
        } else {
            Err(BlockError::Certificate)
        }
    }
}

/// Two certified headers of one height that differ: proof that the ledger was forked.
///
/// # Errors
/// [`BlockError`] when one of the two is not certified: nothing is proven.
pub fn proves_fork(chain: &Chain, a: &Checkpoint, b: &Checkpoint) -> Result<bool, BlockError> {
    a.verify(chain)?;
    b.verify(chain)?;
    Ok(a.header.height == b.header.height && a.header != b.header)
}

/// Why a block or checkpoint is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// Another chain, or another version of the format.
    #[error("a header of another chain or version")]
    Chain,
    /// Not the next of the block before.
    #[error("the header does not follow the one before")]
    Previous,
    /// Not later than the block before.
    #[error("the block is not later than the one before")]
    Time,
    /// The transactions are not those that the header commits to.
    #[error("the transactions are not those of the header")]
    Transactions,
    /// The log shrank, or grew by something else than the accepted transactions.
    #[error("the log did not grow by the accepted transactions")]
    Log,
    /// Execution gave another result.
    #[error("executing the block's transactions gives another header")]
    Execution,
    /// The certificate does not hold.
    #[error("the certificate of finality does not hold")]
    Certificate,
}

impl BlockError {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Chain => "block.chain",
            Self::Previous => "block.previous",
            Self::Time => "block.time",
            Self::Transactions => "block.transactions",
            Self::Log => "block.log",
            Self::Execution => "block.execution",
            Self::Certificate => "block.certificate",
        }
    }
}

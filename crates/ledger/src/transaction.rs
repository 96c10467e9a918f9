//! Transactions: the bytes that are stored, signed and identified.
//!
//! ```text
//! stored   CBOR array(5)  version │ type │ valid-until │ body │ [signature…]
//!          0x85             u8       u8     u64 ms        array   64 bytes each, in the order of the type's roles
//!                           └────────── core ───────────┘
//! signed   label of the type ‖ 0x00 ‖ genesis digest ‖ core
//! id       H(signed)
//! leaf     H(0x00 ‖ stored)                      in the log of accepted transactions
//! ```
//! `core` is the stored bytes without the first byte and the signatures, so nothing is encoded
//! twice. Valid while block time < valid-until ≤ block time + 24 h (room grants marked late: 7
//! days); accepted ids are remembered exactly that long, so a replay is refused.

use medfolder_crypto::{
    CborError, Digest, PublicKeyBytes, Signature, SigningKey, all_exact, merkle,
};
use minicbor::{Decoder, Encoder};
use serde::Serialize;

use crate::body::{Body, Signer, Type};
use crate::genesis::Chain;
use crate::refusal::Refusal;
use crate::state::{
    CardEntry, FolderEntry, GrantEntry, MemberEntry, StateError, StateKey, StateRead, read,
};

/// Version of the format.
pub const VERSION: u8 = 0;
/// Longest stored transaction in bytes.
pub const MAX_LEN: usize = 64 << 10;
const MAX_SIGNATURES: u64 = 2;
/// Bytes of the array's head.
const HEAD: usize = 1;

/// A transaction's id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TxId(pub [u8; 32]);

medfolder_crypto::cbor::bytes_newtype!(TxId, 32);

/// A transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Transaction {
    /// [`VERSION`].
    pub version: u8,
    /// First moment (block time) at which it is no longer accepted.
    pub valid_until: u64,
    /// What it does.
    pub body: Body,
    /// In the order of [`Body::signers`].
    pub signatures: Vec<Signature>,
}

/// A transaction whose signatures are still to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsigned {
    valid_until: u64,
    body: Body,
    core: Vec<u8>,
}

impl Unsigned {
    /// A transaction of this body.
    #[must_use]
    pub fn new(body: impl Into<Body>, valid_until: u64) -> Self {
        let body = body.into();
        let core = core(VERSION, valid_until, &body);
        Self {
            valid_until,
            body,
            core,
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self, chain: &Chain) -> TxId {
        id(chain, self.body.kind(), &self.core)
    }

    /// Its body.
    #[must_use]
    pub const fn body(&self) -> &Body {
        &self.body
    }

    /// The bytes after label, zero byte and genesis digest that are signed.
    #[must_use]
    pub fn core(&self) -> &[u8] {
        &self.core
    }

    /// One party's signature. Parties at different places sign the same `Unsigned`, made from the
    /// same body and valid-until, and one of them joins the signatures.
    #[must_use]
    pub fn sign(&self, chain: &Chain, key: &SigningKey) -> Signature {
        key.sign(self.body.kind().label(), &[&chain.digest().0, &self.core])
    }

    /// Checks one party's signature before it is joined.
    #[must_use]
    pub fn verify(&self, chain: &Chain, key: &PublicKeyBytes, signature: &Signature) -> bool {
        verify(chain, self.body.kind(), &self.core, key, signature)
    }

    /// Joins the signatures in the order of [`Body::signers`].
    #[must_use]
    pub fn with_signatures(self, signatures: Vec<Signature>) -> Transaction {
        Transaction {
            version: VERSION,
            valid_until: self.valid_until,
            body: self.body,
            signatures,
        }
    }

    /// Signs with all keys, in the order of [`Body::signers`].
    #[must_use]
    pub fn signed_by(self, chain: &Chain, keys: &[&SigningKey]) -> Transaction {
        let signatures = keys.iter().map(|key| self.sign(chain, key)).collect();
        self.with_signatures(signatures)
    }
}

impl Transaction {
    /// The stored bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![0x85];
        out.extend(core(self.version, self.valid_until, &self.body));
        out.extend(medfolder_crypto::to_cbor(&self.signatures));
        out
    }

    /// Reads stored bytes strictly; checks no signature and no rule.
    ///
    /// # Errors
    /// [`Refusal`]: too long, malformed, or of an unknown version or type.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        Ok(decode_strict(bytes)?.0)
    }

    /// Its type.
    #[must_use]
    pub const fn kind(&self) -> Type {
        self.body.kind()
    }

    /// Its id.
    #[must_use]
    pub fn id(&self, chain: &Chain) -> TxId {
        id(
            chain,
            self.kind(),
            &core(self.version, self.valid_until, &self.body),
        )
    }
}

fn core(version: u8, valid_until: u64, body: &Body) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    let mut e = Encoder::new(&mut out);
    let done = e
        .u8(version)
        .and_then(|e| e.u8(body.kind().number()))
        .and_then(|e| e.u64(valid_until))
        .and_then(|e| body.encode_into(e));
    debug_assert!(done.is_ok(), "writing to a vector cannot fail");
    out
}

fn id(chain: &Chain, kind: Type, core: &[u8]) -> TxId {
    let Digest(bytes) = chain
        .suite()
        .hash_labelled(kind.label(), &[&chain.digest().0, core]);
    TxId(bytes)
}

fn verify(
    chain: &Chain,
    kind: Type,
    core: &[u8],
    key: &PublicKeyBytes,
    signature: &Signature,
) -> bool {
    chain.verifying(key).is_ok_and(|key| {
        key.verify(kind.label(), &[&chain.digest().0, core], signature)
            .is_ok()
    })
}

/// The transaction and where its signatures begin.
fn decode_strict(bytes: &[u8]) -> Result<(Transaction, usize), Refusal> {
    if bytes.len() > MAX_LEN {
        return Err(Refusal::TooLong);
    }
    let mut d = Decoder::new(bytes);
    if !matches!(d.array(), Ok(Some(5))) {
        return Err(Refusal::Malformed);
    }
    if d.u8().map_err(|_| Refusal::Malformed)? != VERSION {
        return Err(Refusal::Version);
    }
    let kind = Type::of(d.u8().map_err(|_| Refusal::Malformed)?).ok_or(Refusal::Kind)?;
    let valid_until = d.u64().map_err(|_| Refusal::Malformed)?;
    let body = Body::decode_from(kind, &mut d).map_err(|_| Refusal::Malformed)?;
    let core_end = d.position();
    let signatures = decode_signatures(&mut d).map_err(|_| Refusal::Malformed)?;
    let transaction = Transaction {
        version: VERSION,
        valid_until,
        body,
        signatures,
    };
    // Strict: nothing left over, and only the canonical bytes.
    let strict = d.position() == bytes.len() && transaction.to_bytes() == bytes;
    if !strict || !all_exact(bytes) {
        return Err(Refusal::Malformed);
    }
    Ok((transaction, core_end))
}

fn decode_signatures(d: &mut Decoder<'_>) -> Result<Vec<Signature>, minicbor::decode::Error> {
    match d.array()? {
        Some(count) if count <= MAX_SIGNATURES => (0..count).map(|_| d.decode()).collect(),
        _ => Err(minicbor::decode::Error::message("too many signatures")),
    }
}

impl From<CborError> for Refusal {
    fn from(error: CborError) -> Self {
        match error {
            CborError::TooLong => Self::TooLong,
            _ => Self::Malformed,
        }
    }
}

/// A transaction that was read, identified and whose signatures were checked, as far as the keys
/// were known: everything that needs no order, done off the sequential path and on all cores.
#[derive(Clone, Debug)]
pub struct Prepared {
    id: TxId,
    leaf: Digest,
    transaction: Transaction,
    bytes: Vec<u8>,
    core_end: usize,
    /// The keys under which the signatures held, in order; `None` where none was known.
    keys: Vec<Option<PublicKeyBytes>>,
}

impl Prepared {
    /// Reads stored bytes, checks what no state can make right, and nothing else.
    ///
    /// # Errors
    /// [`Refusal`], by its first failing rule.
    pub fn read(chain: &Chain, bytes: Vec<u8>) -> Result<Self, Refusal> {
        let (transaction, core_end) = decode_strict(&bytes)?;
        transaction.body.check(chain.suite())?;
        let signers = transaction.body.signers();
        if signers.len() != transaction.signatures.len() {
            return Err(Refusal::SignatureCount);
        }
        let core = bytes.get(HEAD..core_end).ok_or(Refusal::Malformed)?;
        let id = id(chain, transaction.kind(), core);
        let leaf = merkle::leaf_hash(chain.suite(), &[&bytes]);
        let keys = vec![None; signers.len()];
        Ok(Self {
            id,
            leaf,
            transaction,
            bytes,
            core_end,
            keys,
        })
    }

    /// Checks the signatures under the keys that `state` knows, which may be older than the state
    /// that the transaction will meet: [`crate::Executor`] compares the keys and checks again only
    /// when one changed or was not known.
    ///
    /// # Errors
    /// [`PrepareError`]: a signature does not hold under the key that `state` knows, or the state
    /// cannot be read.
    pub fn verify(mut self, chain: &Chain, state: &dyn StateRead) -> Result<Self, PrepareError> {
        let signers = self.transaction.body.signers();
        for (index, signer) in signers.iter().enumerate() {
            let Some(key) = signer_key(chain, state, signer)? else {
                continue;
            };
            self.verify_one(chain, index, key)?;
        }
        Ok(self)
    }

    /// Reads and verifies.
    ///
    /// # Errors
    /// As [`Prepared::read`] and [`Prepared::verify`].
    pub fn new(chain: &Chain, bytes: Vec<u8>, state: &dyn StateRead) -> Result<Self, PrepareError> {
        Self::read(chain, bytes)?.verify(chain, state)
    }

    /// Makes sure that signature `index` is by `key`, without a second check where it is known.
    pub(crate) fn ensure(
        &self,
        chain: &Chain,
        index: usize,
        key: &PublicKeyBytes,
    ) -> Result<(), Refusal> {
        if self
            .keys
            .get(index)
            .is_some_and(|known| known.as_ref() == Some(key))
        {
            return Ok(());
        }
        self.check_signature(chain, index, key)
    }

    fn verify_one(
        &mut self,
        chain: &Chain,
        index: usize,
        key: PublicKeyBytes,
    ) -> Result<(), Refusal> {
        self.check_signature(chain, index, &key)?;
        if let Some(slot) = self.keys.get_mut(index) {
            *slot = Some(key);
        }
        Ok(())
    }

    fn check_signature(
        &self,
        chain: &Chain,
        index: usize,
        key: &PublicKeyBytes,
    ) -> Result<(), Refusal> {
        let signature = self
            .transaction
            .signatures
            .get(index)
            .ok_or(Refusal::SignatureCount)?;
        if verify(chain, self.transaction.kind(), self.core(), key, signature) {
            Ok(())
        } else {
            Err(Refusal::Signature)
        }
    }

    fn core(&self) -> &[u8] {
        self.bytes.get(HEAD..self.core_end).unwrap_or_default()
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> TxId {
        self.id
    }

    /// Its leaf hash in the log.
    #[must_use]
    pub const fn leaf(&self) -> Digest {
        self.leaf
    }

    /// The transaction.
    #[must_use]
    pub const fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    /// The stored bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The stored bytes, taken.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Whether every signature was checked under some key.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.keys.iter().all(Option::is_some)
    }
}

/// Why a transaction cannot be prepared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
    /// A rule.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The state cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
}

impl PrepareError {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::State(error) => error.code(),
        }
    }
}

/// The key of a signer in a state; `None` when the state has none.
///
/// # Errors
/// [`StateError`] when the state cannot be read.
pub fn signer_key(
    chain: &Chain,
    state: &(impl StateRead + ?Sized),
    signer: &Signer,
) -> Result<Option<PublicKeyBytes>, StateError> {
    let suite = chain.suite();
    Ok(match signer {
        Signer::Key(key) => Some(*key),
        Signer::Member(id, role) => read::<MemberEntry>(state, &StateKey::member(suite, id))?
            .and_then(|entry| entry.keys().signing(*role).copied()),
        Signer::Card(number) => {
            read::<CardEntry>(state, &StateKey::card(suite, number))?.map(|entry| entry.signing)
        }
        Signer::Grant(id) => {
            read::<GrantEntry>(state, &StateKey::grant(suite, id))?.map(|entry| entry.key)
        }
        Signer::Folder(number) => {
            read::<FolderEntry>(state, &StateKey::folder(suite, number))?.map(|entry| entry.signing)
        }
    })
}

//! Proofs that need nothing but bytes, the chain's genesis and a checkpoint.
//!
//! | proof | shows |
//! |---|---|
//! | [`Receipt`] | this transaction was accepted, at this position, before this time |
//! | [`EntryProof`] | this entry of the state is …, or there is none, as of a checkpoint |
//! | [`HistoryPage`] | this is the *whole* list of a card, a grant or a folder as of a checkpoint |
//! | [`ConsistencyProof`] | a newer checkpoint continues an older one |
//!
//! All are strict CBOR arrays; a list's items are transactions, each with its place in the log and
//! its block time, or the steps of accesses.

use medfolder_crypto::{CborError, Digest, Suite, from_cbor, merkle, to_cbor};
use medfolder_record::{MemberId, RecordId};
use minicbor::{Decode, Decoder, Encode, Encoder};

use crate::block::{BlockError, Checkpoint, Header, transactions_digest};
use crate::genesis::Chain;
use crate::log::{ConsistencyProof, InclusionProof};
use crate::refusal::Refusal;
use crate::state::{
    AccessStep, CardEntry, FolderEntry, GrantEntry, RecordEntry, Running, StateKey, Subject,
    TransactionStep,
};
use crate::transaction::Transaction;
use crate::tree::{StateProof, StateProofError};

/// Longest proof in bytes.
pub const MAX_LEN: usize = 16 << 20;

/// Why a proof proves nothing. The text names the check that failed, for the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Not the strict encoding.
    #[error("the proof is malformed: {0}")]
    Encoding(#[from] CborError),
    /// The checkpoint does not hold.
    #[error("the ledger's checkpoint does not hold: {0}")]
    Checkpoint(#[from] BlockError),
    /// The transaction is not in the log at that place.
    #[error("the transaction is not in the ledger that was certified")]
    Inclusion,
    /// The entry's proof does not lead to the state's root.
    #[error("{0}")]
    State(#[from] StateProofError),
    /// The entry is not what such an entry must be.
    #[error("the ledger's entry is malformed")]
    Entry,
    /// There is no such card, grant or folder on the ledger.
    #[error("there is no such entry on the ledger")]
    Absent,
    /// A list does not begin where the last one ended, or is of somebody else.
    #[error("the list does not continue what was known")]
    Gap,
    /// The list is not the whole list: something was left out, added or changed.
    #[error("the list is not whole: an entry was hidden, added or changed")]
    Incomplete,
    /// The block accepted the transaction, or refuses it in a way that an accepted one may meet, too.
    #[error("the transaction was accepted, or may have been")]
    NotRefused,
    /// An item of the list is no transaction.
    #[error("an item of the list is malformed: {0}")]
    Item(Refusal),
    /// The newer checkpoint does not continue the older one.
    #[error("the newer checkpoint does not continue the older one")]
    Consistency,
}

impl ProofError {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Encoding(_) => "proof.encoding",
            Self::Checkpoint(_) => "proof.checkpoint",
            Self::Inclusion => "proof.inclusion",
            Self::State(_) => "proof.state",
            Self::Entry => "proof.entry",
            Self::Absent => "proof.absent",
            Self::Gap => "proof.gap",
            Self::Incomplete => "proof.incomplete",
            Self::NotRefused => "proof.not_refused",
            Self::Item(_) => "proof.item",
            Self::Consistency => "proof.consistency",
        }
    }
}

macro_rules! proof_bytes {
    ($($name:ident)*) => { $(
        impl $name {
            /// Reads the proof strictly; verifies nothing.
            ///
            /// # Errors
            /// [`ProofError::Encoding`]
            pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProofError> {
                Ok(from_cbor(bytes, MAX_LEN)?)
            }

            /// The proof's bytes.
            #[must_use]
            pub fn to_bytes(&self) -> Vec<u8> {
                to_cbor(self)
            }
        }
    )* };
}

proof_bytes! { Receipt RefusalProof EntryProof HistoryPage }

/// A transaction was accepted: its inclusion in the log of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Receipt {
    /// Inclusion in the checkpoint's log.
    #[n(0)]
    pub inclusion: InclusionProof,
    /// The checkpoint.
    #[n(1)]
    pub checkpoint: Checkpoint,
}

impl Receipt {
    /// Verifies for a transaction's stored bytes; returns its position. It existed before the
    /// checkpoint's block time.
    ///
    /// # Errors
    /// [`ProofError::Checkpoint`] or [`ProofError::Inclusion`].
    pub fn verify(&self, chain: &Chain, stored: &[u8]) -> Result<u64, ProofError> {
        self.checkpoint.verify(chain)?;
        let header = &self.checkpoint.header;
        let leaf = merkle::leaf_hash(chain.suite(), &[stored]);
        let root = self.inclusion.root(chain.suite(), leaf);
        if self.inclusion.size == header.log_size && root == Some(header.log_root) {
            Ok(self.inclusion.index)
        } else {
            Err(ProofError::Inclusion)
        }
    }
}

/// A transaction was refused: the list of a block's results, to which its header commits. Shows
/// digests of the block's other transactions and nothing of what they say, so anybody may have it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct RefusalProof {
    /// Leaf hash and result of each of the block's transactions, in order.
    #[n(0)]
    pub results: Vec<(Digest, u16)>,
    /// The block's checkpoint.
    #[n(1)]
    pub checkpoint: Checkpoint,
}

impl RefusalProof {
    /// Verifies for a transaction's stored bytes; returns why it was refused. It is refused as of
    /// this block: until its valid-until a later block may still take it.
    ///
    /// # Errors
    /// [`ProofError::Checkpoint`] or [`ProofError::Inclusion`]; [`ProofError::NotRefused`] when the
    /// block accepted it, calls it a copy of one that was accepted, or looked at it after its
    /// valid-until: the state then says whether an earlier block took it.
    pub fn verify(&self, chain: &Chain, stored: &[u8]) -> Result<Refusal, ProofError> {
        self.checkpoint.verify(chain)?;
        let suite = chain.suite();
        if transactions_digest(suite, &self.results) != self.checkpoint.header.transactions {
            return Err(ProofError::Inclusion);
        }
        let leaf = merkle::leaf_hash(suite, &[stored]);
        let own = self.results.iter().filter(|(digest, _)| *digest == leaf);
        let results = own.map(|(_, result)| Refusal::of(*result));
        let Some(refusals) = results.collect::<Option<Vec<_>>>() else {
            return Err(ProofError::NotRefused);
        };
        match refusals.first() {
            Some(_)
                if refusals
                    .iter()
                    .any(|refusal| says_nothing_of_before(*refusal)) =>
            {
                Err(ProofError::NotRefused)
            }
            Some(refusal) => Ok(*refusal),
            None => Err(ProofError::Inclusion),
        }
    }
}

/// Time is looked at first, then whether the id was accepted before: an accepted transaction that
/// is handed in again meets one or the other.
const fn says_nothing_of_before(refusal: Refusal) -> bool {
    matches!(refusal, Refusal::Expired | Refusal::Replayed)
}

/// Verifies that `newer` continues `older`; both must be certified.
///
/// # Errors
/// [`ProofError::Checkpoint`] or [`ProofError::Consistency`].
pub fn verify_consistency(
    chain: &Chain,
    older: &Checkpoint,
    newer: &Checkpoint,
    proof: &ConsistencyProof,
) -> Result<(), ProofError> {
    older.verify(chain)?;
    newer.verify(chain)?;
    let (old, new) = (&older.header, &newer.header);
    let sizes = (proof.from, proof.to) == (old.log_size, new.log_size);
    let forward = old.height < new.height && old.time < new.time || old == new;
    if sizes && forward && proof.verify(chain.suite(), &old.log_root, &new.log_root) {
        Ok(())
    } else {
        Err(ProofError::Consistency)
    }
}

/// What an entry of the state is as of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct EntryProof {
    /// The path in the state.
    #[n(0)]
    pub state: StateProof,
    /// The checkpoint.
    #[n(1)]
    pub checkpoint: Checkpoint,
}

impl EntryProof {
    /// Verifies, and decodes the entry; `None` is a proof of absence.
    ///
    /// # Errors
    /// [`ProofError`], by its first failing check.
    pub fn verify<T: for<'b> Decode<'b, ()> + Encode<()>>(
        &self,
        chain: &Chain,
        key: &StateKey,
    ) -> Result<Option<T>, ProofError> {
        self.checkpoint.verify(chain)?;
        let root = &self.checkpoint.header.state_root;
        let value = self.state.verify(chain.suite(), root, key)?;
        value
            .map(|bytes| from_cbor(bytes, crate::tree::MAX_VALUE).map_err(|_| ProofError::Entry))
            .transpose()
    }

    /// Verifies a record's status: `None` means that it is in force.
    ///
    /// # Errors
    /// [`ProofError`], by its first failing check.
    pub fn record_status(
        &self,
        chain: &Chain,
        member: &MemberId,
        record: &RecordId,
    ) -> Result<Option<RecordEntry>, ProofError> {
        self.verify(chain, &StateKey::record(chain.suite(), member, record))
    }
}

/// One item of a list.
///
/// ```text
/// [stored bytes, position, block time] (a transaction) │ [host, entry, class, block time] (an access)
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryItem {
    /// A transaction.
    Transaction(TransactionStep),
    /// An access, without the rest of its batch.
    Access(AccessStep),
}

impl HistoryItem {
    /// The item's step of the running digest.
    #[must_use]
    pub fn step(&self, suite: Suite) -> Digest {
        match self {
            Self::Transaction(transaction) => transaction.digest(suite),
            Self::Access(access) => access.digest(suite),
        }
    }

    /// The transaction; `None` for an access.
    ///
    /// # Errors
    /// [`ProofError::Item`] when the bytes are none.
    pub fn transaction(&self) -> Result<Option<Transaction>, ProofError> {
        match self {
            Self::Transaction(step) => Transaction::from_bytes(&step.stored)
                .map(Some)
                .map_err(ProofError::Item),
            Self::Access(_) => Ok(None),
        }
    }
}

impl<C> Encode<C> for HistoryItem {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        match self {
            Self::Transaction(step) => {
                let stored = e.array(3)?.bytes(&step.stored)?;
                stored.u64(step.position)?.u64(step.block_time)?.ok()
            }
            Self::Access(access) => access.encode(e, ctx),
        }
    }
}

impl<'b, C> Decode<'b, C> for HistoryItem {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
        if d.probe().array()? != Some(3) {
            return AccessStep::decode(d, ctx).map(Self::Access);
        }
        d.array()?;
        Ok(Self::Transaction(TransactionStep {
            stored: d.bytes()?.to_vec(),
            position: d.u64()?,
            block_time: d.u64()?,
        }))
    }
}

/// A part of a subject's list, with its entry as of a checkpoint. A client folds pages until its
/// count reaches the entry's; then the list is whole as of that checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct HistoryPage {
    /// Whose list.
    #[n(0)]
    pub subject: Subject,
    /// Index of the first item.
    #[n(1)]
    pub from: u64,
    /// Items `from`, `from + 1`, …
    #[n(2)]
    pub items: Vec<HistoryItem>,
    /// The subject's entry.
    #[n(3)]
    pub entry: EntryProof,
}

/// A subject's entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectEntry {
    /// A card's.
    Card(CardEntry),
    /// A grant's.
    Grant(GrantEntry),
    /// A folder's.
    Folder(FolderEntry),
}

impl SubjectEntry {
    /// Its list's length and digest.
    #[must_use]
    pub const fn running(&self) -> Running {
        match self {
            Self::Card(entry) => entry.running,
            Self::Grant(entry) => entry.running,
            Self::Folder(entry) => entry.running,
        }
    }
}

/// What a verified page says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedPage {
    /// Count and digest up to and including the page: keep it to ask only for what is new.
    pub known: Running,
    /// Whether that is everything as of the checkpoint.
    pub complete: bool,
    /// The subject's entry as of the checkpoint.
    pub entry: SubjectEntry,
    /// The checkpoint's header.
    pub header: Header,
}

impl HistoryPage {
    /// Verifies the page as the continuation of what is `known` ([`Running::start`] at first).
    /// Items of a page that is not yet complete are proven only once a later page is.
    ///
    /// # Errors
    /// [`ProofError`], by its first failing check. [`ProofError::Incomplete`] when the list does
    /// not fold to the certified digest.
    pub fn verify(
        &self,
        chain: &Chain,
        subject: &Subject,
        known: &Running,
    ) -> Result<VerifiedPage, ProofError> {
        if self.subject != *subject || self.from != known.count {
            return Err(ProofError::Gap);
        }
        let entry = self.verify_entry(chain)?;
        let suite = chain.suite();
        let folded = self.items.iter().fold(*known, |running, item| {
            running.step(suite, &item.step(suite))
        });
        let whole = entry.running();
        if folded.count > whole.count || folded.count == whole.count && folded != whole {
            return Err(ProofError::Incomplete);
        }
        Ok(VerifiedPage {
            known: folded,
            complete: folded == whole,
            entry,
            header: self.entry.checkpoint.header.clone(),
        })
    }

    /// Verifies a page that must be the last: an honest answer to "all that is new".
    ///
    /// # Errors
    /// As [`HistoryPage::verify`]; [`ProofError::Incomplete`] also when items are missing.
    pub fn verify_complete(
        &self,
        chain: &Chain,
        subject: &Subject,
        known: &Running,
    ) -> Result<VerifiedPage, ProofError> {
        let page = self.verify(chain, subject, known)?;
        if page.complete {
            Ok(page)
        } else {
            Err(ProofError::Incomplete)
        }
    }

    fn verify_entry(&self, chain: &Chain) -> Result<SubjectEntry, ProofError> {
        let key = self.subject.state_key(chain.suite());
        let entry = match self.subject {
            Subject::Card(_) => self.entry.verify(chain, &key)?.map(SubjectEntry::Card),
            Subject::Grant(_) => self.entry.verify(chain, &key)?.map(SubjectEntry::Grant),
            Subject::Folder(_) => self.entry.verify(chain, &key)?.map(SubjectEntry::Folder),
        };
        entry.ok_or(ProofError::Absent)
    }
}

//! Making a pack of a record that was opened, with proofs that were fetched.

use medfolder_ledger::Chain;
use medfolder_ledger::proof::{EntryProof, Receipt};
use medfolder_record::{CarriedFile, Disclosing, Disclosure, KeyId, Record, Version};

use super::{Evidence, Shown, StaffProof, Whole};

/// Why a pack is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MakeError {
    /// The record has no such entry or attachment.
    #[error("the record has no such entry or attachment")]
    NoSuchPiece,
    /// The proof of a signer's key is missing.
    #[error("a signer's entry on the ledger is missing")]
    Signer,
}

impl MakeError {
    /// Stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoSuchPiece => "evidence.no_such_piece",
            Self::Signer => "evidence.signer_missing",
        }
    }
}

/// All that goes into a pack.
#[derive(Clone, Debug)]
pub struct Making<'a> {
    /// The chain.
    pub chain: &'a Chain,
    /// The record, every check passed.
    pub record: &'a Record,
    /// The stored bytes of its seal.
    pub seal: &'a [u8],
    /// The seal's receipt.
    pub receipt: Receipt,
    /// The seal's entry.
    pub sealed: EntryProof,
    /// The record's own entry.
    pub status: EntryProof,
    /// The hospital's entry.
    pub member: EntryProof,
    /// The entry of each signer.
    pub staff: Vec<(KeyId, EntryProof)>,
    /// Whether the genesis file goes along.
    pub with_genesis: bool,
}

impl Making<'_> {
    /// A pack of the whole record with the files that carried signatures sign. `with_body` puts the
    /// body inside; otherwise it travels beside.
    ///
    /// # Errors
    /// [`MakeError`].
    pub fn whole(self, with_body: bool) -> Result<Evidence, MakeError> {
        let from = self.record.disclosing();
        let suite = self.record.suite();
        let count = u32::try_from(from.tree.count()).map_err(|_| MakeError::NoSuchPiece)?;
        let whole = Whole {
            body: suite.hash(&[from.body]),
            salts: (1..count).map(|k| from.salt.piece(suite, k)).collect(),
            attachments: from
                .attachments
                .iter()
                .map(|a| a.to_bytes().into())
                .collect(),
            files: self.files(),
            bytes: with_body.then(|| from.body.to_vec().into()),
        };
        self.pack(Shown::Whole(whole))
    }

    /// The signed files of the hospital's system; one that is the body is not repeated.
    fn files(&self) -> Vec<CarriedFile> {
        let record = self.record;
        let kind = record.statement().media_type.as_str();
        let is_body =
            |file: &CarriedFile| file.media_type == kind && file.bytes.as_slice() == record.body();
        let files = record.files().iter().filter(|file| !is_body(file));
        files.cloned().collect()
    }

    /// A pack that shows the statement and nothing but these entries and attachments, by number.
    ///
    /// # Errors
    /// [`MakeError`].
    pub fn pieces(self, entries: &[usize], attachments: &[usize]) -> Result<Evidence, MakeError> {
        let from: Disclosing<'_> = self.record.disclosing();
        let entries = entries.iter().map(|entry| from.entry(*entry));
        let attachments = attachments
            .iter()
            .map(|attachment| from.attachment(*attachment));
        let pieces: Option<Vec<Disclosure>> = entries.chain(attachments).collect();
        let pieces = pieces.ok_or(MakeError::NoSuchPiece)?;
        self.pack(Shown::Pieces(pieces))
    }

    fn pack(self, shown: Shown) -> Result<Evidence, MakeError> {
        let record = self.record;
        let signatures = record.signatures();
        let proven = |key: &KeyId| self.staff.iter().any(|(id, _)| id == key);
        if !signatures.native().all(|signature| proven(&signature.key)) {
            return Err(MakeError::Signer);
        }
        let staff = self
            .staff
            .into_iter()
            .map(|(key, proof)| StaffProof { key, proof });
        Ok(Evidence {
            version: Version,
            genesis: self.chain.digest(),
            core: record.core_digest(),
            content: record.content_root(),
            signatures: signatures.to_bytes().into(),
            statement: record
                .disclosing()
                .statement()
                .ok_or(MakeError::NoSuchPiece)?,
            shown,
            seal: self.seal.to_vec().into(),
            receipt: self.receipt,
            sealed: self.sealed,
            status: self.status,
            member: self.member,
            staff: staff.collect(),
            genesis_file: self.with_genesis.then(|| self.chain.to_bytes().into()),
        })
    }
}

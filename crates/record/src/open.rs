//! Opening a record: envelope → audited → placed → opened → verified, each step by a type.
//!
//! ```text
//! Envelope::from_bytes ─ audit(leaf) ─▶ Audited ─ placed(place) ─▶ Placed ─ open(seal key) ─▶ Opened ─ verify(staff) ─▶ Record
//! ```
//! A [`Record`] exists only when every check passed; [`Check`] names the first that failed.

use crate::carried::{CarriedFile, files_match};
use crate::check::Check;
use crate::content::{Attachment, ContentError, ContentTree, Disclosing};
use crate::envelope::{Audited, Envelope};
use crate::id::{ContentRoot, RecordId};
use crate::keys::{RecordKey, SealKey};
use crate::record_core::{Core, Place};
use crate::sealed::Content;
use crate::signature::Signatures;
use crate::staff::{SealedAt, StaffKeys};
use crate::statement::Statement;
use medfolder_crypto::{Digest, Suite};

/// An audited envelope that stands where its seal puts it.
#[derive(Clone, Debug)]
pub struct Placed<'a>(Audited<'a>);

impl<'a> Audited<'a> {
    /// Checks that the core stands where the seal puts it.
    ///
    /// # Errors
    /// [`Check::Genesis`], [`Check::Member`], [`Check::Card`], [`Check::Visit`], [`Check::Seq`] or
    /// [`Check::Position`].
    pub fn placed(self, expected: &Place) -> Result<Placed<'a>, Check> {
        let found = &self.envelope().core().place;
        let checks = [
            (found.genesis == expected.genesis, Check::Genesis),
            (found.member == expected.member, Check::Member),
            (found.card == expected.card, Check::Card),
            (found.visit == expected.visit, Check::Visit),
            (found.seq == expected.seq, Check::Seq),
            (found.k == expected.k, Check::Position),
        ];
        match checks.into_iter().find(|(holds, _)| !holds) {
            Some((_, failed)) => Err(failed),
            None => Ok(Placed(self)),
        }
    }
}

impl Placed<'_> {
    /// Opens with the key of the seal.
    ///
    /// # Errors
    /// As [`Placed::open_with`].
    pub fn open(self, key: &SealKey) -> Result<Opened, Check> {
        let record_key = key.record(self.0.suite, self.0.envelope().core().place.k);
        self.open_with(record_key)
    }

    /// Opens with the record's own key and checks content against core and leaf.
    ///
    /// # Errors
    /// [`Check::KeyCommitment`], [`Check::Decrypt`] or what is wrong with the content.
    pub fn open_with(self, key: RecordKey) -> Result<Opened, Check> {
        let Audited {
            suite,
            id,
            envelope,
        } = self.0;
        if key.commitment() != envelope.core().commitment {
            return Err(Check::KeyCommitment);
        }
        let content = Content::open(&key, &envelope.core().place, envelope.sealed())?;
        let statement = checked_statement(&content, envelope.core())?;
        let tree = checked_content(suite, &content, &envelope)?;
        let signatures = checked_signatures(suite, &content, &envelope)?;
        if !files_match(suite, &content.files, signatures.carried()) {
            return Err(Check::CarriedFile);
        }
        let core = envelope.core().clone();
        let core_digest = envelope.core_digest(suite);
        let root = envelope.content_root();
        Ok(Opened {
            suite,
            id,
            core,
            core_digest,
            root,
            key,
            statement,
            tree,
            signatures,
            content,
        })
    }
}

fn checked_statement(content: &Content, core: &Core) -> Result<Statement, Check> {
    let statement = Statement::from_bytes(content.statement()).map_err(Check::Statement)?;
    if statement.member != core.place.member {
        return Err(Check::StatementMember);
    }
    if statement.visit != core.place.visit {
        return Err(Check::StatementVisit);
    }
    let count = content.attachments.len();
    if statement.attachments as usize != count || core.attachments.len() != count {
        return Err(Check::Attachments);
    }
    Ok(statement)
}

fn checked_content(
    suite: Suite,
    content: &Content,
    envelope: &Envelope<'_>,
) -> Result<ContentTree, Check> {
    let tree = ContentTree::build(
        suite,
        &content.salt,
        content.statement(),
        content.body(),
        &content.attachments,
    )
    .map_err(|error| match error {
        ContentError::Body(error) => Check::Body(error),
        ContentError::Statement(error) => Check::Statement(error),
        ContentError::Attachment | ContentError::AttachmentCount => Check::Attachments,
    })?;
    if tree.root() == envelope.content_root() {
        Ok(tree)
    } else {
        Err(Check::ContentRoot)
    }
}

fn checked_signatures(
    suite: Suite,
    content: &Content,
    envelope: &Envelope<'_>,
) -> Result<Signatures, Check> {
    if Signatures::digest(suite, content.signatures()) != envelope.signatures_digest() {
        return Err(Check::Signatures);
    }
    let signatures = Signatures::from_bytes(content.signatures()).map_err(|_| Check::Signatures)?;
    if signatures.0.is_empty() {
        Err(Check::Unsigned)
    } else {
        Ok(signatures)
    }
}

/// A record whose content is the one under its leaf; its doctors' signatures are not yet checked.
pub struct Opened {
    suite: Suite,
    id: RecordId,
    core: Core,
    core_digest: Digest,
    /// The tree's, and the leaf's.
    root: ContentRoot,
    key: RecordKey,
    statement: Statement,
    tree: ContentTree,
    signatures: Signatures,
    content: Content,
}

impl core::fmt::Debug for Opened {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Opened({}, …)", self.id)
    }
}

impl Opened {
    /// The signatures that [`Opened::verify`] will check: for looking up staff keys.
    #[must_use]
    pub const fn signatures(&self) -> &Signatures {
        &self.signatures
    }

    /// Checks every native signature as of the seal.
    ///
    /// # Errors
    /// [`Check::Author`], [`Check::SignerUnknown`], [`Check::Signature`] or as
    /// [`crate::StaffKey::counts`].
    pub fn verify(self, staff: &impl StaffKeys, sealed: &SealedAt) -> Result<Record, Check> {
        let author = self.statement.author.key;
        if author.is_some_and(|author| !self.signatures.native().any(|s| s.key == author)) {
            return Err(Check::Author);
        }
        for signature in self.signatures.native() {
            let key = staff
                .staff_key(&signature.key)
                .ok_or(Check::SignerUnknown)?;
            signature
                .verify(&key.key, &self.core.place.genesis, &self.root)
                .map_err(|_| Check::Signature)?;
            key.counts(signature, &self.core.place.member, sealed)?;
        }
        Ok(Record(self))
    }
}

/// A record of which every check held. Its plaintext is wiped on drop.
#[derive(Debug)]
pub struct Record(Opened);

impl Record {
    /// The record's id: its leaf.
    #[must_use]
    pub const fn id(&self) -> RecordId {
        self.0.id
    }

    /// What everybody may know of it.
    #[must_use]
    pub const fn core(&self) -> &Core {
        &self.0.core
    }

    /// The digest of its core.
    #[must_use]
    pub const fn core_digest(&self) -> Digest {
        self.0.core_digest
    }

    /// Its content root.
    #[must_use]
    pub const fn content_root(&self) -> ContentRoot {
        self.0.root
    }

    /// What it says of itself.
    #[must_use]
    pub const fn statement(&self) -> &Statement {
        &self.0.statement
    }

    /// The FHIR body, byte for byte what was signed.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.0.content.body()
    }

    /// Its attachments, in order; their blobs are in the core in the same order.
    #[must_use]
    pub fn attachments(&self) -> &[Attachment] {
        &self.0.content.attachments
    }

    /// All signatures.
    #[must_use]
    pub const fn signatures(&self) -> &Signatures {
        &self.0.signatures
    }

    /// Files of the hospital's system that carried signatures sign.
    #[must_use]
    pub fn files(&self) -> &[CarriedFile] {
        &self.0.content.files
    }

    /// The key of this record, for its attachments.
    #[must_use]
    pub const fn key(&self) -> &RecordKey {
        &self.0.key
    }

    /// The suite of its chain.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.0.suite
    }

    /// For disclosing single pieces.
    #[must_use]
    pub fn disclosing(&self) -> Disclosing<'_> {
        Disclosing {
            tree: &self.0.tree,
            salt: &self.0.content.salt,
            statement: self.0.content.statement(),
            body: self.0.content.body(),
            attachments: &self.0.content.attachments,
        }
    }

    /// Checks that the record which the seal says is replaced is the one that the statement names:
    /// the sealed record with this content root.
    ///
    /// # Errors
    /// [`Check::Replaced`].
    pub fn check_replaced(&self, replaced: Option<&ContentRoot>) -> Result<(), Check> {
        let named = self.0.statement.replaces.as_ref();
        if named == replaced {
            Ok(())
        } else {
            Err(Check::Replaced)
        }
    }
}

/// The content of a record that was verified when it was stored, read again for its words: it
/// decrypts under the record's key, and nothing else is checked anew.
pub struct Reread(Content);

impl core::fmt::Debug for Reread {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Reread(…)")
    }
}

impl Reread {
    /// The FHIR body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.0.body()
    }
}

impl Envelope<'_> {
    /// Decrypts what was verified before. To show a record as verified, open it.
    ///
    /// # Errors
    /// [`Check::Decrypt`] or [`Check::Content`].
    pub fn reread(&self, suite: Suite, key: &SealKey) -> Result<Reread, Check> {
        let place = &self.core().place;
        Content::open(&key.record(suite, place.k), place, self.sealed()).map(Reread)
    }
}

/// All steps at once.
///
/// # Errors
/// The first [`Check`] that fails.
pub fn open(
    suite: Suite,
    envelope: &[u8],
    leaf: &RecordId,
    place: &Place,
    key: &SealKey,
    staff: &impl StaffKeys,
    sealed: &SealedAt,
) -> Result<Record, Check> {
    let audited = Envelope::from_bytes(envelope)?.audit(suite, leaf)?;
    audited.placed(place)?.open(key)?.verify(staff, sealed)
}

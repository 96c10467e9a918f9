//! The content root: one digest over statement, body and attachments that shows single pieces.
//!
//! ```text
//! piece    0 statement, 1 … n the body's pieces, then one for each attachment
//! type     0 statement   1 head, separator, tail or uncut body   2 entry   3 attachment
//! salt_k   = HKDF(content salt, "medfolder/piece-salt" ‖ 0 ‖ k)
//! leaf_k   = H(0x00 ‖ type (1) ‖ k (4) ‖ salt_k (32) ‖ length (8) ‖ bytes)       numbers big-endian
//! root     = Merkle root of RFC 6962 over the leaves
//! attachment's bytes = [ digest (32), size, name, media type ]
//! ```
//! Each leaf has a salt of its own, so a piece is shown with its path and nothing of its
//! neighbours can be guessed; whoever knows the content salt could, so it stays with the owner.

use crate::id::ContentRoot;
use crate::limits::{MAX_ATTACHMENT, MAX_ATTACHMENTS, MAX_BODY, MAX_CODE, MAX_TEXT};
use crate::pieces::{self, Pieces, PiecesError};
use crate::statement::{Statement, StatementError, is_line, media_type};
use medfolder_crypto::{CborError, Digest, Label, Secret32, Suite, from_cbor, merkle, to_cbor};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use rand_core::CryptoRng;
use thiserror::Error;

/// Salt of a whole content; made by inner before signing, never shown with a single piece.
#[derive(Debug, PartialEq, Eq)]
pub struct ContentSalt(Secret32);

impl ContentSalt {
    /// Takes over these bytes.
    #[must_use]
    pub const fn new(secret: Secret32) -> Self {
        Self(secret)
    }

    /// Draws a fresh salt.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        Self(Secret32::random(rng))
    }

    /// The bytes, for the sealed content and the signer's work list.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }

    /// A second copy, said aloud.
    #[must_use]
    pub const fn duplicate(&self) -> Self {
        Self(self.0.duplicate())
    }

    /// The salt of piece `k`.
    #[must_use]
    pub fn piece(&self, suite: Suite, k: u32) -> Digest {
        Digest(
            *suite
                .derive(&self.0, Label::PIECE_SALT, &[&k.to_be_bytes()])
                .expose(),
        )
    }
}

/// What a piece is; part of its leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum PieceType {
    /// The statement.
    #[n(0)]
    Statement,
    /// Head, separator, tail, or a body that is not cut.
    #[n(1)]
    Frame,
    /// One entry of a body.
    #[n(2)]
    Entry,
    /// What is signed of an attachment.
    #[n(3)]
    Attachment,
}

impl PieceType {
    const fn byte(self) -> u8 {
        match self {
            Self::Statement => 0,
            Self::Frame => 1,
            Self::Entry => 2,
            Self::Attachment => 3,
        }
    }
}

/// What is signed of an attachment.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cbor(array)]
pub struct Attachment {
    /// H over its bytes.
    #[n(0)]
    pub digest: Digest,
    /// Its size in bytes.
    #[n(1)]
    pub size: u64,
    /// File name, as shown.
    #[n(2)]
    pub name: String,
    /// Media type.
    #[n(3)]
    pub media_type: String,
}

impl Attachment {
    /// The bytes that its piece holds.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        to_cbor(self)
    }

    /// Reads an attachment's piece strictly.
    ///
    /// # Errors
    /// [`ContentError::Attachment`] for another encoding or a field out of its limits.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ContentError> {
        let attachment: Self =
            from_cbor(bytes, MAX_TEXT + MAX_CODE + 64).map_err(|_| ContentError::Attachment)?;
        attachment.check()?;
        Ok(attachment)
    }

    pub(crate) fn check(&self) -> Result<(), ContentError> {
        let named = !self.name.is_empty() && is_line(&self.name, MAX_TEXT);
        let fits = self.size <= MAX_ATTACHMENT;
        let typed = media_type(&self.media_type).is_ok();
        (named && fits && typed)
            .then_some(())
            .ok_or(ContentError::Attachment)
    }
}

/// Why statement, body and attachments make no content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ContentError {
    /// The statement is refused.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The body is refused.
    #[error(transparent)]
    Body(#[from] PiecesError),
    /// An attachment's name, size or media type is out of its limits.
    #[error("an attachment's name, size or media type is out of its limits")]
    Attachment,
    /// The statement names another number of attachments.
    #[error("the statement names another number of attachments")]
    AttachmentCount,
}

impl ContentError {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Statement(error) => error.code(),
            Self::Body(error) => error.code(),
            Self::Attachment => "attachment.form",
            Self::AttachmentCount => "attachment.count",
        }
    }
}

/// The leaves of one content, from which its root and every path follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentTree {
    suite: Suite,
    pieces: Pieces,
    leaves: Vec<Digest>,
}

impl ContentTree {
    /// Checks and hashes a content. `statement` are the bytes of a checked statement.
    ///
    /// # Errors
    /// [`ContentError`] for a body or attachment that is refused.
    pub fn build(
        suite: Suite,
        salt: &ContentSalt,
        statement: &[u8],
        body: &[u8],
        attachments: &[Attachment],
    ) -> Result<Self, ContentError> {
        if attachments.len() > MAX_ATTACHMENTS {
            return Err(ContentError::AttachmentCount);
        }
        attachments.iter().try_for_each(Attachment::check)?;
        let pieces = pieces::cut(body)?;
        let count = [1, pieces.count(), attachments.len()].iter().sum();
        let mut leaves = Leaves::new(suite, salt, count);
        leaves.push(PieceType::Statement, statement);
        for piece in pieces.iter() {
            let kind = if piece.is_entry {
                PieceType::Entry
            } else {
                PieceType::Frame
            };
            leaves.push(kind, body.get(piece.range).unwrap_or_default());
        }
        for attachment in attachments {
            leaves.push(PieceType::Attachment, &attachment.to_bytes());
        }
        Ok(Self {
            suite,
            pieces,
            leaves: leaves.hashes,
        })
    }

    /// The content root.
    #[must_use]
    pub fn root(&self) -> ContentRoot {
        root(self.suite, &self.leaves)
    }

    /// The content root of the same body and attachments under another statement.
    #[must_use]
    pub fn root_with(&self, salt: &ContentSalt, statement: &[u8]) -> ContentRoot {
        let mut leaves = self.leaves.clone();
        if let Some(first) = leaves.first_mut() {
            let salt = salt.piece(self.suite, 0);
            *first = leaf(self.suite, PieceType::Statement, 0, &salt, statement);
        }
        root(self.suite, &leaves)
    }

    /// How the body was cut.
    #[must_use]
    pub const fn pieces(&self) -> &Pieces {
        &self.pieces
    }

    /// How many pieces the content has, statement and attachments included.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.leaves.len()
    }

    pub(crate) fn path(&self, index: usize) -> Option<Vec<Digest>> {
        merkle::inclusion_path(self.suite, &self.leaves, index)
    }
}

struct Leaves<'a> {
    suite: Suite,
    salt: &'a ContentSalt,
    hashes: Vec<Digest>,
}

impl<'a> Leaves<'a> {
    fn new(suite: Suite, salt: &'a ContentSalt, count: usize) -> Self {
        Self {
            suite,
            salt,
            hashes: Vec::with_capacity(count),
        }
    }

    fn push(&mut self, kind: PieceType, bytes: &[u8]) {
        // The limits on entries and attachments keep k far below 2³².
        let k = u32::try_from(self.hashes.len()).unwrap_or(u32::MAX);
        let salt = self.salt.piece(self.suite, k);
        self.hashes.push(leaf(self.suite, kind, k, &salt, bytes));
    }
}

/// The content root over the leaves of all pieces.
#[must_use]
pub fn root(suite: Suite, leaves: &[Digest]) -> ContentRoot {
    // The limits on entries and attachments keep p far below 2³².
    let count = u32::try_from(leaves.len()).unwrap_or(u32::MAX);
    root_of(suite, count, &merkle::root(suite, leaves))
}

/// H("medfolder/content-root" ‖ 0 ‖ p (4) ‖ tree's root): the signature covers how many pieces
/// there are, so "2 of 11 shown" can be proven.
fn root_of(suite: Suite, count: u32, tree: &Digest) -> ContentRoot {
    ContentRoot(suite.hash_labelled(Label::CONTENT_ROOT, &[&count.to_be_bytes(), &tree.0]))
}

/// The leaf of one piece, for whoever was given the piece's salt.
#[must_use]
pub fn leaf(suite: Suite, kind: PieceType, k: u32, salt: &Digest, bytes: &[u8]) -> Digest {
    let length = (bytes.len() as u64).to_be_bytes();
    merkle::leaf_hash(
        suite,
        &[&[kind.byte()], &k.to_be_bytes(), &salt.0, &length, bytes],
    )
}

/// One piece with what proves that it belongs to a content root.
///
/// `[ type, k, number of pieces, salt_k (32), bytes, [ path … (32 each) ] ]`, siblings from the
/// leaf upwards.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Disclosure {
    /// What the piece is.
    #[n(0)]
    pub kind: PieceType,
    /// Its number.
    #[n(1)]
    pub k: u32,
    /// How many pieces the content has.
    #[n(2)]
    pub count: u32,
    /// Its own salt.
    #[n(3)]
    pub salt: Digest,
    /// Its bytes.
    #[n(4)]
    pub bytes: ByteVec,
    /// Siblings from the leaf upwards.
    #[n(5)]
    pub path: Vec<Digest>,
}

/// Why a disclosed piece proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DisclosureError {
    /// Not the canonical encoding.
    #[error("not a disclosed piece: {0}")]
    Encoding(#[from] CborError),
    /// Piece and path do not lead to the content root.
    #[error("the piece does not belong to this record")]
    Root,
    /// The piece belongs to the record but is not what its type says.
    #[error("the piece is not what it is said to be")]
    Form,
}

impl DisclosureError {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Encoding(_) => "disclosure.encoding",
            Self::Root => "disclosure.root",
            Self::Form => "disclosure.form",
        }
    }
}

/// A content of which single pieces can be disclosed.
#[derive(Clone, Copy, Debug)]
pub struct Disclosing<'a> {
    /// The content's tree.
    pub tree: &'a ContentTree,
    /// Its salt.
    pub salt: &'a ContentSalt,
    /// The statement's bytes.
    pub statement: &'a [u8],
    /// The body.
    pub body: &'a [u8],
    /// The attachments.
    pub attachments: &'a [Attachment],
}

impl Disclosing<'_> {
    /// Piece 0, which goes with every other.
    #[must_use]
    pub fn statement(&self) -> Option<Disclosure> {
        self.piece(PieceType::Statement, 0, self.statement.to_vec())
    }

    /// The body's entry number `index`, counted from 0.
    #[must_use]
    pub fn entry(&self, index: usize) -> Option<Disclosure> {
        let range = self.tree.pieces.entries().get(index)?;
        let bytes = self.body.get(range.clone())?.to_vec();
        self.piece(
            PieceType::Entry,
            index.checked_mul(2)?.checked_add(2)?,
            bytes,
        )
    }

    /// The attachment number `index`, counted from 0.
    #[must_use]
    pub fn attachment(&self, index: usize) -> Option<Disclosure> {
        let bytes = self.attachments.get(index)?.to_bytes();
        let k = self
            .tree
            .pieces
            .count()
            .checked_add(1)?
            .checked_add(index)?;
        self.piece(PieceType::Attachment, k, bytes)
    }

    fn piece(&self, kind: PieceType, index: usize, bytes: Vec<u8>) -> Option<Disclosure> {
        let k = u32::try_from(index).ok()?;
        Some(Disclosure {
            kind,
            k,
            count: u32::try_from(self.tree.count()).ok()?,
            salt: self.salt.piece(self.tree.suite, k),
            bytes: bytes.into(),
            path: self.tree.path(index)?,
        })
    }
}

impl Disclosure {
    /// Reads a disclosed piece strictly.
    ///
    /// # Errors
    /// [`DisclosureError::Encoding`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DisclosureError> {
        Ok(from_cbor(bytes, MAX_BODY + 4096)?)
    }

    /// Checks that the piece belongs to `root` and is what its type says.
    ///
    /// # Errors
    /// [`DisclosureError::Root`] or [`DisclosureError::Form`].
    pub fn verify(&self, suite: Suite, root: &ContentRoot) -> Result<(), DisclosureError> {
        let leaf = leaf(suite, self.kind, self.k, &self.salt, &self.bytes);
        let (k, count) = (u64::from(self.k), u64::from(self.count));
        let found = merkle::root_from_path(suite, leaf, k, count, &self.path);
        if found.map(|tree| root_of(suite, self.count, &tree)) != Some(*root) {
            return Err(DisclosureError::Root);
        }
        let formed = match self.kind {
            PieceType::Statement => self.k == 0 && Statement::from_bytes(&self.bytes).is_ok(),
            PieceType::Entry => pieces::check_entry(&self.bytes).is_ok(),
            PieceType::Attachment => Attachment::from_bytes(&self.bytes).is_ok(),
            // A fragment of JSON says nothing by itself.
            PieceType::Frame => false,
        };
        formed.then_some(()).ok_or(DisclosureError::Form)
    }
}

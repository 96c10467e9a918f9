//! The sealed content: all that only the card's holder reads, encrypted once.
//!
//! ```text
//! content     [ 0, content salt (32), statement (bytes), body (bytes), [ attachment … ],
//!               signatures (bytes), [ carried file … ] ]
//! plaintext   length of content (4, big-endian) ‖ content ‖ zeros up to padmé(4 + length)
//! sealed      AEAD(content key, nonce 0, AAD = core up to k, plaintext) = ciphertext ‖ tag (16)
//! ```
//! Statement and signatures are byte strings that hold their own encodings, so that they are
//! hashed as they lie.

use crate::carried::CarriedFile;
use crate::check::Check;
use crate::content::{Attachment, ContentSalt};
use crate::keys::RecordKey;
use crate::limits::{MAX_ATTACHMENTS, MAX_CONTENT, MAX_FILES};
use crate::padding::padded_length;
use crate::record_core::Place;
use crate::version::Version;
use core::ops::Range;
use medfolder_crypto::aead::TAG_LEN;
use medfolder_crypto::{Secret32, Wiped};
use minicbor::decode::{Decoder, Error};
use minicbor::{Decode, Encoder};

const LENGTH_LEN: usize = 4;
const CONTENT_ITEMS: u64 = 7;
/// More than all array heads, string heads and the salt of one content.
const SLACK: usize = 512;

/// Parts of a content before it is sealed.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'a> {
    pub(crate) salt: &'a ContentSalt,
    pub(crate) statement: &'a [u8],
    pub(crate) body: &'a [u8],
    pub(crate) attachments: &'a [Attachment],
    pub(crate) signatures: &'a [u8],
    pub(crate) files: &'a [CarriedFile],
}

impl Parts<'_> {
    /// Encrypts; `None` when the content is longer than a record may be.
    pub(crate) fn seal(&self, key: &RecordKey, place: &Place) -> Option<Vec<u8>> {
        let plaintext = self.padded()?;
        Some(
            key.content()
                .seal_once(&place.associated_data(), &plaintext),
        )
    }

    fn padded(&self) -> Option<Wiped> {
        // Room for the padded whole, so that no copy stays behind in memory.
        let room = padded_length(self.upper_bound() as u64);
        let mut out = Wiped::new(Vec::with_capacity(usize::try_from(room).ok()?));
        out.extend_from_slice(&[0; LENGTH_LEN]);
        self.encode(&mut out);
        let length = out.len().checked_sub(LENGTH_LEN)?;
        if length > MAX_CONTENT {
            return None;
        }
        out.get_mut(..LENGTH_LEN)?
            .copy_from_slice(&u32::try_from(length).ok()?.to_be_bytes());
        let padded = padded_length(out.len() as u64);
        out.resize(usize::try_from(padded).ok()?, 0);
        Some(out)
    }

    fn upper_bound(&self) -> usize {
        let attachments: usize = self
            .attachments
            .iter()
            .flat_map(|a| [a.name.len(), a.media_type.len(), 64])
            .sum();
        let files: usize = self
            .files
            .iter()
            .flat_map(|file| [file.media_type.len(), file.bytes.len(), 32])
            .sum();
        let blocks = [self.statement, self.body, self.signatures].map(|block| block.len());
        let all = blocks.into_iter().chain([attachments, files, SLACK]);
        all.sum()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let mut e = Encoder::new(out);
        let done = (|| {
            e.array(CONTENT_ITEMS)?
                .encode(Version)?
                .bytes(self.salt.expose())?;
            e.bytes(self.statement)?
                .bytes(self.body)?
                .encode(self.attachments)?;
            e.bytes(self.signatures)?.encode(self.files)?.ok()
        })();
        // Writing to a vector cannot fail.
        debug_assert!(done.is_ok());
    }
}

/// A content as it lies decrypted in memory; wiped on drop.
pub(crate) struct Content {
    plaintext: Wiped,
    statement: Range<usize>,
    body: Range<usize>,
    signatures: Range<usize>,
    pub(crate) salt: ContentSalt,
    pub(crate) attachments: Vec<Attachment>,
    pub(crate) files: Vec<CarriedFile>,
}

impl Content {
    /// Decrypts and reads a sealed content.
    pub(crate) fn open(key: &RecordKey, place: &Place, sealed: &[u8]) -> Result<Self, Check> {
        let plaintext = key
            .content()
            .open_once(&place.associated_data(), sealed)
            .map_err(|_| Check::Decrypt)?;
        let encoded = unpadded(&plaintext).ok_or(Check::Content)?;
        let read = Read::decode(&plaintext, encoded.clone()).map_err(|_| Check::Content)?;
        let content = Self {
            statement: read.statement,
            body: read.body,
            signatures: read.signatures,
            salt: read.salt,
            attachments: read.attachments,
            files: read.files,
            plaintext,
        };
        content
            .is_canonical(encoded)
            .then_some(content)
            .ok_or(Check::Content)
    }

    fn is_canonical(&self, encoded: Range<usize>) -> bool {
        let mut again = Wiped::new(Vec::with_capacity(
            self.plaintext.len().saturating_add(SLACK),
        ));
        self.parts().encode(&mut again);
        self.slice(&encoded) == again.as_slice()
    }

    fn parts(&self) -> Parts<'_> {
        Parts {
            salt: &self.salt,
            statement: self.statement(),
            body: self.body(),
            attachments: &self.attachments,
            signatures: self.signatures(),
            files: &self.files,
        }
    }

    fn slice(&self, range: &Range<usize>) -> &[u8] {
        self.plaintext.get(range.clone()).unwrap_or_default()
    }

    pub(crate) fn statement(&self) -> &[u8] {
        self.slice(&self.statement)
    }

    pub(crate) fn body(&self) -> &[u8] {
        self.slice(&self.body)
    }

    pub(crate) fn signatures(&self) -> &[u8] {
        self.slice(&self.signatures)
    }
}

/// The length of a sealed content whose content has `length` bytes.
#[must_use]
pub const fn sealed_length(length: u64) -> u64 {
    padded_length(length.saturating_add(LENGTH_LEN as u64)).saturating_add(TAG_LEN as u64)
}

/// Where the content lies within its plaintext; `None` when length or padding is wrong.
fn unpadded(plaintext: &[u8]) -> Option<Range<usize>> {
    let length = u32::from_be_bytes(*plaintext.first_chunk::<LENGTH_LEN>()?) as usize;
    let end = length.checked_add(LENGTH_LEN)?;
    let padding = plaintext.get(end..)?;
    let padded = padded_length(end as u64) == plaintext.len() as u64;
    let fits = length <= MAX_CONTENT && padded && padding.iter().all(|byte| *byte == 0);
    fits.then_some(LENGTH_LEN..end)
}

struct Read {
    salt: ContentSalt,
    statement: Range<usize>,
    body: Range<usize>,
    signatures: Range<usize>,
    attachments: Vec<Attachment>,
    files: Vec<CarriedFile>,
}

impl Read {
    fn decode(plaintext: &[u8], encoded: Range<usize>) -> Result<Self, Error> {
        let mut d = Decoder::new(plaintext.get(..encoded.end).unwrap_or_default());
        d.set_position(encoded.start);
        if d.array()? != Some(CONTENT_ITEMS) {
            return Err(Error::message("a content has seven items"));
        }
        Version::decode(&mut d, &mut ())?;
        let salt = Secret32::try_from(d.bytes()?).map_err(|_| Error::message("salt"))?;
        let statement = byte_range(&mut d)?;
        let body = byte_range(&mut d)?;
        let attachments = list(&mut d, MAX_ATTACHMENTS)?;
        let signatures = byte_range(&mut d)?;
        let files = list(&mut d, MAX_FILES)?;
        if d.position() != encoded.end {
            return Err(Error::message("bytes follow the content"));
        }
        let salt = ContentSalt::new(salt);
        Ok(Self {
            salt,
            statement,
            body,
            signatures,
            attachments,
            files,
        })
    }
}

fn byte_range(d: &mut Decoder<'_>) -> Result<Range<usize>, Error> {
    let length = d.bytes()?.len();
    let end = d.position();
    Ok(end.saturating_sub(length)..end)
}

fn list<T: for<'b> Decode<'b, ()>>(d: &mut Decoder<'_>, limit: usize) -> Result<Vec<T>, Error> {
    let count = d
        .array()?
        .ok_or_else(|| Error::message("a list has a length"))?;
    if count > limit as u64 {
        return Err(Error::message("a list beyond its limit"));
    }
    (0..count).map(|_| d.decode()).collect()
}

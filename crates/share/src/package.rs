//! How records travel inside a link.
//!
//! ```text
//! file 0 … r−1    the records' bodies, byte for byte what was signed       application/fhir+json
//! file r … e−1    attachments ≤ 4 MiB, each a FHIR Binary                  id = SHA-256 of its bytes, 64 hex digits
//! file e          the evidence file: a Bundle, type collection             one entry per record, in their order
//!
//! identifier      {system urn:medfolder:grant, value: the grant's number, 64 hex digits}: the host, who
//!                 has no link key, cannot name another share in a receipt
//! entry.resource  Binary {id = SHA-256 of the record's body, contentType application/vnd.medfolder.evidence, data}
//! entry.extension one per attachment that did not travel: urn:medfolder:attachment-withheld
//!                 {digest, size in bytes (decimal), name, mediaType}: “ask for the original”
//! ```
//!
//! Other viewers show the records and pass over the last file; ours pairs by digest, never by
//! position, so that a host that swaps files changes nothing but their order. SHA-256 in either
//! suite: links are international.
//!
//! Source: sharing design, “How it travels inside a SMART Health Link”.

use medfolder_crypto::{Suite, Wiped};
use medfolder_record::GrantId;
use rand_core::CryptoRng;
use serde_json::{Value, json};

use crate::content_type::{EVIDENCE, FHIR_JSON};
use crate::encoding::to_base64;
use crate::jwe::{self, JweError, Zip};
use crate::key::LinkKey;

/// Largest attachment that travels inside a link, in bytes.
pub const MAX_ATTACHMENT_BYTES: u64 = 4 << 20;
pub(crate) const GRANT: &str = "urn:medfolder:grant";
pub(crate) const WITHHELD: &str = "urn:medfolder:attachment-withheld";

/// A record to be shared.
pub struct SharedRecord<'a> {
    /// The FHIR document, byte for byte.
    pub body: &'a [u8],
    /// In the order of the statement.
    pub attachments: Vec<SharedAttachment<'a>>,
    /// Its evidence pack, opaque here.
    pub evidence: &'a [u8],
}

/// An attachment of a record.
pub struct SharedAttachment<'a> {
    /// The digest that the record's statement gives, as text.
    pub digest: String,
    /// True size in bytes.
    pub size: u64,
    /// File name.
    pub name: &'a str,
    /// Media type.
    pub media_type: &'a str,
    /// The plaintext; `None` when it is not on this device.
    pub bytes: Option<&'a [u8]>,
}

impl SharedAttachment<'_> {
    fn travelling(&self) -> Option<&[u8]> {
        let bytes = self.bytes?;
        let fits = self.size <= MAX_ATTACHMENT_BYTES && bytes.len() as u64 <= MAX_ATTACHMENT_BYTES;
        fits.then_some(bytes)
    }
}

/// What a file of a package is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Body of record `k`.
    Record(usize),
    /// An attachment of record `k`.
    Attachment(usize),
    /// The evidence file.
    Evidence,
}

impl Part {
    /// The place in the grant's scope of the record it belongs to; none for the evidence file.
    pub fn record(self) -> Option<usize> {
        match self {
            Self::Record(record) | Self::Attachment(record) => Some(record),
            Self::Evidence => None,
        }
    }
}

/// A file before encryption.
pub struct PlainFile {
    /// What it is.
    pub part: Part,
    /// The plaintext.
    pub content: Wiped,
}

/// A file as it is uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedFile {
    /// What it is.
    pub part: Part,
    /// For the manifest; equal to the header's `cty`.
    pub content_type: &'static str,
    /// The JWE.
    pub jwe: String,
}

/// Lays out the files of a share under this grant.
pub fn package(grant: &GrantId, records: &[SharedRecord<'_>]) -> Vec<PlainFile> {
    let bodies = records.iter().enumerate().map(|(k, record)| PlainFile {
        part: Part::Record(k),
        content: Wiped::new(record.body.to_vec()),
    });
    let mut files: Vec<PlainFile> = bodies.collect();
    for (k, record) in records.iter().enumerate() {
        files.extend(record.attachments.iter().filter_map(|attachment| {
            let content = binary_file(attachment.media_type, attachment.travelling()?);
            Some(PlainFile {
                part: Part::Attachment(k),
                content,
            })
        }));
    }
    files.push(PlainFile {
        part: Part::Evidence,
        content: evidence_file(grant, records),
    });
    files
}

/// Encrypts a package under a link's key, each file with a nonce of its own.
pub fn seal(
    files: &[PlainFile],
    key: &LinkKey,
    zip: Zip,
    rng: &mut impl CryptoRng,
) -> Result<Vec<SealedFile>, JweError> {
    let mut sealed = Vec::with_capacity(files.len());
    for file in files {
        let jwe = jwe::encrypt(key, FHIR_JSON, &file.content, zip, rng)?;
        sealed.push(SealedFile {
            part: file.part,
            content_type: FHIR_JSON,
            jwe,
        });
    }
    Ok(sealed)
}

/// SHA-256 as 64 hexadecimal digits: what pairs bodies, evidence and attachments.
pub fn pairing_id(bytes: &[u8]) -> String {
    Suite::International.hash(&[bytes]).to_string()
}

fn binary_file(media_type: &str, bytes: &[u8]) -> Wiped {
    let binary = binary(&pairing_id(bytes), media_type, bytes);
    Wiped::new(serde_json::to_vec(&binary).unwrap_or_default())
}

fn binary(id: &str, media_type: &str, bytes: &[u8]) -> Value {
    json!({
        "resourceType": "Binary",
        "id": id,
        "contentType": media_type,
        "data": to_base64(bytes),
    })
}

fn evidence_file(grant: &GrantId, records: &[SharedRecord<'_>]) -> Wiped {
    let entries: Vec<Value> = records.iter().map(evidence_entry).collect();
    let bundle = json!({
        "resourceType": "Bundle",
        "identifier": { "system": GRANT, "value": grant },
        "type": "collection",
        "entry": entries,
    });
    Wiped::new(serde_json::to_vec(&bundle).unwrap_or_default())
}

fn evidence_entry(record: &SharedRecord<'_>) -> Value {
    let resource = binary(&pairing_id(record.body), EVIDENCE, record.evidence);
    let withheld = record
        .attachments
        .iter()
        .filter(|a| a.travelling().is_none());
    let extensions: Vec<Value> = withheld.map(withheld_extension).collect();
    if extensions.is_empty() {
        json!({ "resource": resource })
    } else {
        json!({ "extension": extensions, "resource": resource })
    }
}

fn withheld_extension(attachment: &SharedAttachment<'_>) -> Value {
    json!({
        "url": WITHHELD,
        "extension": [
            { "url": "digest", "valueString": attachment.digest },
            { "url": "size", "valueDecimal": attachment.size },
            { "url": "name", "valueString": attachment.name },
            { "url": "mediaType", "valueCode": attachment.media_type },
        ],
    })
}

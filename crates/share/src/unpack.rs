//! The reader's side of [`crate::package`]: pairs bodies, evidence and attachments by digest.
//!
//! Everything here is hostile: nothing is believed but digests of bytes that are at hand. What
//! an evidence pack proves is decided by whoever reads it.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use crate::content_type::{EVIDENCE, same};
use crate::encoding::from_base64;
use crate::package::{WITHHELD, pairing_id};

/// Most attachments that one record may list as withheld.
const MAX_WITHHELD: usize = 256;

/// A record as it arrived.
#[derive(Clone, PartialEq, Eq)]
pub struct ReceivedRecord {
    /// Position of its file in the link.
    pub file: usize,
    /// The FHIR content, byte for byte.
    pub body: Vec<u8>,
    /// Its evidence pack; `None` when the link holds none for these bytes.
    pub evidence: Option<Vec<u8>>,
    /// Attachments that did not travel.
    pub withheld: Vec<Withheld>,
}

/// An attachment that did not travel: ask for the original.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    /// The digest that the record's statement gives.
    pub digest: String,
    /// Size in bytes.
    pub size: u64,
    /// File name.
    pub name: String,
    /// Media type.
    pub media_type: String,
}

/// An attachment that travelled as a file of its own.
#[derive(Clone, PartialEq, Eq)]
pub struct ReceivedAttachment {
    /// Position of its file in the link.
    pub file: usize,
    /// Media type.
    pub media_type: String,
    /// The bytes; their digest pairs them with a record's statement.
    pub bytes: Vec<u8>,
}

/// What a link held.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Received {
    /// In the order of the link.
    pub records: Vec<ReceivedRecord>,
    /// In the order of the link.
    pub attachments: Vec<ReceivedAttachment>,
}

/// Sorts decrypted FHIR files, each with its position in the link, by what they are.
pub fn unpack(files: Vec<(usize, Vec<u8>)>) -> Received {
    let mut received = Received::default();
    let mut evidence = BTreeMap::new();
    for (file, content) in files {
        match sort(&content) {
            Sorted::Evidence(entries) => collect(&mut evidence, entries),
            Sorted::Attachment { media_type, bytes } => {
                received.attachments.push(ReceivedAttachment {
                    file,
                    media_type,
                    bytes,
                });
            }
            Sorted::Record => received.records.push(ReceivedRecord {
                file,
                body: content,
                evidence: None,
                withheld: Vec::new(),
            }),
        }
    }
    for record in &mut received.records {
        pair(record, &mut evidence);
    }
    received
}

struct Entry {
    body: String,
    evidence: Vec<u8>,
    withheld: Vec<Withheld>,
}

enum Sorted {
    Record,
    Attachment { media_type: String, bytes: Vec<u8> },
    Evidence(Vec<Entry>),
}

type Waiting = BTreeMap<String, VecDeque<Entry>>;

fn collect(waiting: &mut Waiting, entries: Vec<Entry>) {
    for entry in entries {
        waiting
            .entry(entry.body.clone())
            .or_default()
            .push_back(entry);
    }
}

/// Two records with equal bodies take the entries of that digest in their order.
fn pair(record: &mut ReceivedRecord, waiting: &mut Waiting) {
    let entry = waiting
        .get_mut(&pairing_id(&record.body))
        .and_then(VecDeque::pop_front);
    if let Some(entry) = entry {
        record.evidence = Some(entry.evidence);
        record.withheld = entry.withheld;
    }
}

fn sort(content: &[u8]) -> Sorted {
    let Ok(value) = serde_json::from_slice::<Value>(content) else {
        return Sorted::Record;
    };
    match value.get("resourceType").and_then(Value::as_str) {
        Some("Binary") => attachment(&value).unwrap_or(Sorted::Record),
        Some("Bundle") => evidence(&value).map_or(Sorted::Record, Sorted::Evidence),
        _ => Sorted::Record,
    }
}

fn attachment(binary: &Value) -> Option<Sorted> {
    let (media_type, bytes) = binary_content(binary)?;
    Some(Sorted::Attachment { media_type, bytes })
}

fn binary_content(binary: &Value) -> Option<(String, Vec<u8>)> {
    let media_type = binary.get("contentType")?.as_str()?.to_owned();
    Some((media_type, from_base64(binary.get("data")?.as_str()?)?))
}

/// A Bundle whose every entry is evidence; any other Bundle is a record.
fn evidence(bundle: &Value) -> Option<Vec<Entry>> {
    let entries = bundle.get("entry")?.as_array()?;
    if entries.is_empty() {
        return None;
    }
    entries.iter().map(evidence_entry).collect()
}

fn evidence_entry(entry: &Value) -> Option<Entry> {
    let resource = entry.get("resource")?;
    if resource.get("resourceType")?.as_str()? != "Binary" {
        return None;
    }
    let (media_type, evidence) = binary_content(resource)?;
    if !same(&media_type, EVIDENCE) {
        return None;
    }
    let body = resource.get("id")?.as_str()?.to_owned();
    let extensions = entry.get("extension").and_then(Value::as_array);
    let extensions = extensions.into_iter().flatten().take(MAX_WITHHELD);
    Some(Entry {
        body,
        evidence,
        withheld: extensions.filter_map(withheld).collect(),
    })
}

fn withheld(extension: &Value) -> Option<Withheld> {
    if extension.get("url")?.as_str()? != WITHHELD {
        return None;
    }
    let parts = extension.get("extension")?.as_array()?;
    let part = |name: &str| {
        parts
            .iter()
            .find(|p| p.get("url").and_then(Value::as_str) == Some(name))
    };
    let text = |name: &str, member: &str| Some(part(name)?.get(member)?.as_str()?.to_owned());
    Some(Withheld {
        digest: text("digest", "valueString")?,
        size: part("size")?.get("valueDecimal")?.as_u64()?,
        name: text("name", "valueString")?,
        media_type: text("mediaType", "valueCode")?,
    })
}

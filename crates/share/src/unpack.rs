//! The reader's side of [`crate::package`]: pairs bodies, evidence and attachments by digest.
//!
//! Everything here is hostile: nothing is believed but digests of bytes that are at hand. What
//! an evidence pack proves is decided by whoever reads it.

use std::collections::{BTreeMap, VecDeque};

use medfolder_record::GrantId;
use serde_json::Value;

use crate::content_type::{EVIDENCE, same};
use crate::encoding::from_base64;
use crate::package::{GRANT, WITHHELD, pairing_id};

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
    /// The grant that the evidence names: a receipt of another one is not for this share.
    pub grant: Option<GrantId>,
    /// In the order of the link.
    pub records: Vec<ReceivedRecord>,
    /// In the order of the link.
    pub attachments: Vec<ReceivedAttachment>,
    /// Evidence packs of records that no file shows, in their order: the patient shared them, and whoever
    /// passed the link's files on did not.
    pub missing: Vec<Vec<u8>>,
}

/// Sorts decrypted FHIR files, each with its position in the link, by what they are. A file that the
/// evidence names is a record, whatever it looks like.
pub fn unpack(files: Vec<(usize, Vec<u8>)>) -> Received {
    let files: Vec<File> = files.into_iter().map(File::new).collect();
    let own = evidence_file(&files);
    let mut received = Received::default();
    let (mut evidence, mut others) = (BTreeMap::new(), Vec::new());
    for (at, file) in files.into_iter().enumerate() {
        match file.sorted {
            Sorted::Evidence { grant, entries } if own == Some(at) => {
                received.grant = grant;
                collect(&mut evidence, entries);
            }
            Sorted::Binary { media_type, bytes } => {
                others.push((file.position, file.content, Some((media_type, bytes))));
            }
            Sorted::Record | Sorted::Evidence { .. } => {
                others.push((file.position, file.content, None));
            }
        }
    }
    for (file, content, binary) in others {
        let entry = pair(&content, &mut evidence);
        match (entry, binary) {
            (None, Some((media_type, bytes))) => received.attachments.push(ReceivedAttachment {
                file,
                media_type,
                bytes,
            }),
            (entry, _) => received.records.push(record(file, content, entry)),
        }
    }
    received.missing = left(evidence);
    received
}

struct File {
    position: usize,
    content: Vec<u8>,
    sorted: Sorted,
}

impl File {
    fn new((position, content): (usize, Vec<u8>)) -> Self {
        Self {
            position,
            sorted: sort(&content),
            content,
        }
    }
}

/// Which file is the evidence: the one Bundle of evidence that no other one names. A hospital may
/// seal a record that looks like evidence; no record can name the file that names it.
fn evidence_file(files: &[File]) -> Option<usize> {
    let bundles: Vec<(usize, String, &[Entry])> = files
        .iter()
        .enumerate()
        .filter_map(|(at, file)| match &file.sorted {
            Sorted::Evidence { entries, .. } => {
                Some((at, pairing_id(&file.content), entries.as_slice()))
            }
            Sorted::Record | Sorted::Binary { .. } => None,
        })
        .collect();
    let names = |entries: &[Entry], id: &str| entries.iter().any(|entry| entry.body == id);
    let mut unnamed = bundles
        .iter()
        .filter(|(_, id, _)| !bundles.iter().any(|(_, _, entries)| names(entries, id)));
    match (unnamed.next(), unnamed.next()) {
        (Some((at, ..)), None) => Some(*at),
        _ => None,
    }
}

fn record(file: usize, body: Vec<u8>, entry: Option<Entry>) -> ReceivedRecord {
    let (evidence, withheld) = match entry {
        Some(entry) => (Some(entry.evidence), entry.withheld),
        None => (None, Vec::new()),
    };
    ReceivedRecord {
        file,
        body,
        evidence,
        withheld,
    }
}

struct Entry {
    body: String,
    evidence: Vec<u8>,
    withheld: Vec<Withheld>,
}

enum Sorted {
    Record,
    Binary {
        media_type: String,
        bytes: Vec<u8>,
    },
    Evidence {
        grant: Option<GrantId>,
        entries: Vec<Entry>,
    },
}

/// By the body's digest, with each one's place in the evidence file.
type Waiting = BTreeMap<String, VecDeque<(usize, Entry)>>;

fn collect(waiting: &mut Waiting, entries: Vec<Entry>) {
    for placed in entries.into_iter().enumerate() {
        let own = waiting.entry(placed.1.body.clone()).or_default();
        own.push_back(placed);
    }
}

/// The packs for which no body came.
fn left(waiting: Waiting) -> Vec<Vec<u8>> {
    let mut left: Vec<_> = waiting.into_values().flatten().collect();
    left.sort_by_key(|(place, _)| *place);
    left.into_iter().map(|(_, entry)| entry.evidence).collect()
}

/// Two records with equal bodies take the entries of that digest in their order.
fn pair(content: &[u8], waiting: &mut Waiting) -> Option<Entry> {
    let waiting = waiting.get_mut(&pairing_id(content))?;
    waiting.pop_front().map(|(_, entry)| entry)
}

fn sort(content: &[u8]) -> Sorted {
    let Ok(value) = serde_json::from_slice::<Value>(content) else {
        return Sorted::Record;
    };
    match value.get("resourceType").and_then(Value::as_str) {
        Some("Binary") => binary(&value).unwrap_or(Sorted::Record),
        Some("Bundle") => evidence(&value).unwrap_or(Sorted::Record),
        _ => Sorted::Record,
    }
}

fn binary(binary: &Value) -> Option<Sorted> {
    let (media_type, bytes) = binary_content(binary)?;
    Some(Sorted::Binary { media_type, bytes })
}

fn binary_content(binary: &Value) -> Option<(String, Vec<u8>)> {
    let media_type = binary.get("contentType")?.as_str()?.to_owned();
    Some((media_type, from_base64(binary.get("data")?.as_str()?)?))
}

/// A Bundle whose every entry is evidence; any other Bundle is a record.
fn evidence(bundle: &Value) -> Option<Sorted> {
    let entries = bundle.get("entry")?.as_array()?;
    if entries.is_empty() {
        return None;
    }
    let entries = entries.iter().map(evidence_entry).collect::<Option<_>>()?;
    let grant = grant(bundle);
    Some(Sorted::Evidence { grant, entries })
}

fn grant(bundle: &Value) -> Option<GrantId> {
    let identifier = bundle.get("identifier")?;
    let ours = identifier.get("system")?.as_str()? == GRANT;
    ours.then(|| identifier.get("value")?.as_str()?.parse().ok())?
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

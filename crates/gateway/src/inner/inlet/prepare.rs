//! A file becomes drafts: everything that can be refused is refused here, before the database.

use medfolder_crypto::{Digest, Secret32, os_rng};
use medfolder_fhir::json::Limits;
use medfolder_fhir::{Identifier, RecordDraft, Source, VisitDraft, intake};
use medfolder_record::limits::{MAX_CODE, MAX_TEXT};
use medfolder_record::{ContentTree, Kind, Times};

use super::InletError;
use super::attach::{self, Beside, Copied, Loaded};
use crate::inner::carried::Delivered;
use crate::inner::cleanup;
use crate::inner::draft::{Draft, line};
use crate::inner::zone::Zone;

/// A file that can be saved.
pub(crate) struct Prepared {
    pub(super) input: Digest,
    pub(super) token: Digest,
    pub(super) number: Digest,
    pub(super) visits: Vec<PreparedVisit>,
    sources: Vec<Copied>,
}

pub(super) struct PreparedVisit {
    pub(super) source: Digest,
    pub(super) start: i64,
    pub(super) records: Vec<PreparedRecord>,
}

pub(super) struct PreparedRecord {
    pub(super) source: Digest,
    pub(super) version: Digest,
    pub(super) url: Digest,
    pub(super) digest: Digest,
    pub(super) replaces: Option<Digest>,
    pub(super) time: i64,
    pub(super) files: Vec<String>,
    pub(super) draft: Draft,
    pub(super) tree: ContentTree,
    /// The draft as it is stored; encrypted here, before the database is locked.
    pub(super) sealed: Vec<u8>,
}

impl Prepared {
    /// Names of all stored attachments.
    pub(crate) fn files(&self) -> Vec<String> {
        let records = self.visits.iter().flat_map(|visit| &visit.records);
        records
            .flat_map(|record| record.files.iter().cloned())
            .collect()
    }

    /// Notes a delivered file that is copied in a draft.
    pub(crate) fn add_source(&mut self, source: Copied) {
        self.sources.push(source);
    }

    /// The delivered files that were copied.
    pub(crate) fn sources(&self) -> &[Copied] {
        &self.sources
    }

    /// Removes stored attachments that are not needed.
    pub(crate) fn forget_files(&self, zone: &Zone, files: &[String]) {
        cleanup::shred_files(zone, files);
    }
}

/// The index under which a delivered file is recognised.
pub(super) fn input_index(zone: &Zone, bytes: &[u8]) -> Digest {
    zone.key.index("input", &[bytes])
}

/// Indexes of a patient's number: with its namespace, and alone.
pub(crate) fn patient_indexes(zone: &Zone, number: &Identifier) -> (Digest, Digest) {
    let token = zone.key.index(
        "patient",
        &[number.system.as_bytes(), number.value.as_bytes()],
    );
    (token, number_index(zone, &number.value))
}

/// Index of a patient's number without its namespace.
pub(crate) fn number_index(zone: &Zone, number: &str) -> Digest {
    zone.key.index("number", &[number.as_bytes()])
}

/// Reads and checks one file.
///
/// # Errors
/// [`InletError`]; nothing is kept.
pub(crate) fn prepare(
    zone: &Zone,
    bytes: &[u8],
    beside: Option<Beside<'_>>,
    carried: Option<&Delivered>,
) -> Result<Prepared, InletError> {
    let intake = intake::read(bytes, &Limits::default())?;
    let whole = intake.source == Source::Document;
    if carried.is_some() && !whole {
        return Err(InletError::Carried);
    }
    let number = intake
        .patient
        .medical_record_number()
        .ok_or(InletError::PatientNumber)?;
    if number.value.trim().is_empty()
        || number.value.len() > MAX_CODE
        || number.value.contains(char::is_control)
    {
        return Err(InletError::PatientNumber);
    }
    let (token, number_ix) = patient_indexes(zone, number);
    let mut maker = Maker {
        zone,
        beside,
        carried,
        token,
        number: &number.value,
        loaded: Vec::new(),
    };
    let visits = intake
        .visits
        .iter()
        .map(|visit| maker.visit(visit))
        .collect();
    let (files, sources): (Vec<_>, Vec<_>) = maker.loaded.into_iter().unzip();
    match visits {
        Ok(visits) => Ok(Prepared {
            input: input_index(zone, bytes),
            token,
            number: number_ix,
            visits,
            sources,
        }),
        Err(error) => {
            cleanup::shred_files(zone, &files);
            Err(error)
        }
    }
}

/// The files beside a bundle of which it says enough to know that they are the ones it names.
pub(crate) fn copies(bytes: &[u8], beside: Option<Beside<'_>>) -> Vec<Copied> {
    let Ok(intake) = intake::read(bytes, &Limits::default()) else {
        return Vec::new();
    };
    let records = intake.visits.iter().flat_map(|visit| &visit.records);
    records
        .flat_map(|record| &record.attachments)
        .filter_map(|named| attach::described(beside, named))
        .collect()
}

struct Maker<'a> {
    zone: &'a Zone,
    beside: Option<Beside<'a>>,
    carried: Option<&'a Delivered>,
    token: Digest,
    number: &'a str,
    /// Stored name and source of every attachment so far.
    loaded: Vec<(String, Copied)>,
}

impl Maker<'_> {
    fn index(&self, purpose: &str, text: &str) -> Digest {
        self.zone
            .key
            .index(purpose, &[&self.token.0, text.as_bytes()])
    }

    fn visit(&mut self, visit: &VisitDraft) -> Result<PreparedVisit, InletError> {
        let records = visit
            .records
            .iter()
            .map(|record| self.record(visit, record));
        let records = records.collect::<Result<_, _>>()?;
        let source = self.index("visit", &visit.source_id);
        Ok(PreparedVisit {
            source,
            start: visit.start,
            records,
        })
    }

    fn record(
        &mut self,
        visit: &VisitDraft,
        record: &RecordDraft,
    ) -> Result<PreparedRecord, InletError> {
        let mut attachments = Vec::new();
        let mut files = Vec::new();
        for named in &record.attachments {
            let Loaded {
                described,
                file,
                source,
            } = attach::load(self.zone, self.beside, named)?;
            self.loaded.push((file.clone(), source));
            files.push(file);
            attachments.push(described);
        }
        let draft = self.draft(visit, record, attachments);
        let tree = draft.check(self.zone)?;
        Ok(PreparedRecord {
            source: self.index("document", &record.source_id),
            version: self.index("document", &record.version_id),
            url: self.index("document", &record.composition_url),
            digest: self.index("body", &hash_of(self.zone, &draft)),
            replaces: record
                .replaces
                .as_deref()
                .map(|text| self.index("document", text)),
            time: record.time,
            files,
            sealed: draft.sealed(self.zone),
            draft,
            tree,
        })
    }

    fn draft(
        &self,
        visit: &VisitDraft,
        record: &RecordDraft,
        attachments: Vec<medfolder_record::Attachment>,
    ) -> Draft {
        let title = line(&record.title, MAX_TEXT);
        let kind = record.kind;
        let licence = record
            .author
            .identifier
            .as_ref()
            .map(|id| id.value.as_str());
        Draft {
            patient_number: self.number.to_owned(),
            kind: Kind {
                wst500: kind.wst500().map(str::to_owned),
                loinc: kind.loinc().to_owned(),
            },
            title: if title.is_empty() {
                kind.zh().to_owned()
            } else {
                title
            },
            author: line(&record.author.name, MAX_TEXT),
            licence: line(licence.unwrap_or_default(), MAX_CODE),
            department: line(record.department.as_deref().unwrap_or_default(), MAX_TEXT),
            times: Times {
                visit_start: visit.start,
                visit_end: (visit.end >= visit.start).then_some(visit.end),
                authored: record.time,
            },
            body: record.body.clone().into(),
            attachments,
            salt: *Secret32::random(&mut os_rng()).expose(),
            carried: self.carried.cloned(),
        }
    }
}

/// What makes two deliveries of a record the same: its body and its attachments.
fn hash_of(zone: &Zone, draft: &Draft) -> String {
    let mut hasher = zone.suite().hasher();
    hasher.update(&draft.body);
    for attachment in &draft.attachments {
        hasher.update(&attachment.digest.0);
    }
    hasher.finish().to_string()
}

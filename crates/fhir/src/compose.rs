//! Writes one derived record: a FHIR R4 document Bundle that is complete by itself.
//!
//! ```text
//! Bundle      id, identifier, type document, timestamp
//! entry 0     Composition (written here)
//! entry 1…    every resource of the record and, transitively, everything they refer to,
//!             in the order of the source file; each as delivered (see docs/formats/clinical.md)
//! ```

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    FhirError, attach,
    bundle::{Bundle, Target, for_each_reference},
    date, derive, document,
    json::{Node, quote},
    kind::Kind,
    line,
    model::{Author, RecordDraft, VisitDraft},
    people,
    plan::{Slot, Stay, kind_of},
    sections,
};

/// What all records of a visit share.
pub(crate) struct Context<'c, 'n> {
    /// The file.
    pub(crate) bundle: &'c Bundle<'n>,
    /// Index of the Patient.
    pub(crate) patient: usize,
    /// The visit's place in the file.
    pub(crate) stay: Stay,
    /// The visit.
    pub(crate) visit: &'c VisitDraft,
    /// Key of the patient for derived names.
    pub(crate) patient_key: &'c str,
}

/// Writes the record of `slot` from the resources `mains`; gives it with the indices it carries.
///
/// # Errors
/// `fhir.unresolved_reference`, `fhir.unsafe_attachment`.
pub(crate) fn record(
    context: &Context<'_, '_>,
    slot: Slot,
    mains: &[usize],
) -> Result<(RecordDraft, BTreeSet<usize>), FhirError> {
    let kind = kind_of(slot, context.visit.class);
    let id = derive::uuid(&[
        "record",
        &context.visit.source_id,
        &slot_key(context, slot, kind),
    ]);
    let (author, author_reference) = author(context, slot, mains);
    let (time, date) = dated(context, slot, mains);
    let title = title(context, slot, kind);
    let inside = closure(context, mains, &author_reference)?;
    let composition = json!({
        "resourceType": "Composition",
        "id": derive::uuid(&["composition", &id]),
        "text": summary(context, &title, &date, &author),
        "identifier": { "system": derive::URI_SYSTEM, "value": format!("urn:uuid:{id}") },
        "status": "final",
        "type": {
            "coding": [{ "system": "http://loinc.org", "code": kind.loinc(), "display": kind.loinc_name() }],
            "text": kind.en(),
        },
        "subject": { "reference": url(context, context.patient) },
        "encounter": context.stay.encounter.map(|e| json!({ "reference": url(context, e) })),
        "date": date,
        "author": [author_reference],
        "title": title,
        "custodian": custodian(context),
        "section": sections::write(context, mains),
    });
    let composition = without_nulls(composition);
    let (body, version) = bundle_text(context, &id, &date, &composition, &inside);
    let composition_url = format!("urn:uuid:{}", derive::uuid(&["composition", &id]));
    let mut attachments = Vec::new();
    for entry in inside.iter().filter_map(|i| context.bundle.entry(*i)) {
        attach::collect(entry.resource, &entry.name, &mut attachments)?;
    }
    let draft = RecordDraft {
        source_id: format!("{}|urn:uuid:{id}", derive::URI_SYSTEM),
        version_id: format!("{}|{version}", derive::URI_SYSTEM),
        composition_url,
        replaces: None,
        kind,
        title,
        department: author.department.clone().or_else(|| service(context)),
        author,
        time,
        body: body.into_bytes(),
        attachments,
    };
    Ok((draft, inside))
}

/// `fullUrl` of an entry inside derived records: the source's, else one derived from its name.
pub(crate) fn url(context: &Context<'_, '_>, index: usize) -> String {
    let Some(entry) = context.bundle.entry(index) else {
        return String::new();
    };
    match entry.full_url {
        Some(url) => url.to_owned(),
        None => derive::urn(&["entry", context.patient_key, &entry.name]),
    }
}

fn encounter<'c>(context: &'c Context<'_, '_>) -> Option<&'c Node<'c>> {
    context
        .stay
        .encounter
        .and_then(|i| context.bundle.entry(i))
        .map(|e| e.resource)
}

fn slot_key(context: &Context<'_, '_>, slot: Slot, kind: Kind) -> String {
    let report = match slot {
        Slot::Report(index, _) => context.bundle.entry(index),
        _ => None,
    };
    let name = report.map(|e| document::token(e.resource).unwrap_or_else(|| e.name.clone()));
    let form = match slot {
        Slot::Loose(_) => "loose",
        _ => "",
    };
    format!("{}/{form}/{}", kind.slug(), name.unwrap_or_default())
}

fn title(context: &Context<'_, '_>, slot: Slot, kind: Kind) -> String {
    let about = match slot {
        Slot::Report(index, _) => {
            let code = context
                .bundle
                .entry(index)
                .and_then(|e| e.resource.get("code"));
            return code.and_then(line::concept).unwrap_or(kind.en()).to_owned();
        }
        Slot::Note => encounter(context)
            .and_then(|e| e.get("type"))
            .and_then(line::concept),
        _ => None,
    };
    about.map_or_else(
        || kind.en().to_owned(),
        |about| format!("{}: {about}", kind.en()),
    )
}

/// When the record was authored, in milliseconds and as the source writes it.
fn dated(context: &Context<'_, '_>, slot: Slot, mains: &[usize]) -> (i64, String) {
    let of = |index: usize| line::dated(context.bundle.entry(index)?.resource);
    let visit = || {
        let period = encounter(context)?.get("period")?;
        let text = period
            .text_at(&["end"])
            .or_else(|| period.text_at(&["start"]))?;
        Some((date::parse(text)?, text.to_owned()))
    };
    let latest = || {
        let encounter = context.stay.encounter;
        mains
            .iter()
            .filter(|i| Some(**i) != encounter)
            .filter_map(|i| of(*i))
            .max()
    };
    let found = match slot {
        Slot::Report(index, _) => of(index).or_else(latest).or_else(visit),
        Slot::Note => visit().or_else(latest),
        _ => latest().or_else(visit),
    };
    found.unwrap_or_else(|| (context.stay.start, date::to_text(context.stay.start)))
}

/// Who authored the record, and the reference that says so.
fn author(context: &Context<'_, '_>, slot: Slot, mains: &[usize]) -> (Author, Value) {
    let bundle = context.bundle;
    let first = match slot {
        Slot::Report(index, _) => Some(index),
        Slot::Note => None,
        _ => mains.first().copied(),
    };
    let main = first.and_then(|i| bundle.entry(i)).map(|e| e.resource);
    let own = [
        "resultsInterpreter",
        "performer",
        "requester",
        "recorder",
        "asserter",
        "author",
    ];
    let own = main
        .into_iter()
        .flat_map(|m| own.iter().filter_map(move |n| Some((m, m.get(n)?))));
    let visit = encounter(context).into_iter().flat_map(|e| {
        let people = e
            .list("participant")
            .iter()
            .filter_map(|p| p.get("individual"));
        people.chain(e.get("serviceProvider")).map(move |r| (e, r))
    });
    for (holder, reference) in own.chain(visit) {
        let reference = reference.first().get("actor").unwrap_or(reference.first());
        let author = people::author(bundle, holder, reference);
        let target = bundle.follow(holder, reference);
        let fits = |i: &usize| {
            let kind = bundle.entry(*i).map_or("", |e| e.kind);
            matches!(kind, "Practitioner" | "PractitionerRole" | "Organization")
        };
        match target.filter(fits) {
            Some(i) => {
                let value = json!({ "reference": url(context, i), "display": author.name });
                return (author, value);
            }
            None if target.is_none() && !author.name.is_empty() => {
                let value = json!({ "display": author.name });
                return (author, value);
            }
            None => {}
        }
    }
    (Author::default(), json!({ "display": "not stated" }))
}

fn service(context: &Context<'_, '_>) -> Option<String> {
    line::concept(encounter(context)?.get("serviceType")?).map(str::to_owned)
}

fn custodian(context: &Context<'_, '_>) -> Option<Value> {
    let encounter = encounter(context)?;
    let target = context
        .bundle
        .follow(encounter, encounter.get("serviceProvider")?)?;
    Some(json!({ "reference": url(context, target) }))
}

fn summary(context: &Context<'_, '_>, title: &str, date: &str, author: &Author) -> Value {
    let patient = context
        .bundle
        .entry(context.patient)
        .map(|e| people::human_name(e.resource));
    let hospital = context
        .visit
        .hospital
        .as_ref()
        .map(|h| h.name.clone())
        .unwrap_or_default();
    let lines = [
        format!("{hospital} {title} {date}"),
        patient.unwrap_or_default(),
        author.name.clone(),
    ];
    sections::narrative(&lines)
}

/// The resources of a record and all they refer to.
fn closure(
    context: &Context<'_, '_>,
    mains: &[usize],
    author: &Value,
) -> Result<BTreeSet<usize>, FhirError> {
    let bundle = context.bundle;
    let mut inside: BTreeSet<usize> = BTreeSet::new();
    let mut open: Vec<usize> = mains.to_vec();
    open.push(context.patient);
    open.extend(context.stay.encounter);
    let author = author.get("reference").and_then(Value::as_str);
    if let Some(Target::Entry(index)) = author.map(|r| bundle.resolve(bundle.root, r)) {
        open.push(index);
    }
    while let Some(index) = open.pop() {
        let Some(entry) = bundle.entry(index).filter(|_| inside.insert(index)) else {
            continue;
        };
        let mut missing = false;
        for_each_reference(entry.resource, &mut |object| {
            let text = object.text_at(&["reference"]).unwrap_or_default();
            match bundle.resolve(entry.resource, text) {
                Target::Entry(target) => open.push(target),
                Target::Contained | Target::External => {}
                Target::Search { .. } | Target::Missing => missing = true,
            }
        });
        if missing {
            return Err(FhirError::UnresolvedReference {
                path: entry.name.clone(),
            });
        }
    }
    Ok(inside)
}

/// The Bundle's text, and the URN of this version of the record.
fn bundle_text(
    context: &Context<'_, '_>,
    id: &str,
    date: &str,
    composition: &Value,
    inside: &BTreeSet<usize>,
) -> (String, String) {
    let composition_url = format!("urn:uuid:{}", derive::uuid(&["composition", id]));
    let mut entries = entry_text(&composition_url, &composition.to_string());
    for index in inside {
        let Some(entry) = context.bundle.entry(*index) else {
            continue;
        };
        let mut resource = String::new();
        entry
            .resource
            .write_compact(&mut resource, &|reference| match context
                .bundle
                .resolve(entry.resource, reference)
            {
                Target::Entry(target) => Some(url(context, target)).filter(|u| u != reference),
                _ => None,
            });
        entries.push(',');
        entries.push_str(&entry_text(&url(context, *index), &resource));
    }
    let version = derive::urn(&["version", id, &entries]);
    let head = json!({
        "resourceType": "Bundle",
        "id": version.trim_start_matches("urn:uuid:"),
        "identifier": { "system": derive::URI_SYSTEM, "value": version },
        "type": "document",
        "timestamp": date::instant(date),
    });
    let head = head.to_string();
    let head = head.strip_suffix('}').unwrap_or(&head);
    (format!("{head},\"entry\":[{entries}]}}"), version)
}

fn entry_text(url: &str, resource: &str) -> String {
    format!("{{\"fullUrl\":{},\"resource\":{resource}}}", quote(url))
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            Value::Object(members.into_iter().filter(|(_, v)| !v.is_null()).collect())
        }
        other => other,
    }
}

//! A collection of a patient's resources to visits and records.
//!
//! Every visit is an Encounter; `plan` says what goes into which record and `compose` writes it.
//! Format of the records: `docs/formats/clinical.md`.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    FhirError,
    bundle::Bundle,
    compose::{self, Context},
    coverage::{Coverage, administrative},
    derive, document,
    json::{self, Limits, Node},
    line, made,
    model::{Intake, Source, VisitClass, VisitDraft},
    people,
    plan::{self, Stay},
};

/// Derived bodies may be this many times the limit of a file.
const GROWTH: usize = 4;

/// Takes in a collection.
///
/// # Errors
/// See [`FhirError`].
pub(crate) fn read(bundle: Bundle<'_>, limits: &Limits) -> Result<Intake, FhirError> {
    let delivered = bundle.entries.len();
    let made = made::make(&bundle);
    let nodes = made.iter().map(|m| json::parse(m.text.as_bytes(), limits));
    let nodes: Vec<Node<'_>> = nodes.collect::<Result<_, _>>()?;
    let mut bundle = bundle;
    for (node, made) in nodes.iter().zip(&made) {
        bundle.insert(Some(&made.url), node)?;
    }
    split(&bundle, delivered, limits)
}

fn split(bundle: &Bundle<'_>, delivered: usize, limits: &Limits) -> Result<Intake, FhirError> {
    let patient = bundle.patient()?;
    let patient_node = bundle.entry(patient).ok_or(FhirError::NoPatient)?.resource;
    let info = people::patient(patient_node);
    let key = patient_key(bundle, patient, &info);
    let stays = stays(bundle)?;
    let plan = plan::place(bundle, &stays);
    let mut visits: Vec<VisitDraft> = Vec::new();
    let mut carried: BTreeMap<usize, usize> = BTreeMap::new();
    let mut room = limits.bytes.saturating_mul(GROWTH);
    for (number, stay) in stays.iter().enumerate() {
        let mut visit = visit(bundle, stay, &key);
        let context = Context {
            bundle,
            patient,
            stay: *stay,
            visit: &visit,
            patient_key: &key,
        };
        let mut records = Vec::new();
        for ((_, slot), mains) in plan.range((number, plan::FIRST)..=(number, plan::LAST)) {
            let (record, inside) = compose::record(&context, *slot, mains)?;
            room = room
                .checked_sub(record.body.len())
                .ok_or(FhirError::TooLarge {
                    size: limits.bytes.saturating_mul(GROWTH),
                    limit: limits.bytes,
                })?;
            inside
                .into_iter()
                .for_each(|i| *carried.entry(i).or_default() += 1);
            records.push(record);
        }
        visit.records = records;
        visit.sort_records();
        visits.push(visit);
    }
    visits.retain(|v| !v.records.is_empty());
    if visits.is_empty() {
        return Err(FhirError::NoRecord);
    }
    let coverage = coverage(bundle, delivered, &carried);
    Ok(Intake {
        source: Source::Split,
        patient: info,
        visits,
        coverage,
    })
}

/// What tells patients apart inside derived names when the source's own names are only local.
fn patient_key(bundle: &Bundle<'_>, patient: usize, info: &crate::PatientInfo) -> String {
    let number = info.medical_record_number().map(crate::Identifier::token);
    let name = bundle
        .entry(patient)
        .map(|e| e.name.clone())
        .unwrap_or_default();
    let birth = info.birth_date.clone().unwrap_or_default();
    number.unwrap_or_else(|| derive::urn(&["patient", &name, &info.name, &birth]))
}

/// The visits by begin; one for the whole file when it has no Encounter.
fn stays(bundle: &Bundle<'_>) -> Result<Vec<Stay>, FhirError> {
    let mut stays = Vec::new();
    for index in bundle.of_kind("Encounter") {
        let Some(entry) = bundle.entry(index) else {
            continue;
        };
        let path = || format!("{}.period", entry.name);
        let period = document::period(entry.resource, path)?.or_else(|| linked(bundle, index));
        let (start, end) = period.ok_or_else(|| FhirError::BadDate { path: path() })?;
        stays.push(Stay {
            encounter: Some(index),
            start,
            end,
        });
    }
    if stays.is_empty() {
        let dates = bundle
            .entries
            .iter()
            .filter(|e| administrative(e.kind).is_none());
        let dates = span(
            dates
                .filter_map(|e| line::dated(e.resource))
                .map(|(ms, _)| ms),
        );
        let (start, end) = dates.ok_or(FhirError::NoRecord)?;
        stays.push(Stay {
            encounter: None,
            start,
            end,
        });
    }
    stays.sort_by_key(|s| (s.start, s.encounter));
    Ok(stays)
}

/// First and last date of the resources that name an Encounter without a period.
fn linked(bundle: &Bundle<'_>, encounter: usize) -> Option<(i64, i64)> {
    let names = |e: &&crate::bundle::Entry<'_>| {
        e.resource
            .get("encounter")
            .and_then(|r| bundle.follow(e.resource, r))
            == Some(encounter)
    };
    let dates = bundle
        .entries
        .iter()
        .filter(names)
        .filter_map(|e| line::dated(e.resource));
    span(dates.map(|(ms, _)| ms))
}

fn span(dates: impl Iterator<Item = i64>) -> Option<(i64, i64)> {
    dates.fold(None, |span, ms| match span {
        None => Some((ms, ms)),
        Some((first, last)) => Some((ms.min(first), ms.max(last))),
    })
}

fn visit(bundle: &Bundle<'_>, stay: &Stay, patient_key: &str) -> VisitDraft {
    let entry = stay.encounter.and_then(|i| bundle.entry(i));
    let source_id = match entry {
        Some(e) => document::token(e.resource).unwrap_or_else(|| {
            let global = e.name.starts_with("urn:uuid:") || e.name.contains("://");
            if global {
                e.name.clone()
            } else {
                derive::urn(&["visit", patient_key, &e.name])
            }
        }),
        None => derive::urn(&["visit", patient_key, &stay.start.to_string()]),
    };
    let provider = entry.and_then(|e| Some((e.resource, e.resource.get("serviceProvider")?)));
    let only = || {
        let mut all = bundle
            .of_kind("Organization")
            .filter_map(|i| bundle.entry(i));
        let first = all.next().map(|e| people::organisation_of(e.resource));
        if all.next().is_some() { None } else { first }
    };
    VisitDraft {
        source_id,
        hospital: provider
            .and_then(|(e, r)| people::organisation(bundle, e, r))
            .or_else(only),
        start: stay.start,
        end: stay.end,
        class: entry.map_or(VisitClass::None, |e| people::visit_class(e.resource)),
        records: Vec::new(),
    }
}

fn coverage(bundle: &Bundle<'_>, delivered: usize, carried: &BTreeMap<usize, usize>) -> Coverage {
    let mut coverage = Coverage::default();
    let mut names = BTreeSet::new();
    for (index, entry) in bundle.entries.iter().enumerate() {
        let name = entry.name.clone();
        match (carried.get(&index), administrative(entry.kind)) {
            (Some(_), _) if index >= delivered => coverage.made.push(name),
            (Some(records), _) => coverage.carried.push((name, *records)),
            (None, _) if index >= delivered => {}
            (None, Some(reason)) => coverage.administrative.push((name, reason.to_owned())),
            (None, None) => {
                names.insert(name);
            }
        }
    }
    coverage.lost = names.into_iter().collect();
    coverage
}

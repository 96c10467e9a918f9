//! A file that is one FHIR document already: kept byte for byte, described from its Composition.

use crate::{
    FhirError, attach,
    bundle::{Bundle, Target, for_each_reference},
    coverage::Coverage,
    date,
    json::Node,
    kind::Kind,
    model::{Intake, RecordDraft, Source, VisitClass, VisitDraft},
    people,
};

/// Takes in a document Bundle; `bytes` are the delivered ones.
///
/// # Errors
/// See [`FhirError`].
pub(crate) fn read(bundle: &Bundle<'_>, bytes: &[u8]) -> Result<Intake, FhirError> {
    let first = bundle.entry(0).filter(|e| e.kind == "Composition");
    let composition = first.ok_or(FhirError::NoComposition)?.resource;
    let patient = bundle
        .entry(bundle.patient()?)
        .ok_or(FhirError::NoPatient)?;
    let record = record(bundle, composition, bytes)?;
    let visit = visit(bundle, composition, record)?;
    Ok(Intake {
        source: Source::Document,
        patient: people::patient(patient.resource),
        visits: vec![visit],
        coverage: Coverage {
            carried: bundle.entries.iter().map(|e| (e.name.clone(), 1)).collect(),
            ..Coverage::default()
        },
    })
}

fn record(
    bundle: &Bundle<'_>,
    composition: &Node<'_>,
    bytes: &[u8],
) -> Result<RecordDraft, FhirError> {
    let bad_date = || FhirError::BadDate {
        path: "entry[0].resource.date".into(),
    };
    let time = composition
        .text_at(&["date"])
        .and_then(date::parse)
        .ok_or_else(bad_date)?;
    let author = composition.get("author").map(Node::first);
    let author = author
        .map(|r| people::author(bundle, composition, r))
        .unwrap_or_default();
    let url = bundle.entry(0).map(|e| e.name.clone()).unwrap_or_default();
    let source_id = token(composition).unwrap_or_else(|| url.clone());
    let kind = kind(composition);
    Ok(RecordDraft {
        version_id: token(bundle.root).unwrap_or_else(|| url.clone()),
        source_id,
        composition_url: url,
        replaces: replaces(composition),
        kind,
        title: composition
            .text_at(&["title"])
            .unwrap_or(kind.en())
            .to_owned(),
        department: author
            .department
            .clone()
            .or_else(|| service(bundle, composition)),
        author,
        time,
        body: bytes.to_vec(),
        attachments: attachments(bundle)?,
    })
}

fn visit(
    bundle: &Bundle<'_>,
    composition: &Node<'_>,
    record: RecordDraft,
) -> Result<VisitDraft, FhirError> {
    let index = encounter(bundle, composition);
    let found = index.and_then(|i| bundle.entry(i));
    let custodian = composition.get("custodian").map(|r| (composition, r));
    let provider = found.and_then(|e| Some((e.resource, e.resource.get("serviceProvider")?)));
    let author = composition.get("author").map(|r| (composition, r.first()));
    let hospital = [custodian, provider, author]
        .into_iter()
        .flatten()
        .find_map(|(holder, r)| people::organisation(bundle, holder, r));
    let Some(encounter) = found else {
        return Ok(VisitDraft {
            source_id: format!("document:{}", record.source_id),
            hospital,
            start: record.time,
            end: record.time,
            class: VisitClass::None,
            records: vec![record],
        });
    };
    let path = || format!("{}.period", encounter.name);
    let (start, end) = period(encounter.resource, path)?.unwrap_or((record.time, record.time));
    Ok(VisitDraft {
        source_id: token(encounter.resource).unwrap_or_else(|| encounter.name.clone()),
        hospital,
        start,
        end,
        class: people::visit_class(encounter.resource),
        records: vec![record],
    })
}

/// Begin and end of an Encounter; the end is the begin when there is none or it lies before.
///
/// # Errors
/// `fhir.bad_date` for a date that cannot be read.
pub(crate) fn period(
    encounter: &Node<'_>,
    path: impl Fn() -> String,
) -> Result<Option<(i64, i64)>, FhirError> {
    let read = |name: &str| match encounter.text_at(&["period", name]) {
        Some(text) => date::parse(text)
            .map(Some)
            .ok_or_else(|| FhirError::BadDate { path: path() }),
        None => Ok(None),
    };
    let (start, end) = (read("start")?, read("end")?);
    Ok(start.or(end).map(|s| (s, end.unwrap_or(s).max(s))))
}

/// The first identifier as `system|value`.
pub(crate) fn token(resource: &Node<'_>) -> Option<String> {
    people::first_identifier(resource).map(|id| id.token())
}

fn encounter(bundle: &Bundle<'_>, composition: &Node<'_>) -> Option<usize> {
    let named = composition
        .get("encounter")
        .and_then(|r| bundle.follow(composition, r));
    named.or_else(|| bundle.of_kind("Encounter").next())
}

fn service(bundle: &Bundle<'_>, composition: &Node<'_>) -> Option<String> {
    let encounter = bundle.entry(encounter(bundle, composition)?)?.resource;
    crate::line::concept(encounter.get("serviceType")?).map(str::to_owned)
}

/// What the document is: a local coding's name first, because LOINC is coarser, then LOINC.
pub(crate) fn kind(composition: &Node<'_>) -> Kind {
    let codings = composition
        .get("type")
        .map(|t| t.list("coding"))
        .unwrap_or_default();
    let is_loinc = |c: &&Node<'_>| c.text_at(&["system"]) == Some("http://loinc.org");
    let local = codings.iter().filter(|c| !is_loinc(c));
    local
        .filter_map(|c| Kind::by_name(c.text_at(&["display"])?))
        .chain(
            codings
                .iter()
                .filter(is_loinc)
                .filter_map(|c| Kind::by_loinc(c.text_at(&["code"])?)),
        )
        .chain(
            composition
                .text_at(&["type", "text"])
                .and_then(Kind::by_name),
        )
        .next()
        .unwrap_or(Kind::Other)
}

fn replaces(composition: &Node<'_>) -> Option<String> {
    let related = composition.list("relatesTo").iter();
    related
        .filter(|r| r.text_at(&["code"]) == Some("replaces"))
        .find_map(|r| {
            let reference = r.get("targetReference");
            let identifier = reference
                .and_then(|t| t.get("identifier"))
                .or(r.get("targetIdentifier"));
            let token = identifier.and_then(people::identifier).map(|id| id.token());
            token.or_else(|| reference?.text_at(&["reference"]).map(str::to_owned))
        })
}

fn attachments(bundle: &Bundle<'_>) -> Result<Vec<crate::AttachmentRef>, FhirError> {
    let mut found = Vec::new();
    for entry in &bundle.entries {
        attach::collect(entry.resource, &entry.name, &mut found)?;
    }
    Ok(found)
}

/// Checks that every reference of the document resolves inside it.
///
/// # Errors
/// `fhir.unresolved_reference`.
pub(crate) fn check_references(bundle: &Bundle<'_>) -> Result<(), FhirError> {
    for entry in &bundle.entries {
        let mut missing = false;
        for_each_reference(entry.resource, &mut |object| {
            let text = object.text_at(&["reference"]).unwrap_or_default();
            let target = bundle.resolve(entry.resource, text);
            missing |= matches!(target, Target::Missing | Target::Search { .. });
        });
        if missing {
            return Err(FhirError::UnresolvedReference {
                path: entry.name.clone(),
            });
        }
    }
    Ok(())
}

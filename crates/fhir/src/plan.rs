//! Which record of which visit each resource of a collection belongs to.
//!
//! As a hospital would hand them out: one note per visit, one report per DiagnosticReport, one sheet
//! each for prescriptions, procedures, immunisations, vital signs and allergies. Rules, first match:
//!
//! 1. what a DiagnosticReport lists (`result`, `imagingStudy`, `media`, `specimen`, `basedOn`) goes
//!    with the report;
//! 2. what names an encounter goes to that visit, by its type and category;
//! 3. what another placed resource refers to goes with that one (Goal of a CarePlan, Medication);
//! 4. the rest goes by its date: the visit that contains it, else the last that began before, else
//!    the first; without a date, the last visit.

use std::collections::{BTreeMap, VecDeque};

use crate::{
    bundle::{Bundle, for_each_reference},
    coverage::administrative,
    json::Node,
    kind::Kind,
    line,
    model::VisitClass,
};

/// A record inside a visit. The order is the order of the records of one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Slot {
    /// The visit's note: outpatient, emergency, or discharge summary.
    Note,
    /// Vital signs.
    Vitals,
    /// The report that the DiagnosticReport with this index makes.
    Report(usize, Kind),
    /// Results of a kind that no report lists.
    Loose(Kind),
    /// Procedures.
    Procedures,
    /// Immunisations.
    Immunisations,
    /// Prescriptions and medication.
    Medication,
    /// Allergies.
    Allergies,
}

/// The first slot there can be.
pub(crate) const FIRST: Slot = Slot::Note;
/// The last slot there can be.
pub(crate) const LAST: Slot = Slot::Allergies;

/// A visit: its Encounter (`None` when the file has none) and its time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stay {
    /// Index of the Encounter.
    pub(crate) encounter: Option<usize>,
    /// Begin in milliseconds.
    pub(crate) start: i64,
    /// End in milliseconds.
    pub(crate) end: i64,
}

/// Resources by record: visit index and slot to entry indices in the order of the file.
pub(crate) type Plan = BTreeMap<(usize, Slot), Vec<usize>>;

/// Places every clinical resource.
pub(crate) fn place(bundle: &Bundle<'_>, stays: &[Stay]) -> Plan {
    let mut places: BTreeMap<usize, (usize, Slot)> = BTreeMap::new();
    for (visit, stay) in stays.iter().enumerate() {
        places.extend(stay.encounter.map(|e| (e, (visit, Slot::Note))));
    }
    let open: Vec<usize> = (0..bundle.entries.len())
        .filter(|i| is_clinical(bundle, *i))
        .collect();
    by_encounter(bundle, stays, &open, &mut places);
    with_reports(bundle, &mut places);
    follow_referrers(bundle, &mut places);
    for index in open {
        if let Some(entry) = bundle.entry(index).filter(|_| !places.contains_key(&index)) {
            let visit = by_date(stays, line::dated(entry.resource).map(|(ms, _)| ms));
            places.insert(index, (visit, slot(index, entry.kind, entry.resource)));
        }
    }
    with_reports(bundle, &mut places);
    let mut plan = Plan::new();
    for (index, place) in places {
        plan.entry(place).or_default().push(index);
    }
    plan
}

fn is_clinical(bundle: &Bundle<'_>, index: usize) -> bool {
    let kind = bundle.entry(index).map_or("", |e| e.kind);
    !matches!(kind, "Patient" | "Encounter") && administrative(kind).is_none()
}

fn by_encounter(
    bundle: &Bundle<'_>,
    stays: &[Stay],
    open: &[usize],
    places: &mut BTreeMap<usize, (usize, Slot)>,
) {
    let visits: BTreeMap<usize, usize> = stays
        .iter()
        .enumerate()
        .filter_map(|(v, s)| Some((s.encounter?, v)))
        .collect();
    for index in open {
        let Some(entry) = bundle.entry(*index) else {
            continue;
        };
        let paths: [&[&str]; 3] = [&["encounter"], &["context", "encounter"], &["context"]];
        let named = paths.iter().filter_map(|p| entry.resource.at(p));
        let visit = named
            .filter_map(|r| bundle.follow(entry.resource, r))
            .find_map(|e| visits.get(&e));
        if let Some(visit) = visit {
            places.insert(*index, (*visit, slot(*index, entry.kind, entry.resource)));
        }
    }
}

/// Moves what reports list to the reports.
fn with_reports(bundle: &Bundle<'_>, places: &mut BTreeMap<usize, (usize, Slot)>) {
    for report in bundle.of_kind("DiagnosticReport") {
        let Some((place, entry)) = places.get(&report).copied().zip(bundle.entry(report)) else {
            continue;
        };
        let mut listed = Vec::new();
        for member in ["result", "imagingStudy", "specimen", "basedOn"] {
            listed.extend(entry.resource.list(member).iter());
        }
        listed.extend(
            entry
                .resource
                .list("media")
                .iter()
                .filter_map(|m| m.get("link")),
        );
        for target in listed
            .into_iter()
            .filter_map(|r| bundle.follow(entry.resource, r))
        {
            let taken = places
                .get(&target)
                .is_some_and(|(_, s)| matches!(s, Slot::Report(..)));
            if is_clinical(bundle, target) && !taken {
                places.insert(target, place);
            }
        }
    }
}

/// Places what a placed resource refers to, and what that refers to, nearest first.
fn follow_referrers(bundle: &Bundle<'_>, places: &mut BTreeMap<usize, (usize, Slot)>) {
    let mut queue: VecDeque<usize> = places.keys().copied().collect();
    while let Some(index) = queue.pop_front() {
        let Some((place, entry)) = places.get(&index).copied().zip(bundle.entry(index)) else {
            continue;
        };
        for_each_reference(entry.resource, &mut |reference| {
            if let Some(target) = bundle.follow(entry.resource, reference)
                && !places.contains_key(&target)
                && is_clinical(bundle, target)
            {
                places.insert(target, place);
                queue.push_back(target);
            }
        });
    }
}

fn by_date(stays: &[Stay], date: Option<i64>) -> usize {
    let last = stays.len().saturating_sub(1);
    let Some(date) = date else { return last };
    let contains = |s: &Stay| s.start <= date && date <= s.end;
    let before = |s: &Stay| s.start <= date;
    stays
        .iter()
        .rposition(contains)
        .or_else(|| stays.iter().rposition(before))
        .unwrap_or(0)
}

fn slot(index: usize, kind: &str, resource: &Node<'_>) -> Slot {
    match kind {
        "DiagnosticReport" => report_kind(resource).map_or(Slot::Note, |k| Slot::Report(index, k)),
        "Observation" => observation_slot(resource),
        "ImagingStudy" | "Media" => Slot::Loose(Kind::ImagingReport),
        "Specimen" => Slot::Loose(Kind::LabReport),
        "Procedure" => Slot::Procedures,
        "Immunization" | "ImmunizationEvaluation" | "ImmunizationRecommendation" => {
            Slot::Immunisations
        }
        "AllergyIntolerance" => Slot::Allergies,
        kind if kind.starts_with("Medication") => Slot::Medication,
        _ => Slot::Note,
    }
}

fn categories<'n>(resource: &'n Node<'_>) -> impl Iterator<Item = &'n str> {
    let codings = resource
        .list("category")
        .iter()
        .flat_map(|c| c.list("coding"));
    codings.filter_map(|c| c.text_at(&["code"]))
}

/// The kind of a report by HL7 v2-0074 section; none for a note that came as a report.
fn report_kind(resource: &Node<'_>) -> Option<Kind> {
    for code in categories(resource) {
        match code {
            "EC" => return Some(Kind::EcgReport),
            "SP" | "PAT" | "CP" | "CG" | "GE" => return Some(Kind::PathologyReport),
            "RAD" | "RX" | "CT" | "NMR" | "CUS" | "RUS" | "VUS" | "OUS" | "NMS" | "XRC"
            | "imaging" | "LP29684-5" => return Some(Kind::ImagingReport),
            "34117-2" | "51847-2" | "34109-9" | "11506-3" | "LP29708-2" => return None,
            _ => {}
        }
    }
    let has = |name| !resource.list(name).is_empty();
    match (has("imagingStudy"), has("presentedForm") && !has("result")) {
        (true, _) => Some(Kind::ImagingReport),
        (false, true) if categories(resource).all(|c| c != "LAB") => None,
        _ => Some(Kind::LabReport),
    }
}

fn observation_slot(resource: &Node<'_>) -> Slot {
    for code in categories(resource) {
        match code {
            "vital-signs" => return Slot::Vitals,
            "laboratory" => return Slot::Loose(Kind::LabReport),
            "imaging" => return Slot::Loose(Kind::ImagingReport),
            "procedure" => return Slot::Procedures,
            _ => {}
        }
    }
    Slot::Note
}

/// The kind of a record.
pub(crate) fn kind_of(slot: Slot, class: VisitClass) -> Kind {
    match (slot, class) {
        (Slot::Note, VisitClass::Inpatient) => Kind::DischargeSummary,
        (Slot::Note, VisitClass::Emergency) => Kind::EmergencyNote,
        (Slot::Note, VisitClass::None) => Kind::Other,
        (Slot::Note, _) => Kind::OutpatientNote,
        (Slot::Vitals, _) => Kind::VitalSigns,
        (Slot::Report(_, kind) | Slot::Loose(kind), _) => kind,
        (Slot::Procedures, _) => Kind::ProcedureRecord,
        (Slot::Immunisations, _) => Kind::ImmunisationRecord,
        (Slot::Medication, _) => Kind::Prescription,
        (Slot::Allergies, _) => Kind::AllergyList,
    }
}

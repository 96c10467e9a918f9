//! The files of one delivery, merged by patient and visit.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Intake, PatientFile, VisitDraft};

/// Merges files of the same patient (one shared identifier is enough) and visits of the same key.
/// A version that was delivered twice counts once. Patients keep the order of the files.
#[must_use]
pub fn group(intakes: Vec<Intake>) -> Vec<PatientFile> {
    let mut owners: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut files: Vec<Option<PatientFile>> = Vec::new();
    for intake in intakes {
        let keys: Vec<_> = identifiers(&intake).collect();
        let known: BTreeSet<usize> = keys.iter().filter_map(|k| owners.get(k).copied()).collect();
        let mut file = PatientFile::from(intake);
        let home = known.first().copied().unwrap_or(files.len());
        for other in known.iter().rev() {
            if let Some(earlier) = files.get_mut(*other).and_then(Option::take) {
                file = merge(earlier, file);
            }
        }
        owners
            .values_mut()
            .filter(|o| known.contains(o))
            .for_each(|o| *o = home);
        owners.extend(keys.into_iter().map(|k| (k, home)));
        match files.get_mut(home) {
            Some(place) => *place = Some(file),
            None => files.push(Some(file)),
        }
    }
    files.into_iter().flatten().map(merge_visits).collect()
}

fn identifiers(intake: &Intake) -> impl Iterator<Item = (String, String)> {
    let named = intake
        .patient
        .identifiers
        .iter()
        .filter(|i| !i.system.is_empty());
    named.map(|i| (i.system.clone(), i.value.clone()))
}

fn merge(mut earlier: PatientFile, later: PatientFile) -> PatientFile {
    for identifier in later.patient.identifiers {
        if !earlier.patient.identifiers.contains(&identifier) {
            earlier.patient.identifiers.push(identifier);
        }
    }
    earlier.visits.extend(later.visits);
    earlier
}

fn merge_visits(file: PatientFile) -> PatientFile {
    let mut visits: BTreeMap<String, VisitDraft> = BTreeMap::new();
    for visit in file.visits {
        match visits.get_mut(&visit.source_id) {
            Some(known) => {
                known.start = known.start.min(visit.start);
                known.end = known.end.max(visit.end);
                known.records.extend(visit.records);
            }
            None => {
                visits.insert(visit.source_id.clone(), visit);
            }
        }
    }
    let mut visits: Vec<VisitDraft> = visits.into_values().collect();
    for visit in &mut visits {
        let mut seen = BTreeSet::new();
        visit.records.retain(|r| seen.insert(r.version_id.clone()));
        visit.sort_records();
    }
    visits.sort_by(|a, b| (a.start, &a.source_id).cmp(&(b.start, &b.source_id)));
    PatientFile {
        patient: file.patient,
        visits,
    }
}

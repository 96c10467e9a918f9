//! Who gets which file: what a directory of FHIR files means for three hospitals.
//!
//! ```text
//! file       goes to the hospital that its records name, else all files of one patient number
//!            go to one hospital, in turns; a file that cannot be read goes too: its hospital says why
//! patient    a hospital's own patient number
//! person     patients of different hospitals with a common identifier, or of one name, sex and
//!            date of birth; one folder each
//! ```

use crate::error::CliError;
use medfolder_fhir::json::Limits;
use medfolder_fhir::{Intake, PatientInfo, Sex, intake};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A file and where it is delivered.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// Below the data directory.
    pub(crate) file: PathBuf,
    /// Which hospital.
    pub(crate) hospital: usize,
    /// Files beside it that it names, below the data directory.
    pub(crate) attachments: Vec<PathBuf>,
}

/// Somebody whose folder the story fills.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    /// Name as the records have it.
    pub(crate) name: String,
    /// Patient number (`system|value`) at each hospital.
    pub(crate) numbers: BTreeMap<usize, String>,
    patient: PatientInfo,
}

/// Somebody who signs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Doctor {
    /// Name as the records have it.
    pub(crate) name: String,
    /// Licence or staff number.
    pub(crate) licence: String,
}

/// What the demonstration does with a directory.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The directory.
    pub(crate) root: PathBuf,
    /// Every file.
    pub(crate) deliveries: Vec<Delivery>,
    /// Every person with at least one readable file.
    pub(crate) people: Vec<Person>,
    /// Those who sign most, per hospital.
    pub(crate) doctors: Vec<Vec<Doctor>>,
    /// A word that stands in the first person's records.
    pub(crate) word: Option<String>,
}

/// Doctors of one hospital with a key of their own; the records office signs for the others.
const MOST_DOCTORS: usize = 12;

/// Reads every JSON file below `root`.
pub(crate) fn plan(root: &Path, hospitals: &[String]) -> Result<Plan, CliError> {
    let mut files = Vec::new();
    collect(root, &mut files).map_err(|error| CliError::new("demo.data", error))?;
    files.sort();
    if files.is_empty() {
        return Err(CliError::new("demo.no_data", root.display()));
    }
    let mut planner = Planner::new(root, hospitals);
    for file in files {
        planner.take(&file)?;
    }
    Ok(planner.finish())
}

fn collect(directory: &Path, into: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, into)?;
        } else if path
            .extension()
            .is_some_and(|ext| ext.eq_ignore_ascii_case("json"))
        {
            into.push(path);
        }
    }
    Ok(())
}

struct Planner<'a> {
    root: &'a Path,
    hospitals: &'a [String],
    /// Hospital of a patient number whose records name none of ours.
    homes: BTreeMap<String, usize>,
    turn: usize,
    deliveries: Vec<Delivery>,
    patients: BTreeMap<(usize, String), PatientInfo>,
    authors: Vec<BTreeMap<Doctor, usize>>,
    word: Option<String>,
}

impl<'a> Planner<'a> {
    fn new(root: &'a Path, hospitals: &'a [String]) -> Self {
        Self {
            root,
            hospitals,
            homes: BTreeMap::new(),
            turn: 0,
            deliveries: Vec::new(),
            patients: BTreeMap::new(),
            authors: vec![BTreeMap::new(); hospitals.len()],
            word: None,
        }
    }

    fn take(&mut self, file: &Path) -> Result<(), CliError> {
        let bytes = fs::read(file).map_err(|error| CliError::new("demo.data", error))?;
        let relative = file.strip_prefix(self.root).unwrap_or(file).to_path_buf();
        let Ok(intake) = intake::read(&bytes, &Limits::default()) else {
            let hospital = self.next_turn();
            self.deliveries.push(Delivery {
                file: relative,
                hospital,
                attachments: Vec::new(),
            });
            return Ok(());
        };
        let hospital = self.hospital(&intake);
        if let Some(number) = intake.patient.medical_record_number() {
            let key = (hospital, number.token());
            merge(self.patients.entry(key), &intake.patient);
        }
        self.count_authors(hospital, &intake);
        if self.word.is_none() {
            self.word = word(&intake);
        }
        let attachments = attachments(&relative, &intake);
        self.deliveries.push(Delivery {
            file: relative,
            hospital,
            attachments,
        });
        Ok(())
    }

    fn hospital(&mut self, intake: &Intake) -> usize {
        let named = intake
            .visits
            .iter()
            .filter_map(|visit| visit.hospital.as_ref());
        let ours = |name: &str| self.hospitals.iter().position(|hospital| hospital == name);
        if let Some(found) = named
            .map(|organisation| ours(&organisation.name))
            .find_map(|found| found)
        {
            return found;
        }
        let number = intake
            .patient
            .medical_record_number()
            .map(|number| number.token());
        let number = number.unwrap_or_default();
        if let Some(home) = self.homes.get(&number) {
            return *home;
        }
        let home = self.next_turn();
        self.homes.insert(number, home);
        home
    }

    fn next_turn(&mut self) -> usize {
        let turn = self.turn;
        self.turn = (turn + 1) % self.hospitals.len().max(1);
        turn
    }

    fn count_authors(&mut self, hospital: usize, intake: &Intake) {
        let Some(counts) = self.authors.get_mut(hospital) else {
            return;
        };
        for author in intake
            .visits
            .iter()
            .flat_map(|v| &v.records)
            .map(|record| &record.author)
        {
            if let Some(licence) = author
                .identifier
                .as_ref()
                .filter(|_| !author.name.is_empty())
            {
                let doctor = Doctor {
                    name: author.name.clone(),
                    licence: licence.value.clone(),
                };
                *counts.entry(doctor).or_default() += 1;
            }
        }
    }

    fn finish(self) -> Plan {
        let doctors = self.authors.into_iter().map(most).collect();
        Plan {
            root: self.root.to_path_buf(),
            deliveries: self.deliveries,
            people: people(self.patients),
            doctors,
            word: self.word,
        }
    }
}

fn merge(
    entry: std::collections::btree_map::Entry<'_, (usize, String), PatientInfo>,
    patient: &PatientInfo,
) {
    let known = entry.or_insert_with(|| patient.clone());
    for identifier in &patient.identifiers {
        if !known.identifiers.contains(identifier) {
            known.identifiers.push(identifier.clone());
        }
    }
}

/// Those with most records, in the order of their names.
fn most(counts: BTreeMap<Doctor, usize>) -> Vec<Doctor> {
    let mut doctors: Vec<(Doctor, usize)> = counts.into_iter().collect();
    doctors.sort_by_key(|(_, records)| std::cmp::Reverse(*records));
    doctors.truncate(MOST_DOCTORS);
    let mut doctors: Vec<Doctor> = doctors.into_iter().map(|(doctor, _)| doctor).collect();
    doctors.sort();
    doctors
}

fn people(patients: BTreeMap<(usize, String), PatientInfo>) -> Vec<Person> {
    let mut people: Vec<Person> = Vec::new();
    for ((hospital, number), patient) in patients {
        let known = people.iter_mut().find(|person| {
            !person.numbers.contains_key(&hospital) && is_same(&person.patient, &patient)
        });
        match known {
            Some(person) => {
                person.numbers.insert(hospital, number);
                person.patient.identifiers.extend(patient.identifiers);
            }
            None => people.push(Person {
                name: patient.name.clone(),
                numbers: BTreeMap::from([(hospital, number)]),
                patient,
            }),
        }
    }
    people.sort_by(|a, b| a.patient.birth_date.cmp(&b.patient.birth_date));
    unique_names(&mut people);
    people
}

fn is_same(a: &PatientInfo, b: &PatientInfo) -> bool {
    let described = |p: &PatientInfo| p.birth_date.is_some() && p.sex != Sex::Unknown;
    let alike = a.name == b.name && a.birth_date == b.birth_date && a.sex == b.sex;
    a.shares_identifier(b) || (described(a) && alike)
}

/// Folders are named by their people; a second person of a name gets a number behind it.
fn unique_names(people: &mut [Person]) {
    let mut taken = BTreeSet::new();
    for person in people {
        if person.name.is_empty() {
            person.name = "folder".to_owned();
        }
        let name = person.name.clone();
        let mut number = 1;
        while !taken.insert(person.name.clone()) {
            number += 1;
            person.name = format!("{name} {number}");
        }
    }
}

fn attachments(file: &Path, intake: &Intake) -> Vec<PathBuf> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let records = intake.visits.iter().flat_map(|visit| &visit.records);
    let named: BTreeSet<PathBuf> = records
        .flat_map(|record| &record.attachments)
        .map(|a| folder.join(&a.path))
        .collect();
    named.into_iter().collect()
}

/// The longest word of the first record that is made of letters only.
fn word(intake: &Intake) -> Option<String> {
    let record = intake
        .visits
        .iter()
        .flat_map(|visit| &visit.records)
        .next()?;
    let text = medfolder_fhir::text::plain(&record.body, &Limits::default()).ok()?;
    let words = text
        .split(|c: char| !c.is_alphabetic())
        .filter(|word| word.len() >= 4);
    words
        .max_by_key(|word| word.len().min(24))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family() -> Plan {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/family");
        let hospitals =
            ["浦江市第一人民医院", "浦江市儿童医院", "东湖区中心医院"].map(str::to_owned);
        plan(&root, &hospitals).unwrap()
    }

    #[test]
    fn the_family_is_three_people_with_a_number_at_each_of_their_hospitals() {
        let plan = family();
        let people: Vec<(&str, usize)> = plan
            .people
            .iter()
            .map(|p| (p.name.as_str(), p.numbers.len()))
            .collect();
        assert_eq!(people, [("王秀兰", 2), ("李敏", 2), ("陈小满", 3)]);
    }

    #[test]
    fn a_visit_goes_to_the_hospital_that_it_names_with_the_files_that_it_names() {
        let plan = family();
        let ecg = plan
            .deliveries
            .iter()
            .find(|d| d.file.ends_with("03-ecg-report.json"))
            .unwrap();
        assert_eq!(ecg.hospital, 2);
        assert_eq!(ecg.attachments.len(), 1);
        assert!(plan.root.join(&ecg.attachments[0]).is_file());
    }

    #[test]
    fn every_doctor_of_the_family_gets_a_key() {
        let doctors: Vec<usize> = family().doctors.iter().map(Vec::len).collect();
        assert_eq!(doctors, [8, 4, 3]);
    }
}

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
    /// Below the hospital's watched folder: the same, unless that is deeper than hospitals look.
    pub(crate) place: PathBuf,
    /// Which hospital.
    pub(crate) hospital: usize,
    /// Files that it names, relative to its own folder.
    pub(crate) attachments: BTreeSet<PathBuf>,
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
    /// Every file that can be read.
    pub(crate) deliveries: Vec<Delivery>,
    /// Files that no hospital gets, with the code that says why.
    pub(crate) unread: Vec<(PathBuf, &'static str)>,
    /// Files that no hospital will understand.
    pub(crate) strange: Vec<(PathBuf, &'static str)>,
    /// Every person with at least one readable file.
    pub(crate) people: Vec<Person>,
    /// Those who sign most, per hospital.
    pub(crate) doctors: Vec<Vec<Doctor>>,
}

/// Doctors of one hospital with a key of their own; the records office signs for the others.
const MOST_DOCTORS: usize = 12;

/// Levels of folders that a delivery keeps.
const MOST_LEVELS: usize = 10;

/// Reads every JSON file below `root`.
pub(crate) fn plan(root: &Path, hospitals: &[String]) -> Result<Plan, CliError> {
    if root.is_file() {
        return Err(CliError::new("demo.data_is_file", root.display()));
    }
    let mut planner = Planner::new(root, hospitals);
    let (mut all, unread) = (Vec::new(), |_| CliError::new("demo.data", root.display()));
    collect(root, &mut all, &mut planner.unread).map_err(unread)?;
    for (path, _) in &mut planner.unread {
        *path = path.strip_prefix(root).unwrap_or(path).to_owned();
    }
    all.sort();
    let (files, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|file| is_json(file));
    planner.others = others;
    if files.is_empty() && planner.others.is_empty() && planner.unread.is_empty() {
        return Err(CliError::new("demo.no_data", root.display()));
    }
    for file in files {
        planner.take(&file);
    }
    Ok(planner.finish())
}

fn is_json(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("json"))
}

/// What a system keeps for itself, such as `.DS_Store`.
fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with('.'))
}

/// Links are not followed: they may lead in circles, or out of what somebody meant to show. They
/// and what is no regular file are skipped like a bad file, as is a folder that cannot be read.
fn collect(
    directory: &Path,
    into: &mut Vec<PathBuf>,
    unread: &mut Vec<(PathBuf, &'static str)>,
) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let path = entry.path();
        let kind = entry.file_type()?;
        if kind.is_dir() {
            if collect(&path, into, unread).is_err() {
                unread.push((path, "file.read"));
            }
        } else if kind.is_file() && !is_hidden(&path) {
            into.push(path);
        } else if !is_hidden(&path) {
            unread.push((path, "demo.not_a_file"));
        }
    }
    Ok(())
}

/// The bytes of a file, or the code of why it is not read.
fn read(file: &Path) -> Result<Vec<u8>, &'static str> {
    let unreadable = |_| "file.read";
    let size = fs::metadata(file).map_err(unreadable)?.len();
    if size > Limits::default().bytes as u64 {
        return Err("fhir.too_large");
    }
    fs::read(file).map_err(unreadable)
}

struct Planner<'a> {
    root: &'a Path,
    hospitals: &'a [String],
    /// Hospital of a patient number whose records name none of ours.
    homes: BTreeMap<String, usize>,
    turn: usize,
    deliveries: Vec<Delivery>,
    unread: Vec<(PathBuf, &'static str)>,
    strange: Vec<(PathBuf, &'static str)>,
    /// Files that are no JSON: attachments, and what nobody reads.
    others: Vec<PathBuf>,
    patients: BTreeMap<(usize, String), PatientInfo>,
    authors: Vec<BTreeMap<Doctor, usize>>,
}

impl<'a> Planner<'a> {
    fn new(root: &'a Path, hospitals: &'a [String]) -> Self {
        Self {
            root,
            hospitals,
            homes: BTreeMap::new(),
            turn: 0,
            deliveries: Vec::new(),
            unread: Vec::new(),
            strange: Vec::new(),
            others: Vec::new(),
            patients: BTreeMap::new(),
            authors: vec![BTreeMap::new(); hospitals.len()],
        }
    }

    fn take(&mut self, file: &Path) {
        let relative = file.strip_prefix(self.root).unwrap_or(file).to_path_buf();
        let bytes = match read(file) {
            Ok(bytes) => bytes,
            Err(code) => return self.unread.push((relative, code)),
        };
        let place = self.place(&relative);
        // What cannot be understood is delivered like everything else: its hospital says why.
        let (hospital, attachments) = match intake::read(&bytes, &Limits::default()) {
            Ok(intake) => (self.understood(&intake), attachments(&intake)),
            Err(error) => {
                self.strange.push((relative.clone(), error.code()));
                (self.next_turn(), BTreeSet::new())
            }
        };
        self.deliveries.push(Delivery {
            file: relative,
            place,
            hospital,
            attachments,
        });
    }

    /// Hospitals look a certain number of folders deep.
    fn place(&self, relative: &Path) -> PathBuf {
        if relative.components().count() <= MOST_LEVELS {
            return relative.to_path_buf();
        }
        let name = relative.file_name().map(Path::new).unwrap_or(relative);
        Path::new("deep")
            .join(self.deliveries.len().to_string())
            .join(name)
    }

    fn understood(&mut self, intake: &Intake) -> usize {
        let hospital = self.hospital(intake);
        if let Some(number) = intake.patient.medical_record_number() {
            let key = (hospital, number.token());
            merge(self.patients.entry(key), &intake.patient);
        }
        self.count_authors(hospital, intake);
        hospital
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

    /// Files beside the documents that no document names.
    fn unnamed(&self) -> Vec<(PathBuf, &'static str)> {
        let named = self.deliveries.iter().flat_map(|delivery| {
            let names = delivery.attachments.iter();
            names.map(|name| delivery.file.with_file_name(name))
        });
        let named: BTreeSet<PathBuf> = named.collect();
        let others = self.others.iter();
        let others = others.map(|file| file.strip_prefix(self.root).unwrap_or(file).to_path_buf());
        let unnamed = others.filter(|file| !named.contains(file));
        unnamed.map(|file| (file, "demo.other_format")).collect()
    }

    fn finish(mut self) -> Plan {
        let unnamed = self.unnamed();
        self.unread.extend(unnamed);
        let doctors = self.authors.into_iter().map(most).collect();
        Plan {
            root: self.root.to_path_buf(),
            deliveries: self.deliveries,
            unread: self.unread,
            strange: self.strange,
            people: people(self.patients),
            doctors,
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

fn attachments(intake: &Intake) -> BTreeSet<PathBuf> {
    let records = intake.visits.iter().flat_map(|visit| &visit.records);
    records
        .flat_map(|record| &record.attachments)
        .map(|named| PathBuf::from(&named.path))
        .collect()
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
        let folder = plan.root.join(&ecg.file);
        let beside = folder.parent().unwrap();
        assert!(
            ecg.attachments
                .iter()
                .all(|named| beside.join(named).is_file())
        );
    }

    #[test]
    fn deep_files_are_delivered_near_the_top_and_no_link_or_pipe_is_read() {
        let data = tempfile::tempdir().unwrap();
        let deep = data.path().join(["d"; 20].join("/"));
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("x.json"), "{}").unwrap();
        std::os::unix::fs::symlink(data.path(), deep.join("circle")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", data.path().join("link.json")).unwrap();
        let pipe = data.path().join("pipe.json");
        let made = std::process::Command::new("mkfifo").arg(pipe).status();
        assert!(made.unwrap().success());
        let plan = plan(data.path(), &["A".to_owned()]).unwrap();
        assert_eq!(plan.deliveries.len(), 1);
        assert_eq!(plan.deliveries[0].place, Path::new("deep/0/x.json"));
        let unread: BTreeMap<_, _> = plan.unread.into_iter().collect();
        let circle = PathBuf::from(["d"; 20].join("/")).join("circle");
        let skipped = [circle, "link.json".into(), "pipe.json".into()];
        assert_eq!(unread, skipped.map(|file| (file, "demo.not_a_file")).into());
    }

    #[test]
    fn every_doctor_of_the_family_gets_a_key() {
        let doctors: Vec<usize> = family().doctors.iter().map(Vec::len).collect();
        assert_eq!(doctors, [8, 4, 3]);
    }
}

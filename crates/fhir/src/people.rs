//! Patient, author, hospital and visit class as intake reports them.

use crate::{
    bundle::Bundle,
    json::Node,
    line,
    model::{Author, Identifier, OrganisationInfo, PatientInfo, Sex, VisitClass},
};

/// Reads a Patient.
pub(crate) fn patient(resource: &Node<'_>) -> PatientInfo {
    PatientInfo {
        name: human_name(resource),
        birth_date: resource.text_at(&["birthDate"]).map(str::to_owned),
        sex: match resource.text_at(&["gender"]) {
            Some("male") => Sex::Male,
            Some("female") => Sex::Female,
            Some("other") => Sex::Other,
            _ => Sex::Unknown,
        },
        identifiers: resource
            .list("identifier")
            .iter()
            .filter_map(identifier)
            .collect(),
    }
}

/// Reads an Identifier; one without a value is none.
pub(crate) fn identifier(node: &Node<'_>) -> Option<Identifier> {
    Some(Identifier {
        system: node.text_at(&["system"]).unwrap_or_default().to_owned(),
        value: node
            .text_at(&["value"])
            .filter(|v| !v.is_empty())?
            .to_owned(),
        type_code: node.text_at(&["type", "coding", "code"]).map(str::to_owned),
    })
}

/// The first identifier of a resource.
pub(crate) fn first_identifier(resource: &Node<'_>) -> Option<Identifier> {
    resource.list("identifier").iter().find_map(identifier)
}

/// A name as it is written for people; Chinese names without a space.
pub(crate) fn human_name(resource: &Node<'_>) -> String {
    let names = resource.list("name");
    let official = names
        .iter()
        .find(|n| n.text_at(&["use"]) == Some("official"));
    let Some(name) = official.or_else(|| names.first()) else {
        return String::new();
    };
    if let Some(text) = name.text_at(&["text"]) {
        return text.to_owned();
    }
    let family = name.text_at(&["family"]).unwrap_or_default();
    let part = |list| name.list(list).iter().filter_map(Node::text);
    if family
        .chars()
        .next()
        .is_some_and(|c| ('\u{2E80}'..'\u{A000}').contains(&c))
    {
        return part("given").fold(family.to_owned(), |whole, given| whole + given);
    }
    let words = part("prefix")
        .chain(part("given"))
        .chain([family])
        .filter(|w| !w.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// The organisation a reference names: its entry, else its display.
pub(crate) fn organisation(
    bundle: &Bundle<'_>,
    holder: &Node<'_>,
    reference: &Node<'_>,
) -> Option<OrganisationInfo> {
    let entry = bundle
        .follow(holder, reference)
        .and_then(|i| bundle.entry(i));
    match entry {
        Some(entry) if entry.kind == "Organization" => Some(organisation_of(entry.resource)),
        _ => Some(OrganisationInfo {
            name: reference.text_at(&["display"])?.to_owned(),
            aliases: Vec::new(),
            identifier: reference.get("identifier").and_then(identifier),
        }),
    }
}

/// Reads an Organization.
pub(crate) fn organisation_of(resource: &Node<'_>) -> OrganisationInfo {
    let aliases = resource.list("alias").iter().filter_map(Node::text);
    OrganisationInfo {
        name: resource.text_at(&["name"]).unwrap_or_default().to_owned(),
        aliases: aliases.map(str::to_owned).collect(),
        identifier: first_identifier(resource),
    }
}

/// The author that a reference inside `holder` names.
pub(crate) fn author(bundle: &Bundle<'_>, holder: &Node<'_>, reference: &Node<'_>) -> Author {
    let display = reference.text_at(&["display"]).unwrap_or_default();
    let Some(entry) = bundle
        .follow(holder, reference)
        .and_then(|i| bundle.entry(i))
    else {
        return Author {
            name: display.to_owned(),
            identifier: reference.get("identifier").and_then(identifier),
            ..Author::default()
        };
    };
    if entry.kind == "PractitionerRole" {
        return role(bundle, entry.resource, display);
    }
    let name = match entry.kind {
        "Organization" => organisation_of(entry.resource).name,
        _ => human_name(entry.resource),
    };
    Author {
        name: if name.is_empty() {
            display.to_owned()
        } else {
            name
        },
        identifier: first_identifier(entry.resource),
        department: qualification_department(entry.resource),
        role: qualification(entry.resource).map(str::to_owned),
    }
}

fn role(bundle: &Bundle<'_>, role: &Node<'_>, display: &str) -> Author {
    let person = role
        .get("practitioner")
        .map(|r| author(bundle, role, r))
        .unwrap_or_default();
    let department = role
        .get("specialty")
        .or_else(|| role.get("code"))
        .and_then(line::concept);
    Author {
        name: if person.name.is_empty() {
            display.to_owned()
        } else {
            person.name
        },
        identifier: person.identifier.or_else(|| first_identifier(role)),
        department: department.map(str::to_owned).or(person.department),
        role: person.role.or_else(|| department.map(str::to_owned)),
    }
}

fn qualification<'n>(practitioner: &'n Node<'_>) -> Option<&'n str> {
    practitioner.text_at(&["qualification", "code", "text"])
}

/// Chinese hospitals write `内分泌科 副主任医师` (department, then title) as the qualification.
fn qualification_department(practitioner: &Node<'_>) -> Option<String> {
    let (department, title) = qualification(practitioner)?.split_once(' ')?;
    (department.ends_with(['科', '室', '部']) && !title.is_empty()).then(|| department.to_owned())
}

/// The setting of a visit from `Encounter.class`.
pub(crate) fn visit_class(encounter: &Node<'_>) -> VisitClass {
    match encounter.text_at(&["class", "code"]) {
        Some("EMER") => VisitClass::Emergency,
        Some("IMP" | "ACUTE" | "NONACUTE" | "OBSENC" | "SS" | "PRENC") => VisitClass::Inpatient,
        Some("HH" | "FLD") => VisitClass::Home,
        Some("VR") => VisitClass::Virtual,
        _ => VisitClass::Outpatient,
    }
}

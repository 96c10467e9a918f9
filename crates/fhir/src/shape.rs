//! JSON types of the members that intake reads, checked once so that readers may be simple.
//!
//! Not a validator: members that intake does not read are passed on as they are.

use crate::{FhirError, json::Node};

#[derive(Clone, Copy)]
enum Shape {
    Text,
    Object,
    Objects,
    /// An object in some types, a list of objects in others.
    Either,
}

use Shape::{Either, Object, Objects, Text};

/// Members with one meaning in every resource.
const COMMON: &[(&str, Shape)] = &[
    ("resourceType", Text),
    ("id", Text),
    ("text", Object),
    ("contained", Objects),
    ("identifier", Either),
];

/// Members of single resource types.
const TYPED: &[(&str, &str, Shape)] = &[
    ("Bundle", "type", Text),
    ("Bundle", "entry", Objects),
    ("Bundle", "timestamp", Text),
    ("Patient", "name", Objects),
    ("Patient", "birthDate", Text),
    ("Patient", "gender", Text),
    ("Composition", "type", Object),
    ("Composition", "title", Text),
    ("Composition", "date", Text),
    ("Composition", "status", Text),
    ("Composition", "section", Objects),
    ("Composition", "author", Objects),
    ("Composition", "subject", Object),
    ("Composition", "custodian", Object),
    ("Composition", "encounter", Object),
    ("Composition", "relatesTo", Objects),
    ("Encounter", "period", Object),
    ("Encounter", "class", Object),
    ("Encounter", "type", Objects),
    ("Encounter", "participant", Objects),
    ("Encounter", "serviceProvider", Object),
    ("Practitioner", "name", Objects),
    ("Organization", "name", Text),
    ("Observation", "code", Object),
    ("Observation", "category", Objects),
    ("Observation", "valueQuantity", Object),
    ("Observation", "component", Objects),
    ("DiagnosticReport", "code", Object),
    ("DiagnosticReport", "category", Objects),
    ("DiagnosticReport", "result", Objects),
    ("DiagnosticReport", "presentedForm", Objects),
    ("MedicationRequest", "medicationCodeableConcept", Object),
    ("Condition", "code", Object),
    ("AllergyIntolerance", "code", Object),
    ("Immunization", "vaccineCode", Object),
    ("Procedure", "code", Object),
];

/// Checks one resource; `path` names it in the error.
///
/// # Errors
/// `fhir.wrong_type`.
pub(crate) fn check(resource: &Node<'_>, path: &str) -> Result<(), FhirError> {
    let wrong = |name: &str| FhirError::WrongType {
        path: format!("{path}.{name}"),
    };
    let kind = resource
        .get("resourceType")
        .and_then(Node::text)
        .ok_or_else(|| wrong("resourceType"))?;
    let typed = TYPED
        .iter()
        .filter(|(k, _, _)| *k == kind)
        .map(|(_, n, s)| (*n, *s));
    for (name, shape) in COMMON.iter().copied().chain(typed) {
        if resource.get(name).is_some_and(|value| !fits(value, shape)) {
            return Err(wrong(name));
        }
    }
    let mut bad = None;
    resource.for_each_object(&mut |object| {
        for name in ["display", "system", "div"] {
            if object.get(name).is_some_and(|v| v.text().is_none()) {
                bad.get_or_insert(name);
            }
        }
        let reference = object.get("reference");
        if reference.is_some_and(|v| v.text().is_none() && !v.is_object()) {
            bad.get_or_insert("reference");
        }
        if object.get("coding").is_some_and(|v| !fits(v, Objects)) {
            bad.get_or_insert("coding");
        }
    });
    bad.map_or(Ok(()), |name| Err(wrong(name)))
}

/// Checks the Bundle itself; its entries are checked one by one.
///
/// # Errors
/// `fhir.wrong_type`.
pub(crate) fn check_bundle(root: &Node<'_>) -> Result<(), FhirError> {
    let own = TYPED
        .iter()
        .filter(|(kind, _, _)| *kind == "Bundle")
        .map(|(_, n, s)| (*n, *s));
    for (name, shape) in COMMON.iter().copied().chain(own) {
        if root.get(name).is_some_and(|value| !fits(value, shape)) {
            return Err(FhirError::WrongType { path: name.into() });
        }
    }
    Ok(())
}

fn fits(value: &Node<'_>, shape: Shape) -> bool {
    let objects = value.is_array() && value.items().iter().all(Node::is_object);
    match shape {
        Text => value.text().is_some(),
        Object => value.is_object(),
        Objects => objects,
        Either => value.is_object() || objects,
    }
}

//! Minimal resources for conditional references whose target the file lacks.
//!
//! `{"reference": "Practitioner?identifier=sys|val", "display": "Dr. A"}` says who, and nothing else is
//! known: a resource with that identifier and name makes the record complete by itself.

use std::collections::BTreeMap;

use serde_json::json;

use crate::{
    bundle::{Bundle, Target, for_each_reference},
    derive,
};

/// A resource made for a reference.
pub(crate) struct Made {
    /// Its `fullUrl`.
    pub(crate) url: String,
    /// Its JSON.
    pub(crate) text: String,
}

/// Makes what the entries' conditional references need, in a fixed order.
pub(crate) fn make(bundle: &Bundle<'_>) -> Vec<Made> {
    let mut wanted: BTreeMap<(String, String, String), String> = BTreeMap::new();
    for entry in &bundle.entries {
        for_each_reference(entry.resource, &mut |object| {
            let reference = object.text_at(&["reference"]).unwrap_or_default();
            if let Target::Search {
                kind,
                system,
                value,
            } = bundle.resolve(entry.resource, reference)
            {
                let display = object.text_at(&["display"]).unwrap_or_default();
                let kept = wanted.entry((kind.to_owned(), system, value)).or_default();
                if kept.is_empty() {
                    display.clone_into(kept);
                }
            }
        });
    }
    wanted
        .iter()
        .filter_map(|((k, s, v), display)| resource(k, s, v, display))
        .collect()
}

fn resource(kind: &str, system: &str, value: &str, display: &str) -> Option<Made> {
    let id = derive::uuid(&["made", kind, system, value]);
    let mut made = json!({
        "resourceType": kind,
        "id": id,
        "identifier": [{ "system": system, "value": value }],
    });
    let (member, name) = match kind {
        "Practitioner" => ("name", json!([{ "text": display }])),
        "Organization" | "Location" | "HealthcareService" => ("name", json!(display)),
        "PractitionerRole" => ("code", json!([{ "text": display }])),
        "Medication" => ("code", json!({ "text": display })),
        "Device" => ("deviceName", json!([{ "name": display, "type": "other" }])),
        _ => return None,
    };
    if let Some(object) = made.as_object_mut().filter(|_| !display.is_empty()) {
        object.insert(member.to_owned(), name);
    }
    Some(Made {
        url: format!("urn:uuid:{id}"),
        text: made.to_string(),
    })
}

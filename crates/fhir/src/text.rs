//! The words of a record, for full-text search and snippets.
//!
//! Everything a person would look for: title, narrative, names, what coded entries say and their
//! codes as words (LOINC, SNOMED CT, ICD, ATC, local), values with units. Left out: identities,
//! addresses, references, dates, binary content, extensions and words that only machines use.
//! A line occurs once; the order is the document's, so the first lines make a snippet.

use std::collections::BTreeSet;

use crate::{
    FhirError,
    json::{self, Limits, Node},
    line, narrative,
};

/// Whether nobody searches for the content of a member of this name.
fn is_skipped(name: &str) -> bool {
    matches!(
        name,
        "resourceType"
            | "id"
            | "reference"
            | "url"
            | "fullUrl"
            | "system"
            | "hash"
            | "data"
            | "contentType"
            | "language"
            | "status"
            | "use"
            | "uid"
            | "mode"
            | "meta"
            | "extension"
            | "modifierExtension"
            | "implicitRules"
            | "versionId"
            | "intent"
            | "confidentiality"
            | "sopClass"
            | "relatesTo"
            | "criticality"
            | "rank"
            | "creation"
            | "telecom"
            | "clinicalStatus"
            | "verificationStatus"
            | "valueSampledData"
            | "timestamp"
            | "gender"
    )
}

/// Plain text of a body, one statement a line.
///
/// # Errors
/// What [`json::parse`] refuses.
pub fn plain(body: &[u8], limits: &Limits) -> Result<String, FhirError> {
    let root = json::parse(body, limits)?;
    let mut words = Words::default();
    let entries = root.list("entry").iter().filter_map(|e| e.get("resource"));
    let resources: Vec<&Node<'_>> = entries.collect();
    for resource in if resources.is_empty() {
        vec![&root]
    } else {
        resources
    } {
        words.resource(resource);
    }
    Ok(words.text)
}

#[derive(Default)]
struct Words {
    text: String,
    seen: BTreeSet<String>,
}

impl Words {
    fn push(&mut self, text: &str) {
        let line = narrative::tidy(text);
        if line.is_empty() || self.seen.contains(line.as_ref()) {
            return;
        }
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(&line);
        self.seen.insert(line.into_owned());
    }

    fn resource(&mut self, resource: &Node<'_>) {
        if let Some(title) = resource.text_at(&["title"]) {
            self.push(title);
        }
        let kind = resource.text_at(&["resourceType"]);
        if kind == Some("Observation") {
            line::describe(resource).iter().for_each(|l| self.push(l));
        }
        self.walk("", resource);
    }

    fn walk(&mut self, name: &str, node: &Node<'_>) {
        if let Some(text) = node.text() {
            self.leaf(name, text);
        }
        if let Some(text) = line::plain_attachment(node) {
            text.lines().for_each(|l| self.push(l));
        }
        node.items().iter().for_each(|item| self.walk(name, item));
        if let Some(quantity) = line::quantity(node) {
            self.push(&quantity);
            return;
        }
        for member in node.members() {
            if !is_skipped(member.name()) {
                self.walk(member.name(), member.value());
            }
        }
    }

    fn leaf(&mut self, name: &str, text: &str) {
        if name == "div" {
            narrative::text(text).lines().for_each(|l| self.push(l));
        } else if !is_for_machines(text) {
            self.push(text);
        }
    }
}

fn is_for_machines(text: &str) -> bool {
    text.starts_with("urn:")
        || text.contains("://")
        || crate::date::parse(text).is_some()
        || is_uuid(text)
}

fn is_uuid(text: &str) -> bool {
    let dash = |i: usize| matches!(i, 8 | 13 | 18 | 23);
    text.len() == 36
        && text.bytes().enumerate().all(|(i, b)| {
            if dash(i) {
                b == b'-'
            } else {
                b.is_ascii_hexdigit()
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_codes_come_through_and_machine_text_does_not() {
        let body = r#"{"resourceType":"Bundle","entry":[{"fullUrl":"urn:uuid:1","resource":{
            "resourceType":"AllergyIntolerance","id":"secret-id","recordedDate":"2019-03-06",
            "meta":{"tag":[{"display":"tagged"}]},"patient":{"reference":"Patient/1"},
            "text":{"div":"<div><p>青霉素<b>过敏</b></p><script>x()</script></div>"},
            "code":{"coding":[{"system":"http://snomed.info/sct","code":"91936005","display":"Allergy to penicillin"}]}}}]}"#;
        let text = plain(body.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(text, "青霉素过敏\n91936005\nAllergy to penicillin");
    }
}

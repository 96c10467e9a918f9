//! The words of a record, for full-text search and snippets.
//!
//! Everything a person would look for: title, narrative, names, what coded entries say and their
//! codes as words (LOINC, SNOMED CT, ICD, ATC, local), values with units. Left out: identities,
//! addresses, references, dates, binary content, extensions and words that only machines use.
//! A line occurs once; the order is the document's, so the first lines make a snippet.

use std::collections::BTreeSet;

use crate::{
    FhirError, administrative,
    json::{self, Limits, Node},
    line, narrative,
};

/// LOINC code of sections and documents that list allergies.
const ALLERGIES: &str = "48765-2";

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
    Ok(words(&root))
}

/// A line of a body, for the passage that a search shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// The line.
    pub text: String,
    /// Who speaks.
    pub voice: Voice,
}

/// Who speaks in a [`Passage`]; what comes first is shown rather.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Voice {
    /// A list of allergies, or an allergy in it.
    Allergy,
    /// Whoever wrote the record: its title, sections and entries in words.
    Author,
    /// Codes and whatever else is found only by who looks for it.
    Machine,
}

/// The lines of a body: what people wrote, and behind that all of [`plain`].
///
/// # Errors
/// What [`json::parse`] refuses.
pub fn passages(body: &[u8], limits: &Limits) -> Result<Vec<Passage>, FhirError> {
    let root = json::parse(body, limits)?;
    let mut found = Vec::new();
    for resource in root.list("entry").iter().filter_map(|e| e.get("resource")) {
        match resource.text_at(&["resourceType"]).unwrap_or_default() {
            "Composition" => {
                let title = resource.text_at(&["title"]).into_iter();
                found.extend(title.map(|title| passage(Voice::Author, title)));
                said_in_sections(resource, &mut found);
            }
            kind if administrative(kind).is_some() || kind == "Provenance" => {}
            kind => said_of(kind, resource, &mut found),
        }
    }
    let words = words(&root);
    found.extend(words.lines().map(|line| passage(Voice::Machine, line)));
    Ok(found)
}

fn passage(voice: Voice, text: &str) -> Passage {
    let text = narrative::tidy(text).into_owned();
    Passage { text, voice }
}

fn said_in_sections(parent: &Node<'_>, found: &mut Vec<Passage>) {
    for section in parent.list("section") {
        let codings = section.get("code").map(|code| code.list("coding"));
        let mut codings = codings.unwrap_or_default().iter();
        let voice = match codings.any(|coding| coding.text_at(&["code"]) == Some(ALLERGIES)) {
            true => Voice::Allergy,
            false => Voice::Author,
        };
        let lines = section.text_at(&["text", "div"]).map(narrative::lines);
        let lines = lines.unwrap_or_default();
        found.extend(lines.iter().map(|line| passage(voice, line)));
        said_in_sections(section, found);
    }
}

/// What an entry says; nothing of what was refuted or entered in error.
fn said_of(kind: &str, resource: &Node<'_>, found: &mut Vec<Passage>) {
    let status = resource.text_at(&["verificationStatus", "coding", "code"]);
    if matches!(status, Some("refuted" | "entered-in-error")) {
        return;
    }
    let voice = match kind {
        "AllergyIntolerance" => Voice::Allergy,
        _ => Voice::Author,
    };
    let mut lines = line::describe(resource);
    // Its status is a code of a machine's.
    let about = line::subject(resource).filter(|_| resource.get("clinicalStatus").is_some());
    if let (Some(about), Some(first)) = (about, lines.first_mut()) {
        about.clone_into(first);
    }
    // What has no name is called by its type.
    lines.retain(|line| !line.starts_with(kind));
    found.extend(lines.iter().map(|line| passage(voice, line)));
}

fn words(root: &Node<'_>) -> String {
    let mut words = Words::default();
    let entries = root.list("entry").iter().filter_map(|e| e.get("resource"));
    let resources: Vec<&Node<'_>> = entries.collect();
    for resource in if resources.is_empty() {
        vec![root]
    } else {
        resources
    } {
        words.resource(resource);
    }
    words.text
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

    #[test]
    fn passages_are_what_people_wrote_and_codes_come_behind_them() {
        let body = r#"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Composition",
            "title":"Note","text":{"div":"<p><b>confidentiality</b>: N</p>"},"section":[
            {"title":"Allergies","code":{"coding":[{"code":"48765-2"}]},
             "text":{"div":"<table><tr><td>Penicillin</td><td>rash</td></tr></table>"}}]}},
            {"resource":{"resourceType":"AllergyIntolerance","clinicalStatus":{"coding":[{"code":"active"}]},
             "code":{"coding":[{"code":"91936005","display":"Allergy to penicillin"}]}}},
            {"resource":{"resourceType":"AllergyIntolerance","code":{"text":"nuts"},
             "verificationStatus":{"coding":[{"code":"refuted"}]}}}]}"#;
        let passages = passages(body.as_bytes(), &Limits::default()).unwrap();
        let of = |voice| {
            let own = passages
                .iter()
                .filter(move |passage| passage.voice == voice);
            own.map(|passage| passage.text.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(
            of(Voice::Allergy),
            ["Penicillin rash", "Allergy to penicillin"]
        );
        assert_eq!(of(Voice::Author), ["Note"]);
        for found in ["confidentiality: N", "91936005", "nuts"] {
            assert!(of(Voice::Machine).contains(&found), "{found}");
        }
    }
}

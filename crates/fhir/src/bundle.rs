//! A Bundle's entries by identity, and what a reference points to.
//!
//! Resolution (FHIR R4, Bundle "Resolving references", made forgiving where it is harmless):
//!
//! ```text
//! #x                          contained resource of the same entry
//! urn:uuid:… , absolute URL   the entry with this fullUrl
//! Type/id                     the entry with this type and id, whatever its fullUrl
//! Type?identifier=sys|value   the entry of this type that has the identifier (conditional reference)
//! …/_history/n                the entry without the version
//! ```

use std::collections::BTreeMap;

use crate::{FhirError, json::Node, people, shape};

/// One resource of a bundle.
pub(crate) struct Entry<'n> {
    /// `fullUrl` as delivered.
    pub(crate) full_url: Option<&'n str>,
    /// `resourceType`.
    pub(crate) kind: &'n str,
    /// The resource.
    pub(crate) resource: &'n Node<'n>,
    /// `fullUrl`, else `Type/id`, else `Type#index`: how reports name it.
    pub(crate) name: String,
}

/// The entries of one bundle.
pub(crate) struct Bundle<'n> {
    /// The Bundle resource.
    pub(crate) root: &'n Node<'n>,
    /// Entries in the order of the file.
    pub(crate) entries: Vec<Entry<'n>>,
    by_key: BTreeMap<String, usize>,
    by_identifier: BTreeMap<(&'n str, String, String), usize>,
}

/// What a reference points to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target<'t> {
    /// The entry with this index.
    Entry(usize),
    /// A resource inside the one that holds the reference.
    Contained,
    /// An absolute address outside the file.
    External,
    /// A conditional reference that no entry answers.
    Search {
        /// Resource type.
        kind: &'t str,
        /// Namespace and value of the identifier.
        system: String,
        /// The value.
        value: String,
    },
    /// Nothing.
    Missing,
}

impl<'n> Bundle<'n> {
    /// Indexes the entries.
    ///
    /// # Errors
    /// `fhir.wrong_type`, `fhir.duplicate_id`.
    pub(crate) fn index(root: &'n Node<'n>) -> Result<Self, FhirError> {
        let mut bundle = Self {
            root,
            entries: Vec::new(),
            by_key: BTreeMap::new(),
            by_identifier: BTreeMap::new(),
        };
        for (i, entry) in root.list("entry").iter().enumerate() {
            let path = format!("entry[{i}]");
            let wrong = |member: &str| FhirError::WrongType {
                path: format!("{path}.{member}"),
            };
            let resource = entry
                .get("resource")
                .filter(|r| r.is_object())
                .ok_or_else(|| wrong("resource"))?;
            let full_url = match entry.get("fullUrl") {
                Some(url) => Some(url.text().ok_or_else(|| wrong("fullUrl"))?),
                None => None,
            };
            shape::check(resource, &path)?;
            if !bundle.insert(full_url, resource)? {
                return Err(FhirError::DuplicateId { path });
            }
        }
        Ok(bundle)
    }

    /// Adds an entry; false when its identity is taken.
    pub(crate) fn insert(
        &mut self,
        full_url: Option<&'n str>,
        resource: &'n Node<'n>,
    ) -> Result<bool, FhirError> {
        let index = self.entries.len();
        let kind = resource
            .text_at(&["resourceType"])
            .ok_or(FhirError::NotFhir)?;
        let local = resource.text_at(&["id"]).map(|id| format!("{kind}/{id}"));
        let keys: Vec<String> = full_url
            .map(str::to_owned)
            .into_iter()
            .chain(local.clone())
            .collect();
        if keys.iter().any(|k| self.by_key.contains_key(k)) {
            return Ok(false);
        }
        self.by_key.extend(keys.into_iter().map(|k| (k, index)));
        for id in resource
            .list("identifier")
            .iter()
            .filter_map(people::identifier)
        {
            self.by_identifier
                .entry((kind, id.system, id.value))
                .or_insert(index);
        }
        let name = full_url
            .map(str::to_owned)
            .or(local)
            .unwrap_or_else(|| format!("{kind}#{index}"));
        self.entries.push(Entry {
            full_url,
            kind,
            resource,
            name,
        });
        Ok(true)
    }

    /// The entry with this index.
    pub(crate) fn entry(&self, index: usize) -> Option<&Entry<'n>> {
        self.entries.get(index)
    }

    /// Indices of the entries of a type.
    pub(crate) fn of_kind(&self, kind: &str) -> impl Iterator<Item = usize> {
        self.entries
            .iter()
            .enumerate()
            .filter(move |(_, e)| e.kind == kind)
            .map(|(i, _)| i)
    }

    /// The one Patient.
    ///
    /// # Errors
    /// `fhir.no_patient`, `fhir.two_patients`.
    pub(crate) fn patient(&self) -> Result<usize, FhirError> {
        let mut found = self.of_kind("Patient");
        let patient = found.next().ok_or(FhirError::NoPatient)?;
        found
            .next()
            .map_or(Ok(patient), |_| Err(FhirError::TwoPatients))
    }

    /// What `reference`, found inside `holder`, points to.
    pub(crate) fn resolve<'t>(&self, holder: &Node<'_>, reference: &'t str) -> Target<'t> {
        if let Some(id) = reference.strip_prefix('#') {
            let named = |c: &Node<'_>| c.text_at(&["id"]) == Some(id);
            let found = id.is_empty() || holder.list("contained").iter().any(named);
            return if found {
                Target::Contained
            } else {
                Target::Missing
            };
        }
        let plain = reference.split("/_history/").next().unwrap_or(reference);
        if let Some(index) = self.by_key.get(plain) {
            return Target::Entry(*index);
        }
        if let Some((kind, query)) = reference.split_once('?').filter(|(k, _)| !k.contains(':')) {
            return self.search(kind, query);
        }
        if reference.contains("://") {
            Target::External
        } else {
            Target::Missing
        }
    }

    /// The entry a reference member points to.
    pub(crate) fn follow(&self, holder: &Node<'_>, reference: &Node<'_>) -> Option<usize> {
        match self.resolve(holder, reference.first().text_at(&["reference"])?) {
            Target::Entry(index) => Some(index),
            _ => None,
        }
    }

    fn search<'t>(&self, kind: &'t str, query: &str) -> Target<'t> {
        let query = percent_decode(query);
        let Some((system, value)) = query
            .strip_prefix("identifier=")
            .and_then(|token| token.split_once('|'))
        else {
            return Target::Missing;
        };
        let key = (kind, system.to_owned(), value.to_owned());
        match self.by_identifier.get(&key).copied() {
            Some(index) => Target::Entry(index),
            None => Target::Search {
                kind,
                system: key.1,
                value: key.2,
            },
        }
    }
}

/// Calls `visit` with every object of a resource that has a string `reference`.
/// `Composition.relatesTo` is left out: it points to another document by design.
pub(crate) fn for_each_reference<'n>(resource: &'n Node<'n>, visit: &mut dyn FnMut(&'n Node<'n>)) {
    let composition = resource.text_at(&["resourceType"]) == Some("Composition");
    for member in resource.members() {
        if composition && member.name() == "relatesTo" {
            continue;
        }
        member.value().for_each_object(&mut |object| {
            if object.get("reference").is_some_and(|r| r.text().is_some()) {
                visit(object);
            }
        });
    }
}

/// Resolves `%XX`; text with a broken escape or no UTF-8 comes back unchanged.
pub(crate) fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let hex = tail.get(..2).and_then(|h| std::str::from_utf8(h).ok());
        let Some(byte) = hex.and_then(|h| u8::from_str_radix(h, 16).ok()) else {
            return text.to_owned();
        };
        bytes.push(byte);
        rest = tail.get(2..).unwrap_or_default();
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Limits, parse};

    const TEXT: &str = r##"{"entry":[
      {"fullUrl":"urn:uuid:1","resource":{"resourceType":"Patient","id":"p","identifier":[{"system":"s","value":"v"}]}},
      {"resource":{"resourceType":"Observation","id":"o","contained":[{"resourceType":"Location","id":"c"}]}}]}"##;

    #[test]
    fn every_form_of_reference_is_resolved() {
        let root = parse(TEXT.as_bytes(), &Limits::default()).unwrap();
        let bundle = Bundle::index(&root).unwrap();
        let holder = bundle.entries[1].resource;
        for text in [
            "urn:uuid:1",
            "Patient/p",
            "Patient/p/_history/3",
            "Patient?identifier=s%7Cv",
        ] {
            assert_eq!(bundle.resolve(holder, text), Target::Entry(0), "{text}");
        }
        assert_eq!(bundle.resolve(holder, "#c"), Target::Contained);
        assert_eq!(
            bundle.resolve(holder, "https://a.example/Patient/9"),
            Target::External
        );
        for text in ["#d", "urn:uuid:2", "Patient/q", "Patient?name=x", ""] {
            assert_eq!(bundle.resolve(holder, text), Target::Missing, "{text}");
        }
    }

    #[test]
    fn broken_escapes_stay_as_they_are() {
        assert_eq!(percent_decode("a%20b%"), "a%20b%");
        assert_eq!(percent_decode("%E7%8E%8B"), "王");
    }
}

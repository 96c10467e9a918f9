//! What an outside process knows: which documents it handed over, and which were acknowledged.

use crate::documents::Document;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// One handed-over document.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Its file name.
    pub(crate) name: String,
    /// How many files it names.
    pub(crate) attachments: usize,
    /// Whether the hospital said that it has it: by an answer, or by taking the file.
    pub(crate) acknowledged: bool,
}

/// All of them, by their bodies.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journal(Arc<Mutex<BTreeMap<String, Entry>>>);

impl Journal {
    /// Notes a document before it is handed over.
    pub(crate) fn sent(&self, document: &Document) {
        let entry = Entry {
            name: document.name.clone(),
            attachments: document.attachments.len(),
            acknowledged: false,
        };
        let before = self.0.lock().unwrap().insert(document.body.clone(), entry);
        assert!(before.is_none(), "{} was handed over before", document.name);
    }

    /// Notes that the hospital has it.
    pub(crate) fn acknowledged(&self, document: &Document) {
        let mut entries = self.0.lock().unwrap();
        entries.get_mut(&document.body).unwrap().acknowledged = true;
    }

    /// Takes over what another one notes.
    pub(crate) fn also(&self, other: &Self) {
        self.0.lock().unwrap().extend(other.entries());
    }

    /// Everything so far.
    pub(crate) fn entries(&self) -> BTreeMap<String, Entry> {
        self.0.lock().unwrap().clone()
    }
}

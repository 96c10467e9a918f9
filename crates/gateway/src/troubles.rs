//! What keeps a part from going on at present. It is tried again and again, and a log wants to have
//! it once: when it begins, when it becomes another, when it is over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// Troubles of the present by part, each by its code.
#[derive(Debug, Default)]
pub(crate) struct Troubles(Mutex<BTreeMap<&'static str, &'static str>>);

impl Troubles {
    /// Notes how a part's last try ended; whether that is news.
    pub(crate) fn note(&self, part: &'static str, code: Option<&'static str>) -> bool {
        let mut troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match code {
            Some(code) => troubles.insert(part, code),
            None => troubles.remove(part),
        };
        before != code
    }

    /// Notes it and logs what is news.
    pub(crate) fn tell(&self, part: &'static str, code: Option<&'static str>) {
        match (self.note(part, code), code) {
            (true, Some(code)) => tracing::error!(code, part, "a part cannot go on yet"),
            (true, None) => tracing::info!(part, "a part goes on again"),
            (false, _) => {}
        }
    }

    /// The codes, each once.
    pub(crate) fn codes(&self) -> BTreeSet<String> {
        let troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.values().map(|code| (*code).to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_that_lasts_is_news_when_it_begins_changes_and_ends() {
        let troubles = Troubles::default();
        let full = Some("storage.full");
        let heard = [full, full, full, Some("index.sqlite"), None, None, full]
            .map(|code| troubles.note("spool", code));
        assert_eq!(heard, [true, false, false, true, true, false, true]);
        assert!(!troubles.note("ledger", None));
        assert_eq!(
            troubles.codes(),
            BTreeSet::from(["storage.full".to_owned()])
        );
    }
}

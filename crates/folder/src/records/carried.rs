//! Signatures that the hospital's own system made, checked when a record is shown.
//!
//! Inner checked them when it sealed, and a folder takes a record in on that word. Shown, they are
//! checked anew as of the seal's block time, against the authorities that the ledger's policy names.
//! The signed files and the authorities' certificates lie in the record.

use super::Shown;
use crate::vault::Folder;
use medfolder_share::evidence::{self, CarriedSigned};

impl Folder<'_> {
    /// The signatures of the hospital's own system in a record, in their order: who signed, or the
    /// code of the rule that one breaks.
    #[must_use]
    pub fn carried(&self, shown: &Shown) -> Vec<Result<CarriedSigned, &'static str>> {
        evidence::carried(&self.consortium, &shown.record, &shown.sealed)
    }
}

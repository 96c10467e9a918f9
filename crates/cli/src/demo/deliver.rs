//! Hands files to the hospitals as their own systems would: into the watched folder, attachments
//! before the document that names them, each document renamed into place when it is whole.

use super::plan::{Delivery, Plan};
use super::world::Hospital;
use crate::error::CliError;
use std::fs;
use std::path::Path;

/// Delivers every file of the plan.
pub(crate) fn deliver(plan: &Plan, hospitals: &[Hospital]) -> Result<(), CliError> {
    for delivery in &plan.deliveries {
        let Some(hospital) = hospitals.get(delivery.hospital) else {
            continue;
        };
        one(&plan.root, delivery, &hospital.file("fhir"))
            .map_err(|error| CliError::new("demo.storage", error))?;
    }
    Ok(())
}

fn one(root: &Path, delivery: &Delivery, inlet: &Path) -> std::io::Result<()> {
    let from = root.join(&delivery.file);
    let to = inlet.join(&delivery.place);
    for attachment in &delivery.attachments {
        let named = from.with_file_name(attachment);
        // A file that is named and missing is the hospital's to report.
        if named.is_file() {
            place(&named, &to.with_file_name(attachment))?;
        }
    }
    place(&from, &to)
}

fn place(from: &Path, to: &Path) -> std::io::Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    let part = to.with_extension("part");
    fs::copy(from, &part)?;
    fs::rename(part, to)
}

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
        let named = delivery.file.with_file_name(attachment);
        // A file that is named and missing is the hospital's to report.
        if is_own_file(root, &named) {
            place(&root.join(named), &to.with_file_name(attachment))?;
        }
    }
    place(&from, &to)
}

/// Whether it is a file below `root` to which no link leads.
fn is_own_file(root: &Path, relative: &Path) -> bool {
    let Ok(root) = root.canonicalize() else {
        return false;
    };
    let named = root.join(relative);
    named.is_file() && named.canonicalize().is_ok_and(|real| real == named)
}

fn place(from: &Path, to: &Path) -> std::io::Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    let part = to.with_extension("part");
    fs::copy(from, &part)?;
    fs::rename(part, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_attachment_is_taken_only_when_no_link_leads_to_it() {
        let data = tempfile::tempdir().unwrap();
        fs::create_dir(data.path().join("visit")).unwrap();
        fs::write(data.path().join("visit/own.png"), "").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", data.path().join("visit/link.png")).unwrap();
        std::os::unix::fs::symlink("/etc", data.path().join("visit/folder")).unwrap();
        let own = |name: &str| is_own_file(data.path(), Path::new(name));
        assert!(own("visit/own.png"));
        for foreign in [
            "visit/link.png",
            "visit/folder/passwd",
            "visit/../../x",
            "visit",
            "no",
        ] {
            assert!(!own(foreign), "{foreign}");
        }
    }
}

//! Everything in one ZIP file: each record as its FHIR document with its attachments, readable
//! without Medfolder, and an index.
//!
//! ```text
//! index.json                              what is inside, and what failed a check
//! 2024-03-12 出院小结 1a2b3c4d/record.json   the body, byte for byte what was signed
//! 2024-03-12 出院小结 1a2b3c4d/ct-01.dcm     an attachment
//! ```
//! The file is plaintext by its purpose; it is written beside its name and renamed when complete.

use super::{Filter, Listed, State};
use crate::{Folder, FolderError};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use zip::write::SimpleFileOptions;

/// What an export wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// Records written.
    pub records: usize,
    /// Attachments written.
    pub attachments: usize,
    /// Records left out because they are not here or failed a check; the index names them.
    pub left_out: usize,
}

impl Folder<'_> {
    /// Writes all versions of all records to a ZIP file at `path`, which must not exist.
    ///
    /// # Errors
    /// `export.exists`, `file.no_folder`, `vault.storage`, `vault.storage_full`.
    pub fn export(
        &self,
        path: &Path,
        progress: &dyn Fn(usize, usize),
    ) -> Result<Exported, FolderError> {
        if path.exists() {
            return Err(FolderError::ExportExists);
        }
        let parent = path.parent().filter(|parent| parent.as_os_str() != "");
        if parent.is_some_and(|parent| !parent.is_dir()) {
            return Err(FolderError::ExportPlace);
        }
        let part = path.with_extension("zip.part");
        let written = self.write_zip(&part, progress);
        if written.is_err() {
            let _ = fs::remove_file(&part);
        }
        let exported = written?;
        fs::rename(&part, path).map_err(FolderError::storage)?;
        Ok(exported)
    }

    fn write_zip(
        &self,
        part: &Path,
        progress: &dyn Fn(usize, usize),
    ) -> Result<Exported, FolderError> {
        let file = File::create(part).map_err(FolderError::storage)?;
        let mut zip = zip::ZipWriter::new(BufWriter::new(file));
        let listed = self
            .list(&Filter {
                all_versions: true,
                ..Filter::default()
            })?
            .records;
        let mut exported = Exported {
            records: 0,
            attachments: 0,
            left_out: 0,
        };
        let mut index = Vec::with_capacity(listed.len());
        for (done, record) in listed.iter().enumerate() {
            index.push(self.write_record(&mut zip, record, &mut exported)?);
            progress(done + 1, listed.len());
        }
        zip.start_file("index.json", options()).map_err(zip_error)?;
        let text = serde_json::to_vec_pretty(&index).map_err(|_| FolderError::VaultDamaged)?;
        zip.write_all(&text).map_err(FolderError::storage)?;
        let file = zip.finish().map_err(zip_error)?;
        let file = file
            .into_inner()
            .map_err(|error| FolderError::storage(error.into_error()))?;
        file.sync_all().map_err(FolderError::storage)?;
        Ok(exported)
    }

    fn write_record(
        &self,
        zip: &mut zip::ZipWriter<BufWriter<File>>,
        listed: &Listed,
        exported: &mut Exported,
    ) -> Result<Value, FolderError> {
        let mut entry = json!({
            "record": listed.record, "visit": listed.visit, "title": listed.title,
            "hospital": self.member_name(&listed.hospital), "state": listed.state,
            "version": listed.version, "superseded": listed.superseded,
        });
        if listed.state != State::Verified {
            exported.left_out += 1;
            entry["failure"] = json!(listed.failure);
            return Ok(entry);
        }
        let shown = self.open_record(&listed.record.to_string())?;
        let folder = folder_name(listed);
        let mut write = |name: &str, bytes: &[u8]| -> Result<(), FolderError> {
            zip.start_file(format!("{folder}/{name}"), options())
                .map_err(zip_error)?;
            zip.write_all(bytes).map_err(FolderError::storage)
        };
        write("record.json", shown.record.body())?;
        exported.records += 1;
        for (j, attachment) in shown.record.attachments().iter().enumerate() {
            match self.read_attachment(&shown.record, j as u32) {
                Ok(bytes) => {
                    write(
                        &format!("{}-{}", j + 1, file_name(&attachment.name)),
                        &bytes,
                    )?;
                    exported.attachments += 1;
                }
                Err(error) => entry["missing_attachments"] = json!(error.code()),
            }
        }
        entry["folder"] = json!(folder);
        Ok(entry)
    }
}

fn options() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated)
}

fn zip_error(error: zip::result::ZipError) -> FolderError {
    match error {
        zip::result::ZipError::Io(error) => FolderError::storage(error),
        other => FolderError::storage(std::io::Error::other(other)),
    }
}

fn folder_name(listed: &Listed) -> String {
    let day = chrono::DateTime::from_timestamp_millis(listed.date)
        .map_or_else(String::new, |time| time.format("%Y-%m-%d").to_string());
    let id = listed.record.to_string();
    let end = id.get(..8).unwrap_or(&id);
    format!("{day} {} {end}", file_name(&listed.title))
}

/// A name that is one path segment on every system: a record's title or a file's name is the
/// hospital's text and may hold anything.
#[must_use]
pub fn file_name(name: &str) -> String {
    let clean: String = name
        .chars()
        .map(|c| {
            if c.is_control() || "/\\:*?\"<>|".contains(c) {
                '_'
            } else {
                c
            }
        })
        .take(80)
        .collect();
    let trimmed = clean.trim_matches(['.', ' ']);
    if trimmed.is_empty() {
        "_".to_owned()
    } else {
        trimmed.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn a_hostile_name_stays_one_path_segment() {
        assert_eq!(file_name("../../etc/passwd"), "_.._etc_passwd");
        assert_eq!(file_name("..."), "_");
        assert_eq!(file_name("出院小结 1/2"), "出院小结 1_2");
    }
}

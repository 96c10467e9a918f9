//! Everything in one ZIP file, which a person reads in any browser, without Medfolder: a page per
//! record with its attachments, an index of all, and for programs what was signed and what proves it.
//!
//! ```text
//! index.html                                  all records by person, newest first
//! index.json                                  the same for programs; what failed a check
//! 2024-03-12 出院小结 1a2b3c4d/record.html     for reading; links to the attachments
//! 2024-03-12 出院小结 1a2b3c4d/record.json     the body, byte for byte what was signed
//! 2024-03-12 出院小结 1a2b3c4d/record.evidence.cbor   what proves it (`medfolder verify`)
//! 2024-03-12 出院小结 1a2b3c4d/ct-01.dcm       an attachment, under its own name; `.txt` behind one that could run
//! 2023-06-13 门诊病历 5e6f7a8b（已非现行）/…    a version that was corrected or withdrawn
//! ```
//! The file is plaintext by its purpose; it is written beside its name and renamed when complete.
//! Entries bear the date of their record. Evidence is asked of the ledger; without one the export is
//! whole but for it, and says so.

mod html;
mod index;
mod lent;
mod names;
mod page;

use super::{Filter, Listed, Shown, State, Version};
use crate::evidence::EvidenceMaker;
use crate::{Folder, FolderError, files};
use chrono::{Datelike as _, NaiveDateTime, Timelike as _};
pub use html::Language;
use index::Row;
pub use lent::{Lent, LentRow, lent_index, lent_page};
use medfolder_client::clock::Clock;
use medfolder_fhir::json::Limits;
use medfolder_fhir::summary;
pub use names::{attachment_name, file_name, size};
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use zip::write::SimpleFileOptions;

/// Records whose evidence is asked for at once.
const BATCH: usize = 32;

/// What an export wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exported {
    /// Records written, all versions.
    pub records: usize,
    /// Those of them that are not in force: corrected or withdrawn, and marked so.
    pub superseded: usize,
    /// Attachments written.
    pub attachments: usize,
    /// Records left out because they are not here or failed a check; the index names them.
    pub left_out: usize,
    /// Why records have no evidence with them.
    pub without_evidence: Option<String>,
}

impl Folder<'_> {
    /// Writes all versions of all records to a ZIP file at `path`, which must not exist; pages are
    /// in `language`. `progress` is told how many records of how many are written.
    ///
    /// # Errors
    /// `export.exists`, `file.no_folder`, `vault.storage`, `vault.storage_full`.
    pub async fn export(
        &self,
        path: &Path,
        language: Language,
        clock: &Clock,
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
        let written = match Archive::create(self, &part, language) {
            Ok(archive) => archive.write(clock, progress).await,
            Err(error) => Err(error),
        };
        if written.is_err() {
            let _ = fs::remove_file(&part);
        }
        let exported = written?;
        fs::rename(&part, path).map_err(FolderError::storage)?;
        Ok(exported)
    }
}

struct Archive<'f> {
    folder: &'f Folder<'f>,
    language: Language,
    zip: zip::ZipWriter<BufWriter<File>>,
    exported: Exported,
}

impl<'f> Archive<'f> {
    fn create(
        folder: &'f Folder<'f>,
        part: &Path,
        language: Language,
    ) -> Result<Self, FolderError> {
        let file = files::new_file(part).map_err(FolderError::storage)?;
        Ok(Self {
            folder,
            language,
            zip: zip::ZipWriter::new(BufWriter::new(file)),
            exported: Exported::default(),
        })
    }

    async fn write(
        mut self,
        clock: &Clock,
        progress: &dyn Fn(usize, usize),
    ) -> Result<Exported, FolderError> {
        let filter = Filter {
            all_versions: true,
            ..Filter::default()
        };
        let listed = self.folder.list(&filter)?.records;
        let mut rows = Vec::with_capacity(listed.len());
        for batch in listed.chunks(BATCH) {
            let mut shown = Vec::with_capacity(batch.len());
            for record in batch
                .iter()
                .filter(|record| record.state == State::Verified)
            {
                shown.push(self.folder.open_record(&record.record.to_string())?);
            }
            let mut packs = self.evidence(&shown, clock).await.into_iter();
            let mut shown = shown.iter();
            for record in batch {
                let row = match record.state {
                    State::Verified => {
                        let pack = packs.next();
                        let shown = shown.next().ok_or(FolderError::RecordWaiting)?;
                        self.record(shown, pack.as_deref())?
                    }
                    _ => self.left_out(record),
                };
                rows.push(row);
                progress(rows.len(), listed.len());
            }
        }
        self.index(&rows)?;
        self.finish()
    }

    /// Evidence of these records; none of any once the ledger did not answer.
    async fn evidence(&mut self, shown: &[Shown], clock: &Clock) -> Vec<Vec<u8>> {
        if self.exported.without_evidence.is_some() {
            return Vec::new();
        }
        let made = match EvidenceMaker::new(self.folder, clock) {
            Ok(maker) => maker.make(shown, false).await,
            Err(error) => Err(error),
        };
        made.unwrap_or_else(|error| {
            self.exported.without_evidence = Some(error.code().to_owned());
            Vec::new()
        })
    }

    fn left_out(&mut self, listed: &Listed) -> Row {
        self.exported.left_out += 1;
        let hospital = self.folder.member_name(&listed.hospital);
        Row::left_out(listed, hospital)
    }

    fn record(&mut self, shown: &Shown, pack: Option<&[u8]>) -> Result<Row, FolderError> {
        let listed = &shown.listed;
        let document = summary::read(shown.record.body(), &Limits::default()).ok();
        let hospital = self.folder.member_name(&listed.hospital);
        let mut row = Row::of(listed, document.as_ref(), hospital, self.language);
        let when = listed
            .written
            .as_ref()
            .and_then(|written| written.wall_clock());
        let mut own = names::Names::default();
        for (j, attachment) in shown.record.attachments().iter().enumerate() {
            match self.folder.read_attachment(&shown.record, j as u32) {
                Ok(bytes) => {
                    let name = own.of(&names::attachment_name(&attachment.name, &bytes));
                    self.file(&format!("{}/{name}", row.folder), when, &bytes)?;
                    self.exported.attachments += 1;
                    row.attachments.push((name, attachment.size));
                }
                Err(error) => {
                    let name = names::file_name(&attachment.name);
                    row.missing.push((name, error.code().to_owned()));
                }
            }
        }
        let newer = self.newer(shown)?;
        let page = page::page(
            &row,
            document.as_ref(),
            shown,
            newer.as_deref(),
            pack.is_some(),
            self.language,
        );
        self.file(
            &format!("{}/record.html", row.folder),
            when,
            page.as_bytes(),
        )?;
        self.file(
            &format!("{}/record.json", row.folder),
            when,
            shown.record.body(),
        )?;
        if let Some(pack) = pack {
            self.file(&format!("{}/record.evidence.cbor", row.folder), when, pack)?;
        }
        self.exported.records += 1;
        self.exported.superseded += usize::from(listed.superseded);
        Ok(row)
    }

    /// The folder of the version that is in force, where this one is not.
    fn newer(&self, shown: &Shown) -> Result<Option<String>, FolderError> {
        let is_other = |version: &&Version| version.in_force && shown.listed.superseded;
        let Some(newer) = shown.versions.iter().find(is_other) else {
            return Ok(None);
        };
        let listed = self.folder.named(&newer.record.to_string())?;
        Ok(Some(index::folder_name(&listed, self.language)))
    }

    fn index(&mut self, rows: &[Row]) -> Result<(), FolderError> {
        let when = rows.iter().find_map(|row| row.when);
        let page = index::page(rows, &self.exported, self.language);
        self.file("index.html", when, page.as_bytes())?;
        let entries: Vec<_> = rows.iter().map(Row::json).collect();
        let text = serde_json::to_vec_pretty(&entries).map_err(|_| FolderError::VaultDamaged)?;
        self.file("index.json", when, &text)
    }

    fn file(
        &mut self,
        name: &str,
        when: Option<NaiveDateTime>,
        bytes: &[u8],
    ) -> Result<(), FolderError> {
        self.zip
            .start_file(name, options(when))
            .map_err(zip_error)?;
        self.zip.write_all(bytes).map_err(FolderError::storage)
    }

    fn finish(self) -> Result<Exported, FolderError> {
        let file = self.zip.finish().map_err(zip_error)?;
        let file = file
            .into_inner()
            .map_err(|error| FolderError::storage(error.into_error()))?;
        file.sync_all().map_err(FolderError::storage)?;
        Ok(self.exported)
    }
}

/// ZIP knows the years 1980 to 2107; what is older bears the first of them.
fn options(when: Option<NaiveDateTime>) -> SimpleFileOptions {
    let time = when.and_then(|when| {
        let part = |number: u32| u8::try_from(number).ok();
        zip::DateTime::from_date_and_time(
            u16::try_from(when.year()).ok()?,
            part(when.month())?,
            part(when.day())?,
            part(when.hour())?,
            part(when.minute())?,
            part(when.second())?,
        )
        .ok()
    });
    SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        .last_modified_time(time.unwrap_or_default())
}

fn zip_error(error: zip::result::ZipError) -> FolderError {
    match error {
        zip::result::ZipError::Io(error) => FolderError::storage(error),
        other => FolderError::storage(std::io::Error::other(other)),
    }
}

//! Attachments: kept as the hospital's ciphertext beside the vault, checked as they stream in.
//!
//! A file is complete once it has its final name; what a crash left behind under `.part` is
//! fetched anew. Bytes that fail a check are never kept.

use crate::records::reopen;
use crate::{Folder, FolderError, files};
use medfolder_client::login::LoginFailure;
use medfolder_client::zone::{ZoneClient, ZoneError};
use medfolder_crypto::Wiped;
use medfolder_record::{Record, RecordId};
use rusqlite::params;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

/// An attachment that is still to be fetched.
#[derive(Debug)]
pub(crate) struct WantedAttachment {
    pub(crate) row: i64,
    pub(crate) record: RecordId,
    pub(crate) j: u32,
}

impl Folder<'_> {
    /// Attachments of a card's verified records that are not in the vault yet.
    pub(crate) fn wanted_attachments(
        &self,
        card: i64,
    ) -> Result<Vec<WantedAttachment>, FolderError> {
        let database = self.vault.database()?;
        let mut statement = database.prepare_cached(
            "SELECT record.id, record.record, attachment.j FROM attachment
             JOIN record ON record.id = attachment.record JOIN seal ON seal.id = record.seal
             WHERE seal.card = ?1 AND attachment.state <> 'verified' ORDER BY record.id, attachment.j",
        )?;
        let rows = statement.query_map([card], |row| {
            Ok(WantedAttachment {
                row: row.get(0)?,
                record: crate::records::parsed(row, 1)?,
                j: row.get(2)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Fetches one attachment and checks it. What the bytes say of it is written to the vault: that
    /// it is whole, or by name why not. An edge that gave no whole answer says nothing of it.
    pub(crate) async fn fetch_attachment(
        &self,
        zone: &ZoneClient,
        wanted: &WantedAttachment,
    ) -> Result<(), FolderError> {
        let outcome = self.stream_attachment(zone, wanted).await;
        if outcome.is_err() {
            let part = self.blob_path(&wanted.record, wanted.j);
            let _ = fs::remove_file(part.with_extension("part"));
        }
        match outcome {
            Ok(()) => self.set_attachment(wanted, "verified", None),
            Err(error) => match finding(&error) {
                Some(code) => self.set_attachment(wanted, "failed", Some(code)),
                None => Err(error),
            },
        }
    }

    fn set_attachment(
        &self,
        wanted: &WantedAttachment,
        state: &str,
        failure: Option<&str>,
    ) -> Result<(), FolderError> {
        self.vault.database()?.execute(
            "UPDATE attachment SET state = ?3, failure = ?4 WHERE record = ?1 AND j = ?2",
            params![wanted.row, wanted.j, state, failure],
        )?;
        Ok(())
    }

    async fn stream_attachment(
        &self,
        zone: &ZoneClient,
        wanted: &WantedAttachment,
    ) -> Result<(), FolderError> {
        let (record, _) = reopen(&*self.vault.database()?, self, wanted.row)?;
        let stored = record
            .attachment(wanted.j)
            .ok_or(FolderError::AttachmentUnknown)?;
        let mut opener = stored.opener()?;
        let path = self.blob_path(&wanted.record, wanted.j);
        let part = path.with_extension("part");
        files::new_directory(&self.vault.blobs()).map_err(FolderError::storage)?;
        let mut file = File::create(&part).map_err(FolderError::storage)?;
        let mut stream = zone.attachment(wanted.record, wanted.j, 0).await?;
        while let Some(bytes) = stream.next().await? {
            let mut plaintext = Wiped::new(Vec::new());
            opener.push(&bytes, &mut plaintext)?;
            file.write_all(&bytes).map_err(FolderError::storage)?;
        }
        opener.finish()?;
        file.sync_all().map_err(FolderError::storage)?;
        fs::rename(&part, &path).map_err(FolderError::storage)?;
        // The vault says next that it is here.
        files::sync_directory(&self.vault.blobs()).map_err(FolderError::storage)
    }

    /// An attachment of an opened record, decrypted and checked again. One whose file was lost or
    /// damaged is fetched anew by the next sync.
    ///
    /// # Errors
    /// `attachment.unknown`, `attachment.waiting`, or the check that failed.
    pub fn read_attachment(&self, record: &Record, j: u32) -> Result<Wiped, FolderError> {
        let read = self.read_file(record, j);
        if let Err(FolderError::AttachmentWaiting | FolderError::Check(_)) = read {
            self.vault.database()?.execute(
                "UPDATE attachment SET state = 'waiting' WHERE j = ?3 AND state = 'verified'
                 AND record = (SELECT id FROM record WHERE folder = ?1 AND record = ?2)",
                params![self.id, record.id().to_string(), j],
            )?;
        }
        read
    }

    fn read_file(&self, record: &Record, j: u32) -> Result<Wiped, FolderError> {
        let stored = record.attachment(j).ok_or(FolderError::AttachmentUnknown)?;
        let mut opener = stored.opener()?;
        let mut file = open_blob(&self.blob_path(&record.id(), j))?;
        let mut out = Wiped::new(Vec::new());
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let count = file.read(&mut buffer).map_err(FolderError::storage)?;
            let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else {
                break;
            };
            opener.push(bytes, &mut out)?;
        }
        opener.finish()?;
        Ok(out)
    }

    fn blob_path(&self, record: &RecordId, j: u32) -> PathBuf {
        self.vault.blobs().join(format!("{record}.{j}.blob"))
    }
}

/// What an error says of the attachment: its bytes fail a check, or the edge has none, in whatever
/// words it says so.
fn finding(error: &FolderError) -> Option<&'static str> {
    match error {
        FolderError::Check(check) => Some(check.code()),
        FolderError::Zone(ZoneError::Login(LoginFailure::Http(error))) => {
            (error.status() == Some(404)).then_some("zone.absent")
        }
        _ => None,
    }
}

fn open_blob(path: &Path) -> Result<File, FolderError> {
    File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => FolderError::AttachmentWaiting,
        _ => FolderError::storage(error),
    })
}

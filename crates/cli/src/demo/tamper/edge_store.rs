//! What a malicious operator of an edge can do: change its blobs and its index, behind its back.

use crate::demo::world::Hospital;
use crate::error::CliError;
use medfolder_record::RecordId;
use rusqlite::{Connection, OptionalExtension as _, params};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// The store of one edge.
#[derive(Debug)]
pub(crate) struct EdgeStore {
    index: Connection,
    blobs: PathBuf,
}

/// A record as the edge's index names it.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    /// The record.
    pub(crate) record: RecordId,
    /// Its visit and the seal's number in it.
    pub(crate) seal: (Vec<u8>, i64),
    envelope: Vec<u8>,
}

impl EdgeStore {
    /// Opens the store of a hospital's edge while the edge runs.
    pub(crate) fn open(hospital: &Hospital) -> Result<Self, CliError> {
        let directory = hospital.file("edge");
        let index = Connection::open(directory.join("index.db")).map_err(failed)?;
        index.busy_timeout(Duration::from_secs(5)).map_err(failed)?;
        Ok(Self {
            index,
            blobs: directory.join("blobs"),
        })
    }

    /// A record, if this edge has it.
    pub(crate) fn find(&self, record: &RecordId) -> Result<Option<Stored>, CliError> {
        self.index
            .query_row(
                "SELECT visit, seq, envelope FROM record WHERE id = ?1",
                [record.as_bytes()],
                |row| {
                    let seal = (row.get(0)?, row.get(1)?);
                    Ok(Stored {
                        record: *record,
                        seal,
                        envelope: row.get(2)?,
                    })
                },
            )
            .optional()
            .map_err(failed)
    }

    /// Changes a byte in the middle of a record's envelope.
    pub(crate) fn change_envelope(&self, stored: &Stored) -> Result<(), CliError> {
        self.change_blob(&stored.envelope)
    }

    /// Lets the index name each record's envelope for the other.
    pub(crate) fn swap_envelopes(&self, one: &Stored, other: &Stored) -> Result<(), CliError> {
        let set = |record: &Stored, envelope: &[u8]| {
            let sql = "UPDATE record SET envelope = ?2 WHERE id = ?1";
            self.index
                .execute(sql, params![record.record.as_bytes(), envelope])
                .map_err(failed)
        };
        set(one, &other.envelope)?;
        set(other, &one.envelope).map(drop)
    }

    /// Deletes a record's envelope.
    pub(crate) fn delete_envelope(&self, stored: &Stored) -> Result<(), CliError> {
        fs::remove_file(self.path(&stored.envelope)).map_err(failed)
    }

    /// Changes a byte of the key slots of a record's seal.
    pub(crate) fn change_slot(&self, stored: &Stored) -> Result<(), CliError> {
        let slot: Vec<u8> = self.slot(stored)?;
        self.set_slot(stored, &flipped(slot))
    }

    /// Puts another seal's key slot in the place of this one's.
    pub(crate) fn swap_slot(&self, stored: &Stored, other: &Stored) -> Result<(), CliError> {
        let slot = self.slot(other)?;
        self.set_slot(stored, &slot)
    }

    fn slot(&self, stored: &Stored) -> Result<Vec<u8>, CliError> {
        let (visit, seq) = &stored.seal;
        let sql = "SELECT slot FROM slot WHERE visit = ?1 AND seq = ?2";
        self.index
            .query_row(sql, params![visit, seq], |row| row.get(0))
            .map_err(failed)
    }

    fn set_slot(&self, stored: &Stored, slot: &[u8]) -> Result<(), CliError> {
        let (visit, seq) = &stored.seal;
        let sql = "UPDATE slot SET slot = ?3 WHERE visit = ?1 AND seq = ?2";
        self.index
            .execute(sql, params![visit, seq, slot])
            .map(drop)
            .map_err(failed)
    }

    /// Changes a byte of a record's first attachment; false when it has none.
    pub(crate) fn change_attachment(&self, stored: &Stored) -> Result<bool, CliError> {
        let sql = "SELECT blob FROM attachment WHERE record = ?1 ORDER BY j LIMIT 1";
        let blob: Option<Vec<u8>> = self
            .index
            .query_row(sql, [stored.record.as_bytes()], |row| row.get(0))
            .optional()
            .map_err(failed)?;
        match blob {
            Some(blob) => self.change_blob(&blob).map(|()| true),
            None => Ok(false),
        }
    }

    /// Changes a byte of the share's first file.
    pub(crate) fn change_share_file(&self, grant: &[u8]) -> Result<(), CliError> {
        let sql = "SELECT share_file.blob FROM share_file JOIN share ON share.id = share_file.share
                   WHERE share.grant_id = ?1 ORDER BY k LIMIT 1";
        let blob: Vec<u8> = self
            .index
            .query_row(sql, [grant], |row| row.get(0))
            .map_err(failed)?;
        self.change_with(&blob, other_letter)
    }

    fn change_blob(&self, name: &[u8]) -> Result<(), CliError> {
        self.change_with(name, flipped)
    }

    fn change_with(&self, name: &[u8], change: fn(Vec<u8>) -> Vec<u8>) -> Result<(), CliError> {
        let path = self.path(name);
        let bytes = fs::read(&path).map_err(failed)?;
        fs::write(&path, change(bytes)).map_err(failed)
    }

    fn path(&self, name: &[u8]) -> PathBuf {
        let name = hex::encode(name);
        self.blobs
            .join(name.get(..2).unwrap_or_default())
            .join(name)
    }
}

/// With one bit in the middle changed.
pub(crate) fn flipped(mut bytes: Vec<u8>) -> Vec<u8> {
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 1;
    }
    bytes
}

/// With one letter in the middle changed, and still in letters of the same kind: what is noticed is
/// the content and not its spelling.
fn other_letter(mut bytes: Vec<u8>) -> Vec<u8> {
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte = if *byte == b'A' { b'B' } else { b'A' };
    }
    bytes
}

fn failed(error: impl core::fmt::Display) -> CliError {
    CliError::new("demo.step_failed", format!("tamper: {error}"))
}

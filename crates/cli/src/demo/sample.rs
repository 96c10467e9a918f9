//! The sample family that the binary carries: a grandmother, a mother and a child, all invented.
//! Their files are unpacked where the demonstration's hospitals find them.

use crate::error::CliError;
use std::io::Cursor;
use std::path::Path;
use zip::ZipArchive;

/// Their names, eldest first; the folder of the second holds what the story searches and shares.
pub(crate) const SEARCHED: &str = "青霉素过敏";

static FAMILY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/family.zip"));

/// Writes the family's files below `directory`.
pub(crate) fn unpack(directory: &Path) -> Result<(), CliError> {
    let failed = |error: zip::result::ZipError| CliError::new("demo.storage", error);
    ZipArchive::new(Cursor::new(FAMILY))
        .map_err(failed)?
        .extract(directory)
        .map_err(failed)
}

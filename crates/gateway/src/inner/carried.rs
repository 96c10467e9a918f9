//! Signatures that the hospital's own system made over a document, delivered with it.
//!
//! ```text
//! visit.json.p7s       beside visit.json and there before it: CMS SignedData (RFC 5652) in DER,
//!                      detached, over the bytes of visit.json, with the signer's certificates
//! medfolder-signature  header of POST /v1/fhir: the same in Base64
//! ```
//! It is checked when the visit is sealed, against the roots that policy on the ledger names by
//! digest and whose certificates the configuration gives (`carried_roots`). One that does not hold
//! keeps the visit back. It goes into the sealed content beside the doctor's native signature, with
//! the document as the file that it signs.

use std::path::{Path, PathBuf};

use medfolder_crypto::Suite;
use medfolder_ledger::Chain;
use medfolder_record::x509::{CarriedPolicy, check};
use medfolder_record::{CarriedFile, CarriedSignature};

use super::InnerError;
use super::draft::Draft;
use super::zone::Zone;
use crate::signer::examine::BODY_MEDIA_TYPE;

/// Longest signature that is taken, in bytes.
pub(crate) const MAX_LEN: usize = 256 << 10;
/// What is added to a document's name.
const ENDING: &str = "p7s";

/// Where the signature of a document lies, if it has one.
pub(crate) fn beside(document: &Path) -> Option<PathBuf> {
    let mut name = document.file_name()?.to_owned();
    name.push(".");
    name.push(ENDING);
    let path = document.with_file_name(name);
    let meta = std::fs::symlink_metadata(&path).ok()?;
    meta.is_file().then_some(path)
}

/// Reads the roots of the configuration; each must be one of policy's.
pub(crate) fn roots(chain: &Chain, files: &[PathBuf]) -> Result<Vec<Vec<u8>>, InnerError> {
    let known = &chain.policy().ca_roots;
    let read = |path: &PathBuf| {
        let der = std::fs::read(path).map_err(|_| InnerError::Config("carried_roots"))?;
        let digest = Suite::International.hash(&[&der]);
        let trusted = known.contains(&digest);
        trusted
            .then_some(der)
            .ok_or(InnerError::Config("a carried root is not one of policy's"))
    };
    files.iter().map(read).collect()
}

/// The carried signature of a draft with the file that it signs; a code when it does not hold.
pub(crate) fn checked(
    zone: &Zone,
    draft: &Draft,
) -> Result<Option<(CarriedSignature, CarriedFile)>, &'static str> {
    let Some(cms) = &draft.carried else {
        return Ok(None);
    };
    let carried = CarriedSignature {
        file: zone.suite().hash(&[&draft.body]),
        media_type: BODY_MEDIA_TYPE.to_owned(),
        cms: cms.clone(),
        chain: Vec::new(),
        revocation: Vec::new(),
        time_stamp: Vec::new().into(),
    };
    let policy = CarriedPolicy {
        ca_roots: &zone.carried_roots,
        tsa_roots: &[],
        revocation_required: false,
    };
    check(&carried, &draft.body, &policy, zone.now()).map_err(|error| error.code())?;
    let file = CarriedFile {
        media_type: BODY_MEDIA_TYPE.to_owned(),
        bytes: draft.body.clone(),
    };
    Ok(Some((carried, file)))
}

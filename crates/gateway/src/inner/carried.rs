//! Signatures that the hospital's own system made over a document, delivered with it.
//!
//! ```text
//! visit.json.p7s       beside visit.json and there before it: CMS SignedData (RFC 5652) in DER,
//!                      detached, over the bytes of visit.json, with the signer's certificates
//! visit.json.ocsp .crl an answer about the signer's certificate; visit.json.tsr a time-stamp (RFC 3161)
//! medfolder-signature  header of POST /v1/fhir: the same in Base64; medfolder-revocation, once for
//!                      each answer, and medfolder-time-stamp
//! ```
//! All is checked when the visit is sealed, against the roots that policy on the ledger names by
//! digest and whose certificates the configuration gives (`carried_roots`). A signature that does not
//! hold keeps the visit back. It goes into the sealed content beside the doctor's native signature,
//! with the document as the file that it signs and the roots in which its paths end: whoever verifies
//! the record later needs nothing else.

use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use medfolder_crypto::Suite;
use medfolder_ledger::Chain;
use medfolder_record::x509::{AsOf, CarriedPolicy, check, token_of};
use medfolder_record::{CarriedFile, CarriedSignature};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use super::InnerError;
use super::draft::Draft;
use super::folder::{Folder, Stamp};
use super::inlet::{Copied, InletError};
use super::zone::Zone;
use crate::signer::examine::BODY_MEDIA_TYPE;

/// Longest signature, answer or time-stamp that is taken, in bytes.
const MAX_LEN: usize = 256 << 10;
/// Most answers about revocation.
const MAX_ANSWERS: usize = 8;
/// What is added to a document's name.
const SIGNATURE: &str = "p7s";
const ANSWERS: [&str; 2] = ["ocsp", "crl"];
const TIME_STAMP: &str = "tsr";

/// A signature as it is delivered.
#[derive(Clone, Encode, Decode)]
#[cbor(array)]
pub(crate) struct Delivered {
    #[n(0)]
    cms: ByteVec,
    #[n(1)]
    revocation: Vec<ByteVec>,
    /// The token; empty when there is none.
    #[n(2)]
    time_stamp: ByteVec,
}

impl Delivered {
    /// Within limits; what it proves is found when the visit is sealed.
    pub(crate) fn new(
        cms: Vec<u8>,
        revocation: Vec<Vec<u8>>,
        time_stamp: Option<Vec<u8>>,
    ) -> Result<Self, InletError> {
        let short = |part: &Vec<u8>| part.len() <= MAX_LEN;
        let fits = revocation.len() <= MAX_ANSWERS
            && short(&cms)
            && revocation.iter().chain(&time_stamp).all(short);
        // What is no time-stamp is kept as it is, and named at sealing.
        let token = time_stamp.map(|answer| token_of(&answer).unwrap_or(answer));
        let delivered = Self {
            cms: cms.into(),
            revocation: revocation.into_iter().map(Into::into).collect(),
            time_stamp: token.unwrap_or_default().into(),
        };
        fits.then_some(delivered).ok_or(InletError::Carried)
    }

    /// What lies beside a document, with those files.
    pub(crate) fn beside(
        root: &Folder,
        document: &Path,
    ) -> Result<Option<(Self, Vec<Copied>)>, InletError> {
        let mut files = Vec::new();
        let Some(cms) = read(root, document, SIGNATURE, &mut files)? else {
            return Ok(None);
        };
        let mut answers = Vec::new();
        for ending in ANSWERS {
            answers.extend(read(root, document, ending, &mut files)?);
        }
        let time_stamp = read(root, document, TIME_STAMP, &mut files)?;
        Ok(Some((Self::new(cms, answers, time_stamp)?, files)))
    }
}

/// The file of a document's name and this ending, if there is one; which it was is added to `files`.
fn read(
    root: &Folder,
    document: &Path,
    ending: &str,
    files: &mut Vec<Copied>,
) -> Result<Option<Vec<u8>>, InletError> {
    let Some(mut name) = document.file_name().map(ToOwned::to_owned) else {
        return Ok(None);
    };
    name.push(".");
    name.push(ending);
    let path = document.with_file_name(name);
    let file = match root.file(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        // A link or a pipe in its place.
        Err(error) if error.kind() == ErrorKind::InvalidInput => return Err(InletError::Carried),
        // It is there and cannot be read now: without it the document is not taken.
        Err(error) => return Err(InnerError::from(error).into()),
    };
    let stamp = Stamp::of_file(&file)?;
    if stamp.size() > MAX_LEN as u64 {
        return Err(InletError::Carried);
    }
    let mut bytes = Vec::new();
    file.take(stamp.size()).read_to_end(&mut bytes)?;
    files.push(Copied { path, stamp });
    Ok(Some(bytes))
}

/// Reads the roots of the configuration; each must be one of policy's.
pub(crate) fn roots(chain: &Chain, files: &[PathBuf]) -> Result<Vec<Vec<u8>>, InnerError> {
    let policy = chain.policy();
    let read = |path: &PathBuf| {
        let der = std::fs::read(path).map_err(|_| InnerError::Config("carried_roots"))?;
        let digest = Suite::International.hash(&[&der]);
        let trusted = policy.ca_roots.contains(&digest) || policy.tsa_roots.contains(&digest);
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
    let Some(delivered) = &draft.carried else {
        return Ok(None);
    };
    let roots = zone.carried_roots.iter();
    let mut carried = CarriedSignature {
        file: zone.suite().hash(&[&draft.body]),
        media_type: BODY_MEDIA_TYPE.to_owned(),
        cms: delivered.cms.clone(),
        chain: roots.map(|root| root.clone().into()).collect(),
        revocation: delivered.revocation.clone(),
        time_stamp: delivered.time_stamp.clone(),
    };
    let policy = zone.chain.policy();
    let policy = CarriedPolicy {
        ca_roots: &policy.ca_roots,
        tsa_roots: &policy.tsa_roots,
        revocation_required: false,
    };
    let now = AsOf::Clock(zone.now());
    let found = check(&carried, &draft.body, &policy, now).map_err(|error| error.code())?;
    let ends_in = |root: &ByteVec| found.roots.contains(&Suite::International.hash(&[root]));
    carried.chain.retain(ends_in);
    let file = CarriedFile {
        media_type: BODY_MEDIA_TYPE.to_owned(),
        bytes: draft.body.clone(),
    };
    Ok(Some((carried, file)))
}

//! Signatures that a hospital's own system made over its own file, carried along unchanged.
//!
//! ```text
//! carried signature  [ H(file) (32), media type, CMS, [ certificate … ], [ OCSP answer or CRL … ], time-stamp token ]
//! carried file       [ media type, bytes ]
//! ```
//! CMS (RFC 5652) or its GM/T 0010 twin, certificates (RFC 5280), OCSP answers (RFC 6960), CRLs
//! and the time-stamp token (RFC 3161) are kept in DER as of the day of signing; an empty token
//! means there is none. Such a signature proves its file; the body beside it rests on the
//! hospital's seal.

use crate::limits::{MAX_CODE, MAX_FILES, MAX_FILES_LEN, MAX_PROOFS};
use crate::statement::media_type;
use medfolder_crypto::{Digest, Suite};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

/// A signature over a file of the hospital's system.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct CarriedSignature {
    /// H over the file that it signs.
    #[n(0)]
    pub file: Digest,
    /// Media type of that file.
    #[n(1)]
    pub media_type: String,
    /// The signature, CMS SignedData in DER, detached or holding the file.
    #[n(2)]
    pub cms: ByteVec,
    /// Certificates from the signer's towards the root, DER.
    #[n(3)]
    pub chain: Vec<ByteVec>,
    /// OCSP answers and CRLs of that day, DER.
    #[n(4)]
    pub revocation: Vec<ByteVec>,
    /// Time-stamp token, DER; empty when there is none.
    #[n(5)]
    pub time_stamp: ByteVec,
}

impl CarriedSignature {
    pub(crate) fn within_limits(&self) -> bool {
        self.chain.len() <= MAX_PROOFS
            && self.revocation.len() <= MAX_PROOFS
            && self.media_type.len() <= MAX_CODE
            && media_type(&self.media_type).is_ok()
    }
}

/// A file of the hospital's system, as that system signed it.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct CarriedFile {
    /// Media type.
    #[n(0)]
    pub media_type: String,
    /// The file.
    #[n(1)]
    pub bytes: ByteVec,
}

impl core::fmt::Debug for CarriedFile {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "CarriedFile({}, {} bytes)",
            self.media_type,
            self.bytes.len()
        )
    }
}

/// Whether files and carried signatures belong together: each file is signed, each signed file is
/// there under its media type, no file twice, all within limits.
#[must_use]
pub fn files_match<'a>(
    suite: Suite,
    files: &[CarriedFile],
    signatures: impl Iterator<Item = &'a CarriedSignature>,
) -> bool {
    let total: usize = files.iter().map(|file| file.bytes.len()).sum();
    if files.len() > MAX_FILES || total > MAX_FILES_LEN {
        return false;
    }
    let mut kept: Vec<(Digest, &str, bool)> = files
        .iter()
        .map(|file| (suite.hash(&[&file.bytes]), file.media_type.as_str(), false))
        .collect();
    for signature in signatures {
        let named = |(digest, kind, _): &&mut (Digest, &str, bool)| {
            *digest == signature.file && *kind == signature.media_type
        };
        match kept.iter_mut().find(named) {
            Some((_, _, signed)) => *signed = true,
            None => return false,
        }
    }
    kept.iter().all(|(_, _, signed)| *signed)
}

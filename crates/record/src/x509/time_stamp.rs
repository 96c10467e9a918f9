//! Time-stamp tokens (RFC 3161): when a signature existed.

use super::CarriedError;
use super::algorithm;
use super::chain::{Certificates, Purpose};
use super::signed_data::Signed;
use cms::content_info::ContentInfo;
use core::time::Duration;
use der::asn1::ObjectIdentifier;
use der::{Decode, Encode};
use medfolder_crypto::Digest;
use x509_tsp::{TimeStampResp, TstInfo};

const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");

/// Checks a token over a signature's value; gives its time in ms since 1970, UTC, and its root.
/// `certificates` are those kept with the signature.
pub(super) fn check(
    token: &[u8],
    signature: &[u8],
    certificates: Certificates,
) -> Result<(u64, Digest), CarriedError> {
    stamped(token, signature, certificates).map_err(|error| match error {
        CarriedError::Algorithm => CarriedError::Algorithm,
        _ => CarriedError::TimeStamp,
    })
}

fn stamped(
    token: &[u8],
    signature: &[u8],
    mut certificates: Certificates,
) -> Result<(u64, Digest), CarriedError> {
    let signed = Signed::parse(token)?;
    let content = signed.content()?.ok_or(CarriedError::Form)?;
    let info = TstInfo::from_der(&content).map_err(|_| CarriedError::Form)?;
    let imprint = &info.message_imprint;
    let hashed = algorithm::digest(&imprint.hash_algorithm, signature)?;
    if signed.content_type() != TST_INFO || hashed != imprint.hashed_message.as_bytes() {
        return Err(CarriedError::TimeStamp);
    }
    certificates.add(signed.certificates());
    let authority = signed.signer(certificates.others())?;
    signed.verify(authority, &content)?;
    let at: Duration = info.gen_time.to_unix_duration();
    let path = certificates.path(authority, Purpose::TimeStamp, at)?;
    let at = u64::try_from(at.as_millis()).map_err(|_| CarriedError::TimeStamp)?;
    Ok((at, path.root))
}

/// The token of what a time-stamp authority answered: it comes bare, or in a TimeStampResp.
#[must_use]
pub fn token_of(answer: &[u8]) -> Option<Vec<u8>> {
    if ContentInfo::from_der(answer).is_ok() {
        return Some(answer.to_vec());
    }
    TimeStampResp::from_der(answer)
        .ok()?
        .time_stamp_token?
        .to_der()
        .ok()
}

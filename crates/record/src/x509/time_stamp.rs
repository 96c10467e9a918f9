//! Time-stamp tokens (RFC 3161): when a signature existed.

use super::CarriedError;
use super::algorithm;
use super::chain::{Certificates, Purpose};
use super::signed_data::Signed;
use core::time::Duration;
use der::Decode;
use der::asn1::ObjectIdentifier;
use x509_tsp::TstInfo;

const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");

/// Checks a token over a signature's value; gives its time in ms since 1970, UTC.
pub(super) fn check(
    token: &[u8],
    signature: &[u8],
    roots: &[Vec<u8>],
) -> Result<u64, CarriedError> {
    stamped(token, signature, roots).map_err(|error| match error {
        CarriedError::Algorithm => CarriedError::Algorithm,
        _ => CarriedError::TimeStamp,
    })
}

fn stamped(token: &[u8], signature: &[u8], roots: &[Vec<u8>]) -> Result<u64, CarriedError> {
    let signed = Signed::parse(token)?;
    let content = signed.content()?.ok_or(CarriedError::Form)?;
    let info = TstInfo::from_der(&content).map_err(|_| CarriedError::Form)?;
    let imprint = &info.message_imprint;
    let hashed = algorithm::digest(&imprint.hash_algorithm, signature)?;
    if signed.content_type() != TST_INFO || hashed != imprint.hashed_message.as_bytes() {
        return Err(CarriedError::TimeStamp);
    }
    let mut certificates = Certificates::new(roots)?;
    certificates.add(signed.certificates());
    let authority = signed.signer(certificates.others())?;
    signed.verify(authority, &content)?;
    let at: Duration = info.gen_time.to_unix_duration();
    certificates.path(authority, Purpose::TimeStamp, at)?;
    u64::try_from(at.as_millis()).map_err(|_| CarriedError::TimeStamp)
}

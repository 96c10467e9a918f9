//! Time-stamp tokens (RFC 3161): when a signature existed.

use super::CarriedError;
use super::algorithm;
use super::chain::{Certificates, Purpose};
use super::raw::{GENERALIZED_TIME, Raw, SEQUENCE};
use super::signed_data::Signed;
use cms::content_info::ContentInfo;
use core::time::Duration;
use der::asn1::{GeneralizedTime, ObjectIdentifier};
use der::{Decode, Encode};
use medfolder_crypto::Digest;
use x509_tsp::{MessageImprint, TimeStampResp};

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
    let content = signed.content().ok_or(CarriedError::Form)?;
    let (imprint, at) = read(content)?;
    let hashed = algorithm::digest(&imprint.hash_algorithm, signature)?;
    if signed.content_type() != TST_INFO || hashed != imprint.hashed_message.as_bytes() {
        return Err(CarriedError::TimeStamp);
    }
    certificates.add(signed.certificates());
    let authority = signed.signer(certificates.others())?;
    signed.verify(authority, content)?;
    let path = certificates.path(authority, Purpose::TimeStamp, at, Duration::ZERO)?;
    let at = u64::try_from(at.as_millis()).map_err(|_| CarriedError::TimeStamp)?;
    Ok((at, path.root))
}

/// What a TSTInfo of version 1 is about, and its time; what follows these is not looked at.
fn read(content: &[u8]) -> Result<(MessageImprint, Duration), CarriedError> {
    let parts = Raw::read(content)?.list(SEQUENCE)?;
    let [version, _, imprint, _, time, ..] = parts.as_slice() else {
        return Err(CarriedError::Form);
    };
    if version.decode::<u8>()? != 1 {
        return Err(CarriedError::Form);
    }
    Ok((imprint.decode()?, time_of(*time)?))
}

/// A GeneralizedTime that may have a fraction (RFC 3161, 2.4.2), which ends in no zero; what is less
/// than a millisecond is cut off.
fn time_of(value: Raw<'_>) -> Result<Duration, CarriedError> {
    let text = value.must(GENERALIZED_TIME)?.content;
    let text = core::str::from_utf8(text).map_err(|_| CarriedError::Form)?;
    let text = text.strip_suffix('Z').ok_or(CarriedError::Form)?;
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "1"));
    let digits = fraction.bytes().all(|digit| digit.is_ascii_digit());
    if !digits || fraction.is_empty() || fraction.ends_with('0') {
        return Err(CarriedError::Form);
    }
    let whole = [&[GENERALIZED_TIME, 15], seconds.as_bytes(), b"Z"].concat();
    let whole = GeneralizedTime::from_der(&whole).map_err(|_| CarriedError::Form)?;
    let fraction = if text.contains('.') { fraction } else { "" };
    let milliseconds = fraction.bytes().chain(*b"000").take(3);
    let value = |digit: u8| u64::from(digit.saturating_sub(b'0'));
    let milliseconds = milliseconds.fold(0_u64, |n, digit| {
        n.saturating_mul(10).saturating_add(value(digit))
    });
    let milliseconds = Duration::from_millis(milliseconds);
    Ok(whole.to_unix_duration().saturating_add(milliseconds))
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

//! Answers about revocation that were kept with a signature: OCSP (RFC 6960) and CRLs (RFC 5280).
//!
//! An answer counts when the signer's issuer, or for OCSP a responder that the issuer certified for
//! it, signed it, and it covers the signer's certificate. “Good” counts only from an answer of the
//! signature's own time: made then or later, or meant to hold until then ([`is_of`]). “Revoked” by
//! then counts from any answer. An answer that says “try later” or is another's says nothing; one that
//! cannot be read is refused. A list with a critical extension (a delta, a part of the whole) says who
//! was revoked, but not who was not.

use super::CarriedError;
use super::algorithm;
use super::chain::{self, is_issued_by, may_answer};
use super::raw::{ENUMERATED, FIRST, Raw, SEQUENCE};
use core::time::Duration;
use der::asn1::{BitString, ObjectIdentifier};
use der::{Decode, Encode};
use minicbor::bytes::ByteVec;
use x509_cert::Certificate;
use x509_cert::crl::CertificateList;
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_ocsp::{
    BasicOcspResponse, CertId, CertStatus, OcspResponse, OcspResponseStatus, SingleResponse,
};

/// id-pkix-ocsp-basic.
const BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");

/// How long an answer holds that does not say so.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What one answer says of the signer's certificate.
enum Answer {
    Good,
    /// By the time that was asked for.
    Revoked,
}

/// Whose answers count, about whom, and when.
struct Asked<'a> {
    signer: &'a Certificate,
    issuer: &'a Certificate,
    /// Certificates among which a delegate's may stand.
    others: &'a [Certificate],
    at: Duration,
}

/// Whether any answer covers the certificate.
///
/// # Errors
/// [`CarriedError::Revoked`] when one says that it was revoked by `at`; [`CarriedError::Form`] when
/// one cannot be read as OCSP or as a CRL.
pub(super) fn check(
    answers: &[ByteVec],
    signer: &Certificate,
    issuer: &Certificate,
    others: &[Certificate],
    at: Duration,
) -> Result<bool, CarriedError> {
    let asked = Asked {
        signer,
        issuer,
        others,
        at,
    };
    let mut covered = false;
    for der in answers {
        let parts = Raw::read(der)?.list(SEQUENCE)?;
        let answer = match parts.as_slice() {
            [status, ..] if status.tag == ENUMERATED => asked.ocsp(der)?,
            [list, ..] => asked.list(der, list.whole)?,
            [] => return Err(CarriedError::Form),
        };
        match answer {
            Some(Answer::Revoked) => return Err(CarriedError::Revoked),
            Some(Answer::Good) => covered = true,
            None => {}
        }
    }
    Ok(covered)
}

/// Whether an answer made at `made` and meant to hold until `next` speaks about `at`.
fn is_of(at: Duration, made: Duration, next: Option<Duration>) -> bool {
    let until = next.unwrap_or_else(|| made.saturating_add(DAY));
    made >= at || until >= at
}

impl Asked<'_> {
    fn list(&self, der: &[u8], signed: &[u8]) -> Result<Option<Answer>, CarriedError> {
        let list = CertificateList::from_der(der).map_err(|_| CarriedError::Form)?;
        let tbs = &list.tbs_cert_list;
        let issuers = tbs.issuer == self.signer.tbs_certificate.issuer
            && tbs.signature == list.signature_algorithm
            && is_signed(self.issuer, &tbs.signature, signed, &list.signature);
        if !issuers {
            return Ok(None);
        }
        let serial = &self.signer.tbs_certificate.serial_number;
        let entries = tbs.revoked_certificates.iter().flatten();
        let mut revoked = entries.filter(|entry| entry.serial_number == *serial);
        if revoked.any(|entry| entry.revocation_date.to_unix_duration() <= self.at) {
            return Ok(Some(Answer::Revoked));
        }
        let next = tbs.next_update.map(|time| time.to_unix_duration());
        let fresh = is_of(self.at, tbs.this_update.to_unix_duration(), next);
        let whole = !tbs.crl_extensions.iter().flatten().any(|e| e.critical);
        Ok((fresh && whole).then_some(Answer::Good))
    }

    fn ocsp(&self, der: &[u8]) -> Result<Option<Answer>, CarriedError> {
        let response = OcspResponse::from_der(der).map_err(|_| CarriedError::Form)?;
        let bytes = match (response.response_status, &response.response_bytes) {
            (OcspResponseStatus::Successful, Some(bytes)) if bytes.response_type == BASIC => {
                bytes.response.as_bytes()
            }
            _ => return Ok(None),
        };
        let basic = BasicOcspResponse::from_der(bytes).map_err(|_| CarriedError::Form)?;
        if !self.is_answered(&basic, bytes)? {
            return Ok(None);
        }
        let responses = basic.tbs_response_data.responses.iter();
        let named = responses.filter(|one| names(&one.cert_id, self.signer, self.issuer));
        let (mut found, mut revoked) = (false, false);
        for one in named {
            found |= matches!(one.cert_status, CertStatus::Good(_)) && self.is_fresh(one)
                || matches!(one.cert_status, CertStatus::Revoked(_));
            revoked |= matches!(&one.cert_status, CertStatus::Revoked(info)
                if info.revocation_time.0.to_unix_duration() <= self.at);
        }
        let answer = if revoked {
            Answer::Revoked
        } else {
            Answer::Good
        };
        Ok((revoked || found).then_some(answer))
    }

    fn is_fresh(&self, one: &SingleResponse) -> bool {
        let next = one
            .next_update
            .as_ref()
            .map(|time| time.0.to_unix_duration());
        is_of(self.at, one.this_update.0.to_unix_duration(), next)
    }

    /// Whether the issuer signed an answer, or one whom it certified for that (RFC 6960, 4.2.2.2),
    /// whose certificate was valid when the answer was made.
    fn is_answered(&self, basic: &BasicOcspResponse, bytes: &[u8]) -> Result<bool, CarriedError> {
        let parts = Raw::read(bytes)?.list(SEQUENCE)?;
        let signed = parts.first().ok_or(CarriedError::Form)?.whole;
        let mut inside = Vec::new();
        for group in parts.iter().filter(|part| part.tag == FIRST) {
            for sequence in group.list(FIRST)? {
                for certificate in sequence.list(SEQUENCE)? {
                    inside.push(chain::read(certificate.whole)?);
                }
            }
        }
        let made = basic.tbs_response_data.produced_at.0.to_unix_duration();
        let is_by = |one: &Certificate| {
            is_signed(one, &basic.signature_algorithm, signed, &basic.signature)
        };
        let mut delegates = inside.iter().chain(self.others);
        Ok(is_by(self.issuer)
            || delegates
                .any(|one| is_by(one) && may_answer(one, made) && is_issued_by(one, self.issuer)))
    }
}

fn is_signed(
    by: &Certificate,
    algorithm: &AlgorithmIdentifierOwned,
    message: &[u8],
    signature: &BitString,
) -> bool {
    let key = &by.tbs_certificate.subject_public_key_info;
    let signature = signature.as_bytes();
    signature.is_some_and(|bytes| algorithm::verify(key, algorithm, None, message, bytes).is_ok())
}

/// Whether an OCSP answer is about this certificate.
fn names(id: &CertId, signer: &Certificate, issuer: &Certificate) -> bool {
    let name = issuer.tbs_certificate.subject.to_der();
    let key = issuer
        .tbs_certificate
        .subject_public_key_info
        .subject_public_key
        .as_bytes();
    let (Ok(name), Some(key)) = (name, key) else {
        return false;
    };
    let digest = |data: &[u8]| algorithm::naming_digest(&id.hash_algorithm, data).ok();
    id.serial_number == signer.tbs_certificate.serial_number
        && digest(&name).as_deref() == Some(id.issuer_name_hash.as_bytes())
        && digest(key).as_deref() == Some(id.issuer_key_hash.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_answer_says_nothing_about_a_later_signature() {
        let day = |number: u32| DAY.saturating_mul(number);
        for (made, next, counts) in [
            (9, None, true),
            (8, None, false),
            (1, Some(10), true),
            (1, Some(9), false),
            (11, Some(11), true),
        ] {
            assert_eq!(
                is_of(day(10), day(made), next.map(day)),
                counts,
                "{made} {next:?}"
            );
        }
    }
}

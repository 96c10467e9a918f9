//! Answers about revocation that were kept with a signature: OCSP (RFC 6960) and CRLs (RFC 5280).
//!
//! An answer counts when the signer's issuer, or for OCSP a responder that the issuer certified for
//! it, signed it, and it covers the signer's certificate. “Good” counts only from an answer of the
//! signature's own time: made then or later, or meant to hold until then ([`is_of`]). “Revoked”
//! counts from any answer. A list with a critical extension (a delta, a part of the whole) says who
//! was revoked, but not who was not.

use super::CarriedError;
use super::algorithm;
use super::chain::{is_issued_by, may_answer};
use core::time::Duration;
use der::{Decode, Encode};
use minicbor::bytes::ByteVec;
use x509_cert::Certificate;
use x509_cert::crl::CertificateList;
use x509_ocsp::{BasicOcspResponse, CertId, CertStatus, OcspResponse};

/// How long an answer holds that does not say so.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What one answer says of the signer's certificate.
enum Answer {
    Good,
    Revoked(Duration),
}

/// Whether any answer covers the certificate.
///
/// # Errors
/// [`CarriedError::Revoked`] when one says that it was revoked by `at`; [`CarriedError::Form`] when
/// one is neither OCSP nor a CRL.
pub(super) fn check(
    answers: &[ByteVec],
    signer: &Certificate,
    issuer: &Certificate,
    at: Duration,
) -> Result<bool, CarriedError> {
    let mut covered = false;
    for der in answers {
        let answer = match (OcspResponse::from_der(der), CertificateList::from_der(der)) {
            (Ok(response), _) => from_ocsp(&response, signer, issuer, at),
            (_, Ok(list)) => from_list(&list, signer, issuer, at),
            _ => return Err(CarriedError::Form),
        };
        match answer {
            Some(Answer::Revoked(since)) if since <= at => return Err(CarriedError::Revoked),
            Some(_) => covered = true,
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

fn from_list(
    list: &CertificateList,
    signer: &Certificate,
    issuer: &Certificate,
    at: Duration,
) -> Option<Answer> {
    let tbs = &list.tbs_cert_list;
    let message = tbs.to_der().ok()?;
    let key = &issuer.tbs_certificate.subject_public_key_info;
    let signature = list.signature.as_bytes()?;
    if tbs.issuer != signer.tbs_certificate.issuer || tbs.signature != list.signature_algorithm {
        return None;
    }
    algorithm::verify(key, &tbs.signature, None, &message, signature).ok()?;
    let serial = &signer.tbs_certificate.serial_number;
    let mut revoked = tbs.revoked_certificates.iter().flatten();
    if let Some(entry) = revoked.find(|entry| entry.serial_number == *serial) {
        return Some(Answer::Revoked(entry.revocation_date.to_unix_duration()));
    }
    let next = tbs.next_update.map(|time| time.to_unix_duration());
    let fresh = is_of(at, tbs.this_update.to_unix_duration(), next);
    let whole = !tbs.crl_extensions.iter().flatten().any(|e| e.critical);
    (fresh && whole).then_some(Answer::Good)
}

fn from_ocsp(
    response: &OcspResponse,
    signer: &Certificate,
    issuer: &Certificate,
    at: Duration,
) -> Option<Answer> {
    let bytes = response.response_bytes.as_ref()?.response.as_bytes();
    let basic = BasicOcspResponse::from_der(bytes).ok()?;
    let delegates = basic.certs.iter().flatten();
    let mut responders = delegates
        .filter(|certificate| is_issued_by(certificate, issuer) && may_answer(certificate, at))
        .chain([issuer]);
    let message = basic.tbs_response_data.to_der().ok()?;
    let signature = basic.signature.as_bytes()?;
    let signed = responders.any(|certificate| {
        let key = &certificate.tbs_certificate.subject_public_key_info;
        algorithm::verify(key, &basic.signature_algorithm, None, &message, signature).is_ok()
    });
    let responses = &basic.tbs_response_data.responses;
    let found = responses
        .iter()
        .find(|single| names(&single.cert_id, signer, issuer))?;
    match &found.cert_status {
        _ if !signed => None,
        CertStatus::Good(_) => {
            let next = found.next_update.as_ref();
            let next = next.map(|time| time.0.to_unix_duration());
            let fresh = is_of(at, found.this_update.0.to_unix_duration(), next);
            fresh.then_some(Answer::Good)
        }
        CertStatus::Revoked(info) => {
            Some(Answer::Revoked(info.revocation_time.0.to_unix_duration()))
        }
        CertStatus::Unknown(_) => None,
    }
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

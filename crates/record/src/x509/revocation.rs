//! Answers about revocation that were kept with a signature: OCSP (RFC 6960) and CRLs (RFC 5280).
//!
//! An answer counts when the signer's issuer, or for OCSP a responder that the issuer certified for
//! it, signed it, and it covers the signer's certificate. Whether it is from the right day is for
//! policy: a later answer that says “good” proves as much.

use super::CarriedError;
use super::algorithm;
use super::chain::{is_issued_by, may_answer};
use core::time::Duration;
use der::{Decode, Encode};
use minicbor::bytes::ByteVec;
use x509_cert::Certificate;
use x509_cert::crl::CertificateList;
use x509_ocsp::{BasicOcspResponse, CertId, CertStatus, OcspResponse};

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
            (_, Ok(list)) => from_list(&list, signer, issuer),
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

fn from_list(list: &CertificateList, signer: &Certificate, issuer: &Certificate) -> Option<Answer> {
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
    Some(match revoked.find(|entry| entry.serial_number == *serial) {
        Some(entry) => Answer::Revoked(entry.revocation_date.to_unix_duration()),
        None => Answer::Good,
    })
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
        CertStatus::Good(_) => Some(Answer::Good),
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

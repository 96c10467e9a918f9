//! Certificate paths (RFC 5280, section 6, without policies and name constraints).

use super::{CarriedError, algorithm};
use core::time::Duration;
use der::asn1::ObjectIdentifier;
use der::{Decode, Encode};
use medfolder_crypto::{Digest, Suite};
use minicbor::bytes::ByteVec;
use std::collections::BTreeSet;
use x509_cert::Certificate;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages};

/// Longest path above a signer, root included.
const MAX_PATH: usize = 8;

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

const BASIC_CONSTRAINTS: ObjectIdentifier = oid("2.5.29.19");
const KEY_USAGE: ObjectIdentifier = oid("2.5.29.15");
const EXTENDED_KEY_USAGE: ObjectIdentifier = oid("2.5.29.37");
/// Extensions that may be critical: those above, and ones that restrict nothing checked here
/// (alternative names, certificate policies).
const KNOWN: [ObjectIdentifier; 6] = [
    BASIC_CONSTRAINTS,
    KEY_USAGE,
    EXTENDED_KEY_USAGE,
    oid("2.5.29.17"),
    oid("2.5.29.18"),
    oid("2.5.29.32"),
];
const TIME_STAMPING: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.8");
const OCSP_SIGNING: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.9");

/// What a certificate's key is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Signs a document.
    Document,
    /// Signs time-stamps.
    TimeStamp,
    /// Signs answers about revocation.
    Ocsp,
    /// Signs certificates; `below` are the authorities between it and the signer.
    Issuer { below: usize },
}

/// Certificates that came along; roots are those that policy names by digest.
pub(super) struct Certificates {
    roots: Vec<(Digest, Certificate)>,
    others: Vec<Certificate>,
}

/// What a path comes to.
pub(super) struct Path {
    /// The signer's issuer; none when the signer's certificate is itself a root.
    pub(super) issuer: Option<Certificate>,
    /// The root in which it ends.
    pub(super) root: Digest,
}

impl Certificates {
    /// Reads certificates; `trusted` are SHA-256 digests of roots.
    pub(super) fn new(kept: &[ByteVec], trusted: &[Digest]) -> Result<Self, CarriedError> {
        let (mut roots, mut others) = (Vec::new(), Vec::new());
        for der in kept {
            let certificate = read(der)?;
            let digest = Suite::International.hash(&[der]);
            if trusted.contains(&digest) {
                roots.push((digest, certificate.clone()));
            }
            others.push(certificate);
        }
        Ok(Self { roots, others })
    }

    pub(super) fn add(&mut self, certificates: Vec<Certificate>) {
        self.others.extend(certificates);
    }

    pub(super) fn others(&self) -> &[Certificate] {
        &self.others
    }

    /// The path from a signer to a root, all valid at `at`, or all at once when the first of them
    /// ended, at most `grace` before.
    pub(super) fn path(
        &self,
        signer: &Certificate,
        purpose: Purpose,
        at: Duration,
        grace: Duration,
    ) -> Result<Path, CarriedError> {
        check_use(signer, purpose)?;
        let mut path = vec![signer];
        loop {
            let current = path.last().copied().ok_or(CarriedError::Chain)?;
            if let Some((root, _)) = self.roots.iter().find(|(_, root)| root == current) {
                check_validity(&path, at, grace)?;
                let issuer = path.get(1).map(|issuer| (*issuer).clone());
                return Ok(Path {
                    issuer,
                    root: *root,
                });
            }
            if path.len() > MAX_PATH {
                return Err(CarriedError::Chain);
            }
            let issuer = self.issuer_of(current).ok_or(CarriedError::Chain)?;
            let below = path.len().saturating_sub(1);
            check_use(issuer, Purpose::Issuer { below })?;
            path.push(issuer);
        }
    }

    /// A root first, so that cross-certificates cannot lead in circles.
    fn issuer_of(&self, certificate: &Certificate) -> Option<&Certificate> {
        let issued =
            |issuer: &&Certificate| *issuer != certificate && is_issued_by(certificate, issuer);
        self.roots
            .iter()
            .map(|(_, root)| root)
            .find(issued)
            .or_else(|| self.others.iter().find(issued))
    }
}

/// Whether `issuer`'s name and key stand behind a certificate.
pub(super) fn is_issued_by(certificate: &Certificate, issuer: &Certificate) -> bool {
    let tbs = &certificate.tbs_certificate;
    let signature = certificate.signature.as_bytes();
    let (Ok(message), Some(signature)) = (tbs.to_der(), signature) else {
        return false;
    };
    let issuer = &issuer.tbs_certificate;
    let key = &issuer.subject_public_key_info;
    tbs.issuer == issuer.subject
        && tbs.signature == certificate.signature_algorithm
        && algorithm::verify(key, &tbs.signature, None, &message, signature).is_ok()
}

/// Reads a certificate. One that is not DER throughout, or names an extension twice, is none.
pub(super) fn read(der: &[u8]) -> Result<Certificate, CarriedError> {
    let certificate = Certificate::from_der(der).map_err(|_| CarriedError::Form)?;
    let mut extensions = certificate.tbs_certificate.extensions.iter().flatten();
    let mut kinds = BTreeSet::new();
    let once = extensions.all(|e| kinds.insert(e.extn_id));
    let same = certificate.to_der().as_deref() == Ok(der);
    (once && same)
        .then_some(certificate)
        .ok_or(CarriedError::Form)
}

fn check_use(certificate: &Certificate, purpose: Purpose) -> Result<(), CarriedError> {
    let permitted = permits(certificate, purpose).unwrap_or(false);
    permitted.then_some(()).ok_or(CarriedError::Purpose)
}

fn check_validity(
    path: &[&Certificate],
    at: Duration,
    grace: Duration,
) -> Result<(), CarriedError> {
    let all = || path.iter().map(|one| &one.tbs_certificate.validity);
    let ends = all().map(|validity| validity.not_after.to_unix_duration());
    let then = ends.fold(at, Duration::min);
    let begun = all().all(|validity| validity.not_before.to_unix_duration() <= then);
    let valid = begun && at.saturating_sub(then) <= grace;
    valid.then_some(()).ok_or(CarriedError::Validity)
}

/// `None` when an extension cannot be read.
fn permits(certificate: &Certificate, purpose: Purpose) -> Option<bool> {
    let extensions = certificate
        .tbs_certificate
        .extensions
        .as_deref()
        .unwrap_or_default();
    if extensions
        .iter()
        .any(|e| e.critical && !KNOWN.contains(&e.extn_id))
    {
        return Some(false);
    }
    let find = |id| {
        extensions
            .iter()
            .find(|e| e.extn_id == id)
            .map(|e| e.extn_value.as_bytes())
    };
    let read = |id| find(id).map_or(Some(None), |bytes| KeyUsage::from_der(bytes).ok().map(Some));
    let usage = read(KEY_USAGE)?;
    let used = |flag| usage.is_none_or(|usage: KeyUsage| usage.0.contains(flag));
    let extended = match find(EXTENDED_KEY_USAGE) {
        Some(bytes) => ExtendedKeyUsage::from_der(bytes).ok()?.0,
        None => Vec::new(),
    };
    let signs = used(KeyUsages::DigitalSignature);
    Some(match purpose {
        Purpose::Document => signs || used(KeyUsages::NonRepudiation),
        Purpose::TimeStamp => signs && extended == [TIME_STAMPING],
        Purpose::Ocsp => signs && extended.contains(&OCSP_SIGNING),
        Purpose::Issuer { below } => {
            let constraints = BasicConstraints::from_der(find(BASIC_CONSTRAINTS)?).ok()?;
            let long_enough = constraints
                .path_len_constraint
                .is_none_or(|most| usize::from(most) >= below);
            constraints.ca && long_enough && used(KeyUsages::KeyCertSign)
        }
    })
}

/// Whether this certificate's issuer lets it answer OCSP for it at that time.
pub(super) fn may_answer(certificate: &Certificate, at: Duration) -> bool {
    check_use(certificate, Purpose::Ocsp).is_ok()
        && check_validity(&[certificate], at, Duration::ZERO).is_ok()
}

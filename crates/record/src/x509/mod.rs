//! Checking a carried signature: CMS (RFC 5652) or its GM/T 0010 twin, its certificate chain, its
//! time-stamp token (RFC 3161) and the revocation answers kept with it.
//!
//! Checked at sealing and whenever evidence is verified, against the CA and TSA roots that are
//! policy on the ledger. Policy names roots by digest; the roots themselves are among the
//! certificates kept with the signature. What holds: the file is the one signed; the signer's
//! certificate leads to a root of policy as of the time-stamp (without one: as of the sealing); the
//! signer's key is for signing; no answer kept says that the certificate was revoked by then. The rules
//! in full are in `docs/formats/record.md`.
//!
//! Algorithms: RSA PKCS #1 v1.5 of 2,048 to 8,192 bits, ECDSA on P-256 and P-384, with SHA-2; SM2
//! with SM3. Certificate extensions that are critical and unknown are refused, name constraints
//! among them. The library reads DER only.

mod algorithm;
mod chain;
mod raw;
mod revocation;
mod signed_data;
mod time_stamp;

use crate::carried::CarriedSignature;
use crate::limits::{CLOCK_TOLERANCE_MS, ENDED_KEY_GRACE_MS, MAX_TEXT};
use crate::statement::breaks_line;
use chain::{Certificates, Purpose};
use core::time::Duration;
use medfolder_crypto::Digest;
use signed_data::Signed;
use thiserror::Error;
use x509_cert::Certificate;

pub use time_stamp::token_of;

/// What the ledger's policy trusts.
#[derive(Clone, Copy, Debug)]
pub struct CarriedPolicy<'a> {
    /// SHA-256 digests of roots of certificate authorities (DER).
    pub ca_roots: &'a [Digest],
    /// SHA-256 digests of roots of time-stamp authorities (DER).
    pub tsa_roots: &'a [Digest],
    /// Whether a revocation answer for the signer must be kept with the signature.
    pub revocation_required: bool,
}

/// What was found of a carried signature that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarriedReport {
    /// Subject of the signer's certificate, in one line.
    pub signer: String,
    /// Time of the time-stamp token, ms since 1970 in UTC.
    pub stamped: Option<u64>,
    /// Whether a revocation answer kept with the signature covers the signer's certificate.
    pub revocation_checked: bool,
    /// SHA-256 digests of the roots in which the signer's path and the time-stamp's end.
    pub roots: Vec<Digest>,
}

/// Why a carried signature does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CarriedError {
    /// Not a SignedData with one signer, or not DER.
    #[error("the carried signature is not of a known form")]
    Form,
    /// An algorithm that is not checked here.
    #[error("the carried signature uses an unknown algorithm")]
    Algorithm,
    /// The signed file is another one.
    #[error("the carried signature is over another file")]
    File,
    /// The signer's certificate is missing.
    #[error("the signer's certificate is missing")]
    Signer,
    /// The signature does not hold.
    #[error("the carried signature does not match its file")]
    Signature,
    /// The certificates do not lead to a root of policy.
    #[error("the signer's certificate does not lead to a trusted authority")]
    Chain,
    /// A certificate was not valid at the time of signing.
    #[error("a certificate was not valid at the time of signing")]
    Validity,
    /// A certificate is for another purpose, or holds an unknown critical extension.
    #[error("a certificate is not for this purpose")]
    Purpose,
    /// The time-stamp token does not hold.
    #[error("the time-stamp does not match the carried signature")]
    TimeStamp,
    /// The signer's certificate was revoked.
    #[error("the signer's certificate was revoked")]
    Revoked,
    /// No revocation answer is kept, and policy wants one.
    #[error("no answer about revocation is kept with the carried signature")]
    RevocationMissing,
}

impl CarriedError {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Form => "carried.form",
            Self::Algorithm => "carried.algorithm",
            Self::File => "carried.file",
            Self::Signer => "carried.signer",
            Self::Signature => "carried.signature",
            Self::Chain => "carried.chain",
            Self::Validity => "carried.validity",
            Self::Purpose => "carried.purpose",
            Self::TimeStamp => "carried.time_stamp",
            Self::Revoked => "carried.revoked",
            Self::RevocationMissing => "carried.revocation_missing",
        }
    }
}

/// When a record with a carried signature was sealed, in ms since 1970, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// By the clock of the hospital that seals it now.
    Clock(u64),
    /// By block time, of which the hospital knew nothing: its seal may have come late.
    Block(u64),
}

impl AsOf {
    const fn time(self) -> u64 {
        match self {
            Self::Clock(time) | Self::Block(time) => time,
        }
    }

    /// How long before the certificates may have ended where no time-stamp says more.
    const fn grace(self) -> Duration {
        match self {
            Self::Clock(_) => Duration::ZERO,
            Self::Block(_) => Duration::from_millis(ENDED_KEY_GRACE_MS),
        }
    }
}

/// Checks a carried signature over `file`; the time of sealing counts where there is no time-stamp,
/// and none may be later than that.
///
/// # Errors
/// The first [`CarriedError`].
pub fn check(
    carried: &CarriedSignature,
    file: &[u8],
    policy: &CarriedPolicy<'_>,
    sealed: AsOf,
) -> Result<CarriedReport, CarriedError> {
    let signed = Signed::parse(&carried.cms)?;
    let mut certificates = Certificates::new(&carried.chain, policy.ca_roots)?;
    certificates.add(signed.certificates());
    let signer = signed.signer(certificates.others())?;
    signed.verify(signer, file)?;

    let stamp = stamp(carried, signed.signature(), policy, sealed)?;
    let stamped = stamp.map(|(time, _)| time);
    let (at, grace) = match stamped {
        Some(time) => (time, Duration::ZERO),
        None => (sealed.time(), sealed.grace()),
    };
    let at = Duration::from_millis(at);
    let path = certificates.path(signer, Purpose::Document, at, grace)?;
    let issuer = path.issuer.as_ref().unwrap_or(signer);
    let others = certificates.others();
    let revocation_checked = revocation::check(&carried.revocation, signer, issuer, others, at)?;
    if policy.revocation_required && !revocation_checked {
        return Err(CarriedError::RevocationMissing);
    }
    let roots = [path.root].into_iter().chain(stamp.map(|(_, root)| root));
    Ok(CarriedReport {
        signer: name(signer),
        stamped,
        revocation_checked,
        roots: roots.collect(),
    })
}

/// The time of the time-stamp and its root, where there is one. It is not of after the sealing.
fn stamp(
    carried: &CarriedSignature,
    signature: &[u8],
    policy: &CarriedPolicy<'_>,
    sealed: AsOf,
) -> Result<Option<(u64, Digest)>, CarriedError> {
    if carried.time_stamp.is_empty() {
        return Ok(None);
    }
    let kept = Certificates::new(&carried.chain, policy.tsa_roots)?;
    let (time, root) = time_stamp::check(&carried.time_stamp, signature, kept)?;
    if time > sealed.time().saturating_add(CLOCK_TOLERANCE_MS) {
        return Err(CarriedError::TimeStamp);
    }
    Ok(Some((time, root)))
}

/// The subject of a certificate, with nothing in it that would break a line.
fn name(certificate: &Certificate) -> String {
    let subject = certificate.tbs_certificate.subject.to_string();
    let shown = subject.chars().take(MAX_TEXT);
    shown
        .map(|c| {
            if breaks_line(c) {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect()
}

//! An owner's request to her share's host, signed with the grant key.
//!
//! ```text
//! medfolder-signature: TIME;SIGNATURE         milliseconds; 128 hexadecimal characters
//! SIGNATURE = Sign(grant key, GRANT_REQUEST, cbor [0, genesis, grant, METHOD, origin, path, H(body), TIME])
//! ```
//! It covers chain, share, host, request and time: it cannot be replayed at another host, on another
//! share, for another request, or after two minutes.

use medfolder_crypto::{Digest, Label, PublicKeyBytes, Signature, SigningKey, Suite, to_cbor};
use medfolder_record::GrantId;
use minicbor::{Decode, Encode};

/// How far the signer's clock may be off, in milliseconds.
pub const TOLERANCE: u64 = 120_000;

/// Why a signed request was not taken. The peer learns only the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantRequestError {
    /// No header, or not in its form.
    #[error("the request carries no signature of the share's key")]
    Malformed,
    /// More than two minutes before or after the host's clock.
    #[error("the request's time is too far from the host's clock")]
    Stale,
    /// Signed by another key or over another request.
    #[error("the signature does not fit the request")]
    Invalid,
}

impl GrantRequestError {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            GrantRequestError::Malformed => "share.signature_missing",
            GrantRequestError::Stale => "share.signature_stale",
            GrantRequestError::Invalid => "share.signature_invalid",
        }
    }
}

/// What a request is, apart from its time.
#[derive(Clone, Copy, Debug)]
pub struct GrantRequest<'a> {
    /// The consortium.
    pub genesis: Digest,
    /// The share.
    pub grant: GrantId,
    /// `GET` or `POST`.
    pub method: &'a str,
    /// Scheme, host and port that the client called, such as `https://edge.example`.
    pub origin: &'a str,
    /// Path and query.
    pub path: &'a str,
    /// The body's bytes; empty without a body.
    pub body: &'a [u8],
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct Signed<'a> {
    #[n(0)]
    version: u8,
    #[n(1)]
    genesis: Digest,
    #[n(2)]
    grant: GrantId,
    #[b(3)]
    method: &'a str,
    #[b(4)]
    origin: &'a str,
    #[b(5)]
    path: &'a str,
    #[n(6)]
    body: Digest,
    #[n(7)]
    time: u64,
}

impl GrantRequest<'_> {
    fn bytes(&self, suite: Suite, time: u64) -> Vec<u8> {
        to_cbor(&Signed {
            version: 0,
            genesis: self.genesis,
            grant: self.grant,
            method: self.method,
            origin: self.origin,
            path: self.path,
            body: suite.hash(&[self.body]),
            time,
        })
    }

    /// The header's value.
    #[must_use]
    pub fn sign(&self, key: &SigningKey, time: u64) -> String {
        let signature = key.sign(Label::GRANT_REQUEST, &[&self.bytes(key.suite(), time)]);
        format!("{time};{signature}")
    }

    /// Checks a header's value against the share's public key and the host's clock; gives the digest
    /// of what was signed, by which a host knows a request that comes again.
    ///
    /// # Errors
    /// [`GrantRequestError`].
    pub fn verify(
        &self,
        suite: Suite,
        key: &PublicKeyBytes,
        header: &str,
        now: u64,
    ) -> Result<Digest, GrantRequestError> {
        let (time, signature) = header.split_once(';').ok_or(GrantRequestError::Malformed)?;
        let time: u64 = time.parse().map_err(|_| GrantRequestError::Malformed)?;
        let signature: Signature = signature
            .parse()
            .map_err(|_| GrantRequestError::Malformed)?;
        if time.abs_diff(now) > TOLERANCE {
            return Err(GrantRequestError::Stale);
        }
        let bytes = self.bytes(suite, time);
        let key = key.verifying(suite);
        key.map_err(|_| GrantRequestError::Invalid)?
            .verify(Label::GRANT_REQUEST, &[&bytes], &signature)
            .map_err(|_| GrantRequestError::Invalid)?;
        Ok(suite.hash(&[&bytes]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use medfolder_crypto::Secret32;

    const NOW: u64 = 1_800_000_000_000;

    fn request() -> GrantRequest<'static> {
        GrantRequest {
            genesis: Digest([1; 32]),
            grant: GrantId(Digest([2; 32])),
            method: "POST",
            origin: "https://edge.example",
            path: "/v1/shares/x/revoke",
            body: b"{}",
        }
    }

    #[test]
    fn a_signed_request_is_taken_in_both_suites() {
        for suite in Suite::ALL {
            let key = SigningKey::from_seed(suite, &Secret32::new([7; 32]));
            let header = request().sign(&key, NOW);
            let known = request().verify(suite, &key.public(), &header, NOW + 1_000);
            // Written in another way it is the same request, at another time another one.
            let spelled = format!("0{header}");
            let again = request().verify(suite, &key.public(), &spelled, NOW + 1_000);
            assert!(known.is_ok() && known == again);
            let later = request().sign(&key, NOW + 1);
            let other = request().verify(suite, &key.public(), &later, NOW);
            assert!(other.is_ok() && known != other);
        }
    }

    #[test]
    fn every_part_of_the_request_is_covered() {
        let suite = Suite::International;
        let key = SigningKey::from_seed(suite, &Secret32::new([7; 32]));
        let header = request().sign(&key, NOW);
        let changed = [
            GrantRequest {
                genesis: Digest([9; 32]),
                ..request()
            },
            GrantRequest {
                grant: GrantId(Digest([9; 32])),
                ..request()
            },
            GrantRequest {
                method: "GET",
                ..request()
            },
            GrantRequest {
                origin: "https://other.example",
                ..request()
            },
            GrantRequest {
                path: "/v1/shares/x/extend",
                ..request()
            },
            GrantRequest {
                body: b"{ }",
                ..request()
            },
        ];
        for other in changed {
            let refused = other.verify(suite, &key.public(), &header, NOW);
            assert_eq!(refused, Err(GrantRequestError::Invalid), "{other:?}");
        }
        let later = header.replace(&NOW.to_string(), &(NOW + 1).to_string());
        let refused = request().verify(suite, &key.public(), &later, NOW);
        assert_eq!(refused, Err(GrantRequestError::Invalid));
    }

    #[test]
    fn a_request_of_three_minutes_ago_is_refused() {
        let key = SigningKey::from_seed(Suite::International, &Secret32::new([7; 32]));
        let header = request().sign(&key, NOW);
        let refused = request().verify(key.suite(), &key.public(), &header, NOW + 180_000);
        assert_eq!(refused, Err(GrantRequestError::Stale));
    }
}

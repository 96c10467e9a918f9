//! Digests and signatures by their object identifiers.

use super::CarriedError;
use der::Decode;
use der::asn1::{ObjectIdentifier, UintRef};
use medfolder_crypto::Suite;
use medfolder_crypto::sign::SM2_USER_ID;
use ring::digest;
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use sm2::dsa::signature::Verifier;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

const SHA1: ObjectIdentifier = oid("1.3.14.3.2.26");
const SHA256: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.1");
const SHA384: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.2");
const SHA512: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.3");
const SM3: ObjectIdentifier = oid("1.2.156.10197.1.401");

const RSA: ObjectIdentifier = oid("1.2.840.113549.1.1.1");
const RSA_SHA256: ObjectIdentifier = oid("1.2.840.113549.1.1.11");
const RSA_SHA384: ObjectIdentifier = oid("1.2.840.113549.1.1.12");
const RSA_SHA512: ObjectIdentifier = oid("1.2.840.113549.1.1.13");
const EC_KEY: ObjectIdentifier = oid("1.2.840.10045.2.1");
const ECDSA_SHA256: ObjectIdentifier = oid("1.2.840.10045.4.3.2");
const ECDSA_SHA384: ObjectIdentifier = oid("1.2.840.10045.4.3.3");
const P256: ObjectIdentifier = oid("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = oid("1.3.132.0.34");
const SM2_CURVE: ObjectIdentifier = oid("1.2.156.10197.1.301");
const SM2_SIGN: ObjectIdentifier = oid("1.2.156.10197.1.301.1");
const SM2_SM3: ObjectIdentifier = oid("1.2.156.10197.1.501");

/// Shortest RSA modulus. The library, which rounds up to whole bytes, takes 2,041 bits, and at most 8,192.
const MIN_RSA_BITS: usize = 2048;

/// A digest by its identifier; SHA-1 only names certificates (OCSP).
pub(super) fn digest(
    algorithm: &AlgorithmIdentifierOwned,
    data: &[u8],
) -> Result<Vec<u8>, CarriedError> {
    let ring = match algorithm.oid {
        SM3 => return Ok(Suite::National.hash(&[data]).0.to_vec()),
        SHA256 => &digest::SHA256,
        SHA384 => &digest::SHA384,
        SHA512 => &digest::SHA512,
        _ => return Err(CarriedError::Algorithm),
    };
    Ok(digest::digest(ring, data).as_ref().to_vec())
}

/// A digest that names a certificate in OCSP; there SHA-1 is the rule and nothing rests on it.
pub(super) fn naming_digest(
    algorithm: &AlgorithmIdentifierOwned,
    data: &[u8],
) -> Result<Vec<u8>, CarriedError> {
    if algorithm.oid == SHA1 {
        let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, data);
        return Ok(digest.as_ref().to_vec());
    }
    self::digest(algorithm, data)
}

/// Checks a signature. `digest` is the one that CMS names beside a bare key algorithm.
pub(super) fn verify(
    key: &SubjectPublicKeyInfoOwned,
    algorithm: &AlgorithmIdentifierOwned,
    digest: Option<&AlgorithmIdentifierOwned>,
    message: &[u8],
    signature: &[u8],
) -> Result<(), CarriedError> {
    let public = key
        .subject_public_key
        .as_bytes()
        .ok_or(CarriedError::Algorithm)?;
    let digest = digest.map(|digest| digest.oid);
    if curve(key) == Some(SM2_CURVE) {
        return match (algorithm.oid, digest) {
            (SM2_SM3, None) | (SM2_SM3 | SM2_SIGN | SM2_CURVE, Some(SM3)) => {
                verify_sm2(public, message, signature)
            }
            _ => Err(CarriedError::Algorithm),
        };
    }
    let scheme = scheme(key, algorithm.oid, digest)?;
    if key.algorithm.oid == RSA && rsa_bits(public).is_none_or(|bits| bits < MIN_RSA_BITS) {
        return Err(CarriedError::Algorithm);
    }
    UnparsedPublicKey::new(scheme, public)
        .verify(message, signature)
        .map_err(|_| CarriedError::Signature)
}

fn curve(key: &SubjectPublicKeyInfoOwned) -> Option<ObjectIdentifier> {
    let parameters = key.algorithm.parameters.as_ref()?;
    (key.algorithm.oid == EC_KEY).then(|| parameters.decode_as().ok())?
}

fn scheme(
    key: &SubjectPublicKeyInfoOwned,
    algorithm: ObjectIdentifier,
    digest: Option<ObjectIdentifier>,
) -> Result<&'static dyn VerificationAlgorithm, CarriedError> {
    let named = match algorithm {
        RSA_SHA256 | ECDSA_SHA256 => SHA256,
        RSA_SHA384 | ECDSA_SHA384 => SHA384,
        RSA_SHA512 => SHA512,
        RSA => digest.ok_or(CarriedError::Algorithm)?,
        _ => return Err(CarriedError::Algorithm),
    };
    // A digest named beside a signature algorithm that has its own must be the same.
    if digest.is_some_and(|digest| digest != named) {
        return Err(CarriedError::Algorithm);
    }
    let is_rsa = matches!(algorithm, RSA | RSA_SHA256 | RSA_SHA384 | RSA_SHA512);
    match (is_rsa && key.algorithm.oid == RSA, curve(key), named) {
        (true, _, SHA256) => Ok(&signature::RSA_PKCS1_2048_8192_SHA256),
        (true, _, SHA384) => Ok(&signature::RSA_PKCS1_2048_8192_SHA384),
        (true, _, SHA512) => Ok(&signature::RSA_PKCS1_2048_8192_SHA512),
        (false, Some(P256), SHA256) if !is_rsa => Ok(&signature::ECDSA_P256_SHA256_ASN1),
        (false, Some(P256), SHA384) if !is_rsa => Ok(&signature::ECDSA_P256_SHA384_ASN1),
        (false, Some(P384), SHA256) if !is_rsa => Ok(&signature::ECDSA_P384_SHA256_ASN1),
        (false, Some(P384), SHA384) if !is_rsa => Ok(&signature::ECDSA_P384_SHA384_ASN1),
        _ => Err(CarriedError::Algorithm),
    }
}

/// Bits of the modulus in SEQUENCE { modulus INTEGER, exponent INTEGER }.
fn rsa_bits(public: &[u8]) -> Option<usize> {
    let numbers: Vec<der::asn1::Uint> = Vec::from_der(public).ok()?;
    let modulus = numbers.first()?.as_bytes();
    let unused = usize::try_from(modulus.first()?.leading_zeros()).ok()?;
    modulus.len().checked_mul(8)?.checked_sub(unused)
}

fn verify_sm2(public: &[u8], message: &[u8], signature: &[u8]) -> Result<(), CarriedError> {
    // As ECDSA's here: a point in full.
    if public.first() != Some(&4) {
        return Err(CarriedError::Algorithm);
    }
    let key = sm2::dsa::VerifyingKey::from_sec1_bytes(SM2_USER_ID, public)
        .map_err(|_| CarriedError::Algorithm)?;
    let signature = sm2_signature(signature).ok_or(CarriedError::Signature)?;
    key.verify(message, &signature)
        .map_err(|_| CarriedError::Signature)
}

/// SEQUENCE { r INTEGER, s INTEGER } (GM/T 0009).
fn sm2_signature(encoded: &[u8]) -> Option<sm2::dsa::Signature> {
    let parts: Vec<der::asn1::Uint> = Vec::from_der(encoded).ok()?;
    let [r, s] = parts.as_slice() else {
        return None;
    };
    let mut bytes = [0; 64];
    let (left, right) = bytes.split_at_mut(32);
    fixed(left, r.as_bytes())?;
    fixed(right, s.as_bytes())?;
    sm2::dsa::Signature::from_slice(&bytes).ok()
}

fn fixed(into: &mut [u8], number: &[u8]) -> Option<()> {
    let number = UintRef::new(number).ok()?.as_bytes();
    let start = into.len().checked_sub(number.len())?;
    into.get_mut(start..)?.copy_from_slice(number);
    Some(())
}

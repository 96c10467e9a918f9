//! The national suite against an independent implementation: OpenSSL 3's command line.
//!
//! Keys travel as DER that this test assembles, so no code of ours is on OpenSSL's side.
#![allow(clippy::unwrap_used, reason = "tests")]

use medfolder_crypto::{EncryptionSecret, Label, Secret32, Signature, SigningKey, Suite, os_rng};
use std::{fs, path::Path, process::Command};

/// SubjectPublicKeyInfo of an SM2 key up to the point: ecPublicKey with curve sm2.
const SPKI_PREFIX_COMPRESSED: &str = "3039301306072a8648ce3d020106082a811ccf5501822d032200";

fn openssl(dir: &Path, arguments: &[&str]) -> (bool, Vec<u8>) {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(dir)
        .output()
        .unwrap();
    (output.status.success(), output.stdout)
}

#[test]
fn openssl_gives_the_same_sm3() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("message"), b"abc").unwrap();
    let (_, digest) = openssl(dir.path(), &["dgst", "-sm3", "-binary", "message"]);
    assert_eq!(digest, Suite::National.hash(&[b"a", b"bc"]).0);
}

#[test]
fn openssl_accepts_our_sm2_signature_and_refuses_it_for_another_message() {
    let dir = tempfile::tempdir().unwrap();
    let key = SigningKey::from_seed(Suite::National, &Secret32::new([1; 32]));
    let signature = key.sign(Label::LOGIN, &[b"message"]);
    let mut spki = hex::decode(SPKI_PREFIX_COMPRESSED).unwrap();
    spki.extend_from_slice(key.public().as_bytes());
    fs::write(dir.path().join("key.der"), spki).unwrap();
    fs::write(dir.path().join("signature"), der_signature(&signature)).unwrap();
    for (message, accepted) in [(&b"message"[..], true), (b"massage", false)] {
        fs::write(
            dir.path().join("message"),
            [b"medfolder/login\0", message].concat(),
        )
        .unwrap();
        let (held, _) = openssl(
            dir.path(),
            &[
                "pkeyutl",
                "-verify",
                "-pubin",
                "-inkey",
                "key.der",
                "-keyform",
                "DER",
                "-rawin",
                "-digest",
                "sm3",
                "-pkeyopt",
                "distid:1234567812345678",
                "-in",
                "message",
                "-sigfile",
                "signature",
            ],
        );
        assert_eq!(held, accepted);
    }
}

#[test]
fn we_open_what_openssl_encrypted_to_our_sm2_key() {
    let dir = tempfile::tempdir().unwrap();
    let secret = EncryptionSecret::from_seed(Suite::National, &Secret32::new([2; 32]));
    let public = secret.public();
    let z = [0x5a; 32];
    let mut spki = hex::decode(SPKI_PREFIX_COMPRESSED).unwrap();
    spki.extend_from_slice(public.to_bytes().as_bytes());
    fs::write(dir.path().join("key.der"), spki).unwrap();
    fs::write(dir.path().join("z"), z).unwrap();
    let (done, der) = openssl(
        dir.path(),
        &[
            "pkeyutl", "-encrypt", "-pubin", "-inkey", "key.der", "-keyform", "DER", "-in", "z",
        ],
    );
    assert!(done);
    // Take a wrap of ours for its symmetric half, made under the same z by construction below.
    let context = b"context";
    let symmetric = medfolder_crypto::AeadKey::new(
        Suite::National,
        Suite::National.derive(&Secret32::new(z), Label::NATIONAL_WRAP, &[context]),
    )
    .seal_once(&[], &[7; 32]);
    let wrapped = [raw_sm2_ciphertext(&der), symmetric].concat();
    assert_eq!(
        secret.unwrap_secret(context, &wrapped).unwrap(),
        Secret32::new([7; 32])
    );
    // And a wrap of ours has the layout that the formats promise.
    let ours = public.wrap(context, &[7; 32], &mut os_rng()).unwrap();
    assert_eq!((ours.len(), ours[0]), (129 + 32 + 16, 0x04));
}

/// SEQUENCE { INTEGER r, INTEGER s }.
fn der_signature(Signature(bytes): &Signature) -> Vec<u8> {
    let body = [integer(&bytes[..32]), integer(&bytes[32..])].concat();
    [vec![0x30, body.len() as u8], body].concat()
}

fn integer(bytes: &[u8]) -> Vec<u8> {
    let trimmed: Vec<u8> = bytes.iter().copied().skip_while(|b| *b == 0).collect();
    let pad = trimmed.first().is_some_and(|b| b & 0x80 != 0);
    let value = if pad {
        [vec![0], trimmed].concat()
    } else {
        trimmed
    };
    [vec![0x02, value.len() as u8], value].concat()
}

/// SEQUENCE { INTEGER x, INTEGER y, OCTET STRING C3, OCTET STRING C2 } as 04 ‖ x ‖ y ‖ C3 ‖ C2.
fn raw_sm2_ciphertext(der: &[u8]) -> Vec<u8> {
    let mut rest = if der[1] & 0x80 == 0 {
        &der[2..]
    } else {
        &der[3..]
    };
    let mut out = vec![0x04];
    for _ in 0..4 {
        let length = usize::from(rest[1]);
        let value = &rest[2..2 + length];
        let value = &value[value.len().saturating_sub(32)..];
        out.extend(std::iter::repeat_n(0, 32 - value.len()));
        out.extend_from_slice(value);
        rest = &rest[2 + length..];
    }
    out
}

//! Carried signatures of OpenSSL and of an SM2 signer, checked against invented authorities
//! (`tests/vectors/record/carried`, made by `make.sh` there).

use crate::carried::CarriedSignature;
use crate::x509::{AsOf, CarriedError, CarriedPolicy, CarriedReport, check, token_of};
use cms::content_info::ContentInfo;
use cms::signed_data::{SignedData, SignerInfos};
use der::{Any, Decode as _, Encode as _};
use medfolder_crypto::{Digest, Suite};
use minicbor::bytes::ByteVec;

const DIRECTORY: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../tests/vectors/record/carried"
);
/// One day after the certificates were made, and before they end.
const DAY: u64 = 86_400_000;
const MADE: u64 = 1_795_267_710_000;

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(format!("{DIRECTORY}/{name}")).unwrap()
}

fn list(names: &[&str]) -> Vec<ByteVec> {
    names.iter().map(|name| bytes(name).into()).collect()
}

struct Case {
    carried: CarriedSignature,
    file: Vec<u8>,
    /// Certificates kept with the signature, besides those of its own list.
    ca_roots: Vec<Vec<u8>>,
    tsa_roots: Vec<Vec<u8>>,
    /// Whether the roots are kept with it.
    with_roots: bool,
    revocation_required: bool,
    sealed: AsOf,
}

impl Case {
    fn new(kind: &str, cms: &str) -> Self {
        let carried = CarriedSignature {
            file: Digest([0; 32]),
            media_type: "application/pdf".into(),
            cms: bytes(cms).into(),
            chain: list(&[&format!("{kind}-doctor.der"), &format!("{kind}-sub.der")]),
            revocation: Vec::new(),
            time_stamp: Vec::new().into(),
        };
        Self {
            carried,
            file: bytes("file.pdf"),
            ca_roots: vec![bytes(&format!("{kind}-root.der"))],
            tsa_roots: vec![bytes("stamp-root.der")],
            with_roots: true,
            revocation_required: false,
            sealed: AsOf::Clock(MADE + DAY),
        }
    }

    fn stamped() -> Self {
        let mut case = Self::new("p256", "p256-detached.cms");
        case.carried.time_stamp = bytes("p256-stamp.der").into();
        case
    }

    fn check(&self) -> Result<CarriedReport, CarriedError> {
        let digests = |roots: &[Vec<u8>]| -> Vec<Digest> {
            let digest = |root: &Vec<u8>| Suite::International.hash(&[root]);
            roots.iter().map(digest).collect()
        };
        let policy = CarriedPolicy {
            ca_roots: &digests(&self.ca_roots),
            tsa_roots: &digests(&self.tsa_roots),
            revocation_required: self.revocation_required,
        };
        let mut carried = self.carried.clone();
        if self.with_roots {
            let roots = self.ca_roots.iter().chain(&self.tsa_roots);
            carried.chain.extend(roots.map(|root| root.clone().into()));
        }
        check(&carried, &self.file, &policy, self.sealed)
    }
}

#[test]
fn signatures_by_rsa_p256_and_sm2_hold() {
    for kind in ["rsa", "p256", "sm2"] {
        let report = Case::new(kind, &format!("{kind}-detached.cms"))
            .check()
            .unwrap();
        assert_eq!(report.signer, format!("CN=Dr. Li {kind}"));
        assert_eq!((report.stamped, report.revocation_checked), (None, false));
    }
}

#[test]
fn signatures_that_hold_their_file_and_no_attributes_hold() {
    for kind in ["rsa", "p256"] {
        assert!(
            Case::new(kind, &format!("{kind}-attached.cms"))
                .check()
                .is_ok()
        );
    }
}

#[test]
fn another_file_is_named() {
    for cms in ["p256-detached.cms", "p256-attached.cms"] {
        let mut case = Case::new("p256", cms);
        case.file.push(b'\n');
        assert_eq!(case.check(), Err(CarriedError::File));
    }
    let mut case = Case::new("sm2", "sm2-detached.cms");
    case.file[0] ^= 1;
    assert_eq!(case.check(), Err(CarriedError::File));
}

#[test]
fn a_changed_signature_is_named() {
    for kind in ["rsa", "p256", "sm2"] {
        let mut case = Case::new(kind, &format!("{kind}-detached.cms"));
        *case.carried.cms.last_mut().unwrap() ^= 1;
        assert_eq!(case.check(), Err(CarriedError::Signature), "{kind}");
    }
}

#[test]
fn what_is_no_signed_data_is_named() {
    let mut case = Case::new("p256", "p256-doctor.der");
    assert_eq!(case.check(), Err(CarriedError::Form));
    case.carried.cms = Vec::new().into();
    assert_eq!(case.check(), Err(CarriedError::Form));
}

#[test]
fn a_certificate_that_is_missing_or_under_another_authority_is_named() {
    let mut case = Case::new("sm2", "sm2-detached.cms");
    case.carried.chain.remove(0);
    assert_eq!(case.check(), Err(CarriedError::Signer));
    let mut case = Case::new("sm2", "sm2-detached.cms");
    case.carried.chain.truncate(1);
    assert_eq!(case.check(), Err(CarriedError::Chain));
    let mut case = Case::new("p256", "p256-detached.cms");
    case.ca_roots = vec![bytes("rsa-root.der")];
    assert_eq!(case.check(), Err(CarriedError::Chain));
    case.ca_roots.clear();
    assert_eq!(case.check(), Err(CarriedError::Chain));
}

#[test]
fn a_root_of_policy_counts_where_it_is_kept_with_the_signature() {
    let mut case = Case::stamped();
    let digest = |name: &str| Suite::International.hash(&[&bytes(name)]);
    let roots = [digest("p256-root.der"), digest("stamp-root.der")];
    assert_eq!(case.check().unwrap().roots, roots);
    case.with_roots = false;
    assert_eq!(case.check(), Err(CarriedError::TimeStamp));
    case.carried.time_stamp = Vec::new().into();
    assert_eq!(case.check(), Err(CarriedError::Chain));
    // One that came along and that policy does not name is no root.
    case.carried.chain.push(bytes("p256-root.der").into());
    assert_eq!(case.check().unwrap().roots, roots[..1]);
    case.ca_roots.clear();
    assert_eq!(case.check(), Err(CarriedError::Chain));
}

#[test]
fn an_authority_of_time_stamps_does_not_vouch_for_signers() {
    let mut case = Case::stamped();
    std::mem::swap(&mut case.ca_roots, &mut case.tsa_roots);
    assert_eq!(case.check(), Err(CarriedError::TimeStamp));
    case.carried.time_stamp = Vec::new().into();
    assert_eq!(case.check(), Err(CarriedError::Chain));
}

#[test]
fn a_time_stamp_is_found_bare_or_in_an_answer() {
    let token = bytes("p256-stamp.der");
    assert_eq!(token_of(&token), Some(token.clone()));
    // TimeStampResp { PKIStatusInfo { granted }, token }
    let content = [&[0x30, 0x03, 0x02, 0x01, 0x00], token.as_slice()].concat();
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let answer = [&[0x30, 0x82], length.as_slice(), &content].concat();
    assert_eq!(token_of(&answer), Some(token));
    assert_eq!(token_of(b"nothing"), None);
}

#[test]
fn a_certificate_that_its_issuer_did_not_sign_is_named() {
    for number in [0, 1] {
        let mut case = Case::new("p256", "p256-detached.cms");
        assert!(case.check().is_ok());
        let certificate = &mut case.carried.chain[number];
        let last = certificate.len() - 1;
        certificate[last] ^= 1;
        assert_eq!(case.check(), Err(CarriedError::Chain));
    }
}

#[test]
fn a_certificate_that_policy_trusts_itself_needs_no_issuer() {
    let mut case = Case::new("p256", "p256-detached.cms");
    case.ca_roots = vec![bytes("p256-doctor.der")];
    assert!(case.check().is_ok());
}

#[test]
fn a_doctor_or_an_authority_too_deep_issues_nothing() {
    let mut case = Case::new("p256", "p256-rogue.cms");
    case.carried.chain = list(&["p256-rogue.der", "p256-doctor.der", "p256-sub.der"]);
    assert_eq!(case.check(), Err(CarriedError::Purpose));
    let mut case = Case::new("p256", "p256-deep.cms");
    case.carried.chain = list(&["p256-deep.der", "p256-subsub.der", "p256-sub.der"]);
    assert_eq!(case.check(), Err(CarriedError::Purpose));
    // Below a root that limits nothing the same authority is good.
    case.ca_roots = vec![bytes("p256-subsub.der")];
    assert!(case.check().is_ok());
}

#[test]
fn a_certificate_outside_its_validity_is_named() {
    let mut case = Case::new("p256", "p256-detached.cms");
    case.sealed = AsOf::Clock(MADE - 365 * DAY);
    assert_eq!(case.check(), Err(CarriedError::Validity));
    case.sealed = AsOf::Clock(MADE + 9500 * DAY);
    assert_eq!(case.check(), Err(CarriedError::Validity));
}

#[test]
fn a_seal_that_came_late_finds_certificates_that_ended_up_to_thirty_days_before() {
    let block = |days| AsOf::Block(MADE + days * DAY);
    let mut case = Case::new("p256", "p256-detached.cms");
    for (sealed, holds) in [
        (block(8999), true),
        (block(9029), true),
        (block(9031), false),
        (AsOf::Clock(MADE + 9001 * DAY), false),
    ] {
        case.sealed = sealed;
        assert_eq!(case.check().is_ok(), holds, "{sealed:?}");
    }
}

#[test]
fn a_time_stamp_of_after_the_sealing_is_named() {
    let mut case = Case::stamped();
    let time = case.check().unwrap().stamped.unwrap();
    for sealed in [AsOf::Clock, AsOf::Block] {
        case.sealed = sealed(time - 300_000);
        assert!(case.check().is_ok());
        case.sealed = sealed(time - 300_001);
        assert_eq!(case.check(), Err(CarriedError::TimeStamp));
    }
}

#[test]
fn a_key_for_another_purpose_is_named() {
    for kind in ["rsa", "p256"] {
        let case = Case::new(kind, &format!("{kind}-web.cms"));
        assert_eq!(case.check(), Err(CarriedError::Purpose));
    }
}

#[test]
fn a_time_stamp_says_when_and_counts_before_the_time_given() {
    let mut case = Case::stamped();
    // The certificates are over by the time given; the stamp says they were not at signing.
    case.sealed = AsOf::Clock(MADE + 9500 * DAY);
    let stamped = case.check().unwrap().stamped.unwrap();
    assert!(stamped.abs_diff(MADE) < DAY);
}

#[test]
fn a_time_stamp_over_another_signature_or_of_another_authority_is_named() {
    let mut case = Case::new("rsa", "rsa-detached.cms");
    case.carried.time_stamp = bytes("p256-stamp.der").into();
    assert_eq!(case.check(), Err(CarriedError::TimeStamp));
    let mut case = Case::stamped();
    case.tsa_roots = vec![bytes("p256-root.der")];
    assert_eq!(case.check(), Err(CarriedError::TimeStamp));
    let mut case = Case::stamped();
    *case.carried.time_stamp.last_mut().unwrap() ^= 1;
    assert_eq!(case.check(), Err(CarriedError::TimeStamp));
    case.carried.time_stamp = bytes("p256-detached.cms").into();
    assert_eq!(case.check(), Err(CarriedError::TimeStamp));
}

#[test]
fn kept_answers_about_revocation_are_read() {
    for answer in ["good.ocsp", "good.crl"] {
        let mut case = Case::stamped();
        case.revocation_required = true;
        assert_eq!(case.check(), Err(CarriedError::RevocationMissing));
        case.carried.revocation = list(&[answer]);
        assert!(case.check().unwrap().revocation_checked, "{answer}");
    }
    for answer in ["revoked.ocsp", "revoked.crl"] {
        let mut case = Case::stamped();
        case.carried.revocation = list(&[answer]);
        assert_eq!(case.check(), Err(CarriedError::Revoked), "{answer}");
    }
}

#[test]
fn an_answer_about_others_or_changed_does_not_count() {
    for answer in ["good.ocsp", "good.crl"] {
        let mut case = Case::new("rsa", "rsa-detached.cms");
        case.carried.revocation = list(&[answer]);
        assert!(!case.check().unwrap().revocation_checked);
    }
    let mut case = Case::stamped();
    case.carried.revocation = list(&["good.crl"]);
    *case.carried.revocation[0].last_mut().unwrap() ^= 1;
    assert!(!case.check().unwrap().revocation_checked);
    case.carried.revocation = vec![b"nothing".to_vec().into()];
    assert_eq!(case.check(), Err(CarriedError::Form));
}

#[test]
fn a_signature_over_attributes_is_none_over_a_file_that_holds_them() {
    let mut case = Case::new("p256", "p256-detached.cms");
    let mut info = ContentInfo::from_der(&case.carried.cms).unwrap();
    let mut data: SignedData = info.content.decode_as().unwrap();
    let mut signer = data.signer_infos.0.as_slice()[0].clone();
    case.file = signer.signed_attrs.take().unwrap().to_der().unwrap();
    data.signer_infos = SignerInfos([signer].try_into().unwrap());
    info.content = Any::encode_from(&data).unwrap();
    case.carried.cms = info.to_der().unwrap().into();
    assert_eq!(case.check(), Err(CarriedError::Form));
}

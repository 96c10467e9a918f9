//! Signatures of the hospital's own system in a pack: what holds, and each way in which it does not.

use medfolder_crypto::Suite;
use medfolder_record::{CarriedFile, CarriedSignature, Record};
use minicbor::bytes::ByteVec;

use super::tests::making;
use super::world::{BODY, P256_ROOT, SM2_ROOT, STAMP_ROOT, Sealable, VISIT_ROOT, World};
use super::*;

macro_rules! vector_file {
    ($name:literal) => {
        include_bytes!(concat!("../../../../tests/vectors/record/carried/", $name))
    };
}

/// 2026-11-23, when the certificates of `tests/vectors/record/carried` are some days old.
const LATER: u64 = 326 * 86_400_000;
const FILE: &[u8] = vector_file!("file.pdf");
const PDF: &str = "application/pdf";
/// A document that the hospital's own system signed, and that is the record.
const VISIT: &str = match std::str::from_utf8(vector_file!("visit.json")) {
    Ok(text) => text,
    Err(_) => panic!(),
};

/// A record with what the hospital's own system signed beside it.
pub(super) struct Original {
    pub(super) body: &'static str,
    pub(super) signature: CarriedSignature,
    pub(super) file: CarriedFile,
}

fn list(parts: &[&[u8]]) -> Vec<ByteVec> {
    parts.iter().map(|part| part.to_vec().into()).collect()
}

impl Original {
    fn new(suite: Suite, media_type: &str, file: &[u8], cms: &[u8], chain: &[&[u8]]) -> Self {
        Self {
            body: BODY,
            signature: CarriedSignature {
                file: suite.hash(&[file]),
                media_type: media_type.to_owned(),
                cms: cms.to_vec().into(),
                chain: list(chain),
                revocation: Vec::new(),
                time_stamp: Vec::new().into(),
            },
            file: CarriedFile {
                media_type: media_type.to_owned(),
                bytes: file.to_vec().into(),
            },
        }
    }

    /// ECDSA with all that may be kept; SM2 without.
    pub(super) fn of(suite: Suite) -> Self {
        if suite == Suite::National {
            let chain = [
                vector_file!("sm2-doctor.der"),
                vector_file!("sm2-sub.der").as_slice(),
                SM2_ROOT,
            ];
            return Self::new(suite, PDF, FILE, vector_file!("sm2-detached.cms"), &chain);
        }
        let cms = vector_file!("p256-detached.cms");
        let mut original = Self::new(suite, PDF, FILE, cms, &[P256_ROOT, STAMP_ROOT]);
        let answers: [&[u8]; 2] = [vector_file!("good.ocsp"), vector_file!("good.crl")];
        original.signature.revocation = list(&answers);
        original.signature.time_stamp = vector_file!("p256-stamp.der").to_vec().into();
        original
    }

    /// The record's own body is what was signed.
    pub(super) fn is_body(suite: Suite) -> Self {
        let cms = vector_file!("visit.json.p7s");
        let kind = "application/fhir+json";
        let original = Self::new(suite, kind, VISIT.as_bytes(), cms, &[VISIT_ROOT]);
        Self {
            body: VISIT,
            ..original
        }
    }

    fn seal(&self, world: &mut World) -> (Record, Vec<u8>) {
        let signed = world.time();
        world.seal_this(&Sealable {
            seq: 0,
            signed,
            body: self.body,
            carried: vec![self.signature.clone()],
            files: vec![self.file.clone()],
        })
    }

    /// Sealed after the certificates were made, with the pack that is made of it.
    pub(super) fn sealed(&self, suite: Suite, with_body: bool) -> Sealed {
        let mut world = World::with_card(suite);
        world.pass(LATER);
        let (record, seal) = self.seal(&mut world);
        let pack = making(&world, &record, &seal).whole(with_body).unwrap();
        Sealed {
            world,
            record,
            seal,
            pack,
        }
    }

    /// Why the pack of a record with this signature proves nothing.
    fn refused(self) -> (&'static str, &'static str) {
        let sealed = self.sealed(Suite::International, true);
        let report = sealed.report();
        let failed = report.failed().map_or("", |failed| failed.code);
        (failed, report.carried_failure.unwrap_or_default())
    }
}

pub(super) struct Sealed {
    pub(super) world: World,
    pub(super) record: Record,
    pub(super) seal: Vec<u8>,
    pub(super) pack: Evidence,
}

impl Sealed {
    fn report(&self) -> Report {
        let pack = Evidence::from_bytes(&self.pack.to_bytes()).unwrap();
        pack.verify(Some(&self.world.chain), None)
    }

    /// The check that fails after a change of the files in the pack.
    fn after(mut self, change: impl FnOnce(&mut Vec<CarriedFile>)) -> (&'static str, &'static str) {
        let Shown::Whole(whole) = &mut self.pack.shown else {
            panic!("made whole")
        };
        change(&mut whole.files);
        let report = self.report();
        assert_eq!(report.seal, SealState::Failed);
        assert!(report.carried.is_empty());
        (
            report.failed().unwrap().code,
            report.carried_failure.unwrap(),
        )
    }
}

fn original() -> Original {
    Original::of(Suite::International)
}

fn fails(code: &'static str) -> (&'static str, &'static str) {
    ("evidence.carried", code)
}

#[test]
fn a_signature_of_the_hospitals_own_system_is_checked_and_its_signer_named() {
    for (suite, signer) in [
        (Suite::International, "CN=Dr. Li p256"),
        (Suite::National, "CN=Dr. Li sm2"),
    ] {
        let report = Original::of(suite).sealed(suite, true).report();
        assert_eq!(report.failed(), None);
        assert_eq!(report.seal, SealState::Verified);
        assert_eq!(report.outcome(EvidenceCheck::Carried), Outcome::Holds);
        let [signed] = report.carried.as_slice() else {
            panic!("one signed")
        };
        assert_eq!(
            (signed.signer.as_str(), signed.media_type.as_str()),
            (signer, PDF)
        );
        let kept = suite == Suite::International;
        assert_eq!(
            (signed.stamped.is_some(), signed.revocation_checked),
            (kept, kept)
        );
        let (zh, en) = report.summary();
        assert!(zh.contains(signer) && en.contains(signer));
        let told = report
            .checks
            .iter()
            .find(|check| check.code == "evidence.carried");
        assert!(told.unwrap().en.contains("are genuine"));
    }
}

#[test]
fn an_opened_record_names_who_signed_and_what_does_not_hold() {
    let of = |original: Original| {
        let Sealed { world, record, .. } = original.sealed(Suite::International, false);
        let position = 0;
        let at = |time| medfolder_record::SealedAt { position, time };
        let checked = carried(&world.chain, &record, &at(world.time()));
        let early = carried(&world.chain, &record, &at(super::world::START));
        let told = |found: Result<CarriedSigned, _>| found.map(|signed| signed.signer);
        (
            checked.into_iter().map(told).collect::<Vec<_>>(),
            early.into_iter().map(told).collect::<Vec<_>>(),
        )
    };
    let (now, early) = of(Original::is_body(Suite::International));
    assert_eq!(now, [Ok("CN=Dr. Li".to_owned())]);
    assert_eq!(early, [Err("carried.validity")]);
    let mut changed = original();
    changed.signature.chain.clear();
    assert_eq!(of(changed).0, [Err("carried.time_stamp")]);
}

#[test]
fn a_body_that_the_hospitals_system_signed_is_not_repeated() {
    let Sealed { world, pack, .. } =
        Original::is_body(Suite::International).sealed(Suite::International, false);
    let Shown::Whole(whole) = &pack.shown else {
        panic!("made whole")
    };
    assert!(whole.files.is_empty());
    let report = pack.verify(Some(&world.chain), Some(VISIT.as_bytes()));
    assert_eq!(report.outcome(EvidenceCheck::Carried), Outcome::Holds);
    assert_eq!(report.carried[0].signer, "CN=Dr. Li");
    let report = pack.verify(Some(&world.chain), None);
    assert_eq!(report.seal, SealState::SealOnly);
    assert_eq!(report.outcome(EvidenceCheck::Carried), Outcome::NotChecked);
    assert!(report.carried.is_empty());
}

#[test]
fn single_entries_come_without_the_signed_file_and_say_so() {
    let sealed = original().sealed(Suite::International, true);
    let making = making(&sealed.world, &sealed.record, &sealed.seal);
    let part = making.pieces(&[1], &[]).unwrap();
    let bytes = part.to_bytes();
    assert!(!bytes.windows(FILE.len()).any(|window| window == FILE));
    let report = part.verify(Some(&sealed.world.chain), None);
    assert_eq!(report.seal, SealState::VerifiedInPart);
    assert_eq!(report.outcome(EvidenceCheck::Carried), Outcome::NotChecked);
    assert!(report.carried.is_empty());
}

#[test]
fn a_signed_file_that_is_changed_missing_doubled_or_of_another_kind_is_named() {
    let changes: [fn(&mut Vec<CarriedFile>); 5] = [
        |files| files[0].bytes[9] ^= 1,
        Vec::clear,
        |files| files.push(files[0].clone()),
        |files| files[0].media_type = "text/plain".into(),
        |files| {
            files.push(CarriedFile {
                media_type: PDF.into(),
                bytes: b"signed by nobody".to_vec().into(),
            });
        },
    ];
    for change in changes {
        let sealed = original().sealed(Suite::International, true);
        assert_eq!(sealed.after(change), fails("carried.file"));
    }
    let body = Original::is_body(Suite::International).sealed(Suite::International, true);
    let repeated = |files: &mut Vec<CarriedFile>| {
        files.push(Original::is_body(Suite::International).file);
    };
    assert_eq!(body.after(repeated), fails("carried.file"));
}

#[test]
fn a_file_beside_a_record_without_such_a_signature_is_named() {
    let mut world = World::with_card(Suite::International);
    let (record, seal) = world.seal_record(0);
    let pack = making(&world, &record, &seal).whole(true).unwrap();
    let sealed = Sealed {
        world,
        record,
        seal,
        pack,
    };
    assert_eq!(sealed.report().failed(), None);
    let smuggled = |files: &mut Vec<CarriedFile>| files.push(original().file);
    assert_eq!(sealed.after(smuggled), fails("carried.file"));
}

#[test]
fn a_signature_changed_after_the_seal_is_not_the_one_under_the_leaf() {
    let mut sealed = original().sealed(Suite::International, true);
    let last = sealed.pack.signatures.len() - 1;
    sealed.pack.signatures[last] ^= 1;
    assert_eq!(sealed.report().failed().unwrap().code, "evidence.leaf");
}

#[test]
fn what_a_hospital_sealed_without_checking_is_named() {
    type Change = fn(&mut Original);
    let changes: [(Change, &str); 8] = [
        (
            |o| *o.signature.cms.last_mut().unwrap() ^= 1,
            "carried.signature",
        ),
        (
            |o| o.signature.cms = vector_file!("visit.json.p7s").to_vec().into(),
            "carried.file",
        ),
        (
            |o| o.signature.cms = vector_file!("rsa-detached.cms").to_vec().into(),
            "carried.time_stamp",
        ),
        (|o| o.signature.cms = b"cms".to_vec().into(), "carried.form"),
        (|o| o.signature.chain = list(&[STAMP_ROOT]), "carried.chain"),
        (
            |o| o.signature.chain = list(&[P256_ROOT]),
            "carried.time_stamp",
        ),
        (
            |o| o.signature.revocation = list(&[vector_file!("revoked.crl")]),
            "carried.revoked",
        ),
        (
            |o| o.signature.revocation = list(&[vector_file!("revoked.ocsp")]),
            "carried.revoked",
        ),
    ];
    for (change, code) in changes {
        let mut original = original();
        change(&mut original);
        assert_eq!(original.refused(), fails(code));
    }
}

#[test]
fn an_authority_that_policy_does_not_name_or_a_key_for_other_purposes_is_named() {
    let plain = |cms: &[u8], chain: &[&[u8]]| {
        Original::new(Suite::International, PDF, FILE, cms, chain).refused()
    };
    let rsa = vector_file!("rsa-detached.cms");
    let root = vector_file!("rsa-root.der");
    assert_eq!(plain(rsa, &[root, P256_ROOT]), fails("carried.chain"));
    let web = vector_file!("p256-web.cms");
    assert_eq!(plain(web, &[P256_ROOT]), fails("carried.purpose"));
    let p256 = vector_file!("p256-detached.cms");
    assert_eq!(plain(p256, &[P256_ROOT]), ("", ""));
}

#[test]
fn certificates_are_judged_as_of_the_seal() {
    let mut original = original();
    original.signature.time_stamp = Vec::new().into();
    let mut world = World::with_card(Suite::International);
    let (record, seal) = original.seal(&mut world);
    // A checkpoint of long after does not make them older.
    world.pass(LATER);
    let pack = making(&world, &record, &seal).whole(true).unwrap();
    let report = Sealed {
        world,
        record,
        seal,
        pack,
    }
    .report();
    let failed = (
        report.failed().unwrap().code,
        report.carried_failure.unwrap(),
    );
    assert_eq!(failed, fails("carried.validity"));
}

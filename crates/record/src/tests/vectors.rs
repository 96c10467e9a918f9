//! Pinned vectors of both suites, `tests/vectors/record/*.json`.
//!
//! `cargo test -p medfolder-record -- --ignored write_vectors` writes them anew: only for a new
//! version of a format.

use super::forge::{BODY, SEALED, SIGNED, TestRng, secret};
use crate::{
    Attachment, AttachmentSealer, Author, Blob, CardNumber, CarriedFile, CarriedSignature,
    ContentSalt, Custody, Disclosing, DoctorSignature, Draft, Envelope, KeyId, KeySlot, Kind,
    MemberId, Place, RecordKey, RecordSignature, SealKey, SealedRecord, Sealing, Signatures,
    SlotPlace, StaffKey, Statement, StatementFields, Times, VisitId,
};
use medfolder_crypto::tree::{ChainRoot, KeyPair};
use medfolder_crypto::{Digest, Secret32, SigningKey, Suite, to_cbor};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/record");
const ROOT: [u8; 32] = [0x5a; 32];
const DOCTOR_SEED: [u8; 32] = [0xd0; 32];
const SEAL_KEY: [u8; 32] = [0x5e; 32];
const CONTENT_SALT: [u8; 32] = [0xc5; 32];
const LARGE: usize = 70_000;

/// Bytes i mod 251: an attachment that needs no file.
fn large() -> Vec<u8> {
    (0..LARGE).map(|i| (i % 251) as u8).collect()
}

struct Vector {
    suite: Suite,
    card: KeyPair,
    place: Place,
    doctor: SigningKey,
    key: RecordKey,
}

impl Vector {
    fn new(suite: Suite) -> Self {
        let genesis = suite.hash(&[b"vector genesis"]);
        let member = MemberId([0x4d; 16]);
        let root = ChainRoot::derive(suite, &Secret32::new(ROOT), &genesis);
        let card = root.card(member.as_bytes(), 0);
        let place = Place {
            genesis,
            member,
            card: CardNumber(card.number),
            visit: VisitId([0x56; 16]),
            seq: 1,
            k: 2,
        };
        let doctor = SigningKey::from_seed(suite, &Secret32::new(DOCTOR_SEED));
        let key = SealKey::new(Secret32::new(SEAL_KEY)).record(suite, place.k);
        Self {
            suite,
            card,
            place,
            doctor,
            key,
        }
    }

    fn slot_place(&self) -> SlotPlace {
        let Place {
            member,
            card,
            visit,
            seq,
            ..
        } = self.place;
        SlotPlace {
            member,
            card,
            visit,
            seq,
        }
    }

    fn statement(&self) -> Statement {
        let key = Some(KeyId::of(self.suite, &self.doctor.public()));
        Statement::new(StatementFields {
            member: self.place.member,
            visit: self.place.visit,
            patient_number: "P-0001".into(),
            kind: Kind {
                wst500: Some("C0002".into()),
                loinc: "34108-1".into(),
            },
            title: "门诊病历".into(),
            author: Author {
                key,
                name: "李医生".into(),
            },
            department: "心内科".into(),
            times: Times {
                visit_start: -86_400_000,
                visit_end: None,
                authored: SIGNED as i64,
            },
            replaces: None,
            media_type: "application/fhir+json".into(),
            attachments: 2,
        })
        .unwrap()
    }

    fn attachment(&self, j: u32, name: &str, bytes: &[u8]) -> (Attachment, Blob, Vec<u8>) {
        let mut out = Vec::new();
        let size = bytes.len() as u64;
        let mut sealer = AttachmentSealer::new(&self.key, &self.place, j, size).unwrap();
        sealer.push(bytes, &mut out).unwrap();
        let (digest, blob) = sealer.finish(&mut out).unwrap();
        let media_type = "application/octet-stream".into();
        (
            Attachment {
                digest,
                size,
                name: name.into(),
                media_type,
            },
            blob,
            out,
        )
    }

    fn attachments(&self) -> [(Attachment, Blob, Vec<u8>); 2] {
        [
            self.attachment(0, "note.txt", b"small"),
            self.attachment(1, "large.bin", &large()),
        ]
    }

    fn file(&self) -> CarriedFile {
        CarriedFile {
            media_type: "application/pdf".into(),
            bytes: b"%PDF-1.7 vector".to_vec().into(),
        }
    }

    fn draft(&self) -> Draft<'static> {
        let attachments = self.attachments().map(|(piece, _, _)| piece).to_vec();
        let salt = ContentSalt::new(Secret32::new(CONTENT_SALT));
        Draft::new(
            self.suite,
            salt,
            self.statement(),
            BODY.as_bytes(),
            attachments,
        )
        .unwrap()
    }

    fn signatures(&self) -> Signatures {
        let (genesis, root) = (&self.place.genesis, self.draft().content_root());
        let custody = Custody::HardwareToken;
        let native = DoctorSignature::sign(&self.doctor, genesis, &root, SIGNED, custody);
        let file = self.file();
        let carried = CarriedSignature {
            file: self.suite.hash(&[&file.bytes]),
            media_type: file.media_type,
            cms: b"cms".to_vec().into(),
            chain: vec![b"certificate".to_vec().into()],
            revocation: vec![b"ocsp".to_vec().into(), b"crl".to_vec().into()],
            time_stamp: Vec::new().into(),
        };
        Signatures(vec![
            RecordSignature::Native(native),
            RecordSignature::Carried(carried),
        ])
    }

    fn seal(&self) -> SealedRecord {
        let blobs = self.attachments().map(|(_, blob, _)| blob).to_vec();
        let sealing = Sealing {
            key: &self.key,
            place: self.place,
            signatures: &self.signatures(),
            files: &[self.file()],
            blobs,
            storage_address: None,
        };
        self.draft().seal(sealing).unwrap()
    }

    fn slot(&self) -> KeySlot {
        let key = SealKey::new(Secret32::new(SEAL_KEY));
        let recipient = self.card.encryption.public();
        KeySlot::make(&self.slot_place(), &recipient, &key, &mut TestRng(1)).unwrap()
    }

    fn staff(&self) -> BTreeMap<KeyId, StaffKey> {
        let id = KeyId::of(self.suite, &self.doctor.public());
        let entry = StaffKey {
            member: self.place.member,
            key: self.doctor.verifying_key(),
            enrolled: 1,
            valid_from: 0,
            valid_until: u64::MAX,
            ended: None,
        };
        BTreeMap::from([(id, entry)])
    }

    /// Everything but the slot, which draws randomness.
    fn fixed(&self) -> Value {
        let sealed = self.seal();
        let envelope = Envelope::from_bytes(&sealed.envelope).unwrap();
        let [(small, _, small_blob), (_, large_blob, _)] = self.attachments();
        json!({
            "suite": self.suite,
            "root": hex::encode(ROOT),
            "genesis": self.place.genesis,
            "member": self.place.member,
            "card": self.place.card,
            "card_index": 0,
            "visit": self.place.visit,
            "seq": self.place.seq,
            "k": self.place.k,
            "seal_key": hex::encode(SEAL_KEY),
            "content_salt": hex::encode(CONTENT_SALT),
            "doctor_public": self.doctor.public(),
            "doctor_key_id": KeyId::of(self.suite, &self.doctor.public()),
            "signed_at": SIGNED,
            "statement": hex::encode(self.statement().to_bytes()),
            "body": BODY,
            "signatures": hex::encode(self.signatures().to_bytes()),
            "attachments": {
                "small": "small",
                "small_piece": hex::encode(small.to_bytes()),
                "small_blob": hex::encode(small_blob),
                "large_size": LARGE,
                "large_rule": "byte i is i mod 251",
                "large_root": large_blob.root,
                "large_blob_length": large_blob.length,
            },
            "core": hex::encode(envelope.core_bytes()),
            "core_digest": envelope.core_digest(self.suite),
            "content_root": envelope.content_root(),
            "signatures_digest": envelope.signatures_digest(),
            "leaf": sealed.id,
            "envelope": hex::encode(&sealed.envelope),
            "disclosed_entry_1": hex::encode(self.disclosed_entry(&sealed)),
        })
    }

    fn disclosed_entry(&self, sealed: &SealedRecord) -> Vec<u8> {
        let record = self.open(sealed, &SealKey::new(Secret32::new(SEAL_KEY)));
        let disclosing: Disclosing<'_> = record.disclosing();
        to_cbor(&disclosing.entry(1).unwrap())
    }

    fn open(&self, sealed: &SealedRecord, key: &SealKey) -> crate::Record {
        let SealedRecord { id, envelope } = sealed;
        crate::open(
            self.suite,
            envelope,
            id,
            &self.place,
            key,
            &self.staff(),
            &SEALED,
        )
        .unwrap()
    }
}

fn file(suite: Suite) -> String {
    format!("{DIRECTORY}/{suite}.json")
}

fn pinned(suite: Suite) -> Value {
    serde_json::from_str(&std::fs::read_to_string(file(suite)).unwrap()).unwrap()
}

#[test]
fn records_are_made_byte_for_byte_as_pinned() {
    for suite in Suite::ALL {
        let mut pinned = pinned(suite);
        pinned.as_object_mut().unwrap().remove("slot");
        assert_eq!(Vector::new(suite).fixed(), pinned);
    }
}

#[test]
fn the_pinned_slot_opens_the_pinned_envelope() {
    for suite in Suite::ALL {
        let (vector, pinned) = (Vector::new(suite), pinned(suite));
        let bytes = |name: &str| hex::decode(pinned[name].as_str().unwrap()).unwrap();
        let slot = KeySlot::from_bytes(&bytes("slot")).unwrap();
        let key = slot
            .open(&vector.slot_place(), &vector.card.encryption)
            .unwrap();
        let id = pinned["leaf"].as_str().unwrap().parse().unwrap();
        let record = vector.open(
            &SealedRecord {
                id,
                envelope: bytes("envelope"),
            },
            &key,
        );
        assert_eq!(record.body(), BODY.as_bytes());
        assert_eq!(key, SealKey::new(secret(0x5e)));
        assert_eq!(
            Digest(*record.content_root().as_bytes()).to_string(),
            pinned["content_root"]
        );
    }
}

#[test]
#[ignore = "writes tests/vectors/record; run it only for a new version of a format"]
fn write_vectors() {
    std::fs::create_dir_all(DIRECTORY).unwrap();
    for suite in Suite::ALL {
        let vector = Vector::new(suite);
        let mut value = vector.fixed();
        value["slot"] = json!(hex::encode(vector.slot().to_bytes()));
        let text = serde_json::to_string_pretty(&value).unwrap() + "\n";
        std::fs::write(file(suite), text).unwrap();
    }
}

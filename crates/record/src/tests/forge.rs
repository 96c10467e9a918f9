//! A hospital that builds envelopes part by part and may lie in each.

use crate::carried::CarriedFile;
use crate::content::{Attachment, ContentSalt, ContentTree};
use crate::id::{CardNumber, ContentRoot, KeyId, MemberId, RecordId, VisitId};
use crate::keys::{RecordKey, SealKey};
use crate::record_core::{self, Blob, Core, Place};
use crate::sealed::Parts;
use crate::signature::{Custody, DoctorSignature, RecordSignature, Signatures};
use crate::staff::{SealedAt, StaffKey};
use crate::statement::{Author, Kind, Statement, StatementFields, Times};
use crate::{AttachmentSealer, Check, Record, envelope};
use medfolder_crypto::{Digest, Secret32, SigningKey, Suite};
use std::collections::BTreeMap;

pub(super) const BODY: &str = concat!(
    r#"{"resourceType":"Bundle","type":"document","entry":[ "#,
    r#"{"resource":{"resourceType":"Composition","title":"门诊病历"}} , "#,
    r#"{"resource":{"resourceType":"AllergyIntolerance","code":{"text":"青霉素过敏"}}}"#,
    " ]}\n"
);
pub(super) const SIGNED: u64 = 1_764_000_000_000;
pub(super) const SEALED: SealedAt = SealedAt {
    position: 50,
    time: SIGNED + 60_000,
};
pub(super) const IMAGE: &[u8] = b"not really a picture";

pub(super) const fn secret(byte: u8) -> Secret32 {
    Secret32::new([byte; 32])
}

pub(super) fn doctor(suite: Suite) -> SigningKey {
    SigningKey::from_seed(suite, &secret(0x51))
}

pub(super) fn place() -> Place {
    Place {
        genesis: Digest([0x11; 32]),
        member: MemberId([0x22; 16]),
        card: CardNumber(Digest([0x33; 32])),
        visit: VisitId([0x44; 16]),
        seq: 1,
        k: 2,
    }
}

pub(super) fn statement(suite: Suite, attachments: u32) -> Statement {
    Statement::new(StatementFields {
        member: place().member,
        visit: place().visit,
        patient_number: "P-0001".into(),
        kind: Kind {
            wst500: Some("C0002".into()),
            loinc: "34108-1".into(),
        },
        title: "门诊病历".into(),
        author: Author {
            key: Some(KeyId::of(suite, &doctor(suite).public())),
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
        attachments,
    })
    .unwrap()
}

pub(super) fn staff(suite: Suite) -> BTreeMap<KeyId, StaffKey> {
    let key = doctor(suite).verifying_key();
    let id = KeyId::of(suite, &key.to_bytes());
    let entry = StaffKey {
        member: place().member,
        key,
        enrolled: 10,
        valid_from: SIGNED - 1000,
        valid_until: SIGNED + 1_000_000,
        ended: None,
    };
    BTreeMap::from([(id, entry)])
}

/// All parts of an envelope; each test changes one.
pub(super) struct Forge {
    pub(super) suite: Suite,
    pub(super) place: Place,
    pub(super) seal_key: SealKey,
    pub(super) salt: ContentSalt,
    pub(super) statement: Vec<u8>,
    pub(super) body: Vec<u8>,
    pub(super) attachments: Vec<Attachment>,
    pub(super) blobs: Vec<Blob>,
    pub(super) signatures: Vec<u8>,
    pub(super) files: Vec<CarriedFile>,
    pub(super) content_root: ContentRoot,
    pub(super) signatures_digest: Digest,
    pub(super) commitment: Digest,
}

pub(super) struct Forged {
    pub(super) suite: Suite,
    pub(super) id: RecordId,
    pub(super) envelope: Vec<u8>,
    pub(super) blob: Vec<u8>,
    pub(super) seal_key: SealKey,
}

/// Encrypts [`IMAGE`] as attachment 0.
pub(super) fn sealed_image(key: &RecordKey) -> (Attachment, Blob, Vec<u8>) {
    let mut blob = Vec::new();
    let mut sealer = AttachmentSealer::new(key, &place(), 0, IMAGE.len() as u64).unwrap();
    sealer.push(IMAGE, &mut blob).unwrap();
    let (digest, stored) = sealer.finish(&mut blob).unwrap();
    let piece = Attachment {
        digest,
        size: IMAGE.len() as u64,
        name: "胸片.png".into(),
        media_type: "image/png".into(),
    };
    (piece, stored, blob)
}

impl Forge {
    /// An honest record with one attachment and one native signature.
    pub(super) fn honest(suite: Suite) -> Self {
        let seal_key = SealKey::new(secret(0x61));
        let record_key = seal_key.record(suite, place().k);
        let (attachment, blob, _) = sealed_image(&record_key);
        let mut forge = Self {
            suite,
            place: place(),
            commitment: record_key.commitment(),
            seal_key,
            salt: ContentSalt::new(secret(0x71)),
            statement: statement(suite, 1).to_bytes(),
            body: BODY.as_bytes().to_vec(),
            attachments: vec![attachment],
            blobs: vec![blob],
            signatures: Vec::new(),
            files: Vec::new(),
            content_root: ContentRoot(Digest([0; 32])),
            signatures_digest: Digest([0; 32]),
        };
        forge.sign();
        forge
    }

    pub(super) fn honest_root(&self) -> ContentRoot {
        let salt = &self.salt;
        ContentTree::build(
            self.suite,
            salt,
            &self.statement,
            &self.body,
            &self.attachments,
        )
        .unwrap()
        .root()
    }

    pub(super) fn signature(&self) -> DoctorSignature {
        let key = doctor(self.suite);
        let root = &self.content_root;
        DoctorSignature::sign(&key, &self.place.genesis, root, SIGNED, Custody::FileKey)
    }

    /// Computes root and signature anew, as an honest hospital does after a change.
    pub(super) fn sign(&mut self) {
        self.content_root = self.honest_root();
        self.sign_with(vec![RecordSignature::Native(self.signature())]);
    }

    pub(super) fn sign_with(&mut self, signatures: Vec<RecordSignature>) {
        self.signatures = Signatures(signatures).to_bytes();
        self.signatures_digest = Signatures::digest(self.suite, &self.signatures);
    }

    pub(super) fn with_statement(mut self, change: impl FnOnce(&mut Statement)) -> Self {
        let mut statement = statement(self.suite, self.attachments.len() as u32);
        change(&mut statement);
        self.statement = statement.to_bytes();
        self
    }

    pub(super) fn seal(self) -> Forged {
        let record_key = self.seal_key.record(self.suite, self.place.k);
        let parts = Parts {
            salt: &self.salt,
            statement: &self.statement,
            body: &self.body,
            attachments: &self.attachments,
            signatures: &self.signatures,
            files: &self.files,
        };
        let sealed = parts.seal(&record_key, &self.place).unwrap();
        let blob = sealed_image(&record_key).2;
        self.finish(sealed, blob)
    }

    pub(super) fn finish(self, sealed: Vec<u8>, blob: Vec<u8>) -> Forged {
        let core = Core {
            place: self.place,
            sealed: self.suite.hash(&[&sealed]),
            attachments: self.blobs,
            storage_address: None,
            commitment: self.commitment,
        }
        .to_bytes();
        let core_digest = record_core::core_digest(self.suite, &core);
        let id = record_core::leaf(
            self.suite,
            &core_digest,
            &self.content_root,
            &self.signatures_digest,
        );
        let envelope = envelope::write(&core, &self.content_root, &self.signatures_digest, &sealed);
        Forged {
            suite: self.suite,
            id,
            envelope,
            blob,
            seal_key: self.seal_key,
        }
    }
}

impl Forged {
    /// Opens as the card's holder does.
    pub(super) fn open(&self) -> Result<Record, Check> {
        self.open_at(&place(), &self.seal_key)
    }

    pub(super) fn open_at(&self, place: &Place, key: &SealKey) -> Result<Record, Check> {
        let staff = staff(self.suite);
        crate::open(
            self.suite,
            &self.envelope,
            &self.id,
            place,
            key,
            &staff,
            &SEALED,
        )
    }
}

/// Randomness that repeats: SHA-256 of a counter.
pub(super) struct TestRng(pub(super) u64);

impl rand_core::TryRng for TestRng {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        rand_core::utils::next_word_via_fill(self)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        rand_core::utils::next_word_via_fill(self)
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        for part in out.chunks_mut(32) {
            let block = Suite::International.hash(&[&self.0.to_be_bytes()]);
            part.copy_from_slice(&block.0[..part.len()]);
            self.0 += 1;
        }
        Ok(())
    }
}

impl rand_core::TryCryptoRng for TestRng {}

//! What an inner zone would deliver: sealed records of a visit, with and without attachments.

use medfolder_crypto::{Secret32, os_rng};
use medfolder_gateway::spool::{Delivery, Out, Writer};
use medfolder_ledger::body::{Mark, Seal, SealedLeaf};
use medfolder_record::content::Attachment;
use medfolder_record::{
    AttachmentSealer, Author, ContentSalt, Custody, DoctorSignature, Draft, KeySlot, Kind, Place,
    RecordId, RecordSignature, SealKey, Sealing, Signatures, SlotPlace, Statement, StatementFields,
    Times, VisitId,
};

use crate::chain::{self, AREA, MEMBER};
use crate::world::{Card, World};

pub(crate) const TITLE: &str = "出院小结-MARKER";

pub(crate) struct Visit {
    pub(crate) id: VisitId,
    pub(crate) records: Vec<RecordId>,
    pub(crate) envelopes: Vec<Vec<u8>>,
    pub(crate) blob: Vec<u8>,
    pub(crate) slot: Vec<u8>,
    pub(crate) key: SealKey,
    pub(crate) delivery: Delivery,
}

fn statement(visit: VisitId, attachments: u32, now: u64) -> Statement {
    Statement::new(StatementFields {
        member: MEMBER,
        visit,
        patient_number: "P-MARKER".into(),
        kind: Kind {
            wst500: None,
            loinc: "34108-1".into(),
        },
        title: TITLE.into(),
        author: Author {
            key: None,
            name: "李医生".into(),
        },
        department: "心内科".into(),
        times: Times {
            visit_start: now as i64,
            visit_end: None,
            authored: now as i64,
        },
        replaces: None,
        media_type: "application/fhir+json".into(),
        attachments,
    })
    .unwrap()
}

/// Seals two records of a visit, the first with an attachment, and puts its blob into the spool.
pub(crate) fn visit(world: &World, card: &Card, seed: u8, attachment: &[u8]) -> Visit {
    let (suite, now) = (
        world.suite(),
        medfolder_gateway::clock::Clock::now(&*world.clock),
    );
    let (id, key) = (VisitId([seed; 16]), SealKey::new(Secret32::new([seed; 32])));
    let place = |k| Place {
        genesis: world.chain.digest(),
        member: MEMBER,
        card: card.number,
        visit: id,
        seq: 0,
        k,
    };
    let mut blob = Vec::new();
    let mut sealer =
        AttachmentSealer::new(&key.record(suite, 0), &place(0), 0, attachment.len() as u64)
            .unwrap();
    sealer.push(attachment, &mut blob).unwrap();
    let (digest, stored) = sealer.finish(&mut blob).unwrap();
    let piece = Attachment {
        digest,
        size: attachment.len() as u64,
        name: "胸片.png".into(),
        media_type: "image/png".into(),
    };
    let body = r#"{"resourceType":"Bundle","entry":[{"resource":{"note":"BODY-MARKER"}}]}"#;
    let (mut records, mut envelopes) = (Vec::new(), Vec::new());
    for (k, (pieces, blobs)) in [(vec![piece], vec![stored]), (vec![], vec![])]
        .into_iter()
        .enumerate()
    {
        let statement = statement(id, pieces.len() as u32, now);
        let salt = ContentSalt::random(&mut os_rng());
        let draft = Draft::new(suite, salt, statement, body.as_bytes(), pieces).unwrap();
        let root = draft.content_root();
        let custody = Custody::FileKey;
        let doctor = chain::key(suite, 30);
        let signed = DoctorSignature::sign(&doctor, &world.chain.digest(), &root, now, custody);
        let signatures = Signatures(vec![RecordSignature::Native(signed)]);
        let sealed = draft
            .seal(Sealing {
                key: &key.record(suite, k as u32),
                place: place(k as u32),
                signatures: &signatures,
                files: &[],
                blobs,
                storage_address: None,
            })
            .unwrap();
        records.push(sealed.id);
        envelopes.push(sealed.envelope);
    }
    let slot_place = SlotPlace {
        member: MEMBER,
        card: card.number,
        visit: id,
        seq: 0,
    };
    let slot = KeySlot::make(&slot_place, &card.encryption.public(), &key, &mut os_rng());
    let slot = slot.unwrap().to_bytes();
    let seal = Seal {
        member: MEMBER,
        card: card.number,
        visit: id,
        seq: 0,
        area: AREA,
        policy: 0,
        time: now,
        mark: Mark::None,
        leaves: records
            .iter()
            .map(|leaf| SealedLeaf {
                leaf: *leaf,
                replaces: None,
            })
            .collect(),
        earlier: None,
    };
    let transaction = world.signed(seal, &[&chain::key(suite, 2)]).to_bytes();
    let mut writer = Writer::<Out>::open(&world.dir.path().join("out")).unwrap();
    let (digest, size) = writer.put_blob(suite, blob.as_slice()).unwrap();
    let delivery = Delivery {
        transaction,
        envelopes: envelopes.iter().cloned().map(Into::into).collect(),
        slot: slot.clone(),
        attachments: vec![medfolder_gateway::spool::BlobRef {
            record: records[0],
            index: 0,
            digest,
            size,
        }],
    };
    Visit {
        id,
        records,
        envelopes,
        blob,
        slot,
        key,
        delivery,
    }
}

pub(crate) fn send(world: &World, message: Out) {
    Writer::open(&world.dir.path().join("out"))
        .unwrap()
        .send(message)
        .unwrap();
}

impl World {
    pub(crate) fn is_sealed(&self, visit: VisitId) -> bool {
        self.ledger.accepted().iter().any(|tx| {
            matches!(&tx.body, medfolder_ledger::body::Body::Seal(seal) if seal.visit == visit)
        })
    }

    /// Delivers a visit and waits until it is sealed.
    pub(crate) async fn deliver(&self, card: &Card, seed: u8) -> Visit {
        let visit = visit(self, card, seed, &[seed; 200_000]);
        send(self, Out::Delivery(visit.delivery.clone()));
        let id = visit.id;
        self.eventually("the visit is sealed", || async {
            self.is_sealed(id).then_some(())
        })
        .await;
        visit
    }
}

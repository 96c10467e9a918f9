//! What the decoders take, and how it is changed: the pinned vectors, the sample files, and a few
//! messages that only processes exchange.

use medfolder_client::api::zone::FetchItem;
use medfolder_client::desk_code::{DeskCode, DeskLink};
use medfolder_crypto::{Digest, Secret32, Suite, to_cbor};
use medfolder_gateway::certified::Certified;
use medfolder_gateway::signer::keyfile as doctor_key;
use medfolder_gateway::spool::{BlobRef, CardClaim, Delivery, DeskAnswer, DeskOutcome, In, Out};
use medfolder_gateway::worklist::{Answer, Answered, Answers, Item, Items, Taken};
use medfolder_ledger::proof::RefusalProof;
use medfolder_ledger::{Block, Checkpoint};
use medfolder_record::{
    ContentRoot, Custody, DoctorSignature, KeyId, MemberId, RecordId, RecordSignature, Signatures,
    VisitId,
};
use medfolder_share::rules::location::Ticket;
use medfolder_share::{Pepper, ShareId};
use medfolder_tests::root;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// SplitMix64.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit.max(1) as u64).unwrap()
    }

    /// One to three changes of some bytes.
    pub(crate) fn changed(&mut self, seed: &[u8], pool: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len().max(1)).min(bytes.len());
            let end = (at + self.below(64)).min(bytes.len());
            match self.below(7) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                1 if at < bytes.len() => bytes[at] = [0, 0x7f, 0x80, 0xff, b'"'][self.below(5)],
                2 => bytes.truncate(at),
                3 => bytes = [&bytes[..end], &bytes[at..]].concat(),
                4 => drop(bytes.drain(at..end)),
                5 => {
                    let other = &pool[self.below(pool.len())];
                    let from = self.below(other.len());
                    let to = (from + self.below(64)).min(other.len());
                    bytes.splice(at..end, other[from..to].iter().copied());
                }
                // Lengths of CBOR and of text that nobody would write.
                _ => drop(bytes.splice(at..at, [0x9b, 0xff, 0xff, 0xff, 0xff])),
            }
        }
        bytes
    }
}

/// All seeds, each once.
pub(crate) fn pool() -> Vec<Vec<u8>> {
    let mut pool = Vec::new();
    for folder in [
        "tests/vectors",
        "tests/vectors/ledger",
        "tests/vectors/record",
    ] {
        for file in files(&root().join(folder)) {
            if let Ok(vectors) = serde_json::from_slice::<Value>(&fs::read(&file).unwrap()) {
                strings(&vectors, &mut pool);
            }
        }
    }
    for folder in ["tests/data/shl", "tests/data/shc", "tests/data/ips"] {
        pool.extend(
            files(&root().join(folder))
                .iter()
                .map(|file| fs::read(file).unwrap()),
        );
    }
    let visit = "tests/data/family/wang-xiulan/2019-03-06-donghu-central-penicillin-allergy";
    pool.extend(
        files(&root().join(visit))
            .iter()
            .map(|file| fs::read(file).unwrap()),
    );
    let blocks: Vec<Vec<u8>> = pool
        .iter()
        .flat_map(|seed| certified(seed).into_iter().chain(refusal(seed)))
        .collect();
    pool.extend(blocks);
    pool.extend(made());
    pool.extend(["青霉素过敏", "\"a\" OR b*", "INR 2.1"].map(|text| text.as_bytes().to_vec()));
    pool.retain(|seed| !seed.is_empty() && seed.len() < 100_000);
    pool.sort();
    pool.dedup();
    pool
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    files
}

/// A checkpoint is what a refusal is proven by.
fn refusal(checkpoint: &[u8]) -> Option<Vec<u8>> {
    let checkpoint = Checkpoint::from_bytes(checkpoint).ok()?;
    let results = vec![(Digest([1; 32]), 0), (Digest([2; 32]), 7)];
    Some(
        RefusalProof {
            results,
            checkpoint,
        }
        .to_bytes(),
    )
}

/// A header with its certificate becomes a block without transactions.
fn certified(checkpoint: &[u8]) -> Option<Vec<u8>> {
    let checkpoint = Checkpoint::from_bytes(checkpoint).ok()?;
    let block = Block {
        header: checkpoint.header,
        transactions: Vec::new(),
    };
    Some(
        Certified {
            block,
            certificate: checkpoint.certificate,
        }
        .to_bytes(),
    )
}

/// Each text of a vector file, and the bytes behind those that are hexadecimal.
fn strings(value: &Value, pool: &mut Vec<Vec<u8>>) {
    match value {
        Value::String(text) => {
            pool.push(text.as_bytes().to_vec());
            pool.extend(hex::decode(text).ok());
        }
        Value::Array(all) => all.iter().for_each(|one| strings(one, pool)),
        Value::Object(all) => {
            pool.push(value.to_string().into_bytes());
            all.values().for_each(|one| strings(one, pool));
        }
        _ => {}
    }
}

fn made() -> Vec<Vec<u8>> {
    let suite = Suite::International;
    let digest = suite.hash(&[b"seed"]);
    let (record, visit) = (RecordId(digest), VisitId([3; 16]));
    let blob = BlobRef {
        record,
        index: 1,
        digest,
        size: 70_000,
    };
    let delivery = Delivery {
        transaction: vec![1, 2, 3],
        envelopes: vec![vec![4, 5].into()],
        slot: vec![6],
        attachments: vec![blob],
    };
    let claim = CardClaim {
        claim: [1; 16],
        member: MemberId([2; 16]),
        transaction: vec![7],
        mac: digest,
    };
    let outcome = DeskOutcome::Refused {
        code: "desk.code_expired".to_owned(),
    };
    let key = medfolder_crypto::SigningKey::from_seed(suite, &Secret32::new([1; 32]));
    let signature = DoctorSignature::sign(&key, &digest, &ContentRoot(digest), 1, Custody::FileKey);
    let item = Item {
        id: 1,
        key: KeyId::of(suite, &key.public()),
        statement: vec![1].into(),
        body: b"{}".to_vec().into(),
        attachments: Vec::new(),
        salt: [4; 32],
    };
    let answered = |answer| Answered { id: 1, answer };
    let answers = vec![
        answered(Answer::Signed(signature)),
        answered(Answer::Refused("signer.attachment".to_owned())),
    ];
    let code = DeskCode::new([5; 10]);
    let (pepper, share) = (
        Pepper::new(Secret32::new([7; 32])),
        ShareId::from_bytes([2; 32]),
    );
    let link = DeskLink::new(&Digest([8; 32]), MemberId([2; 16]), code.clone());
    let mut made = vec![
        to_cbor(&Out::Delivery(delivery)),
        to_cbor(&Out::Tx(vec![1; 40])),
        to_cbor(&Out::Answer(DeskAnswer {
            claim: [1; 16],
            outcome,
        })),
        to_cbor(&In::Blocks(vec![vec![1, 2].into()])),
        to_cbor(&In::Claim(claim)),
        to_cbor(&Items {
            version: 0,
            items: vec![item],
        }),
        to_cbor(&Answers {
            version: 0,
            answers,
        }),
        to_cbor(&Taken {
            version: 0,
            codes: vec![None, Some("worklist.done".to_owned())],
        }),
        to_cbor(&FetchItem::Slot {
            visit,
            seq: 1,
            slot: vec![1; 90],
        }),
        to_cbor(&FetchItem::MissingRecord { record }),
        code.text().into_bytes(),
        Ticket::issue(1, 1, 0).token(&pepper, &share).into_bytes(),
        link.text().into_bytes(),
        "01".repeat(32).into_bytes(),
        br#"{"type":"about:blank","title":"x","status":404,"code":"zone.absent"}"#.to_vec(),
        br#"{"recipient":"Dr. Li","passcode":"12345","embeddedLengthMax":10}"#.to_vec(),
    ];
    made.extend(carried());
    made.extend(doctors_key());
    made
}

/// A carried signature over a file, with kept answers about revocation.
fn carried() -> Option<Vec<u8>> {
    let folder = root().join("tests/vectors/record/carried");
    let file = |name: &str| fs::read(folder.join(name)).unwrap_or_default();
    let signature = medfolder_record::CarriedSignature {
        file: Suite::International.hash(&[b"file"]),
        media_type: "application/pdf".to_owned(),
        cms: file("p256-detached.cms").into(),
        chain: ["p256-doctor", "p256-sub", "p256-root"]
            .map(|name| file(&format!("{name}.der")).into())
            .into(),
        revocation: vec![file("good.crl").into(), file("good.ocsp").into()],
        time_stamp: Vec::new().into(),
    };
    Some(Signatures(vec![RecordSignature::Carried(signature)]).to_bytes())
}

fn doctors_key() -> Option<Vec<u8>> {
    let place = tempfile::tempdir().ok()?;
    let path = place.path().join("doctor.key");
    let (suite, mut rng) = (Suite::International, medfolder_crypto::os_rng());
    doctor_key::create(&path, "a long enough pin", suite, "Dr. Li", &mut rng).ok()?;
    fs::read(path).ok()
}

//! `tests/vectors/refused` lists what no reader may take: other encodings of keys and structures,
//! signatures outside the rules, bodies beyond their limits, evidence that proves nothing. Here each
//! is refused with its typed error, as the Python reader refuses it that wrote the lists
//! (`tests/readers/python/make_vectors.py`, which also says what a vector's members mean).
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::HashMap;
use std::path::Path;

use medfolder_crypto::{
    EncryptionPublic, EncryptionSecret, Label, Secret32, Signature, Suite, VerifyingKey, from_cbor,
};
use medfolder_ledger::log::ConsistencyProof;
use medfolder_ledger::proof::{EntryProof, HistoryPage, Receipt, RefusalProof};
use medfolder_ledger::{Block, Chain, Checkpoint, Prepared};
use medfolder_record::carried::files_match;
use medfolder_record::{
    Attachment, CarriedFile, Core, Disclosure, Envelope, KeySlot, Signatures, Statement, pieces,
};
use medfolder_share::ShareState;
use medfolder_share::evidence::Evidence;
use minicbor::bytes::ByteVec;
use serde::Deserialize;

#[derive(Deserialize)]
struct Vector {
    name: String,
    what: String,
    suite: String,
    hex: Option<String>,
    parts: Option<Vec<(String, usize)>>,
    base: Option<String>,
    #[serde(default)]
    splices: Vec<(usize, usize, String)>,
    #[serde(default)]
    accepted: bool,
    #[serde(default)]
    code: String,
    key: Option<String>,
    message: Option<String>,
    seed: Option<String>,
    context: Option<String>,
    genesis: Option<String>,
}

impl Vector {
    fn bytes(&self, all: &HashMap<&str, &Vector>) -> Vec<u8> {
        if let Some(hex) = &self.hex {
            return hex::decode(hex).unwrap();
        }
        if let Some(parts) = &self.parts {
            let part = |(hex, times): &(String, usize)| hex::decode(hex).unwrap().repeat(*times);
            return parts.iter().flat_map(part).collect();
        }
        let mut bytes = all[self.base.as_deref().unwrap()].bytes(all);
        for (at, count, insert) in self.splices.iter().rev() {
            bytes.splice(*at..at + count, hex::decode(insert).unwrap());
        }
        bytes
    }

    fn suite(&self) -> Suite {
        match self.suite.as_str() {
            "international" => Suite::International,
            _ => Suite::National,
        }
    }

    /// The code of the error with which the bytes are refused.
    fn read(&self, all: &HashMap<&str, &Vector>) -> Result<(), String> {
        let bytes = &*self.bytes(all);
        match self.what.as_str() {
            "verifying-key" => told(VerifyingKey::from_bytes(self.suite(), bytes), |_| "key"),
            "encryption-key" => told(EncryptionPublic::from_bytes(self.suite(), bytes), |_| "key"),
            "signature" => self.signature(bytes),
            "wrapped" => self.wrapped(bytes),
            "body" => told(pieces::cut(bytes), |error| error.code()),
            "statement" => told(Statement::from_bytes(bytes), |error| error.code()),
            "attachment" => told(Attachment::from_bytes(bytes), |error| error.code()),
            "disclosure" => told(Disclosure::from_bytes(bytes), |error| error.code()),
            "signatures" => told(Signatures::from_bytes(bytes), |error| error.code()),
            "files" => self.files(bytes),
            "core" => told(Core::from_bytes(bytes), |error| error.code()),
            "envelope" => told(Envelope::from_bytes(bytes), |error| error.code()),
            "slot" => told(KeySlot::from_bytes(bytes), |error| error.code()),
            "genesis" => told(Chain::from_bytes(bytes), |error| error.code()),
            "transaction" => {
                let chain = Chain::from_bytes(&all["genesis"].bytes(all)).unwrap();
                told(Prepared::read(&chain, bytes.to_vec()), |error| error.code())
            }
            "checkpoint" => told(Checkpoint::from_bytes(bytes), |error| error.code()),
            "block" => told(Block::from_bytes(bytes), |error| error.code()),
            "receipt" => told(Receipt::from_bytes(bytes), |error| error.code()),
            "refusal" => told(RefusalProof::from_bytes(bytes), |error| error.code()),
            "entry" => told(EntryProof::from_bytes(bytes), |error| error.code()),
            "page" => told(HistoryPage::from_bytes(bytes), |error| error.code()),
            "consistency" => told(from_cbor::<ConsistencyProof>(bytes, 1 << 20), |error| {
                error.code()
            }),
            "evidence" => self.evidence(bytes, all),
            "share-state" => told(ShareState::from_bytes(bytes), |error| error.code()),
            what => panic!("{what} is not read here"),
        }
    }

    fn signature(&self, bytes: &[u8]) -> Result<(), String> {
        let key = hex::decode(self.key.as_ref().unwrap()).unwrap();
        let message = hex::decode(self.message.as_ref().unwrap()).unwrap();
        let key = VerifyingKey::from_bytes(self.suite(), &key).unwrap();
        let signature = Signature(bytes.try_into().unwrap());
        told(
            key.verify(Label::RECORD_SIGNATURE, &[&message], &signature),
            |_| "",
        )
    }

    /// Carried files, and the signatures beside which they lie.
    fn files(&self, bytes: &[u8]) -> Result<(), String> {
        let (files, signatures): (Vec<CarriedFile>, ByteVec) =
            from_cbor(bytes, usize::MAX).map_err(|error| error.code().to_owned())?;
        let signatures = Signatures::from_bytes(&signatures).map_err(|e| e.code().to_owned())?;
        let fit = files_match(self.suite(), &files, signatures.carried());
        fit.then_some(()).ok_or_else(String::new)
    }

    fn wrapped(&self, bytes: &[u8]) -> Result<(), String> {
        let seed = hex::decode(self.seed.as_ref().unwrap()).unwrap();
        let context = hex::decode(self.context.as_ref().unwrap()).unwrap();
        let seed = Secret32::new(seed.try_into().unwrap());
        let key = EncryptionSecret::from_seed(self.suite(), &seed);
        told(key.unwrap_secret(&context, bytes), |_| "")
    }

    /// Read, and verified where the vector names a genesis.
    fn evidence(&self, bytes: &[u8], all: &HashMap<&str, &Vector>) -> Result<(), String> {
        let pack = Evidence::from_bytes(bytes).map_err(|error| error.code().to_owned())?;
        let Some(genesis) = &self.genesis else {
            return Ok(());
        };
        let chain = Chain::from_bytes(&all[genesis.as_str()].bytes(all)).unwrap();
        let report = pack.verify(Some(&chain), None);
        match report.failed() {
            Some(failed) => Err(failed.code.to_owned()),
            None => Ok(()),
        }
    }
}

fn told<T, E>(result: Result<T, E>, code: impl Fn(E) -> &'static str) -> Result<(), String> {
    result.map(drop).map_err(|error| code(error).to_owned())
}

fn matches(code: &str, expected: &str) -> bool {
    code == expected || expected.is_empty() || expected.ends_with('.') && code.starts_with(expected)
}

/// Reads every vector of a file; gives how many were refused.
fn goes_over(file: &str) -> usize {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/refused");
    let text = std::fs::read_to_string(path.join(file).with_extension("json")).unwrap();
    let vectors: Vec<Vector> = serde_json::from_str(&text).unwrap();
    let all: HashMap<_, _> = vectors.iter().map(|v| (v.name.as_str(), v)).collect();
    let wrong: Vec<_> = vectors
        .iter()
        .filter_map(|vector| {
            let found = vector.read(&all);
            let right = match &found {
                Ok(()) => vector.accepted,
                Err(code) => !vector.accepted && matches(code, &vector.code),
            };
            (!right).then(|| format!("{}: {found:?}, not {:?}", vector.name, vector.code))
        })
        .collect();
    assert!(wrong.is_empty(), "{file}:\n{}", wrong.join("\n"));
    vectors.iter().filter(|vector| !vector.accepted).count()
}

#[test]
fn keys_signatures_and_wraps_outside_the_rules_are_refused() {
    assert!(goes_over("keys") > 150);
}

#[test]
fn bodies_beyond_their_limits_are_refused() {
    assert!(goes_over("body") > 50);
}

#[test]
fn other_encodings_and_versions_of_records_are_refused() {
    assert!(goes_over("record") > 200);
}

#[test]
fn other_encodings_and_versions_of_the_ledger_are_refused() {
    assert!(goes_over("ledger") > 450);
}

#[test]
fn other_encodings_of_a_share_are_refused() {
    assert!(goes_over("share") > 20);
}

#[test]
fn evidence_that_proves_nothing_is_refused_at_the_check_that_it_breaks() {
    assert!(goes_over("evidence") > 20);
}

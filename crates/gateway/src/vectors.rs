//! `tests/vectors/local.json`: what a hospital's parts say to each other and a doctor's key file, made
//! by the Python reader from `docs/formats/local.md`. Here each is read, and written in the same bytes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use medfolder_crypto::{PublicKeyBytes, Secret32, Suite, from_cbor};
use medfolder_record::{ContentSalt, Custody, Draft, KeyId, RecordId, Statement};
use serde_json::Value;

use crate::signer::keyfile::{self, DoctorKey, KeyFileError};
use crate::spool::{
    BlobRef, CardClaim, Delivery, DeskAnswer, DeskOutcome, In, Item, Message, Out, Reader, Refused,
    Writer,
};
use crate::worklist::{Answer, Answered, Answers, Items, MAX_LIST, Taken};

fn vectors(suite: Suite) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/local.json");
    let all: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    all[suite.to_string()].clone()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

/// A message is written as pinned, and the pinned file is read as this message.
fn is_pinned<M: Message + Clone + PartialEq + std::fmt::Debug>(pinned: &Value, message: &M) {
    let place = tempfile::tempdir().unwrap();
    Writer::open(place.path())
        .unwrap()
        .send(message.clone())
        .unwrap();
    let files: Vec<_> = fs::read_dir(place.path().join("new")).unwrap().collect();
    let [Ok(file)] = files.as_slice() else {
        panic!("one file")
    };
    let kind = file.path().extension().unwrap().to_owned();
    assert_eq!(kind, message.kind());
    assert_eq!(
        hex::encode(fs::read(file.path()).unwrap()),
        pinned.as_str().unwrap()
    );
    let found = Reader::<M>::open(place.path()).unwrap().next().unwrap();
    let Some(Item::Message { message: read, .. }) = found else {
        panic!("a message")
    };
    assert_eq!(read, *message);
}

fn delivery(suite: Suite) -> Delivery {
    Delivery {
        transaction: b"T_M".to_vec(),
        envelopes: vec![b"envelope".to_vec().into()],
        slot: b"slot".to_vec(),
        attachments: vec![BlobRef {
            record: RecordId(medfolder_crypto::Digest([0x1E; 32])),
            index: 0,
            digest: suite.hash(&[b"chunks"]),
            size: 6,
        }],
    }
}

#[test]
fn spool_messages_are_the_pinned_ones() {
    for suite in Suite::ALL {
        let pinned = &vectors(suite)["spool"];
        let claim = [0x0C; 16];
        let transaction = suite.hash(&[b"chunks"]);
        let answer = |outcome| Out::Answer(DeskAnswer { claim, outcome });
        is_pinned(&pinned["tx"], &Out::Tx(b"T_M".to_vec()));
        is_pinned(
            &pinned["confirmed"],
            &answer(DeskOutcome::Confirmed { transaction }),
        );
        let code = "desk.code_expired".to_owned();
        is_pinned(&pinned["refused"], &answer(DeskOutcome::Refused { code }));
        let since = 1_800_000_000_000;
        is_pinned(
            &pinned["replaces"],
            &answer(DeskOutcome::Replaces { since }),
        );
        let block = || b"block".to_vec().into();
        is_pinned(&pinned["blocks"], &In::Blocks(vec![block(), block()]));
        let desk = &vectors(suite)["desk"];
        let made = CardClaim {
            claim,
            member: desk["member"].as_str().unwrap().parse().unwrap(),
            transaction: b"T_R".to_vec(),
            mac: desk["mac"].as_str().unwrap().parse().unwrap(),
        };
        is_pinned(&pinned["claim"], &In::Claim(made));
        is_pinned(&pinned["delivery"], &Out::Delivery(delivery(suite)));
        is_pinned(&pinned["wanted"], &Out::Wanted(7));
        let not_taken = |transaction, code: &str| {
            In::Refused(Refused {
                name: "000000000000000a.delivery".to_owned(),
                transaction,
                code: code.to_owned(),
            })
        };
        let code = "delivery.not_stored";
        is_pinned(&pinned["not_taken"], &not_taken(Some(transaction), code));
        is_pinned(&pinned["unread"], &not_taken(None, "spool.bad"));
    }
}

#[test]
fn a_work_list_and_its_answers_are_the_pinned_ones() {
    for suite in Suite::ALL {
        let pinned = &vectors(suite)["worklist"];
        let items: Items = from_cbor(&bytes(&pinned["items"]), MAX_LIST).unwrap();
        let answers: Answers = from_cbor(&bytes(&pinned["answers"]), MAX_LIST).unwrap();
        let taken: Taken = from_cbor(&bytes(&pinned["taken"]), MAX_LIST).unwrap();
        assert_eq!(taken.codes, [None, Some("worklist.unknown".to_owned())]);
        let [item] = items.items.as_slice() else {
            panic!("one item")
        };
        let statement = Statement::from_bytes(&item.statement).unwrap();
        let salt = ContentSalt::new(Secret32::new(item.salt));
        let attachments = item.attachments.clone();
        let draft = Draft::new(suite, salt, statement, &item.body, attachments).unwrap();
        let root = draft.content_root();
        assert_eq!(
            hex::encode(root.as_bytes()),
            pinned["content_root"].as_str().unwrap()
        );
        let [
            Answered {
                id: 7,
                answer: Answer::Signed(signature),
            },
            refused,
        ] = &answers.answers[..]
        else {
            panic!("two answers")
        };
        let code = "signer.refused".to_owned();
        assert_eq!((refused.id, &refused.answer), (8, &Answer::Refused(code)));
        let key: PublicKeyBytes = pinned["key"].as_str().unwrap().parse().unwrap();
        let genesis = pinned["genesis"].as_str().unwrap().parse().unwrap();
        let verifying = key.verifying(suite).unwrap();
        assert_eq!(
            (item.key, signature.key),
            (KeyId::of(suite, &key), item.key)
        );
        assert_eq!(signature.custody, Custody::FileKey);
        assert!(signature.verify(&verifying, &genesis, &root).is_ok());
    }
}

#[test]
fn a_doctors_key_file_opens_with_its_pin_in_any_width() {
    let place = tempfile::tempdir().unwrap();
    for suite in Suite::ALL {
        let pinned = &vectors(suite)["doctor_key"];
        let path = place.path().join(suite.to_string());
        fs::write(&path, pinned["file"].as_str().unwrap()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let seed = Secret32::new(bytes(&pinned["seed"]).try_into().unwrap());
        let expected = DoctorKey::from_seed(suite, "李医生", &seed);
        let pin = pinned["pin"].as_str().unwrap();
        for typed in [pin, "长一点的口令1234"] {
            let opened = keyfile::open(&path, typed).unwrap();
            assert_eq!(opened.public(), expected.public());
        }
        let wrong = keyfile::open(&path, "another long pin");
        assert!(matches!(wrong, Err(KeyFileError::PinWrong)));
    }
}

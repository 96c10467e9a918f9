//! `tests/vectors/http.json`: log-ins and a grant's request, signed by the Python reader from
//! `docs/formats/http.md`, hold here, and not for anything else.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use medfolder_client::grant_request::GrantRequest;
use medfolder_crypto::{Digest, PublicKeyBytes, Suite, to_cbor};
use medfolder_ledger::body::grant_id;
use medfolder_ledger::login::{LoginStatement, LoginSubject, ShownKeys};
use medfolder_record::KeyId;
use serde_json::Value;

fn vectors() -> Vec<(Suite, Value)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/http.json");
    let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    vec![
        (Suite::International, all["international"].clone()),
        (Suite::National, all["national"].clone()),
    ]
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(value: &Value) -> T {
    value.as_str().unwrap().parse().unwrap()
}

fn statement(given: &Value) -> LoginStatement {
    LoginStatement {
        version: 0,
        genesis: read(&given["genesis"]),
        member: read(&given["member"]),
        origin: read(&given["origin"]),
        subject: read(&given["subject"]),
        challenge: read(&given["challenge"]),
        expires: read(&given["expires"]),
    }
}

#[test]
fn log_ins_that_were_signed_from_the_page_alone_are_taken() {
    for (suite, vector) in vectors() {
        let log_ins = vector["login"].as_array().unwrap();
        assert_eq!(log_ins.len(), 5);
        for given in log_ins {
            let statement = statement(given);
            assert_eq!(
                hex::encode(to_cbor(&statement)),
                given["statement"].as_str().unwrap()
            );
            let keys: ShownKeys = read(&given["keys"]);
            shows_its_key(suite, statement.subject, &keys);
            let signature = parsed(&given["signature"]);
            let now = statement.expires - 1;
            let holds =
                |one: &LoginStatement| one.verify(suite, &keys.signing, &signature, now).is_ok();
            assert!(holds(&statement));
            let elsewhere = LoginStatement {
                origin: "https://other.example".to_owned(),
                ..statement
            };
            assert!(!holds(&elsewhere));
        }
    }
}

fn shows_its_key(suite: Suite, subject: LoginSubject, keys: &ShownKeys) {
    match subject {
        LoginSubject::Card(_) | LoginSubject::Folder(_) => {
            assert_eq!(keys.signing_key_of(suite, subject), Ok(keys.signing));
        }
        LoginSubject::Grant(id) => assert_eq!(grant_id(suite, &keys.signing), id),
        LoginSubject::Staff(id) => assert_eq!(KeyId::of(suite, &keys.signing), id),
        LoginSubject::Member(_) => {}
    }
}

#[test]
fn a_request_that_was_signed_from_the_page_alone_is_taken() {
    for (suite, vector) in vectors() {
        let given = &vector["request"];
        let text = |name: &str| given[name].as_str().unwrap();
        let key: PublicKeyBytes = read(&given["key"]);
        let request = GrantRequest {
            genesis: read::<Digest>(&given["genesis"]),
            grant: read(&given["grant"]),
            method: text("method"),
            origin: text("origin"),
            path: text("path"),
            body: text("body").as_bytes(),
        };
        let (time, _) = text("header").split_once(';').unwrap();
        let now = time.parse::<u64>().unwrap();
        let holds =
            |request: &GrantRequest<'_>| request.verify(suite, &key, text("header"), now).is_ok();
        assert!(holds(&request));
        let other = GrantRequest {
            path: "/v1/shares/x/revoke",
            ..request
        };
        assert!(!holds(&other));
    }
}

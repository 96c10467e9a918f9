//! `tests/vectors/http.json` and `local.json`: log-ins, a grant's request, a desk's link and a card's
//! consent, made by the Python reader from `docs/formats` alone, hold here, and not for anything else.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use medfolder_client::desk_code::{DeskCode, DeskLink};
use medfolder_client::grant_request::GrantRequest;
use medfolder_client::{card_consent, keyfile};
use medfolder_crypto::{Digest, PublicKeyBytes, Suite, from_cbor, to_cbor};
use medfolder_ledger::body::{Grant, RegisterCard, grant_id};
use medfolder_ledger::login::{LoginStatement, LoginSubject, ShownKeys};
use medfolder_record::KeyId;
use serde_json::Value;

fn file(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors");
    serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
}

fn vectors() -> Vec<(Suite, Value)> {
    of_suites(&file("http.json"))
}

fn of_suites(all: &Value) -> Vec<(Suite, Value)> {
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

#[test]
fn a_desks_link_is_read_and_the_claims_code_is_the_pinned_one() {
    for (suite, vector) in of_suites(&file("local.json")) {
        let given = &vector["desk"];
        let link: DeskLink = parsed(&given["link"]);
        let genesis: Digest = read(&given["genesis"]);
        assert!(link.is_for(&genesis) && !link.is_for(&Digest([9; 32])));
        assert_eq!(link.member, read(&given["member"]));
        assert_eq!(link.code, parsed::<DeskCode>(&given["code"]));
        let again = DeskLink::new(&genesis, link.member, link.code.clone());
        assert_eq!(again.text(), given["link"].as_str().unwrap());
        let body = hex::decode(given["body"].as_str().unwrap()).unwrap();
        let registration: RegisterCard = from_cbor(&body, body.len()).unwrap();
        assert_eq!(registration.member, link.member);
        assert_eq!(link.code.mac(suite, &genesis, &body), read(&given["mac"]));
    }
}

#[test]
fn a_cards_consent_holds_for_its_grant_only() {
    for (suite, vector) in of_suites(&file("local.json")) {
        let given = &vector["consent"];
        let bytes = hex::decode(given["grant"].as_str().unwrap()).unwrap();
        let grant: Grant = from_cbor(&bytes, bytes.len()).unwrap();
        let (genesis, card) = (read(&given["genesis"]), parsed(&given["card"]));
        let signature = parsed(&given["signature"]);
        let holds = |grant| card_consent::holds(&genesis, suite, &card, grant, &signature);
        assert!(holds(&grant));
        let mut longer = grant.clone();
        longer.until += 1;
        assert!(!holds(&longer));
    }
}

#[test]
fn a_pinned_key_file_is_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let all = file("local.json");
    let text = all["key_file"].as_str().unwrap();
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("host.key");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let seed = keyfile::load(&path).unwrap();
    assert_eq!(hex::encode(seed.expose()), text.trim_end());
}

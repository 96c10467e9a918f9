//! Pinned values of the formats in `docs/formats/share.md`: `tests/vectors/share.json`.
//!
//! A change of a format fails here; `cargo test -p medfolder-share --test vectors -- --ignored`
//! writes the file anew once the change is meant.
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]

use std::path::{Path, PathBuf};

use medfolder_crypto::{Digest, Secret32, SigningKey, Suite};
use medfolder_record::{GrantId, MemberId, RecordId};
use medfolder_share::link::share_url;
use medfolder_share::package::{SharedAttachment, SharedRecord, package};
use medfolder_share::receipt::{AccessRecord, SignedReceipt};
use medfolder_share::rules::location::Ticket;
use medfolder_share::rules::opening::OpeningKey;
use medfolder_share::rules::passcode::PasscodeState;
use medfolder_share::rules::status::{status_digest, status_request};
use medfolder_share::{
    Flags, GrantSeed, Items, Link, LinkDraft, LinkKey, Pepper, ShareId, ShareState, ShareTerms,
};
use serde_json::{Value, json};

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/share.json")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn link_key() -> LinkKey {
    LinkKey::from_bytes([1; 32])
}

fn link() -> Value {
    let draft = LinkDraft {
        url: share_url("https://edge.example", &[2; 32]),
        key: link_key(),
        flags: Flags {
            long_term: true,
            passcode: true,
            direct_file: false,
        },
        label: Some("给医生看".into()),
        exp: None,
    };
    json!({
        "uri": Link::issue(draft).unwrap().to_uri().as_str(),
        "statusRequest": String::from_utf8(status_request(&link_key()).to_vec()).unwrap(),
        "statusDigest": status_digest(&link_key()).to_string(),
    })
}

fn host() -> Value {
    let (pepper, share) = (
        Pepper::new(Secret32::new([3; 32])),
        ShareId::from_bytes([2; 32]),
    );
    let ticket = Ticket {
        file: 1,
        opening: 2,
        expires_ms: 1_767_225_600_000,
    };
    let terms = ShareTerms {
        created_ms: 1_767_225_000_000,
        ends_ms: 1_767_225_600_000,
        openings_allowed: Some(3),
        passcode: Some(PasscodeState::new(&pepper, &share, 0, "2468")),
        items: 1,
        files: 2,
        status_digest: status_digest(&link_key()),
        direct_file: false,
    };
    json!({
        "token": ticket.token(&pepper, &share),
        "session": OpeningKey::session(&pepper, &share, "one").digest().to_string(),
        "visitor": OpeningKey::visitor(&pepper, &share, "Dr. Li", "192.0.2.1").digest().to_string(),
        "typed": typed_passcodes(&pepper, &share),
        "state": hex(&ShareState::new(terms.clone()).unwrap().to_bytes()),
        "opened": hex(&opened(terms, &pepper, &share)),
    })
}

/// The same share, ending later: a session fetched an item and was reported, a visitor came.
fn opened(terms: ShareTerms, pepper: &Pepper, share: &ShareId) -> Vec<u8> {
    let created = terms.created_ms;
    let ends_ms = created + 4_200_000;
    let mut state = ShareState::new(ShareTerms { ends_ms, ..terms }).unwrap();
    state.admit(created + 1_000, &OpeningKey::session(pepper, share, "one"));
    assert!(state.receive(created + 2_000, 1, 0));
    assert_eq!(state.take_endings(created + 602_000).len(), 1);
    let visitor = OpeningKey::visitor(pepper, share, "Dr. Li", "192.0.2.1");
    state.admit(created + 603_000, &visitor);
    state.to_bytes()
}

/// The state's code of a passcode typed in other characters, and of ones that only NFKC tells.
fn typed_passcodes(pepper: &Pepper, share: &ShareId) -> Value {
    let typed = ["ｌｉ－２ ４６８", "ﬁve⑥", "e\u{301}tude 1"];
    let code = |text: &&str| {
        let made = medfolder_crypto::to_cbor(&PasscodeState::new(pepper, share, 0, text));
        json!({ "typed": text, "code": hex(&made) })
    };
    typed.iter().map(code).collect()
}

fn grant(suite: Suite) -> Value {
    let seed = GrantSeed::from_bytes([4; 32]);
    let host = SigningKey::from_seed(suite, &Secret32::new([12; 32]));
    let records = [RecordId(Digest([5; 32])), RecordId(Digest([6; 32]))];
    let grant = GrantId(Digest([7; 32]));
    let record = AccessRecord::new(
        grant,
        1_767_225_600_000,
        Digest([8; 32]),
        [9; 32],
        "Dr. Li",
        Some("x"),
    );
    json!({
        "publicKey": hex(seed.signing_key(suite).public().as_bytes()),
        "scope": seed.scope(suite, &records).unwrap().digest.to_string(),
        "receipt": record.digest(suite).to_string(),
        "promise": SignedReceipt::sign(suite, &host, Digest([10; 32]), MemberId([11; 16]), record).to_json(),
    })
}

fn packaged() -> Value {
    let attachment = |name, bytes| SharedAttachment {
        digest: "00".repeat(32),
        size: 5_000_000,
        name,
        media_type: "image/png",
        bytes,
    };
    let small = SharedAttachment {
        size: 3,
        ..attachment("a.png", Some(b"abc".as_slice()))
    };
    let record = SharedRecord {
        body: b"{\"resourceType\":\"Bundle\"}",
        attachments: vec![small, attachment("b.png", None)],
        evidence: b"evidence",
    };
    let binary = SharedRecord {
        body: br#"{"resourceType":"Binary","contentType":"text/plain","data":"YQ=="}"#,
        attachments: Vec::new(),
        evidence: b"of a binary",
    };
    let forged = SharedRecord {
        evidence: b"forged",
        attachments: Vec::new(),
        ..record
    };
    let forged = package(&GrantId(Digest([9; 32])), &[forged]).pop().unwrap();
    let imitation = SharedRecord {
        body: &forged.content,
        attachments: Vec::new(),
        evidence: b"of an imitation",
    };
    let text = |content: &[u8]| String::from_utf8(content.to_vec()).unwrap();
    package(&GrantId(Digest([7; 32])), &[record, binary, imitation])
        .iter()
        .map(|file| text(&file.content))
        .collect()
}

fn vectors() -> Value {
    let mut items = Items::default();
    [0, 9, 17]
        .into_iter()
        .for_each(|position| items.insert(position));
    json!({
        "link": link(),
        "host": host(),
        "grant": { "international": grant(Suite::International), "national": grant(Suite::National) },
        "items": hex(items.as_bytes()),
        "package": packaged(),
    })
}

#[test]
fn the_formats_are_those_that_were_pinned() {
    let pinned: Value = serde_json::from_slice(&std::fs::read(file()).unwrap()).unwrap();
    assert_eq!(vectors(), pinned);
}

#[test]
#[ignore = "writes tests/vectors/share.json anew"]
fn write_the_vectors() {
    let text = serde_json::to_string_pretty(&vectors()).unwrap();
    std::fs::write(file(), text + "\n").unwrap();
}

//! Records go into a link and come out again, paired by digest.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests may unwrap"
)]

mod common;

use common::*;
use medfolder_crypto::{Digest, os_rng};
use medfolder_record::GrantId;
use medfolder_share::content_type::FHIR_JSON;
use medfolder_share::jwe::{JweLimits, Zip, decrypt};
use medfolder_share::package::{
    MAX_ATTACHMENT_BYTES, Part, SharedAttachment, SharedRecord, package, pairing_id, seal,
};
use medfolder_share::unpack::unpack;

fn attachment<'a>(name: &'a str, bytes: &'a [u8]) -> SharedAttachment<'a> {
    SharedAttachment {
        digest: format!("digest of {name}"),
        size: bytes.len() as u64,
        name,
        media_type: "image/png",
        bytes: Some(bytes),
    }
}

const GRANT: GrantId = GrantId(Digest([7; 32]));
const ONE: &[u8] = b"{\"resourceType\":\"Bundle\",\"type\":\"document\",\"entry\":[{}] }";
const TWO: &[u8] = "{\"resourceType\":\"Bundle\",\"title\":\"青霉素过敏\"}".as_bytes();

fn travel(records: &[SharedRecord<'_>]) -> Vec<(usize, Vec<u8>)> {
    let sealed = seal(&package(&GRANT, records), &key(), Zip::None, &mut os_rng()).unwrap();
    let open = |jwe: &str| decrypt(&key(), jwe, &JweLimits::default()).unwrap();
    let opened = sealed.iter().map(|file| {
        assert_eq!(file.content_type, FHIR_JSON);
        let file = open(&file.jwe);
        assert_eq!(file.content_type.as_deref(), Some(FHIR_JSON));
        file.content.to_vec()
    });
    opened.enumerate().collect()
}

#[test]
fn bodies_come_first_byte_for_byte_then_attachments_then_evidence() {
    let records = [
        SharedRecord {
            body: ONE,
            attachments: vec![attachment("a.png", b"pixels")],
            evidence: b"e1",
        },
        SharedRecord {
            body: TWO,
            attachments: vec![],
            evidence: b"e2",
        },
    ];
    let parts: Vec<Part> = package(&GRANT, &records)
        .iter()
        .map(|file| file.part)
        .collect();
    assert_eq!(
        parts,
        [
            Part::Record(0),
            Part::Record(1),
            Part::Attachment(0),
            Part::Evidence
        ]
    );
    let files = travel(&records);
    assert_eq!((files[0].1.as_slice(), files[1].1.as_slice()), (ONE, TWO));
    for (_, file) in &files {
        let json: serde_json::Value = serde_json::from_slice(file).unwrap();
        assert!(json["resourceType"].is_string());
    }
}

#[test]
fn a_reader_pairs_by_digest_whatever_the_order_of_the_files() {
    let records = [
        SharedRecord {
            body: ONE,
            attachments: vec![attachment("a.png", b"pixels")],
            evidence: b"e1",
        },
        SharedRecord {
            body: TWO,
            attachments: vec![],
            evidence: b"e2",
        },
    ];
    let mut files = travel(&records);
    files.reverse();
    let received = unpack(files);
    assert_eq!(received.records.len(), 2);
    for record in &received.records {
        let expected = if record.body == ONE { b"e1" } else { b"e2" };
        assert_eq!(record.evidence.as_deref(), Some(expected.as_slice()));
    }
    let [picture] = received.attachments.as_slice() else {
        panic!("one attachment")
    };
    assert_eq!(
        (picture.bytes.as_slice(), picture.media_type.as_str()),
        (b"pixels".as_slice(), "image/png")
    );
}

#[test]
fn a_record_that_is_a_binary_stays_a_record_and_the_grant_is_told() {
    let body = br#"{"resourceType":"Binary","contentType":"text/plain","data":"YQ=="}"#;
    let mut files = travel(&[SharedRecord {
        body,
        attachments: vec![attachment("a.png", b"pixels")],
        evidence: b"e1",
    }]);
    files.reverse();
    let received = unpack(files);
    assert_eq!(received.grant, Some(GRANT));
    assert_eq!(received.records[0].body, body);
    assert_eq!(received.records[0].evidence.as_deref(), Some(&b"e1"[..]));
    assert_eq!(received.attachments[0].bytes, b"pixels");
    assert_eq!((received.records.len(), received.attachments.len()), (1, 1));
}

/// A hospital that also hosts shares would point receipts at a grant of its own, and hang forged
/// evidence on another hospital's record.
#[test]
fn a_record_that_looks_like_evidence_neither_names_the_grant_nor_proves_other_records() {
    let shared = |body, evidence| SharedRecord {
        body,
        attachments: vec![],
        evidence,
    };
    let theirs = package(&GrantId(Digest([9; 32])), &[shared(ONE, b"forged")]);
    let imitation = &theirs.last().unwrap().content;
    for records in [
        [shared(imitation.as_slice(), b"e1"), shared(ONE, b"e2")],
        [shared(ONE, b"e2"), shared(imitation.as_slice(), b"e1")],
    ] {
        let files = travel(&records);
        let received = unpack(files.clone());
        assert_eq!((received.grant, received.records.len()), (Some(GRANT), 2));
        for record in &received.records {
            let expected = if record.body == ONE { b"e2" } else { b"e1" };
            assert_eq!(record.evidence.as_deref(), Some(expected.as_slice()));
        }
        // Two that nobody names: none is believed.
        let second = package(&GRANT, &[shared(TWO, b"e3")])
            .pop()
            .unwrap()
            .content;
        let mut two = files;
        two.push((9, second.to_vec()));
        let received = unpack(two);
        assert_eq!((received.grant, received.records.len()), (None, 4));
        assert!(
            received
                .records
                .iter()
                .all(|record| record.evidence.is_none())
        );
    }
}

#[test]
fn a_body_that_was_changed_has_no_evidence() {
    let mut files = travel(&[SharedRecord {
        body: ONE,
        attachments: vec![],
        evidence: b"e1",
    }]);
    files[0].1.push(b' ');
    let received = unpack(files);
    assert_eq!(received.records[0].evidence, None);
    assert_eq!(received.missing, [b"e1"]);
}

/// The host chooses which files its manifest lists; the patient encrypted what names them all.
#[test]
fn whatever_files_a_host_leaves_out_the_evidence_of_their_records_is_left_over() {
    let record = |body, evidence| SharedRecord {
        body,
        attachments: vec![],
        evidence,
    };
    let all: [(_, &[u8]); 4] = [(TWO, b"e1"), (ONE, b"e2"), (b"{}", b"e3"), (ONE, b"e4")];
    let files = travel(&all.map(|(body, evidence)| record(body, evidence)));
    for dropped in 0..1u32 << all.len() {
        let is_dropped = |at: usize| dropped >> at & 1 == 1;
        let sent = files.iter().filter(|(at, _)| !is_dropped(*at)).cloned();
        let received = unpack(sent.collect());
        let shown = received.records.iter();
        let shown = shown.map(|record| record.evidence.clone().unwrap());
        let both: Vec<_> = shown.chain(received.missing.iter().cloned()).collect();
        assert_eq!(both.len(), all.len());
        assert!(
            all.iter()
                .all(|(_, pack)| both.iter().any(|own| own == pack))
        );
        assert_eq!(received.missing.len(), dropped.count_ones() as usize);
        assert!(received.missing.is_sorted(), "in the order of the evidence");
    }
}

#[test]
fn two_records_with_equal_bodies_get_their_evidence_in_order() {
    let record = |evidence| SharedRecord {
        body: ONE,
        attachments: vec![],
        evidence,
    };
    let received = unpack(travel(&[record(b"e1"), record(b"e2")]));
    let evidence: Vec<_> = received
        .records
        .iter()
        .map(|r| r.evidence.clone().unwrap())
        .collect();
    assert_eq!(evidence, [b"e1", b"e2"]);
}

#[test]
fn four_mebibytes_travel_and_one_byte_more_is_listed_as_withheld() {
    let limit = usize::try_from(MAX_ATTACHMENT_BYTES).unwrap();
    let (fits, large) = (vec![1; limit], vec![2; limit + 1]);
    let absent = SharedAttachment {
        bytes: None,
        ..attachment("c.dcm", b"x")
    };
    let records = [SharedRecord {
        body: ONE,
        attachments: vec![
            attachment("a.png", &fits),
            attachment("b.dcm", &large),
            absent,
        ],
        evidence: b"e1",
    }];
    let received = unpack(travel(&records));
    assert_eq!(received.attachments.len(), 1);
    assert_eq!(
        pairing_id(&received.attachments[0].bytes),
        pairing_id(&fits)
    );
    let withheld = &received.records[0].withheld;
    assert_eq!(withheld.len(), 2);
    assert_eq!(
        (withheld[0].name.as_str(), withheld[0].size),
        ("b.dcm", MAX_ATTACHMENT_BYTES + 1)
    );
    assert_eq!(withheld[0].digest, "digest of b.dcm");
    assert_eq!(withheld[1].media_type, "image/png");
}

#[test]
fn a_link_of_somebody_else_gives_records_without_evidence() {
    let collection = b"{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{\"resourceType\":\"Binary\",\"contentType\":\"text/plain\",\"data\":\"\"}}]}";
    for foreign in [
        b"{\"resourceType\":\"Bundle\",\"entry\":[]}".as_slice(),
        collection,
        b"not json",
        b"{\"resourceType\":\"Binary\"}",
    ] {
        let received = unpack(vec![(0, foreign.to_vec())]);
        assert_eq!(received.records.len(), 1);
        assert_eq!(received.records[0].evidence, None);
    }
}

//! SMART Health Links, checklist items 1–12: what an issuer must do. One test per item.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests may unwrap"
)]

use std::collections::BTreeSet;

use medfolder_crypto::{Digest, os_rng, to_cbor};
use medfolder_record::GrantId;
use medfolder_share::content_type::{FHIR_JSON, HEALTH_CARD};
use medfolder_share::jwe::{JweLimits, Zip, decrypt, encrypt};
use medfolder_share::link::{IssueError, share_url};
use medfolder_share::manifest::ManifestRequest;
use medfolder_share::package::{SharedRecord, package, seal};
use medfolder_share::qr::Qr;
use medfolder_share::rules::status::{status_digest, status_request};
use medfolder_share::{
    Flags, Link, LinkDraft, LinkKey, ShareId, ShareState, ShareTerms, read_link,
};

fn draft(origin: &str) -> LinkDraft {
    let segment = ShareId::generate(&mut os_rng());
    LinkDraft {
        url: share_url(origin, segment.as_bytes()),
        key: LinkKey::generate(&mut os_rng()),
        flags: Flags {
            long_term: true,
            passcode: true,
            direct_file: false,
        },
        label: Some("给医生看".into()),
        exp: None,
    }
}

fn base64url(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(text)
        .unwrap()
}

fn payload(uri: &str) -> String {
    let (_, encoded) = uri.split_once("shlink:/").unwrap();
    String::from_utf8(base64url(encoded)).unwrap()
}

fn header(jwe: &str) -> serde_json::Value {
    serde_json::from_slice(&base64url(jwe.split('.').next().unwrap())).unwrap()
}

#[test]
fn item_01_the_uri_is_shlink_with_an_unpadded_minified_payload() {
    let link = Link::issue(draft("https://edge.example")).unwrap();
    let bare = link.to_uri();
    let prefixed = link
        .to_uri_with_viewer("https://viewer.example/v#")
        .unwrap();
    assert!(
        prefixed.ends_with(bare.as_str())
            && prefixed.starts_with("https://viewer.example/v#shlink:/")
    );
    let encoded = bare.strip_prefix("shlink:/").unwrap();
    assert!(
        encoded
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    );
    let json = payload(&bare);
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(serde_json::to_string(&value).unwrap(), json);
    assert!(value.get("exp").is_none() && value.get("v").is_none());
}

#[test]
fn item_02_the_address_has_at_most_128_characters() {
    let host_of = |length: usize| format!("https://{}.example", "h".repeat(length));
    let fits = draft(&host_of(128 - "https://.example/s/".len() - 43));
    assert_eq!(fits.url.len(), 128);
    assert!(Link::issue(fits).is_ok());
    let too_long = draft(&host_of(129 - "https://.example/s/".len() - 43));
    assert_eq!(Link::issue(too_long).unwrap_err(), IssueError::UrlTooLong);
}

#[test]
fn item_02_an_address_that_can_be_guessed_is_refused() {
    let guessable = LinkDraft {
        url: "https://edge.example/s/1234".into(),
        ..draft("https://edge.example")
    };
    assert_eq!(
        Link::issue(guessable).unwrap_err(),
        IssueError::UrlGuessable
    );
}

#[test]
fn item_03_ten_thousand_links_share_neither_segment_nor_key() {
    let (mut segments, mut keys) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..10_000 {
        let link = Link::issue(draft("https://edge.example")).unwrap();
        let json: serde_json::Value = serde_json::from_str(&payload(&link.to_uri())).unwrap();
        let segment = base64url(json["url"].as_str().unwrap().rsplit('/').next().unwrap());
        let key = base64url(json["key"].as_str().unwrap());
        assert_eq!((segment.len(), key.len()), (32, 32));
        assert!(segments.insert(segment) && keys.insert(key));
    }
}

#[test]
fn item_04_nothing_that_the_host_gets_holds_the_key() {
    let link = Link::issue(draft("https://edge.example")).unwrap();
    let record = SharedRecord {
        body: b"{\"resourceType\":\"Bundle\"}",
        attachments: vec![],
        evidence: b"e",
    };
    let mut seen: Vec<u8> = Vec::new();
    for file in seal(
        &package(&GrantId(Digest([7; 32])), &[record]),
        link.key(),
        Zip::None,
        &mut os_rng(),
    )
    .unwrap()
    {
        seen.extend_from_slice(file.jwe.as_bytes());
    }
    seen.extend_from_slice(&status_request(link.key()));
    let terms = ShareTerms {
        created_ms: 0,
        ends_ms: 1,
        openings_allowed: None,
        passcode: None,
        items: 1,
        files: 2,
        status_digest: status_digest(link.key()),
        direct_file: false,
    };
    seen.extend_from_slice(&ShareState::new(terms).unwrap().to_bytes());
    let request = ManifestRequest {
        recipient: "Dr. Li".into(),
        ..Default::default()
    };
    seen.extend_from_slice(&request.to_json());
    let text = link.key().to_text();
    for secret in [text.as_bytes(), link.key().expose().as_slice()] {
        assert!(!seen.windows(secret.len()).any(|window| window == secret));
    }
}

#[test]
fn item_05_flags_are_one_of_the_five_and_a_passcode_on_a_direct_file_is_refused() {
    let mut written = BTreeSet::new();
    for bits in 0..8u8 {
        let flags = Flags {
            long_term: bits & 1 > 0,
            passcode: bits & 2 > 0,
            direct_file: bits & 4 > 0,
        };
        let result = Link::issue(LinkDraft {
            flags,
            ..draft("https://edge.example")
        });
        if flags.passcode && flags.direct_file {
            assert_eq!(result.unwrap_err(), IssueError::FlagConflict);
            continue;
        }
        let json: serde_json::Value =
            serde_json::from_str(&payload(&result.unwrap().to_uri())).unwrap();
        written.insert(
            json.get("flag")
                .map(|flag| flag.as_str().unwrap().to_owned()),
        );
    }
    let five = [
        None,
        Some("L"),
        Some("LP"),
        Some("LU"),
        Some("P"),
        Some("U"),
    ];
    assert_eq!(
        written,
        five.into_iter().map(|f| f.map(str::to_owned)).collect()
    );
}

#[test]
fn item_06_a_label_has_at_most_80_utf16_units_and_an_end_is_in_seconds() {
    let label = |text: String| {
        Link::issue(LinkDraft {
            label: Some(text),
            ..draft("https://e.example")
        })
    };
    assert!(label("病".repeat(80)).is_ok());
    assert_eq!(
        label("病".repeat(81)).unwrap_err(),
        IssueError::LabelTooLong
    );
    for forged in [
        "给医生\n✓ seal verified",
        "a\u{1b}[2J",
        "a\u{202e}b",
        "a\u{2028}b",
    ] {
        let refused = label(forged.to_owned()).unwrap_err();
        assert_eq!(refused.code(), "link.label_not_text");
    }
    assert!(label("😀".repeat(40)).is_ok());
    assert_eq!(
        label("😀".repeat(40) + "x").unwrap_err(),
        IssueError::LabelTooLong
    );
    let exp = |seconds| {
        Link::issue(LinkDraft {
            exp: Some(seconds),
            ..draft("https://e.example")
        })
    };
    let json: serde_json::Value =
        serde_json::from_str(&payload(&exp(1_900_000_000).unwrap().to_uri())).unwrap();
    assert_eq!(json["exp"].as_u64(), Some(1_900_000_000));
    assert_eq!(
        exp(1_900_000_000_000).unwrap_err(),
        IssueError::ExpiryNotSeconds
    );
}

#[test]
fn item_07_the_header_is_exactly_alg_enc_cty_and_zip_when_asked() {
    let key = LinkKey::generate(&mut os_rng());
    let plain = encrypt(&key, FHIR_JSON, b"{}", Zip::None, &mut os_rng()).unwrap();
    assert_eq!(
        header(&plain),
        serde_json::json!({"alg":"dir","enc":"A256GCM","cty":FHIR_JSON})
    );
    let zipped = encrypt(&key, HEALTH_CARD, b"{}", Zip::Deflate, &mut os_rng()).unwrap();
    assert_eq!(
        header(&zipped),
        serde_json::json!({"alg":"dir","enc":"A256GCM","cty":HEALTH_CARD,"zip":"DEF"})
    );
    let parts: Vec<&str> = plain.split('.').collect();
    assert_eq!((parts.len(), parts[1]), (5, ""));
    assert_eq!(base64url(parts[4]).len(), 16);
}

#[test]
fn item_08_a_thousand_encryptions_under_one_key_repeat_no_nonce() {
    let key = LinkKey::generate(&mut os_rng());
    let mut nonces = BTreeSet::new();
    for _ in 0..1_000 {
        let jwe = encrypt(
            &key,
            FHIR_JSON,
            b"{\"same\":true}",
            Zip::None,
            &mut os_rng(),
        )
        .unwrap();
        let nonce = base64url(jwe.split('.').nth(2).unwrap());
        assert_eq!(nonce.len(), 12);
        assert!(nonces.insert(nonce));
    }
}

#[test]
fn item_09_an_updated_file_opens_with_the_key_of_the_original_link() {
    let link = Link::issue(draft("https://edge.example")).unwrap();
    let read = read_link(&link.to_uri()).unwrap().link;
    for version in [b"{\"v\":1}", b"{\"v\":2}"] {
        let jwe = encrypt(link.key(), FHIR_JSON, version, Zip::None, &mut os_rng()).unwrap();
        let file = decrypt(read.key(), &jwe, &JweLimits::default()).unwrap();
        assert_eq!(file.content.as_slice(), version);
    }
}

#[test]
fn item_10_zip_is_raw_deflate_and_no_zlib_stream() {
    use medfolder_crypto::{Secret32, aes256gcm_open};
    use std::io::Read as _;
    let key = LinkKey::from_bytes([5; 32]);
    let text = b"{\"resourceType\":\"Patient\"}".repeat(50);
    let jwe = encrypt(&key, FHIR_JSON, &text, Zip::Deflate, &mut os_rng()).unwrap();
    let parts: Vec<&str> = jwe.split('.').collect();
    let sealed = [base64url(parts[3]), base64url(parts[4])].concat();
    let nonce: [u8; 12] = base64url(parts[2]).try_into().unwrap();
    let inside = aes256gcm_open(
        &Secret32::new([5; 32]),
        &nonce,
        parts[0].as_bytes(),
        &sealed,
    )
    .unwrap();
    assert!(inside.len() < text.len());
    let mut raw = Vec::new();
    flate2::read::DeflateDecoder::new(inside.as_slice())
        .read_to_end(&mut raw)
        .unwrap();
    assert_eq!(raw, text);
    assert!(
        flate2::read::ZlibDecoder::new(inside.as_slice())
            .read_to_end(&mut Vec::new())
            .is_err()
    );
}

#[test]
fn item_11_a_health_card_file_holds_an_array_of_credentials() {
    use medfolder_share::viewer::FileProblem;
    let cards = |json: &str| common::open_direct(HEALTH_CARD, json.as_bytes());
    assert!(
        cards("{\"verifiableCredential\":[\"eyJ.eyJ.sig\"]}")
            .content
            .is_ok()
    );
    for wrong in [
        "{\"verifiableCredential\":\"eyJ\"}",
        "{\"verifiableCredential\":[1]}",
        "{}",
    ] {
        assert_eq!(
            cards(wrong).content.unwrap_err(),
            FileProblem::Content,
            "{wrong}"
        );
    }
}

#[test]
fn item_12_the_qr_code_decodes_to_the_same_uri_and_the_viewer_ends_with_a_hash() {
    let link = Link::issue(draft("https://edge.example")).unwrap();
    let uri = link.to_uri_with_viewer("https://viewer.example/#").unwrap();
    let qr = Qr::of(&uri).unwrap();
    let (scale, side) = (4, qr.side * 4);
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(side, side, |x, y| {
        if qr.is_dark(y / scale, x / scale) {
            0
        } else {
            255
        }
    });
    let grids = image.detect_grids();
    let (meta, content) = grids[0].decode().unwrap();
    assert_eq!(content, uri.as_str());
    // Format information: level M is 00 in the standard's two bits.
    assert_eq!(meta.ecc_level, 0);
    for leaks in [
        "https://viewer.example/",
        "https://viewer.example/?",
        "https://viewer.example/?x=#y",
    ] {
        assert_eq!(
            link.to_uri_with_viewer(leaks).unwrap_err(),
            IssueError::ViewerLeaksKey
        );
    }
    assert!(link.to_uri_with_viewer("http://viewer.example/#").is_err());
}

#[test]
fn stored_state_is_deterministic_cbor() {
    let terms = ShareTerms {
        created_ms: 1,
        ends_ms: 2,
        openings_allowed: Some(3),
        passcode: None,
        items: 1,
        files: 1,
        status_digest: Default::default(),
        direct_file: false,
    };
    let state = ShareState::new(terms).unwrap();
    assert_eq!(ShareState::from_bytes(&state.to_bytes()).unwrap(), state);
    assert_eq!(to_cbor(&state), state.to_bytes());
}

mod common;

//! SMART Health Links, checklist items 32–34 and 41 as far as they concern reading a link.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests may unwrap"
)]

mod common;

use common::*;
use medfolder_share::address::AddressError;
use medfolder_share::jwe::{JweLimits, decrypt};
use medfolder_share::{Link, LinkDraft, LinkError, LinkWarning, read_link};
use proptest::prelude::*;

#[test]
fn item_32_bare_and_prefixed_links_open_and_other_schemes_do_not() {
    let bare = uri(payload());
    for good in [
        bare.clone(),
        format!("https://viewer.example/x#{bare}"),
        format!("  {bare}\n"),
        format!("http://localhost:1/#{bare}"),
    ] {
        assert!(read_link(&good).unwrap().warnings.is_empty(), "{good}");
    }
    for other in [
        bare.replace("shlink:/", "shc:/"),
        bare.replace("shlink:/", "https:/"),
        format!("javascript:x#{bare}"),
        format!("http://viewer.example/#{bare}"),
    ] {
        assert_eq!(read_link(&other).unwrap_err(), LinkError::Scheme, "{other}");
    }
    assert_eq!(read_link("hello").unwrap_err(), LinkError::NotALink);
    assert_eq!(
        read_link(&bare.replace("shlink:/", "shlink://")).unwrap_err(),
        LinkError::Malformed
    );
    let plain = with("url", "http://edge.example/s/x".into());
    assert_eq!(
        read_link(&plain).unwrap_err(),
        LinkError::Address(AddressError::NotSecure)
    );
    assert!(read_link(&with("url", "http://127.0.0.1:9/s/x".into())).is_ok());
}

#[test]
fn item_32_a_payload_that_reached_the_viewers_server_is_reported() {
    let bare = uri(payload());
    for leaked in [
        format!("https://viewer.example/?{bare}"),
        format!("https://viewer.example/?x={bare}&y=1"),
        format!("https://viewer.example/{bare}"),
    ] {
        let read = read_link(&leaked).unwrap();
        assert_eq!(read.warnings, [LinkWarning::KeyExposed], "{leaked}");
        assert_eq!(read.warnings[0].code(), "link.key_exposed");
    }
}

#[test]
fn item_33_a_passcode_flag_on_a_direct_file_is_refused() {
    for letters in ["PU", "LPU", "UP"] {
        assert_eq!(
            read_link(&with("flag", letters.into())).unwrap_err(),
            LinkError::FlagConflict
        );
    }
}

#[test]
fn item_34_a_newer_version_shows_its_label_and_is_not_opened() {
    let mut newer = payload();
    newer["v"] = 2.into();
    newer["label"] = "检验报告".into();
    newer["url"] = "future:x".into();
    let error = read_link(&uri(newer)).unwrap_err();
    assert_eq!(
        error,
        LinkError::NewerVersion {
            version: 2,
            label: Some("检验报告".into())
        }
    );
    assert_eq!(error.code(), "link.newer_version");
    assert!(read_link(&with("v", 1.into())).is_ok());
}

#[test]
fn item_41_an_end_in_milliseconds_is_reported_and_not_trusted() {
    for wrong in [
        serde_json::json!(1767225600000u64),
        serde_json::json!("1767225600000"),
    ] {
        let read = read_link(&with("exp", wrong)).unwrap();
        assert_eq!(
            (read.link.exp(), read.warnings),
            (None, vec![LinkWarning::ExpiryMilliseconds])
        );
    }
    let read = read_link(&with("exp", "soon".into())).unwrap();
    assert_eq!(read.warnings, [LinkWarning::ExpiryUnreadable]);
    assert_eq!(
        read_link(&with("exp", 1767225600.into()))
            .unwrap()
            .link
            .exp(),
        Some(1767225600)
    );
}

#[test]
fn a_link_that_was_cut_short_says_so() {
    let whole = uri(serde_json::json!({"url": URL, "key": "A".repeat(43), "label": "给医生看"}));
    for length in "shlink:/".len()..whole.len() {
        assert_eq!(
            read_link(&whole[..length]).unwrap_err(),
            LinkError::CutShort,
            "{length}"
        );
    }
    assert!(read_link(&whole).is_ok());
    for start in ["https://viewer.example/#", "https://viewer.example/#shlin"] {
        assert_eq!(read_link(start).unwrap_err().code(), "link.cut_short");
    }
}

#[test]
fn a_link_without_a_usable_key_or_address_is_refused_by_name() {
    assert_eq!(
        read_link(&with("key", "A".repeat(42).into())).unwrap_err(),
        LinkError::Member("key")
    );
    assert_eq!(
        read_link(&with("url", 7.into())).unwrap_err(),
        LinkError::Member("url")
    );
    assert_eq!(
        read_link(&with("url", "x".into())).unwrap_err().code(),
        "address.unreadable"
    );
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,200}", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_link(&text);
        let _ = read_link(&format!("shlink:/{text}"));
        let _ = read_link(&format!("shlink:/{}", encode(&bytes)));
        let _ = decrypt(&key(), &text, &JweLimits::default());
    }

    #[test]
    fn every_issued_link_reads_back(label in "[\\PC]{0,30}", bits in 0u8..6, exp in proptest::option::of(0u64..99_999_999_999)) {
        let letters = ["", "L", "P", "LP", "U", "LU"][usize::from(bits)];
        let flags = medfolder_share::Flags::from_letters(letters);
        let label = Some(label).filter(|l| medfolder_share::link::label_fits(l).is_ok());
        let link = Link::issue(LinkDraft { url: URL.into(), key: key(), flags, label: label.clone(), exp }).unwrap();
        let read = read_link(&link.to_uri()).unwrap();
        prop_assert!(read.warnings.is_empty());
        prop_assert_eq!(read.link.flags(), flags);
        prop_assert_eq!(read.link.label(), label.as_deref());
        prop_assert_eq!(read.link.exp(), exp);
        prop_assert_eq!(read.link.key().expose(), &KEY);
    }
}

//! SMART Health Links, checklist items 32–42: what a viewer must do. One test per item or rule.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests may unwrap"
)]

mod common;

use common::*;
use medfolder_crypto::{Secret32, aes256gcm_seal, os_rng};
use medfolder_share::content_type::{API_ACCESS, FHIR_JSON, FHIR_JSON_R4, HEALTH_CARD};
use medfolder_share::jwe::{JweError, JweLimits, Zip, decrypt, encrypt};
use medfolder_share::viewer::{
    FileProblem, LOCATION_MAX_AGE_MS, Response, Step, Viewer, ViewerError, ViewerOptions,
};
use medfolder_share::{Link, LinkDraft, LinkWarning, read_link};

const PATIENT: &[u8] = b"{\"resourceType\":\"Patient\"}";

#[test]
fn item_33_what_is_unknown_is_ignored() {
    let mut odd = payload();
    odd["labelzzz"] = "x".into();
    odd["extension"] = serde_json::json!([{"url": "u"}]);
    odd["_x"] = 1.into();
    odd["flag"] = "LX".into();
    let read = read_link(&uri(odd)).unwrap();
    assert!(read.link.flags().long_term && !read.link.flags().passcode);
    assert_eq!(read.warnings, [LinkWarning::Flags]);

    let mut viewer = Viewer::new(link(""), options(), 0).unwrap();
    let mut manifest: serde_json::Value =
        serde_json::from_str(&manifest(&[(FHIR_JSON, &jwe(FHIR_JSON, PATIENT))])).unwrap();
    manifest["surprise"] = 1.into();
    manifest["status"] = "brand-new".into();
    manifest["list"] = serde_json::json!({"resourceType": "List", "extension": [{"url": "x"}]});
    manifest["files"][0]["status"] = "finalized".into();
    drive(&mut viewer, |_| (200, manifest.to_string())).unwrap();
    assert_eq!(viewer.status(), None);
    assert_eq!(
        viewer.into_files()[0].content.as_ref().unwrap().as_slice(),
        PATIENT
    );
}

#[test]
fn a_label_stays_on_its_line_whoever_made_the_link() {
    let mut forged = payload();
    forged["label"] = "给医生\n✓ seal verified\u{1b}[2J\u{202e}x".into();
    let read = read_link(&uri(forged)).unwrap();
    assert_eq!(read.link.label(), Some("给医生 ✓ seal verified [2J x"));
}

#[test]
fn item_35_the_recipient_is_always_sent_and_a_passcode_only_once() {
    let mut viewer = Viewer::new(link("P"), options(), 0).unwrap();
    assert_eq!(viewer.step(0), Step::AskPasscode { remaining: None });
    viewer.supply_passcode("1234".to_owned().into());
    let mut asked = Vec::new();
    let steps = drive(&mut viewer, |step| {
        if let Step::Post { body, .. } = step {
            asked.push(serde_json::from_slice::<serde_json::Value>(body).unwrap());
        }
        (401, "{\"remainingAttempts\":3}".into())
    })
    .unwrap();
    assert_eq!(
        asked,
        [serde_json::json!({"recipient": "Dr. Li", "passcode": "1234"})]
    );
    assert_eq!(
        steps.last(),
        Some(&Step::AskPasscode { remaining: Some(3) })
    );
    assert_eq!(viewer.step(1), Step::AskPasscode { remaining: Some(3) });
    let mut blank = options();
    blank.recipient = "  ".into();
    assert_eq!(
        Viewer::new(link("P"), blank, 0).err(),
        Some(ViewerError::NoRecipient)
    );
}

#[test]
fn item_35_no_try_left_is_said_and_not_asked_again() {
    let mut viewer = Viewer::new(link("P"), with_passcode("1"), 0).unwrap();
    let end = drive(&mut viewer, |_| (401, "{\"remainingAttempts\":0}".into()));
    assert_eq!(end.unwrap_err(), ViewerError::Locked);
}

#[test]
fn item_36_a_direct_file_is_fetched_by_get_and_keeps_its_query() {
    let url = format!("{URL}?a=1&b=%20x");
    let mut viewer = Viewer::new(link_at(&url, "LU"), options(), 0).unwrap();
    let body = jwe(FHIR_JSON, PATIENT);
    let steps = drive(&mut viewer, |_| (200, body.clone())).unwrap();
    let get = Step::Get {
        url: format!("{url}&recipient=Dr.+Li"),
    };
    assert_eq!(steps, [get, Step::Done]);
    assert!(viewer.into_files()[0].is_fhir());
}

#[test]
fn item_37_a_location_is_not_used_after_one_hour() {
    let mut viewer = Viewer::new(link("P"), with_passcode("1234"), 0).unwrap();
    viewer.step(0);
    viewer
        .answer(
            0,
            ok(&locations(&[
                "https://edge.example/1",
                "https://edge.example/2",
            ])),
        )
        .unwrap();
    assert_eq!(
        viewer.step(1),
        Step::Get {
            url: "https://edge.example/1".into()
        }
    );
    viewer.answer(1, ok(&jwe(FHIR_JSON, PATIENT))).unwrap();
    assert_eq!(
        viewer.step(LOCATION_MAX_AGE_MS - 1),
        Step::Get {
            url: "https://edge.example/2".into()
        }
    );
    let Step::Post { body, .. } = viewer.step(LOCATION_MAX_AGE_MS) else {
        panic!("a manifest is due")
    };
    assert!(String::from_utf8(body.to_vec()).unwrap().contains("1234"));
    let again = locations(&["https://edge.example/3", "https://edge.example/4"]);
    viewer.answer(LOCATION_MAX_AGE_MS, ok(&again)).unwrap();
    assert_eq!(
        viewer.step(LOCATION_MAX_AGE_MS),
        Step::Get {
            url: "https://edge.example/4".into()
        }
    );
}

#[test]
fn item_37_a_spent_location_is_replaced_and_given_up_after_two_replacements() {
    let mut viewer = Viewer::new(link(""), options(), 0).unwrap();
    let mut manifests = 0;
    let steps = drive(&mut viewer, |step| match step {
        Step::Post { .. } => {
            manifests += 1;
            (
                200,
                locations(&["https://edge.example/good", "https://edge.example/spent"]),
            )
        }
        Step::Get { url } if url.ends_with("good") => (200, jwe(FHIR_JSON, PATIENT)),
        _ => (404, String::new()),
    })
    .unwrap();
    assert_eq!(manifests, 3);
    let good = |step: &&Step| matches!(step, Step::Get { url } if url.ends_with("good"));
    assert_eq!(steps.iter().filter(good).count(), 1);
    let files = viewer.into_files();
    assert!(files[0].content.is_ok());
    assert_eq!(files[1].content.as_ref().unwrap_err(), &FileProblem::Spent);
}

#[test]
fn item_38_after_429_the_viewer_waits_as_told() {
    let mut viewer = Viewer::new(link(""), options(), 0).unwrap();
    viewer.step(0);
    let busy = Response {
        status: 429,
        retry_after: Some("30"),
        body: b"",
    };
    viewer.answer(1_000, busy).unwrap();
    assert_eq!(viewer.step(30_999), Step::WaitUntil(31_000));
    assert!(matches!(viewer.step(31_000), Step::Post { .. }));
}

#[test]
fn item_38_a_host_that_is_always_busy_is_given_up() {
    let mut viewer = Viewer::new(link(""), options(), 0).unwrap();
    let mut now = 0;
    let error = loop {
        match viewer.step(now) {
            Step::WaitUntil(until) => now = until,
            _ => {
                if let Err(error) = viewer.answer(now, status(429)) {
                    break error;
                }
            }
        }
    };
    assert_eq!(error, ViewerError::TooBusy);
}

#[test]
fn a_host_that_lists_other_files_each_time_is_given_up() {
    let mut viewer = Viewer::new(link(""), options(), 0).unwrap();
    let mut manifests = 0;
    let end = drive(&mut viewer, |step| match step {
        Step::Post { .. } => {
            manifests += 1;
            let url = "https://edge.example/spent";
            (200, locations(&[url, url][..1 + manifests % 2]))
        }
        _ => (404, String::new()),
    });
    assert_eq!(end.unwrap_err(), ViewerError::Changing);
    assert_eq!(manifests, 17);
}

#[test]
fn item_38_all_waits_of_an_opening_together_have_an_end() {
    let mut viewer = Viewer::new(link(""), options(), 0).unwrap();
    let (mut now, mut busy) = (0, false);
    let urls: Vec<String> = (0..100)
        .map(|at| format!("https://edge.example/{at}"))
        .collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let error = loop {
        let answer = match viewer.step(now) {
            Step::WaitUntil(until) => {
                now = until;
                continue;
            }
            Step::Post { .. } => viewer.answer(now, ok(&locations(&urls))),
            _ => {
                busy = !busy;
                let wait = Response {
                    status: 429,
                    retry_after: Some("60"),
                    body: b"",
                };
                let file = jwe(FHIR_JSON, PATIENT);
                viewer.answer(now, if busy { wait } else { ok(&file) })
            }
        };
        if let Err(error) = answer {
            break error;
        }
    };
    assert_eq!(error, ViewerError::TooBusy);
    assert!(now <= 15 * 60 * 1000, "{now}");
}

#[test]
fn an_answer_that_is_too_long_is_not_told_as_none() {
    let mut viewer = Viewer::new(link(""), options(), 0).unwrap();
    viewer.step(0);
    assert_eq!(viewer.too_large().unwrap_err().code(), "manifest.malformed");
    viewer.step(0);
    let one = locations(&["https://edge.example/1"]);
    viewer.answer(0, ok(&one)).unwrap();
    viewer.step(0);
    viewer.too_large().unwrap();
    let files = viewer.into_files();
    assert_eq!(
        files[0].content.as_ref().unwrap_err().code(),
        "jwe.too_large"
    );
}

#[test]
fn item_38_only_long_term_links_are_polled_and_not_before_the_advised_time() {
    let mut once = Viewer::new(link(""), options(), 0).unwrap();
    drive(&mut once, |_| (200, manifest(&[]))).unwrap();
    assert_eq!(once.refresh(), Err(ViewerError::NotLongTerm));
    let mut long = Viewer::new(link("L"), options(), 0).unwrap();
    long.step(0);
    let body = manifest(&[]);
    long.answer(
        0,
        Response {
            retry_after: Some("60"),
            ..ok(&body)
        },
    )
    .unwrap();
    assert_eq!(long.step(0), Step::Done);
    long.refresh().unwrap();
    assert_eq!(long.step(59_999), Step::WaitUntil(60_000));
    assert!(matches!(long.step(60_000), Step::Post { .. }));
}

fn sealed(header: serde_json::Value) -> String {
    let header = encode(header.to_string().as_bytes());
    let nonce = [9; 12];
    let all = aes256gcm_seal(&Secret32::new(KEY), &nonce, header.as_bytes(), PATIENT);
    let (text, tag) = all.split_at(all.len() - 16);
    format!(
        "{header}..{}.{}.{}",
        encode(&nonce),
        encode(text),
        encode(tag)
    )
}

#[test]
fn item_39_other_algorithms_are_refused() {
    let open = |jwe: &str| decrypt(&key(), jwe, &JweLimits::default()).map(|_| ());
    let good = serde_json::json!({"alg":"dir","enc":"A256GCM","cty":FHIR_JSON});
    assert_eq!(open(&sealed(good.clone())), Ok(()));
    for (name, value) in [
        ("alg", "A256KW"),
        ("enc", "A128CBC-HS256"),
        ("enc", "a256gcm"),
        ("zip", "GZIP"),
        ("crit", "x"),
    ] {
        let mut header = good.clone();
        header[name] = value.into();
        assert_eq!(
            open(&sealed(header)),
            Err(JweError::Algorithm),
            "{name} {value}"
        );
    }
    for missing in ["alg", "enc"] {
        let mut header = good.clone();
        header.as_object_mut().unwrap().remove(missing);
        assert_eq!(open(&sealed(header)), Err(JweError::Algorithm));
    }
}

#[test]
fn item_39_anything_altered_is_refused_and_nothing_of_it_is_shown() {
    let good = jwe(FHIR_JSON, PATIENT);
    let open = |jwe: &str| decrypt(&key(), jwe, &JweLimits::default()).map(|_| ());
    for at in (0..good.len()).filter(|at| good.as_bytes()[*at] != b'.') {
        let mut altered = good.clone().into_bytes();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        assert!(open(&String::from_utf8(altered).unwrap()).is_err(), "{at}");
    }
    let other = serde_json::json!({"alg":"dir","enc":"A256GCM","cty":HEALTH_CARD}).to_string();
    let (_, rest) = good.split_once('.').unwrap();
    assert_eq!(
        open(&format!("{}.{rest}", encode(other.as_bytes()))),
        Err(JweError::Opaque)
    );
    assert_eq!(
        open(&good.replacen("..", ".AAAA.", 1)),
        Err(JweError::Malformed)
    );
    assert_eq!(open(&good.replacen("..", ".", 1)), Err(JweError::Malformed));
    assert_eq!(open(""), Err(JweError::Malformed));
    let mut viewer = Viewer::new(link("U"), options(), 0).unwrap();
    drive(&mut viewer, |_| (200, format!("{good}A"))).unwrap();
    assert!(viewer.into_files()[0].content.is_err());
}

#[test]
fn item_40_deflated_files_open_and_a_bomb_is_stopped() {
    let small = JweLimits {
        plaintext_bytes: 10_000,
        ..Default::default()
    };
    let zip = |size: usize| {
        let text = format!("{{\"resourceType\":\"{}\"}}", "x".repeat(size));
        encrypt(
            &key(),
            FHIR_JSON,
            text.as_bytes(),
            Zip::Deflate,
            &mut os_rng(),
        )
        .unwrap()
    };
    assert_eq!(
        decrypt(&key(), &zip(9_000), &small).unwrap().content.len(),
        9_019
    );
    let bomb = zip(50_000_000);
    assert!(bomb.len() < 100_000);
    assert_eq!(
        decrypt(&key(), &bomb, &small).unwrap_err(),
        JweError::TooLarge
    );
    let long = JweLimits {
        jwe_bytes: 10,
        ..Default::default()
    };
    assert_eq!(
        decrypt(&key(), &bomb, &long).unwrap_err(),
        JweError::TooLarge
    );
}

#[test]
fn item_41_past_its_end_a_link_is_not_requested() {
    let at = |exp| {
        let draft = LinkDraft {
            url: URL.into(),
            key: key(),
            flags: Default::default(),
            label: None,
            exp: Some(exp),
        };
        Viewer::new(Link::issue(draft).unwrap(), options(), 5_000_000)
            .map(|_| ())
            .err()
    };
    assert_eq!(at(4_999), Some(ViewerError::Expired));
    assert_eq!(at(5_000), Some(ViewerError::Expired));
    assert_eq!(at(5_001), None);
}

#[test]
fn item_42_one_unreadable_file_does_not_hide_the_others() {
    let good = jwe(FHIR_JSON, PATIENT);
    let parameter = jwe(FHIR_JSON_R4, PATIENT);
    let card = jwe(HEALTH_CARD, b"{\"verifiableCredential\":[\"x\"]}");
    let swapped = card.clone();
    let mut viewer = Viewer::new(link(""), options(), 0).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_str(&manifest(&[
        (FHIR_JSON, &good),
        (FHIR_JSON, "not a jwe"),
        (FHIR_JSON_R4, &good),
        (FHIR_JSON, &parameter),
        (FHIR_JSON, &swapped),
        (API_ACCESS, &good),
        (HEALTH_CARD, &card),
        ("application/pdf", &good),
    ]))
    .unwrap();
    let files = manifest["files"].as_array_mut().unwrap();
    files.push(serde_json::json!({"contentType": FHIR_JSON}));
    files.push(serde_json::json!(7));
    files.push(serde_json::json!({"contentType": FHIR_JSON, "location": "http://10.0.0.1/x"}));
    drive(&mut viewer, |_| (200, manifest.to_string())).unwrap();
    let codes: Vec<&str> = viewer
        .into_files()
        .iter()
        .map(|file| {
            file.content
                .as_ref()
                .map_or_else(FileProblem::code, |_| "ok")
        })
        .collect();
    assert_eq!(
        codes,
        [
            "ok",
            "jwe.malformed",
            "ok",
            "ok",
            "file.type_mismatch",
            "file.unsupported",
            "ok",
            "file.unsupported",
            "file.no_source",
            "file.entry_malformed",
            "address.not_secure",
        ]
    );
}

#[test]
fn an_inactive_share_an_odd_status_and_no_answer_are_told_apart() {
    let first = |response| {
        let mut viewer = Viewer::new(link(""), options(), 0).unwrap();
        viewer.step(0);
        viewer.answer(0, response).unwrap_err()
    };
    assert_eq!(first(status(404)).code(), "share.not_available");
    assert_eq!(first(status(302)), ViewerError::Status(302));
    assert_eq!(first(ok("<html>")).code(), "manifest.malformed");
    let mut viewer = Viewer::new(link(""), options(), 0).unwrap();
    viewer.step(0);
    assert_eq!(viewer.unreachable(), Err(ViewerError::Unreachable));
}

#[test]
fn on_demand_only_wanted_files_are_fetched() {
    let mut viewer = Viewer::new(
        link(""),
        ViewerOptions {
            on_demand: true,
            ..options()
        },
        0,
    )
    .unwrap();
    let host = |step: &Step| match step {
        Step::Post { .. } => (
            200,
            locations(&["https://edge.example/0", "https://edge.example/1"]),
        ),
        _ => (200, jwe(FHIR_JSON, PATIENT)),
    };
    assert_eq!(drive(&mut viewer, host).unwrap().len(), 2);
    assert_eq!((viewer.file_count(), viewer.finished_count()), (2, 0));
    viewer.want(1);
    let steps = drive(&mut viewer, host).unwrap();
    assert_eq!(
        steps,
        [
            Step::Get {
                url: "https://edge.example/1".into()
            },
            Step::Done
        ]
    );
    assert!(viewer.take_file_at(1).unwrap().is_fhir());
    assert_eq!(viewer.take_file_at(0).map(|_| ()), None);
}

//! Bodies are cut so that the pieces are the body, and refused by rule.

use crate::limits::MAX_DEPTH;
use crate::pieces::{PiecesError, check_entry, cut};
use proptest::prelude::*;

fn pieces(body: &str) -> Vec<(&str, bool)> {
    cut(body.as_bytes())
        .unwrap()
        .iter()
        .map(|p| (&body[p.range], p.is_entry))
        .collect()
}

fn refused(body: &str) -> PiecesError {
    cut(body.as_bytes()).unwrap_err()
}

#[test]
fn a_bundle_is_cut_into_head_entries_separators_and_tail() {
    let body = r#" {"a":1,"entry" : [ {"x":{}} , {"y":"}"} ] ,"z":[]} "#;
    let expected = [
        (r#" {"a":1,"entry" : [ "#, false),
        (r#"{"x":{}}"#, true),
        (" , ", false),
        (r#"{"y":"}"}"#, true),
        (r#" ] ,"z":[]} "#, false),
    ];
    assert_eq!(pieces(body), expected);
}

#[test]
fn a_body_without_entries_is_one_piece() {
    for body in [
        "{}",
        r#"{"entry":[]}"#,
        r#"{"entry":{}}"#,
        r#"{"a":{"entry":[{}]}}"#,
    ] {
        assert_eq!(pieces(body), [(body, false)]);
    }
}

#[test]
fn an_escaped_name_is_the_name_it_stands_for() {
    let body = r#"{"\u0065ntry":[{}]}"#;
    assert_eq!(pieces(body).len(), 3);
    assert!(matches!(
        refused(r#"{"a":1,"\u0061":2}"#),
        PiecesError::Duplicate(_)
    ));
    assert!(matches!(
        refused(r#"{"😀":1,"\ud83d\ude00":2}"#),
        PiecesError::Duplicate(_)
    ));
}

#[test]
fn a_name_twice_in_one_object_is_refused_at_any_depth() {
    assert!(matches!(
        refused(r#"{"a":[{"b":1,"c":2,"b":3}]}"#),
        PiecesError::Duplicate(_)
    ));
    assert!(matches!(
        refused(r#"{"entry":[{}],"entry":[{}]}"#),
        PiecesError::Duplicate(_)
    ));
    assert_eq!(pieces(r#"{"a":{"a":{"a":1}},"b":{"a":1}}"#).len(), 1);
}

#[test]
fn what_is_not_utf8_or_starts_with_a_byte_order_mark_is_refused() {
    assert_eq!(
        cut(b"{\"a\":\"\xff\"}").unwrap_err(),
        PiecesError::NotUtf8(6)
    );
    assert_eq!(refused("\u{feff}{}"), PiecesError::ByteOrderMark);
}

#[test]
fn what_is_not_one_json_object_is_refused() {
    for body in ["[]", "1", "\"a\"", "null"] {
        assert_eq!(refused(body), PiecesError::NotObject, "{body}");
    }
    let broken = [
        "",
        "{",
        "{}}",
        "{} {}",
        "{a:1}",
        r#"{"a"}"#,
        r#"{"a":1,}"#,
        r#"{"a":[1,]}"#,
        r#"{"a":01}"#,
        r#"{"a":1.}"#,
        r#"{"a":.1}"#,
        r#"{"a":1e}"#,
        r#"{"a":+1}"#,
        r#"{"a":-}"#,
        r#"{"a":tru}"#,
        r#"{"a":"\x"}"#,
        r#"{"a":"\u12"}"#,
        r#"{"a":"\ud800"}"#,
        r#"{"a":"\udc00"}"#,
        r#"{"a":"\ud800\u0041"}"#,
        "{\"a\":\"\n\"}",
        r#"{"a":NaN}"#,
        "{'a':1}",
        "{\"a\":1/**/}",
        r#"{"a":"\u+123"}"#,
    ];
    for body in broken {
        assert!(matches!(refused(body), PiecesError::NotJson(_)), "{body}");
    }
}

#[test]
fn an_entry_that_is_no_object_is_refused() {
    assert_eq!(refused(r#"{"entry":[1]}"#), PiecesError::EntryNotObject(10));
}

#[test]
fn nesting_is_taken_to_the_limit_and_no_deeper() {
    let nested = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    assert!(cut(nested(MAX_DEPTH).as_bytes()).is_ok());
    assert!(matches!(
        refused(&nested(MAX_DEPTH + 1)),
        PiecesError::TooDeep(_)
    ));
    let arrays = "[".repeat(100_000);
    assert!(matches!(
        refused(&format!("{{\"a\":{arrays}")),
        PiecesError::TooDeep(_)
    ));
}

#[test]
fn a_disclosed_entry_is_one_object_and_nothing_else() {
    assert_eq!(check_entry(br#"{"a":1}"#), Ok(()));
    for bytes in ["{} ", " {}", "{},{}", "[]", "{", r#"{"a":1,"a":1}"#] {
        assert!(check_entry(bytes.as_bytes()).is_err(), "{bytes}");
    }
}

#[test]
fn the_codes_of_refusals_differ() {
    let codes = [
        PiecesError::TooLong.code(),
        PiecesError::NotUtf8(0).code(),
        PiecesError::ByteOrderMark.code(),
        PiecesError::NotJson(0).code(),
        PiecesError::NotObject.code(),
        PiecesError::TooDeep(0).code(),
        PiecesError::Duplicate(0).code(),
        PiecesError::EntryNotObject(0).code(),
        PiecesError::TooManyEntries.code(),
    ];
    let unique: std::collections::BTreeSet<_> = codes.into_iter().collect();
    assert_eq!(unique.len(), codes.len());
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<i32>().prop_map(|n| (f64::from(n) / 8.0).into()),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn pieces_put_together_are_the_body(entries in prop::collection::vec(json(), 0..6), rest in json()) {
        let entries: Vec<_> = entries.into_iter().map(|e| serde_json::json!({ "resource": e })).collect();
        let body = serde_json::json!({ "before": rest, "entry": entries, "after": rest });
        for text in [body.to_string(), serde_json::to_string_pretty(&body).unwrap()] {
            let cut = pieces(&text);
            prop_assert_eq!(cut.iter().map(|(piece, _)| *piece).collect::<String>(), text.clone());
            let found: Vec<serde_json::Value> = cut.iter()
                .filter(|(_, is_entry)| *is_entry)
                .map(|(piece, _)| serde_json::from_str(piece).unwrap())
                .collect();
            prop_assert_eq!(&found, &entries);
        }
    }

    #[test]
    fn whatever_is_cut_is_json_to_others_too(body in r#"[{}\[\]",:a0\-.e\\u ]{0,24}"#) {
        if cut(body.as_bytes()).is_ok() {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok(), "{}", body);
        }
    }

    #[test]
    fn no_bytes_make_the_cut_fail_other_than_by_refusing(body: Vec<u8>) {
        let _ = cut(&body);
    }
}

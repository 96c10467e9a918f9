//! Statements are canonical and keep their limits.

use super::forge::statement;
use crate::limits::{MAX_ATTACHMENTS, MAX_TEXT, MAX_TIME};
use crate::statement::{Statement, StatementError};
use medfolder_crypto::{CborError, Suite};
use proptest::prelude::*;

fn refused(change: impl FnOnce(&mut Statement)) -> StatementError {
    let mut statement = statement(Suite::International, 0);
    change(&mut statement);
    let error = Statement::from_bytes(&statement.to_bytes()).unwrap_err();
    assert_eq!(statement.check().unwrap_err(), error);
    error
}

#[test]
fn texts_that_are_empty_too_long_or_break_the_line_are_refused() {
    assert_eq!(
        refused(|s| s.title = " ".into()),
        StatementError::Text("title")
    );
    assert_eq!(
        refused(|s| s.title = "x".repeat(MAX_TEXT + 1)),
        StatementError::Text("title")
    );
    assert_eq!(
        refused(|s| s.title = "seal \u{202e}deifirev".into()),
        StatementError::Text("title")
    );
    assert_eq!(
        refused(|s| s.title = "a\nb".into()),
        StatementError::Text("title")
    );
    assert_eq!(
        refused(|s| s.author.name.clear()),
        StatementError::Text("author")
    );
    assert_eq!(
        refused(|s| s.department = "\u{7}".into()),
        StatementError::Text("department")
    );
    assert_eq!(
        refused(|s| s.patient_number.clear()),
        StatementError::Text("patient number")
    );
    assert_eq!(
        refused(|s| s.kind.loinc.clear()),
        StatementError::Text("kind")
    );
    assert_eq!(
        refused(|s| s.kind.wst500 = Some(String::new())),
        StatementError::Text("kind")
    );
    assert_eq!(
        refused(|s| s.media_type = "json".into()),
        StatementError::Text("media type")
    );
}

#[test]
fn a_visit_that_ends_before_it_starts_is_refused() {
    assert_eq!(
        refused(|s| s.times.visit_end = Some(s.times.visit_start - 1)),
        StatementError::Times
    );
    assert_eq!(
        refused(|s| s.times.authored = MAX_TIME + 1),
        StatementError::Times
    );
}

#[test]
fn too_many_attachments_are_refused() {
    let many = MAX_ATTACHMENTS as u32 + 1;
    assert_eq!(
        refused(|s| s.attachments = many),
        StatementError::Attachments
    );
}

#[test]
fn another_version_is_refused() {
    let mut bytes = statement(Suite::International, 0).to_bytes();
    bytes[1] = 1;
    let error = StatementError::Encoding(CborError::Malformed);
    assert_eq!(Statement::from_bytes(&bytes).unwrap_err(), error);
}

proptest! {
    #[test]
    fn a_statement_is_read_back_and_no_other_bytes_give_it(
        title in "[\\PC&&[^\u{2028}-\u{202e}\u{2066}-\u{2069}]]{1,40}x", start in -MAX_TIME..MAX_TIME, ended: bool, flip: prop::sample::Index,
    ) {
        let mut original = statement(Suite::National, 3);
        original.title = title;
        original.times.visit_start = start;
        original.times.visit_end = ended.then_some(start);
        let bytes = original.to_bytes();
        prop_assert_eq!(Statement::from_bytes(&bytes).unwrap(), original.clone());
        let mut other = bytes.clone();
        let place = flip.index(bytes.len());
        other[place] ^= 0x20;
        if let Ok(read) = Statement::from_bytes(&other) {
            prop_assert_ne!(read, original);
        }
    }
}

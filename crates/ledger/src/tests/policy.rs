//! The table of roles and actions, cell by cell.

use crate::member::{MemberRole, Standing};
use crate::policy::*;

/// The whole table, written out once more by hand: one row per action, one letter per party in
/// the order hospital, insurer, research, regulator, observer, staff, card, grant, folder, anyone;
/// then whether a suspended member still may.
const TABLE: [(&str, &str, bool); 36] = [
    ("alliance.rotate_key", "YYYYY-----", true),
    ("alliance.storage_area", "Y---------", true),
    ("staff.enrol", "Y---------", false),
    ("staff.rotate", "Y---------", false),
    ("staff.revoke", "Y---------", true),
    ("folder.register", "Y-------Y-", false),
    ("folder.head", "--------Y-", true),
    ("card.register", "Y-----Y---", false),
    ("card.freeze", "Y-----Y---", true),
    ("card.lift", "Y---------", true),
    ("card.rotate", "Y-----Y---", true),
    ("card.close", "Y-----Y---", true),
    ("record.seal", "Y---------", false),
    ("record.withdraw", "Y---------", true),
    ("record.zone_report", "Y-----Y---", true),
    ("grant.grant", "Y------Y--", false),
    ("grant.extend", "Y------Y--", false),
    ("grant.shorten", "-------Y--", true),
    ("grant.revoke", "-------Y--", true),
    ("access.batch", "Y---------", true),
    ("evidence.anchor", "YYYYY-----", false),
    ("read.transaction", "YYYYYYYYYY", true),
    ("read.card", "YYYYY-Y---", true),
    ("read.grant", "YYYYY--Y--", true),
    ("read.folder", "YYYYY---Y-", true),
    ("read.record", "YYYYYYYYYY", true),
    ("read.receipt", "YYYYYYYYYY", true),
    ("read.checkpoint", "YYYYYYYYYY", true),
    ("read.members", "YYYYYYYYYY", true),
    ("read.staff", "YYYYYYYYYY", true),
    ("read.policy", "YYYYYYYYYY", true),
    ("read.stats", "YYYYYY----", true),
    ("read.alerts", "YYYYY-----", true),
    ("read.blocks", "YYYYY-----", true),
    ("read.events", "YYYYY-----", true),
    ("submit", "YYYYYYYYYY", true),
];

#[test]
fn every_cell_of_the_table_answers_as_written() {
    let session = ("session.open", "YYYYYYYYY-", true);
    let rows: Vec<_> = TABLE.into_iter().chain([session]).collect();
    assert_eq!(rows.len(), Action::ALL.len());
    for ((name, cells, suspended), action) in rows.into_iter().zip(Action::ALL) {
        assert_eq!(name, action.as_str());
        for (cell, party) in cells.chars().zip(Party::ALL) {
            let role = if cell == 'Y' {
                Decision::Allowed
            } else {
                Decision::Role
            };
            assert_eq!(
                allowed(party, Standing::Good, *action),
                role,
                "{party} {action}"
            );
            let member = matches!(party, Party::Member(_));
            let expected = match role {
                Decision::Allowed if member && !suspended => Decision::Suspended,
                other => other,
            };
            assert_eq!(
                allowed(party, Standing::Suspended, *action),
                expected,
                "{party} {action}"
            );
        }
    }
}

#[test]
fn parties_and_actions_are_read_back_from_their_names() {
    for party in Party::ALL {
        assert_eq!(party.to_string().parse(), Ok(party));
    }
    for action in Action::ALL {
        assert_eq!(action.to_string().parse(), Ok(*action));
    }
    assert_eq!("nobody".parse::<Party>(), Err(UnknownName));
    assert_eq!(
        "nothing".parse::<Action>().unwrap_err().code(),
        "policy.unknown_name"
    );
}

#[test]
fn an_explanation_gives_the_rule_in_both_languages() {
    let party = Party::Member(MemberRole::Insurer);
    let (decision, rule) = explain(party, Standing::Good, Action::Seal);
    assert_eq!(decision, Decision::Role);
    assert!(rules().all(|rule| rule.en.ends_with('.') && rule.zh.ends_with('。')));
    assert_eq!(rule.action(), Action::Seal);
}

#[test]
fn every_transaction_type_has_its_row() {
    for kind in crate::Type::ALL {
        assert!(kind.as_str().parse::<Action>().is_ok(), "{}", kind.as_str());
    }
}

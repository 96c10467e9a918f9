//! The table of roles and actions, cell by cell.

use super::world::*;
use crate::body::*;
use crate::member::{MemberRole, Standing};
use crate::policy::*;
use crate::{Body, Refusal};
use medfolder_crypto::{Digest, SigningKey};
use medfolder_record::{GrantId, MemberId, VisitId};

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

/// A body of each type that a member signs, with the member's key; its content is unknown to the
/// ledger, so only the policy can refuse it first.
fn member_bodies(world: &World, member: MemberId) -> Vec<(Body, Vec<SigningKey>)> {
    let (seal, host) = (|| world.seal_key(member), || world.host_key(member));
    let (card, grant, unknown) = (world.number(9), GrantId(Digest([9; 32])), world.staff_id(9));
    let list = || LeafList {
        visit: VisitId([9; 16]),
        seq: 0,
        leaves: vec![leaf(9, 0, 0)],
    };
    let new = keys(world.suite, 0x99, 2);
    let by = By::Desk;
    let findings = vec![Finding {
        k: 0,
        what: ZoneFinding::Missing,
    }];
    let reason = RevokeReason::Ended;
    let rotate = RotateStaff {
        member,
        key: unknown,
        signing: new.public,
        encryption: new.encryption,
        until: START + 900 * DAY,
        proof: world.possession(member, &new),
    };
    let next = world.card(8).signing;
    vec![
        (world.enrolment(member, 9).into(), vec![seal()]),
        (rotate.into(), vec![seal()]),
        (
            RevokeStaff {
                member,
                key: unknown,
                reason,
            }
            .into(),
            vec![seal()],
        ),
        (
            FreezeCard {
                card,
                member,
                by,
                successor: None,
            }
            .into(),
            vec![seal()],
        ),
        (LiftFreeze { card, member }.into(), vec![seal()]),
        (world.rotation(member, 9, 8, by).into(), vec![next, seal()]),
        (CloseCard { card, member, by }.into(), vec![seal()]),
        (world.seal_body(member, card, 9, 0).into(), vec![seal()]),
        (
            Withdraw {
                member,
                list: list(),
                k: 0,
                reason: WithdrawReason::Wrong,
            }
            .into(),
            vec![seal()],
        ),
        (
            ZoneReport {
                member,
                by: ZoneReporter::Edge,
                list: list(),
                findings,
            }
            .into(),
            vec![host()],
        ),
        (
            Grant {
                host: member,
                ..world.grant_body(9)
            }
            .into(),
            vec![world.grant_key(9).signing, host()],
        ),
        (
            Extend {
                grant,
                host: member,
                present: 0,
                until: 0,
                scope: None,
            }
            .into(),
            Vec::new(),
        ),
    ]
}

#[test]
fn every_contract_asks_the_table_before_anything_else() {
    for (member, role, standing) in [
        (INSURER, MemberRole::Insurer, Standing::Good),
        (SUSPENDED, MemberRole::Hospital, Standing::Suspended),
    ] {
        let mut world = World::new();
        // An Extend needs a grant whose key signs; the host of another's.
        let id = world.grant(1);
        for (body, mut signers) in member_bodies(&world, member) {
            let body = match body {
                Body::Extend(extend) => {
                    signers = vec![world.grant_key(1).signing, world.host_key(member)];
                    Body::Extend(Extend {
                        grant: id,
                        ..extend
                    })
                }
                other => other,
            };
            let action = body.kind().as_str().parse::<Action>().unwrap();
            let signers: Vec<_> = signers.iter().collect();
            let refusal = world.refuse(body, &signers);
            let expected = match allowed(Party::Member(role), standing, action) {
                Decision::Role => Some(Refusal::MemberRole),
                Decision::Suspended => Some(Refusal::MemberSuspended),
                Decision::Allowed => None,
            };
            match expected {
                Some(expected) => assert_eq!(refusal, expected, "{action}"),
                None => assert!(!refusal.code().starts_with("member."), "{action}"),
            }
            world.pass(1);
        }
    }
}

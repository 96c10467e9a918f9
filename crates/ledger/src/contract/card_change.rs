//! Contract *registration*: freeze, lift, hand-over, closing (`trust.md`, "Loss, theft,
//! hand-over").

use super::{Call, Outcome};
use crate::body::{By, CloseCard, FreezeCard, LiftFreeze, RotateCard};
use crate::event::Alert;
use crate::policy::{Action, Party};
use crate::refusal::Refusal;
use crate::state::{CardEntry, CardStatus, Freeze, StateKey, Subject};
use medfolder_record::{CardNumber, MemberId};

/// Longest chain of predecessors; bounds what a seal's rules walk.
const MAX_GENERATIONS: u16 = 64;

fn check_party(by: By, member: &MemberId, action: Action, call: &mut Call<'_, '_>) -> Outcome {
    match by {
        By::Desk => call.member_may(member, action).map(drop),
        By::Key => call.party_may(Party::Card, action),
    }
}

/// One request is pending per card; one from the desk replaces one by key.
pub(super) fn freeze(body: &FreezeCard, call: &mut Call<'_, '_>) -> Outcome {
    check_party(body.by, &body.member, Action::CardFreeze, call)?;
    let mut entry = call.card_in_use(&body.card, &body.member)?;
    if let CardStatus::Frozen(pending) = entry.status {
        let replaces = body.by == By::Desk && pending.by == By::Key;
        if !replaces {
            return Err(Refusal::CardFreezePending.into());
        }
    }
    entry.status = CardStatus::Frozen(Freeze {
        by: body.by,
        since: call.time,
        successor: body.successor,
    });
    call.put_card(&body.card, entry);
    call.alerts.push(Alert::Frozen { card: body.card });
    Ok(())
}

/// Only the desk: a thief has the card key too.
pub(super) fn lift(body: &LiftFreeze, call: &mut Call<'_, '_>) -> Outcome {
    call.member_may(&body.member, Action::CardLift)?;
    let mut entry = call.card_in_use(&body.card, &body.member)?;
    if !matches!(entry.status, CardStatus::Frozen(_)) {
        return Err(Refusal::CardNotFrozen.into());
    }
    entry.status = CardStatus::Active;
    call.put_card(&body.card, entry);
    Ok(())
}

/// The desk at any time; otherwise the successor that the freeze names, after the waiting time.
pub(super) fn rotate(body: &RotateCard, call: &mut Call<'_, '_>) -> Outcome {
    check_party(body.by, &body.member, Action::CardRotate, call)?;
    let mut old = call.card_in_use(&body.card, &body.member)?;
    let number = body.successor(call.suite());
    if body.by == By::Key {
        check_waiting(&old.status, &number, call)?;
    }
    let successor = successor(body, &number, &old, call)?;
    old.status = CardStatus::Rotated {
        successor: number,
        by: body.by,
        position: call.position,
    };
    call.put_card(&body.card, old);
    call.put_card(&number, successor);
    Ok(())
}

fn check_waiting(status: &CardStatus, successor: &CardNumber, call: &Call<'_, '_>) -> Outcome {
    let CardStatus::Frozen(freeze) = status else {
        return Err(Refusal::CardNotFrozen.into());
    };
    if freeze.successor.as_ref() != Some(successor) {
        return Err(Refusal::CardSuccessor.into());
    }
    if call.time < freeze.since.saturating_add(call.windows().freeze) {
        return Err(Refusal::CardFreezeWaits.into());
    }
    Ok(())
}

/// The successor's entry: registered before with the same hospital and nobody's successor yet, or
/// registered by this hand-over.
fn successor(
    body: &RotateCard,
    number: &CardNumber,
    old: &CardEntry,
    call: &Call<'_, '_>,
) -> Outcome<CardEntry> {
    let generation = old.generation.saturating_add(1);
    if generation > MAX_GENERATIONS {
        return Err(Refusal::CardGenerations.into());
    }
    let known: Option<CardEntry> = call.stage.get(&StateKey::card(call.suite(), number))?;
    let Some(mut entry) = known else {
        return Ok(CardEntry {
            member: body.member,
            signing: body.signing,
            encryption: body.encryption,
            status: CardStatus::Active,
            generation,
            running: call.start(&Subject::Card(*number)),
            predecessor: Some(body.card),
        });
    };
    let free = entry.predecessor.is_none() && entry.status == CardStatus::Active;
    if entry.member != body.member || !free {
        return Err(Refusal::CardSuccessor.into());
    }
    entry.generation = generation;
    entry.predecessor = Some(body.card);
    Ok(entry)
}

/// A frozen card only by the desk.
pub(super) fn close(body: &CloseCard, call: &mut Call<'_, '_>) -> Outcome {
    check_party(body.by, &body.member, Action::CardClose, call)?;
    let mut entry = call.card_in_use(&body.card, &body.member)?;
    if body.by == By::Key && matches!(entry.status, CardStatus::Frozen(_)) {
        return Err(Refusal::CardFrozen.into());
    }
    entry.status = CardStatus::Closed {
        position: call.position,
    };
    call.put_card(&body.card, entry);
    Ok(())
}

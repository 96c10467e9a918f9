//! Contract *records*, T_M. A seal touches two keys however many records it holds; each record
//! that it replaces adds one.

use super::{Call, Outcome};
use crate::body::{Mark, Place, Seal, leaves_digest};
use crate::policy::Action;
use crate::refusal::Refusal;
use crate::state::{AreaEntry, CardEntry, RecordEntry, SealEntry, StateKey};

/// Seals records.
pub(super) fn seal(body: &Seal, call: &mut Call<'_, '_>) -> Outcome {
    call.member_may(&body.member, Action::Seal)?;
    check_time(body, call)?;
    check_terms(body, call)?;
    let card = call.card_in_use(&body.card, &body.member)?;
    check_seq(body, &card, call)?;
    for (k, _) in body.leaves.iter().enumerate() {
        replace(body, k, &card, call)?;
    }
    let entry = SealEntry {
        card: body.card,
        position: call.position,
        time: call.time,
        leaves: leaves_digest(call.suite(), &body.leaf_ids()),
    };
    let key = StateKey::seal(call.suite(), &body.member, &body.visit, body.seq);
    call.stage.put(key, &entry);
    call.put_card(&body.card, card);
    Ok(())
}

/// Never more than five minutes ahead; more than a day behind only when marked.
fn check_time(body: &Seal, call: &Call<'_, '_>) -> Outcome {
    if body.time > call.time.saturating_add(call.windows().ahead) {
        return Err(Refusal::SealAhead.into());
    }
    let oldest = call.time.saturating_sub(call.windows().seal_behind);
    if body.time < oldest && body.mark == Mark::None {
        return Err(Refusal::SealBehind.into());
    }
    Ok(())
}

/// The area is the hospital's, the release policy one of the consortium's.
fn check_terms(body: &Seal, call: &Call<'_, '_>) -> Outcome {
    let known = call
        .chain
        .policy()
        .release
        .iter()
        .any(|rule| rule.number == body.policy);
    if !known {
        return Err(Refusal::SealPolicy.into());
    }
    let key = StateKey::area(call.suite(), &body.area);
    let area: AreaEntry = call.stage.get(&key)?.ok_or(Refusal::AreaUnknown)?;
    if area.member == body.member {
        Ok(())
    } else {
        Err(Refusal::AreaMember.into())
    }
}

/// Seal n wants n absent, and n−1 present with this card or a predecessor.
fn check_seq(body: &Seal, card: &CardEntry, call: &Call<'_, '_>) -> Outcome {
    let key = |seq| StateKey::seal(call.suite(), &body.member, &body.visit, seq);
    if call.stage.exists(&key(body.seq))? {
        return Err(Refusal::SealSeq.into());
    }
    let Some(before) = body.seq.checked_sub(1) else {
        return Ok(());
    };
    let previous: SealEntry = call.stage.get(&key(before))?.ok_or(Refusal::SealSeq)?;
    if call.is_or_precedes(&previous.card, &body.card, card)? {
        Ok(())
    } else {
        Err(Refusal::SealVisitCard.into())
    }
}

/// The k-th record replaces the one at its place, if it names one.
fn replace(body: &Seal, k: usize, card: &CardEntry, call: &mut Call<'_, '_>) -> Outcome {
    let Some(sealed) = body.leaves.get(k) else {
        return Ok(());
    };
    let Some(place) = &sealed.replaces else {
        return Ok(());
    };
    let replaced = body
        .replaced_leaf(place)
        .ok_or(Refusal::SealReplacedPlace)?;
    check_replaced_seal(body, place, card, call)?;
    let key = StateKey::record(call.suite(), &body.member, &replaced);
    if call.stage.exists(&key)? {
        return Err(Refusal::SealReplacedTwice.into());
    }
    let here = Place {
        visit: body.visit,
        seq: body.seq,
        k: u16::try_from(k).unwrap_or(u16::MAX),
    };
    let entry = RecordEntry::Replaced {
        by: sealed.leaf,
        place: here,
        position: call.position,
    };
    call.stage.put(key, &entry);
    Ok(())
}

/// The list is the one that the earlier seal's entry commits to, and that seal's card is this one
/// or a predecessor. A place in this same seal needs neither.
fn check_replaced_seal(
    body: &Seal,
    place: &Place,
    card: &CardEntry,
    call: &Call<'_, '_>,
) -> Outcome {
    if (place.visit, place.seq) == (body.visit, body.seq) {
        return Ok(());
    }
    let list = body
        .earlier_lists()
        .iter()
        .find(|list| (list.visit, list.seq) == (place.visit, place.seq))
        .ok_or(Refusal::SealReplacedPlace)?;
    let key = StateKey::seal(call.suite(), &body.member, &place.visit, place.seq);
    let earlier: SealEntry = call.stage.get(&key)?.ok_or(Refusal::SealReplacedUnknown)?;
    if earlier.leaves != list.digest(call.suite()) {
        return Err(Refusal::SealReplacedUnknown.into());
    }
    if call.is_or_precedes(&earlier.card, &body.card, card)? {
        Ok(())
    } else {
        Err(Refusal::SealReplacedCard.into())
    }
}

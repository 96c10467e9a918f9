//! Contract *alliance*: a member's own keys and storage areas.

use super::{Call, Outcome};
use crate::body::{RotateMemberKey, SetStorageArea};
use crate::member::KeyRole;
use crate::policy::Action;
use crate::refusal::Refusal;
use crate::state::{AreaEntry, KeyHistory, StateKey};

/// Most keys that a member has replaced: its entry, which is in the evidence of each of its seals,
/// stays far below what a proof holds.
pub(crate) const MAX_PAST_KEYS: usize = 256;

/// The present key ends at this position; the new one must never have been one of the member's.
pub(super) fn rotate_key(body: &RotateMemberKey, call: &mut Call<'_, '_>) -> Outcome {
    let mut entry = (*call.member_may(&body.member, Action::RotateKey)?).clone();
    let keys = &mut entry.member.keys;
    let known = keys.all().any(|key| *key == body.key);
    if known || entry.past.iter().any(|past| past.key == body.key) {
        return Err(Refusal::AllianceSameKey.into());
    }
    if entry.past.len() >= MAX_PAST_KEYS {
        return Err(Refusal::AllianceManyKeys.into());
    }
    let old = match body.role {
        KeyRole::Alliance => Some(std::mem::replace(&mut keys.alliance, body.key)),
        KeyRole::Seal => Some(std::mem::replace(&mut keys.seal, body.key)),
        KeyRole::Receive => Some(std::mem::replace(&mut keys.receive, body.key)),
        KeyRole::Host => Some(std::mem::replace(&mut keys.host, body.key)),
        KeyRole::Tls => keys.tls.replace(body.key),
        KeyRole::Credential => keys.credential.replace(body.key),
        KeyRole::Consensus => return Err(Refusal::AllianceConsensusKey.into()),
    };
    if let Some(key) = old {
        entry.past.push(KeyHistory {
            role: body.role,
            key,
            to: call.position,
        });
    }
    call.stage
        .put(StateKey::member(call.suite(), &body.member), &entry);
    Ok(())
}

/// An area stays with its member.
pub(super) fn set_storage_area(body: &SetStorageArea, call: &mut Call<'_, '_>) -> Outcome {
    call.member_may(&body.member, Action::StorageArea)?;
    let key = StateKey::area(call.suite(), &body.area);
    if call
        .stage
        .get::<AreaEntry>(&key)?
        .is_some_and(|area| area.member != body.member)
    {
        return Err(Refusal::AreaMember.into());
    }
    let entry = AreaEntry {
        member: body.member,
        endpoints: body.endpoints.clone(),
    };
    call.stage.put(key, &entry);
    Ok(())
}

//! Contract *evidence*: a digest is anchored once by each key of a member: what an edge anchors is not
//! the inner zone's word.

use super::{Call, Outcome};
use crate::body::Anchor;
use crate::policy::Action;
use crate::refusal::Refusal;
use crate::state::{AnchorEntry, StateKey};

/// Anchors a digest.
pub(super) fn anchor(body: &Anchor, call: &mut Call<'_, '_>) -> Outcome {
    call.member_may(&body.member, Action::Anchor)?;
    let key = StateKey::anchor(call.suite(), &body.member, body.by, &body.digest);
    if call.stage.exists(&key)? {
        return Err(Refusal::AnchorExists.into());
    }
    let entry = AnchorEntry {
        kind: body.kind.clone(),
        position: call.position,
        time: call.time,
    };
    call.stage.put(key, &entry);
    Ok(())
}

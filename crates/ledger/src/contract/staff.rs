//! Contract *staff*: enrol, rotate, revoke. Entries are never deleted.

use medfolder_crypto::{PublicKeyBytes, Signature};
use medfolder_record::{KeyId, MemberId};

use super::{Call, Outcome};
use crate::body::{EnrolStaff, RevokeReason, RevokeStaff, RotateStaff, proves_possession};
use crate::policy::Action;
use crate::refusal::Refusal;
use crate::state::{StaffEnd, StaffEntry, StateKey};

/// A key is enrolled once, by the member that it named itself.
pub(super) fn enrol(body: &EnrolStaff, call: &mut Call<'_, '_>) -> Outcome {
    call.member_may(&body.member, Action::StaffEnrol)?;
    if body.until <= call.time {
        return Err(Refusal::StaffValidity.into());
    }
    check_possession(
        &body.signing,
        &body.encryption,
        &body.proof,
        &body.member,
        call,
    )?;
    let entry = StaffEntry {
        member: body.member,
        signing: body.signing,
        encryption: body.encryption,
        role: body.role,
        from: body.from,
        until: body.until,
        commitment: body.commitment,
        position: call.position,
        end: None,
    };
    put_new(entry, call).map(drop)
}

fn check_possession(
    signing: &PublicKeyBytes,
    encryption: &PublicKeyBytes,
    proof: &Signature,
    member: &MemberId,
    call: &Call<'_, '_>,
) -> Outcome {
    if proves_possession(call.chain, member, signing, encryption, proof) {
        Ok(())
    } else {
        Err(Refusal::StaffPossession.into())
    }
}

fn put_new(entry: StaffEntry, call: &mut Call<'_, '_>) -> Outcome<KeyId> {
    let id = KeyId::of(call.suite(), &entry.signing);
    let key = StateKey::staff(call.suite(), &id);
    if call.stage.exists(&key)? {
        return Err(Refusal::StaffExists.into());
    }
    call.stage.put(key, &entry);
    Ok(id)
}

fn own(id: &KeyId, member: &MemberId, call: &Call<'_, '_>) -> Outcome<(StateKey, StaffEntry)> {
    let key = StateKey::staff(call.suite(), id);
    let entry: StaffEntry = call.stage.get(&key)?.ok_or(Refusal::StaffUnknown)?;
    if entry.member != *member {
        return Err(Refusal::StaffMember.into());
    }
    Ok((key, entry))
}

/// The old key ends, the new one begins at once with the same role and commitment.
pub(super) fn rotate(body: &RotateStaff, call: &mut Call<'_, '_>) -> Outcome {
    call.member_may(&body.member, Action::StaffRotate)?;
    let (key, mut old) = own(&body.key, &body.member, call)?;
    if old.end.is_some() {
        return Err(Refusal::StaffEnded.into());
    }
    if body.until <= call.time {
        return Err(Refusal::StaffValidity.into());
    }
    check_possession(
        &body.signing,
        &body.encryption,
        &body.proof,
        &body.member,
        call,
    )?;
    let new = StaffEntry {
        signing: body.signing,
        encryption: body.encryption,
        from: call.time,
        until: body.until,
        position: call.position,
        ..old.clone()
    };
    let successor = put_new(new, call)?;
    old.end = Some(StaffEnd {
        position: call.position,
        time: call.time,
        reason: RevokeReason::Ended,
        successor: Some(successor),
        declared: None,
    });
    call.stage.put(key, &old);
    Ok(())
}

/// A key ends once. One that ended may still be declared compromised; its end stays where it was,
/// or what it signed between the two would count.
pub(super) fn revoke(body: &RevokeStaff, call: &mut Call<'_, '_>) -> Outcome {
    call.member_may(&body.member, Action::StaffRevoke)?;
    let (key, mut entry) = own(&body.key, &body.member, call)?;
    entry.end = Some(match entry.end {
        None => StaffEnd {
            position: call.position,
            time: call.time,
            reason: body.reason,
            successor: None,
            declared: None,
        },
        Some(end) if end.reason < body.reason => StaffEnd {
            reason: body.reason,
            declared: Some(call.position),
            ..end
        },
        Some(_) => return Err(Refusal::StaffEnded.into()),
    });
    call.stage.put(key, &entry);
    Ok(())
}

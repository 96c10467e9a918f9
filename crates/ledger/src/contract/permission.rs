//! Contract *permission*: Grant, Extend, Shorten, Revoke.

use super::{Call, Outcome};
use crate::body::{Extend, Grant, Grantee, Revoke, Shorten};
use crate::policy::{Action, Party};
use crate::refusal::Refusal;
use crate::state::{GrantEntry, StaffEntry, StateKey, Subject};

/// Begins a share.
pub(super) fn grant(body: &Grant, call: &mut Call<'_, '_>) -> Outcome {
    call.member_may(&body.host, Action::Grant)?;
    call.check_consent(&body.consent)?;
    let id = body.id(call.suite());
    if call.stage.exists(&StateKey::grant(call.suite(), &id))? {
        return Err(Refusal::GrantExists.into());
    }
    check_window(body, call)?;
    check_grantee(&body.grantee, call)?;
    let entry = GrantEntry {
        key: body.key,
        host: body.host,
        grantee: body.grantee,
        scope: body.scope,
        from: body.from,
        until: body.until,
        used: 0,
        running: call.start(&Subject::Grant(id)),
        uses: body.uses,
        revoked: None,
    };
    call.put_grant(&id, entry);
    Ok(())
}

/// At most 90 days from now or from its beginning, and not past; a late room grant at most a day,
/// begun within the time that it may be handed in.
fn check_window(body: &Grant, call: &Call<'_, '_>) -> Outcome {
    let windows = call.windows();
    let length = body.until.saturating_sub(body.from);
    if body.late {
        if body.from > call.time.saturating_add(windows.ahead) {
            return Err(Refusal::GrantFuture.into());
        }
        if length > windows.room {
            return Err(Refusal::GrantWindow.into());
        }
        let oldest = call.time.saturating_sub(windows.validity_late);
        return if body.from < oldest {
            Err(Refusal::GrantPast.into())
        } else {
            Ok(())
        };
    }
    if body.until <= call.time {
        return Err(Refusal::GrantPast.into());
    }
    // The share's clock may run ahead of block time by the usual five minutes.
    let last = call
        .time
        .saturating_add(windows.grant)
        .saturating_add(windows.ahead);
    if length > windows.grant || body.until > last {
        return Err(Refusal::GrantWindow.into());
    }
    Ok(())
}

/// A grantee with keys must have them on the ledger now.
fn check_grantee(grantee: &Grantee, call: &mut Call<'_, '_>) -> Outcome {
    let suite = call.suite();
    let known = match grantee {
        Grantee::Bearer => true,
        Grantee::Member(id) => call.stage.exists(&StateKey::member(suite, id))?,
        Grantee::Staff(id) => {
            let entry: Option<StaffEntry> = call.stage.get(&StateKey::staff(suite, id))?;
            entry.is_some_and(|staff| staff.end.is_none() && call.time < staff.until)
        }
        Grantee::Folder(number) => call.stage.exists(&StateKey::folder(suite, number))?,
    };
    if known {
        Ok(())
    } else {
        Err(Refusal::GrantGrantee.into())
    }
}

/// Lengthens a share that has not ended.
pub(super) fn extend(body: &Extend, call: &mut Call<'_, '_>) -> Outcome {
    call.member_may(&body.host, Action::Extend)?;
    let mut entry = call.grant(&body.grant)?;
    if entry.host != body.host {
        return Err(Refusal::GrantHost.into());
    }
    if entry.revoked.is_some() {
        return Err(Refusal::GrantRevoked.into());
    }
    if entry.until <= call.time {
        return Err(Refusal::GrantEnded.into());
    }
    check_extension(body, &entry, call)?;
    entry.until = body.until;
    entry.scope = body.scope.unwrap_or(entry.scope);
    call.put_grant(&body.grant, entry);
    Ok(())
}

fn check_extension(body: &Extend, entry: &GrantEntry, call: &Call<'_, '_>) -> Outcome {
    if body.present != entry.until {
        return Err(Refusal::GrantMoved.into());
    }
    if body.until < entry.until {
        return Err(Refusal::GrantEarlier.into());
    }
    let windows = call.windows();
    let last = call
        .time
        .saturating_add(windows.grant)
        .saturating_add(windows.ahead);
    if body.until > last.max(entry.until) {
        return Err(Refusal::GrantWindow.into());
    }
    let longer = body
        .scope
        .is_none_or(|scope| scope.items > entry.scope.items);
    let something = body.until > entry.until || body.scope.is_some();
    if longer && something {
        Ok(())
    } else {
        Err(Refusal::GrantScope.into())
    }
}

/// Ends a share earlier, at the soonest now: what its host opened before is never made an opening
/// after the end.
pub(super) fn shorten(body: &Shorten, call: &mut Call<'_, '_>) -> Outcome {
    call.party_may(Party::Grant, Action::Shorten)?;
    let mut entry = call.grant(&body.grant)?;
    if entry.revoked.is_some() {
        return Err(Refusal::GrantRevoked.into());
    }
    if body.until >= entry.until {
        return Err(Refusal::GrantLater.into());
    }
    entry.until = body.until.max(call.time).min(entry.until);
    call.put_grant(&body.grant, entry);
    Ok(())
}

/// Ends a share now; once.
pub(super) fn revoke(body: &Revoke, call: &mut Call<'_, '_>) -> Outcome {
    call.party_may(Party::Grant, Action::Revoke)?;
    let mut entry = call.grant(&body.grant)?;
    if entry.revoked.is_some() {
        return Err(Refusal::GrantRevoked.into());
    }
    entry.revoked = Some(call.time);
    call.put_grant(&body.grant, entry);
    Ok(())
}

//! Contract *access*: a batch is never refused for what it reports; each entry is classified.
//!
//! | class | when, in this order |
//! |---|---|
//! | repeated | this host reported the receipt before; counts nothing |
//! | ahead | host time more than 5 minutes after block time |
//! | after end | opened, and host time before `from`, from `until` on, or after the revocation |
//! | over count | opened at the share's host, and the grant's openings are used up |
//! | late | reported more than 10 minutes after host time |
//! | in window | otherwise |

use super::{Call, Outcome};
use crate::body::{AccessBatch, AccessEntry, AccessOutcome};
use crate::event::{Alert, Step, Touch};
use crate::policy::Action;
use crate::state::{AccessClass, AccessStep, GrantEntry, ReceiptEntry, StateKey, Subject};
use medfolder_record::MemberId;

/// Takes a batch.
pub(super) fn batch(body: &AccessBatch, call: &mut Call<'_, '_>) -> Outcome {
    call.member_may(&body.host, Action::Access)?;
    body.entries
        .iter()
        .try_for_each(|entry| take(&body.host, entry, call))
}

fn take(host: &MemberId, entry: &AccessEntry, call: &mut Call<'_, '_>) -> Outcome {
    let key = StateKey::grant(call.suite(), &entry.grant);
    // Without its grant an entry is not in the patient's list; so its receipt does not count as
    // reported either, and the host reports it again once the grant is there.
    let Some(mut grant) = call.stage.get::<GrantEntry>(&key)? else {
        let alert = Alert::GrantUnknown {
            grant: entry.grant,
            host: *host,
            receipt: entry.receipt,
        };
        call.alerts.push(alert);
        return Ok(());
    };
    let receipt = StateKey::receipt(call.suite(), host, &entry.receipt);
    let repeated = call.stage.exists(&receipt)?;
    if !repeated {
        let value = ReceiptEntry {
            grant: entry.grant,
            host: *host,
            position: call.position,
            outcome: entry.outcome,
        };
        call.stage.put(receipt, &value);
    }
    let class = match repeated {
        true => AccessClass::Repeated,
        false => classify(entry, &grant, grant.host == *host, call),
    };
    // The origin of a large attachment reports openings too; only the host's are uses.
    let counts = entry.outcome == AccessOutcome::Opened && grant.host == *host && !repeated;
    grant.used = grant.used.saturating_add(u32::from(counts));
    step(host, entry, class, &mut grant, call);
    call.stage.put(key, &grant);
    alert(host, entry, class, call);
    Ok(())
}

fn classify(
    entry: &AccessEntry,
    grant: &GrantEntry,
    by_host: bool,
    call: &Call<'_, '_>,
) -> AccessClass {
    let windows = call.windows();
    let opened = entry.outcome == AccessOutcome::Opened;
    let outside = entry.time < grant.from
        || entry.time >= grant.until
        || grant.revoked.is_some_and(|since| entry.time >= since);
    if entry.time > call.time.saturating_add(windows.ahead) {
        AccessClass::Ahead
    } else if opened && outside {
        AccessClass::AfterEnd
    } else if opened && by_host && grant.uses.is_some_and(|uses| grant.used >= uses) {
        AccessClass::OverCount
    } else if call.time > entry.time.saturating_add(windows.report) {
        AccessClass::Late
    } else {
        AccessClass::InWindow
    }
}

fn step(
    host: &MemberId,
    entry: &AccessEntry,
    class: AccessClass,
    grant: &mut GrantEntry,
    call: &mut Call<'_, '_>,
) {
    let access = AccessStep {
        host: *host,
        entry: entry.clone(),
        class,
        block_time: call.time,
    };
    grant.running = grant
        .running
        .step(call.suite(), &access.digest(call.suite()));
    call.touches.push(Touch {
        subject: Subject::Grant(entry.grant),
        count: grant.running.count,
        step: Step::Access {
            position: call.position,
            access,
        },
    });
}

fn alert(host: &MemberId, entry: &AccessEntry, class: AccessClass, call: &mut Call<'_, '_>) {
    if class != AccessClass::InWindow {
        call.alerts.push(Alert::Access {
            grant: entry.grant,
            host: *host,
            class,
            time: entry.time,
        });
    }
    if matches!(
        entry.outcome,
        AccessOutcome::WrongCode | AccessOutcome::Locked
    ) {
        let locked = entry.outcome == AccessOutcome::Locked;
        call.alerts.push(Alert::Code {
            grant: entry.grant,
            host: *host,
            locked,
        });
    }
}

//! Contract *records*: Withdraw and Zone report.

use medfolder_record::MemberId;

use super::{Call, Outcome};
use crate::body::{LeafList, Withdraw, ZoneReport, ZoneReporter};
use crate::event::Alert;
use crate::policy::{Action, Party};
use crate::refusal::Refusal;
use crate::state::{RecordEntry, SealEntry, StateKey};

/// The seal's entry, if the list is the one that it commits to.
fn seal_of(list: &LeafList, member: &MemberId, call: &Call<'_, '_>) -> Outcome<SealEntry> {
    let key = StateKey::seal(call.suite(), member, &list.visit, list.seq);
    let entry: SealEntry = call.stage.get(&key)?.ok_or(Refusal::RecordSeal)?;
    if entry.leaves == list.digest(call.suite()) {
        Ok(entry)
    } else {
        Err(Refusal::RecordSeal.into())
    }
}

/// A record that is in force, by the hospital that sealed it. It stands in the list of the seal's
/// card, in use or not.
pub(super) fn withdraw(body: &Withdraw, call: &mut Call<'_, '_>) -> Outcome {
    call.member_may(&body.member, Action::Withdraw)?;
    let seal = seal_of(&body.list, &body.member, call)?;
    let leaf = body.leaf().ok_or(Refusal::RecordPlace)?;
    let key = StateKey::record(call.suite(), &body.member, &leaf);
    if call.stage.exists(&key)? {
        return Err(Refusal::RecordNotInForce.into());
    }
    let entry = RecordEntry::Withdrawn {
        reason: body.reason,
        position: call.position,
    };
    call.stage.put(key, &entry);
    let card = call.card(&seal.card)?;
    call.put_card(&seal.card, card);
    Ok(())
}

/// By the edge that stores the ciphertext, or by the seal's card or a successor of it.
pub(super) fn zone_report(body: &ZoneReport, call: &mut Call<'_, '_>) -> Outcome {
    match &body.by {
        ZoneReporter::Edge => drop(call.member_may(&body.member, Action::ZoneReport)?),
        ZoneReporter::Card(_) => call.party_may(Party::Card, Action::ZoneReport)?,
    }
    let seal = seal_of(&body.list, &body.member, call)?;
    if let ZoneReporter::Card(reporter) = &body.by {
        let entry = call.card(reporter)?;
        if !call.is_or_precedes(&seal.card, reporter, &entry)? {
            return Err(Refusal::RecordCard.into());
        }
    }
    let card = call.card(&seal.card)?;
    call.put_card(&seal.card, card);
    for finding in &body.findings {
        let record = body
            .list
            .leaves
            .get(usize::from(finding.k))
            .ok_or(Refusal::RecordPlace)?;
        call.alerts.push(Alert::Zone {
            member: body.member,
            card: seal.card,
            record: *record,
            what: finding.what,
        });
    }
    Ok(())
}

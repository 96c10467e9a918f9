//! Contract *registration*, T_R: a card number is registered once, with one hospital.

use super::{Call, Outcome};
use crate::body::RegisterCard;
use crate::policy::Action;
use crate::refusal::Refusal;
use crate::state::{CardEntry, CardStatus, StateKey, Subject};

/// Registers a card.
pub(super) fn register(body: &RegisterCard, call: &mut Call<'_, '_>) -> Outcome {
    call.member_may(&body.member, Action::CardRegister)?;
    call.check_consent(&body.consent)?;
    let number = body.number(call.suite());
    if call.stage.exists(&StateKey::card(call.suite(), &number))? {
        return Err(Refusal::CardExists.into());
    }
    let entry = CardEntry {
        member: body.member,
        signing: body.signing,
        encryption: body.encryption,
        status: CardStatus::Active,
        generation: 0,
        running: call.start(&Subject::Card(number)),
        predecessor: None,
    };
    call.put_card(&number, entry);
    Ok(())
}

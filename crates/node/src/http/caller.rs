//! Who calls, and whether the policy table lets her.

use axum::http::{HeaderMap, StatusCode, header};
use medfolder_client::api::session::Subject;
use medfolder_ledger::StateKey;
use medfolder_ledger::member::Standing;
use medfolder_ledger::policy::{Action, Decision, Party, allowed};
use medfolder_ledger::state::{CardEntry, CardStatus, MemberEntry, read};
use medfolder_record::CardNumber;

use super::App;
use super::problem::Refused;

/// Whoever calls, as her token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) subject: Option<Subject>,
}

/// Lets a caller through whom the table allows `action`.
pub(crate) fn permit(app: &App, headers: &HeaderMap, action: Action) -> Result<Caller, Refused> {
    let subject = subject(app, headers)?;
    let (party, standing) = party(app, subject)?;
    match (allowed(party, standing, action), subject) {
        (Decision::Allowed, _) => Ok(Caller { subject }),
        (Decision::Role, None) => Err(Refused::unauthorised()),
        (Decision::Role, Some(_)) => Err(Refused::forbidden()),
        (Decision::Suspended, _) => Err(Refused::new(StatusCode::FORBIDDEN, "member.suspended")),
    }
}

fn subject(app: &App, headers: &HeaderMap) -> Result<Option<Subject>, Refused> {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return Ok(None);
    };
    let token = value
        .to_str()
        .ok()
        .and_then(|text| text.strip_prefix("Bearer "));
    let known = token.and_then(|token| app.sessions.subject(token, app.clock.now()));
    known
        .map(Some)
        .ok_or(Refused::new(StatusCode::UNAUTHORIZED, "session.expired"))
}

fn party(app: &App, subject: Option<Subject>) -> Result<(Party, Standing), Refused> {
    let party = match subject {
        None => Party::Anyone,
        Some(Subject::Card(_)) => Party::Card,
        Some(Subject::Grant(_)) => Party::Grant,
        Some(Subject::Folder(_)) => Party::Folder,
        Some(Subject::Staff(_)) => Party::Staff,
        Some(Subject::Member(id)) => {
            let key = StateKey::member(app.ledger.chain().suite(), &id);
            let entry = read::<MemberEntry>(app.ledger.as_ref(), &key)?;
            let member = entry.ok_or(Refused::forbidden())?.member;
            return Ok((Party::Member(member.role), member.standing));
        }
    };
    Ok((party, Standing::Good))
}

impl Caller {
    /// That the caller is a member, or the very subject of what is read.
    pub(crate) fn is_or_member(self, subject: Subject) -> Result<(), Refused> {
        match self.subject {
            Some(Subject::Member(_)) => Ok(()),
            Some(own) if own == subject => Ok(()),
            _ => Err(Refused::forbidden()),
        }
    }

    /// The same for a card, whose successors may read it too.
    pub(crate) fn is_card_or_member(self, app: &App, card: CardNumber) -> Result<(), Refused> {
        let Some(Subject::Card(own)) = self.subject else {
            return self.is_or_member(Subject::Card(card));
        };
        let suite = app.ledger.chain().suite();
        let mut at = card;
        // A hand-over refuses to add more generations than this.
        for _ in 0..=u16::MAX {
            if at == own {
                return Ok(());
            }
            let entry = read::<CardEntry>(app.ledger.as_ref(), &StateKey::card(suite, &at))?;
            match entry.map(|entry| entry.status) {
                Some(CardStatus::Rotated { successor, .. }) => at = successor,
                _ => return Err(Refused::forbidden()),
            }
        }
        Err(Refused::forbidden())
    }
}

//! The contracts: a rule file each. They read and write through a [`Call`]; they know no engine,
//! clock, disk or network.

mod access;
mod alliance;
mod anchor;
mod card;
mod card_change;
mod folder;
mod permission;
mod record;
mod seal;
mod staff;

use std::rc::Rc;

use medfolder_crypto::{Digest, Suite};
use medfolder_record::{CardNumber, GrantId, MemberId};

use crate::body::{Body, Consent};
use crate::event::{Alert, Step, Touch};
use crate::genesis::Chain;
use crate::member::Standing;
use crate::policy::{Action, Decision, Party, Windows, allowed};
use crate::refusal::Refusal;
use crate::state::{
    CardEntry, CardStatus, FolderEntry, GrantEntry, MemberEntry, Running, Stage, StateKey, Stop,
    Subject, TransactionStep,
};

/// What a contract gives back.
pub(crate) type Outcome<T = ()> = Result<T, Stop>;

/// One transaction meeting the state.
pub(crate) struct Call<'c, 'a> {
    pub(crate) chain: &'c Chain,
    /// Block time.
    pub(crate) time: u64,
    /// The position that the transaction gets when it is accepted.
    pub(crate) position: u64,
    /// Its leaf hash.
    pub(crate) leaf: Digest,
    pub(crate) stage: &'c mut Stage<'a>,
    pub(crate) touches: Vec<Touch>,
    pub(crate) alerts: Vec<Alert>,
}

/// Applies a body whose signatures hold.
pub(crate) fn apply(body: &Body, call: &mut Call<'_, '_>) -> Outcome {
    match body {
        Body::RotateMemberKey(body) => alliance::rotate_key(body, call),
        Body::SetStorageArea(body) => alliance::set_storage_area(body, call),
        Body::EnrolStaff(body) => staff::enrol(body, call),
        Body::RotateStaff(body) => staff::rotate(body, call),
        Body::RevokeStaff(body) => staff::revoke(body, call),
        Body::RegisterFolder(body) => folder::register(body, call),
        Body::SetFolderHead(body) => folder::set_head(body, call),
        Body::RegisterCard(body) => card::register(body, call),
        Body::FreezeCard(body) => card_change::freeze(body, call),
        Body::LiftFreeze(body) => card_change::lift(body, call),
        Body::RotateCard(body) => card_change::rotate(body, call),
        Body::CloseCard(body) => card_change::close(body, call),
        Body::Seal(body) => seal::seal(body, call),
        Body::Withdraw(body) => record::withdraw(body, call),
        Body::ZoneReport(body) => record::zone_report(body, call),
        Body::Grant(body) => permission::grant(body, call),
        Body::Extend(body) => permission::extend(body, call),
        Body::Shorten(body) => permission::shorten(body, call),
        Body::Revoke(body) => permission::revoke(body, call),
        Body::AccessBatch(body) => access::batch(body, call),
        Body::Anchor(body) => anchor::anchor(body, call),
    }
}

impl Call<'_, '_> {
    pub(crate) const fn suite(&self) -> Suite {
        self.chain.suite()
    }

    pub(crate) const fn windows(&self) -> &Windows {
        &self.chain.policy().windows
    }

    pub(crate) fn member(&mut self, id: &MemberId) -> Outcome<Rc<MemberEntry>> {
        let suite = self.suite();
        let entry = self.stage.member(id, || StateKey::member(suite, id))?;
        Ok(entry.ok_or(Refusal::MemberUnknown)?)
    }

    /// The member, if the policy table gives it this action.
    pub(crate) fn member_may(&mut self, id: &MemberId, action: Action) -> Outcome<Rc<MemberEntry>> {
        let entry = self.member(id)?;
        match allowed(
            Party::Member(entry.member.role),
            entry.member.standing,
            action,
        ) {
            Decision::Allowed => Ok(entry),
            Decision::Role => Err(Refusal::MemberRole.into()),
            Decision::Suspended => Err(Refusal::MemberSuspended.into()),
        }
    }

    /// Asks the table for somebody who is no member.
    pub(crate) fn party_may(&self, party: Party, action: Action) -> Outcome {
        match allowed(party, Standing::Good, action) {
            Decision::Allowed => Ok(()),
            _ => Err(Refusal::MemberRole.into()),
        }
    }

    pub(crate) fn card(&self, number: &CardNumber) -> Outcome<CardEntry> {
        let entry = self.stage.get(&StateKey::card(self.suite(), number))?;
        Ok(entry.ok_or(Refusal::CardUnknown)?)
    }

    /// A card registered with this member that was neither handed over nor closed.
    pub(crate) fn card_in_use(&self, number: &CardNumber, member: &MemberId) -> Outcome<CardEntry> {
        let entry = self.card(number)?;
        if entry.member != *member {
            return Err(Refusal::CardMember.into());
        }
        match entry.status {
            CardStatus::Active | CardStatus::Frozen(_) => Ok(entry),
            CardStatus::Rotated { .. } => Err(Refusal::CardRotated.into()),
            CardStatus::Closed { .. } => Err(Refusal::CardClosed.into()),
        }
    }

    /// Whether `older` is the card itself or one of its predecessors.
    pub(crate) fn is_or_precedes(
        &self,
        older: &CardNumber,
        number: &CardNumber,
        entry: &CardEntry,
    ) -> Outcome<bool> {
        if older == number {
            return Ok(true);
        }
        let mut predecessor = entry.predecessor;
        while let Some(current) = predecessor {
            if current == *older {
                return Ok(true);
            }
            predecessor = self.card(&current)?.predecessor;
        }
        Ok(false)
    }

    pub(crate) fn grant(&self, id: &GrantId) -> Outcome<GrantEntry> {
        let entry = self.stage.get(&StateKey::grant(self.suite(), id))?;
        Ok(entry.ok_or(Refusal::GrantUnknown)?)
    }

    /// The consent text is in use, and was not agreed to in the future.
    pub(crate) fn check_consent(&self, consent: &Consent) -> Outcome {
        let known = self.chain.policy().consent_texts.iter().any(|text| {
            text.digest == consent.digest
                && text.version == consent.version
                && text.language == consent.language
        });
        if !known {
            return Err(Refusal::ConsentUnknown.into());
        }
        if consent.time > self.time.saturating_add(self.windows().ahead) {
            return Err(Refusal::ConsentTime.into());
        }
        Ok(())
    }

    /// d₀ of a new card, grant or folder.
    pub(crate) fn start(&self, subject: &Subject) -> Running {
        Running::start(self.suite(), subject)
    }

    /// This transaction concerns the subject: one step of its running digest.
    pub(crate) fn touch(&mut self, subject: Subject, running: &mut Running) {
        let suite = self.suite();
        let step = TransactionStep::digest_of(suite, &self.leaf, self.position, self.time);
        *running = running.step(suite, &step);
        self.touches.push(Touch {
            subject,
            count: running.count,
            step: Step::Transaction {
                position: self.position,
                time: self.time,
            },
        });
    }

    pub(crate) fn put_card(&mut self, number: &CardNumber, mut entry: CardEntry) {
        self.touch(Subject::Card(*number), &mut entry.running);
        self.stage.put(StateKey::card(self.suite(), number), &entry);
    }

    pub(crate) fn put_grant(&mut self, id: &GrantId, mut entry: GrantEntry) {
        self.touch(Subject::Grant(*id), &mut entry.running);
        self.stage.put(StateKey::grant(self.suite(), id), &entry);
    }

    pub(crate) fn put_folder(
        &mut self,
        number: &medfolder_record::FolderNumber,
        mut entry: FolderEntry,
    ) {
        self.touch(Subject::Folder(*number), &mut entry.running);
        self.stage
            .put(StateKey::folder(self.suite(), number), &entry);
    }
}

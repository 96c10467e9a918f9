//! Applying an ordered list of transactions: the same result on every node and in the browser.
//!
//! ```text
//! Prepared::new (any core, any order)  decode, check the shape, check signatures under known keys
//! Executor::apply (one at a time)      block time, replay, key still the same?, contract, position
//! Executor::finish                     writes by key, log leaves in order, an outcome each
//! ```

use std::collections::{BTreeMap, BTreeSet};

use medfolder_crypto::{Digest, PublicKeyBytes};

use crate::body::{Body, Signer};
use crate::contract::{self, Call, Outcome as Step};
use crate::event::{Alert, Touch};
use crate::genesis::Chain;
use crate::refusal::Refusal;
use crate::state::{FolderEntry, Stage, StateError, StateKey, StateRead, Stop};
use crate::transaction::{Prepared, TxId};

/// Ids of accepted transactions that are still valid. A node keeps each until block time reaches
/// its valid-until; they are rebuilt from the blocks of the last seven days.
pub trait RecentIds {
    /// Whether a transaction of this id was accepted and is still valid.
    fn contains(&self, id: &TxId) -> bool;
}

impl RecentIds for BTreeSet<TxId> {
    fn contains(&self, id: &TxId) -> bool {
        Self::contains(self, id)
    }
}

impl<T: RecentIds + ?Sized> RecentIds for &T {
    fn contains(&self, id: &TxId) -> bool {
        (**self).contains(id)
    }
}

/// What became of one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the log.
    Accepted(Accepted),
    /// It changed nothing.
    Refused(Refusal),
}

impl Outcome {
    /// Its result in the block: 0, or the refusal's number.
    #[must_use]
    pub const fn number(&self) -> u16 {
        match self {
            Self::Accepted(_) => 0,
            Self::Refused(refusal) => refusal.number(),
        }
    }

    /// Its position, if it was accepted.
    #[must_use]
    pub const fn position(&self) -> Option<u64> {
        match self {
            Self::Accepted(accepted) => Some(accepted.position),
            Self::Refused(_) => None,
        }
    }
}

/// An accepted transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Index in the log.
    pub position: u64,
    /// Steps of running digests, for indexes.
    pub touches: Vec<Touch>,
    /// What the monitor should hear.
    pub alerts: Vec<Alert>,
}

/// The result of a block's transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    /// One per transaction, in order.
    pub outcomes: Vec<Outcome>,
    /// New values of entries, by key.
    pub writes: BTreeMap<StateKey, Vec<u8>>,
    /// Leaf hashes of the accepted ones, in order: what the log appends.
    pub leaves: Vec<Digest>,
}

/// Applies transactions of one block, one after the other.
pub struct Executor<'a> {
    chain: &'a Chain,
    recent: &'a dyn RecentIds,
    time: u64,
    position: u64,
    accepted: BTreeSet<TxId>,
    stage: Stage<'a>,
    outcomes: Vec<Outcome>,
    leaves: Vec<Digest>,
}

impl<'a> Executor<'a> {
    /// Over the state before the block; `log_size` is the number of accepted transactions so far.
    #[must_use]
    pub fn new(
        chain: &'a Chain,
        state: &'a dyn StateRead,
        recent: &'a dyn RecentIds,
        block_time: u64,
        log_size: u64,
    ) -> Self {
        Self {
            chain,
            recent,
            time: block_time,
            position: log_size,
            accepted: BTreeSet::new(),
            stage: Stage::new(state),
            outcomes: Vec::new(),
            leaves: Vec::new(),
        }
    }

    /// Applies the next transaction.
    ///
    /// # Errors
    /// [`StateError`] when the state cannot be read: the block cannot be made.
    pub fn apply(&mut self, prepared: &Prepared) -> Result<&Outcome, StateError> {
        let outcome = match self.try_apply(prepared) {
            Ok(accepted) => {
                self.keep(prepared);
                Outcome::Accepted(accepted)
            }
            Err(Stop::Refused(refusal)) => {
                self.stage.drop_transaction();
                Outcome::Refused(refusal)
            }
            Err(Stop::Failed(error)) => return Err(error),
        };
        self.outcomes.push(outcome);
        self.outcomes
            .last()
            .ok_or_else(|| StateError("no outcome".to_owned()))
    }

    fn keep(&mut self, prepared: &Prepared) {
        self.stage.keep();
        if matches!(prepared.transaction().body, Body::RotateMemberKey(_)) {
            self.stage.forget_members();
        }
        self.accepted.insert(prepared.id());
        self.leaves.push(prepared.leaf());
        self.position = self.position.saturating_add(1);
    }

    fn try_apply(&mut self, prepared: &Prepared) -> Step<Accepted> {
        self.check_time(prepared)?;
        if self.accepted.contains(&prepared.id()) || self.recent.contains(&prepared.id()) {
            return Err(Refusal::Replayed.into());
        }
        let mut call = Call {
            chain: self.chain,
            time: self.time,
            position: self.position,
            leaf: prepared.leaf(),
            stage: &mut self.stage,
            touches: Vec::new(),
            alerts: Vec::new(),
        };
        let body = &prepared.transaction().body;
        for (index, signer) in body.signers().iter().enumerate() {
            let key = present_key(&mut call, signer)?;
            prepared.ensure(call.chain, index, &key)?;
        }
        contract::apply(body, &mut call)?;
        let Call {
            touches,
            alerts,
            position,
            ..
        } = call;
        Ok(Accepted {
            position,
            touches,
            alerts,
        })
    }

    /// Block time < valid-until ≤ block time + 24 h, or + 7 days for a room grant marked late.
    fn check_time(&self, prepared: &Prepared) -> Result<(), Refusal> {
        let transaction = prepared.transaction();
        let windows = &self.chain.policy().windows;
        let late_grant = matches!(&transaction.body, Body::Grant(grant) if grant.late);
        let longest = if late_grant {
            windows.validity_late
        } else {
            windows.validity
        };
        if transaction.valid_until <= self.time {
            Err(Refusal::Expired)
        } else if transaction.valid_until > self.time.saturating_add(longest) {
            Err(Refusal::ValidUntil)
        } else {
            Ok(())
        }
    }

    /// How many were accepted so far, in this block and before.
    #[must_use]
    pub const fn log_size(&self) -> u64 {
        self.position
    }

    /// The block's result.
    #[must_use]
    pub fn finish(self) -> Executed {
        Executed {
            outcomes: self.outcomes,
            writes: self.stage.into_writes(),
            leaves: self.leaves,
        }
    }
}

/// The key that a signature must be of, now.
fn present_key(call: &mut Call<'_, '_>, signer: &Signer) -> Step<PublicKeyBytes> {
    Ok(match signer {
        Signer::Key(key) => *key,
        Signer::Member(id, role) => *call
            .member(id)?
            .keys()
            .signing(*role)
            .ok_or(Refusal::MemberRole)?,
        Signer::Card(number) => call.card(number)?.signing,
        Signer::Grant(id) => call.grant(id)?.key,
        Signer::Folder(number) => {
            let key = StateKey::folder(call.suite(), number);
            call.stage
                .get::<FolderEntry>(&key)?
                .ok_or(Refusal::FolderUnknown)?
                .signing
        }
    })
}

/// Applies a whole block.
///
/// # Errors
/// [`StateError`] when the state cannot be read.
pub fn execute(
    chain: &Chain,
    state: &dyn StateRead,
    recent: &dyn RecentIds,
    block_time: u64,
    log_size: u64,
    transactions: &[Prepared],
) -> Result<Executed, StateError> {
    let mut executor = Executor::new(chain, state, recent, block_time, log_size);
    for prepared in transactions {
        executor.apply(prepared)?;
    }
    Ok(executor.finish())
}

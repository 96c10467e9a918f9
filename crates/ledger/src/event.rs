//! What an accepted transaction brought about: for indexes, the stream of events, and alerts.

use medfolder_crypto::Digest;
use medfolder_record::{CardNumber, GrantId, MemberId, RecordId};
use serde::Serialize;

use crate::body::ZoneFinding;
use crate::state::{AccessClass, AccessStep, Subject};

/// A step of a running digest: what an index must keep to serve a subject's list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Touch {
    /// Whose list.
    pub subject: Subject,
    /// The list's length after this step; the step's index is one less.
    pub count: u64,
    /// What the step is.
    pub step: Step,
}

/// What a list holds at one index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The transaction at this position of the log.
    Transaction {
        /// Position.
        position: u64,
        /// Block time.
        time: u64,
    },
    /// An access, with the position of its batch.
    Access {
        /// Position.
        position: u64,
        /// The access.
        access: AccessStep,
    },
}

/// What the monitor watches for, as one transaction shows it. Counting over time (wrong codes an
/// hour, openings a day) is the node's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "alert", rename_all = "snake_case")]
pub enum Alert {
    /// An access outside its window, late, over count or ahead.
    Access {
        /// The grant.
        grant: GrantId,
        /// Who reported it.
        host: MemberId,
        /// How it was classified.
        class: AccessClass,
        /// The host's time.
        time: u64,
    },
    /// A wrong code or a lock.
    Code {
        /// The grant.
        grant: GrantId,
        /// Who reported it.
        host: MemberId,
        /// Whether it is locked now.
        locked: bool,
    },
    /// An access under a grant that is not on the ledger.
    GrantUnknown {
        /// The grant.
        grant: GrantId,
        /// Who reported it.
        host: MemberId,
        /// Receipt digest.
        receipt: Digest,
    },
    /// Stored ciphertext changed or vanished.
    Zone {
        /// Whose store.
        member: MemberId,
        /// The seal's card.
        card: CardNumber,
        /// The record.
        record: RecordId,
        /// What was found.
        what: ZoneFinding,
    },
    /// A card was frozen.
    Frozen {
        /// The card.
        card: CardNumber,
    },
}

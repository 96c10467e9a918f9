//! What an evidence pack was found to prove, check by check.

use medfolder_crypto::Digest;
use medfolder_ledger::body::StaffRole;
use medfolder_record::{Attachment, KeyId, RecordId, Statement};
use serde::Serialize;

use super::sentence;

/// One check, in the order in which they are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EvidenceCheck {
    /// The pack is of the ledger that the reader trusts.
    Genesis,
    /// Every checkpoint in it was certified.
    Checkpoint,
    /// The seal stands in the ledger's log.
    Inclusion,
    /// The hospital's entry, with its keys.
    Member,
    /// The hospital signed the seal.
    Seal,
    /// The seal lists this record.
    Leaf,
    /// The statement belongs to the record.
    Statement,
    /// What is shown is what was signed.
    Content,
    /// The author named signed.
    Author,
    /// Every doctor's signature.
    Signature,
    /// Signatures of the hospital's own system.
    Carried,
    /// Whether the record is still in force.
    Status,
}

impl EvidenceCheck {
    /// All checks, in order.
    pub const ALL: [Self; 12] = [
        Self::Genesis,
        Self::Checkpoint,
        Self::Inclusion,
        Self::Member,
        Self::Seal,
        Self::Leaf,
        Self::Statement,
        Self::Content,
        Self::Author,
        Self::Signature,
        Self::Carried,
        Self::Status,
    ];

    /// Stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Genesis => "evidence.genesis",
            Self::Checkpoint => "evidence.checkpoint",
            Self::Inclusion => "evidence.inclusion",
            Self::Member => "evidence.member",
            Self::Seal => "evidence.seal",
            Self::Leaf => "evidence.leaf",
            Self::Statement => "evidence.statement",
            Self::Content => "evidence.content",
            Self::Author => "evidence.author",
            Self::Signature => "evidence.signature",
            Self::Carried => "evidence.carried",
            Self::Status => "evidence.status",
        }
    }
}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It holds.
    Holds,
    /// It does not: the pack proves nothing.
    Fails,
    /// It could not be made with what is at hand, or an earlier one failed.
    NotChecked,
}

/// One check with its result, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckResult {
    /// Stable code.
    pub code: &'static str,
    /// How it went.
    pub outcome: Outcome,
    /// In Chinese.
    pub zh: &'static str,
    /// In English.
    pub en: &'static str,
}

/// Whose word the ledger's genesis is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// The reader had the genesis and trusts it.
    Known,
    /// It came with the pack: all is proven as to that ledger, and that ledger is not known.
    SelfDeclared,
}

/// Whether a record still stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Standing {
    /// In force.
    InForce,
    /// A corrected version exists.
    Replaced {
        /// That version.
        by: RecordId,
    },
    /// The hospital withdrew it.
    Withdrawn,
}

/// A doctor's signature that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Signed {
    /// The key.
    pub key: KeyId,
    /// What its owner does.
    pub role: StaffRole,
    /// When, as the signer claims, in milliseconds.
    pub time: u64,
    /// Whether hardware kept the key.
    pub hardware: bool,
}

/// A signature of the hospital's own system that holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CarriedSigned {
    /// Subject of the signer's certificate, in one line.
    pub signer: String,
    /// Media type of the file that it signs.
    pub media_type: String,
    /// Time of its time-stamp, in milliseconds.
    pub stamped: Option<u64>,
    /// Whether an answer kept with it says that the certificate was not revoked.
    pub revocation_checked: bool,
}

/// What a record's seal comes to, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SealState {
    /// The whole record is what was signed and sealed.
    Verified,
    /// Single entries of it are.
    VerifiedInPart,
    /// The seal is genuine; the record's text was not at hand.
    SealOnly,
    /// A check failed: nothing is proven.
    Failed,
}

impl SealState {
    /// The word in JSON and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::VerifiedInPart => "verified_in_part",
            Self::SealOnly => "seal_only",
            Self::Failed => "failed",
        }
    }
}

/// What a pack proves.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Every check, in order.
    pub checks: Vec<CheckResult>,
    /// What it comes to.
    pub seal: SealState,
    /// Digest of the ledger's genesis.
    pub genesis: Digest,
    /// Whose word that is.
    pub trust: Option<Trust>,
    /// The record.
    pub record: Option<RecordId>,
    /// The hospital that sealed it, by its name on the ledger.
    pub hospital: Option<String>,
    /// What the record says of itself.
    pub statement: Option<Statement>,
    /// What is signed of its attachments; of those that are shown.
    pub attachments: Vec<Attachment>,
    /// It existed before this time, in milliseconds.
    pub existed_before: Option<u64>,
    /// Who signed.
    pub signers: Vec<Signed>,
    /// Who signed the hospital's own file.
    pub carried: Vec<CarriedSigned>,
    /// Code of the rule by which a signature of the hospital's own system does not hold.
    pub carried_failure: Option<&'static str>,
    /// Whether it still stands.
    pub standing: Option<Standing>,
    /// As of this time, in milliseconds.
    pub standing_as_of: Option<u64>,
}

impl Report {
    pub(super) fn new(genesis: Digest) -> Self {
        Self {
            checks: Vec::new(),
            seal: SealState::Failed,
            genesis,
            trust: None,
            record: None,
            hospital: None,
            statement: None,
            attachments: Vec::new(),
            existed_before: None,
            signers: Vec::new(),
            carried: Vec::new(),
            carried_failure: None,
            standing: None,
            standing_as_of: None,
        }
    }

    pub(super) fn note(&mut self, check: EvidenceCheck, outcome: Outcome) {
        self.note_as(check, outcome, sentence::of(check, outcome));
    }

    pub(super) fn note_as(
        &mut self,
        check: EvidenceCheck,
        outcome: Outcome,
        (zh, en): (&'static str, &'static str),
    ) {
        self.checks.push(CheckResult {
            code: check.code(),
            outcome,
            zh,
            en,
        });
    }

    /// The outcome of a check.
    #[must_use]
    pub fn outcome(&self, check: EvidenceCheck) -> Outcome {
        let found = self
            .checks
            .iter()
            .find(|result| result.code == check.code());
        found.map_or(Outcome::NotChecked, |result| result.outcome)
    }

    /// The first check that failed.
    #[must_use]
    pub fn failed(&self) -> Option<&CheckResult> {
        self.checks
            .iter()
            .find(|result| result.outcome == Outcome::Fails)
    }

    /// What was proven and what not, in one sentence each: Chinese, English.
    #[must_use]
    pub fn summary(&self) -> (String, String) {
        sentence::summary(self)
    }
}

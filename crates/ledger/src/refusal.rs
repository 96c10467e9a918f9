//! Why a transaction is refused: one table of stable numbers, codes and sentences.
//!
//! The number stands in the block beside the refused transaction; the code is what programs branch
//! on; the sentence is for logs. A refused transaction changes nothing.

use core::fmt;

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $code:literal, $text:literal;)*) => {
        /// Why a transaction is refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Refusal { $(#[doc = $text] $(#[$doc])* $name,)* }

        impl Refusal {
            /// Every refusal.
            pub const ALL: &'static [Refusal] = &[$(Refusal::$name),*];

            /// Its number in blocks; 0 there means accepted.
            #[must_use]
            pub const fn number(self) -> u16 {
                match self { $(Refusal::$name => $number,)* }
            }

            /// The refusal of a number.
            #[must_use]
            pub const fn of(number: u16) -> Option<Self> {
                match number { $($number => Some(Refusal::$name),)* _ => None }
            }

            /// Stable code.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Refusal::$name => $code,)* }
            }

            /// A sentence.
            #[must_use]
            pub const fn message(self) -> &'static str {
                match self { $(Refusal::$name => $text,)* }
            }
        }
    };
}

refusals! {
    Malformed = 1, "transaction.malformed", "The bytes are not the strict encoding of a transaction.";
    TooLong = 2, "transaction.too_long", "The transaction is longer than the limit.";
    Version = 3, "transaction.version", "The transaction's version is not known here.";
    Kind = 4, "transaction.type", "The transaction's type is not known here.";
    Expired = 5, "transaction.expired", "The transaction's valid-until has passed.";
    ValidUntil = 6, "transaction.valid_until", "The transaction's valid-until lies too far ahead.";
    Replayed = 7, "transaction.replayed", "This transaction was accepted before.";
    SignatureCount = 8, "signature.count", "The number of signatures is not what the type wants.";
    Signature = 9, "signature.invalid", "A signature does not match the key of its role.";
    Key = 10, "key.invalid", "A key in the transaction is not a key of the chain's suite.";

    MemberUnknown = 20, "member.unknown", "No such member.";
    MemberSuspended = 21, "member.suspended", "The member is not in good standing.";
    MemberRole = 22, "member.role", "The policy does not give this action to a member of this role.";
    AllianceConsensusKey = 23, "alliance.consensus_key", "Consensus keys do not change by this transaction.";
    AllianceSameKey = 24, "alliance.same_key", "The new key is, or was, already one of the member's keys.";
    AreaUnknown = 25, "area.unknown", "No such storage area.";
    AreaMember = 26, "area.member", "The storage area belongs to another member.";
    AreaEndpoints = 27, "area.endpoints", "A storage area has one to eight http or https addresses.";
    ConsentUnknown = 28, "consent.unknown", "The consent text is not one of the policy's.";
    ConsentTime = 29, "consent.time", "The consent's time lies ahead.";
    AllianceManyKeys = 30, "alliance.many_keys", "The member has replaced too many keys.";

    StaffExists = 40, "staff.exists", "This staff key was enrolled before.";
    StaffUnknown = 41, "staff.unknown", "No such staff key.";
    StaffMember = 42, "staff.member", "The staff key belongs to another member.";
    StaffEnded = 43, "staff.ended", "The staff key has ended.";
    StaffValidity = 44, "staff.validity", "The validity ends before it begins, or has passed.";
    StaffPossession = 45, "staff.possession", "The staff key did not sign that this member may enrol it.";

    FolderExists = 50, "folder.exists", "This folder was registered before.";
    FolderUnknown = 51, "folder.unknown", "No such folder.";
    FolderHeadOld = 52, "folder.head_old", "The head is not newer than the one on the ledger.";
    FolderHeadSoon = 53, "folder.head_soon", "The last head was anchored too short a time ago.";

    CardExists = 60, "card.exists", "This card was registered before.";
    CardUnknown = 61, "card.unknown", "No such card.";
    CardMember = 62, "card.member", "The card is registered with another member.";
    CardRotated = 63, "card.rotated", "The card was handed over to its successor.";
    CardClosed = 64, "card.closed", "The card is closed.";
    CardFrozen = 65, "card.frozen", "The card is frozen.";
    CardNotFrozen = 66, "card.not_frozen", "The card is not frozen.";
    CardFreezePending = 67, "card.freeze_pending", "A freeze of this card is pending.";
    CardSuccessor = 68, "card.successor", "The successor is not the one that the freeze names, or cannot be one.";
    CardFreezeWaits = 69, "card.freeze_waits", "The freeze's waiting time has not passed.";
    CardGenerations = 70, "card.generations", "The card has too many predecessors.";

    SealCount = 80, "seal.count", "A seal holds one to 512 records.";
    SealDuplicate = 81, "seal.duplicate", "The same record stands twice in the seal.";
    SealLists = 82, "seal.lists", "The lists of earlier seals are unsorted, or not exactly those that are named.";
    SealSeq = 83, "seal.seq", "The seal's number is not the next of its visit.";
    SealVisitCard = 84, "seal.visit_card", "The visit's earlier seal names a card that is no predecessor of this one.";
    SealAhead = 85, "seal.ahead", "The seal's time is too far ahead.";
    SealBehind = 86, "seal.behind", "The seal's time is more than a day old and it is not marked late.";
    SealPolicy = 87, "seal.policy", "The release policy is not one of the consortium's.";
    SealReplacedPlace = 88, "seal.replaced_place", "The replaced record's place is not in the lists.";
    SealReplacedUnknown = 89, "seal.replaced_unknown", "The replaced record's seal is not on the ledger, or its list is another.";
    SealReplacedCard = 90, "seal.replaced_card", "The replaced record belongs to another card.";
    SealReplacedTwice = 91, "seal.replaced_twice", "The replaced record was replaced or withdrawn before.";
    RecordPlace = 92, "record.place", "The record's place is not in the list.";
    RecordSeal = 93, "record.seal", "The record's seal is not on the ledger, or its list is another.";
    RecordNotInForce = 94, "record.not_in_force", "The record was replaced or withdrawn before.";
    RecordCard = 95, "record.card", "The record belongs to another card.";

    GrantExists = 110, "grant.exists", "This grant was made before.";
    GrantUnknown = 111, "grant.unknown", "No such grant.";
    GrantShape = 112, "grant.shape", "A grant has a window, at least one record and at least one opening.";
    GrantWindow = 113, "grant.window", "The window is longer than the policy allows.";
    GrantPast = 114, "grant.past", "The window has passed.";
    GrantFuture = 115, "grant.future", "A grant marked late begins in the past.";
    GrantHost = 116, "grant.host", "The grant is served by another member.";
    GrantGrantee = 117, "grant.grantee", "The grantee is not on the ledger or has ended.";
    GrantEnded = 118, "grant.ended", "The grant has ended.";
    GrantRevoked = 119, "grant.revoked", "The grant is revoked.";
    GrantEarlier = 120, "grant.earlier", "The new end is before the present one.";
    GrantLater = 121, "grant.later", "The new end is not before the present one.";
    GrantScope = 122, "grant.scope", "The new list is not longer than the present one.";
    GrantMoved = 123, "grant.moved", "The end that the grant is extended from is not the present one.";

    AccessShape = 130, "access.shape", "A batch has 1 to 256 entries with bounded bitmaps.";
    AnchorKind = 140, "anchor.kind", "The kind of an anchor is 1 to 64 printable characters.";
    AnchorExists = 141, "anchor.exists", "The member anchored this digest with this key before.";
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl core::error::Error for Refusal {}

impl serde::Serialize for Refusal {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.code())
    }
}

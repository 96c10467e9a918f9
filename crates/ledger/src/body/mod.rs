//! Bodies of transactions, a file per contract.
//!
//! Each body is a strict CBOR array in field order. `signers` says whose signatures follow, in
//! order; `check` refuses what no state can make right: lists that are too long, unsorted or
//! empty, keys that are none of the suite.

mod access;
mod alliance;
mod anchor;
mod card;
mod folder;
mod permission;
mod seal;
mod staff;
mod zone;

pub use access::{AccessBatch, AccessEntry, AccessOutcome, Items};
pub use alliance::{RotateMemberKey, SetStorageArea};
pub use anchor::{Anchor, AnchorKey, CARD_REPLACED, card_replaced};
pub use card::{By, CloseCard, Consent, FreezeCard, LiftFreeze, RegisterCard, RotateCard};
pub use folder::{RegisterFolder, SetFolderHead};
pub use permission::{Extend, Grant, Grantee, Revoke, Scope, Shorten, grant_id};
pub use seal::{LeafList, Mark, Place, Seal, SealedLeaf, Withdraw, WithdrawReason, leaves_digest};
pub use staff::{
    EnrolStaff, RevokeReason, RevokeStaff, RotateStaff, StaffRole, commitment, prove_possession,
    proves_possession,
};
pub use zone::{Finding, ZoneFinding, ZoneReport, ZoneReporter};

use medfolder_crypto::{Label, PublicKeyBytes, Suite};
use medfolder_record::{CardNumber, FolderNumber, GrantId, MemberId};
use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::member::KeyRole;
use crate::refusal::Refusal;

/// Whose key a signature must be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signer {
    /// This key, which stands in the body.
    Key(PublicKeyBytes),
    /// The member's present key of this role.
    Member(MemberId, KeyRole),
    /// The card's signing key.
    Card(CardNumber),
    /// The grant's key.
    Grant(GrantId),
    /// The folder's signing key.
    Folder(FolderNumber),
}

macro_rules! bodies {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal, $label:ident;)*) => {
        /// The type of a transaction; its number stands in the encoding.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Type { $($(#[$doc])* $name,)* }

        impl Type {
            /// All types.
            pub const ALL: &'static [Type] = &[$(Type::$name),*];

            /// The type's number.
            #[must_use]
            pub const fn number(self) -> u8 {
                match self { $(Type::$name => $number,)* }
            }

            /// The type of a number.
            #[must_use]
            pub const fn of(number: u8) -> Option<Self> {
                match number { $($number => Some(Type::$name),)* _ => None }
            }

            /// The type's name in JSON, on the command line and in the policy table.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Type::$name => $text,)* }
            }

            /// The label of its signatures.
            #[must_use]
            pub const fn label(self) -> Label {
                match self { $(Type::$name => Label::$label,)* }
            }
        }

        /// The body of a transaction.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
        #[serde(tag = "type")]
        pub enum Body { $($(#[$doc])* #[serde(rename = $text)] $name($name),)* }

        impl Body {
            /// Its type.
            #[must_use]
            pub const fn kind(&self) -> Type {
                match self { $(Body::$name(_) => Type::$name,)* }
            }

            /// Whose signatures follow, in order.
            #[must_use]
            pub fn signers(&self) -> Vec<Signer> {
                match self { $(Body::$name(body) => body.signers(),)* }
            }

            /// Refuses what no state can make right.
            pub(crate) fn check(&self, suite: Suite) -> Result<(), Refusal> {
                match self { $(Body::$name(body) => body.check(suite),)* }
            }

            pub(crate) fn encode_into<W: minicbor::encode::Write>(
                &self,
                e: &mut minicbor::Encoder<W>,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                match self { $(Body::$name(body) => body.encode(e, &mut ()),)* }
            }

            pub(crate) fn decode_from(
                kind: Type,
                d: &mut minicbor::Decoder<'_>,
            ) -> Result<Self, minicbor::decode::Error> {
                Ok(match kind { $(Type::$name => Body::$name($name::decode(d, &mut ())?),)* })
            }
        }

        $(impl From<$name> for Body {
            fn from(body: $name) -> Self {
                Body::$name(body)
            }
        })*
    };
}

bodies! {
    /// A member replaces one of its keys.
    RotateMemberKey = 1, "alliance.rotate_key", TX_MEMBER_KEY;
    /// A member sets or moves a storage area.
    SetStorageArea = 2, "alliance.storage_area", TX_STORAGE_AREA;
    /// A member enrols a doctor or other staff.
    EnrolStaff = 3, "staff.enrol", TX_STAFF_ENROL;
    /// A member replaces a staff key.
    RotateStaff = 4, "staff.rotate", TX_STAFF_ROTATE;
    /// A member ends a staff key.
    RevokeStaff = 5, "staff.revoke", TX_STAFF_REVOKE;
    /// A folder and its storage area.
    RegisterFolder = 6, "folder.register", TX_FOLDER_REGISTER;
    /// A head of a folder's state log.
    SetFolderHead = 7, "folder.head", TX_FOLDER_HEAD;
    /// T_R: a card at a hospital.
    RegisterCard = 8, "card.register", TX_CARD_REGISTER;
    /// Loss or theft of a card.
    FreezeCard = 9, "card.freeze", TX_CARD_FREEZE;
    /// The desk takes a freeze back.
    LiftFreeze = 10, "card.lift", TX_CARD_LIFT;
    /// A card hands over to its successor.
    RotateCard = 11, "card.rotate", TX_CARD_ROTATE;
    /// A card is closed.
    CloseCard = 12, "card.close", TX_CARD_CLOSE;
    /// T_M: a visit's records.
    Seal = 13, "record.seal", TX_SEAL;
    /// A hospital withdraws a record.
    Withdraw = 14, "record.withdraw", TX_WITHDRAW;
    /// Stored ciphertext changed or vanished.
    ZoneReport = 15, "record.zone_report", TX_ZONE_REPORT;
    /// A share begins.
    Grant = 16, "grant.grant", TX_GRANT;
    /// A share lasts longer or holds more.
    Extend = 17, "grant.extend", TX_EXTEND;
    /// A share ends earlier.
    Shorten = 18, "grant.shorten", TX_SHORTEN;
    /// A share ends now.
    Revoke = 19, "grant.revoke", TX_REVOKE;
    /// A host reports accesses.
    AccessBatch = 20, "access.batch", TX_ACCESS;
    /// A member anchors a digest.
    Anchor = 21, "evidence.anchor", TX_ANCHOR;
}

/// A signature key of the suite.
pub(crate) fn check_signing_key(suite: Suite, key: &PublicKeyBytes) -> Result<(), Refusal> {
    key.verifying(suite).map(drop).map_err(|_| Refusal::Key)
}

/// An encryption key of the suite.
pub(crate) fn check_encryption_key(suite: Suite, key: &PublicKeyBytes) -> Result<(), Refusal> {
    key.encryption(suite).map(drop).map_err(|_| Refusal::Key)
}

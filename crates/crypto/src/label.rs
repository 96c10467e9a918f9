//! The one table of domain-separation labels.
//!
//! Every signed, hashed, derived or wrapped structure owns a label, so that bytes made for one
//! purpose never verify for another. In a signature or a labelled hash the label stands first,
//! as ASCII followed by one zero byte; labels hold no zero byte, so none is a prefix of another.

/// A domain-separation label (ASCII, without zero bytes).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Label(&'static str);

impl Label {
    /// The label's ASCII bytes, without the zero byte that ends it on the wire.
    pub const fn as_bytes(self) -> &'static [u8] {
        self.0.as_bytes()
    }

    /// The label as text.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        impl Label {
            $($(#[$doc])* pub const $name: Label = Label($text);)*

            /// Every label of the system.
            pub const ALL: &'static [Label] = &[$(Label::$name),*];
        }
    };
}

labels! {
    /// Chain root of a folder: HKDF(root, label ‖ genesis digest).
    CHAIN_ROOT = "medfolder/1";
    /// Card seed: HKDF(chain root, label ‖ member ‖ index).
    CARD_SEED = "medfolder/card-seed";
    /// Signing seed below a card or folder seed.
    SIGNING_SEED = "medfolder/signing-seed";
    /// Encryption seed below a card or folder seed.
    ENCRYPTION_SEED = "medfolder/encryption-seed";
    /// Card number: H(label ‖ signing key ‖ encryption key).
    CARD_NUMBER = "medfolder/card-number";
    /// Folder seed: HKDF(chain root, label).
    FOLDER_SEED = "medfolder/folder-seed";
    /// Folder number: H(label ‖ signing key ‖ encryption key).
    FOLDER_NUMBER = "medfolder/folder-number";
    /// Identifier of a public key: H(label ‖ key bytes).
    KEY_ID = "medfolder/key-id";
    /// SM2 scalar candidates: HKDF(seed, label ‖ counter).
    SM2_SCALAR = "medfolder/sm2-scalar";
    /// Symmetric key of a national wrap: HKDF(z, label ‖ context).
    NATIONAL_WRAP = "medfolder/national-wrap";
    /// Vault key from a passphrase.
    VAULT_KEY = "medfolder/vault-key";

    // Records (crates/record).
    /// Salt of one piece: HKDF(content salt, label ‖ k).
    PIECE_SALT = "medfolder/piece-salt";
    /// Doctor's native signature over a content root.
    RECORD_SIGNATURE = "medfolder/record-signature";
    /// Record key k of a seal: HKDF(seal key, label ‖ k).
    RECORD_KEY = "medfolder/record-key";
    /// Content key of a record: HKDF(record key, label).
    CONTENT_KEY = "medfolder/content-key";
    /// Content root: H(label ‖ number of pieces ‖ root of their tree).
    CONTENT_ROOT = "medfolder/content-root";
    /// Attachment key j of a record: HKDF(record key, label ‖ j).
    ATTACHMENT_KEY = "medfolder/attachment-key";
    /// Key of a record's network-storage address: HKDF(record key, label).
    STORAGE_ADDRESS_KEY = "medfolder/storage-address-key";
    /// Key commitment of a core: H(label ‖ record key).
    KEY_COMMITMENT = "medfolder/key-commit";
    /// Leaf of a record: H(label ‖ H(core) ‖ content root ‖ H(signatures)).
    RECORD_LEAF = "medfolder/record-leaf";
    /// Digest of a core.
    RECORD_CORE = "medfolder/record-core";
    /// Digest of a record's signatures.
    RECORD_SIGNATURES = "medfolder/record-signatures";
    /// Context of a key slot.
    KEY_SLOT = "medfolder/key-slot";

    // Ledger (crates/ledger).
    /// Genesis digest.
    GENESIS = "medfolder/genesis";
    /// Block header, as certificates cover it.
    BLOCK_HEADER = "medfolder/block-header";
    /// Digest of a block's transactions with their result codes.
    BLOCK_TRANSACTIONS = "medfolder/block-transactions";
    /// Step of a running digest that a transaction is.
    TRANSACTION_STEP = "medfolder/transaction-step";
    /// A staff key's word that a member may enrol it.
    STAFF_POSSESSION = "medfolder/staff-possession";
    /// Transaction: Enrol a doctor or other staff key.
    TX_STAFF_ENROL = "medfolder/tx/staff-enrol";
    /// Transaction: Rotate a staff key.
    TX_STAFF_ROTATE = "medfolder/tx/staff-rotate";
    /// Transaction: Revoke a staff key.
    TX_STAFF_REVOKE = "medfolder/tx/staff-revoke";
    /// Transaction: Register a folder.
    TX_FOLDER_REGISTER = "medfolder/tx/folder-register";
    /// Transaction: Set a folder's head.
    TX_FOLDER_HEAD = "medfolder/tx/folder-head";
    /// Transaction: Register a card (T_R).
    TX_CARD_REGISTER = "medfolder/tx/card-register";
    /// Transaction: Freeze a card.
    TX_CARD_FREEZE = "medfolder/tx/card-freeze";
    /// Transaction: Lift a freeze.
    TX_CARD_LIFT = "medfolder/tx/card-lift";
    /// Transaction: Rotate a card to its successor.
    TX_CARD_ROTATE = "medfolder/tx/card-rotate";
    /// Transaction: Close a card.
    TX_CARD_CLOSE = "medfolder/tx/card-close";
    /// Transaction: Seal (T_M).
    TX_SEAL = "medfolder/tx/seal";
    /// Transaction: Withdraw a record.
    TX_WITHDRAW = "medfolder/tx/withdraw";
    /// Transaction: Zone report.
    TX_ZONE_REPORT = "medfolder/tx/zone-report";
    /// Transaction: Grant.
    TX_GRANT = "medfolder/tx/grant";
    /// Transaction: Extend a grant.
    TX_EXTEND = "medfolder/tx/extend";
    /// Transaction: Shorten a grant.
    TX_SHORTEN = "medfolder/tx/shorten";
    /// Transaction: Revoke a grant.
    TX_REVOKE = "medfolder/tx/revoke";
    /// Transaction: Access batch.
    TX_ACCESS = "medfolder/tx/access";
    /// Transaction: Anchor a digest.
    TX_ANCHOR = "medfolder/tx/anchor";
    /// What a hospital anchors of a card that another one replaced at its desk: H(label ‖ card).
    CARD_REPLACED = "medfolder/card-replaced";
    /// Transaction: Rotate a member's key.
    TX_MEMBER_KEY = "medfolder/tx/member-key";
    /// Transaction: Set a storage area.
    TX_STORAGE_AREA = "medfolder/tx/storage-area";
    /// Identifier of a grant: H(label ‖ grant key).
    GRANT_ID = "medfolder/grant-id";
    /// Leaf of the state tree: H(label ‖ key ‖ value digest), most significant bit set.
    STATE_LEAF = "medfolder/state-leaf";
    /// Inner node of the state tree: H(label ‖ left ‖ right), most significant bit cleared.
    STATE_NODE = "medfolder/state-node";
    /// Value in the state tree: H(label ‖ value).
    STATE_VALUE = "medfolder/state-value";
    /// State key of an entry: H(label ‖ kind ‖ id).
    STATE_KEY = "medfolder/state-key";
    /// Step of a grant's running digest for one access entry.
    ACCESS_STEP = "medfolder/access-step";
    /// First value of a running digest: H(label ‖ id).
    RUNNING_DIGEST = "medfolder/running-digest";
    /// List of leaves that a seal entry commits to.
    SEAL_LEAVES = "medfolder/seal-leaves";
    /// Salted commitment to a doctor's name and licence.
    STAFF_COMMITMENT = "medfolder/staff-commitment";

    // Services and shares (crates/share, gateway, folder, node).
    /// Challenge answer at log-in.
    LOGIN = "medfolder/login";
    /// Front desk: HMAC(code, label ‖ genesis digest ‖ T_R body).
    DESK_CODE = "medfolder/desk-code";
    /// A doctor's seed in her key file: AAD = label ‖ 0 ‖ public keys.
    DOCTOR_KEY_FILE = "medfolder/doctor-key-file";
    /// Inner zone, key of one stored value: HKDF(zone key, label ‖ salt).
    ZONE_VALUE = "medfolder/zone-value";
    /// Inner zone, index of a source's key: HMAC(HKDF(zone key, label), text).
    ZONE_INDEX = "medfolder/zone-index";
    /// Card's consent signature over a grant.
    CARD_CONSENT = "medfolder/card-consent";
    /// Grant signing seed: HKDF(grant seed, label).
    GRANT_KEY = "medfolder/grant-key";
    /// Salted digest of a grant's ordered list of record ids.
    GRANT_SCOPE = "medfolder/grant-scope";
    /// Salt of a grant's scope: HKDF(grant seed, label).
    GRANT_SCOPE_SALT = "medfolder/grant-scope-salt";
    /// Status secret of a share: HKDF(link key, label).
    SHARE_STATUS = "medfolder/share-status";
    /// HMAC of a passcode under the host's pepper.
    SHARE_PASSCODE = "medfolder/share-passcode";
    /// HMAC of a file location under the host's pepper.
    SHARE_LOCATION = "medfolder/share-location";
    /// HMAC of a reader's session under the host's pepper.
    SHARE_OPENING = "medfolder/share-opening";
    /// Digest of a host's record of one access.
    ACCESS_RECEIPT = "medfolder/access-receipt";
    /// A host's signature over the receipt that it gives a reader.
    ACCESS_PROMISE = "medfolder/access-promise";
    /// Request signed with a grant key to its host (list accesses, status, purge).
    GRANT_REQUEST = "medfolder/grant-request";
}

#[cfg(test)]
mod tests {
    use super::Label;
    use std::collections::BTreeSet;

    #[test]
    fn labels_are_unique_printable_and_hold_no_zero_byte() {
        let unique: BTreeSet<_> = Label::ALL.iter().map(|label| label.as_str()).collect();
        assert_eq!(unique.len(), Label::ALL.len());
        assert!(
            Label::ALL
                .iter()
                .all(|l| l.as_bytes().iter().all(u8::is_ascii_graphic))
        );
    }
}

//! The host's own record of one access, and the digest of it that stands on the ledger.
//!
//! ```text
//! record  = CBOR [0, grant, host time, session, salt 32, recipient, reader's value, deadline]
//! receipt = H("medfolder/access-receipt" ‖ 0 ‖ record)
//! ```
//!
//! No name is ever on the ledger: the record stays with the host, who gives it to the holder of
//! the grant key. The reader's value ties the receipt that a page got to the entry.
//!
//! Source: ledger design, “access”.

use medfolder_crypto::{Digest, Label, Suite, to_cbor};
use medfolder_record::GrantId;
use minicbor::{Decode, Encode};

/// A host must have the entry on the ledger within this time, in milliseconds.
pub const RECEIPT_DEADLINE_MS: u64 = 10 * 60 * 1000;

/// What a host knows of one access. Times are milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct AccessRecord {
    #[n(0)]
    version: u8,
    /// The grant.
    #[n(1)]
    pub grant: GrantId,
    /// The host's clock.
    #[n(2)]
    pub host_ms: u64,
    /// The session: the digest of its opening's key, or random where nothing was opened.
    #[n(3)]
    pub session: Digest,
    /// Random.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub salt: [u8; 32],
    /// What the reader called itself.
    #[n(5)]
    pub recipient: String,
    /// The reader's fresh value (`_r`); empty from other viewers.
    #[n(6)]
    pub reader_value: String,
    /// When the entry must be on the ledger.
    #[n(7)]
    pub deadline_ms: u64,
}

impl AccessRecord {
    /// A record made now, with the deadline that hosts promise.
    pub fn new(
        grant: GrantId,
        host_ms: u64,
        session: Digest,
        salt: [u8; 32],
        recipient: &str,
        reader_value: Option<&str>,
    ) -> Self {
        Self {
            version: 0,
            grant,
            host_ms,
            session,
            salt,
            recipient: recipient.to_owned(),
            reader_value: reader_value.unwrap_or_default().to_owned(),
            deadline_ms: host_ms.saturating_add(RECEIPT_DEADLINE_MS),
        }
    }

    /// The digest for the ledger.
    pub fn digest(&self, suite: Suite) -> Digest {
        suite.hash_labelled(Label::ACCESS_RECEIPT, &[&to_cbor(self)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_receipt_covers_every_field_and_hides_the_name_behind_a_salt() {
        let grant = GrantId(Digest([1; 32]));
        let record = |name: &str, value, salt| {
            AccessRecord::new(grant, 5, Digest([2; 32]), [salt; 32], name, value)
        };
        for suite in Suite::ALL {
            let base = record("Dr. Li", Some("x"), 3).digest(suite);
            assert_ne!(base, record("Dr. Lu", Some("x"), 3).digest(suite));
            assert_ne!(base, record("Dr. Li", None, 3).digest(suite));
            assert_ne!(base, record("Dr. Li", Some("x"), 4).digest(suite));
        }
    }
}

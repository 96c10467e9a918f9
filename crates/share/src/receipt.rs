//! The host's own record of one access, and the digest of it that stands on the ledger.
//!
//! ```text
//! record  = CBOR [0, grant, host time, session, salt 32, recipient, reader's value, deadline]
//! receipt = H("medfolder/access-receipt" ‖ 0 ‖ record)
//! ```
//!
//! No name is ever on the ledger: the record stays with the host, who gives it to the holder of
//! the grant key, and signed to the reader whose opening it is, when she sent a value of hers (`_r`):
//!
//! ```text
//! manifest  "_receipt": {"genesis","host","record": base64url,"digest": receipt,"signature"}
//! signature = Sign(host key, "medfolder/access-promise" ‖ 0 ‖ genesis digest ‖ receipt)
//! ```
//! With it anybody can ask a node for the entry; one that is missing after the deadline shows that
//! the host broke its word.
//!
//! Source: ledger design, “access”.

use medfolder_crypto::{
    Digest, Label, PublicKeyBytes, Signature, SigningKey, Suite, from_cbor, to_cbor,
};
use medfolder_record::{GrantId, MemberId, Version};
use minicbor::{Decode, Encode};
use serde_json::{Value, json};

use crate::encoding::{from_base64url, to_base64url};

/// A host must have the entry on the ledger within this time, in milliseconds.
pub const RECEIPT_DEADLINE_MS: u64 = 10 * 60 * 1000;

/// How far a host's clock may be off the reader's: a later time would put off the deadline.
const CLOCK_TOLERANCE_MS: u64 = 10 * 60 * 1000;

/// What a host knows of one access. Times are milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct AccessRecord {
    #[n(0)]
    version: Version,
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
            version: Version,
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

/// Longest record that a reader takes, in bytes.
const MAX_RECORD_BYTES: usize = 8 * 1024;

/// A host's record of a reader's own opening, with its word that the ledger will have it in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedReceipt {
    /// The chain.
    pub genesis: Digest,
    /// The host.
    pub host: MemberId,
    /// Its record of the opening.
    pub record: AccessRecord,
    /// The digest under which the ledger has the entry.
    pub digest: Digest,
    signature: Signature,
}

impl SignedReceipt {
    /// Signs a record with the host's key.
    pub fn sign(
        suite: Suite,
        key: &SigningKey,
        genesis: Digest,
        host: MemberId,
        record: AccessRecord,
    ) -> Self {
        let digest = record.digest(suite);
        Self {
            genesis,
            host,
            digest,
            signature: key.sign(Label::ACCESS_PROMISE, &[&genesis.0, &digest.0]),
            record,
        }
    }

    /// The member of the manifest.
    pub fn to_json(&self) -> Value {
        json!({
            "genesis": self.genesis, "host": self.host,
            "record": to_base64url(&to_cbor(&self.record)),
            "digest": self.digest, "signature": self.signature,
        })
    }

    /// Reads the member of a manifest; `None` for what is no receipt, or whose digest is not the
    /// record's in any suite.
    pub fn read(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let record = from_base64url(text("record")?)?;
        let receipt = Self {
            genesis: text("genesis")?.parse().ok()?,
            host: text("host")?.parse().ok()?,
            record: from_cbor(&record, MAX_RECORD_BYTES).ok()?,
            digest: text("digest")?.parse().ok()?,
            signature: text("signature")?.parse().ok()?,
        };
        receipt.suite().map(|_| receipt)
    }

    fn suite(&self) -> Option<Suite> {
        let fits = |suite: &Suite| self.record.digest(*suite) == self.digest;
        Suite::ALL.into_iter().find(fits)
    }

    /// Whether it is for the request that carried this value and was answered about `now_ms`, and
    /// promises no later time than hosts may.
    pub fn answers(&self, reader_value: &str, now_ms: u64) -> bool {
        let record = &self.record;
        record.reader_value == reader_value
            && record.host_ms.abs_diff(now_ms) <= CLOCK_TOLERANCE_MS
            && record.deadline_ms <= record.host_ms.saturating_add(RECEIPT_DEADLINE_MS)
    }

    /// Whether the holder of this key signed it.
    pub fn is_signed_by(&self, host: &PublicKeyBytes) -> bool {
        let Some(key) = self.suite().and_then(|suite| host.verifying(suite).ok()) else {
            return false;
        };
        let parts: [&[u8]; 2] = [&self.genesis.0, &self.digest.0];
        key.verify(Label::ACCESS_PROMISE, &parts, &self.signature)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use medfolder_crypto::Secret32;

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

    #[test]
    fn a_receipt_survives_the_manifest_and_binds_host_chain_record_and_reader() {
        for suite in Suite::ALL {
            let key = |seed| SigningKey::from_seed(suite, &Secret32::new([seed; 32]));
            let grant = GrantId(Digest([1; 32]));
            let record =
                AccessRecord::new(grant, 5, Digest([2; 32]), [3; 32], "Dr. Li", Some("fresh"));
            let (genesis, host) = (Digest([4; 32]), MemberId([5; 16]));
            let receipt = SignedReceipt::sign(suite, &key(6), genesis, host, record);
            let read = SignedReceipt::read(&receipt.to_json()).unwrap();
            assert_eq!(read, receipt);
            assert!(read.answers("fresh", 5) && !read.answers("stale", 5));
            assert!(read.is_signed_by(&key(6).public()) && !read.is_signed_by(&key(7).public()));
            let mut other = read.clone();
            other.genesis = Digest([9; 32]);
            assert!(!other.is_signed_by(&key(6).public()));
            let mut other = read;
            other.record.deadline_ms += 1;
            assert!(SignedReceipt::read(&other.to_json()).is_none());
            assert!(!other.answers("fresh", 5));
        }
    }

    #[test]
    fn a_host_whose_clock_runs_ahead_puts_off_no_deadline() {
        let key = SigningKey::from_seed(Suite::International, &Secret32::new([6; 32]));
        let (grant, digest) = (GrantId(Digest([1; 32])), Digest([2; 32]));
        let now = 1_000 * CLOCK_TOLERANCE_MS;
        let signed = |host_ms| {
            let record = AccessRecord::new(grant, host_ms, digest, [3; 32], "Dr. Li", Some("x"));
            SignedReceipt::sign(
                Suite::International,
                &key,
                digest,
                MemberId([5; 16]),
                record,
            )
        };
        for off in [1, CLOCK_TOLERANCE_MS] {
            assert!(signed(now + off).answers("x", now) && signed(now - off).answers("x", now));
        }
        let off = CLOCK_TOLERANCE_MS + 1;
        assert!(!signed(now + off).answers("x", now) && !signed(now - off).answers("x", now));
    }

    #[test]
    fn a_record_of_another_version_is_no_receipt() {
        let record = AccessRecord::new(
            GrantId(Digest([1; 32])),
            5,
            Digest([2; 32]),
            [3; 32],
            "Dr. Li",
            None,
        );
        let mut bytes = to_cbor(&record);
        assert!(from_cbor::<AccessRecord>(&bytes, MAX_RECORD_BYTES).is_ok());
        bytes[1] = 1;
        assert!(from_cbor::<AccessRecord>(&bytes, MAX_RECORD_BYTES).is_err());
    }
}

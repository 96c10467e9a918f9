//! Signatures that were checked, as they wait for the seal.
//!
//! ```text
//! stored   zone value "signatures" over content root (32) ‖ encoded signatures
//! ```
//! Nothing is stored here before it was checked, and nobody without the zone key makes such a
//! value: so whoever opens one for a record's content root need not check the signatures again.

use medfolder_crypto::from_cbor;
use medfolder_record::Signatures;
use medfolder_record::limits::MAX_SIGNATURES_LEN;
use zeroize::Zeroizing;

use super::zone::Zone;

const PURPOSE: &str = "signatures";

/// The stored form of signatures that hold for this content root.
pub(crate) fn seal(zone: &Zone, root: &[u8], signatures: &Signatures) -> Vec<u8> {
    let mut value = Zeroizing::new(root.to_vec());
    value.extend_from_slice(&signatures.to_bytes());
    zone.key.seal(PURPOSE, &value)
}

/// The signatures of a record; `None` when they were not stored for this content root.
pub(crate) fn open(zone: &Zone, root: &[u8], stored: &[u8]) -> Option<Signatures> {
    let value = zone.key.open(PURPOSE, stored).ok()?;
    from_cbor(value.strip_prefix(root)?, MAX_SIGNATURES_LEN).ok()
}

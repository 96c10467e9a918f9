//! The card's consent to a grant: what the host keeps, so that nobody can deny it later.
//!
//! ```text
//! consent = Sign(card's signing key, "medfolder/card-consent" ‖ 0 ‖ genesis digest (32) ‖ CBOR of the Grant's body)
//! ```
//! The ledger shows the grant's own key only; which card it belongs to is between its holder and the
//! host.

use medfolder_crypto::{Digest, Label, PublicKeyBytes, Signature, SigningKey, to_cbor};
use medfolder_ledger::body::Grant;

/// Signs a grant with the card's key.
#[must_use]
pub fn sign(genesis: &Digest, key: &SigningKey, grant: &Grant) -> Signature {
    key.sign(Label::CARD_CONSENT, &[&genesis.0, &to_cbor(grant)])
}

/// Whether the holder of `card` agreed to `grant`.
#[must_use]
pub fn holds(
    genesis: &Digest,
    suite: medfolder_crypto::Suite,
    card: &PublicKeyBytes,
    grant: &Grant,
    consent: &Signature,
) -> bool {
    card.verifying(suite).is_ok_and(|key| {
        key.verify(Label::CARD_CONSENT, &[&genesis.0, &to_cbor(grant)], consent)
            .is_ok()
    })
}

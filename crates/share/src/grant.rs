//! A grant seen from the patient's side: what one random seed per share gives.
//!
//! ```text
//! grant seed    32 random bytes, kept in the vault before anything is submitted
//! signing key   from HKDF(grant seed, "medfolder/grant-key")
//! scope salt    HKDF(grant seed, "medfolder/grant-scope-salt" ‖ number of ids, 4 bytes)
//! scope         H("medfolder/grant-scope" ‖ 0 ‖ salt ‖ CBOR list of record ids), as the ledger's Grant carries it
//! items bitmap  bit k (lowest bit of byte 0 first) = item k of the scope's list was received
//! ```
//!
//! Numbers are big-endian. A longer scope after Extend has another salt: the two digests do not
//! show that one list begins with the other. Nobody but the patient can name a position.

use std::fmt;

use medfolder_crypto::{Label, Secret32, SigningKey, Suite};
use medfolder_ledger::body::Scope;
use medfolder_record::RecordId;
use minicbor::{Decode, Encode};
use rand_core::CryptoRng;

/// Most items of one grant.
pub const MAX_ITEMS: usize = 10_000;

/// The secret of one share, from which its keys derive. Wiped on drop; `Debug` hides it.
pub struct GrantSeed(Secret32);

impl GrantSeed {
    /// A fresh seed. The generator must be the operating system's.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(Secret32::random(rng))
    }

    /// The seed that a vault stored.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Secret32::new(bytes))
    }

    /// The bytes, for the vault.
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }

    /// The key that signs Grant, Extend, Shorten, Revoke and requests to the host.
    pub fn signing_key(&self, suite: Suite) -> SigningKey {
        SigningKey::from_seed(suite, &suite.derive(&self.0, Label::GRANT_KEY, &[]))
    }

    /// The scope of an ordered list of records, as the grant carries it.
    pub fn scope(&self, suite: Suite, records: &[RecordId]) -> Result<Scope, ItemsError> {
        let salt = self.scope_salt(suite, records.len())?;
        Ok(Scope::of(suite, salt.expose(), records))
    }

    /// The salt of a scope of this many records; handing it out opens that scope only.
    pub fn scope_salt(&self, suite: Suite, records: usize) -> Result<Secret32, ItemsError> {
        let count = count_of(records)?;
        Ok(suite.derive(&self.0, Label::GRANT_SCOPE_SALT, &[&count.to_be_bytes()]))
    }
}

impl fmt::Debug for GrantSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GrantSeed(hidden)")
    }
}

fn count_of(records: usize) -> Result<u32, ItemsError> {
    if records == 0 || records > MAX_ITEMS {
        return Err(ItemsError::Count);
    }
    u32::try_from(records).map_err(|_| ItemsError::Count)
}

/// Why a list of items or a bitmap is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ItemsError {
    /// None, or more than [`MAX_ITEMS`].
    #[error("a grant covers between one and ten thousand records")]
    Count,
    /// A bitmap that names items which the grant does not have.
    #[error("the list of received items names more than was shared")]
    Beyond,
}

impl ItemsError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Count => "grant.item_count",
            Self::Beyond => "grant.items_beyond",
        }
    }
}

/// Which items of a grant were received. Trailing zero bytes are never written, so equal sets
/// are equal bytes; a bitmap stays right when the scope grows.
#[derive(Clone, PartialEq, Eq, Hash, Default, Encode, Decode)]
#[cbor(transparent)]
pub struct Items(#[cbor(n(0), with = "minicbor::bytes")] Vec<u8>);

impl Items {
    /// Reads the bytes of an access entry against the number of items of its grant.
    pub fn from_bytes(bytes: &[u8], count: usize) -> Result<Self, ItemsError> {
        let items = Self(trimmed(bytes.to_vec()));
        match items.positions().last() {
            Some(last) if last >= count => Err(ItemsError::Beyond),
            _ => Ok(items),
        }
    }

    /// The bytes for an access entry.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Adds item `position`; positions from [`MAX_ITEMS`] on are left out.
    pub fn insert(&mut self, position: usize) {
        if position >= MAX_ITEMS {
            return;
        }
        let (byte, bit) = (position / 8, position % 8);
        if self.0.len() <= byte {
            self.0.resize(byte.saturating_add(1), 0);
        }
        if let Some(slot) = self.0.get_mut(byte) {
            *slot |= 1 << bit;
        }
    }

    /// Whether item `position` is in.
    pub fn contains(&self, position: usize) -> bool {
        self.0
            .get(position / 8)
            .is_some_and(|byte| byte & (1 << (position % 8)) != 0)
    }

    /// The positions, ascending.
    pub fn positions(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.0.len().saturating_mul(8)).filter(|position| self.contains(*position))
    }

    /// How many items.
    pub fn len(&self) -> usize {
        self.positions().count()
    }

    /// Whether none was received.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The received ones of the patient's own list, in its order.
    pub fn names<'a, T>(&self, list: &'a [T]) -> Vec<&'a T> {
        self.positions()
            .filter_map(|position| list.get(position))
            .collect()
    }
}

impl fmt::Debug for Items {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.positions()).finish()
    }
}

fn trimmed(mut bytes: Vec<u8>) -> Vec<u8> {
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use medfolder_crypto::Digest;

    fn records(count: u8) -> Vec<RecordId> {
        (0..count).map(|n| RecordId(Digest([n; 32]))).collect()
    }

    #[test]
    fn the_scope_depends_on_seed_order_and_every_record() {
        for suite in Suite::ALL {
            let seed = GrantSeed::from_bytes([1; 32]);
            let scope = seed.scope(suite, &records(3)).unwrap();
            let mut turned = records(3);
            turned.swap(0, 2);
            assert_ne!(scope, seed.scope(suite, &turned).unwrap());
            assert_ne!(scope, seed.scope(suite, &records(2)).unwrap());
            assert_ne!(
                scope,
                GrantSeed::from_bytes([2; 32])
                    .scope(suite, &records(3))
                    .unwrap()
            );
            let salt = seed.scope_salt(suite, 3).unwrap();
            assert_eq!(scope, Scope::of(suite, salt.expose(), &records(3)));
        }
    }

    #[test]
    fn an_empty_scope_is_refused() {
        let seed = GrantSeed::from_bytes([1; 32]);
        assert_eq!(
            seed.scope(Suite::International, &[]),
            Err(ItemsError::Count)
        );
    }

    #[test]
    fn the_grant_key_is_the_same_on_every_device_and_differs_between_shares() {
        let key = |n| {
            GrantSeed::from_bytes([n; 32])
                .signing_key(Suite::International)
                .public()
        };
        assert_eq!(key(1), key(1));
        assert_ne!(key(1), key(2));
        assert_eq!(
            format!("{:?}", GrantSeed::from_bytes([1; 32])),
            "GrantSeed(hidden)"
        );
    }

    #[test]
    fn received_items_are_named_from_the_patients_own_list() {
        let mut items = Items::default();
        items.insert(0);
        items.insert(9);
        assert_eq!(items.as_bytes(), [0b1, 0b10]);
        let list: Vec<u32> = (100..112).collect();
        assert_eq!(items.names(&list), [&100, &109]);
        assert_eq!(Items::from_bytes(&[1, 2, 0, 0], 10).unwrap(), items);
        assert_eq!(Items::from_bytes(&[1, 2], 9), Err(ItemsError::Beyond));
    }
}

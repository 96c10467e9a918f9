//! The exchange zone: ciphertext of sealed records, for the cards they were sealed to.
//!
//! ```text
//! envelope      a blob, named by the digest of its bytes     index: record id, card, visit, seq, k, size, time
//! attachment    a blob, beside its Merkle root in the core
//! slot          in the index, one per seal and card
//! ```
//! Nothing here tells what a record is: no kind, no title, no name.

pub(crate) mod audit;
pub(crate) mod deliver;
pub(crate) mod fetch;
pub(crate) mod index;
pub(crate) mod slots;

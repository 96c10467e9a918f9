//! The share host: SMART Health Links over grants of the ledger.
//!
//! A patient makes a draft, uploads ciphertext, publishes a grant; readers come through the public
//! [`door`]; the owner keeps the share with the grant key. The host never has a key.

pub(crate) mod answer;
pub(crate) mod door;
pub(crate) mod draft;
pub(crate) mod held;
pub(crate) mod owner;
pub(crate) mod publish;
pub(crate) mod purge;
pub(crate) mod record;
pub(crate) mod report;
mod room;
pub(crate) mod store;

pub(crate) use room::Rooms;

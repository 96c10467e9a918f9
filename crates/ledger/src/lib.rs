//! The ledger (就诊账本) as a pure, deterministic state machine.
//!
//! An ordered list of transactions meets the contracts; accepted ones enter an append-only Merkle
//! log and change an authenticated state; a block's header commits to both, and a certificate of
//! finality to the header. The same bytes come out on every node and in the browser: no clock, no
//! randomness, no network, no disk, no hash-map iteration.
//!
//! | module | holds |
//! |---|---|
//! | [`genesis`], [`member`], [`policy`] | what a chain starts from, and who may do what |
//! | [`transaction`], [`body`] | bytes that are stored and signed |
//! | [`apply`], [`state`], [`event`], [`refusal`] | the state machine |
//! | [`login`] | the statement that answers a server's challenge |
//! | [`block`], [`log`], [`tree`], [`proof`] | what is certified, and what proves a part of it |
//!
//! Byte layouts: `docs/formats/ledger.md`.

#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)
)]

pub mod apply;
pub mod block;
pub mod body;
mod contract;
pub mod event;
pub mod genesis;
pub mod log;
pub mod login;
pub mod member;
pub mod policy;
pub mod proof;
pub mod refusal;
pub mod state;
pub mod transaction;
pub mod tree;

pub use apply::{Accepted, Executed, Executor, Outcome, RecentIds, execute};
pub use block::{Block, BlockError, BlockTransaction, Certificate, Checkpoint, Header};
pub use body::{Body, Signer, Type};
pub use genesis::{Chain, EngineKeys, Genesis, GenesisError};
pub use member::{KeyRole, Member, MemberRole, Standing, StorageArea};
pub use refusal::Refusal;
pub use state::{Running, StateError, StateKey, StateRead, Subject};
pub use transaction::{PrepareError, Prepared, Transaction, TxId, Unsigned};

#[cfg(test)]
mod tests;

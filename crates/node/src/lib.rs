//! Medfolder's ledger node: the ledger as a service.
//!
//! What it is: an engine that orders transactions into certified blocks ([`engine`]), the store of
//! blocks, Merkle log and authenticated state ([`ledger`], [`store`], [`state`]), and the HTTP API.
//!
//! What it promises: an answered transaction is durable; whatever it serves comes with a proof, so
//! that nobody has to believe it. What it never does: decide (the contracts do) or know medicine.

pub mod clock;
pub mod config;
pub mod engine;
pub mod ledger;
pub mod metrics;
pub mod monitor;
pub mod recent;
pub mod state;
pub mod store;

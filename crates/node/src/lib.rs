//! Medfolder's ledger node: the ledger as a service.
//!
//! What it is: an engine that orders transactions into certified blocks ([`engine`]), the store of
//! blocks, Merkle log and authenticated state ([`ledger`], [`store`], [`state`]), and the HTTP API.
//!
//! What it promises: an answered transaction is durable; whatever it serves comes with a proof, so
//! that nobody has to believe it. What it never does: decide (the contracts do) or know medicine.

#[cfg(all(feature = "lying", not(debug_assertions)))]
compile_error!("the feature `lying` is for tests and never part of a release");

pub mod bench;
pub mod clock;
pub mod config;
pub mod engine;
pub mod follower;
mod http;
pub mod ledger;
#[cfg(feature = "lying")]
pub mod lying;
pub mod metrics;
pub mod monitor;
pub mod recent;
mod serve;
pub mod state;
pub mod store;

pub use config::Config;
pub use serve::{Running, Seams, ServeError, engine_signer, serve, serve_with};

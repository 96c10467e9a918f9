//! The edge: the hospital's face to the internet, with ciphertext only.
//!
//! ```text
//!             ┌─ spool out ──▶ deliveries, transactions, answers ─┐
//! inner zone ─┤                                                   ├─ edge ─┬─ zone     cards fetch their records
//!             └◀─ spool in ─── blocks, claims ────────────────────┘        ├─ desk     claims pass through
//!                                                                          ├─ shares   readers open links
//!                         ledger nodes ◀── transactions ── blocks ──▶      └─ audit    every stored byte again
//! ```
//! It holds one key, the member's host key, which can neither seal nor open a record. What it knows
//! of the ledger it read from certified blocks. All state is one SQLite file and a folder of blobs;
//! it may be killed at any instruction.

mod app;
pub mod blob;
mod card;
mod chain;
pub mod config;
mod db;
mod desk;
mod follow;
mod http;
pub mod ledger;
pub mod limit;
mod outbox;
mod problem;
mod session;
mod share;
mod spool;
mod start;
mod submit;
mod tasks;
mod zone;

pub use config::{Config, ConfigError, Tuning};
pub use db::DbError;
pub use start::{Parts, Running, StartError, serve, serve_with};
pub use zone::audit::AuditResult;

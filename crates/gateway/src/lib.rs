//! The hospital's side of Medfolder, in two zones, and the doctors' signer.
//!
//! ```text
//! hospital systems ──FHIR──▶ inner ──spool out──▶ edge ──▶ ledger, patients, readers
//!                    signer ──HTTP─▶ inner ◀──spool in── edge
//! ```
//! Plaintext and the seal key stay in [`inner`]; a doctor's key stays in [`signer`]; the edge
//! holds ciphertext only. Between the zones there is nothing but the two directories of
//! [`spool`].

pub mod certified;
pub mod clock;
pub mod edge;
mod full;
pub mod inner;
mod intact;
mod parallel;
pub mod signer;
pub mod spool;
mod troubles;
pub mod worklist;

#[cfg(test)]
mod vectors;

//! Tests of the crate at its boundary; `forge` is a hospital that can lie about anything.

mod attachment;
mod content;
mod forge;
mod opening;
mod pieces;
mod slot;
mod staff;
mod statement;
mod vectors;
#[cfg(all(feature = "x509", not(target_arch = "wasm32")))]
mod x509;

//! The edge from outside: over real HTTP, with a clock that tests move and a ledger that runs the
//! real contracts in memory.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests: what fails here fails the test"
)]

mod chain;
mod hospital;
mod logs;
mod real;
mod restart;
mod share;
mod shl;
mod shl_passcode;
mod world;
mod zone;

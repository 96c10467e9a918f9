//! The edge from outside: over real HTTP, with a clock that tests move and a ledger that runs the
//! real contracts in memory.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests: what fails here fails the test"
)]

mod chain;
mod damage;
mod flood;
mod full;
mod handover;
mod hospital;
mod kill;
mod logs;
mod process;
mod real;
mod relay;
mod requests;
mod restart;
mod share;
mod sharing;
mod shl;
mod shl_passcode;
mod slow;
mod tls;
mod upload;
mod world;
mod zone;

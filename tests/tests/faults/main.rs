//! Processes that are killed at any moment under load, and processes whose clocks are wrong: all
//! parts of the system as operating system processes with folders of their own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod chain;
mod clocks;
mod documents;
mod journal;
mod kills;
mod random;
mod world;

//! Processes that are killed at any moment under load, whose clocks are wrong, or whose answers and
//! messages are changed on their way: all parts of the system as operating system processes with folders of their
//! own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod bent;
mod chain;
mod clocks;
mod documents;
mod journal;
mod kills;
mod proxy;
mod random;
mod spool;
mod world;

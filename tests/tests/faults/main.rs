//! Processes that are killed at any moment under load, whose clocks are wrong, whose answers and
//! messages are changed on their way, or whose disks, logs and traffic are searched: all parts of the
//! system as operating system processes with folders of their own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod bent;
mod chain;
mod clocks;
mod confirmed;
mod documents;
mod entrusted;
mod halted;
mod journal;
mod kills;
mod liar;
mod markers;
mod proxy;
mod random;
mod spool;
mod world;

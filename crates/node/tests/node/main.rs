//! The node at its boundary: real servers on loopback, faults, followers, kills.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests are not marked as tests"
)]

mod alerts;
mod api;
mod bench;
mod clock;
mod faults;
mod flips;
mod follower;
mod kill;
mod limits;
mod policy;
mod support;

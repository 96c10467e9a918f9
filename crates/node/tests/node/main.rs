//! The node at its boundary: real servers on loopback, faults, followers, kills.

mod api;
mod bench;
mod faults;
mod follower;
mod kill;
mod support;

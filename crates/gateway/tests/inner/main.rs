//! The inner zone from outside: files and HTTP on one side, the two spools on the other. What an
//! edge and a ledger do is done here with the real contracts, in memory.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test that cannot go on says where by panicking"
)]

mod again;
mod bent;
mod carried;
mod crash;
mod desk;
mod edge;
mod files;
mod full;
mod hygiene;
mod keys;
mod kill;
mod ledger;
mod parted;
mod refused;
mod signing;
mod speed;
mod story;
mod swapped;
mod world;

//! Tests of the crate at its boundary: transactions in, outcomes, entries and proofs out.

mod access;
mod blocks;
mod cards;
mod folders;
mod founding;
mod logs;
mod members;
mod permissions;
mod policy;
mod proofs;
mod random;
mod records;
mod seals;
mod sizes;
mod speed;
mod staff;
mod transactions;
mod trees;
mod vectors;
mod world;

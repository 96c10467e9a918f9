//! The edge from outside: over real HTTP, with a clock that tests move and a ledger that runs the
//! real contracts in memory.

mod chain;
mod hospital;
mod logs;
mod real;
mod restart;
mod shl;
mod shl_passcode;
mod share;
mod world;
mod zone;

//! The contracts' state on disk.

mod map;
mod trie;

pub use map::{Key, Layer, Map, MapError, MapSize, NomtMap, Snapshot, Writes};

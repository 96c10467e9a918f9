//! The contracts' state on disk.

mod map;

pub use map::{Key, Layer, Map, MapError, MapSize, NomtMap, Snapshot, Writes};

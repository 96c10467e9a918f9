//! What the node keeps: blocks (the ledger itself), and what is derived from them.

mod blocks;
mod index;
mod tree;

pub use blocks::{BlockStore, SqliteBlocks, StoreError, StoredBlock, StoredHeader};
pub use index::{Index, IndexAlert, IndexBlock, IndexEntry, Located, Progress};
pub use tree::{Grown, Tree};

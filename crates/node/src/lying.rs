//! A node that lies, for tests of those who must notice. Never in a release.
//!
//! | lie | what it does | who notices |
//! |---|---|---|
//! | hide_newest | leaves the newest entry out of every list | the running digest does not fit |
//! | old_head (follower) | stops copying at a height and serves on | heads compared with a second member's |
//! | rewrite_from (engine) | drops the blocks from a height on and makes others, certified with its own key, without the first transaction of the old ones | consistency with a newer checkpoint fails; two certificates of one height |

use serde::Deserialize;

use crate::ledger::{Parts, clear};
use crate::serve::{ServeError, Source};
use crate::store::{BlockStore as _, SqliteBlocks};

/// What it lies about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lie {
    /// Leaves the newest entry out of every list.
    HideNewest,
    /// Serves an old head.
    OldHead {
        /// The last block that it shows.
        height: u64,
    },
    /// Rewrites history.
    RewriteFrom {
        /// The first block that is made anew.
        height: u64,
    },
}

/// Cuts the stored blocks and returns the transactions that were in what was cut.
pub(crate) fn rewrite(lie: Option<Lie>, parts: &Parts) -> Result<Vec<Vec<u8>>, ServeError> {
    let Some(Lie::RewriteFrom { height }) = lie else {
        return Ok(Vec::new());
    };
    std::fs::create_dir_all(&parts.dir).map_err(crate::store::StoreError::from)?;
    let blocks = SqliteBlocks::open(&parts.dir.join("blocks.db"))?;
    let cut = blocks.blocks(height, usize::MAX >> 1)?;
    blocks.cut(height)?;
    // An honest node would not start: what it derived from the blocks is ahead of them.
    clear(&parts.dir).map_err(crate::store::StoreError::from)?;
    let accepted = cut.into_iter().flat_map(|block| block.transactions);
    Ok(accepted
        .filter(|(code, _)| *code == 0)
        .map(|(_, bytes)| bytes)
        .skip(1)
        .collect())
}

/// Hands the cut transactions in again.
pub(crate) fn resubmit(source: &Source, transactions: Vec<Vec<u8>>) {
    for bytes in transactions {
        if let Some(Ok(ticket)) = source.engine.as_ref().map(|engine| engine.submit(bytes)) {
            let _ = ticket.fate.blocking_recv();
        }
    }
}

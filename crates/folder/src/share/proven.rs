//! What the ledger proves of a share: its grant's list and entry. A host's word alone makes no share
//! live and ends none; whoever stands between may have said it.

use super::manage::ShareInfo;
use crate::sync::is_unknown;
use crate::{Folder, FolderError};
use medfolder_client::clock::Clock;
use medfolder_client::ledger::History;
use medfolder_client::login::Identity;
use medfolder_ledger::Subject;
use medfolder_ledger::login::LoginSubject;
use medfolder_ledger::proof::SubjectEntry;
use medfolder_ledger::state::GrantEntry;
use medfolder_record::GrantId;
use medfolder_share::GrantSeed;
use std::sync::Arc;
use std::time::Duration;

/// How long the folder's node may be behind the host's, which says that the grant is final.
const BEHIND: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(20);

impl Folder<'_> {
    /// A grant's list, proven whole.
    pub(super) async fn grant_history(
        &self,
        grant: &GrantId,
        seed: &GrantSeed,
        clock: &Clock,
    ) -> Result<History, FolderError> {
        let identity = Identity {
            subject: LoginSubject::Grant(*grant),
            keys: None,
            key: Arc::new(seed.signing_key(self.consortium.suite())),
        };
        let session = self.ledger_client(clock)?.session(&identity)?;
        Ok(session.entries(&Subject::Grant(*grant), None).await?)
    }

    /// A grant's entry; none where the ledger does not know the grant.
    async fn grant_entry(
        &self,
        grant: &GrantId,
        seed: &GrantSeed,
        clock: &Clock,
    ) -> Result<Option<GrantEntry>, FolderError> {
        match self.grant_history(grant, seed, clock).await {
            Ok(history) => Ok(match history.entry {
                SubjectEntry::Grant(entry) => Some(entry),
                SubjectEntry::Card(_) | SubjectEntry::Folder(_) => None,
            }),
            Err(FolderError::Ledger(error)) if is_unknown(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Waits until the ledger has the grant of which the host says that it is final.
    ///
    /// # Errors
    /// `share.not_confirmed`, `ledger.…`.
    pub(super) async fn until_granted(
        &self,
        grant: &GrantId,
        seed: &GrantSeed,
        clock: &Clock,
    ) -> Result<(), FolderError> {
        let mut pause = FIRST_PAUSE;
        let granted = async {
            while self.grant_entry(grant, seed, clock).await?.is_none() {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            Ok(())
        };
        let granted = tokio::time::timeout(BEHIND, granted).await;
        granted.unwrap_or(Err(FolderError::ShareNotConfirmed))
    }

    /// Whether the ledger has the share's grant.
    pub(super) async fn is_granted(
        &self,
        share: &ShareInfo,
        clock: &Clock,
    ) -> Result<bool, FolderError> {
        let entry = self.grant_entry(&share.grant, &share.seed, clock).await?;
        Ok(entry.is_some())
    }

    /// Whether the ledger has the share's end.
    pub(super) async fn is_revoked(
        &self,
        share: &ShareInfo,
        clock: &Clock,
    ) -> Result<bool, FolderError> {
        let entry = self.grant_entry(&share.grant, &share.seed, clock).await?;
        Ok(entry.is_some_and(|entry| entry.revoked.is_some()))
    }
}

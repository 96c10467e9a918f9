//! Reading the list of a card, a grant or a folder: with its key, proven whole.

use medfolder_ledger::proof::{HistoryItem, HistoryPage, MAX_LEN, ProofError, SubjectEntry};
use medfolder_ledger::{Checkpoint, Running, Subject};

use super::{LedgerClient, LedgerError, Node};
use crate::http::HttpError;
use crate::login::{Door, Identity};

/// What is new in a list, and where it stands now.
#[derive(Clone, Debug)]
pub struct History {
    /// The items after those that were known, oldest first. All of them: the list is whole as of
    /// the checkpoint.
    pub items: Vec<HistoryItem>,
    /// Count and digest after them: keep it, and ask from there next time.
    pub known: Running,
    /// The subject's entry.
    pub entry: SubjectEntry,
    /// The checkpoint that all of this is as of.
    pub checkpoint: Checkpoint,
}

/// A ledger with somebody logged in. Its connections are its own, so that no node sees two subjects
/// side by side on one.
#[derive(Clone, Debug)]
pub struct LedgerSession {
    client: LedgerClient,
    doors: Vec<(Node, Door)>,
}

impl LedgerClient {
    /// Somebody's view of the ledger; she logs in when she first asks.
    ///
    /// # Errors
    /// [`LedgerError::Http`] when TLS cannot be set up.
    pub fn session(&self, identity: &Identity) -> Result<LedgerSession, LedgerError> {
        let genesis = self.chain().digest();
        let doors = self.in_turn().map(|(_, node)| {
            let address = &node.address;
            let http = address.connect()?;
            let (url, member) = (address.url.clone(), address.member);
            let clock = self.clock().clone();
            let door = Door::new(http.clone(), url, genesis, member, identity.clone(), clock);
            Ok((
                Node {
                    address: address.clone(),
                    http,
                },
                door,
            ))
        });
        let doors = doors.collect::<Result<_, HttpError>>()?;
        Ok(LedgerSession {
            client: self.clone(),
            doors,
        })
    }
}

impl LedgerSession {
    /// What is new in a subject's list since `known`, proven whole; from its beginning without.
    ///
    /// # Errors
    /// [`LedgerError`]; `proof.absent` when the subject is not on the ledger, `proof.incomplete`
    /// when something was hidden, added or changed.
    pub async fn entries(
        &self,
        subject: &Subject,
        known: Option<Running>,
    ) -> Result<History, LedgerError> {
        let mut failed = LedgerError::NoNode;
        for (node, door) in &self.doors {
            match self.entries_at(node, door, subject, known).await {
                Ok(history) => return Ok(history),
                Err(fork @ LedgerError::Fork(_)) => return Err(fork),
                Err(error) => failed = error.or_worse(failed),
            }
        }
        Err(failed)
    }

    async fn entries_at(
        &self,
        node: &Node,
        door: &Door,
        subject: &Subject,
        known: Option<Running>,
    ) -> Result<History, LedgerError> {
        let chain = self.client.chain();
        let mut known = known.unwrap_or_else(|| Running::start(chain.suite(), subject));
        let mut items = Vec::new();
        loop {
            let path = format!("{}?from={}", path_of(subject), known.count);
            let bytes = door.get_bytes(&path, MAX_LEN).await?;
            let page = HistoryPage::from_bytes(&bytes)?;
            // First: two histories are proof against their node, a list that does not fit is none.
            self.client.observe(node, &page.entry.checkpoint).await?;
            let verified = page.verify(chain, subject, &known)?;
            // A page that brings nothing and is not the end would go on for ever.
            if page.items.is_empty() && !verified.complete {
                return Err(ProofError::Incomplete.into());
            }
            items.extend(page.items);
            known = verified.known;
            if verified.complete {
                let (entry, checkpoint) = (verified.entry, page.entry.checkpoint);
                return Ok(History {
                    items,
                    known,
                    entry,
                    checkpoint,
                });
            }
        }
    }
}

fn path_of(subject: &Subject) -> String {
    match subject {
        Subject::Card(number) => format!("v1/cards/{number}/entries"),
        Subject::Grant(id) => format!("v1/grants/{id}/entries"),
        Subject::Folder(number) => format!("v1/folders/{number}"),
    }
}

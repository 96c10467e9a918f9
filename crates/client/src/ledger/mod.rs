//! A ledger that trusts none of its nodes.
//!
//! Nodes are asked in turn; whatever they answer is verified against the genesis before it is
//! handed on. The client keeps the newest checkpoint that it verified and takes nothing older, and
//! a newer one only with a proof that it continues the known one:
//!
//! | what a node does | what the caller gets |
//! |---|---|
//! | hides, adds or changes an entry of a list | `proof.incomplete` |
//! | serves an older state than was known | `ledger.old_head` |
//! | rewrites history, or shows two histories | `ledger.fork`, with both checkpoints as proof |
//! | proves a continuation with a proof that does not hold | the next node is asked; at last `proof.consistency` |
//! | answers nothing | the next node is asked; at last `ledger.unreachable` |
//! | answers nonsense | the next node is asked; at last `node.answer` |
//!
//! - [`LedgerClient::submit`] hands in a transaction once, however often it is sent.
//! - [`LedgerSession`] reads the list of a card, grant or folder, proven whole.
//! - [`LedgerClient::compare_heads`] asks a second node whether the first shows the newest head.
//! - [`LedgerClient::at`] asks about a card at the node of its hospital.

mod error;
mod heads;
mod read;
mod session;
mod submit;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use medfolder_ledger::{Chain, Checkpoint};
use medfolder_record::MemberId;
use url::Url;

pub use error::{Conflict, LedgerError};
pub use session::{History, LedgerSession};
pub use submit::{Patience, Submission};

use crate::clock::Clock;
use crate::http::{Http, HttpError, HttpOptions, Pin, join};
use heads::Heads;

/// Where a node is and whose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeAddress {
    /// Its base URL.
    pub url: Url,
    /// Its TLS key, from its member's ledger entry.
    pub pin: Option<Pin>,
    /// The member that runs it, which a log-in must name.
    pub member: Option<MemberId>,
}

impl NodeAddress {
    /// A node of which nothing but the address is known.
    #[must_use]
    pub const fn at(url: Url) -> Self {
        Self {
            url,
            pin: None,
            member: None,
        }
    }

    /// The node of a member of genesis; `None` when the member has none.
    #[must_use]
    pub fn of_member(chain: &Chain, member: &MemberId) -> Option<Self> {
        let entry = chain.member(member)?;
        let url = Url::parse(entry.endpoints.node.as_deref()?).ok()?;
        Some(Self {
            url,
            pin: entry.tls_pin.map(Pin),
            member: Some(entry.id),
        })
    }

    /// Connections of their own, so that requests of two subjects do not meet on one.
    fn connect(&self) -> Result<Http, HttpError> {
        Http::new(HttpOptions {
            pin: self.pin,
            ..HttpOptions::default()
        })
    }
}

#[derive(Clone, Debug)]
struct Node {
    address: NodeAddress,
    http: Http,
}

/// A consortium's ledger. Cheap to clone; clones share what they know.
#[derive(Clone, Debug)]
pub struct LedgerClient(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    chain: Chain,
    nodes: Vec<Node>,
    preferred: AtomicUsize,
    /// Shared with those that [`LedgerClient::at`] gives.
    heads: Arc<Heads>,
    clock: Clock,
}

impl LedgerClient {
    /// A ledger of this genesis behind these nodes, the best first. `known` is the newest
    /// checkpoint that was verified before; nothing older is taken any more.
    ///
    /// # Errors
    /// [`LedgerError::NoNode`], [`LedgerError::Http`] when TLS cannot be set up, or
    /// [`LedgerError::Proof`] when `known` is not of this chain.
    pub fn new(
        chain: Chain,
        nodes: Vec<NodeAddress>,
        known: Option<Checkpoint>,
        clock: Clock,
    ) -> Result<Self, LedgerError> {
        if nodes.is_empty() {
            return Err(LedgerError::NoNode);
        }
        if let Some(known) = &known {
            known.verify(&chain)?;
        }
        Self::connect(chain, nodes, Arc::new(Heads::new(known)), clock)
    }

    fn connect(
        chain: Chain,
        nodes: Vec<NodeAddress>,
        heads: Arc<Heads>,
        clock: Clock,
    ) -> Result<Self, LedgerError> {
        let connect = |address: NodeAddress| {
            Ok(Node {
                http: address.connect()?,
                address,
            })
        };
        let nodes = nodes
            .into_iter()
            .map(connect)
            .collect::<Result<Vec<_>, HttpError>>()?;
        let preferred = AtomicUsize::new(0);
        Ok(Self(Arc::new(Inner {
            chain,
            nodes,
            preferred,
            heads,
            clock,
        })))
    }

    /// The same ledger for what concerns a card of `member`: the node of that member is asked first,
    /// if it has one, and on connections of their own, so that no node sees the cards of two
    /// hospitals side by side. The others are asked when it does not answer. What was verified is
    /// known to both.
    ///
    /// # Errors
    /// [`LedgerError::Http`] when TLS cannot be set up.
    pub fn at(&self, member: &MemberId) -> Result<Self, LedgerError> {
        let known = self.in_turn().map(|(_, node)| node.address.clone());
        let is_own = |node: &NodeAddress| node.member == Some(*member);
        let (mut own, others): (Vec<_>, Vec<_>) = known.partition(is_own);
        if own.is_empty() {
            own.extend(NodeAddress::of_member(self.chain(), member));
        }
        own.extend(others);
        let (chain, heads) = (self.chain().clone(), Arc::clone(&self.0.heads));
        Self::connect(chain, own, heads, self.clock().clone())
    }

    /// Where the node that is asked first is.
    #[must_use]
    pub fn first(&self) -> Option<&Url> {
        self.in_turn().next().map(|(_, node)| &node.address.url)
    }

    /// The genesis that everything is verified against.
    #[must_use]
    pub fn chain(&self) -> &Chain {
        &self.0.chain
    }

    /// The newest checkpoint that was verified: keep it, and begin with it next time.
    #[must_use]
    pub fn known(&self) -> Option<Checkpoint> {
        self.0.heads.known()
    }

    /// The clock that sessions go by.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The nodes, beginning with the one that answered last.
    fn in_turn(&self) -> impl Iterator<Item = (usize, &Node)> {
        let nodes = &self.0.nodes;
        let start = self.0.preferred.load(Ordering::Relaxed) % nodes.len().max(1);
        let from_start = nodes.iter().enumerate().skip(start);
        from_start.chain(nodes.iter().enumerate().take(start))
    }

    fn prefer(&self, index: usize) {
        self.0.preferred.store(index, Ordering::Relaxed);
    }

    /// Takes a checkpoint that a node showed: not older than the known one, and its continuation.
    async fn observe(&self, node: &Node, seen: &Checkpoint) -> Result<(), LedgerError> {
        self.0.heads.observe(&self.0.chain, node, seen).await
    }

    /// Asks one node after the other until one gives an answer that holds. Proof of a fork is
    /// handed on at once: another node's word does not undo it.
    async fn ask<T>(
        &self,
        path: &str,
        limit: usize,
        read: impl Fn(&[u8]) -> Result<(T, Option<Checkpoint>), LedgerError>,
    ) -> Result<T, LedgerError> {
        let mut failed = LedgerError::NoNode;
        for (index, node) in self.in_turn() {
            match self.ask_one(node, path, limit, &read).await {
                Ok(answer) => {
                    self.prefer(index);
                    return Ok(answer);
                }
                Err(fork @ LedgerError::Fork(_)) => return Err(fork),
                Err(error) => failed = error.or_worse(failed),
            }
        }
        Err(failed)
    }

    async fn ask_one<T>(
        &self,
        node: &Node,
        path: &str,
        limit: usize,
        read: impl Fn(&[u8]) -> Result<(T, Option<Checkpoint>), LedgerError>,
    ) -> Result<T, LedgerError> {
        let url = join(&node.address.url, path)?;
        let bytes = node.http.get_bytes(&url, None, limit).await?;
        let (answer, seen) = read(&bytes)?;
        if let Some(seen) = seen {
            self.observe(node, &seen).await?;
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests;

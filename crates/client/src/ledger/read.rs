//! Reading single entries and checkpoints, each with its proof.

use medfolder_crypto::Digest;
use medfolder_ledger::block::Checkpoint;
use medfolder_ledger::body::AnchorKey;
use medfolder_ledger::proof::{EntryProof, MAX_LEN};
use medfolder_ledger::state::{
    AnchorEntry, MemberEntry, ReceiptEntry, RecordEntry, SealEntry, StaffEntry,
};
use medfolder_ledger::{Chain, StateKey};
use medfolder_record::{KeyId, MemberId, RecordId, VisitId};
use minicbor::{Decode, Encode};

use super::heads::continues;
use super::{LedgerClient, LedgerError, Node};
use crate::api::ledger::{CheckpointAnswer, MembersAnswer, StateAnswer};
use crate::http::{HttpError, JSON_LIMIT, join};

/// Longest answer with one state proof, as JSON.
const PROOF_LIMIT: usize = MAX_LEN / 8;

fn parse<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, LedgerError> {
    serde_json::from_slice(bytes).map_err(|_| HttpError::Malformed.into())
}

/// An entry with the proof that it is so as of a checkpoint.
type Proven<T> = (Option<T>, EntryProof);

fn read_entry<T>(
    chain: &Chain,
    key: &StateKey,
    body: &[u8],
) -> Result<(Proven<T>, Option<Checkpoint>), LedgerError>
where
    T: for<'b> Decode<'b, ()> + Encode<()>,
{
    let answer: StateAnswer = parse(body)?;
    let proof = EntryProof::from_bytes(&answer.proof.0)?;
    let entry = proof.verify(chain, key)?;
    let seen = proof.checkpoint.clone();
    Ok(((entry, proof), Some(seen)))
}

impl LedgerClient {
    async fn entry<T>(&self, path: &str, key: StateKey) -> Result<Proven<T>, LedgerError>
    where
        T: for<'b> Decode<'b, ()> + Encode<()>,
    {
        self.ask(path, PROOF_LIMIT, |body| {
            read_entry(self.chain(), &key, body)
        })
        .await
    }

    /// What became of a record that `member` sealed: `None` means that it is in force.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn record_status(
        &self,
        member: &MemberId,
        record: &RecordId,
    ) -> Result<Proven<RecordEntry>, LedgerError> {
        let key = StateKey::record(self.chain().suite(), member, record);
        self.entry(&format!("v1/records/{record}?member={member}"), key)
            .await
    }

    /// Where and when a seal of `member` was accepted; `None` when there is none of this number.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn seal(
        &self,
        member: &MemberId,
        visit: &VisitId,
        seq: u32,
    ) -> Result<Proven<SealEntry>, LedgerError> {
        let key = StateKey::seal(self.chain().suite(), member, visit, seq);
        self.entry(&format!("v1/seals/{visit}/{seq}?member={member}"), key)
            .await
    }

    /// When `member` anchored a digest with this key; `None` when it has not.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn anchor(
        &self,
        member: &MemberId,
        by: AnchorKey,
        digest: &Digest,
    ) -> Result<Proven<AnchorEntry>, LedgerError> {
        let key = StateKey::anchor(self.chain().suite(), member, by, digest);
        let name = match by {
            AnchorKey::Seal => "seal",
            AnchorKey::Host => "host",
        };
        self.entry(
            &format!("v1/anchors/{digest}?member={member}&by={name}"),
            key,
        )
        .await
    }

    /// A doctor's or other staff's key, with its proof; `None` when there is none.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn staff_proof(&self, id: &KeyId) -> Result<Proven<StaffEntry>, LedgerError> {
        let key = StateKey::staff(self.chain().suite(), id);
        self.entry(&format!("v1/staff/{id}"), key).await
    }

    /// A doctor's or other staff's key; `None` when there is none.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn staff(&self, id: &KeyId) -> Result<Option<StaffEntry>, LedgerError> {
        Ok(self.staff_proof(id).await?.0)
    }

    /// The entry of an access receipt; `None` while this host has not reported it.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn receipt(
        &self,
        host: &MemberId,
        receipt: &Digest,
    ) -> Result<Proven<ReceiptEntry>, LedgerError> {
        let key = StateKey::receipt(self.chain().suite(), host, receipt);
        self.entry(&format!("v1/receipts/{receipt}?host={host}"), key)
            .await
    }

    /// Every member with the proof of its entry.
    ///
    /// # Errors
    /// [`LedgerError`]; `proof.absent` when a member of genesis is left out, as members are never
    /// deleted.
    pub async fn members(&self) -> Result<Vec<(MemberEntry, EntryProof)>, LedgerError> {
        self.ask("v1/members", JSON_LIMIT, |body| {
            let members = read_members(self.chain(), body)?;
            let newest = members.iter().map(|(_, proof)| &proof.checkpoint);
            let newest = newest
                .max_by_key(|checkpoint| checkpoint.header.height)
                .cloned();
            Ok((members, newest))
        })
        .await
    }

    /// One member with the proof of its entry; `None` when there is no such member.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn member(
        &self,
        id: &MemberId,
    ) -> Result<Option<(MemberEntry, EntryProof)>, LedgerError> {
        let members = self.members().await?;
        Ok(members
            .into_iter()
            .find(|(entry, _)| entry.member.id == *id))
    }

    /// The newest checkpoint that a node shows; not older than what is known.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn latest(&self) -> Result<Checkpoint, LedgerError> {
        self.ask("v1/checkpoints/latest", JSON_LIMIT, |body| {
            let checkpoint = read_checkpoint(body)?;
            Ok((checkpoint.clone(), Some(checkpoint)))
        })
        .await
    }

    /// The checkpoint of a block, verified.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn checkpoint(&self, height: u64) -> Result<Checkpoint, LedgerError> {
        self.ask(&format!("v1/checkpoints/{height}"), JSON_LIMIT, |body| {
            let checkpoint = read_checkpoint(body)?;
            checkpoint.verify(self.chain())?;
            if checkpoint.header.height != height {
                return Err(HttpError::Malformed.into());
            }
            Ok((checkpoint, None))
        })
        .await
    }

    /// Asks every node for its head and compares them: all of one history, none older than the
    /// newest by two heartbeats or more. Nodes that do not answer, or do not prove what they show,
    /// say nothing.
    ///
    /// # Errors
    /// [`LedgerError::OldHead`], [`LedgerError::Fork`], or why no node answered at all.
    pub async fn compare_heads(&self) -> Result<Checkpoint, LedgerError> {
        let mut heads: Vec<(&Node, Checkpoint)> = Vec::new();
        let mut silent = LedgerError::NoNode;
        for (_, node) in self.in_turn() {
            match self.head_of(node).await {
                Ok(head) => heads.push((node, head)),
                Err(error) => silent = error.or_worse(silent),
            }
        }
        heads.sort_by_key(|(_, head)| head.header.height);
        let mut failed = silent;
        while let Some((node, newest)) = heads.pop() {
            match self.is_newest(node, &newest, &heads).await {
                Ok(()) => return self.not_stale(newest, &heads),
                Err(fork @ LedgerError::Fork(_)) => return Err(fork),
                // It proves nothing of what it shows: the others are compared without it.
                Err(error) => failed = error.or_worse(failed),
            }
        }
        Err(failed)
    }

    /// That a node's head continues all others, and what was known.
    async fn is_newest(
        &self,
        node: &Node,
        newest: &Checkpoint,
        others: &[(&Node, Checkpoint)],
    ) -> Result<(), LedgerError> {
        for (_, head) in others {
            if head.header != newest.header {
                continues(self.chain(), node, head, newest).await?;
            }
        }
        self.observe(node, newest).await
    }

    fn not_stale(
        &self,
        newest: Checkpoint,
        others: &[(&Node, Checkpoint)],
    ) -> Result<Checkpoint, LedgerError> {
        let stale = self.chain().policy().windows.heartbeat.saturating_mul(2);
        for (_, head) in others {
            if newest.header.time.saturating_sub(head.header.time) >= stale {
                let (known, shown) = (newest.header.height, head.header.height);
                return Err(LedgerError::OldHead { known, shown });
            }
        }
        Ok(newest)
    }

    async fn head_of(&self, node: &Node) -> Result<Checkpoint, LedgerError> {
        let url = join(&node.address.url, "v1/checkpoints/latest")?;
        let checkpoint = read_checkpoint(&node.http.get_bytes(&url, None, JSON_LIMIT).await?)?;
        checkpoint.verify(self.chain())?;
        Ok(checkpoint)
    }
}

fn read_checkpoint(body: &[u8]) -> Result<Checkpoint, LedgerError> {
    let answer: CheckpointAnswer = parse(body)?;
    Ok(Checkpoint::from_bytes(&answer.checkpoint.0).map_err(|_| HttpError::Malformed)?)
}

fn read_members(chain: &Chain, body: &[u8]) -> Result<Vec<(MemberEntry, EntryProof)>, LedgerError> {
    let answer: MembersAnswer = parse(body)?;
    let mut members = Vec::with_capacity(answer.members.len());
    for one in answer.members {
        let proof = EntryProof::from_bytes(&one.proof.0)?;
        let key = StateKey::member(chain.suite(), &one.member);
        let entry: MemberEntry = proof
            .verify(chain, &key)?
            .ok_or(medfolder_ledger::proof::ProofError::Absent)?;
        members.push((entry, proof));
    }
    one_head(&members)?;
    let known = |id: MemberId| members.iter().any(|(entry, _)| entry.member.id == id);
    if chain
        .genesis()
        .members
        .iter()
        .all(|member| known(member.id))
    {
        Ok(members)
    } else {
        Err(medfolder_ledger::proof::ProofError::Absent.into())
    }
}

/// All as of one checkpoint: none as it was before.
fn one_head(members: &[(MemberEntry, EntryProof)]) -> Result<(), LedgerError> {
    let heights = || {
        members
            .iter()
            .map(|(_, proof)| proof.checkpoint.header.height)
    };
    match (heights().max(), heights().min()) {
        (Some(known), Some(shown)) if known != shown => Err(LedgerError::OldHead { known, shown }),
        _ => Ok(()),
    }
}

//! Evidence of records: what a verifier needs who has nothing but the genesis.
//!
//! Proofs are asked for once per share: records of one visit share seal, hospital and doctors. What
//! became of each record is asked for all records at once.

use crate::records::Shown;
use crate::{Folder, FolderError};
use medfolder_client::clock::Clock;
use medfolder_client::ledger::{LedgerClient, LedgerError, Submission};
use medfolder_ledger::proof::{EntryProof, ProofError, Receipt};
use medfolder_ledger::{Body, Transaction};
use medfolder_record::{KeyId, MemberId, RecordId};
use medfolder_share::evidence::{Evidence, Making};
use rusqlite::params;
use std::collections::BTreeMap;
use tokio::task::JoinSet;

/// Questions to the ledger under way at once.
const PARALLEL: usize = 8;
/// How often an answer that a newer one overtook is asked for again.
const TRIES: u32 = 3;

/// Fetches proofs, each once.
pub(crate) struct EvidenceMaker<'f> {
    folder: &'f Folder<'f>,
    ledger: LedgerClient,
    statuses: BTreeMap<RecordId, EntryProof>,
    receipts: BTreeMap<Vec<u8>, Receipt>,
    sealed: BTreeMap<Vec<u8>, EntryProof>,
    staff: BTreeMap<KeyId, EntryProof>,
    members: BTreeMap<MemberId, EntryProof>,
}

impl Folder<'_> {
    /// The evidence pack of a record with its body, for a file that verifies by itself; proofs are
    /// as of the ledger's newest checkpoint.
    ///
    /// # Errors
    /// `ledger.…` when the ledger cannot be asked.
    pub async fn evidence(&self, shown: &Shown, clock: &Clock) -> Result<Vec<u8>, FolderError> {
        let packs = EvidenceMaker::new(self, clock)?
            .make(std::slice::from_ref(shown), true)
            .await?;
        packs.into_iter().next().ok_or(FolderError::RecordWaiting)
    }
}

impl<'f> EvidenceMaker<'f> {
    pub(crate) fn new(folder: &'f Folder<'f>, clock: &Clock) -> Result<Self, FolderError> {
        Ok(Self {
            folder,
            ledger: folder.ledger_client(clock)?,
            statuses: BTreeMap::new(),
            receipts: BTreeMap::new(),
            sealed: BTreeMap::new(),
            staff: BTreeMap::new(),
            members: BTreeMap::new(),
        })
    }

    /// The packs of these records, in their order; inside a share the bodies travel beside them.
    pub(crate) async fn make(
        mut self,
        shown: &[Shown],
        with_body: bool,
    ) -> Result<Vec<Vec<u8>>, FolderError> {
        self.ask_statuses(shown).await?;
        let mut packs = Vec::with_capacity(shown.len());
        for one in shown {
            packs.push(self.make_one(one, with_body).await?.to_bytes());
        }
        Ok(packs)
    }

    async fn ask_statuses(&mut self, shown: &[Shown]) -> Result<(), FolderError> {
        let mut waiting = shown.iter();
        let mut asked = JoinSet::new();
        loop {
            while asked.len() < PARALLEL {
                let Some(one) = waiting.next() else { break };
                let (member, id) = (one.record.statement().member, one.record.id());
                let ledger = self.ledger.clone();
                asked.spawn(async move { Ok((id, status(&ledger, &member, &id).await?)) });
            }
            match asked.join_next().await {
                Some(Ok(answer)) => self.statuses.extend([answer.map_err(FolderError::Ledger)?]),
                Some(Err(_)) => return Err(FolderError::Cancelled),
                None => return Ok(()),
            }
        }
    }

    async fn make_one(&mut self, shown: &Shown, with_body: bool) -> Result<Evidence, FolderError> {
        let record = &shown.record;
        let seal = self.seal_of(shown.listed.row)?;
        let receipt = self.receipt(&seal).await?;
        let sealed = self.sealed(&seal).await?;
        let status = self.statuses.remove(&record.id());
        let status = status.ok_or(LedgerError::Proof(ProofError::Absent))?;
        let signers: Vec<KeyId> = record.signatures().native().map(|s| s.key).collect();
        let mut staff = Vec::with_capacity(signers.len());
        for key in signers {
            staff.push((key, self.staff(key).await?));
        }
        let making = Making {
            chain: &self.folder.consortium,
            record,
            seal: &seal,
            receipt,
            sealed,
            status,
            member: self.member(record.statement().member).await?,
            staff,
            with_genesis: true,
        };
        Ok(making.whole(with_body)?)
    }

    fn seal_of(&self, row: i64) -> Result<Vec<u8>, FolderError> {
        Ok(self.folder.vault.database()?.query_row(
            "SELECT seal.transaction_bytes FROM record JOIN seal ON seal.id = record.seal
             WHERE record.id = ?1",
            params![row],
            |row| row.get(0),
        )?)
    }

    async fn receipt(&mut self, seal: &[u8]) -> Result<Receipt, FolderError> {
        if let Some(receipt) = self.receipts.get(seal) {
            return Ok(receipt.clone());
        }
        match self.ledger.status(seal).await? {
            Some(Submission::Final { receipt, .. }) => {
                self.receipts.insert(seal.to_vec(), (*receipt).clone());
                Ok(*receipt)
            }
            _ => Err(LedgerError::Proof(ProofError::Absent).into()),
        }
    }

    /// The seal's entry: where and when it was accepted.
    async fn sealed(&mut self, seal: &[u8]) -> Result<EntryProof, FolderError> {
        if let Some(proof) = self.sealed.get(seal) {
            return Ok(proof.clone());
        }
        let transaction = Transaction::from_bytes(seal).map_err(|_| FolderError::VaultDamaged)?;
        let Body::Seal(body) = transaction.body else {
            return Err(FolderError::VaultDamaged);
        };
        let (_, proof) = self
            .ledger
            .seal(&body.member, &body.visit, body.seq)
            .await?;
        self.sealed.insert(seal.to_vec(), proof.clone());
        Ok(proof)
    }

    async fn staff(&mut self, key: KeyId) -> Result<EntryProof, FolderError> {
        if let Some(proof) = self.staff.get(&key) {
            return Ok(proof.clone());
        }
        let (_, proof) = self.ledger.staff_proof(&key).await?;
        self.staff.insert(key, proof.clone());
        Ok(proof)
    }

    async fn member(&mut self, id: MemberId) -> Result<EntryProof, FolderError> {
        if self.members.is_empty() {
            let members = self.ledger.members().await?.into_iter();
            self.members = members
                .map(|(entry, proof)| (entry.member.id, proof))
                .collect();
        }
        self.members
            .get(&id)
            .cloned()
            .ok_or_else(|| FolderError::MemberUnknown(id.to_string()))
    }
}

/// What became of a record. Of two answers under way at once the older one may come second, when a
/// block was made between them: it is asked for again.
async fn status(
    ledger: &LedgerClient,
    member: &MemberId,
    id: &RecordId,
) -> Result<EntryProof, LedgerError> {
    let mut tries = 0;
    loop {
        match ledger.record_status(member, id).await {
            Err(LedgerError::OldHead { .. }) if tries < TRIES => tries += 1,
            answer => return answer.map(|(_, proof)| proof),
        }
    }
}

//! Evidence of records: what a verifier needs who has nothing but the genesis.
//!
//! Proofs are asked for once per share: records of one visit share seal, hospital and doctors.

use crate::records::Shown;
use crate::{Folder, FolderError};
use medfolder_client::clock::Clock;
use medfolder_client::ledger::{LedgerClient, LedgerError, Submission};
use medfolder_ledger::proof::{EntryProof, ProofError, Receipt};
use medfolder_ledger::{Body, Transaction};
use medfolder_record::{KeyId, MemberId};
use medfolder_share::evidence::{Evidence, Making};
use rusqlite::params;
use std::collections::BTreeMap;

/// Fetches proofs, each once.
pub(crate) struct EvidenceMaker<'f> {
    folder: &'f Folder<'f>,
    ledger: LedgerClient,
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
        let mut maker = EvidenceMaker::new(self, clock)?;
        Ok(maker.make(shown, true).await?.to_bytes())
    }
}

impl<'f> EvidenceMaker<'f> {
    pub(crate) fn new(folder: &'f Folder<'f>, clock: &Clock) -> Result<Self, FolderError> {
        Ok(Self {
            folder,
            ledger: folder.ledger_client(clock)?,
            receipts: BTreeMap::new(),
            sealed: BTreeMap::new(),
            staff: BTreeMap::new(),
            members: BTreeMap::new(),
        })
    }

    /// The pack of one record; inside a share the body travels beside it.
    pub(crate) async fn make(
        &mut self,
        shown: &Shown,
        with_body: bool,
    ) -> Result<Evidence, FolderError> {
        let record = &shown.record;
        let member = record.statement().member;
        let seal = self.seal_of(shown.listed.row)?;
        let receipt = self.receipt(&seal).await?;
        let sealed = self.sealed(&seal).await?;
        let (_, status) = self.ledger.record_status(&member, &record.id()).await?;
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
            member: self.member(member).await?,
            staff,
            with_genesis: true,
        };
        Ok(making.whole(with_body)?)
    }

    fn seal_of(&self, row: i64) -> Result<Vec<u8>, FolderError> {
        Ok(self.folder.vault.database().query_row(
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
            .ok_or(FolderError::MemberUnknown)
    }
}

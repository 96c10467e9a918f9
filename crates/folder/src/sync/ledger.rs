//! The ledger's side of a sync: lists proven whole, cards found again after a restore.

use super::SyncOptions;
use super::apart::Apart;
use super::take_in::{Entry, set_taken, take_in};
use crate::{Card, Folder, FolderError};
use medfolder_client::clock::Clock;
use medfolder_client::ledger::{History, LedgerClient, LedgerError, NodeAddress};
use medfolder_ledger::body::{AnchorKey, CARD_REPLACED, card_replaced};
use medfolder_ledger::proof::{HistoryItem, ProofError};
use medfolder_ledger::{Checkpoint, Running, Subject};
use medfolder_record::MemberId;
use rusqlite::{OptionalExtension, params};
use url::Url;

/// How many cards of a member are looked for beyond the last one found.
const CARDS_TO_TRY: u32 = 8;
const MAX_CHECKPOINT: usize = 64 * 1024;

impl Folder<'_> {
    /// The folder's ledger, which takes nothing older than the newest checkpoint that this vault
    /// has verified.
    pub(crate) fn ledger_client(&self, clock: &Clock) -> Result<LedgerClient, FolderError> {
        let mut nodes = Vec::with_capacity(self.ledger.len());
        for address in &self.ledger {
            let url = Url::parse(address).map_err(|_| FolderError::LedgerAddress)?;
            let members = self.consortium.genesis().members.iter();
            let known = members
                .filter_map(|member| NodeAddress::of_member(&self.consortium, &member.id))
                .find(|node| node.url == url);
            nodes.push(known.unwrap_or_else(|| NodeAddress::at(url)));
        }
        let chain = self.consortium.clone();
        Ok(LedgerClient::new(
            chain,
            nodes,
            self.checkpoint()?,
            clock.clone(),
        )?)
    }

    /// Whether the folder's ledger answers with a checkpoint of its consortium.
    ///
    /// # Errors
    /// `ledger.…`.
    pub async fn reach_ledger(&self, clock: &Clock) -> Result<(), FolderError> {
        let head = self.ledger_client(clock)?.latest().await?;
        Ok(head.verify(&self.consortium).map_err(LedgerError::from)?)
    }

    /// The newest checkpoint that was verified.
    ///
    /// # Errors
    /// `vault.storage`, `vault.damaged`.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>, FolderError> {
        let bytes: Option<Vec<u8>> = self.vault.database()?.query_row(
            "SELECT checkpoint FROM folder WHERE id = ?1",
            [self.id],
            |row| row.get(0),
        )?;
        let read = |bytes: Vec<u8>| medfolder_crypto::from_cbor(&bytes, MAX_CHECKPOINT);
        bytes
            .map(read)
            .transpose()
            .map_err(|_| FolderError::VaultDamaged)
    }

    /// Takes in what is new in a card's list; gives how many records that brought.
    pub(super) async fn take_in_card(
        &self,
        ledger: &LedgerClient,
        card: &Card,
        options: &SyncOptions<'_>,
    ) -> Result<usize, FolderError> {
        options.cancel.check()?;
        let session = ledger.session(&self.card_identity(card)?)?;
        let subject = Subject::Card(card.number);
        let history = session.entries(&subject, self.taken(card)?).await?;
        self.write_history(card, &history)
    }

    /// Asks the ledger whether the hospital's desk linked another card to the same patient: then
    /// this card's list has ended. Absence is proven like presence, so nobody can hide it; and it is the inner zone's own
    /// key that said so, not the edge's.
    pub(crate) async fn learn_replaced(
        &self,
        ledger: &LedgerClient,
        card: &Card,
    ) -> Result<(), FolderError> {
        let digest = card_replaced(self.consortium.suite(), &card.number);
        let (anchor, _) = ledger
            .anchor(&card.member, AnchorKey::Seal, &digest)
            .await?;
        let since = anchor
            .filter(|anchor| anchor.kind == CARD_REPLACED)
            .map(|anchor| anchor.time);
        self.vault.database()?.execute(
            "UPDATE card SET replaced = ?2 WHERE id = ?1",
            params![card.row, since],
        )?;
        Ok(())
    }

    /// How far a card's list is taken in.
    fn taken(&self, card: &Card) -> Result<Option<Running>, FolderError> {
        let row: Option<(u64, Option<[u8; 32]>)> = self
            .vault
            .database()?
            .query_row(
                "SELECT entries, digest FROM card WHERE id = ?1",
                [card.row],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()?;
        let running = |(count, digest): (u64, Option<[u8; 32]>)| {
            digest.map(|digest| Running {
                count,
                digest: medfolder_crypto::Digest(digest),
            })
        };
        Ok(row.and_then(running))
    }

    /// Entries, how far they go and the checkpoint that proves them: one transaction.
    fn write_history(&self, card: &Card, history: &History) -> Result<usize, FolderError> {
        let mut database = self.vault.database()?;
        let transaction = database.transaction()?;
        let mut new = 0;
        for item in &history.items {
            if let (HistoryItem::Transaction(step), Some(read)) =
                (item, item.transaction().map_err(LedgerError::Proof)?)
            {
                let entry = Entry {
                    step: step.clone(),
                    transaction: read,
                };
                new += take_in(&transaction, self.id, card, &entry)?;
            }
        }
        let Running { count, digest } = history.known;
        set_taken(&transaction, card.number, self.id, count, &digest.0)?;
        transaction.execute(
            "UPDATE folder SET checkpoint = ?2 WHERE id = ?1",
            params![self.id, history.checkpoint.to_bytes()],
        )?;
        transaction.commit()?;
        Ok(new)
    }

    /// Cards whose linking was stopped: one that the desk confirmed meanwhile is on the ledger and
    /// is the folder's from now on.
    pub(crate) async fn take_up_pending(&self, ledger: &LedgerClient) -> Result<(), FolderError> {
        for card in self.pending_cards()? {
            if self.is_on_ledger(&ledger.at(&card.member)?, &card).await? {
                self.set_registered(card.row)?;
            }
        }
        Ok(())
    }

    pub(crate) async fn is_on_ledger(
        &self,
        ledger: &LedgerClient,
        card: &Card,
    ) -> Result<bool, FolderError> {
        let session = ledger.session(&self.card_identity(card)?)?;
        match session.entries(&Subject::Card(card.number), None).await {
            Ok(_) => Ok(true),
            Err(error) if is_unknown(&error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// After a restore: looks at every member for cards of this folder's key tree, at that member's
    /// node. Each card asks with its own key on connections of its own.
    pub(super) async fn find_cards(
        &self,
        ledger: &LedgerClient,
        options: &SyncOptions<'_>,
    ) -> Result<(), FolderError> {
        if !self.wants_search()? {
            return Ok(());
        }
        let members: Vec<MemberId> = self
            .consortium
            .genesis()
            .members
            .iter()
            .map(|member| member.id)
            .collect();
        let (mut found, mut apart) = (false, Apart::default());
        for member in members {
            let ledger = apart.next(ledger, &member).await?;
            options.cancel.check()?;
            found |= self.find_cards_at(&ledger, member).await?;
        }
        if !found {
            // One node's word at its door proves nothing: the next sync looks again.
            return Ok(());
        }
        self.vault.database()?.execute(
            "UPDATE folder SET search_cards = 0 WHERE id = ?1",
            [self.id],
        )?;
        Ok(())
    }

    async fn find_cards_at(
        &self,
        ledger: &LedgerClient,
        member: MemberId,
    ) -> Result<bool, FolderError> {
        let mut end = CARDS_TO_TRY;
        let (mut index, mut found) = (0, false);
        while index < end {
            let card = self.card_at(member, index)?;
            if self.is_on_ledger(ledger, &card).await? {
                self.add_registered(member, index)?;
                end = index + 1 + CARDS_TO_TRY;
                found = true;
            }
            index += 1;
        }
        Ok(found)
    }

    fn wants_search(&self) -> Result<bool, FolderError> {
        Ok(self.vault.database()?.query_row(
            "SELECT search_cards FROM folder WHERE id = ?1",
            [self.id],
            |row| row.get(0),
        )?)
    }
}

/// The ledger has no such card or grant: proven, or said at the door.
pub(crate) fn is_unknown(error: &LedgerError) -> bool {
    matches!(error, LedgerError::Proof(ProofError::Absent))
        || matches!(
            error.code(),
            "login.refused" | "login.unknown" | "card.unknown"
        )
}

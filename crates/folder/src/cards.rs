//! The folder's cards, one per hospital: linking one at the front desk, finding them again.

use crate::connect::Card;
use crate::records::parsed;
use crate::{Folder, FolderError};
use medfolder_client::api::desk::{ClaimId, ClaimRequest, ClaimState, ClaimStatus};
use medfolder_client::clock::Clock;
use medfolder_client::desk;
use medfolder_client::desk_code::{DeskCode, DeskLink};
use medfolder_crypto::tree::ChainRoot;
use medfolder_ledger::body::{Consent, RegisterCard};
use medfolder_ledger::transaction::Unsigned;
use medfolder_record::{CardNumber, MemberId};
use rusqlite::{OptionalExtension, params};
use std::time::Duration;

/// How long the app waits for the front desk; a code lives ten minutes.
const DESK_PATIENCE: Duration = Duration::from_secs(10 * 60);
/// How often the ledger is asked for a card that the edge says is confirmed, and how far apart.
const LOOKS: u32 = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);
/// How long the desk has to co-sign and submit a registration, in milliseconds.
const REGISTRATION_VALIDITY: u64 = 60 * 60 * 1_000;

/// What the patient read at the front desk.
#[derive(Debug)]
pub struct DeskInvitation {
    member: MemberId,
    code: DeskCode,
}

/// How a card stands, as far as this device has heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedCard {
    /// The card.
    pub card: Card,
    /// `pending`, `registered`, `frozen`, `rotated` or `closed`.
    pub state: String,
    /// When it was registered (block time, ms); `None` before the first sync.
    pub linked: Option<u64>,
    /// Since when another card has its place at the hospital (block time, ms).
    pub replaced: Option<u64>,
}

impl LinkedCard {
    /// Whether its hospital seals new records for it.
    #[must_use]
    pub fn is_used(&self) -> bool {
        self.replaced.is_none() && matches!(self.state.as_str(), "registered" | "frozen")
    }
}

/// A card that waits for the front desk to compare its number.
#[derive(Debug)]
pub struct PendingCard {
    card: Card,
    claim: ClaimId,
}

impl PendingCard {
    /// The number whose last eight characters the desk compares with the patient's screen.
    pub const fn number(&self) -> CardNumber {
        self.card.number
    }

    /// The hospital.
    pub const fn member(&self) -> MemberId {
        self.card.member
    }
}

impl Folder<'_> {
    /// Reads a front desk's link, or its 16 characters with the hospital's name.
    ///
    /// # Errors
    /// `desk.code_malformed`, `desk.other_consortium`, `desk.which_member`, `member.unknown`.
    pub fn read_invitation(
        &self,
        text: &str,
        member: Option<&str>,
    ) -> Result<DeskInvitation, FolderError> {
        if let Ok(link) = text.parse::<DeskLink>() {
            if !link.is_for(&self.consortium.digest()) {
                return Err(FolderError::OtherConsortium);
            }
            self.member(&link.member)?;
            return Ok(DeskInvitation {
                member: link.member,
                code: link.code,
            });
        }
        let code = text.parse().map_err(|_| FolderError::DeskCode)?;
        let name = member.ok_or(FolderError::DeskMember)?;
        Ok(DeskInvitation {
            member: self.member_named(name)?,
            code,
        })
    }

    /// Makes the card's registration, keeps the card in the vault and hands it to the hospital under the desk's code.
    ///
    /// # Errors
    /// `card.linked`, and what the connection or the desk answers.
    pub async fn claim_card(
        &self,
        invitation: &DeskInvitation,
        clock: &Clock,
    ) -> Result<PendingCard, FolderError> {
        if !self.pending_cards()?.is_empty() {
            // An earlier try may have been confirmed after it was stopped: then its code is used
            // up. Without the ledger the desk's answer has to do.
            let ledger = self.ledger_client(clock)?;
            if let Err(error) = self.take_up_pending(&ledger).await {
                tracing::debug!(code = error.code(), "the ledger does not tell of the card");
            }
        }
        self.ask_whether_replaced(invitation.member, clock).await?;
        let card = self.pending_card(invitation.member)?;
        let request = self.registration(&card, &invitation.code, clock.now())?;
        let (http, edge) = self.edge(&card.member)?;
        let claim = desk::claim(&http, &edge, &request).await?;
        self.vault.database()?.execute(
            "UPDATE card SET claim = ?2 WHERE id = ?1",
            params![card.row, claim.to_string()],
        )?;
        Ok(PendingCard { card, claim })
    }

    /// A card that another device's took the place of is no reason to refuse another link.
    async fn ask_whether_replaced(
        &self,
        member: MemberId,
        clock: &Clock,
    ) -> Result<(), FolderError> {
        for card in self.cards()?.iter().filter(|card| card.member == member) {
            let ledger = self.ledger_client(clock)?.at(&member)?;
            if let Err(error) = self.learn_replaced(&ledger, card).await {
                tracing::debug!(code = error.code(), "the ledger does not tell of the card");
            }
        }
        Ok(())
    }

    /// Waits until the desk confirmed the card's number. `replaces` is told, once, when the hospital
    /// says that the patient has a card there already, registered then (ms, 0 unknown), which this
    /// one will replace.
    ///
    /// # Errors
    /// The desk's reason, such as `desk.code_expired` or `desk.card_mismatch`; `desk.waiting` when
    /// nobody confirmed within ten minutes; `desk.unproven` when the edge says that the desk did and
    /// the ledger does not know the card: a sync takes up what becomes of it.
    pub async fn wait_for_desk(
        &self,
        pending: &PendingCard,
        clock: &Clock,
        mut replaces: impl FnMut(u64),
    ) -> Result<Card, FolderError> {
        let (http, edge) = self.edge(&pending.card.member)?;
        let mut told = false;
        let mut tell = |status: &ClaimStatus| {
            if let (Some(since), false) = (status.replaces, told) {
                told = true;
                replaces(since);
            }
        };
        let status = desk::wait(&http, &edge, pending.claim, DESK_PATIENCE, &mut tell).await?;
        tell(&status);
        match status.state {
            ClaimState::Confirmed => {
                self.prove_registered(&pending.card, clock).await?;
                Ok(pending.card.clone())
            }
            ClaimState::Refused => {
                // The card stays: the ledger, not the edge, tells whether the desk confirmed it.
                self.vault.database()?.execute(
                    "UPDATE card SET claim = NULL WHERE id = ?1",
                    [pending.card.row],
                )?;
                let code = status.code.unwrap_or_else(|| "desk.refused".to_owned());
                Err(FolderError::Desk(code))
            }
            ClaimState::Waiting => Err(FolderError::DeskWaiting),
        }
    }

    /// The edge's word registers no card: the ledger has it, at once or within a few blocks.
    async fn prove_registered(&self, card: &Card, clock: &Clock) -> Result<(), FolderError> {
        let ledger = self.ledger_client(clock)?.at(&card.member)?;
        for look in 0..LOOKS {
            if look > 0 {
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
            if self.is_on_ledger(&ledger, card).await? {
                return self.set_registered(card.row);
            }
        }
        Err(FolderError::DeskUnproven)
    }

    /// The folder's cards that were registered, oldest first.
    ///
    /// # Errors
    /// `vault.storage`.
    pub fn cards(&self) -> Result<Vec<Card>, FolderError> {
        self.cards_where("state <> 'pending'")
    }

    /// Every card of the folder with how it stands, oldest first; none of which the desk said no.
    ///
    /// # Errors
    /// `vault.storage`.
    pub fn linked_cards(&self) -> Result<Vec<LinkedCard>, FolderError> {
        let database = self.vault.database()?;
        let mut statement = database.prepare_cached(
            "SELECT id, number, member, idx, state, linked, replaced FROM card
             WHERE folder = ?1 AND (state <> 'pending' OR claim IS NOT NULL) ORDER BY id",
        )?;
        let rows = statement.query_map([self.id], |row| {
            Ok(LinkedCard {
                card: Card {
                    row: row.get(0)?,
                    number: parsed(row, 1)?,
                    member: parsed(row, 2)?,
                    index: row.get(3)?,
                },
                state: row.get(4)?,
                linked: row.get(5)?,
                replaced: row.get(6)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Cards that are in the vault and that no desk confirmed as far as it knows: linking was
    /// stopped, perhaps before the confirmation and perhaps behind it.
    pub(crate) fn pending_cards(&self) -> Result<Vec<Card>, FolderError> {
        self.cards_where("state = 'pending'")
    }

    fn cards_where(&self, condition: &str) -> Result<Vec<Card>, FolderError> {
        let database = self.vault.database()?;
        let mut statement = database.prepare_cached(&format!(
            "SELECT id, number, member, idx FROM card WHERE folder = ?1 AND {condition}
             ORDER BY id"
        ))?;
        let rows = statement.query_map([self.id], |row| {
            Ok(Card {
                row: row.get(0)?,
                number: parsed(row, 1)?,
                member: parsed(row, 2)?,
                index: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The card at this place in the key tree, whether or not it exists anywhere.
    pub(crate) fn card_at(&self, member: MemberId, index: u32) -> Result<Card, FolderError> {
        let keys = self.keys(&*self.vault.database()?)?;
        Ok(place(&keys, 0, member, index))
    }

    /// Keeps a card that the ledger knows, found by its place in the key tree.
    pub(crate) fn add_registered(&self, member: MemberId, index: u32) -> Result<(), FolderError> {
        let database = self.vault.database()?;
        let number = place(&self.keys(&database)?, 0, member, index).number;
        database.execute(
            "INSERT INTO card (folder, number, member, idx, state)
             VALUES (?1, ?2, ?3, ?4, 'registered')
             ON CONFLICT (folder, number) DO UPDATE SET state = 'registered'",
            params![self.id, number.to_string(), member.to_string(), index],
        )?;
        Ok(())
    }

    pub(crate) fn set_registered(&self, card: i64) -> Result<(), FolderError> {
        self.vault.database()?.execute(
            "UPDATE card SET state = 'registered', claim = NULL WHERE id = ?1",
            [card],
        )?;
        Ok(())
    }

    /// The card to link next at a hospital: one that waits from an earlier try, or a new one.
    fn pending_card(&self, member: MemberId) -> Result<Card, FolderError> {
        let database = self.vault.database()?;
        let known: Option<(i64, u32, String)> = database
            .query_row(
                "SELECT id, idx, CASE WHEN replaced IS NULL THEN state ELSE 'replaced' END FROM card WHERE folder = ?1 AND member = ?2
                 ORDER BY idx DESC LIMIT 1",
                params![self.id, member.to_string()],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
            .optional()?;
        let index = match known {
            Some((row, index, state)) if state == "pending" => {
                return Ok(place(&self.keys(&database)?, row, member, index));
            }
            Some((_, _, state)) if state == "registered" => return Err(FolderError::CardLinked),
            Some((_, index, _)) => index + 1,
            None => 0,
        };
        let card = place(&self.keys(&database)?, 0, member, index);
        database.execute(
            "INSERT INTO card (folder, number, member, idx, state)
             VALUES (?1, ?2, ?3, ?4, 'pending')",
            params![self.id, card.number.to_string(), member.to_string(), index],
        )?;
        Ok(Card {
            row: database.last_insert_rowid(),
            ..card
        })
    }

    /// T_R with the card's signature, and the proof of the desk's code over its body.
    fn registration(
        &self,
        card: &Card,
        code: &DeskCode,
        now: u64,
    ) -> Result<ClaimRequest, FolderError> {
        let chain = &self.consortium;
        let keys = self.card_keys(card)?;
        let body = RegisterCard {
            member: card.member,
            signing: keys.signing.public(),
            encryption: keys.encryption.public().to_bytes(),
            consent: self.consent(now),
        };
        let mac = code.mac(
            chain.suite(),
            &chain.digest(),
            &medfolder_crypto::to_cbor(&body),
        );
        let unsigned = Unsigned::new(body, now + REGISTRATION_VALIDITY);
        let signature = unsigned.sign(chain, &keys.signing);
        let transaction = unsigned.with_signatures(vec![signature]);
        Ok(ClaimRequest {
            transaction: transaction.to_bytes().into(),
            mac,
        })
    }

    /// The consortium's consent text that the patient was shown.
    pub(crate) fn consent(&self, now: u64) -> Consent {
        let texts = &self.consortium.policy().consent_texts;
        match texts
            .iter()
            .find(|text| text.language == "zh")
            .or_else(|| texts.first())
        {
            Some(text) => Consent {
                digest: text.digest,
                version: text.version,
                language: text.language.clone(),
                time: now,
            },
            None => Consent {
                digest: self.consortium.suite().hash(&[]),
                version: 0,
                language: "zh".to_owned(),
                time: now,
            },
        }
    }
}

fn place(keys: &ChainRoot, row: i64, member: MemberId, index: u32) -> Card {
    Card {
        row,
        number: CardNumber(keys.card(&member.0, index).number),
        member,
        index,
    }
}

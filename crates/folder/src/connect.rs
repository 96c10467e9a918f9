//! Connections in a folder's name: to a hospital's edge with one of its cards.
//!
//! Each card has connections of its own, so that no server sees two cards side by side.

use crate::{Folder, FolderError};
use medfolder_client::clock::Clock;
use medfolder_client::http::{Http, HttpOptions, Pin};
use medfolder_client::login::{Door, Identity};
use medfolder_crypto::tree::KeyPair;
use medfolder_ledger::Member;
use medfolder_ledger::login::{LoginSubject, ShownKeys};
use medfolder_record::{CardNumber, MemberId};
use std::sync::Arc;
use url::Url;

/// A card of the folder: where its keys are in the tree and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    pub(crate) row: i64,
    /// Its number.
    pub number: CardNumber,
    /// The hospital.
    pub member: MemberId,
    /// Its index at that hospital.
    pub index: u32,
}

impl Folder<'_> {
    /// A member of the folder's consortium.
    pub(crate) fn member(&self, id: &MemberId) -> Result<&Member, FolderError> {
        self.consortium
            .member(id)
            .ok_or_else(|| self.member_unknown())
    }

    /// A member by its name, or by a part of it that no other member's name holds.
    ///
    /// # Errors
    /// `member.unknown`, `member.ambiguous`.
    pub fn member_named(&self, name: &str) -> Result<MemberId, FolderError> {
        if let Some(member) = self.consortium.member_named(name) {
            return Ok(member.id);
        }
        let part = name.trim().to_lowercase();
        let members = &self.consortium.genesis().members;
        let mut fitting: Vec<&Member> = members
            .iter()
            .filter(|member| !part.is_empty() && member.name.to_lowercase().contains(&part))
            .collect();
        match (fitting.pop(), fitting.is_empty()) {
            (Some(only), true) => Ok(only.id),
            (Some(last), false) => {
                fitting.push(last);
                Err(FolderError::MemberAmbiguous(names(&fitting)))
            }
            (None, _) => Err(self.member_unknown()),
        }
    }

    pub(crate) fn member_unknown(&self) -> FolderError {
        let members: Vec<&Member> = self.consortium.genesis().members.iter().collect();
        FolderError::MemberUnknown(names(&members))
    }

    /// The name of a member, for people; its id when the consortium does not know it.
    pub fn member_name(&self, id: &MemberId) -> String {
        self.consortium
            .member(id)
            .map_or_else(|| id.to_string(), |member| member.name.clone())
    }

    /// Fresh connections to a member's edge, with the TLS key that the ledger names.
    pub(crate) fn edge(&self, member: &MemberId) -> Result<(Http, Url), FolderError> {
        let member = self.member(member)?;
        let address = member
            .endpoints
            .edge
            .as_deref()
            .ok_or(FolderError::MemberWithoutEdge)?;
        let url = Url::parse(address).map_err(|_| FolderError::MemberWithoutEdge)?;
        let options = HttpOptions {
            pin: member.tls_pin.map(Pin),
            ..HttpOptions::default()
        };
        Ok((Http::new(options)?, url))
    }

    /// A door to the edge of the card's hospital that logs in with the card.
    pub(crate) fn edge_door(&self, card: &Card, clock: &Clock) -> Result<Door, FolderError> {
        let (http, url) = self.edge(&card.member)?;
        let genesis = self.consortium.digest();
        let identity = self.card_identity(card)?;
        Ok(Door::new(
            http,
            url,
            genesis,
            Some(card.member),
            identity,
            clock.clone(),
        ))
    }

    /// Logs in with the card.
    pub(crate) fn card_identity(&self, card: &Card) -> Result<Identity, FolderError> {
        let KeyPair {
            signing,
            encryption,
            ..
        } = self.card_keys(card)?;
        Ok(Identity {
            subject: LoginSubject::Card(card.number),
            keys: Some(ShownKeys {
                signing: signing.public(),
                encryption: encryption.public().to_bytes(),
            }),
            key: Arc::new(signing),
        })
    }

    /// The card's private keys.
    pub(crate) fn card_keys(&self, card: &Card) -> Result<KeyPair, FolderError> {
        let keys = self.keys(&*self.vault.database()?)?;
        Ok(keys.card(&card.member.0, card.index))
    }
}

fn names(members: &[&Member]) -> String {
    let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
    names.join("、")
}

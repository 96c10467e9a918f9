//! Connections in a folder's name: to a hospital's edge with one of its cards.
//!
//! Each card has connections of its own, so that no connection carries two cards; how they are kept
//! apart at the ledger's nodes: `sync/apart.rs`.

use crate::records::Filter;
use crate::{Folder, FolderError};
use medfolder_client::clock::Clock;
use medfolder_client::http::{Http, HttpOptions, Pin};
use medfolder_client::login::{Door, Identity};
use medfolder_crypto::tree::KeyPair;
use medfolder_fhir::json::Limits;
use medfolder_fhir::summary;
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

/// The only one of these members whose name holds a part, in any letter case.
fn of_part(part: &str, members: &[&Member]) -> Result<Option<MemberId>, FolderError> {
    let part = part.trim().to_lowercase();
    let fits = |member: &&&Member| !part.is_empty() && member.name.to_lowercase().contains(&part);
    let fitting: Vec<&Member> = members.iter().filter(fits).copied().collect();
    match fitting.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(only.id)),
        several => Err(FolderError::MemberAmbiguous(names(several))),
    }
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
        of_part(name, &self.with_desks())?.ok_or_else(|| self.member_unknown())
    }

    /// A hospital that this folder has records of, by its name or a part of it, also of a name that
    /// its own records give it.
    ///
    /// # Errors
    /// `member.unknown` with the names of those that it has records of, `member.ambiguous`,
    /// `vault.storage`.
    pub fn hospital_named(&self, name: &str) -> Result<MemberId, FolderError> {
        let database = self.vault.database()?;
        let mut statement =
            database.prepare_cached("SELECT DISTINCT hospital FROM record WHERE folder = ?1")?;
        let ids = statement.query_map([self.id], |row| crate::records::parsed(row, 0))?;
        let ids: Vec<MemberId> = ids.collect::<Result<_, _>>()?;
        let here = ids.iter().filter_map(|id| self.consortium.member(id));
        let here: Vec<&Member> = here.collect();
        if let Some(exactly) = here.iter().find(|member| member.name == name.trim()) {
            return Ok(exactly.id);
        }
        drop(statement);
        drop(database);
        if let Some(of_part) = of_part(name, &here)? {
            return Ok(of_part);
        }
        let part = name.trim().to_lowercase();
        let mut also = here.iter().filter(|member| {
            let names = self.own_names(&member.id);
            !part.is_empty() && names.iter().any(|own| own.to_lowercase().contains(&part))
        });
        match (also.next(), also.next()) {
            (Some(only), None) => Ok(only.id),
            _ => Err(FolderError::HospitalUnknown(names(&here))),
        }
    }

    /// What a hospital calls itself in its newest record here: often in a second language too.
    fn own_names(&self, id: &MemberId) -> Vec<String> {
        let newest = Filter {
            hospital: Some(*id),
            limit: 1,
            ..Filter::default()
        };
        let listed = self
            .list(&newest)
            .ok()
            .and_then(|mut page| page.records.pop());
        let shown = listed.and_then(|listed| self.open_record(&listed.record.to_string()).ok());
        let hospital = shown.and_then(|shown| {
            let document = summary::read(shown.record.body(), &Limits::default()).ok()?;
            document.hospital
        });
        hospital.map_or_else(Vec::new, |mut own| {
            own.aliases.push(own.name);
            own.aliases
        })
    }

    pub(crate) fn member_unknown(&self) -> FolderError {
        FolderError::MemberUnknown(names(&self.with_desks()))
    }

    /// Members that a patient can be at: not who only runs a node, such as a commission.
    fn with_desks(&self) -> Vec<&Member> {
        let members = self.consortium.genesis().members.iter();
        members
            .filter(|member| member.endpoints.edge.is_some())
            .collect()
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

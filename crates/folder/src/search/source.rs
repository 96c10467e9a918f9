//! The words of stored records, read from their envelopes without checking them again: they were
//! verified when they were stored, and whoever opens one checks it anew.

use crate::FolderError;
use crate::records::parsed;
use medfolder_crypto::Suite;
use medfolder_crypto::tree::{ChainRoot, KeyPair};
use medfolder_fhir::json::Limits;
use medfolder_fhir::text::{self, Passage, Voice};
use medfolder_record::{
    CardNumber, Check, Envelope, KeySlot, MemberId, SealKey, SlotPlace, VisitId,
};
use rusqlite::{Connection, Row};
use std::collections::BTreeMap;

/// What [`Stored::read`] takes: of a record, its seal and its card.
pub(super) const STORED: &str = "record.id, record.title, record.author, content.envelope, seal.id,
    seal.visit, seal.seq, seal.slot, card.number, card.member, card.idx
    FROM record JOIN content ON content.record = record.id JOIN seal ON seal.id = record.seal
    JOIN card ON card.id = seal.card";

/// A record as the vault holds it.
pub(super) struct Stored {
    pub(super) row: i64,
    /// Title and author.
    pub(super) heading: String,
    envelope: Vec<u8>,
    seal: i64,
    slot: Option<Vec<u8>>,
    place: SlotPlace,
    index: u32,
}

impl Stored {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let (title, author): (String, String) = (row.get(1)?, row.get(2)?);
        Ok(Self {
            row: row.get(0)?,
            heading: format!("{title} {author}"),
            envelope: row.get(3)?,
            seal: row.get(4)?,
            slot: row.get(7)?,
            place: SlotPlace {
                member: parsed::<MemberId>(row, 9)?,
                card: parsed::<CardNumber>(row, 8)?,
                visit: parsed::<VisitId>(row, 5)?,
                seq: row.get(6)?,
            },
            index: row.get(10)?,
        })
    }
}

/// Reads envelopes; keeps the keys of the cards, and of the seal it opened last.
pub(super) struct Source<'k> {
    suite: Suite,
    keys: &'k ChainRoot,
    cards: BTreeMap<(MemberId, u32), KeyPair>,
    last: Option<(i64, SealKey)>,
}

impl<'k> Source<'k> {
    pub(super) const fn new(suite: Suite, keys: &'k ChainRoot) -> Self {
        Self {
            suite,
            keys,
            cards: BTreeMap::new(),
            last: None,
        }
    }

    /// The body's words, a line each. What cannot be read has none: it is found by its heading.
    pub(super) fn words(&mut self, stored: &Stored) -> String {
        self.body_words(stored).unwrap_or_default()
    }

    fn body_words(&mut self, stored: &Stored) -> Option<String> {
        self.read(stored, text::plain)
    }

    fn read<T, E>(
        &mut self,
        stored: &Stored,
        read: impl FnOnce(&[u8], &Limits) -> Result<T, E>,
    ) -> Option<T> {
        let suite = self.suite;
        let envelope = Envelope::from_bytes(&stored.envelope).ok()?;
        let content = envelope.reread(suite, self.seal_key(stored).ok()?).ok()?;
        read(content.body(), &Limits::default()).ok()
    }

    fn seal_key(&mut self, stored: &Stored) -> Result<&SealKey, Check> {
        if self
            .last
            .as_ref()
            .is_none_or(|(seal, _)| *seal != stored.seal)
        {
            let slot = stored.slot.as_deref().ok_or(Check::Slot)?;
            let slot = KeySlot::from_bytes(slot)?;
            let (member, index) = (stored.place.member, stored.index);
            let card = self.cards.entry((member, index));
            let card = card.or_insert_with(|| self.keys.card(&member.0, index));
            let key = slot.open(&stored.place, &card.encryption)?;
            self.last = Some((stored.seal, key));
        }
        self.last.as_ref().map(|(_, key)| key).ok_or(Check::Slot)
    }

    /// Lines and heading of a record, of which one is the passage that is shown.
    pub(super) fn passages(
        &mut self,
        database: &Connection,
        row: i64,
    ) -> Result<Vec<Passage>, FolderError> {
        let stored = database
            .prepare_cached(&format!("SELECT {STORED} WHERE record.id = ?1"))?
            .query_row([row], Stored::read)?;
        let mut passages = self.read(&stored, text::passages).unwrap_or_default();
        passages.push(Passage {
            text: stored.heading,
            voice: Voice::Machine,
        });
        Ok(passages)
    }
}

//! How much a card's drafts may hold, uploads under way included.
//!
//! Room is reserved before a body is read, for its announced length or for the longest; what is
//! reserved and what is stored never pass the limit together. Reservations are in memory: a request
//! that ends, however it ends, gives its own back, and a restart all of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use medfolder_client::api::share::DraftId;
use medfolder_record::CardNumber;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::edge::db::{int, number};

/// Bytes reserved, by card.
#[derive(Debug, Default)]
pub(crate) struct Rooms(Mutex<HashMap<CardNumber, u64>>);

/// Reserved room; dropped, it is given back.
#[derive(Debug)]
pub(super) struct Room {
    rooms: Arc<Rooms>,
    card: CardNumber,
    size: u64,
}

/// Why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoRoom {
    /// The card has no such draft.
    Absent,
    /// Its drafts would hold more than the limit.
    Full,
}

impl Rooms {
    /// Reserves `size` bytes in a draft of this card, of `limit` for all its drafts.
    pub(super) fn reserve(
        self: Arc<Self>,
        connection: &Connection,
        (card, draft): (CardNumber, DraftId),
        (size, limit): (u64, u64),
        now: u64,
    ) -> rusqlite::Result<Result<Room, NoRoom>> {
        let mut reserved = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(stored) = stored(connection, &draft, &card, now)? else {
            return Ok(Err(NoRoom::Absent));
        };
        let under_way = reserved.get(&card).copied().unwrap_or_default();
        let used = stored.saturating_add(under_way);
        if used.saturating_add(size) > limit {
            return Ok(Err(NoRoom::Full));
        }
        reserved.insert(card, under_way.saturating_add(size));
        drop(reserved);
        let rooms = self;
        Ok(Ok(Room { rooms, card, size }))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut reserved = self.rooms.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = reserved.remove(&self.card).unwrap_or_default();
        let left = left.saturating_sub(self.size);
        if left > 0 {
            reserved.insert(self.card, left);
        }
    }
}

/// Bytes that the card's drafts hold; `None` without this draft of this card.
fn stored(
    connection: &Connection,
    draft: &DraftId,
    card: &CardNumber,
    now: u64,
) -> rusqlite::Result<Option<u64>> {
    let sql = "SELECT (SELECT coalesce(sum(size), 0) FROM draft_file JOIN draft d ON d.id = draft
               WHERE d.card = ?2) FROM draft WHERE id = ?1 AND card = ?2 AND expires > ?3";
    connection
        .query_row(sql, params![draft.0, card.as_bytes(), int(now)], |row| {
            number(row, 0)
        })
        .optional()
}

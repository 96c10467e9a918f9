//! Cards of this member, as the blocks of the ledger say.

use medfolder_record::CardNumber;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::db::digest;

/// Longest chain of successors that is followed.
const MAX_CHAIN: usize = 64;

/// How a card stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CardState {
    /// In use.
    Active = 0,
    /// Reported lost or stolen: nothing is handed out.
    Frozen = 1,
    /// A successor took over.
    Rotated = 2,
    /// Closed by its holder: may read what is hers, shares nothing.
    Closed = 3,
}

impl CardState {
    /// Whether the card may log in and fetch; otherwise the stable code of the refusal.
    pub(crate) const fn may_read(self) -> Result<(), &'static str> {
        match self {
            Self::Active | Self::Closed => Ok(()),
            Self::Frozen => Err("card.frozen"),
            Self::Rotated => Err("card.rotated"),
        }
    }

    /// Whether the card may share and extend.
    pub(crate) const fn may_share(self) -> Result<(), &'static str> {
        match self {
            Self::Active => Ok(()),
            Self::Frozen => Err("card.frozen"),
            Self::Rotated => Err("card.rotated"),
            Self::Closed => Err("card.closed"),
        }
    }
}

/// A card's state; `None` for a card that is not registered with this member.
pub(crate) fn state(
    connection: &Connection,
    card: &CardNumber,
) -> rusqlite::Result<Option<CardState>> {
    let sql = "SELECT state FROM card WHERE number = ?1";
    connection
        .prepare_cached(sql)?
        .query_row(params![card.as_bytes()], |row| {
            Ok(match row.get::<_, i64>(0)? {
                0 => CardState::Active,
                1 => CardState::Frozen,
                2 => CardState::Rotated,
                _ => CardState::Closed,
            })
        })
        .optional()
}

/// Notes a new state; a card is made known by its registration.
pub(crate) fn set(
    t: &Transaction<'_>,
    card: &CardNumber,
    state: CardState,
    successor: Option<&CardNumber>,
) -> rusqlite::Result<()> {
    t.prepare_cached(
        "INSERT INTO card (number, state, successor) VALUES (?1, ?2, ?3)
         ON CONFLICT (number) DO UPDATE SET state = excluded.state,
         successor = coalesce(excluded.successor, successor)",
    )?
    .execute(params![
        card.as_bytes(),
        state as i64,
        successor.map(CardNumber::as_bytes)
    ])?;
    Ok(())
}

/// `owner` and, in order, the cards that took over from it.
pub(crate) fn chain(
    connection: &Connection,
    owner: &CardNumber,
) -> rusqlite::Result<Vec<CardNumber>> {
    let mut cards = vec![*owner];
    while let Some(current) = cards.last().filter(|_| cards.len() < MAX_CHAIN) {
        let next = connection
            .prepare_cached(
                "SELECT successor FROM card WHERE number = ?1 AND state = 2
                 AND successor IS NOT NULL",
            )?
            .query_row(params![current.as_bytes()], |row| digest(row, 0))
            .optional()?;
        match next {
            Some(next) => cards.push(CardNumber(next)),
            None => break,
        }
    }
    Ok(cards)
}

/// `card` and, from the newest on, the cards that it took over from.
pub(crate) fn predecessors(
    connection: &Connection,
    card: &CardNumber,
) -> rusqlite::Result<Vec<CardNumber>> {
    let mut cards = vec![*card];
    let mut next = 0;
    while let Some(current) = cards.get(next).copied().filter(|_| cards.len() < MAX_CHAIN) {
        next = next.saturating_add(1);
        let before: Vec<CardNumber> = connection
            .prepare_cached("SELECT number FROM card WHERE successor = ?1 AND state = 2")?
            .query_map(params![current.as_bytes()], |row| {
                digest(row, 0).map(CardNumber)
            })?
            .collect::<rusqlite::Result<_>>()?;
        let new: Vec<CardNumber> = before
            .into_iter()
            .filter(|one| !cards.contains(one))
            .collect();
        cards.extend(new);
    }
    Ok(cards)
}

/// Whether `card` is `owner` or took over from it, directly or by steps.
pub(crate) fn speaks_for(
    connection: &Connection,
    card: &CardNumber,
    owner: &CardNumber,
) -> rusqlite::Result<bool> {
    Ok(chain(connection, owner)?.contains(card))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::db::Db;
    use medfolder_crypto::Digest;

    #[test]
    fn a_successor_speaks_for_all_before_it_and_nobody_for_those_after() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&dir.path().join("index.db"), None).unwrap();
        let [first, second, third] = [1, 2, 3].map(|n| CardNumber(Digest([n; 32])));
        db.write_now(|t| {
            set(t, &first, CardState::Rotated, Some(&second))?;
            set(t, &second, CardState::Rotated, Some(&third))?;
            set(t, &third, CardState::Active, None)?;
            assert!(speaks_for(t, &third, &first)? && speaks_for(t, &third, &third)?);
            assert!(!speaks_for(t, &first, &third)? && !speaks_for(t, &second, &third)?);
            assert_eq!(predecessors(t, &third)?, [third, second, first]);
            assert_eq!(predecessors(t, &first)?, [first]);
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn a_named_successor_speaks_for_nothing_before_the_rotation() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&dir.path().join("index.db"), None).unwrap();
        let [old, new] = [1, 2].map(|n| CardNumber(Digest([n; 32])));
        db.write_now(|t| {
            set(t, &old, CardState::Frozen, Some(&new))?;
            assert!(!speaks_for(t, &new, &old)?);
            Ok(())
        })
        .unwrap();
    }
}

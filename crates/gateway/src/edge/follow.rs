//! Follows the ledger: verifies each block, notes what it means for this edge, passes it inwards.
//!
//! ```text
//! node ──blocks──▶ certificate · previous header · digest of transactions ──▶ spool in ──▶ index
//! ```
//! The blocks go to the inner zone before the index moves on: after a crash inner may get a block
//! twice, never miss one. Those that its disk or somebody else damaged on the way it asks for again.
//! All that the index learns of a batch is one transaction.

use std::sync::{Arc, PoisonError};

use medfolder_crypto::{Digest, from_cbor, to_cbor};
use medfolder_ledger::block::{BlockError, Header};
use medfolder_ledger::body::{Body, By};
use medfolder_ledger::genesis::Chain;
use medfolder_ledger::refusal::Refusal;
use medfolder_ledger::transaction::Transaction as LedgerTransaction;
use medfolder_record::GrantId;
use minicbor::bytes::ByteVec;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::app::App;
use super::card::{self, CardState};
use super::db::{DbError, int};
use super::ledger::LedgerError;
use super::outbox;
use super::share::{held, owner, report, store};
use super::zone::index;
use crate::certified::Certified;
use crate::spool::{In, SpoolError};

/// Blocks of one batch.
const BATCH: u64 = 64;
/// Longest header in the index.
const MAX_HEADER: usize = 4_096;

/// Why following stopped; it is tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FollowError {
    /// No node answered.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A node served a block that does not verify.
    #[error("a node served a block that does not verify: {0}")]
    Block(#[from] BlockError),
    /// A node served something that is no block.
    #[error("a node served something that is no block")]
    Malformed,
    /// The index failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The spool to the inner zone failed.
    #[error(transparent)]
    Spool(#[from] SpoolError),
}

impl FollowError {
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Ledger(error) => error.code(),
            Self::Block(error) => error.code(),
            Self::Malformed => "block.malformed",
            Self::Db(error) => error.code(),
            Self::Spool(error) => error.code(),
        }
    }
}

/// The header that was followed last.
pub(crate) fn last_header(connection: &Connection) -> rusqlite::Result<Option<Header>> {
    let sql = "SELECT value FROM meta WHERE name = 'header'";
    let bytes: Option<Vec<u8>> = connection.query_row(sql, [], |row| row.get(0)).optional()?;
    Ok(bytes.and_then(|bytes| from_cbor(&bytes, MAX_HEADER).ok()))
}

/// A block that verified, with the log's size before it.
struct Verified {
    one: Certified,
    log_before: u64,
}

impl Verified {
    const fn header(&self) -> &Header {
        &self.one.block.header
    }
}

/// The inner zone misses the blocks from this height on.
pub(crate) fn want(app: &App, from: u64) -> Result<(), DbError> {
    app.db.write_now(|t| {
        t.execute(
            "INSERT INTO meta (name, value) VALUES ('wanted', ?1)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            params![to_cbor(&from)],
        )
        .map(drop)
    })
}

fn wanted(connection: &Connection) -> rusqlite::Result<Option<u64>> {
    let sql = "SELECT value FROM meta WHERE name = 'wanted'";
    let bytes: Option<Vec<u8>> = connection.query_row(sql, [], |row| row.get(0)).optional()?;
    Ok(bytes.and_then(|bytes| from_cbor(&bytes, MAX_HEADER).ok()))
}

/// Hands the blocks inwards again that the inner zone misses, up to the last one that was followed.
async fn hand_in_again(app: &Arc<App>, last: Option<&Header>) -> Result<(), FollowError> {
    let (Some(wanted), Some(last)) = (app.db.read(wanted).await?, last) else {
        return Ok(());
    };
    let mut from = wanted;
    while from <= last.height {
        let bytes = app.ledger.blocks(from, BATCH).await?;
        let blocks = Certified::read_all(&bytes).map_err(|_| FollowError::Malformed)?;
        let Some(newest) = blocks.last().map(|one| one.block.header.height) else {
            break;
        };
        // Whether they are true is for the inner zone to check.
        let encoded = blocks.iter().map(|one| one.to_bytes().into());
        hand_inwards(app, encoded.collect()).await?;
        from = newest.saturating_add(1).max(from.saturating_add(1));
    }
    let forget = move |t: &Transaction<'_>| {
        let sql = "DELETE FROM meta WHERE name = 'wanted' AND value = ?1";
        t.execute(sql, params![to_cbor(&wanted)])
    };
    app.db.write(forget).await?;
    Ok(())
}

/// Takes all blocks that are there; says whether a share ended.
pub(crate) async fn catch_up(app: &Arc<App>) -> Result<bool, FollowError> {
    // One at a time: requests that find the state stale follow, too.
    let _turn = app.following.lock().await;
    let mut ended = false;
    loop {
        let last = app.db.read(last_header).await?;
        hand_in_again(app, last.as_ref()).await?;
        let from = last
            .as_ref()
            .map_or(0, |header| header.height.saturating_add(1));
        let bytes = app.ledger.blocks(from, BATCH).await?;
        if bytes.is_empty() {
            return Ok(ended);
        }
        let blocks = verify(&app.chain, last, &bytes)?;
        let Some(header) = blocks.last().map(|last| last.header().clone()) else {
            return Ok(ended);
        };
        let encoded = blocks.iter().map(|block| block.one.to_bytes().into());
        hand_inwards(app, encoded.collect()).await?;
        let own = app.clone();
        ended |= app.db.write(move |t| learn_all(&own, t, &blocks)).await?;
        app.head.advance(header.height, header.time);
    }
}

fn verify(
    chain: &Chain,
    mut last: Option<Header>,
    bytes: &[u8],
) -> Result<Vec<Verified>, FollowError> {
    let mut blocks = Vec::new();
    for one in Certified::read_all(bytes).map_err(|_| FollowError::Malformed)? {
        one.verify(chain, last.as_ref())?;
        let log_before = last.as_ref().map_or(0, |header| header.log_size);
        last = Some(one.block.header.clone());
        blocks.push(Verified { one, log_before });
    }
    Ok(blocks)
}

async fn hand_inwards(app: &Arc<App>, blocks: Vec<ByteVec>) -> Result<(), FollowError> {
    let own = app.clone();
    let task = move || {
        let mut writer = own.to_inner.lock().unwrap_or_else(PoisonError::into_inner);
        writer.send(In::Blocks(blocks))
    };
    tokio::task::spawn_blocking(task)
        .await
        .map_err(|_| DbError::Closing)??;
    Ok(())
}

fn learn_all(app: &App, t: &Transaction<'_>, blocks: &[Verified]) -> rusqlite::Result<bool> {
    let mut ended = false;
    for block in blocks {
        ended |= learn(app, t, block)?;
        lapse(t, block.header().time)?;
    }
    if let Some(last) = blocks.last() {
        t.execute(
            "INSERT INTO meta (name, value) VALUES ('header', ?1)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            params![to_cbor(last.header())],
        )?;
    }
    Ok(ended)
}

fn learn(app: &App, t: &Transaction<'_>, verified: &Verified) -> rusqlite::Result<bool> {
    let (mut position, mut ended) = (verified.log_before, false);
    for stored in &verified.one.block.transactions {
        let Ok(transaction) = LedgerTransaction::from_bytes(&stored.bytes) else {
            continue;
        };
        let id = Digest(transaction.id(&app.chain).0);
        if stored.result == 0 {
            outbox::settle(t, &id, &stored.bytes, Ok(position))?;
            ended |= accepted(app, t, &transaction.body, position, verified.header().time)?;
            position = position.saturating_add(1);
        } else {
            let code = Refusal::of(stored.result).map_or("ledger.unknown", Refusal::code);
            if outbox::settle(t, &id, &stored.bytes, Err(code))? {
                refused(app, t, &transaction.body)?;
            }
        }
    }
    Ok(ended)
}

/// What an accepted transaction means here; says whether it ended a share.
fn accepted(
    app: &App,
    t: &Transaction<'_>,
    body: &Body,
    position: u64,
    time: u64,
) -> rusqlite::Result<bool> {
    match body {
        Body::RegisterCard(card) if card.member == app.member => {
            card::set(t, &card.number(app.suite), CardState::Active, None)?;
        }
        Body::FreezeCard(freeze) if freeze.member == app.member => {
            card::set(t, &freeze.card, CardState::Frozen, None)?;
        }
        Body::LiftFreeze(lift) if lift.member == app.member => {
            card::set(t, &lift.card, CardState::Active, None)?;
        }
        Body::CloseCard(close) if close.member == app.member => {
            card::set(t, &close.card, CardState::Closed, None)?;
        }
        Body::RotateCard(rotate) if rotate.member == app.member => {
            let successor = rotate.successor(app.suite);
            card::set(t, &rotate.card, CardState::Rotated, Some(&successor))?;
            card::set(t, &successor, CardState::Active, None)?;
            if rotate.by == By::Desk {
                held::hold_all(t, &rotate.card)?;
            }
        }
        Body::Seal(seal) if seal.member == app.member => {
            index::seal_final(t, &seal.visit, seal.seq, &seal.leaf_ids())?;
        }
        Body::Grant(grant) if grant.host == app.member => {
            t.execute(
                "UPDATE share SET phase = 1, position = ?2 WHERE grant_id = ?1",
                params![grant.id(app.suite).as_bytes(), int(position)],
            )?;
        }
        Body::Extend(extend) => move_end(t, &extend.grant, extend.until, time)?,
        Body::Shorten(shorten) => move_end(t, &shorten.grant, shorten.until, time)?,
        Body::Revoke(revoke) => {
            owner::end(t, &revoke.grant, time)?;
            return Ok(true);
        }
        _ => {}
    }
    Ok(false)
}

fn move_end(t: &Transaction<'_>, grant: &GrantId, until: u64, time: u64) -> rusqlite::Result<()> {
    if let Some(mut share) = store::by_grant(t, grant)? {
        // A share that ended stays ended; the rules say so.
        if share.state.set_end(time, until).is_ok() {
            share.save(t)?;
        }
    }
    Ok(())
}

fn refused(app: &App, t: &Transaction<'_>, body: &Body) -> rusqlite::Result<()> {
    if let Body::Grant(grant) = body {
        t.execute(
            "UPDATE share SET phase = 2 WHERE grant_id = ?1 AND phase = 0",
            params![grant.id(app.suite).as_bytes()],
        )?;
    }
    Ok(())
}

fn lapse(t: &Transaction<'_>, time: u64) -> rusqlite::Result<()> {
    for (id, kind) in outbox::lapse(t, time)? {
        if kind == outbox::Kind::Access as i64 {
            report::release(t, &id)?;
        } else if kind == outbox::Kind::Report as i64 {
            index::release_report(t, &id)?;
        }
    }
    Ok(())
}

//! A follower: copies another node's blocks, checks every certificate, executes every block again
//! and serves the same interface for reading. It takes no transactions and has no vote.
//!
//! It logs in as its own member (blocks are for members) with the host key named in its
//! configuration, or reads a node that is open to it.

use std::sync::Arc;
use std::time::Duration;

use medfolder_client::api::Peer;
use medfolder_client::api::ledger::{CheckpointAnswer, MAX_BLOCKS};
use medfolder_client::clock::Clock as ClientClock;
use medfolder_client::http::{Http, HttpError, HttpOptions};
use medfolder_client::keyfile::{self, KeyFileError};
use medfolder_client::login::{Door, Identity, LoginFailure};
use medfolder_crypto::{SigningKey, from_cbor};
use medfolder_ledger::block::proves_fork;
use medfolder_ledger::login::LoginSubject;
use medfolder_ledger::{Block, Certificate, Checkpoint, block};
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::ledger::{Ledger, OpenError, Parts, WriteError, Writer, open};
use crate::store::IndexAlert;

/// Longest answer with blocks, in bytes.
const MAX_ANSWER: usize = 96 << 20;
/// Pause when there is nothing new.
const PAUSE: Duration = Duration::from_millis(200);
/// How many pauses lie between two comparisons of heads.
const LOOK_BACK: u32 = 25;
/// Code of the proof that the ledger was forked.
const FORK: &str = "ledger.fork";
/// Pause after a failure.
const RETRY: Duration = Duration::from_secs(1);

/// Why nothing can be copied.
#[derive(Debug, Error)]
pub enum FollowError {
    /// The address or the answer.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The log-in.
    #[error(transparent)]
    Login(#[from] LoginFailure),
    /// The address is none.
    #[error("the address to follow is not an http or https address")]
    Address,
    /// The member's key.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// A follower needs its member's host key.
    #[error("a follower needs its member's host key (follow_key)")]
    NoKey,
    /// What came are no blocks.
    #[error("the other node's answer is not a sequence of blocks")]
    Malformed,
    /// The data folder.
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl FollowError {
    /// Stable code of the error.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            FollowError::Http(error) => error.code_from(Peer::Node),
            FollowError::Login(error) => error.code_from(Peer::Node),
            FollowError::Address => "config.follow",
            FollowError::Key(error) => error.code(),
            FollowError::NoKey => "config.follow_key",
            FollowError::Malformed => "block.malformed",
            FollowError::Open(error) => error.code(),
        }
    }
}

/// Opens the folder and starts to copy.
pub(crate) async fn start(
    config: &Config,
    address: &str,
    parts: Parts,
    shutdown: watch::Receiver<bool>,
) -> Result<(Arc<Ledger>, JoinHandle<()>), FollowError> {
    let door = door(config, address, &parts)?;
    let first = fetch(&door, 0, 1)
        .await?
        .into_iter()
        .next()
        .ok_or(FollowError::Malformed)?;
    let opened = tokio::task::spawn_blocking(move || {
        // Whether the certificate holds for our own first header is checked by `open`.
        open(parts, &mut |_| Some(first.1.clone()))
    });
    let writer = opened.await.map_err(|_| FollowError::Malformed)??;
    let ledger = writer.ledger().clone();
    #[cfg(feature = "lying")]
    let end = match config.lie {
        Some(crate::lying::Lie::OldHead { height }) => height,
        _ => u64::MAX,
    };
    #[cfg(not(feature = "lying"))]
    let end = u64::MAX;
    let task = tokio::spawn(follow(writer, door, end, shutdown));
    Ok((ledger, task))
}

fn door(config: &Config, address: &str, parts: &Parts) -> Result<Door, FollowError> {
    let base = address.parse().map_err(|_| FollowError::Address)?;
    let seed = keyfile::load(config.follow_key.as_deref().ok_or(FollowError::NoKey)?)?;
    let identity = Identity {
        subject: LoginSubject::Member(config.member),
        keys: None,
        key: Arc::new(SigningKey::from_seed(parts.chain.suite(), &seed)),
    };
    let http = Http::new(HttpOptions::default())?;
    let clock = ClientClock::system();
    Ok(Door::new(
        http,
        base,
        parts.chain.digest(),
        None,
        identity,
        clock,
    ))
}

async fn fetch(
    door: &Door,
    from: u64,
    limit: u64,
) -> Result<Vec<(Block, Certificate)>, FollowError> {
    let path = format!("v1/blocks?from={from}&limit={limit}");
    decode(&door.get_bytes(&path, MAX_ANSWER).await?)
}

/// Reads a sequence of pairs strictly.
fn decode(bytes: &[u8]) -> Result<Vec<(Block, Certificate)>, FollowError> {
    let mut pairs = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let mut decoder = minicbor::Decoder::new(rest);
        decoder.skip().map_err(|_| FollowError::Malformed)?;
        let (one, after) = rest
            .split_at_checked(decoder.position())
            .ok_or(FollowError::Malformed)?;
        pairs.push(from_cbor(one, block::MAX_LEN).map_err(|_| FollowError::Malformed)?);
        rest = after;
    }
    Ok(pairs)
}

async fn follow(writer: Writer, door: Door, end: u64, mut shutdown: watch::Receiver<bool>) {
    let mut writer = Some(writer);
    let mut quiet = 0_u32;
    while let Some(held) = writer.take() {
        let next = held.header().height + 1;
        let limit = end.saturating_sub(held.header().height).min(MAX_BLOCKS);
        let fetched = if limit == 0 {
            Ok(Vec::new())
        } else {
            fetch(&door, next, limit).await
        };
        let (back, pause) = match fetched {
            Ok(pairs) if pairs.is_empty() => {
                quiet += 1;
                rest(held, &door, quiet).await
            }
            Ok(pairs) => take(held, &door, pairs).await,
            Err(error) => {
                tracing::warn!(%error, "the followed node cannot be read");
                (Some(held), Some(RETRY))
            }
        };
        writer = back;
        let Some(pause) = pause else {
            break;
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = shutdown.wait_for(|stop| *stop) => break,
        }
    }
    let _ = tokio::task::spawn_blocking(move || drop(writer)).await;
}

/// Nothing new; gives the writer back and how long to pause, nothing when the ledger was forked.
async fn rest(held: Writer, door: &Door, quiet: u32) -> (Option<Writer>, Option<Duration>) {
    let ledger = held.ledger().clone();
    let (back, done) = away(held, idle).await;
    if let Err(error) = done {
        ledger.set_failure(Some(error.code()));
    }
    let forked = quiet.is_multiple_of(LOOK_BACK) && is_forked(door, &ledger).await;
    (back, (!forked).then_some(PAUSE))
}

/// As [`rest`], with blocks.
async fn take(
    held: Writer,
    door: &Door,
    pairs: Vec<(Block, Certificate)>,
) -> (Option<Writer>, Option<Duration>) {
    let ledger = held.ledger().clone();
    let (back, done) = away(held, |writer| copy(writer, pairs)).await;
    ledger.set_failure(done.as_ref().err().map(WriteError::code));
    let Err(error) = done else {
        return (back, Some(Duration::ZERO));
    };
    tracing::error!(%error, "a copied block does not hold");
    let forked = is_forked(door, &ledger).await;
    (back, (!forked).then_some(RETRY))
}

/// Compares the other node's checkpoint of our newest height with ours. Two certified ones that
/// differ prove that the ledger was forked: copying stops for good, and members read why.
async fn is_forked(door: &Door, ledger: &Arc<Ledger>) -> bool {
    let own = ledger.head();
    let path = format!("v1/checkpoints/{}", own.header.height);
    let Ok(answer) = door.get::<CheckpointAnswer>(&path).await else {
        return false;
    };
    let Ok(other) = Checkpoint::from_bytes(&answer.checkpoint.0) else {
        return false;
    };
    if proves_fork(ledger.chain(), &own, &other) != Ok(true) {
        return false;
    }
    tracing::error!(
        height = own.header.height,
        "two certificates of one height: the ledger was forked"
    );
    let alert = IndexAlert {
        code: FORK.to_owned(),
        height: own.header.height,
        time: own.header.time,
        subject: other.header.digest(ledger.chain().suite()).to_string(),
    };
    let keeper = ledger.clone();
    let _ = tokio::task::spawn_blocking(move || keeper.index.alert(&alert)).await;
    ledger.set_failure(Some(FORK));
    true
}

/// Works with the writer on a thread of its own, which takes it along when it panics.
async fn away(
    mut writer: Writer,
    work: impl FnOnce(&mut Writer) -> Result<(), WriteError> + Send + 'static,
) -> (Option<Writer>, Result<(), WriteError>) {
    let done = tokio::task::spawn_blocking(move || {
        let done = work(&mut writer);
        (writer, done)
    });
    match done.await {
        Ok((writer, done)) => (Some(writer), done),
        Err(_) => (
            None,
            Err(WriteError::State("the copying thread ended".to_owned())),
        ),
    }
}

/// Nothing is lost when this fails: the next block tells of it.
fn idle(writer: &mut Writer) -> Result<(), WriteError> {
    let _ = writer.fold(true);
    Ok(())
}

fn copy(writer: &mut Writer, pairs: Vec<(Block, Certificate)>) -> Result<(), WriteError> {
    writer.recover()?;
    pairs.into_iter().try_for_each(|(block, certificate)| {
        writer.copy(&block, certificate)?;
        writer.fold(false)
    })
}

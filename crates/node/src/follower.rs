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
        let ledger = held.ledger().clone();
        let limit = end.saturating_sub(held.header().height).min(MAX_BLOCKS);
        let fetched = if limit == 0 {
            Ok(Vec::new())
        } else {
            fetch(&door, next, limit).await
        };
        let pause = match fetched {
            Ok(pairs) if pairs.is_empty() => {
                writer = idle(held).await;
                quiet += 1;
                if quiet.is_multiple_of(LOOK_BACK) {
                    compare(&door, &ledger).await;
                }
                PAUSE
            }
            Ok(pairs) => {
                let (back, done) = copy(held, pairs).await;
                writer = back;
                report(&door, &ledger, done).await
            }
            Err(error) => {
                writer = Some(held);
                tracing::warn!(%error, "the followed node cannot be read");
                RETRY
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = shutdown.wait_for(|stop| *stop) => break,
        }
    }
    let _ = tokio::task::spawn_blocking(move || drop(writer)).await;
}

async fn report(door: &Door, ledger: &Arc<Ledger>, done: Result<(), WriteError>) -> Duration {
    ledger.set_failure(done.as_ref().err().map(WriteError::code));
    let Err(error) = done else {
        return Duration::ZERO;
    };
    tracing::error!(%error, "a copied block does not hold");
    compare(door, ledger).await;
    RETRY
}

/// Compares the other node's checkpoint of our newest height with ours. Two certified ones that
/// differ prove that the ledger was forked: copying stops, and members read why.
async fn compare(door: &Door, ledger: &Arc<Ledger>) {
    let own = ledger.head();
    let path = format!("v1/checkpoints/{}", own.header.height);
    let Ok(answer) = door.get::<CheckpointAnswer>(&path).await else {
        return;
    };
    let Ok(other) = Checkpoint::from_bytes(&answer.checkpoint.0) else {
        return;
    };
    if proves_fork(ledger.chain(), &own, &other) != Ok(true) {
        return;
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
}

async fn idle(writer: Writer) -> Option<Writer> {
    let folded = tokio::task::spawn_blocking(move || {
        let _ = writer.fold(true);
        writer
    });
    folded.await.ok()
}

async fn copy(
    mut writer: Writer,
    pairs: Vec<(Block, Certificate)>,
) -> (Option<Writer>, Result<(), WriteError>) {
    let copied = tokio::task::spawn_blocking(move || {
        let done = writer.recover().and_then(|()| {
            pairs.into_iter().try_for_each(|(block, certificate)| {
                writer.copy(&block, certificate)?;
                writer.fold(false)
            })
        });
        (writer, done)
    });
    match copied.await {
        Ok((writer, done)) => (Some(writer), done),
        Err(_) => (
            None,
            Err(WriteError::State("the copying thread ended".to_owned())),
        ),
    }
}

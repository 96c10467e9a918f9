//! A follower: copies another node's blocks, checks every certificate, executes every block again
//! and serves the same interface for reading. It takes no transactions and has no vote.
//!
//! It logs in as its own member (blocks are for members) with the host key named in its
//! configuration, or reads a node that is open to it.

use std::sync::Arc;
use std::time::Duration;

use medfolder_client::api::ledger::MAX_BLOCKS;
use medfolder_client::clock::Clock as ClientClock;
use medfolder_client::http::{Http, HttpError, HttpOptions};
use medfolder_client::keyfile::{self, KeyFileError};
use medfolder_client::login::{Door, Identity, LoginFailure};
use medfolder_crypto::{SigningKey, from_cbor};
use medfolder_ledger::login::LoginSubject;
use medfolder_ledger::{Block, Certificate, block};
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::ledger::{Ledger, OpenError, Parts, WriteError, Writer, open};

/// Longest answer with blocks, in bytes.
const MAX_ANSWER: usize = 96 << 20;
/// Pause when there is nothing new.
const PAUSE: Duration = Duration::from_millis(200);
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
            FollowError::Http(error) => error.code(),
            FollowError::Login(error) => error.code(),
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
                PAUSE
            }
            Ok(pairs) => {
                let (back, done) = copy(held, pairs).await;
                writer = back;
                report(&ledger, done.as_ref().map_err(WriteError::code))
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

fn report(ledger: &Ledger, done: Result<&(), &'static str>) -> Duration {
    ledger.set_failure(done.err());
    match done {
        Ok(()) => Duration::ZERO,
        Err(code) => {
            tracing::error!(code, "a copied block does not hold");
            RETRY
        }
    }
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

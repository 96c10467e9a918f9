//! The signer: a process of its own that holds doctors' keys.
//!
//! It asks the inner zone for records that wait for its doctors, computes each content root itself
//! ([`examine`]), signs, and answers. No process of a gateway can read a key or a PIN; the signer
//! needs no port, no database and no ledger.

mod config;
pub mod examine;
mod inner_client;
pub mod keyfile;

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::SharedClock;
use crate::worklist::{Answer, Answered, Answers, Item, VERSION};
pub(crate) use config::read_private;
pub use config::{AskPin, Config, KeyEntry};
use examine::{Chain, Refusal};
use inner_client::InnerClient;
use keyfile::DoctorKey;

/// Why a signer stops, or cannot start.
#[derive(Debug, Error)]
pub enum SignerError {
    /// The configuration or a file that it names cannot be read.
    #[error("the signer's configuration is not usable: {0}")]
    Config(&'static str),
    /// A key file does not open.
    #[error(transparent)]
    Key(#[from] keyfile::KeyFileError),
    /// No PIN was given.
    #[error("a PIN is needed")]
    NoPin,
    /// The inner zone does not take the token.
    #[error("the inner zone does not take this signer's token")]
    Token,
    /// The inner zone answers otherwise than agreed.
    #[error("the inner zone's answer is not understood")]
    Answer,
    /// The inner zone cannot be reached.
    #[error("the inner zone cannot be reached")]
    Unreachable(#[from] reqwest::Error),
}

impl SignerError {
    /// Stable code of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Config(_) => "signer.config",
            Self::Key(error) => error.code(),
            Self::NoPin => "signer.no_pin",
            Self::Token => "signer.token",
            Self::Answer => "signer.answer",
            Self::Unreachable(_) => "signer.unreachable",
        }
    }
}

struct Signer {
    chain: Chain,
    keys: Vec<DoctorKey>,
    inner: InnerClient,
    clock: SharedClock,
}

/// Signs what waits for `keys` until `shutdown` turns true. An inner zone that is away or
/// restarts is asked again.
///
/// # Errors
/// [`SignerError`] when the signer cannot start.
pub fn serve(
    config: &Config,
    keys: Vec<DoctorKey>,
    clock: SharedClock,
    shutdown: watch::Receiver<bool>,
) -> Result<JoinHandle<()>, SignerError> {
    let bytes = std::fs::read(&config.genesis).map_err(|_| SignerError::Config("genesis"))?;
    let genesis =
        medfolder_ledger::Chain::from_bytes(&bytes).map_err(|_| SignerError::Config("genesis"))?;
    let chain = Chain {
        suite: genesis.suite(),
        genesis: genesis.digest(),
        member: config.member,
    };
    let inner = InnerClient::new(&config.inner, read_private(&config.token_file)?)?;
    let signer = Arc::new(Signer {
        chain,
        keys,
        inner,
        clock,
    });
    Ok(tokio::spawn(run(
        signer,
        Duration::from_millis(config.poll.max(10)),
        shutdown,
    )))
}

async fn run(signer: Arc<Signer>, poll: Duration, mut shutdown: watch::Receiver<bool>) {
    while !*shutdown.borrow() {
        let rest = match round(&signer).await {
            Ok(0) => poll,
            Ok(_) => Duration::ZERO,
            Err(error) => {
                tracing::warn!(code = error.code(), "the work list cannot be worked on");
                poll.max(Duration::from_secs(1))
            }
        };
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            changed = shutdown.changed() => if changed.is_err() { return },
        }
    }
}

/// Goes through the work list once; returns how many answers were taken. While one page is signed
/// and answered, the next one is fetched.
async fn round(signer: &Arc<Signer>) -> Result<usize, SignerError> {
    let keys: Vec<_> = signer
        .keys
        .iter()
        .map(|key| key.public().key_id())
        .collect();
    let mut taken = 0;
    let mut page = signer.inner.items(&keys, 0).await?;
    while let Some(last) = page.last().map(|item| item.id) {
        let next = signer.inner.items(&keys, last);
        let (answered, next) = tokio::join!(answer_page(signer, page), next);
        taken += answered?;
        page = next?;
    }
    Ok(taken)
}

async fn answer_page(signer: &Arc<Signer>, items: Vec<Item>) -> Result<usize, SignerError> {
    let mut whole = Vec::with_capacity(items.len());
    for item in &items {
        whole.push(attachments_hold(signer, item).await?);
    }
    let worker = Arc::clone(signer);
    let answers = tokio::task::spawn_blocking(move || worker.answer_all(&items, &whole))
        .await
        .map_err(|_| SignerError::Answer)?;
    let codes = signer
        .inner
        .answer(Answers {
            version: VERSION,
            answers,
        })
        .await?;
    for code in codes.iter().flatten() {
        tracing::warn!(code, "an answer was not taken");
    }
    Ok(codes.iter().filter(|code| code.is_none()).count())
}

async fn attachments_hold(signer: &Signer, item: &Item) -> Result<bool, SignerError> {
    for (index, attachment) in item.attachments.iter().enumerate() {
        let found = signer
            .inner
            .attachment(signer.chain.suite, item.id, index)
            .await?;
        if found != (attachment.digest, attachment.size) {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Signer {
    fn answer_all(&self, items: &[Item], whole: &[bool]) -> Vec<Answered> {
        let now = self.clock.now();
        let answers = items.iter().zip(whole).map(|(item, whole)| {
            let signed = if *whole {
                self.sign(item, now)
            } else {
                Err(Refusal::Attachment)
            };
            let answer = match signed {
                Ok(signature) => Answer::Signed(signature),
                Err(refusal) => Answer::Refused(refusal.code().to_owned()),
            };
            Answered {
                id: item.id,
                answer,
            }
        });
        answers.collect()
    }

    fn sign(&self, item: &Item, now: u64) -> Result<medfolder_record::DoctorSignature, Refusal> {
        let key = self
            .keys
            .iter()
            .find(|key| key.public().key_id() == item.key)
            .ok_or(Refusal::OtherAuthor)?;
        examine::sign(&self.chain, key, item, now)
    }
}

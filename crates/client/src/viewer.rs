//! Opens anybody's SMART Health Link: drives the share crate's viewer over HTTP.
//!
//! A link is hostile input. Only https (http to a loopback address that the link itself names), no
//! redirects, no address inside the reader's own network unless the reader chose that host, limits
//! on time and size, no credentials, nothing of a body in an error.
//!
//! A link that does not open is asked why, with its status secret: only hosts of this system
//! answer, and only to somebody who holds the link.

use std::time::Duration;

use medfolder_share::address::{self, AddressError};
use medfolder_share::manifest::{MAX_MANIFEST_BYTES, ManifestStatus};
use medfolder_share::read::{LinkError, LinkWarning, read_link};
use medfolder_share::receipt::SignedReceipt;
use medfolder_share::rules::status::{self, ShareCondition, StatusAnswer};
use medfolder_share::viewer::{Response, Step, ViewedFile, Viewer, ViewerError, ViewerOptions};
use medfolder_share::{Link, LinkKey};
use rand_core::CryptoRng;
use reqwest::{Method, header};
use url::{Host, Url};
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::http::{Guard, Http, HttpError, HttpOptions, bytes};

/// Longest encrypted file that is read, in bytes of text.
const MAX_FILE: usize = 32 << 20;
/// Longest wait that a host may ask for, in milliseconds.
const MAX_WAIT: u64 = 60_000;
const STATUS_LIMIT: usize = 16 * 1024;
/// How often a host that is too busy to say why is asked again, and the longest wait (s) before each.
const STATUS_TRIES: u32 = 3;
const STATUS_WAIT: u64 = 20;

/// Which addresses a link may lead to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Only the public internet: for a server that opens links for others.
    #[default]
    Public,
    /// Also the host that the link names, wherever it is: for a person at her own machine.
    OwnHost,
}

/// How to open a link.
#[derive(Clone, Default)]
pub struct OpenOptions {
    /// Who is reading; must not be blank.
    pub recipient: String,
    /// The passcode, where the link wants one.
    pub passcode: Option<Zeroizing<String>>,
    /// Where it may lead.
    pub reach: Reach,
}

impl core::fmt::Debug for OpenOptions {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "OpenOptions {{ passcode: …, reach: {:?} }}", self.reach)
    }
}

/// Why a link did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The text is no link that can be opened.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The link leads where this reader does not go.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// No connection can be made from this machine, or the host is not the one that it says.
    #[error(transparent)]
    Http(HttpError),
    /// The host refused, and does not say why.
    #[error(transparent)]
    Viewer(#[from] ViewerError),
    /// The host says to the holder of the link why it does not open.
    #[error("the share does not open any more")]
    Ended(StatusAnswer, ShareCondition),
    /// A passcode is needed and none was given.
    #[error("a passcode is needed")]
    PasscodeNeeded,
    /// The passcode was wrong.
    #[error("the passcode is wrong")]
    PasscodeWrong {
        /// Tries left, if the host said so.
        remaining: Option<u32>,
    },
}

impl OpenError {
    /// Stable code of the error.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            OpenError::Link(error) => error.code(),
            OpenError::Address(error) => error.code(),
            OpenError::Http(error) => error.code(),
            OpenError::Viewer(error) => error.code(),
            OpenError::Ended(_, condition) => condition.code().unwrap_or("share.not_available"),
            OpenError::PasscodeNeeded => "share.passcode_needed",
            OpenError::PasscodeWrong { .. } => "share.passcode_wrong",
        }
    }
}

/// What a link held.
#[derive(Debug)]
pub struct OpenedLink {
    /// The link's label, plaintext by its issuer.
    pub label: Option<String>,
    /// What was odd about the link.
    pub warnings: Vec<LinkWarning>,
    /// What the manifest says of its future.
    pub status: Option<ManifestStatus>,
    /// The host's word that the ledger will have this opening; hosts of this system give one.
    pub receipt: Option<SignedReceipt>,
    /// Every file, opened or with its problem.
    pub files: Vec<ViewedFile>,
}

/// Opens a link: reads it, fetches and decrypts all its files.
///
/// # Errors
/// [`OpenError`]. A file that does not open is no error: it stands in the list with its problem.
pub async fn open_link(
    text: &str,
    options: OpenOptions,
    clock: &Clock,
    rng: &mut impl CryptoRng,
) -> Result<OpenedLink, OpenError> {
    let read = read_link(text)?;
    let http = connections(&read.link, options.reach)?;
    let (key, url) = (read.link.key().duplicate(), read.link.url().clone());
    let label = read.link.label().map(str::to_owned);
    let viewer_options = ViewerOptions {
        recipient: options.recipient,
        passcode: options.passcode.clone(),
        session: Some(random_name(rng)),
        reader_value: Some(random_name(rng)),
        ..ViewerOptions::default()
    };
    let mut viewer = Viewer::new(read.link, viewer_options, clock.now())?;
    let given = options.passcode.is_some();
    match drive(&mut viewer, &http, clock, given).await {
        Ok(()) => {}
        Err(OpenError::Viewer(error @ (ViewerError::NotAvailable | ViewerError::Locked))) => {
            return Err(ask_why(&http, &url, &key)
                .await
                .unwrap_or(OpenError::Viewer(error)));
        }
        Err(error) => return Err(error),
    }
    let (status, receipt) = (viewer.status(), viewer.receipt().cloned());
    Ok(OpenedLink {
        label,
        warnings: read.warnings,
        status,
        receipt,
        files: viewer.into_files(),
    })
}

/// Connections that go where this link may lead and nowhere else.
fn connections(link: &Link, reach: Reach) -> Result<Http, OpenError> {
    let guard = match reach {
        Reach::Public => {
            refuse_private(link.url())?;
            Guard::public_only()
        }
        Reach::OwnHost => Guard::except(link.url().host_str().unwrap_or_default()),
    };
    Http::new(HttpOptions {
        guard: Some(guard),
        ..HttpOptions::default()
    })
    .map_err(OpenError::Http)
}

fn refuse_private(url: &Url) -> Result<(), AddressError> {
    let private = match url.host() {
        Some(Host::Ipv4(v4)) => address::is_private_ip(v4.into()),
        Some(Host::Ipv6(v6)) => address::is_private_ip(v6.into()),
        _ => address::is_loopback(url),
    };
    if private {
        Err(AddressError::Private)
    } else {
        Ok(())
    }
}

/// Does what the viewer asks for until it is done.
async fn drive(
    viewer: &mut Viewer,
    http: &Http,
    clock: &Clock,
    passcode_given: bool,
) -> Result<(), OpenError> {
    loop {
        let answer = match viewer.step(clock.now()) {
            Step::Done => return Ok(()),
            Step::AskPasscode { .. } if !passcode_given => return Err(OpenError::PasscodeNeeded),
            Step::AskPasscode { remaining } => return Err(OpenError::PasscodeWrong { remaining }),
            Step::WaitUntil(until) => {
                wait_until(until, clock.now()).await?;
                continue;
            }
            Step::Post { url, body } => {
                exchange(http, Method::POST, &url, Some(&body), MAX_MANIFEST_BYTES).await
            }
            Step::Get { url } => exchange(http, Method::GET, &url, None, MAX_FILE).await,
        };
        match answer {
            Ok(answer) => viewer.answer(clock.now(), answer.as_response())?,
            // Somebody else may be answering for the host: more than being out of reach.
            Err(error @ HttpError::Certificate) => return Err(OpenError::Http(error)),
            Err(HttpError::TooLarge) => viewer.too_large()?,
            Err(_) => viewer.unreachable()?,
        }
    }
}

async fn wait_until(until: u64, now: u64) -> Result<(), ViewerError> {
    let wait = until.saturating_sub(now);
    if wait > MAX_WAIT {
        return Err(ViewerError::TooBusy);
    }
    tokio::time::sleep(Duration::from_millis(wait)).await;
    Ok(())
}

struct Answer {
    status: u16,
    retry_after: Option<String>,
    body: Vec<u8>,
}

impl Answer {
    fn as_response(&self) -> Response<'_> {
        let retry_after = self.retry_after.as_deref();
        Response {
            status: self.status,
            retry_after,
            body: &self.body,
        }
    }
}

async fn exchange(
    http: &Http,
    method: Method,
    url: &str,
    body: Option<&[u8]>,
    limit: usize,
) -> Result<Answer, HttpError> {
    let url = address::link_address(url)?;
    let mut request = http.request(method, &url)?;
    if let Some(body) = body {
        request = request
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.to_vec());
    }
    let response = request.send().await?;
    let status = response.status().as_u16();
    let retry_after = response.headers().get(header::RETRY_AFTER);
    let retry_after = retry_after
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    Ok(Answer {
        status,
        retry_after,
        body: bytes(response, limit).await?,
    })
}

/// What the host tells the holder of a link that does not open.
async fn ask_why(http: &Http, url: &Url, key: &LinkKey) -> Option<OpenError> {
    let body = status::status_request(key);
    let asked = status::status_url(url.as_str());
    let mut answer = exchange(http, Method::POST, &asked, Some(&body), STATUS_LIMIT).await;
    for _ in 0..STATUS_TRIES {
        // Many ask at once: it is worth a moment, as only this answer says why.
        let wait = busy_for(answer.as_ref().ok()?);
        let Some(wait) = wait else { break };
        tokio::time::sleep(wait).await;
        answer = exchange(http, Method::POST, &asked, Some(&body), STATUS_LIMIT).await;
    }
    let answer = answer.ok().filter(|answer| answer.status == 200)?;
    let answer: StatusAnswer = serde_json::from_slice(&answer.body).ok()?;
    let condition = answer.state;
    condition.code()?;
    Some(OpenError::Ended(answer, condition))
}

/// How long a host that is too busy now wants to be left alone, where that is a moment.
fn busy_for(answer: &Answer) -> Option<Duration> {
    let asked = answer.retry_after.as_deref();
    let seconds: u64 = asked.map_or(Some(1), |text| text.trim().parse().ok())?;
    let is_short = answer.status == 429 && seconds <= STATUS_WAIT;
    is_short.then(|| Duration::from_secs(seconds))
}

fn random_name(rng: &mut impl CryptoRng) -> String {
    let mut bytes = [0u8; 16];
    rng.fill_bytes(&mut bytes);
    hex::encode(bytes)
}

#[cfg(test)]
mod tests;

//! HTTP for every client of this crate: strict about addresses, sizes, time and certificates.
//!
//! - https only, plain http to loopback addresses (the demo on one machine).
//! - No redirects, no proxies from the environment, no cookies.
//! - A [`Pin`] from a member's ledger entry replaces the public certificate authorities.
//! - Every answer has a size limit; a longer one is dropped while it arrives.
//! - One that is read whole has a slowest [`Pace`]: nobody holds a client for ever with a byte now
//!   and then. What streams (records, attachments) has a longest pause only.
//! - A failure says whether the server may have acted ([`HttpError::outcome_unknown`]).

mod error;
mod guard;
mod tls;

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};
use url::Url;

use medfolder_share::address;

use crate::api::Problem;
use crate::api::codes::is_code;

pub use error::HttpError;
pub use guard::Guard;
pub use tls::{Pin, public_authorities};

/// Longest JSON answer that is read unless the caller says otherwise, in bytes.
pub const JSON_LIMIT: usize = 8 * 1024 * 1024;
/// Longest problem document that is read, in bytes.
const PROBLEM_LIMIT: usize = 16 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const READ_TIMEOUT: Duration = Duration::from_secs(30);
const PACE: Pace = Pace {
    grace: Duration::from_secs(60),
    rate: 8 * 1024,
};
const USER_AGENT: &str = concat!("medfolder/", env!("CARGO_PKG_VERSION"));

/// How slowly an answer may arrive: in `grace` and a second more for each `rate` bytes of it.
#[derive(Clone, Copy, Debug)]
struct Pace {
    grace: Duration,
    rate: u64,
}

impl Pace {
    /// When the part after these bytes has to be here, counted from the beginning.
    fn allows(self, received: usize) -> Duration {
        self.grace + Duration::from_secs(received as u64 / self.rate)
    }
}

/// How to reach a server.
#[derive(Clone, Debug, Default)]
pub struct HttpOptions {
    /// The server's key, from its member's ledger entry; public authorities are asked without one.
    pub pin: Option<Pin>,
    /// Which addresses host names may resolve to; any without one.
    pub guard: Option<Guard>,
    /// Longest wait for a connection; 5 s without one.
    pub connect_timeout: Option<Duration>,
    /// Longest pause while an answer arrives; 30 s without one.
    pub read_timeout: Option<Duration>,
}

/// A pool of connections under one set of options. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Http(reqwest::Client);

impl Http {
    /// Makes a client.
    ///
    /// # Errors
    /// [`HttpError::Setup`] when TLS cannot be set up on this machine.
    pub fn new(options: HttpOptions) -> Result<Self, HttpError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(options.connect_timeout.unwrap_or(CONNECT_TIMEOUT))
            .read_timeout(options.read_timeout.unwrap_or(READ_TIMEOUT));
        builder = builder.tls_backend_preconfigured(tls::config(options.pin)?);
        if let Some(guard) = options.guard {
            builder = builder.dns_resolver(guard);
        }
        builder.build().map(Self).map_err(|_| HttpError::Setup)
    }

    /// Begins a request to an address that is https, or http on a loopback address.
    ///
    /// # Errors
    /// [`HttpError::Address`].
    pub fn request(&self, method: Method, url: &Url) -> Result<RequestBuilder, HttpError> {
        let url = address::link_address(url.as_str())?;
        Ok(self.0.request(method, url))
    }

    /// `GET` with an optional token; the answer as JSON.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn get<T: DeserializeOwned>(
        &self,
        url: &Url,
        token: Option<&str>,
    ) -> Result<T, HttpError> {
        let request = authorised(self.request(Method::GET, url)?, token);
        json(send(request).await?).await
    }

    /// `POST` of JSON with an optional token; the answer as JSON.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn post<T: DeserializeOwned>(
        &self,
        url: &Url,
        token: Option<&str>,
        body: &impl Serialize,
    ) -> Result<T, HttpError> {
        let request = authorised(self.request(Method::POST, url)?, token).json(body);
        json(send(request).await?).await
    }

    /// `GET` with an optional token; the answer's bytes, at most `limit`.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn get_bytes(
        &self,
        url: &Url,
        token: Option<&str>,
        limit: usize,
    ) -> Result<Vec<u8>, HttpError> {
        let request = authorised(self.request(Method::GET, url)?, token);
        bytes(send(request).await?, limit).await
    }

    /// `PUT` of bytes with an optional token.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn put_bytes(
        &self,
        url: &Url,
        token: Option<&str>,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<(), HttpError> {
        let request = authorised(self.request(Method::PUT, url)?, token)
            .header(header::CONTENT_TYPE, content_type)
            .body(body);
        send(request).await.map(drop)
    }
}

/// The address `path` below `base`; both `https://h` and `https://h/` give `https://h/v1/…`.
///
/// # Errors
/// [`HttpError::Address`] when they give no address.
pub fn join(base: &Url, path: &str) -> Result<Url, HttpError> {
    let text = format!(
        "{}/{}",
        base.as_str().trim_end_matches('/'),
        path.trim_start_matches('/')
    );
    Ok(address::link_address(&text)?)
}

/// Scheme, host and port of an address, as log-ins and signed requests name it.
#[must_use]
pub fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Adds the session's token.
pub fn authorised(request: RequestBuilder, token: Option<&str>) -> RequestBuilder {
    match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    }
}

/// Sends a request; an answer other than a success is an error with its code.
///
/// # Errors
/// [`HttpError`].
pub async fn send(request: RequestBuilder) -> Result<Response, HttpError> {
    let response = request.send().await?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    if status.is_redirection() {
        return Err(HttpError::Redirected);
    }
    let body = bytes(response, PROBLEM_LIMIT).await.unwrap_or_default();
    Err(match serde_json::from_slice::<Problem>(&body) {
        Ok(problem) if is_code(&problem.code) => HttpError::Problem(Problem {
            status: status.as_u16(),
            ..problem
        }),
        _ => HttpError::Status(status.as_u16()),
    })
}

/// Reads an answer as JSON.
///
/// # Errors
/// [`HttpError`].
pub async fn json<T: DeserializeOwned>(response: Response) -> Result<T, HttpError> {
    let body = bytes(response, JSON_LIMIT).await?;
    serde_json::from_slice(&body).map_err(|_| HttpError::Malformed)
}

/// Reads an answer's bytes, at most `limit`.
///
/// # Errors
/// [`HttpError::TooLarge`] as soon as the limit is passed, whatever the server announced;
/// [`HttpError::Interrupted`] for an answer that drips.
pub async fn bytes(response: Response, limit: usize) -> Result<Vec<u8>, HttpError> {
    bytes_at(PACE, response, limit).await
}

async fn bytes_at(pace: Pace, mut response: Response, limit: usize) -> Result<Vec<u8>, HttpError> {
    let begun = Instant::now();
    let announced = response.content_length().unwrap_or(0);
    if announced > limit as u64 {
        return Err(HttpError::TooLarge);
    }
    let mut body = Vec::with_capacity(usize::try_from(announced).unwrap_or(0));
    while let Some(chunk) = timeout_at(begun + pace.allows(body.len()), response.chunk())
        .await
        .map_err(|_| HttpError::Interrupted)??
    {
        if body.len().saturating_add(chunk.len()) > limit {
            return Err(HttpError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests;

//! A share's host: make a share with a card's session, keep it with the grant's key.

use std::sync::Arc;
use std::time::Duration;

use medfolder_crypto::{Digest, Signature, SigningKey};
use medfolder_record::GrantId;
use medfolder_share::content_type::JOSE;
use reqwest::{Method, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;
use url::Url;

use crate::api::Blob;
use crate::api::share::{
    AccessesAnswer, ConfirmRequest, Draft, DraftId, EndRequest, HeldAnswer, HeldShare,
    PasscodeRequest, PublishRequest, Published, SIGNATURE_HEADER, ShareState,
};
use crate::clock::Clock;
use crate::grant_request::GrantRequest;
use crate::http::{Http, HttpError, join, json, origin, send};
use crate::login::{Door, LoginFailure};

/// Requests with files that run at once.
const PARALLEL_UPLOADS: usize = 4;
/// Text of small files that travel in one request, in bytes.
const PARCEL: usize = 1 << 20;
/// How often a request with an unknown outcome is sent again, as the same bytes.
const TRIES: u32 = 5;

/// A host, with a card's session. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ShareHost(Door);

impl ShareHost {
    /// Behind a door that logs in with the card.
    #[must_use]
    pub const fn new(door: Door) -> Self {
        Self(door)
    }

    /// A place for a share; what its address is.
    ///
    /// # Errors
    /// [`LoginFailure`].
    pub async fn draft(&self) -> Result<Draft, LoginFailure> {
        self.0
            .post("v1/shares/drafts", &serde_json::Map::new())
            .await
    }

    /// Uploads the encrypted files, each at its place in `files`: small ones many at a time.
    ///
    /// # Errors
    /// [`LoginFailure`] of the first request that failed; uploading again is harmless.
    pub async fn upload(&self, draft: DraftId, files: Vec<String>) -> Result<(), LoginFailure> {
        let mut waiting = parcels(files).into_iter();
        let mut running = JoinSet::new();
        loop {
            while running.len() < PARALLEL_UPLOADS {
                let Some((first, text)) = waiting.next() else {
                    break;
                };
                running.spawn(self.clone().upload_some(draft, first, text));
            }
            match running.join_next().await {
                Some(Ok(done)) => done?,
                Some(Err(_)) => return Err(HttpError::Interrupted.into()),
                None => return Ok(()),
            }
        }
    }

    async fn upload_some(
        self,
        draft: DraftId,
        first: usize,
        text: String,
    ) -> Result<(), LoginFailure> {
        let path = format!("v1/shares/drafts/{draft}/files?first={first}");
        let mut tries = Tries::default();
        loop {
            match self.0.put(&path, JOSE, text.as_bytes()).await {
                Err(error) if tries.another(&error).await => {}
                done => return done,
            }
        }
    }

    /// Shares of the card's predecessors that rest since a hand-over at the desk.
    ///
    /// # Errors
    /// [`LoginFailure`].
    pub async fn held(&self) -> Result<Vec<HeldShare>, LoginFailure> {
        let answer: HeldAnswer = self.0.get("v1/shares/held").await?;
        Ok(answer.shares)
    }

    /// Lets such a share go on, with the card's consent to its grant.
    ///
    /// # Errors
    /// [`LoginFailure`].
    pub async fn confirm(&self, grant: GrantId, consent: Signature) -> Result<(), LoginFailure> {
        let body = serde_json::to_vec(&ConfirmRequest { consent });
        let body = body.map_err(|_| HttpError::Malformed)?;
        let path = format!("v1/shares/held/{grant}");
        self.0.put(&path, "application/json", &body).await
    }

    /// Makes a draft live. The host answers only when the grant is final, and the same for the
    /// same grant, so an unknown outcome is resolved by asking again.
    ///
    /// # Errors
    /// [`LoginFailure`].
    pub async fn publish(
        &self,
        draft: DraftId,
        request: &PublishRequest,
    ) -> Result<Published, LoginFailure> {
        let path = format!("v1/shares/drafts/{draft}/publish");
        let mut tries = Tries::default();
        loop {
            match self.0.post(&path, request).await {
                Err(error) if tries.another(&error).await => {}
                done => return done,
            }
        }
    }
}

/// Neighbours travel together, one a line, until they are as long as a parcel may be; a longer file
/// travels alone.
fn parcels(files: Vec<String>) -> Vec<(usize, String)> {
    let mut parcels: Vec<(usize, String)> = Vec::new();
    for (k, jwe) in files.into_iter().enumerate() {
        match parcels.last_mut() {
            Some((_, text)) if text.len() + jwe.len() < PARCEL => {
                text.push('\n');
                text.push_str(&jwe);
            }
            _ => parcels.push((k, jwe)),
        }
    }
    parcels
}

/// Counts how often the same bytes were sent while nobody knew what became of them.
#[derive(Default)]
struct Tries(u32);

impl Tries {
    /// Whether to try again; waits longer each time.
    async fn another(&mut self, error: &LoginFailure) -> bool {
        let LoginFailure::Http(error) = error else {
            return false;
        };
        self.0 += 1;
        if self.0 >= TRIES || !error.worth_another_try() {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(100 << self.0)).await;
        true
    }
}

/// A share's owner at its host: every request is signed with the grant key.
#[derive(Clone, Debug)]
pub struct ShareOwner {
    /// Connections to the host.
    pub http: Http,
    /// The host.
    pub base: Url,
    /// The consortium.
    pub genesis: Digest,
    /// The share.
    pub grant: GrantId,
    /// The grant key.
    pub key: Arc<SigningKey>,
    /// The time.
    pub clock: Clock,
}

impl ShareOwner {
    /// What the host recorded of each access.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn accesses(&self) -> Result<AccessesAnswer, HttpError> {
        self.request(Method::GET, "accesses", Vec::new()).await
    }

    /// Whether the share opens, how often it was opened, how many tries are left.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn state(&self) -> Result<ShareState, HttpError> {
        self.request(Method::GET, "state", Vec::new()).await
    }

    /// A new passcode with new tries.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn set_passcode(&self, passcode: &str) -> Result<ShareState, HttpError> {
        self.post(
            "passcode",
            &PasscodeRequest {
                passcode: passcode.to_owned(),
            },
        )
        .await
    }

    /// Ends the share now, with a Revoke that the grant key signed.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn revoke(&self, transaction: Vec<u8>) -> Result<ShareState, HttpError> {
        self.end("revoke", transaction).await
    }

    /// Ends the share earlier, with a Shorten that the grant key signed.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn shorten(&self, transaction: Vec<u8>) -> Result<ShareState, HttpError> {
        self.end("shorten", transaction).await
    }

    /// Ends the share later, with an Extend that the grant key signed; the host co-signs.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn extend(&self, transaction: Vec<u8>) -> Result<ShareState, HttpError> {
        self.end("extend", transaction).await
    }

    async fn end(&self, verb: &str, transaction: Vec<u8>) -> Result<ShareState, HttpError> {
        self.post(
            verb,
            &EndRequest {
                transaction: Blob(transaction),
            },
        )
        .await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        verb: &str,
        body: &impl Serialize,
    ) -> Result<T, HttpError> {
        let body = serde_json::to_vec(body).map_err(|_| HttpError::Malformed)?;
        self.request(Method::POST, verb, body).await
    }

    async fn request<T: DeserializeOwned>(
        &self,
        method: Method,
        verb: &str,
        body: Vec<u8>,
    ) -> Result<T, HttpError> {
        let url = join(&self.base, &format!("v1/shares/{}/{verb}", self.grant))?;
        let signed = GrantRequest {
            genesis: self.genesis,
            grant: self.grant,
            method: method.as_str(),
            origin: &origin(&url),
            path: &asked(&url),
            body: &body,
        }
        .sign(&self.key, self.clock.now());
        let mut request = self
            .http
            .request(method, &url)?
            .header(SIGNATURE_HEADER, signed);
        if !body.is_empty() {
            request = request
                .header(header::CONTENT_TYPE, "application/json")
                .body(body);
        }
        json(send(request).await?).await
    }
}

/// Path and query, as the host sees them.
fn asked(url: &Url) -> String {
    let query = url.query().map(|query| format!("?{query}"));
    format!("{}{}", url.path(), query.unwrap_or_default())
}

#[cfg(test)]
mod tests;

//! Opening a session at a node or an edge with a key of one's own.
//!
//! The challenge names the server's member; whoever logs in says which member she means, so that
//! one server cannot pass on another's challenge. The statement covers chain, member, origin,
//! subject, challenge and end.

use std::sync::Arc;

use medfolder_crypto::{Digest, SigningKey};
use medfolder_ledger::login::{
    CHALLENGE_LIFETIME, LOGIN_VERSION, LoginStatement, LoginSubject, ShownKeys,
};
use medfolder_record::MemberId;
use reqwest::{Method, RequestBuilder, Response, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use url::Url;

use crate::api::Peer;
use crate::api::session::{Challenge, ChallengeRequest, Session, SessionRequest};
use crate::clock::Clock;
use crate::http::{Http, HttpError, authorised, bytes, join, json, origin, send};

/// A token is renewed when it has less than this left, in milliseconds.
const RENEWAL: u64 = 60_000;

/// Why no session was opened.
#[derive(Debug, thiserror::Error)]
pub enum LoginFailure {
    /// The server could not be asked, or refused.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The server says that it is another member's.
    #[error("the server belongs to another member than expected")]
    OtherMember,
    /// The challenge runs longer than allowed or is over; one of the two clocks is wrong.
    #[error("the server's clock and this one differ too much")]
    Clock,
}

impl LoginFailure {
    /// Stable code of the error; the server's own when it gave one: of a server that is trusted. Any
    /// other's is asked for with [`LoginFailure::code_from`].
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            LoginFailure::Http(error) => error.code(),
            LoginFailure::OtherMember => "login.other_member",
            LoginFailure::Clock => "login.clock",
        }
    }

    /// Stable code of the error, with a server of this kind's own when it gave one that it may say.
    #[must_use]
    pub fn code_from(&self, peer: Peer) -> &str {
        match self {
            LoginFailure::Http(error) => error.code_from(peer),
            own => own.code(),
        }
    }
}

/// Who logs in, with what she shows of herself.
#[derive(Clone)]
pub struct Identity {
    /// The subject.
    pub subject: LoginSubject,
    /// A card's or folder's public keys, of which the ledger holds only the digest.
    pub keys: Option<ShownKeys>,
    /// The key that answers.
    pub key: Arc<SigningKey>,
}

impl core::fmt::Debug for Identity {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Identity({})", self.subject)
    }
}

/// Opens one session.
///
/// # Errors
/// [`LoginFailure`].
pub async fn log_in(
    http: &Http,
    base: &Url,
    genesis: Digest,
    member: Option<MemberId>,
    identity: &Identity,
    clock: &Clock,
) -> Result<Session, LoginFailure> {
    let request = ChallengeRequest {
        subject: identity.subject,
    };
    let challenge: Challenge = http
        .post(&join(base, "v1/sessions/challenge")?, None, &request)
        .await?;
    if member.is_some_and(|member| member != challenge.member) {
        return Err(LoginFailure::OtherMember);
    }
    // A challenge that outlives its rule would be an answer for later use by somebody else.
    if challenge.expires > clock.now().saturating_add(2 * CHALLENGE_LIFETIME) {
        return Err(LoginFailure::Clock);
    }
    let statement = LoginStatement {
        version: LOGIN_VERSION,
        genesis,
        member: challenge.member,
        origin: origin(base),
        subject: identity.subject,
        challenge: challenge.challenge,
        expires: challenge.expires,
    };
    let answer = SessionRequest {
        subject: identity.subject,
        keys: identity.keys,
        challenge: challenge.challenge,
        signature: statement.sign(&identity.key),
    };
    Ok(http
        .post(&join(base, "v1/sessions")?, None, &answer)
        .await?)
}

/// A server together with who logs in there: opens a session when one is needed, again when the
/// server forgot it (a restart ends all sessions).
#[derive(Clone, Debug)]
pub struct Door {
    http: Http,
    base: Url,
    genesis: Digest,
    member: Option<MemberId>,
    identity: Identity,
    clock: Clock,
    session: Arc<Mutex<Option<Session>>>,
}

impl Door {
    /// A door at `base`; `member` is whose server it must be.
    #[must_use]
    pub fn new(
        http: Http,
        base: Url,
        genesis: Digest,
        member: Option<MemberId>,
        identity: Identity,
        clock: Clock,
    ) -> Self {
        Self {
            http,
            base,
            genesis,
            member,
            identity,
            clock,
            session: Arc::default(),
        }
    }

    /// The connections behind it.
    #[must_use]
    pub const fn http(&self) -> &Http {
        &self.http
    }

    /// The server's address.
    #[must_use]
    pub const fn base(&self) -> &Url {
        &self.base
    }

    /// A token that is good for another minute at least, unless the clock is wrong.
    ///
    /// # Errors
    /// [`LoginFailure`].
    pub async fn token(&self) -> Result<String, LoginFailure> {
        let mut session = self.session.lock().await;
        let now = self.clock.now();
        if let Some(open) = session.as_ref()
            && open.expires > now.saturating_add(RENEWAL)
        {
            return Ok(open.token.clone());
        }
        let (http, base) = (&self.http, &self.base);
        let opened = log_in(
            http,
            base,
            self.genesis,
            self.member,
            &self.identity,
            &self.clock,
        )
        .await?;
        let token = opened.token.clone();
        *session = Some(opened);
        Ok(token)
    }

    /// Forgets a token that the server does not take any more.
    pub async fn forget(&self, token: &str) {
        let mut session = self.session.lock().await;
        if session.as_ref().is_some_and(|open| open.token == token) {
            *session = None;
        }
    }

    /// Sends a request with a token; once more with a fresh one when the server says 401.
    ///
    /// # Errors
    /// [`LoginFailure`].
    pub async fn send(
        &self,
        build: impl Fn(&Http) -> Result<RequestBuilder, HttpError>,
    ) -> Result<Response, LoginFailure> {
        let token = self.token().await?;
        match send(authorised(build(&self.http)?, Some(&token))).await {
            Err(error) if error.status() == Some(401) => {
                self.forget(&token).await;
                let token = self.token().await?;
                Ok(send(authorised(build(&self.http)?, Some(&token))).await?)
            }
            done => Ok(done?),
        }
    }

    /// `GET` of a path below the server's address; the answer as JSON.
    ///
    /// # Errors
    /// [`LoginFailure`].
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, LoginFailure> {
        let url = join(&self.base, path)?;
        let response = self.send(|http| http.request(Method::GET, &url)).await?;
        Ok(json(response).await?)
    }

    /// `GET` of a path below the server's address; the answer's bytes, at most `limit`.
    ///
    /// # Errors
    /// [`LoginFailure`].
    pub async fn get_bytes(&self, path: &str, limit: usize) -> Result<Vec<u8>, LoginFailure> {
        let url = join(&self.base, path)?;
        let response = self.send(|http| http.request(Method::GET, &url)).await?;
        Ok(bytes(response, limit).await?)
    }

    /// `POST` of JSON to a path below the server's address; the answer as JSON.
    ///
    /// # Errors
    /// [`LoginFailure`].
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, LoginFailure> {
        let url = join(&self.base, path)?;
        let response = self
            .send(|http| Ok(http.request(Method::POST, &url)?.json(body)))
            .await?;
        Ok(json(response).await?)
    }

    /// `PUT` of bytes to a path below the server's address.
    ///
    /// # Errors
    /// [`LoginFailure`].
    pub async fn put(
        &self,
        path: &str,
        content_type: &str,
        body: &[u8],
    ) -> Result<(), LoginFailure> {
        let url = join(&self.base, path)?;
        let build = |http: &Http| {
            let put = http.request(Method::PUT, &url)?;
            Ok(put
                .header(header::CONTENT_TYPE, content_type)
                .body(body.to_vec()))
        };
        self.send(build).await.map(drop)
    }
}

#[cfg(test)]
mod tests;

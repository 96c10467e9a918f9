//! Who calls: a bearer token for each kind of caller, in files of mode 0600.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use medfolder_crypto::{Digest, Secret32, Suite, os_rng};
use medfolder_http::Problem;

use crate::inner::InnerError;
use crate::inner::config::Config;

/// A kind of caller.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// Hospital systems.
    Feed,
    /// Signers.
    Signer,
    /// The front desk and staff administration.
    Desk,
}

impl Caller {
    pub(super) const ALL: [Self; 3] = [Self::Feed, Self::Signer, Self::Desk];
}

/// Digests of the tokens; a digest is compared, so that time says nothing of a token.
pub(super) struct Tokens([(Caller, Digest); 3]);

impl Tokens {
    pub(super) fn load(config: &Config) -> Result<Self, InnerError> {
        let token = |path: &Path| token(path).map(|text| digest(&text));
        Ok(Self([
            (Caller::Feed, token(&config.feed_token())?),
            (Caller::Signer, token(&config.signer_token())?),
            (Caller::Desk, token(&config.desk_token())?),
        ]))
    }

    fn caller(&self, presented: &str) -> Option<Caller> {
        let presented = Secret32::new(digest(presented).0);
        let known = |token: &&(Caller, Digest)| Secret32::new(token.1.0) == presented;
        self.0.iter().find(known).map(|(caller, _)| *caller)
    }
}

fn digest(token: &str) -> Digest {
    Suite::International.hash(&[token.as_bytes()])
}

/// Reads a token, or makes one.
fn token(path: &Path) -> Result<zeroize::Zeroizing<String>, InnerError> {
    if !path.exists() {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let fresh = zeroize::Zeroizing::new(hex::encode(Secret32::random(&mut os_rng()).expose()));
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(fresh.as_bytes())?;
        file.sync_all()?;
        return Ok(fresh);
    }
    let text = crate::signer::read_private(path).map_err(|_| InnerError::Config("token file"))?;
    if text.len() < 32 {
        return Err(InnerError::Config("a token of fewer than 32 characters"));
    }
    Ok(text)
}

/// Which callers a group of routes lets in.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) tokens: Arc<Tokens>,
    pub(super) caller: &'static [Caller],
}

pub(super) async fn check(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let presented = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    match presented.and_then(|token| gate.tokens.caller(token)) {
        Some(caller) if gate.caller.contains(&caller) => next.run(request).await,
        Some(_) => Problem::forbidden("token.scope").into_response(),
        None => Problem::unauthorized("token.invalid").into_response(),
    }
}

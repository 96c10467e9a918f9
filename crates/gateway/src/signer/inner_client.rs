//! The signer's side of the work list, over HTTP.

use std::time::Duration;

use medfolder_client::http::public_authorities;
use medfolder_crypto::{Digest, Suite, from_cbor, to_cbor};
use medfolder_record::KeyId;
use zeroize::Zeroizing;

use super::SignerError;
use crate::worklist::{Answers, Item, Items, MAX_ITEMS, MAX_LIST, Taken, VERSION};

const TIMEOUT: Duration = Duration::from_secs(60);

pub(super) struct InnerClient {
    http: reqwest::Client,
    base: String,
    token: Zeroizing<String>,
}

impl InnerClient {
    pub(super) fn new(base: &str, token: Zeroizing<String>) -> Result<Self, SignerError> {
        let authorities = public_authorities().map_err(|_| SignerError::Config("tls"))?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(authorities)
            .timeout(TIMEOUT)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self {
            http,
            base: base.trim_end_matches('/').to_owned(),
            token,
        })
    }

    /// A page of the work list, from after the item `after`.
    pub(super) async fn items(&self, keys: &[KeyId], after: u64) -> Result<Vec<Item>, SignerError> {
        let names: Vec<String> = keys.iter().map(KeyId::to_string).collect();
        let names = names.join(",");
        let path = format!("worklist?keys={names}&after={after}&limit={MAX_ITEMS}");
        let bytes = limited(self.get(&path).await?).await?;
        let items: Items = from_cbor(&bytes, MAX_LIST).map_err(|_| SignerError::Answer)?;
        if items.version == VERSION {
            Ok(items.items)
        } else {
            Err(SignerError::Answer)
        }
    }

    /// H over an attachment's bytes and their count.
    pub(super) async fn attachment(
        &self,
        suite: Suite,
        item: u64,
        index: usize,
    ) -> Result<(Digest, u64), SignerError> {
        let mut response = self
            .get(&format!("worklist/{item}/attachments/{index}"))
            .await?;
        let (mut hasher, mut size) = (suite.hasher(), 0_u64);
        while let Some(part) = response.chunk().await? {
            hasher.update(&part);
            size = size.saturating_add(part.len() as u64);
        }
        Ok((hasher.finish(), size))
    }

    pub(super) async fn answer(
        &self,
        answers: Answers,
    ) -> Result<Vec<Option<String>>, SignerError> {
        let request = self.http.post(format!("{}/v1/worklist/answers", self.base));
        let request = request
            .header("content-type", "application/cbor")
            .body(to_cbor(&answers));
        let bytes = limited(self.send(request).await?).await?;
        let taken: Taken = from_cbor(&bytes, MAX_LIST).map_err(|_| SignerError::Answer)?;
        Ok(taken.codes)
    }

    async fn get(&self, path: &str) -> Result<reqwest::Response, SignerError> {
        self.send(self.http.get(format!("{}/v1/{path}", self.base)))
            .await
    }

    async fn send(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<reqwest::Response, SignerError> {
        let response = request.bearer_auth(self.token.as_str()).send().await?;
        match response.status().as_u16() {
            200 => Ok(response),
            401 | 403 => Err(SignerError::Token),
            _ => Err(SignerError::Answer),
        }
    }
}

async fn limited(mut response: reqwest::Response) -> Result<Vec<u8>, SignerError> {
    let mut bytes = Vec::new();
    while let Some(part) = response.chunk().await? {
        if bytes.len().saturating_add(part.len()) > MAX_LIST {
            return Err(SignerError::Answer);
        }
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}

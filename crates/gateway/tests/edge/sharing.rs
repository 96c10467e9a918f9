//! Sharing as a folder does it, reading as a viewer does it, over plain HTTP.

use medfolder_client::api::share::{
    AccessesAnswer, Draft, FileItem, PublishRequest, Published, ShareState,
};
use medfolder_client::card_consent;
use medfolder_client::grant_request::GrantRequest;
use medfolder_crypto::{SigningKey, os_rng};
use medfolder_gateway::clock::Clock;
use medfolder_ledger::body::{Body, Grant, Grantee, Revoke, Scope, Shorten};
use medfolder_record::{GrantId, RecordId};
use medfolder_share::jwe::{Zip, encrypt};
use medfolder_share::rules::status::status_digest;
use medfolder_share::{GrantSeed, LinkKey};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::chain::MEMBER;
use crate::world::{Card, FHIR, HOUR, World, json_of, text, with_token};

pub(crate) struct Shared {
    pub(crate) grant: GrantId,
    pub(crate) key: SigningKey,
    pub(crate) link: LinkKey,
    pub(crate) url: String,
    pub(crate) files: Vec<String>,
    pub(crate) published: Published,
}

#[derive(Clone)]
pub(crate) struct Wish {
    pub(crate) passcode: Option<&'static str>,
    pub(crate) openings: Option<u32>,
    pub(crate) direct: bool,
    pub(crate) items: u16,
    pub(crate) evidence: bool,
    pub(crate) lasts: u64,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            passcode: None,
            openings: None,
            direct: false,
            items: 2,
            evidence: true,
            lasts: HOUR,
        }
    }
}

impl World {
    pub(crate) fn grant(&self, key: &SigningKey, wish: &Wish) -> Grant {
        let records: Vec<RecordId> = (0..wish.items)
            .map(|n| RecordId(self.suite().hash(&[&n.to_be_bytes()])))
            .collect();
        Grant {
            key: key.public(),
            host: MEMBER,
            grantee: Grantee::Bearer,
            scope: Scope::of(self.suite(), &[1; 32], &records),
            from: self.clock.now(),
            until: self.clock.now() + wish.lasts,
            late: false,
            consent: self.consent(),
            uses: wish.openings,
        }
    }

    pub(crate) async fn draft(&self, token: &str, direct: bool) -> Draft {
        let response = self
            .post("/v1/shares/drafts", Some(token), &json!({"direct": direct}))
            .await;
        assert_eq!(response.status(), StatusCode::OK);
        response.json().await.unwrap()
    }

    pub(crate) async fn upload(
        &self,
        token: &str,
        draft: &Draft,
        k: usize,
        jwe: &str,
    ) -> StatusCode {
        let url = self.at(&format!("/v1/shares/drafts/{}/files/{k}", draft.draft));
        let request = self.http.put(url).body(jwe.to_owned());
        with_token(request, Some(token))
            .send()
            .await
            .unwrap()
            .status()
    }

    /// Makes a share as a folder does.
    pub(crate) async fn share(&self, card: &Card, wish: Wish) -> Shared {
        let token = self.log_in(card).await.unwrap();
        let draft = self.draft(&token, wish.direct).await;
        let link = LinkKey::generate(&mut os_rng());
        let count = usize::from(wish.items) + usize::from(wish.evidence && !wish.direct);
        let mut files = Vec::new();
        for k in 0..count {
            let jwe = file(
                &link,
                &format!(r#"{{"resourceType":"Bundle","id":"file-{k}"}}"#),
            );
            assert_eq!(
                self.upload(&token, &draft, k, &jwe).await,
                StatusCode::NO_CONTENT
            );
            files.push(jwe);
        }
        let key = GrantSeed::generate(&mut os_rng()).signing_key(self.suite());
        let request = self.publish_request(card, &key, &link, &wish, count);
        let path = format!("/v1/shares/drafts/{}/publish", draft.draft);
        let response = self.post(&path, Some(&token), &json!(request)).await;
        assert_eq!(
            response.status(),
            StatusCode::OK,
            "{}",
            response.text().await.unwrap()
        );
        let published: Published = response.json().await.unwrap();
        let grant = published.grant;
        Shared {
            grant,
            key,
            link,
            url: self.local(&draft.manifest_url),
            files,
            published,
        }
    }

    pub(crate) fn publish_request(
        &self,
        card: &Card,
        key: &SigningKey,
        link: &LinkKey,
        wish: &Wish,
        files: usize,
    ) -> PublishRequest {
        let grant = self.grant(key, wish);
        let consent = card_consent::sign(&self.chain.digest(), &card.signing, &grant);
        let transaction = self.signed(grant, &[key]).to_bytes().into();
        let record = |k| (k < u32::from(wish.items)).then_some(k);
        PublishRequest {
            transaction,
            consent,
            passcode: wish.passcode.map(str::to_owned),
            openings: wish.openings,
            status_digest: status_digest(link),
            files: (0..files as u32)
                .map(|k| FileItem { record: record(k) })
                .collect(),
        }
    }

    pub(crate) async fn manifest(&self, shared: &Shared, body: Value) -> Response {
        let segment = shared.url.rsplit('/').next().unwrap();
        self.http
            .post(self.at(&format!("/s/{segment}")))
            .json(&body)
            .send()
            .await
            .unwrap()
    }

    /// The manifest's locations for a session that opens.
    pub(crate) async fn open(&self, shared: &Shared, body: Value) -> Vec<String> {
        let response = self.manifest(shared, body).await;
        assert_eq!(response.status(), StatusCode::OK);
        locations(&json_of(response).await)
            .iter()
            .map(|url| self.local(url))
            .collect()
    }

    /// A request signed with the grant key.
    pub(crate) async fn owner(
        &self,
        shared: &Shared,
        method: Method,
        verb: &str,
        body: Vec<u8>,
    ) -> Response {
        let path = format!("/v1/shares/{}/{verb}", shared.grant);
        let signed = GrantRequest {
            genesis: self.chain.digest(),
            grant: shared.grant,
            method: method.as_str(),
            origin: "https://edge.example",
            path: &path,
            body: &body,
        }
        .sign(&shared.key, self.clock.now());
        let request = self.http.request(method, self.at(&path)).body(body);
        request
            .header("medfolder-signature", signed)
            .send()
            .await
            .unwrap()
    }

    pub(crate) async fn state(&self, shared: &Shared) -> ShareState {
        self.owner(shared, Method::GET, "state", Vec::new())
            .await
            .json()
            .await
            .unwrap()
    }

    pub(crate) async fn accesses(&self, shared: &Shared) -> AccessesAnswer {
        self.owner(shared, Method::GET, "accesses", Vec::new())
            .await
            .json()
            .await
            .unwrap()
    }

    pub(crate) async fn end(&self, shared: &Shared, verb: &str, body: impl Into<Body>) -> Response {
        let transaction = self.signed(body, &[&shared.key]).to_bytes();
        let blob = medfolder_client::api::Blob(transaction);
        let body = serde_json::to_vec(&json!({ "transaction": blob })).unwrap();
        self.owner(shared, Method::POST, verb, body).await
    }

    pub(crate) async fn revoke(&self, shared: &Shared) -> ShareState {
        let response = self
            .end(
                shared,
                "revoke",
                Revoke {
                    grant: shared.grant,
                },
            )
            .await;
        assert_eq!(response.status(), StatusCode::OK);
        response.json().await.unwrap()
    }

    pub(crate) async fn shorten(&self, shared: &Shared, until: u64) -> Response {
        self.end(
            shared,
            "shorten",
            Shorten {
                grant: shared.grant,
                until,
            },
        )
        .await
    }
}

pub(crate) fn locations(manifest: &Value) -> Vec<String> {
    let files = manifest["files"].as_array().unwrap();
    files.iter().map(|file| text(file, "location")).collect()
}

/// A file of a share.
pub(crate) fn file(link: &LinkKey, plain: &str) -> String {
    encrypt(link, FHIR, plain.as_bytes(), Zip::None, &mut os_rng()).unwrap()
}

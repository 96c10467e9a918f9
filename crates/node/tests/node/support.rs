//! A real node on a free loopback port, and a client that knows its routes.

use std::sync::Arc;

use medfolder_client::api::Blob;
use medfolder_client::api::ledger::{SubmitRequest, TransactionStatus};
use medfolder_client::clock::Clock as ClientClock;
use medfolder_client::http::{Http, HttpError, HttpOptions, join};
use medfolder_client::login::{Door, Identity};
use medfolder_crypto::{SigningKey, Suite};
use medfolder_ledger::login::LoginSubject;
use medfolder_ledger::proof::HistoryPage;
use medfolder_node::bench::fixture::{Card, Fixture};
use medfolder_node::clock::{Clock as _, ManualClock, SystemClock};
use medfolder_node::{Config, Running, Seams, ServeError, serve_with};
use tokio::sync::watch;
use url::Url;

/// A running node with its folder.
pub(crate) struct Node {
    pub(crate) fixture: Arc<Fixture>,
    pub(crate) config: Config,
    pub(crate) clock: ManualClock,
    pub(crate) running: Option<Running>,
    stop: watch::Sender<bool>,
    pub(crate) http: Http,
}

/// A chain and a folder for it.
pub(crate) fn chain(suite: Suite) -> (tempfile::TempDir, Arc<Fixture>) {
    let fixture = Fixture::new(suite, SystemClock.now() - 10_000).unwrap();
    (tempfile::tempdir().unwrap(), Arc::new(fixture))
}

/// Starts a node with a clock that shows the present and stands still.
pub(crate) async fn start(dir: &std::path::Path, fixture: &Arc<Fixture>) -> Node {
    let config = fixture.install(dir).unwrap();
    start_with(fixture, config, Seams::default()).await
}

pub(crate) async fn start_with(fixture: &Arc<Fixture>, config: Config, seams: Seams) -> Node {
    try_start(fixture, config, seams).await.unwrap()
}

/// The same, unless the node refuses to start.
pub(crate) async fn try_start(
    fixture: &Arc<Fixture>,
    config: Config,
    mut seams: Seams,
) -> Result<Node, ServeError> {
    let clock = ManualClock::at(SystemClock.now());
    seams.clock.get_or_insert_with(|| Arc::new(clock.clone()));
    let (stop, shutdown) = watch::channel(false);
    let running = serve_with(config.clone(), seams, shutdown).await?;
    let http = Http::new(HttpOptions::default()).unwrap();
    let fixture = fixture.clone();
    Ok(Node {
        fixture,
        config,
        clock,
        running: Some(running),
        stop,
        http,
    })
}

impl Node {
    pub(crate) fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    pub(crate) fn url(&self) -> Url {
        self.running().url(false).parse().unwrap()
    }

    pub(crate) fn path(&self, path: &str) -> Url {
        join(&self.url(), path).unwrap()
    }

    pub(crate) async fn submit(&self, stored: Vec<u8>) -> Result<TransactionStatus, HttpError> {
        let request = SubmitRequest {
            transaction: Blob(stored),
        };
        self.http
            .post(&self.path("v1/transactions?wait=final"), None, &request)
            .await
    }

    /// Registers a card and returns it.
    pub(crate) async fn registered(&self, n: u64) -> Card {
        let card = self.fixture.card(n);
        let status = self
            .submit(self.fixture.register(&card, self.clock.now()))
            .await
            .unwrap();
        assert!(status.position.is_some(), "{status:?}");
        card
    }

    pub(crate) fn door(&self, subject: LoginSubject, key: SigningKey) -> Door {
        let identity = Identity {
            subject,
            keys: None,
            key: Arc::new(key),
        };
        let (http, genesis) = (self.http.clone(), self.fixture.chain.digest());
        Door::new(
            http,
            self.url(),
            genesis,
            None,
            identity,
            ClientClock::system(),
        )
    }

    pub(crate) fn card_door(&self, n: u64) -> Door {
        let card = self.fixture.card(n);
        self.door(LoginSubject::Card(card.number), card.signing)
    }

    pub(crate) fn member_door(&self) -> Door {
        let fixture = Fixture::new(self.fixture.chain.suite(), 1).unwrap();
        let hospital = fixture.hospitals.into_iter().next().unwrap();
        self.door(LoginSubject::Member(hospital.id), hospital.host)
    }

    pub(crate) async fn card_page(&self, n: u64, from: u64) -> HistoryPage {
        let number = self.fixture.card(n).number;
        let path = format!("v1/cards/{number}/entries?from={from}");
        let bytes = self.card_door(n).get_bytes(&path, 1 << 24).await.unwrap();
        HistoryPage::from_bytes(&bytes).unwrap()
    }

    pub(crate) async fn stop(&mut self) {
        self.stop.send(true).unwrap();
        let running = self.running.take().unwrap();
        running.handle.await.unwrap();
    }
}

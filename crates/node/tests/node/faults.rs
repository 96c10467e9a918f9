//! Writes that fail: not persisted, and persisted but reported failed; and a disk that fills up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use crate::support::{Node, chain, start_with};
use medfolder_crypto::Suite;
use medfolder_node::Seams;
use medfolder_node::clock::Clock as _;
use medfolder_node::store::{BlockStore, SqliteBlocks, StoreError, StoredBlock, StoredHeader};

const WORKS: u8 = 0;
const NOT_PERSISTED: u8 = 1;
const PERSISTED_BUT_REPORTED_FAILED: u8 = 2;

/// A store that fails on demand, once for `PERSISTED_BUT_REPORTED_FAILED`.
struct Faulty {
    inner: SqliteBlocks,
    mode: Arc<AtomicU8>,
}

impl BlockStore for Faulty {
    fn append(&self, block: &StoredBlock) -> Result<(), StoreError> {
        match self.mode.load(Ordering::SeqCst) {
            NOT_PERSISTED => Err(StoreError::Failed("no space left on device".to_owned())),
            PERSISTED_BUT_REPORTED_FAILED => {
                self.inner.append(block)?;
                self.mode.store(WORKS, Ordering::SeqCst);
                Err(StoreError::Failed("input/output error".to_owned()))
            }
            _ => self.inner.append(block),
        }
    }

    fn probe(&self) -> Result<(), StoreError> {
        match self.mode.load(Ordering::SeqCst) {
            WORKS => self.inner.probe(),
            _ => Err(StoreError::Failed("no space left on device".to_owned())),
        }
    }

    fn blocks(&self, from: u64, limit: usize) -> Result<Vec<StoredBlock>, StoreError> {
        self.inner.blocks(from, limit)
    }

    fn transaction(&self, height: u64, place: u16) -> Result<(u16, Vec<u8>), StoreError> {
        self.inner.transaction(height, place)
    }

    fn header(&self, height: u64) -> Result<Option<StoredHeader>, StoreError> {
        self.inner.header(height)
    }

    fn last(&self) -> Result<Option<u64>, StoreError> {
        self.inner.last()
    }

    fn ids(&self, from: u64, to: u64) -> Result<Vec<Vec<u8>>, StoreError> {
        self.inner.ids(from, to)
    }

    fn size(&self) -> Result<u64, StoreError> {
        self.inner.size()
    }

    #[cfg(feature = "lying")]
    fn cut(&self, height: u64) -> Result<(), StoreError> {
        self.inner.cut(height)
    }
}

async fn faulty() -> (tempfile::TempDir, Node, Arc<AtomicU8>) {
    let (dir, fixture) = chain(Suite::International);
    let config = fixture.install(dir.path()).unwrap();
    std::fs::create_dir_all(&config.data_dir).unwrap();
    let mode = Arc::new(AtomicU8::new(WORKS));
    let inner = SqliteBlocks::open(&config.data_dir.join("blocks.db")).unwrap();
    let blocks: Arc<dyn BlockStore> = Arc::new(Faulty {
        inner,
        mode: mode.clone(),
    });
    let seams = Seams {
        clock: None,
        blocks: Some(blocks),
    };
    let node = start_with(&fixture, config, seams).await;
    (dir, node, mode)
}

async fn healthy(node: &Node) {
    let failing = || node.running().ledger.failure().is_some();
    for _ in 0..500 {
        if !failing() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the node did not recover");
}

#[tokio::test]
async fn a_full_disk_is_told_and_nothing_half_written_and_the_node_goes_on_when_there_is_room() {
    let (_dir, mut node, mode) = faulty().await;
    node.registered(1).await;
    mode.store(NOT_PERSISTED, Ordering::SeqCst);
    let stored = node
        .fixture
        .register(&node.fixture.card(2), node.clock.now());
    let error = node.submit(stored.clone()).await.unwrap_err();
    assert_eq!((error.code(), error.status()), ("node.storage", Some(503)));
    let refused = node.submit(stored.clone()).await.unwrap_err();
    assert_eq!(refused.code(), "node.storage");
    assert_eq!(node.card_page(1, 0).await.items.len(), 1, "reading goes on");
    assert_eq!(node.running().ledger.head().header.log_size, 1);
    mode.store(WORKS, Ordering::SeqCst);
    healthy(&node).await;
    assert_eq!(node.submit(stored).await.unwrap().position, Some(1));
    node.stop().await;
}

#[tokio::test]
async fn a_block_that_was_kept_but_reported_failed_is_found_and_its_transaction_has_one_place() {
    let (_dir, mut node, mode) = faulty().await;
    node.registered(1).await;
    mode.store(PERSISTED_BUT_REPORTED_FAILED, Ordering::SeqCst);
    let stored = node
        .fixture
        .register(&node.fixture.card(2), node.clock.now());
    assert_eq!(
        node.submit(stored.clone()).await.unwrap_err().code(),
        "node.storage"
    );
    healthy(&node).await;
    assert_eq!(node.running().ledger.head().header.log_size, 2);
    assert_eq!(node.submit(stored).await.unwrap().position, Some(1));
    let next = node
        .fixture
        .register(&node.fixture.card(3), node.clock.now());
    assert_eq!(node.submit(next).await.unwrap().position, Some(2));
    node.stop().await;
}

#[tokio::test]
async fn lost_log_index_and_state_are_made_anew_from_the_blocks() {
    let (dir, fixture) = chain(Suite::International);
    let mut node = crate::support::start(dir.path(), &fixture).await;
    let card = node.registered(1).await;
    for visit in 0..3 {
        node.submit(fixture.seal(&card, visit, 2, node.clock.now()))
            .await
            .unwrap();
    }
    let head = node.running().ledger.head();
    node.stop().await;
    let data = dir.path().join("data");
    std::fs::write(data.join("log"), b"").unwrap();
    let mut node = crate::support::start(dir.path(), &fixture).await;
    assert_eq!(node.running().ledger.head(), head);
    assert_eq!(node.card_page(1, 0).await.items.len(), 4);
    node.stop().await;
}

#[tokio::test]
async fn an_engine_whose_blocks_are_older_than_what_it_derived_from_them_does_not_start() {
    let (dir, fixture) = chain(Suite::International);
    let mut node = crate::support::start(dir.path(), &fixture).await;
    node.registered(1).await;
    let config = node.config.clone();
    node.stop().await;
    let data = dir.path().join("data");
    for name in ["blocks.db", "blocks.db-wal", "blocks.db-shm"] {
        let _ = std::fs::remove_file(data.join(name));
    }
    for _ in 0..2 {
        let (_stop, shutdown) = tokio::sync::watch::channel(false);
        let started = medfolder_node::serve(config.clone(), shutdown).await;
        assert_eq!(started.err().unwrap().code(), "node.blocks_lost");
    }
}

#[tokio::test]
async fn an_address_that_another_program_listens_on_is_named() {
    let (dir, fixture) = chain(Suite::International);
    let mut config = fixture.install(dir.path()).unwrap();
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    config.listen = other.local_addr().unwrap();
    let (_stop, shutdown) = tokio::sync::watch::channel(false);
    let started = medfolder_node::serve(config, shutdown).await;
    assert_eq!(started.err().unwrap().code(), "node.address_in_use");
}

#[tokio::test]
async fn two_processes_on_one_folder_are_refused() {
    let (dir, fixture) = chain(Suite::International);
    let mut node = crate::support::start(dir.path(), &fixture).await;
    let (_stop, shutdown) = tokio::sync::watch::channel(false);
    let second = medfolder_node::serve(node.config.clone(), shutdown).await;
    assert_eq!(second.err().unwrap().code(), "node.busy_folder");
    node.stop().await;
}

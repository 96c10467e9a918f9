//! A ledger in memory: the real contracts, certified blocks, one block a transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use medfolder_crypto::{Digest, Secret32, SigningKey, Suite};
use medfolder_gateway::certified::Certified;
use medfolder_gateway::clock::{Clock, ManualClock};
use medfolder_gateway::edge::ledger::{Answer, Ledger, LedgerError};
use medfolder_ledger::block::{Block, BlockTransaction, EngineSigner, Header, Roots};
use medfolder_ledger::genesis::{Chain, EngineKeys, Genesis};
use medfolder_ledger::member::{Endpoints, Member, MemberKeys, MemberRole, Standing, StorageArea};
use medfolder_ledger::policy::{ConsentText, Policy};
use medfolder_ledger::{Outcome, Prepared, StateKey, Transaction, TxId, execute};
use medfolder_record::{AreaId, MemberId};

pub(crate) const NOW: u64 = 1_800_000_000_000;
pub(crate) const MEMBER: MemberId = MemberId([7; 16]);
pub(crate) const AREA: AreaId = AreaId([8; 16]);

pub(crate) fn key(suite: Suite, seed: u8) -> SigningKey {
    SigningKey::from_seed(suite, &Secret32::new([seed; 32]))
}

pub(crate) fn consent_text() -> ConsentText {
    ConsentText {
        digest: Digest([9; 32]),
        version: 1,
        language: "zh".into(),
    }
}

fn engine(suite: Suite) -> EngineSigner {
    let sm2 = (suite == Suite::National).then(|| key(Suite::National, 22));
    EngineSigner::new(key(Suite::International, 21), sm2)
}

pub(crate) fn genesis(suite: Suite) -> Chain {
    let receive =
        medfolder_crypto::EncryptionSecret::from_seed(suite, &Secret32::new([4; 32])).public();
    let keys = MemberKeys {
        alliance: key(suite, 1).public(),
        seal: key(suite, 2).public(),
        receive: receive.to_bytes(),
        host: key(suite, 3).public(),
        consensus: None,
        tls: None,
        credential: None,
    };
    let member = Member {
        id: MEMBER,
        name: "City Hospital".into(),
        role: MemberRole::Hospital,
        standing: Standing::Good,
        keys,
        certificate: Digest([5; 32]),
        endpoints: Endpoints::default(),
        voting: true,
        tls_pin: None,
    };
    let area = StorageArea {
        id: AREA,
        member: MEMBER,
        endpoints: vec!["https://zone.example".into()],
    };
    let policy = Policy {
        consent_texts: vec![consent_text()],
        ..Policy::default()
    };
    Chain::new(Genesis {
        version: 0,
        suite,
        name: "test".into(),
        nonce: Digest([6; 32]),
        time: NOW - 1_000,
        members: vec![member],
        areas: vec![area],
        policy,
        engine: EngineKeys::Embedded(engine(suite).public()),
    })
    .unwrap()
}

struct Inner {
    state: BTreeMap<StateKey, Vec<u8>>,
    recent: BTreeSet<TxId>,
    header: Header,
    blocks: Vec<Vec<u8>>,
    accepted: Vec<Transaction>,
    alerts: usize,
}

pub(crate) struct TestLedger {
    chain: Chain,
    clock: Arc<ManualClock>,
    inner: Mutex<Inner>,
    offline: AtomicBool,
    stalled: AtomicBool,
    ahead: AtomicU64,
    held: AtomicU64,
    refused: AtomicU64,
}

impl TestLedger {
    pub(crate) fn new(chain: &Chain, clock: Arc<ManualClock>) -> Arc<Self> {
        let header = Header::genesis(chain, Digest::default());
        let certificate = engine(chain.suite()).certify(chain.suite(), &header);
        let block = Block {
            header: header.clone(),
            transactions: Vec::new(),
        };
        let inner = Inner {
            state: chain.genesis().initial_state().into_iter().collect(),
            recent: BTreeSet::new(),
            header,
            blocks: vec![Certified { block, certificate }.to_bytes()],
            accepted: Vec::new(),
            alerts: 0,
        };
        Arc::new(Self {
            chain: chain.clone(),
            clock,
            inner: Mutex::new(inner),
            offline: AtomicBool::new(false),
            stalled: AtomicBool::new(false),
            ahead: AtomicU64::new(0),
            held: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    /// Out of reach.
    pub(crate) fn offline(&self, offline: bool) {
        self.offline.store(offline, Ordering::SeqCst);
    }

    /// Takes transactions and puts them into no block.
    pub(crate) fn stall(&self, stalled: bool) {
        self.stalled.store(stalled, Ordering::SeqCst);
    }

    /// How many transactions it took while it was stalled.
    pub(crate) fn held(&self) -> u64 {
        self.held.load(Ordering::SeqCst)
    }

    /// How many transactions it refused before any block.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::SeqCst)
    }

    /// A node's own check of a transaction.
    fn check(&self, bytes: &[u8]) -> Result<(), LedgerError> {
        let inner = self.inner.lock().unwrap();
        let prepared = Prepared::new(&self.chain, bytes.to_vec(), &inner.state);
        prepared.map(drop).map_err(|error| {
            self.refused.fetch_add(1, Ordering::SeqCst);
            LedgerError::Refused(error.code().to_owned())
        })
    }

    /// Block time runs this much before the edge's clock.
    pub(crate) fn run_ahead(&self, milliseconds: u64) {
        self.ahead.store(milliseconds, Ordering::SeqCst);
    }

    /// Makes a block of one transaction, or of none; the refusal's code when it is refused.
    pub(crate) fn commit(&self, bytes: Option<Vec<u8>>) -> Result<(), &'static str> {
        let mut guard = self.inner.lock().unwrap();
        let inner = &mut *guard;
        let prepared: Vec<Prepared> = match bytes {
            Some(bytes) => {
                let prepared = Prepared::new(&self.chain, bytes, &inner.state);
                vec![prepared.map_err(|error| error.code())?]
            }
            None => Vec::new(),
        };
        if prepared.iter().any(|p| inner.recent.contains(&p.id())) {
            return Ok(());
        }
        let (time, size) = (
            inner
                .header
                .next_time(self.clock.now() + self.ahead.load(Ordering::SeqCst)),
            inner.header.log_size,
        );
        let done = execute(
            &self.chain,
            &inner.state,
            &inner.recent,
            time,
            size,
            &prepared,
        )
        .unwrap();
        inner.state.extend(done.writes);
        let (mut log_size, mut results, mut transactions) = (size, Vec::new(), Vec::new());
        let mut refusal = None;
        for (one, outcome) in prepared.iter().zip(&done.outcomes) {
            match outcome {
                Outcome::Accepted(accepted) => {
                    log_size += 1;
                    inner.alerts += accepted.alerts.len();
                    inner.recent.insert(one.id());
                    inner.accepted.push(one.transaction().clone());
                }
                Outcome::Refused(code) => refusal = Some(code.code()),
            }
            results.push((one.leaf(), outcome.number()));
            let bytes = one.bytes().to_vec();
            transactions.push(BlockTransaction {
                bytes,
                result: outcome.number(),
            });
        }
        let roots = Roots {
            log_size,
            log_root: Digest::default(),
            state_root: Digest::default(),
        };
        let header = inner.header.next(self.chain.suite(), &results, roots, time);
        let certificate = engine(self.chain.suite()).certify(self.chain.suite(), &header);
        inner.header = header.clone();
        let block = Block {
            header,
            transactions,
        };
        inner
            .blocks
            .push(Certified { block, certificate }.to_bytes());
        refusal.map_or(Ok(()), Err)
    }

    /// A ledger that lives has a block a minute.
    fn beat(&self) {
        let last = self.inner.lock().unwrap().header.time;
        let heartbeat = self.chain.policy().windows.heartbeat;
        if self.clock.now() >= last + heartbeat {
            self.commit(None).unwrap();
        }
    }

    pub(crate) fn accepted(&self) -> Vec<Transaction> {
        self.inner.lock().unwrap().accepted.clone()
    }

    pub(crate) fn alerts(&self) -> usize {
        self.inner.lock().unwrap().alerts
    }
}

impl Ledger for TestLedger {
    fn submit(&self, transaction: Vec<u8>) -> Answer<'_, ()> {
        Box::pin(async move {
            if self.offline.load(Ordering::SeqCst) {
                return Err(LedgerError::Unreachable);
            }
            if self.stalled.load(Ordering::SeqCst) {
                self.held.fetch_add(1, Ordering::SeqCst);
            } else {
                self.check(&transaction)?;
                // Refused ones are in their block; the edge learns it there.
                let _ = self.commit(Some(transaction));
            }
            Ok(())
        })
    }

    fn blocks(&self, from: u64, limit: u64) -> Answer<'_, Vec<u8>> {
        Box::pin(async move {
            if self.offline.load(Ordering::SeqCst) {
                return Err(LedgerError::Unreachable);
            }
            if !self.stalled.load(Ordering::SeqCst) {
                self.beat();
            }
            let inner = self.inner.lock().unwrap();
            let blocks = inner.blocks.iter().skip(from as usize).take(limit as usize);
            Ok(blocks.flatten().copied().collect())
        })
    }
}

//! A ledger in memory: the real contracts, certified blocks, one block a transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use medfolder_crypto::{Digest, EncryptionSecret, Secret32, SigningKey, Suite};
use medfolder_gateway::certified::Certified;
use medfolder_gateway::clock::{Clock, ManualClock};
use medfolder_ledger::block::{Block, BlockTransaction, EngineSigner, Header, Roots};
use medfolder_ledger::genesis::{Chain, EngineKeys, Genesis};
use medfolder_ledger::member::{Endpoints, Member, MemberKeys, MemberRole, Standing, StorageArea};
use medfolder_ledger::policy::{ConsentText, Policy};
use medfolder_ledger::{Outcome, Prepared, StateKey, Transaction, TxId, execute};
use medfolder_record::{AreaId, MemberId};

pub const NOW: u64 = 1_800_000_000_000;
pub const MEMBER: MemberId = MemberId([7; 16]);
pub const SEAL_SEED: [u8; 32] = [2; 32];

pub fn key(suite: Suite, seed: u8) -> SigningKey {
    SigningKey::from_seed(suite, &Secret32::new([seed; 32]))
}

pub fn consent_text() -> ConsentText {
    ConsentText {
        digest: Digest([9; 32]),
        version: 1,
        language: "zh".into(),
    }
}

pub fn engine(suite: Suite) -> EngineSigner {
    let sm2 = (suite == Suite::National).then(|| key(Suite::National, 22));
    EngineSigner::new(key(Suite::International, 21), sm2)
}

pub fn genesis(suite: Suite) -> Chain {
    let receive = EncryptionSecret::from_seed(suite, &Secret32::new([4; 32])).public();
    let keys = MemberKeys {
        alliance: key(suite, 1).public(),
        seal: SigningKey::from_seed(suite, &Secret32::new(SEAL_SEED)).public(),
        receive: receive.to_bytes(),
        host: key(suite, 3).public(),
        consensus: None,
        tls: None,
        credential: None,
    };
    let member = Member {
        id: MEMBER,
        name: "浦江市第一人民医院".into(),
        role: MemberRole::Hospital,
        standing: Standing::Good,
        keys,
        certificate: Digest([5; 32]),
        endpoints: Endpoints::default(),
        voting: true,
        tls_pin: None,
    };
    let endpoints = vec!["https://zone.example".into()];
    let area = StorageArea {
        id: AreaId([8; 16]),
        member: MEMBER,
        endpoints,
    };
    Chain::new(Genesis {
        version: 0,
        suite,
        name: "test".into(),
        nonce: Digest([6; 32]),
        time: NOW - 1_000,
        members: vec![member],
        areas: vec![area],
        policy: Policy {
            consent_texts: vec![consent_text()],
            ca_roots: vec![Suite::International.hash(&[crate::carried::ROOT])],
            tsa_roots: vec![Suite::International.hash(&[crate::carried::STAMP_ROOT])],
            ..Policy::default()
        },
        engine: EngineKeys::Embedded(engine(suite).public()),
    })
    .unwrap()
}

/// An accepted transaction with its position and block time.
#[derive(Clone)]
pub struct Accepted {
    pub transaction: Transaction,
    pub position: u64,
    pub time: u64,
}

pub struct Ledger {
    pub chain: Chain,
    pub clock: Arc<ManualClock>,
    state: BTreeMap<StateKey, Vec<u8>>,
    recent: BTreeSet<TxId>,
    header: Header,
    pub blocks: Vec<Vec<u8>>,
    pub accepted: Vec<Accepted>,
    pub refused: Vec<&'static str>,
}

impl Ledger {
    pub fn new(chain: &Chain, clock: Arc<ManualClock>) -> Self {
        let header = Header::genesis(chain, Digest::default());
        let certificate = engine(chain.suite()).certify(chain.suite(), &header);
        let block = Block {
            header: header.clone(),
            transactions: Vec::new(),
        };
        Self {
            chain: chain.clone(),
            clock,
            state: chain.genesis().initial_state().into_iter().collect(),
            recent: BTreeSet::new(),
            header,
            blocks: vec![Certified { block, certificate }.to_bytes()],
            accepted: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// Makes one block of these transactions; malformed ones are in none.
    pub fn commit(&mut self, transactions: Vec<Vec<u8>>) {
        let prepared: Vec<Prepared> = transactions
            .into_iter()
            .filter_map(|bytes| Prepared::read(&self.chain, bytes).ok())
            .filter(|prepared| !self.recent.contains(&prepared.id()))
            .collect();
        let (time, size) = (
            self.header.next_time(self.clock.now()),
            self.header.log_size,
        );
        let done = execute(
            &self.chain,
            &self.state,
            &self.recent,
            time,
            size,
            &prepared,
        )
        .unwrap();
        self.state.extend(done.writes);
        let (mut log_size, mut results, mut stored) = (size, Vec::new(), Vec::new());
        for (one, outcome) in prepared.iter().zip(&done.outcomes) {
            match outcome {
                Outcome::Accepted(accepted) => {
                    log_size += 1;
                    self.recent.insert(one.id());
                    let (transaction, position) = (one.transaction().clone(), accepted.position);
                    self.accepted.push(Accepted {
                        transaction,
                        position,
                        time,
                    });
                }
                Outcome::Refused(refusal) => self.refused.push(refusal.code()),
            }
            results.push((one.leaf(), outcome.number()));
            let (bytes, result) = (one.bytes().to_vec(), outcome.number());
            stored.push(BlockTransaction { bytes, result });
        }
        let roots = Roots {
            log_size,
            log_root: Digest::default(),
            state_root: Digest::default(),
        };
        let header = self.header.next(self.chain.suite(), &results, roots, time);
        let certificate = engine(self.chain.suite()).certify(self.chain.suite(), &header);
        self.header = header.clone();
        let block = Block {
            header,
            transactions: stored,
        };
        self.blocks
            .push(Certified { block, certificate }.to_bytes());
    }
}

//! The ledger as a member reads it: every block from genesis, its certificate checked.

use crate::world::World;
use medfolder_client::clock::Clock;
use medfolder_client::http::{Http, HttpOptions};
use medfolder_client::keyfile;
use medfolder_client::login::{Door, Identity};
use medfolder_crypto::SigningKey;
use medfolder_gateway::certified::Certified;
use medfolder_ledger::body::Body;
use medfolder_ledger::genesis::Chain;
use medfolder_ledger::login::LoginSubject;
use medfolder_ledger::{Header, Transaction};
use std::collections::BTreeSet;
use std::sync::Arc;

const MOST: usize = 64 << 20;

/// What the blocks say.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Records that were sealed.
    pub(crate) sealed: Vec<String>,
    /// Accepted transactions.
    pub(crate) log_size: u64,
}

impl Told {
    /// The records, once each.
    pub(crate) fn records(&self) -> BTreeSet<String> {
        self.sealed.iter().cloned().collect()
    }
}

/// Reads and checks all blocks.
pub(crate) async fn read(world: &World, card_of: &[String]) -> Told {
    let chain = Chain::from_bytes(&std::fs::read(world.file("genesis.cbor")).unwrap()).unwrap();
    let door = door(world, &chain);
    let (mut told, mut last): (Told, Option<Header>) = Default::default();
    loop {
        let from = last.as_ref().map_or(0, |header| header.height + 1);
        let path = format!("v1/blocks?from={from}&limit=100");
        let blocks = Certified::read_all(&door.get_bytes(&path, MOST).await.unwrap()).unwrap();
        if blocks.is_empty() {
            return told;
        }
        for block in blocks {
            block.verify(&chain, last.as_ref()).unwrap();
            last = Some(block.block.header.clone());
            told.log_size = block.block.header.log_size;
            for stored in block.block.transactions.iter().filter(|tx| tx.result == 0) {
                take(&mut told, &stored.bytes, card_of);
            }
        }
    }
}

fn take(told: &mut Told, bytes: &[u8], cards: &[String]) {
    let transaction = Transaction::from_bytes(bytes).unwrap();
    if let Body::Seal(seal) = transaction.body
        && cards.contains(&seal.card.to_string())
    {
        let leaves = seal.leaves.iter().map(|leaf| leaf.leaf.to_string());
        told.sealed.extend(leaves);
    }
}

fn door(world: &World, chain: &Chain) -> Door {
    let config = medfolder_node::Config::load(&world.config("node")).unwrap();
    let seed = keyfile::load(&world.file("node/host.key")).unwrap();
    let identity = Identity {
        subject: LoginSubject::Member(config.member),
        keys: None,
        key: Arc::new(SigningKey::from_seed(chain.suite(), &seed)),
    };
    let base = format!("http://{}", config.listen).parse().unwrap();
    let http = Http::new(HttpOptions::default()).unwrap();
    Door::new(http, base, chain.digest(), None, identity, Clock::system())
}

//! What an edge does with the spools: stores deliveries, submits transactions, hands blocks back.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use medfolder_crypto::Suite;
use medfolder_gateway::spool::{DeskAnswer, In, Item, Out, Reader, Writer};
use medfolder_record::{Envelope, KeySlot, RecordId, SlotPlace};

use crate::ledger::Ledger;

pub struct Edge {
    reader: Reader<Out>,
    writer: Writer<In>,
    pub ledger: Ledger,
    /// Transactions are taken and put into no block.
    pub stalled: bool,
    /// The next delivery is stored, and its T_M lost.
    pub lose_next: bool,
    relayed: usize,
    pub envelopes: BTreeMap<RecordId, Vec<u8>>,
    pub slots: BTreeMap<SlotPlace, KeySlot>,
    pub blobs: BTreeMap<(RecordId, u32), Vec<u8>>,
    pub answers: Vec<DeskAnswer>,
    pub deliveries: usize,
    pub submitted: Vec<Vec<u8>>,
}

impl Edge {
    pub fn new(out: &Path, incoming: &Path, ledger: Ledger) -> Self {
        Self {
            reader: Reader::open(out).unwrap(),
            writer: Writer::open(incoming).unwrap(),
            ledger,
            stalled: false,
            lose_next: false,
            relayed: 0,
            envelopes: BTreeMap::new(),
            slots: BTreeMap::new(),
            blobs: BTreeMap::new(),
            answers: Vec::new(),
            deliveries: 0,
            submitted: Vec::new(),
        }
    }

    /// Empties the outgoing spool, makes a block of what was in it, hands new blocks in.
    pub fn turn(&mut self) {
        let mut transactions = Vec::new();
        while let Some(item) = self.reader.next().unwrap() {
            let Item::Message { name, message } = item else {
                panic!("a bad message in out")
            };
            match &message {
                Out::Delivery(delivery) => {
                    self.store(delivery);
                    if std::mem::take(&mut self.lose_next) {
                        self.submitted.push(delivery.transaction.clone());
                    } else {
                        transactions.push(delivery.transaction.clone());
                    }
                }
                Out::Tx(bytes) => transactions.push(bytes.clone()),
                Out::Answer(answer) => self.answers.push(answer.clone()),
            }
            self.reader.done(&name, &message).unwrap();
        }
        self.submitted.extend(transactions.iter().cloned());
        if !self.stalled && !transactions.is_empty() {
            self.ledger.commit(transactions);
        }
        self.relay();
    }

    /// Hands in the blocks that were not handed in yet.
    pub fn relay(&mut self) {
        let new: Vec<_> = self.ledger.blocks[self.relayed..]
            .iter()
            .map(|block| block.clone().into())
            .collect();
        if !new.is_empty() {
            self.relayed = self.ledger.blocks.len();
            self.send(In::Blocks(new));
        }
    }

    pub fn send(&mut self, message: In) {
        self.writer.send(message).unwrap();
    }

    fn store(&mut self, delivery: &medfolder_gateway::spool::Delivery) {
        self.deliveries += 1;
        let suite: Suite = self.ledger.chain.suite();
        for bytes in &delivery.envelopes {
            let envelope = Envelope::from_bytes(bytes).unwrap();
            self.envelopes.insert(envelope.leaf(suite), bytes.to_vec());
        }
        let slot = KeySlot::from_bytes(&delivery.slot).unwrap();
        self.slots.insert(slot.place(), slot);
        for blob in &delivery.attachments {
            if self.blobs.contains_key(&(blob.record, blob.index)) {
                continue;
            }
            let mut bytes = Vec::new();
            self.reader
                .blob(blob)
                .unwrap()
                .read_to_end(&mut bytes)
                .unwrap();
            assert_eq!(suite.hash(&[&bytes]), blob.digest);
            self.blobs.insert((blob.record, blob.index), bytes);
        }
    }
}

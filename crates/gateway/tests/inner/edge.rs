//! What an edge does with the spools: stores deliveries, submits transactions, hands blocks back.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use medfolder_crypto::{Digest, Suite};
use medfolder_gateway::spool::{
    BlobRef, Delivery, DeskAnswer, In, Item, Out, Reader, Refused, Writer,
};
use medfolder_ledger::{Body, Transaction};
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
    /// Every delivery is refused with this code.
    pub refuses: Option<&'static str>,
    pub refused: usize,
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
            refuses: None,
            refused: 0,
        }
    }

    /// Empties the outgoing spool, makes a block of what was in it, hands new blocks in.
    pub fn turn(&mut self) {
        let mut transactions = Vec::new();
        while let Some(item) = self.reader.next().unwrap() {
            let (name, message) = match item {
                Item::Message { name, message } => (name, message),
                Item::Bad { name } => {
                    self.refuse(&name, None, "spool.bad");
                    continue;
                }
            };
            if let Some((id, code)) = self.objection(&message) {
                self.refuse(&name, Some(id), code);
                continue;
            }
            match &message {
                Out::Wanted(from) => self.relayed = usize::try_from(*from).unwrap(),
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

    /// Why a message of a seal is not taken.
    fn objection(&self, message: &Out) -> Option<(Digest, &'static str)> {
        let (bytes, code) = match message {
            Out::Delivery(delivery) => (&delivery.transaction, self.damage(delivery)),
            Out::Tx(bytes) => (bytes, self.not_stored(bytes)),
            _ => return None,
        };
        let transaction = Transaction::from_bytes(bytes).unwrap();
        Some((Digest(transaction.id(&self.ledger.chain).0), code?))
    }

    fn damage(&self, delivery: &Delivery) -> Option<&'static str> {
        let suite = self.ledger.chain.suite();
        let is_whole = |blob: &BlobRef| {
            let mut bytes = Vec::new();
            let file = self.reader.blob(blob);
            let read = file.is_ok_and(|mut file| file.read_to_end(&mut bytes).is_ok());
            read && suite.hash(&[&bytes]) == blob.digest
        };
        let known = |blob: &BlobRef| self.blobs.contains_key(&(blob.record, blob.index));
        let whole = |blob: &BlobRef| known(blob) || is_whole(blob);
        let damaged = !delivery.attachments.iter().all(whole);
        self.refuses.or(damaged.then_some("delivery.attachment"))
    }

    fn not_stored(&self, bytes: &[u8]) -> Option<&'static str> {
        let Body::Seal(seal) = Transaction::from_bytes(bytes).unwrap().body else {
            return None;
        };
        let leaves = seal.leaf_ids();
        let stored = leaves.iter().all(|leaf| self.envelopes.contains_key(leaf));
        (!stored).then_some("delivery.not_stored")
    }

    fn refuse(&mut self, name: &str, transaction: Option<Digest>, code: &str) {
        self.refused += 1;
        let (name, code) = (name.to_owned(), code.to_owned());
        self.reader.set_aside(&name).unwrap();
        self.send(In::Refused(Refused {
            name,
            transaction,
            code,
        }));
    }

    fn store(&mut self, delivery: &Delivery) {
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

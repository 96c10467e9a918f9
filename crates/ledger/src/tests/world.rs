//! The ledger of a small consortium in memory, and the transactions that tests make.

use std::collections::BTreeSet;

use medfolder_crypto::{
    Digest, EncryptionSecret, PublicKeyBytes, Secret32, Signature, SigningKey, Suite,
};
use medfolder_record::{AreaId, CardNumber, GrantId, KeyId, MemberId, RecordId, VisitId};

use crate::block::Roots;
use crate::body::{
    AccessEntry, AccessOutcome, By, EnrolStaff, Grant, Grantee, Items, LeafList, Mark,
    RegisterCard, RotateCard, Scope, Seal, SealedLeaf, StaffRole, commitment,
};
use crate::event::{Alert, Step, Touch};
use crate::log::{InclusionProof, MemoryLog};
use crate::policy::MINUTE;
use crate::proof::{EntryProof, HistoryItem, HistoryPage, Receipt};
use crate::state::{GrantEntry, TransactionStep, read};
use crate::tree::MemoryTree;
use crate::*;

pub(super) use super::founding::{consent, engine, genesis};

/// 2026-01-01 00:00 UTC.
pub(super) const START: u64 = 1_767_225_600_000;
pub(super) const A: MemberId = MemberId([0xA0; 16]);
pub(super) const B: MemberId = MemberId([0xB0; 16]);
pub(super) const SUSPENDED: MemberId = MemberId([0xC0; 16]);
pub(super) const INSURER: MemberId = MemberId([0xD0; 16]);
pub(super) const NOBODY: MemberId = MemberId([0xEE; 16]);
pub(super) const AREA_A: AreaId = AreaId([0x1A; 16]);
pub(super) const AREA_B: AreaId = AreaId([0x1B; 16]);
pub(super) const AREA_S: AreaId = AreaId([0x1C; 16]);

/// Signature and encryption keys from one seed byte and a purpose.
pub(super) struct Keys {
    pub(super) signing: SigningKey,
    pub(super) public: PublicKeyBytes,
    pub(super) encryption: PublicKeyBytes,
}

pub(super) fn seed(owner: u8, purpose: u8) -> Secret32 {
    let mut bytes = [owner; 32];
    bytes[0] = purpose;
    Secret32::new(bytes)
}

pub(super) fn keys(suite: Suite, owner: u8, purpose: u8) -> Keys {
    let signing = SigningKey::from_seed(suite, &seed(owner, purpose));
    let encryption = EncryptionSecret::from_seed(suite, &seed(owner, purpose ^ 0x80));
    Keys {
        public: signing.public(),
        signing,
        encryption: encryption.public().to_bytes(),
    }
}

pub(super) struct World {
    pub(super) suite: Suite,
    pub(super) chain: Chain,
    pub(super) state: MemoryTree,
    pub(super) recent: BTreeSet<TxId>,
    pub(super) log: MemoryLog,
    pub(super) stored: Vec<Vec<u8>>,
    pub(super) touches: Vec<Touch>,
    pub(super) alerts: Vec<Alert>,
    pub(super) header: Header,
    pub(super) checkpoints: Vec<Checkpoint>,
    pub(super) blocks: Vec<Block>,
    pub(super) time: u64,
}

impl World {
    pub(super) fn new() -> Self {
        Self::of(Suite::International)
    }

    pub(super) fn of(suite: Suite) -> Self {
        let chain = Chain::new(genesis(suite)).unwrap();
        let mut state = MemoryTree::new(suite);
        state.write(chain.genesis().initial_state());
        let header = Header::genesis(&chain, state.root());
        let certificate = engine(suite).certify(suite, &header);
        Self {
            suite,
            chain,
            state,
            recent: BTreeSet::new(),
            log: MemoryLog::default(),
            stored: Vec::new(),
            touches: Vec::new(),
            alerts: Vec::new(),
            checkpoints: vec![Checkpoint {
                header: header.clone(),
                certificate,
            }],
            blocks: Vec::new(),
            header,
            time: START,
        }
    }

    pub(super) fn pass(&mut self, milliseconds: u64) {
        self.time += milliseconds;
    }

    pub(super) fn member(&self, id: MemberId, purpose: u8) -> Keys {
        keys(self.suite, id.0[0], purpose)
    }

    pub(super) fn seal_key(&self, id: MemberId) -> SigningKey {
        self.member(id, 2).signing
    }

    pub(super) fn host_key(&self, id: MemberId) -> SigningKey {
        self.member(id, 4).signing
    }

    pub(super) fn card(&self, owner: u8) -> Keys {
        keys(self.suite, owner, 0x20)
    }

    pub(super) fn number(&self, owner: u8) -> CardNumber {
        let card = self.card(owner);
        CardNumber::of(self.suite, &card.public, &card.encryption)
    }

    pub(super) fn signed(&self, body: impl Into<Body>, signers: &[&SigningKey]) -> Transaction {
        Unsigned::new(body, self.time + 60 * MINUTE).signed_by(&self.chain, signers)
    }

    pub(super) fn prepare(&self, transaction: &Transaction) -> Result<Prepared, PrepareError> {
        Prepared::new(&self.chain, transaction.to_bytes(), &self.state)
    }

    /// One block of these prepared transactions.
    pub(super) fn block(&mut self, transactions: &[Prepared]) -> Vec<Outcome> {
        let time = self.header.next_time(self.time);
        let executed = execute(
            &self.chain,
            &self.state,
            &self.recent,
            time,
            self.log.size(),
            transactions,
        )
        .unwrap();
        self.state.write(executed.writes.clone());
        for leaf in &executed.leaves {
            self.log.append(self.suite, *leaf);
        }
        let mut block = Vec::new();
        let mut results = Vec::new();
        for (prepared, outcome) in transactions.iter().zip(&executed.outcomes) {
            results.push((prepared.leaf(), outcome.number()));
            block.push(BlockTransaction {
                bytes: prepared.bytes().to_vec(),
                result: outcome.number(),
            });
            if let Outcome::Accepted(accepted) = outcome {
                assert_eq!(accepted.position, self.stored.len() as u64);
                self.recent.insert(prepared.id());
                self.stored.push(prepared.bytes().to_vec());
                self.touches.extend(accepted.touches.clone());
                self.alerts.extend(accepted.alerts.clone());
            }
        }
        let roots = Roots {
            log_size: self.log.size(),
            log_root: self.log.root(self.suite),
            state_root: self.state.root(),
        };
        self.header = self.header.next(self.suite, &results, roots, time);
        self.blocks.push(Block {
            header: self.header.clone(),
            transactions: block,
        });
        let certificate = engine(self.suite).certify(self.suite, &self.header);
        self.checkpoints.push(Checkpoint {
            header: self.header.clone(),
            certificate,
        });
        executed.outcomes
    }

    /// A block of one signed transaction.
    pub(super) fn submit(&mut self, transaction: &Transaction) -> Outcome {
        match self.prepare(transaction) {
            Ok(prepared) => self.block(&[prepared]).remove(0),
            Err(PrepareError::Refused(refusal)) => Outcome::Refused(refusal),
            Err(PrepareError::State(error)) => panic!("{error}"),
        }
    }

    pub(super) fn accept(&mut self, body: impl Into<Body>, signers: &[&SigningKey]) -> Accepted {
        let transaction = self.signed(body, signers);
        match self.submit(&transaction) {
            Outcome::Accepted(accepted) => accepted,
            Outcome::Refused(refusal) => panic!("refused: {}", refusal.code()),
        }
    }

    pub(super) fn refuse(&mut self, body: impl Into<Body>, signers: &[&SigningKey]) -> Refusal {
        let transaction = self.signed(body, signers);
        let before = self.state.clone();
        match self.submit(&transaction) {
            Outcome::Accepted(_) => panic!("accepted"),
            Outcome::Refused(refusal) => {
                assert_eq!(self.state, before, "a refused transaction changes nothing");
                refusal
            }
        }
    }

    pub(super) fn entry<T: for<'b> minicbor::Decode<'b, ()>>(&self, key: StateKey) -> Option<T> {
        read(&self.state, &key).unwrap()
    }

    // Cards.

    pub(super) fn t_r(&self, member: MemberId, owner: u8) -> RegisterCard {
        let card = self.card(owner);
        RegisterCard {
            member,
            signing: card.public,
            encryption: card.encryption,
            consent: consent(),
        }
    }

    pub(super) fn register(&mut self, member: MemberId, owner: u8) -> CardNumber {
        let body = self.t_r(member, owner);
        let (card, seal) = (self.card(owner).signing, self.seal_key(member));
        self.accept(body, &[&card, &seal]);
        self.number(owner)
    }

    pub(super) fn rotation(&self, member: MemberId, from: u8, to: u8, by: By) -> RotateCard {
        let card = self.card(to);
        RotateCard {
            card: self.number(from),
            member,
            by,
            signing: card.public,
            encryption: card.encryption,
        }
    }

    pub(super) fn rotate_at_desk(&mut self, member: MemberId, from: u8, to: u8) {
        let body = self.rotation(member, from, to, By::Desk);
        let (card, seal) = (self.card(to).signing, self.seal_key(member));
        self.accept(body, &[&card, &seal]);
    }

    // Seals.

    pub(super) fn seal_body(
        &self,
        member: MemberId,
        card: CardNumber,
        visit: u8,
        seq: u32,
    ) -> Seal {
        Seal {
            member,
            card,
            visit: VisitId([visit; 16]),
            seq,
            area: if member == A {
                AREA_A
            } else if member == B {
                AREA_B
            } else {
                AREA_S
            },
            policy: 0,
            time: self.time,
            mark: Mark::None,
            leaves: (0..3)
                .map(|k| SealedLeaf {
                    leaf: leaf(visit, seq, k),
                    replaces: None,
                })
                .collect(),
            earlier: None,
        }
    }

    pub(super) fn seal(&mut self, card: CardNumber, visit: u8, seq: u32) -> Seal {
        let body = self.seal_body(A, card, visit, seq);
        let key = self.seal_key(A);
        self.accept(body.clone(), &[&key]);
        body
    }

    // Staff.

    pub(super) fn enrolment(&self, member: MemberId, owner: u8) -> EnrolStaff {
        let doctor = keys(self.suite, owner, 0x30);
        EnrolStaff {
            member,
            signing: doctor.public,
            encryption: doctor.encryption,
            role: StaffRole::Doctor,
            from: START,
            until: START + 1_000 * crate::policy::DAY,
            commitment: commitment(self.suite, &[7; 16], "李医生", "licence 1"),
            proof: self.possession(member, &doctor),
        }
    }

    pub(super) fn possession(&self, member: MemberId, doctor: &Keys) -> Signature {
        let genesis = self.chain.digest();
        crate::body::prove_possession(&doctor.signing, &genesis, &member, &doctor.encryption)
    }

    pub(super) fn staff_id(&self, owner: u8) -> KeyId {
        KeyId::of(self.suite, &keys(self.suite, owner, 0x30).public)
    }

    // Grants.

    pub(super) fn grant_key(&self, owner: u8) -> Keys {
        keys(self.suite, owner, 0x40)
    }

    pub(super) fn grant_body(&self, owner: u8) -> Grant {
        Grant {
            key: self.grant_key(owner).public,
            host: A,
            grantee: Grantee::Bearer,
            scope: Scope {
                digest: Digest([owner; 32]),
                items: 3,
            },
            from: self.time,
            until: self.time + crate::policy::DAY,
            late: false,
            consent: consent(),
            uses: Some(2),
        }
    }

    pub(super) fn grant(&mut self, owner: u8) -> GrantId {
        let body = self.grant_body(owner);
        let id = body.id(self.suite);
        let (key, host) = (self.grant_key(owner).signing, self.host_key(A));
        self.accept(body, &[&key, &host]);
        id
    }

    pub(super) fn grant_entry(&self, id: &GrantId) -> GrantEntry {
        self.entry(StateKey::grant(self.suite, id)).unwrap()
    }

    pub(super) fn access(
        &self,
        grant: GrantId,
        outcome: AccessOutcome,
        receipt: u8,
    ) -> AccessEntry {
        AccessEntry {
            grant,
            time: self.time,
            outcome,
            items: Items::of([0, 2]),
            receipt: Digest([receipt; 32]),
        }
    }

    // Proofs.

    pub(super) fn checkpoint(&self) -> Checkpoint {
        self.checkpoints.last().unwrap().clone()
    }

    pub(super) fn receipt(&self, position: u64) -> Receipt {
        let inclusion =
            InclusionProof::make(self.suite, &self.log, position, self.log.size()).unwrap();
        Receipt {
            inclusion,
            checkpoint: self.checkpoint(),
        }
    }

    pub(super) fn entry_proof(&self, key: &StateKey) -> EntryProof {
        EntryProof {
            state: self.state.prove(key),
            checkpoint: self.checkpoint(),
        }
    }

    /// Items `from … to − 1` of a subject's list, with its entry now.
    pub(super) fn page(&self, subject: Subject, from: u64, to: u64) -> HistoryPage {
        let items = self
            .touches
            .iter()
            .filter(|touch| touch.subject == subject && touch.count > from && touch.count <= to)
            .map(|touch| match &touch.step {
                Step::Transaction { position, time } => HistoryItem::Transaction(TransactionStep {
                    stored: self.stored[*position as usize].clone(),
                    position: *position,
                    block_time: *time,
                }),
                Step::Access { access, .. } => HistoryItem::Access(access.clone()),
            })
            .collect();
        let entry = self.entry_proof(&subject.state_key(self.suite));
        HistoryPage {
            subject,
            from,
            items,
            entry,
        }
    }
}

pub(super) fn leaf(visit: u8, seq: u32, k: u8) -> RecordId {
    let mut bytes = [visit; 32];
    bytes[0] = seq as u8;
    bytes[1] = k;
    RecordId(Digest(bytes))
}

pub(super) fn list_of(seal: &Seal) -> LeafList {
    LeafList {
        visit: seal.visit,
        seq: seal.seq,
        leaves: seal.leaf_ids(),
    }
}

//! A small consortium in memory, for tests: one hospital, one doctor, one card, one sealed record.

use std::collections::BTreeSet;

use medfolder_crypto::merkle::leaf_hash;
use medfolder_crypto::{Digest, EncryptionSecret, PublicKeyBytes, Secret32, SigningKey, Suite};
use medfolder_ledger::block::{EngineSigner, Roots};
use medfolder_ledger::body::{
    Consent, EnrolStaff, LeafList, Mark, RegisterCard, RevokeReason, RevokeStaff, Seal, SealedLeaf,
    StaffRole, Withdraw, WithdrawReason, prove_possession,
};
use medfolder_ledger::event::Step;
use medfolder_ledger::log::{ConsistencyProof, InclusionProof, MemoryLog};
use medfolder_ledger::member::{Endpoints, Member, MemberKeys, MemberRole, Standing, StorageArea};
use medfolder_ledger::policy::{ConsentText, Policy};
use medfolder_ledger::proof::{EntryProof, HistoryItem, HistoryPage, Receipt};
use medfolder_ledger::state::TransactionStep;
use medfolder_ledger::tree::MemoryTree;
use medfolder_ledger::{
    Block, BlockTransaction, Body, Certificate, Chain, Checkpoint, EngineKeys, Genesis, Header,
    Outcome, Prepared, StateKey, Subject, TxId, Unsigned, execute,
};
use medfolder_record::{
    AreaId, Author, CardNumber, CarriedFile, CarriedSignature, ContentSalt, Custody,
    DoctorSignature, Draft, KeyId, Kind, MemberId, Place, Record, RecordSignature, SealKey,
    SealedAt, Sealing, Signatures, StaffKey, Statement, StatementFields, Times, VisitId, open,
};

macro_rules! vector_file {
    ($name:literal) => {
        include_bytes!(concat!("../../../../tests/vectors/record/carried/", $name))
    };
}

/// 2026-01-01 00:00 UTC.
pub(crate) const START: u64 = 1_767_225_600_000;
pub(crate) const HOSPITAL: MemberId = MemberId([0xA0; 16]);
const AREA: AreaId = AreaId([0x1A; 16]);
pub(crate) const VISIT: VisitId = VisitId([0x44; 16]);
pub(crate) const BODY: &str = concat!(
    r#"{"resourceType":"Bundle","type":"document","entry":["#,
    r#"{"resource":{"resourceType":"Composition","title":"门诊病历"}},"#,
    r#"{"resource":{"resourceType":"AllergyIntolerance","code":{"text":"青霉素过敏"}}}"#,
    "]}\n"
);

/// Authorities that the consortium's policy names, for signatures of hospitals' own systems.
pub(crate) const P256_ROOT: &[u8] = vector_file!("p256-root.der");
pub(crate) const SM2_ROOT: &[u8] = vector_file!("sm2-root.der");
pub(crate) const STAMP_ROOT: &[u8] = vector_file!("stamp-root.der");
pub(crate) const VISIT_ROOT: &[u8] = vector_file!("visit-root.der");

fn root_digest(root: &[u8]) -> Digest {
    Suite::International.hash(&[root])
}

/// A record to be sealed.
pub(crate) struct Sealable<'a> {
    pub(crate) seq: u32,
    /// The time that its doctor claims.
    pub(crate) signed: u64,
    pub(crate) body: &'a str,
    /// What the hospital's own system signed.
    pub(crate) carried: Vec<CarriedSignature>,
    pub(crate) files: Vec<CarriedFile>,
}

fn seed(purpose: u8) -> Secret32 {
    Secret32::new([purpose; 32])
}

pub(crate) fn key(suite: Suite, purpose: u8) -> SigningKey {
    SigningKey::from_seed(suite, &seed(purpose))
}

fn encryption(suite: Suite, purpose: u8) -> PublicKeyBytes {
    EncryptionSecret::from_seed(suite, &seed(purpose))
        .public()
        .to_bytes()
}

pub(crate) fn doctor(suite: Suite) -> KeyId {
    KeyId::of(suite, &key(suite, 9).public())
}

pub(crate) fn card(suite: Suite) -> CardNumber {
    CardNumber::of(suite, &key(suite, 7).public(), &encryption(suite, 8))
}

pub(crate) fn card_keys(suite: Suite) -> (PublicKeyBytes, PublicKeyBytes) {
    (key(suite, 7).public(), encryption(suite, 8))
}

pub(crate) struct World {
    pub(crate) suite: Suite,
    pub(crate) chain: Chain,
    pub(crate) log: MemoryLog,
    pub(crate) state: MemoryTree,
    pub(crate) blocks: Vec<(Block, Certificate)>,
    pub(crate) items: Vec<(Subject, HistoryItem)>,
    pub(crate) stored: Vec<Vec<u8>>,
    recent: BTreeSet<TxId>,
    header: Header,
    pub(crate) time: u64,
}

fn engine(suite: Suite) -> EngineSigner {
    let sm2 = (suite == Suite::National).then(|| key(Suite::National, 6));
    EngineSigner::new(key(Suite::International, 5), sm2)
}

fn consent() -> Consent {
    Consent {
        digest: Digest([0x0C; 32]),
        version: 1,
        language: "zh".to_owned(),
        time: START,
    }
}

fn genesis(suite: Suite) -> Genesis {
    let keys = MemberKeys {
        alliance: key(suite, 1).public(),
        seal: key(suite, 2).public(),
        receive: encryption(suite, 3),
        host: key(suite, 4).public(),
        consensus: None,
        tls: None,
        credential: None,
    };
    let hospital = Member {
        id: HOSPITAL,
        name: "儿童医院".to_owned(),
        role: MemberRole::Hospital,
        standing: Standing::Good,
        keys,
        certificate: Digest([0; 32]),
        endpoints: Endpoints::default(),
        voting: true,
        tls_pin: None,
    };
    let text = ConsentText {
        digest: consent().digest,
        version: 1,
        language: "zh".to_owned(),
    };
    Genesis {
        version: 0,
        suite,
        name: "test consortium".to_owned(),
        nonce: Digest([0x42; 32]),
        time: START,
        members: vec![hospital],
        areas: vec![StorageArea {
            id: AREA,
            member: HOSPITAL,
            endpoints: vec!["https://store.example".to_owned()],
        }],
        policy: Policy {
            ca_roots: [P256_ROOT, SM2_ROOT, VISIT_ROOT].map(root_digest).into(),
            tsa_roots: vec![root_digest(STAMP_ROOT)],
            consent_texts: vec![text],
            ..Policy::default()
        },
        engine: EngineKeys::Embedded(engine(suite).public()),
    }
}

impl World {
    /// Genesis and its block 0.
    pub(crate) fn new(suite: Suite) -> Self {
        let chain = Chain::new(genesis(suite)).unwrap();
        let mut state = MemoryTree::new(suite);
        state.write(chain.genesis().initial_state());
        let header = Header::genesis(&chain, state.root());
        let certificate = engine(suite).certify(suite, &header);
        let block = Block {
            header: header.clone(),
            transactions: Vec::new(),
        };
        Self {
            suite,
            chain,
            log: MemoryLog::default(),
            state,
            blocks: vec![(block, certificate)],
            items: Vec::new(),
            stored: Vec::new(),
            recent: BTreeSet::new(),
            header,
            time: START,
        }
    }

    /// A world in which the doctor is enrolled and the card registered.
    pub(crate) fn with_card(suite: Suite) -> Self {
        let mut world = Self::new(suite);
        let enrol = EnrolStaff {
            member: HOSPITAL,
            signing: key(suite, 9).public(),
            encryption: encryption(suite, 10),
            role: StaffRole::Doctor,
            from: START - 1_000,
            until: START + 31_536_000_000,
            commitment: Digest([7; 32]),
            proof: prove_possession(
                &key(suite, 9),
                &world.chain.digest(),
                &HOSPITAL,
                &encryption(suite, 10),
            ),
        };
        let register = RegisterCard {
            member: HOSPITAL,
            signing: key(suite, 7).public(),
            encryption: encryption(suite, 8),
            consent: consent(),
        };
        let enrol = world.sign(enrol, &[2]);
        let register = world.sign(register, &[7, 2]);
        assert_eq!(world.commit(vec![enrol, register]), [0, 0]);
        world
    }

    /// The stored bytes of a transaction signed with the keys of these purposes.
    pub(crate) fn sign(&self, body: impl Into<Body>, purposes: &[u8]) -> Vec<u8> {
        let keys: Vec<SigningKey> = purposes.iter().map(|p| key(self.suite, *p)).collect();
        let keys: Vec<&SigningKey> = keys.iter().collect();
        Unsigned::new(body, self.time + 3_600_000)
            .signed_by(&self.chain, &keys)
            .to_bytes()
    }

    /// Makes a block; gives the result of each transaction.
    pub(crate) fn commit(&mut self, stored: Vec<Vec<u8>>) -> Vec<u16> {
        self.time += 1_000;
        let size = self.log.size();
        let prepared: Vec<Prepared> = stored
            .iter()
            .map(|bytes| Prepared::new(&self.chain, bytes.clone(), &self.state).unwrap())
            .collect();
        let (state, recent) = (&self.state, &self.recent);
        let done = execute(&self.chain, state, recent, self.time, size, &prepared).unwrap();
        let results: Vec<u16> = done.outcomes.iter().map(Outcome::number).collect();
        self.learn(&stored, &prepared, &done.outcomes);
        self.state.write(done.writes);
        done.leaves
            .iter()
            .for_each(|leaf| self.log.append(self.suite, *leaf));
        self.close(stored, &results);
        results
    }

    fn learn(&mut self, stored: &[Vec<u8>], prepared: &[Prepared], outcomes: &[Outcome]) {
        for ((bytes, one), outcome) in stored.iter().zip(prepared).zip(outcomes) {
            let Outcome::Accepted(accepted) = outcome else {
                continue;
            };
            self.recent.insert(one.id());
            self.stored.push(bytes.clone());
            for touch in &accepted.touches {
                let item = match &touch.step {
                    Step::Transaction { position, time } => {
                        HistoryItem::Transaction(TransactionStep {
                            stored: bytes.clone(),
                            position: *position,
                            block_time: *time,
                        })
                    }
                    Step::Access { access, .. } => HistoryItem::Access(access.clone()),
                };
                self.items.push((touch.subject, item));
            }
        }
    }

    fn close(&mut self, stored: Vec<Vec<u8>>, results: &[u16]) {
        let transactions: Vec<BlockTransaction> = stored
            .into_iter()
            .zip(results)
            .map(|(bytes, result)| BlockTransaction {
                bytes,
                result: *result,
            })
            .collect();
        let mut block = Block {
            header: self.header.clone(),
            transactions,
        };
        let roots = Roots {
            log_size: self.log.size(),
            log_root: self.log.root(self.suite),
            state_root: self.state.root(),
        };
        block.header = self
            .header
            .next(self.suite, &block.results(self.suite), roots, self.time);
        self.header = block.header.clone();
        let certificate = engine(self.suite).certify(self.suite, &block.header);
        self.blocks.push((block, certificate));
    }

    /// A ledger that lies has a transaction in its log with one bit of its signature changed; gives
    /// its bytes.
    pub(crate) fn forge(&mut self, stored: &[u8]) -> Vec<u8> {
        let mut forged = stored.to_vec();
        *forged.last_mut().unwrap() ^= 1;
        self.log = MemoryLog::default();
        for bytes in &mut self.stored {
            if bytes == stored {
                bytes.clone_from(&forged);
            }
            let leaf = leaf_hash(self.suite, &[bytes]);
            self.log.append(self.suite, leaf);
        }
        self.close(Vec::new(), &[]);
        forged
    }

    pub(crate) fn checkpoint(&self) -> Checkpoint {
        let (block, certificate) = self.blocks.last().unwrap();
        Checkpoint {
            header: block.header.clone(),
            certificate: certificate.clone(),
        }
    }

    pub(crate) fn receipt(&self, stored: &[u8]) -> Receipt {
        let index = self
            .stored
            .iter()
            .position(|bytes| bytes == stored)
            .unwrap() as u64;
        let size = self.log.size();
        let inclusion = InclusionProof::make(self.suite, &self.log, index, size).unwrap();
        Receipt {
            inclusion,
            checkpoint: self.checkpoint(),
        }
    }

    pub(crate) fn entry(&self, key: &StateKey) -> EntryProof {
        EntryProof {
            state: self.state.prove(key),
            checkpoint: self.checkpoint(),
        }
    }

    pub(crate) fn consistency(&self, from: u64, to: u64) -> ConsistencyProof {
        ConsistencyProof::make(self.suite, &self.log, from, to).unwrap()
    }

    pub(crate) fn page(&self, subject: Subject, from: u64, limit: usize) -> HistoryPage {
        let own = self.items.iter().filter(|(of, _)| *of == subject);
        let items = own
            .skip(from as usize)
            .take(limit)
            .map(|(_, item)| item.clone())
            .collect();
        HistoryPage {
            subject,
            from,
            items,
            entry: self.entry(&subject.state_key(self.suite)),
        }
    }

    pub(crate) const fn time(&self) -> u64 {
        self.time
    }

    /// Lets time pass and makes a block.
    pub(crate) fn pass(&mut self, milliseconds: u64) {
        self.time += milliseconds;
        self.commit(Vec::new());
    }

    /// Ends the doctor's key, or declares it compromised later.
    pub(crate) fn end_doctor(&mut self, reason: RevokeReason) {
        let key = doctor(self.suite);
        let revoke = RevokeStaff {
            member: HOSPITAL,
            key,
            reason,
        };
        let stored = self.sign(revoke, &[2]);
        assert_eq!(self.commit(vec![stored]), [0]);
    }

    /// Seals one record; gives it, opened with every check, and its seal.
    pub(crate) fn seal_record(&mut self, seq: u32) -> (Record, Vec<u8>) {
        self.seal_signed(seq, self.time)
    }

    /// Seals a record that claims to have been signed at this time.
    pub(crate) fn seal_signed(&mut self, seq: u32, signed: u64) -> (Record, Vec<u8>) {
        self.seal_this(&Sealable {
            seq,
            signed,
            body: BODY,
            carried: Vec::new(),
            files: Vec::new(),
        })
    }

    /// Seals whatever it is given.
    pub(crate) fn seal_this(&mut self, record: &Sealable<'_>) -> (Record, Vec<u8>) {
        let Sealable { seq, signed, .. } = *record;
        let suite = self.suite;
        let statement = statement(suite, self.time);
        let salt = ContentSalt::new(seed(0x71));
        let body = record.body.as_bytes();
        let draft = Draft::new(suite, salt, statement, body, Vec::new()).unwrap();
        let (root, genesis) = (draft.content_root(), self.chain.digest());
        let signature =
            DoctorSignature::sign(&key(suite, 9), &genesis, &root, signed, Custody::FileKey);
        let carried = record.carried.iter().cloned();
        let carried = carried.map(RecordSignature::Carried);
        let signatures = [RecordSignature::Native(signature)];
        let signatures = Signatures(signatures.into_iter().chain(carried).collect());
        let place = Place {
            genesis,
            member: HOSPITAL,
            card: card(suite),
            visit: VISIT,
            seq,
            k: 0,
        };
        let seal_key = SealKey::new(seed(0x61 + seq as u8));
        let sealed = draft
            .seal(Sealing {
                key: &seal_key.record(suite, 0),
                place,
                signatures: &signatures,
                files: &record.files,
                blobs: Vec::new(),
                storage_address: None,
            })
            .unwrap();
        let stored = self.sign(seal(suite, seq, self.time, sealed.id), &[2]);
        assert_eq!(self.commit(vec![stored.clone()]), [0]);
        // What a record's own check would refuse is for the pack's reader to find.
        let at = SealedAt {
            position: self.log.size() - 1,
            time: self.header.time.max(signed),
        };
        let staff = self.staff_keys();
        let record = open(
            suite,
            &sealed.envelope,
            &sealed.id,
            &place,
            &seal_key,
            &staff,
            &at,
        )
        .unwrap();
        (record, stored)
    }

    pub(crate) fn withdraw(&mut self, record: &Record) {
        let list = LeafList {
            visit: VISIT,
            seq: 0,
            leaves: vec![record.id()],
        };
        let reason = WithdrawReason::Wrong;
        let stored = self.sign(
            Withdraw {
                member: HOSPITAL,
                list,
                k: 0,
                reason,
            },
            &[2],
        );
        assert_eq!(self.commit(vec![stored]), [0]);
    }

    fn staff_keys(&self) -> std::collections::BTreeMap<KeyId, StaffKey> {
        let entry = StaffKey {
            member: HOSPITAL,
            key: key(self.suite, 9).verifying_key(),
            enrolled: 0,
            valid_from: START - 1_000,
            valid_until: START + 31_536_000_000,
            ended: None,
        };
        [(doctor(self.suite), entry)].into()
    }
}

fn seal(suite: Suite, seq: u32, time: u64, leaf: medfolder_record::RecordId) -> Seal {
    Seal {
        member: HOSPITAL,
        card: card(suite),
        visit: VISIT,
        seq,
        area: AREA,
        policy: 0,
        time,
        mark: Mark::None,
        leaves: vec![SealedLeaf {
            leaf,
            replaces: None,
        }],
        earlier: None,
    }
}

fn statement(suite: Suite, time: u64) -> Statement {
    Statement::new(StatementFields {
        member: HOSPITAL,
        visit: VISIT,
        patient_number: "P-0001".into(),
        kind: Kind {
            wst500: Some("C0002".into()),
            loinc: "34108-1".into(),
        },
        title: "门诊病历".into(),
        author: Author {
            key: Some(doctor(suite)),
            name: "李医生".into(),
        },
        department: "心内科".into(),
        times: Times {
            visit_start: time as i64,
            visit_end: None,
            authored: time as i64,
        },
        replaces: None,
        media_type: "application/fhir+json".into(),
        attachments: 0,
    })
    .unwrap()
}

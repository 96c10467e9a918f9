//! A small chain with two hospitals and as many cards as wanted, for benches and tests.
//!
//! Keys come from fixed seeds: nothing here protects anything.

use std::path::Path;

use medfolder_crypto::{Digest, EncryptionSecret, Secret32, SigningKey, Suite, merkle};
use medfolder_ledger::block::EngineSigner;
use medfolder_ledger::body::{Consent, Mark, RegisterCard, Seal, SealedLeaf};
use medfolder_ledger::member::{Endpoints, Member, MemberKeys, MemberRole, Standing, StorageArea};
use medfolder_ledger::policy::{ConsentText, DAY, Policy};
use medfolder_ledger::{Body, Chain, EngineKeys, Genesis, GenesisError, Unsigned};
use medfolder_record::{AreaId, CardNumber, MemberId, RecordId, VisitId};

use crate::config::{Config, Limits, StateSize};
use crate::engine_signer;

/// A hospital with its private keys.
pub struct Hospital {
    /// Its id.
    pub id: MemberId,
    /// Its seal key.
    pub seal: SigningKey,
    /// Its host key.
    pub host: SigningKey,
    host_seed: Secret32,
}

/// A card with its private signing key.
pub struct Card {
    /// Its number.
    pub number: CardNumber,
    /// Its signing key.
    pub signing: SigningKey,
    encryption: medfolder_crypto::PublicKeyBytes,
}

/// The chain.
pub struct Fixture {
    /// Genesis and digest.
    pub chain: Chain,
    /// The first is the one that cards are registered with.
    pub hospitals: Vec<Hospital>,
    engine: Secret32,
}

fn seed(kind: &str, n: u64) -> Secret32 {
    Secret32::new(
        Suite::International
            .hash(&[kind.as_bytes(), &n.to_be_bytes()])
            .0,
    )
}

fn hospital(suite: Suite, n: u8) -> (Hospital, Member) {
    let key = |kind| SigningKey::from_seed(suite, &seed(kind, u64::from(n)));
    let receive = EncryptionSecret::from_seed(suite, &seed("receive", u64::from(n)));
    let (seal, host) = (key("seal"), key("host"));
    let member = Member {
        id: MemberId([n; 16]),
        name: format!("hospital {n}"),
        role: MemberRole::Hospital,
        standing: Standing::Good,
        keys: MemberKeys {
            alliance: key("alliance").public(),
            seal: seal.public(),
            receive: receive.public().to_bytes(),
            host: host.public(),
            consensus: None,
            tls: None,
            credential: None,
        },
        certificate: Digest([n; 32]),
        endpoints: Endpoints::default(),
        voting: true,
        tls_pin: None,
    };
    let host_seed = seed("host", u64::from(n));
    (
        Hospital {
            id: member.id,
            seal,
            host,
            host_seed,
        },
        member,
    )
}

fn consent() -> (Digest, ConsentText) {
    let digest = Digest([0xC0; 32]);
    (
        digest,
        ConsentText {
            digest,
            version: 1,
            language: "en".to_owned(),
        },
    )
}

impl Fixture {
    /// A chain whose genesis has this time.
    ///
    /// # Errors
    /// [`GenesisError`] if the fixture does not fit the rules of genesis.
    pub fn new(suite: Suite, time: u64) -> Result<Self, GenesisError> {
        Self::with(suite, time, Policy::default())
    }

    /// The same under other rules.
    ///
    /// # Errors
    /// [`GenesisError`] if the rules do not fit those of genesis.
    pub fn with(suite: Suite, time: u64, policy: Policy) -> Result<Self, GenesisError> {
        let (hospitals, members): (Vec<_>, Vec<_>) = (1..=2).map(|n| hospital(suite, n)).unzip();
        let areas = members.iter().map(|member| StorageArea {
            id: AreaId(member.id.0),
            member: member.id,
            endpoints: vec!["http://127.0.0.1:1".to_owned()],
        });
        let engine = seed("engine", 0);
        let genesis = Genesis {
            version: 0,
            suite,
            name: "fixture".to_owned(),
            nonce: Digest([7; 32]),
            time,
            areas: areas.collect(),
            members,
            policy: Policy {
                consent_texts: vec![consent().1],
                ..policy
            },
            engine: EngineKeys::Embedded(engine_signer(suite, &engine).public()),
        };
        Ok(Self {
            chain: Chain::new(genesis)?,
            hospitals,
            engine,
        })
    }

    /// The engine's key.
    #[must_use]
    pub fn signer(&self) -> EngineSigner {
        engine_signer(self.chain.suite(), &self.engine)
    }

    /// Writes genesis and key files below `dir` and gives a configuration on a free port.
    ///
    /// # Errors
    /// What the operating system answers.
    pub fn install(&self, dir: &Path) -> std::io::Result<Config> {
        let (genesis, key) = (dir.join("genesis.bin"), dir.join("engine.key"));
        std::fs::create_dir_all(dir)?;
        std::fs::write(&genesis, self.chain.to_bytes())?;
        write_key(&key, &self.engine)?;
        Ok(Config {
            genesis,
            data_dir: dir.join("data"),
            listen: ([127, 0, 0, 1], 0).into(),
            member: MemberId([1; 16]),
            engine_key: Some(key),
            follow: None,
            follow_key: None,
            origins: Vec::new(),
            tls: None,
            state: StateSize {
                buckets: 64_000,
                cache_mib: 32,
            },
            limits: Limits::default(),
            log: None,
            #[cfg(feature = "lying")]
            lie: None,
        })
    }

    /// A configuration of the second hospital's follower of `url`.
    ///
    /// # Errors
    /// What the operating system answers.
    pub fn install_follower(&self, dir: &Path, url: String) -> std::io::Result<Config> {
        let mut config = self.install(dir)?;
        let key = dir.join("host.key");
        if let Some(hospital) = self.hospitals.last() {
            write_key(&key, &hospital.host_seed)?;
            config.member = hospital.id;
        }
        config.engine_key = None;
        config.follow = Some(url);
        config.follow_key = Some(key);
        Ok(config)
    }

    /// Card number `n`.
    #[must_use]
    pub fn card(&self, n: u64) -> Card {
        let suite = self.chain.suite();
        let signing = SigningKey::from_seed(suite, &seed("card", n));
        let secret = EncryptionSecret::from_seed(suite, &seed("card-encryption", n));
        let encryption = secret.public().to_bytes();
        Card {
            number: CardNumber::of(suite, &signing.public(), &encryption),
            signing,
            encryption,
        }
    }

    /// Stored bytes of T_R of a card at the first hospital.
    #[must_use]
    pub fn register(&self, card: &Card, now: u64) -> Vec<u8> {
        let body = RegisterCard {
            member: MemberId([1; 16]),
            signing: card.signing.public(),
            encryption: card.encryption,
            consent: Consent {
                digest: consent().0,
                version: 1,
                language: "en".to_owned(),
                time: now,
            },
        };
        self.signed(body, now, &[Some(&card.signing), self.seal_key()])
    }

    /// Stored bytes of a seal of `leaves` records for a card; `visit` makes it one of its own.
    #[must_use]
    pub fn seal(&self, card: &Card, visit: u64, leaves: u64, now: u64) -> Vec<u8> {
        let suite = self.chain.suite();
        let leaf = |k: u64| {
            merkle::leaf_hash(
                suite,
                &[&card.number.0.0, &visit.to_be_bytes(), &k.to_be_bytes()],
            )
        };
        let body = Seal {
            member: MemberId([1; 16]),
            card: card.number,
            visit: VisitId(visit_bytes(card, visit)),
            seq: 0,
            area: AreaId([1; 16]),
            policy: 0,
            time: now,
            mark: Mark::None,
            leaves: (0..leaves)
                .map(|k| SealedLeaf {
                    leaf: RecordId(leaf(k)),
                    replaces: None,
                })
                .collect(),
            earlier: None,
        };
        self.signed(body, now, &[self.seal_key()])
    }

    /// Stored bytes of any body, signed with these keys, valid for a day from `now`.
    #[must_use]
    pub fn signed(&self, body: impl Into<Body>, now: u64, keys: &[Option<&SigningKey>]) -> Vec<u8> {
        let keys: Vec<&SigningKey> = keys.iter().copied().flatten().collect();
        Unsigned::new(body, now + DAY / 2)
            .signed_by(&self.chain, &keys)
            .to_bytes()
    }

    fn seal_key(&self) -> Option<&SigningKey> {
        self.hospitals.first().map(|hospital| &hospital.seal)
    }
}

fn visit_bytes(card: &Card, visit: u64) -> [u8; 16] {
    let Digest(digest) =
        Suite::International.hash(&[&card.number.0.0, b"visit", &visit.to_be_bytes()]);
    let mut bytes = [0; 16];
    bytes
        .iter_mut()
        .zip(digest)
        .for_each(|(to, from)| *to = from);
    bytes
}

fn write_key(path: &Path, seed: &Secret32) -> std::io::Result<()> {
    match medfolder_client::keyfile::write(path, seed) {
        Ok(()) => Ok(()),
        Err(medfolder_client::keyfile::KeyFileError::Exists(_)) => Ok(()),
        Err(error) => Err(std::io::Error::other(error.to_string())),
    }
}

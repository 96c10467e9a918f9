//! The world of the demonstration: a consortium of three hospitals and a health commission that
//! runs the ledger's node, with keys, a genesis and one configuration per process.
//!
//! ```text
//! world/genesis.cbor
//!       node/          node.json engine.key data/
//!       offline/       alliance keys: no process reads them
//!       hospital-1/    inner.json seal.key receive.key      inner zone: fhir/ data/
//!                      edge.json host.key tls.key …         edge: data/
//!                      signer.json doctors/                 signer: key and PIN files
//!                      spool/out spool/in                   all that lies between the zones
//!       logs/          one file per process
//! ```

use super::plan::Doctor;
use super::processes;
use crate::error::CliError;
use medfolder_client::keyfile;
use medfolder_crypto::{
    Digest, EncryptionSecret, PublicKeyBytes, Secret32, SigningKey, Suite, os_rng,
};
use medfolder_gateway::signer::keyfile as doctor_key;
use medfolder_ledger::Chain;
use medfolder_ledger::genesis::{self, EngineKeys, Genesis};
use medfolder_ledger::member::{Endpoints, Member, MemberKeys, MemberRole, Standing, StorageArea};
use medfolder_ledger::policy::{ConsentText, Policy};
use medfolder_node::engine_signer;
use medfolder_record::{AreaId, MemberId};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The hospitals, as the sample family's records name them.
pub(crate) const HOSPITALS: [&str; 3] = ["浦江市第一人民医院", "浦江市儿童医院", "东湖区中心医院"];
const OPERATOR: &str = "浦江市卫生健康委员会";
const CONSENT: [(&str, &str); 2] = [
    (
        "zh",
        "本人同意将本院为我出具的病历以密文保存，仅由我本人及我授权的人阅读，并可随时撤回授权。",
    ),
    (
        "en",
        "I agree that this hospital keeps its records about me encrypted, to be read only by me \
         and by those whom I allow, and that I may withdraw what I allowed at any time.",
    ),
];
/// Signs for authors who have no key of their own.
const OFFICE: (&str, &str) = ("病案室", "BAS-0001");

/// A hospital of the world.
#[derive(Debug)]
pub(crate) struct Hospital {
    /// Its name.
    pub(crate) name: String,
    /// Its id.
    pub(crate) member: MemberId,
    /// Address of its edge.
    pub(crate) edge: String,
    /// Address of its inner zone.
    pub(crate) inner: String,
    /// Its folder.
    pub(crate) directory: PathBuf,
    /// Key files of its doctors, with each doctor's licence.
    pub(crate) doctors: Vec<(PathBuf, Doctor)>,
}

impl Hospital {
    /// A file in the hospital's folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// The world.
#[derive(Debug)]
pub(crate) struct World {
    /// Where everything lies.
    pub(crate) directory: PathBuf,
    /// The genesis file.
    pub(crate) genesis: PathBuf,
    /// Its content, checked.
    pub(crate) chain: Chain,
    /// Address of the ledger's node.
    pub(crate) ledger: String,
    /// The node's configuration.
    pub(crate) node_config: PathBuf,
    /// The hospitals.
    pub(crate) hospitals: Vec<Hospital>,
}

/// What the world is made of.
#[derive(Debug)]
pub(crate) struct Wishes<'a> {
    /// An empty or missing directory.
    pub(crate) directory: &'a Path,
    /// Cryptography of the consortium.
    pub(crate) suite: Suite,
    /// First of the ports, or free ones.
    pub(crate) port: Option<u16>,
    /// Doctors of each hospital.
    pub(crate) doctors: &'a [Vec<Doctor>],
    /// Now, in milliseconds.
    pub(crate) now: u64,
}

/// Makes keys, genesis and configurations.
pub(crate) fn make(wishes: &Wishes<'_>) -> Result<World, CliError> {
    let addresses = processes::addresses(1 + 2 * HOSPITALS.len(), wishes.port)?;
    let (node_address, others) = addresses
        .split_first()
        .ok_or_else(|| CliError::new("demo.port_in_use", ""))?;
    let ledger = format!("http://{node_address}");
    let node = Founder::new(wishes, "node", OPERATOR, MemberRole::Regulator)?;
    let mut founders = Vec::new();
    for (number, name) in HOSPITALS.iter().enumerate() {
        let directory = format!("hospital-{}", number + 1);
        founders.push(Founder::new(
            wishes,
            &directory,
            name,
            MemberRole::Hospital,
        )?);
    }
    let chain = found(wishes, &node, &founders, &ledger, others)?;
    let genesis = wishes.directory.join("genesis.cbor");
    fs::write(&genesis, chain.to_bytes()).map_err(storage)?;
    let node_config = node.directory.join("node.json");
    write_json(&node_config, &node_json(&node, node_address))?;
    let mut hospitals = Vec::new();
    for (number, (founder, addresses)) in founders.into_iter().zip(others.chunks(2)).enumerate() {
        let doctors = wishes.doctors.get(number).map_or(&[][..], Vec::as_slice);
        hospitals.push(founder.open(&chain, addresses, &ledger, doctors)?);
    }
    let directory = wishes.directory.to_path_buf();
    Ok(World {
        directory,
        genesis,
        chain,
        ledger,
        node_config,
        hospitals,
    })
}

/// A member before genesis: its folder and keys.
struct Founder {
    directory: PathBuf,
    name: String,
    id: MemberId,
    role: MemberRole,
    keys: MemberKeys,
}

impl Founder {
    fn new(
        wishes: &Wishes<'_>,
        directory: &str,
        name: &str,
        role: MemberRole,
    ) -> Result<Self, CliError> {
        let suite = wishes.suite;
        let offline = wishes.directory.join("offline");
        let own = wishes.directory.join(directory);
        fs::create_dir_all(&offline).map_err(storage)?;
        fs::create_dir_all(&own).map_err(storage)?;
        let signing = |path: PathBuf, suite| {
            seed(&path).map(|seed| SigningKey::from_seed(suite, &seed).public())
        };
        let receive = seed(&own.join("receive.key"))?;
        let keys = MemberKeys {
            alliance: signing(offline.join(format!("{directory}-alliance.key")), suite)?,
            seal: signing(own.join("seal.key"), suite)?,
            receive: EncryptionSecret::from_seed(suite, &receive)
                .public()
                .to_bytes(),
            host: signing(own.join("host.key"), suite)?,
            consensus: Some(engine_signer(suite, &seed(&own.join("engine.key"))?).public()),
            tls: Some(signing(own.join("tls.key"), Suite::International)?),
            credential: Some(credential(&own.join("credential.p8"))?),
        };
        let id = MemberId::random(&mut os_rng());
        Ok(Self {
            directory: own,
            name: name.to_owned(),
            id,
            role,
            keys,
        })
    }

    fn member(&self, node: Option<&str>, edge: Option<SocketAddr>, suite: Suite) -> Member {
        Member {
            id: self.id,
            name: self.name.clone(),
            role: self.role,
            standing: Standing::Good,
            keys: self.keys.clone(),
            // The demonstration speaks plain HTTP on the loopback interface and has no CA.
            certificate: suite.hash(&[self.keys.alliance.as_bytes()]),
            endpoints: Endpoints {
                node: node.map(str::to_owned),
                edge: edge.map(|address| format!("http://{address}")),
            },
            voting: self.role == MemberRole::Hospital,
            tls_pin: None,
        }
    }

    /// The hospital with its three configurations and its doctors' keys.
    fn open(
        self,
        chain: &Chain,
        addresses: &[SocketAddr],
        ledger: &str,
        doctors: &[Doctor],
    ) -> Result<Hospital, CliError> {
        let [edge, inner] = addresses else {
            return Err(CliError::new("demo.port_in_use", ""));
        };
        for folder in ["fhir", "inner", "edge", "spool/out", "spool/in", "doctors"] {
            fs::create_dir_all(self.directory.join(folder)).map_err(storage)?;
        }
        let office = Doctor {
            name: OFFICE.0.to_owned(),
            licence: OFFICE.1.to_owned(),
        };
        let staff: Vec<&Doctor> = doctors.iter().chain([&office]).collect();
        let keys = self.doctor_keys(chain, &staff)?;
        write_json(
            &self.directory.join("inner.json"),
            &inner_json(self.id, inner),
        )?;
        write_json(
            &self.directory.join("edge.json"),
            &edge_json(self.id, edge, ledger),
        )?;
        write_json(
            &self.directory.join("signer.json"),
            &signer_json(self.id, inner, keys.len()),
        )?;
        Ok(Hospital {
            name: self.name,
            member: self.id,
            edge: format!("http://{edge}"),
            inner: format!("http://{inner}"),
            directory: self.directory,
            doctors: keys,
        })
    }

    /// Key files of all doctors; each takes a tenth of a second of memory-hard hashing, so they
    /// are made side by side.
    fn doctor_keys(
        &self,
        chain: &Chain,
        staff: &[&Doctor],
    ) -> Result<Vec<(PathBuf, Doctor)>, CliError> {
        let make = |(number, doctor): (usize, &&Doctor)| {
            let path = self.doctor_key(chain, number, doctor)?;
            Ok((path, Doctor::clone(doctor)))
        };
        std::thread::scope(|scope| {
            let makers: Vec<_> = staff
                .iter()
                .enumerate()
                .map(|one| scope.spawn(move || make(one)))
                .collect();
            let ended = |_| Err(CliError::new("demo.start", "a thread ended"));
            makers
                .into_iter()
                .map(|maker| maker.join().unwrap_or_else(ended))
                .collect()
        })
    }

    /// A doctor's key file and what enrols her, with its PIN beside it, as only a demonstration
    /// would do.
    fn doctor_key(
        &self,
        chain: &Chain,
        number: usize,
        doctor: &Doctor,
    ) -> Result<PathBuf, CliError> {
        let path = self.directory.join(format!("doctors/{number}.key"));
        let pin = hex::encode(Secret32::random(&mut os_rng()).expose());
        let pin = pin.get(..16).unwrap_or(&pin);
        write_private(&self.directory.join(format!("doctors/{number}.pin")), pin)?;
        let key = doctor_key::create(&path, pin, chain.suite(), &doctor.name, &mut os_rng())
            .map_err(|error| CliError::new(error.code(), &error))?;
        let enrolment = key.enrolment(&chain.digest(), &self.id);
        write_json(&path.with_extension("json"), &json!(enrolment))?;
        Ok(path)
    }
}

fn found(
    wishes: &Wishes<'_>,
    node: &Founder,
    hospitals: &[Founder],
    ledger: &str,
    addresses: &[SocketAddr],
) -> Result<Chain, CliError> {
    let suite = wishes.suite;
    let mut members = vec![node.member(Some(ledger), None, suite)];
    let mut areas = Vec::new();
    for (hospital, addresses) in hospitals.iter().zip(addresses.chunks(2)) {
        let member = hospital.member(None, addresses.first().copied(), suite);
        let endpoints = member.endpoints.edge.iter().cloned().collect();
        let id = AreaId::random(&mut os_rng());
        areas.push(StorageArea {
            id,
            member: member.id,
            endpoints,
        });
        members.push(member);
    }
    members.sort_by_key(|member| member.id);
    areas.sort_by_key(|area| area.id);
    let consent_texts = CONSENT.iter().map(|(language, text)| ConsentText {
        digest: suite.hash(&[text.as_bytes()]),
        version: 1,
        language: (*language).to_owned(),
    });
    let engine = node
        .keys
        .consensus
        .clone()
        .ok_or_else(|| CliError::new("genesis.key", ""))?;
    let genesis = Genesis {
        version: genesis::VERSION,
        suite,
        name: "浦江健康联盟 Pujiang Health Alliance".to_owned(),
        nonce: Digest(*Secret32::random(&mut os_rng()).expose()),
        time: wishes.now,
        members,
        areas,
        policy: Policy {
            consent_texts: consent_texts.collect(),
            ..Policy::default()
        },
        engine: EngineKeys::Embedded(engine),
    };
    Chain::new(genesis).map_err(|error| CliError::new(error.code(), &error))
}

fn seed(path: &Path) -> Result<Secret32, CliError> {
    keyfile::create(path, &mut os_rng()).map_err(|error| CliError::new(error.code(), &error))
}

/// An ES256 key (PKCS#8) for visit credentials; its public key compressed.
fn credential(path: &Path) -> Result<PublicKeyBytes, CliError> {
    let failed = |_| CliError::new("demo.start", "no P-256 key could be made");
    let random = ring::rand::SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).map_err(failed)?;
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random)
        .map_err(|_| CliError::new("demo.start", "no P-256 key could be made"))?;
    write_private(path, document.as_ref())?;
    // Uncompressed: 4 ‖ x ‖ y; compressed: 2 + parity of y ‖ x.
    let point = pair.public_key().as_ref();
    let parity = point.last().copied().unwrap_or_default() & 1;
    let mut compressed = vec![2 + parity];
    compressed.extend_from_slice(point.get(1..33).unwrap_or_default());
    PublicKeyBytes::new(&compressed).map_err(|error| CliError::new("genesis.key", error))
}

fn node_json(node: &Founder, address: &SocketAddr) -> Value {
    json!({
        "genesis": "../genesis.cbor", "data_dir": "data", "listen": address, "member": node.id,
        "engine_key": "engine.key", "state": { "buckets": 20_000, "cache_mib": 16 },
    })
}

fn inner_json(member: MemberId, address: &SocketAddr) -> Value {
    json!({
        "genesis": "../genesis.cbor", "member": member, "data_dir": "inner",
        "keys": { "seal": "seal.key", "receive": "receive.key" },
        "spool_out": "spool/out", "spool_in": "spool/in", "watch_dir": "fhir",
        "listen": address, "fallback_author": OFFICE.1,
        "tuning": { "watch": 100, "settle": 0, "quiet": 300, "poll": 20 },
    })
}

fn edge_json(member: MemberId, address: &SocketAddr, ledger: &str) -> Value {
    json!({
        "genesis": "../genesis.cbor", "member": member, "data_dir": "edge",
        "host_key": "host.key", "spool_out": "spool/out", "spool_in": "spool/in",
        "ledger": [ledger], "listen": address,
        "tuning": { "poll": 50, "report": 200, "audit": 10_000 },
    })
}

fn signer_json(member: MemberId, inner: &SocketAddr, doctors: usize) -> Value {
    let keys: Vec<Value> = (0..doctors)
        .map(|number| {
            json!({
                "file": format!("doctors/{number}.key"),
                "pin_file": format!("doctors/{number}.pin"),
            })
        })
        .collect();
    json!({
        "genesis": "../genesis.cbor", "member": member, "inner": format!("http://{inner}"),
        "token_file": "inner/tokens/signer", "poll": 50, "keys": keys,
    })
}

fn write_json(path: &Path, value: &Value) -> Result<(), CliError> {
    let text = serde_json::to_vec_pretty(value).map_err(|e| CliError::new("demo.storage", e))?;
    fs::write(path, text).map_err(storage)
}

fn write_private(path: &Path, content: impl AsRef<[u8]>) -> Result<(), CliError> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(storage)?;
    file.write_all(content.as_ref()).map_err(storage)
}

fn storage(error: std::io::Error) -> CliError {
    CliError::new("demo.storage", error)
}

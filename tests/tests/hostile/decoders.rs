//! Every door that bytes of strangers come through, as one function each: the ordinary tests and
//! `fuzz/` knock at the same ones.
//!
//! A decoder takes any bytes. It says whether it took them; it never panics, a refusal has a code,
//! and what it took encodes to the same bytes again.

use medfolder_client::api::Problem;
use medfolder_client::api::zone::FetchItem;
use medfolder_client::desk_code::{DeskCode, DeskLink};
use medfolder_client::keyfile;
use medfolder_crypto::{Digest, PublicKeyBytes, Secret32, Suite, from_cbor, to_cbor, words};
use medfolder_fhir::json::{self, Limits};
use medfolder_fhir::{intake, summary, text};
use medfolder_folder::{Trust, Unlock, Vault};
use medfolder_gateway::certified::Certified;
use medfolder_gateway::signer::keyfile as doctor_key;
use medfolder_gateway::spool::{In, Out};
use medfolder_gateway::worklist::{Answers, Items, Taken};
use medfolder_ledger::proof::{EntryProof, HistoryPage, Receipt, RefusalProof};
use medfolder_ledger::{Block, Chain, Checkpoint, Prepared, Transaction};
use medfolder_record::x509::{self, AsOf, CarriedPolicy};
use medfolder_record::{
    Attachment, CardNumber, Core, Disclosure, Envelope, FolderNumber, KeySlot, RecordId,
    Signatures, Statement, pieces,
};
use medfolder_share::evidence::Evidence;
use medfolder_share::jwe::{self, JweLimits};
use medfolder_share::manifest::ReadManifest;
use medfolder_share::rules::location::Ticket;
use medfolder_share::unpack::unpack;
use medfolder_share::{LinkKey, ManifestRequest, Pepper, ShareId, ShareState, read_link};
use minicbor::{Decode, Encode};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Longest structure of any kind.
const MOST: usize = 64 << 20;
/// The key of the pinned links.
const LINK_KEY: [u8; 32] = [1; 32];

/// Takes bytes; says whether it took them.
pub(crate) type Decoder = fn(&[u8]) -> bool;

/// All decoders by group and name. A group is a fuzz target.
pub(crate) const GROUPS: [(&str, &[(&str, Decoder)]); 8] = [
    ("record", RECORD),
    ("carried", &[("carried", carried)]),
    ("ledger", LEDGER),
    ("share", SHARE),
    ("fhir", FHIR),
    ("gateway", GATEWAY),
    ("keys", KEYS),
    ("search", &[("search", search)]),
];

const RECORD: &[(&str, Decoder)] = &[
    ("statement", |b| {
        taken(Statement::from_bytes(b), |e| e.code())
    }),
    ("envelope", envelope),
    ("core", |b| {
        same(b, Core::from_bytes(b), |e| e.code(), to_cbor)
    }),
    ("signatures", |b| {
        same(
            b,
            Signatures::from_bytes(b),
            |e| e.code(),
            Signatures::to_bytes,
        )
    }),
    ("slot", |b| {
        same(b, KeySlot::from_bytes(b), |e| e.code(), KeySlot::to_bytes)
    }),
    ("attachment", |b| {
        taken(Attachment::from_bytes(b), |e| e.code())
    }),
    ("disclosure", |b| {
        taken(Disclosure::from_bytes(b), |e| e.code())
    }),
    ("pieces", |b| taken(pieces::cut(b), |e| e.code())),
];

const LEDGER: &[(&str, Decoder)] = &[
    ("transaction", transaction),
    ("block", |b| {
        same(b, Block::from_bytes(b), |e| e.code(), Block::to_bytes)
    }),
    ("certified", |b| Certified::read_all(b).is_ok()),
    ("checkpoint", |b| {
        same(
            b,
            Checkpoint::from_bytes(b),
            |e| e.code(),
            Checkpoint::to_bytes,
        )
    }),
    ("receipt", |b| {
        same(b, Receipt::from_bytes(b), |e| e.code(), Receipt::to_bytes)
    }),
    ("refusal", |b| {
        same(
            b,
            RefusalProof::from_bytes(b),
            |e| e.code(),
            RefusalProof::to_bytes,
        )
    }),
    ("entry", |b| {
        same(
            b,
            EntryProof::from_bytes(b),
            |e| e.code(),
            EntryProof::to_bytes,
        )
    }),
    ("history", |b| {
        same(
            b,
            HistoryPage::from_bytes(b),
            |e| e.code(),
            HistoryPage::to_bytes,
        )
    }),
    ("genesis", |b| {
        same(b, Chain::from_bytes(b), |e| e.code(), Chain::to_bytes)
    }),
];

const SHARE: &[(&str, Decoder)] = &[
    ("link", |b| {
        with_text(b, |text| taken(read_link(text), |e| e.code()))
    }),
    ("manifest", |b| taken(ReadManifest::read(b), |e| e.code())),
    ("manifest_request", |b| {
        taken(ManifestRequest::read(b), |e| e.code())
    }),
    ("jwe", jwe_file),
    ("received", received),
    ("share_state", |b| {
        same(
            b,
            ShareState::from_bytes(b),
            |e| e.code(),
            ShareState::to_bytes,
        )
    }),
    ("location", location),
    ("evidence", evidence),
    ("problem", |b| serde_json::from_slice::<Problem>(b).is_ok()),
];

const FHIR: &[(&str, Decoder)] = &[
    ("json", |b| {
        taken(json::parse(b, &Limits::default()), |e| e.code())
    }),
    ("intake", |b| {
        taken(intake::read(b, &Limits::default()), |e| e.code())
    }),
    ("summary", |b| {
        taken(summary::read(b, &Limits::default()), |e| e.code())
    }),
    ("text", fhir_text),
];

const GATEWAY: &[(&str, Decoder)] = &[
    ("spool_out", strict::<Out>),
    ("spool_in", strict::<In>),
    ("items", strict::<Items>),
    ("answers", strict::<Answers>),
    ("taken", strict::<Taken>),
    ("fetch_item", strict::<FetchItem>),
];

const KEYS: &[(&str, Decoder)] = &[
    ("words", |b| {
        with_text(b, |text| taken(words::to_root(text), |e| e.code()))
    }),
    ("card_number", |b| parsed::<CardNumber>(b)),
    ("folder_number", |b| parsed::<FolderNumber>(b)),
    ("record_id", |b| parsed::<RecordId>(b)),
    ("public_key", public_key),
    ("desk_code", |b| parsed::<DeskCode>(b)),
    ("desk_link", |b| parsed::<DeskLink>(b)),
    ("seed_file", |b| {
        in_file(b, |path| keyfile::load(path).is_ok())
    }),
    ("doctor_key", |b| {
        in_file(b, |path| doctor_key::public_part(path).is_ok())
    }),
];

fn taken<T, E>(read: Result<T, E>, code: impl Fn(&E) -> &'static str) -> bool {
    if let Err(error) = &read {
        assert!(code(error).contains('.'), "{}", code(error));
    }
    read.is_ok()
}

fn same<T, E>(
    bytes: &[u8],
    read: Result<T, E>,
    code: impl Fn(&E) -> &'static str,
    write: impl Fn(&T) -> Vec<u8>,
) -> bool {
    if let Ok(value) = &read {
        assert!(write(value) == bytes, "what was taken is written otherwise");
    }
    taken(read, code)
}

fn strict<T: for<'b> Decode<'b, ()> + Encode<()>>(bytes: &[u8]) -> bool {
    same(bytes, from_cbor::<T>(bytes, MOST), |e| e.code(), to_cbor)
}

fn with_text(bytes: &[u8], read: impl Fn(&str) -> bool) -> bool {
    core::str::from_utf8(bytes).is_ok_and(read)
}

fn parsed<T: core::str::FromStr>(bytes: &[u8]) -> bool {
    with_text(bytes, |text| text.parse::<T>().is_ok())
}

fn envelope(bytes: &[u8]) -> bool {
    let Ok(envelope) = Envelope::from_bytes(bytes) else {
        return false;
    };
    for suite in Suite::ALL {
        let leaf = envelope.leaf(suite);
        let _ = envelope.clone().audit(suite, &leaf);
    }
    true
}

/// A carried signature, checked against every root that it brings itself.
fn carried(bytes: &[u8]) -> bool {
    let Ok(signatures) = Signatures::from_bytes(bytes) else {
        return false;
    };
    let mut any = false;
    for signature in signatures.carried() {
        let digests = signature
            .chain
            .iter()
            .map(|der| Suite::International.hash(&[der]));
        let roots: Vec<Digest> = digests.collect();
        let policy = CarriedPolicy {
            ca_roots: &roots,
            tsa_roots: &roots,
            revocation_required: true,
        };
        let sealed = AsOf::Clock(1_700_000_000_000);
        let checked = x509::check(signature, b"file", &policy, sealed);
        taken(checked, |e| e.code());
        any = true;
    }
    any
}

fn chain() -> &'static Chain {
    use std::sync::OnceLock;
    static CHAIN: OnceLock<Chain> = OnceLock::new();
    CHAIN.get_or_init(|| {
        let vectors = include_str!("../../vectors/ledger/international.json");
        let vectors: serde_json::Value = serde_json::from_str(vectors).unwrap_or_default();
        let file = hex::decode(vectors["genesis"]["file"].as_str().unwrap_or_default());
        match Chain::from_bytes(&file.unwrap_or_default()) {
            Ok(chain) => chain,
            Err(error) => unreachable!("the pinned genesis: {error}"),
        }
    })
}

fn transaction(bytes: &[u8]) -> bool {
    let prepared = Prepared::read(chain(), bytes.to_vec());
    assert!(prepared.is_err() || Transaction::from_bytes(bytes).is_ok());
    taken(Transaction::from_bytes(bytes), |e| e.code())
}

fn jwe_file(bytes: &[u8]) -> bool {
    let key = LinkKey::from_bytes(LINK_KEY);
    let limits = JweLimits {
        jwe_bytes: 1 << 20,
        plaintext_bytes: 1 << 20,
    };
    with_text(bytes, |text| {
        taken(jwe::decrypt(&key, text, &limits), |e| e.code())
    })
}

fn received(bytes: &[u8]) -> bool {
    let received = unpack(vec![(0, bytes.to_vec()), (1, bytes.to_vec())]);
    !received.records.is_empty() || !received.attachments.is_empty()
}

fn location(bytes: &[u8]) -> bool {
    let (pepper, share) = (
        Pepper::new(Secret32::new([7; 32])),
        ShareId::from_bytes([2; 32]),
    );
    with_text(bytes, |text| {
        Ticket::check(&pepper, &share, text, 0).is_some()
    })
}

fn evidence(bytes: &[u8]) -> bool {
    let read = Evidence::from_bytes(bytes);
    if let Ok(pack) = &read {
        let _ = pack.verify(None, None);
        let _ = pack.verify(Some(chain()), Some(b"{}"));
    }
    same(bytes, read, |e| e.code(), Evidence::to_bytes)
}

fn fhir_text(bytes: &[u8]) -> bool {
    text::plain(bytes, &Limits::default()).is_ok()
}

fn public_key(bytes: &[u8]) -> bool {
    with_text(bytes, |text| {
        let Ok(key) = text.parse::<PublicKeyBytes>() else {
            return false;
        };
        Suite::ALL.iter().any(|suite| key.verifying(*suite).is_ok())
    })
}

fn in_file(bytes: &[u8], read: impl Fn(&Path) -> bool) -> bool {
    let name = format!(
        "medfolder-hostile-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    );
    let path = std::env::temp_dir().join(name);
    let written = std::fs::write(&path, bytes);
    let private = std::fs::Permissions::from_mode(0o600);
    assert!(
        written
            .and_then(|()| std::fs::set_permissions(&path, private))
            .is_ok()
    );
    let taken = read(&path);
    let _ = std::fs::remove_file(&path);
    taken
}

/// What somebody types to find a record; nothing is ever wrong with it.
fn search(bytes: &[u8]) -> bool {
    thread_local! {
        static VAULT: (tempfile::TempDir, Vault) = vault();
    }
    VAULT.with(|(_, vault)| {
        let Ok(folder) = vault.folder(Some("one")) else {
            unreachable!("the folder was made");
        };
        with_text(bytes, |text| match folder.search(text, 10) {
            Ok(_) => true,
            Err(error) if error.code() == "search.empty" => false,
            Err(error) => unreachable!("{}", error.code()),
        })
    })
}

fn vault() -> (tempfile::TempDir, Vault) {
    let made = || -> Option<(tempfile::TempDir, Vault)> {
        let place = tempfile::tempdir().ok()?;
        let key = Secret32::new([9; 32]);
        let vault = Vault::create(&place.path().join("vault"), &Unlock::Key(key)).ok()?;
        let (genesis, ledger) = (chain().to_bytes(), ["http://127.0.0.1:1".to_owned()]);
        let trust = Trust {
            genesis: &genesis,
            ledger: &ledger,
        };
        vault.create_folder("one", &trust, 0).ok()?;
        Some((place, vault))
    };
    match made() {
        Some(made) => made,
        None => unreachable!("no vault can be made"),
    }
}

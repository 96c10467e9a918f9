//! The vault as its owner meets it: made once, opened by its passphrase, shut to everybody else.
#![allow(clippy::unwrap_used, reason = "tests")]

use medfolder_client::clock::Clock;
use medfolder_crypto::words::WordList;
use medfolder_crypto::{EncryptionSecret, PublicKeyBytes, Secret32, SigningKey, Suite};
use medfolder_folder::records::Language;
use medfolder_folder::{FolderError, Trust, Unlock, Vault};
use medfolder_ledger::member::{ConsensusKey, Endpoints, Member, MemberKeys, MemberRole, Standing};
use medfolder_ledger::policy::Policy;
use medfolder_ledger::{Chain, EngineKeys, Genesis};
use medfolder_record::MemberId;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const PASSPHRASE: Unlock<'static> = Unlock::Passphrase("correct horse battery");
const NOW: u64 = 1_790_000_000_000;

fn key(byte: u8) -> PublicKeyBytes {
    SigningKey::from_seed(Suite::International, &Secret32::new([byte; 32])).public()
}

fn genesis() -> Vec<u8> {
    let receive = EncryptionSecret::from_seed(Suite::International, &Secret32::new([9; 32]));
    let member = Member {
        id: MemberId([1; 16]),
        name: "浦江市第一人民医院".to_owned(),
        role: MemberRole::Hospital,
        standing: Standing::Good,
        keys: MemberKeys {
            alliance: key(1),
            seal: key(2),
            receive: receive.public().to_bytes(),
            host: key(3),
            consensus: None,
            tls: None,
            credential: None,
        },
        certificate: medfolder_crypto::Digest([0; 32]),
        endpoints: Endpoints::default(),
        voting: true,
        tls_pin: None,
    };
    let genesis = Genesis {
        version: 0,
        suite: Suite::International,
        name: "test".to_owned(),
        nonce: medfolder_crypto::Digest([7; 32]),
        time: NOW,
        members: vec![member],
        areas: Vec::new(),
        policy: Policy::default(),
        engine: EngineKeys::Embedded(ConsensusKey {
            ed25519: key(4),
            sm2: None,
        }),
    };
    Chain::new(genesis).unwrap().to_bytes()
}

fn code(result: Result<Vault, FolderError>) -> String {
    result
        .err()
        .map(|error| error.code().to_owned())
        .unwrap_or_default()
}

#[test]
fn a_vault_opens_with_its_passphrase_and_with_no_other() {
    let dir = tempfile::tempdir().unwrap();
    drop(Vault::create(dir.path(), &PASSPHRASE).unwrap());
    assert_eq!(
        code(Vault::open(dir.path(), &Unlock::Passphrase("incorrect"))),
        "vault.wrong_passphrase"
    );
    assert_eq!(
        code(Vault::open(
            dir.path(),
            &Unlock::Key(Secret32::new([0; 32]))
        )),
        "vault.wrong_passphrase"
    );
    assert!(Vault::open(dir.path(), &PASSPHRASE).is_ok());
}

#[test]
fn a_vault_with_a_key_from_the_key_store_opens_with_that_key_only() {
    let dir = tempfile::tempdir().unwrap();
    let key = || Unlock::Key(Secret32::new([5; 32]));
    drop(Vault::create(dir.path(), &key()).unwrap());
    assert_eq!(
        code(Vault::open(
            dir.path(),
            &Unlock::Key(Secret32::new([6; 32]))
        )),
        "vault.wrong_passphrase"
    );
    assert!(Vault::open(dir.path(), &key()).is_ok());
}

#[test]
fn a_second_process_or_window_is_refused_while_the_vault_is_open() {
    let dir = tempfile::tempdir().unwrap();
    let first = Vault::create(dir.path(), &PASSPHRASE).unwrap();
    assert_eq!(code(Vault::open(dir.path(), &PASSPHRASE)), "vault.in_use");
    drop(first);
    assert!(Vault::open(dir.path(), &PASSPHRASE).is_ok());
}

#[test]
fn what_stands_in_a_vault_cannot_be_read_from_its_files() {
    let dir = tempfile::tempdir().unwrap();
    let vault = Vault::create(dir.path(), &PASSPHRASE).unwrap();
    let genesis = genesis();
    let trust = Trust {
        genesis: &genesis,
        ledger: &["http://127.0.0.1:1".to_owned()],
    };
    vault
        .create_folder("marker-folder-name", &trust, NOW)
        .unwrap();
    drop(vault);
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!contains(&bytes, b"marker-folder-name"));
        assert!(!contains(&bytes, b"SQLite format"));
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn damaged_files_and_a_missing_vault_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(code(Vault::open(dir.path(), &PASSPHRASE)), "vault.missing");
    drop(Vault::create(dir.path(), &PASSPHRASE).unwrap());
    assert_eq!(code(Vault::create(dir.path(), &PASSPHRASE)), "vault.exists");
    flip_a_byte(&dir.path().join("vault.db"), 100);
    assert_eq!(code(Vault::open(dir.path(), &PASSPHRASE)), "vault.damaged");
    std::fs::write(dir.path().join("vault.db"), "").unwrap();
    assert_eq!(code(Vault::open(dir.path(), &PASSPHRASE)), "vault.damaged");
    std::fs::remove_file(dir.path().join("vault.db")).unwrap();
    assert_eq!(code(Vault::open(dir.path(), &PASSPHRASE)), "vault.damaged");
    std::fs::write(dir.path().join("vault.key"), "{").unwrap();
    assert_eq!(code(Vault::open(dir.path(), &PASSPHRASE)), "vault.damaged");
}

#[test]
fn a_vault_locks_itself_when_nobody_uses_it_and_opens_again() {
    let dir = tempfile::tempdir().unwrap();
    let key = || Unlock::Key(Secret32::new([5; 32]));
    let vault = Vault::create(dir.path(), &key()).unwrap();
    let genesis = genesis();
    let trust = Trust {
        genesis: &genesis,
        ledger: &["http://127.0.0.1:1".to_owned()],
    };
    let folder = vault.create_folder("李敏", &trust, NOW).unwrap();
    let time = Arc::new(AtomicU64::new(NOW));
    let read = Arc::clone(&time);
    let clock = Clock::of(move || read.load(Ordering::SeqCst));
    vault.lock_when_idle(Duration::from_secs(300), clock);
    let code = |result: Result<(), FolderError>| result.err().map(|error| error.code().to_owned());
    time.fetch_add(299_999, Ordering::SeqCst);
    assert_eq!(
        code(folder.recovery_words(WordList::English).map(drop)),
        None
    );
    time.fetch_add(299_999, Ordering::SeqCst);
    assert!(!vault.is_locked());
    time.fetch_add(1, Ordering::SeqCst);
    let locked = Some("vault.locked".to_owned());
    assert_eq!(code(vault.folder_names().map(drop)), locked);
    assert!(vault.is_locked());
    assert_eq!(
        code(folder.recovery_words(WordList::English).map(drop)),
        locked
    );
    assert_eq!(code(folder.search("x", 1).map(drop)), locked);
    // It is still this process's vault.
    assert_eq!(
        code(Vault::open(dir.path(), &key()).map(drop)),
        Some("vault.in_use".to_owned())
    );
    let other = Unlock::Key(Secret32::new([6; 32]));
    assert_eq!(
        code(vault.unlock(&other)),
        Some("vault.wrong_passphrase".to_owned())
    );
    assert!(vault.is_locked());
    assert_eq!(code(vault.unlock(&key())), None);
    assert_eq!(
        code(folder.recovery_words(WordList::English).map(drop)),
        None
    );
}

#[test]
fn a_window_that_nobody_touches_is_locked_too() {
    let dir = tempfile::tempdir().unwrap();
    let vault = Vault::create(dir.path(), &Unlock::Key(Secret32::new([5; 32]))).unwrap();
    let time = Arc::new(AtomicU64::new(NOW));
    let read = Arc::clone(&time);
    vault.lock_when_idle(
        Duration::from_secs(300),
        Clock::of(move || read.load(Ordering::SeqCst)),
    );
    time.fetch_add(300_000, Ordering::SeqCst);
    let began = std::time::Instant::now();
    while !vault.is_locked() && began.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(vault.is_locked());
}

#[cfg(unix)]
#[tokio::test]
async fn a_vault_and_an_export_are_their_owners_whatever_lay_there_before() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let place = tempfile::tempdir().unwrap();
    let home = place.path().join("home").join("vault");
    let vault = Vault::create(&home, &PASSPHRASE).unwrap();
    let genesis = genesis();
    let trust = Trust {
        genesis: &genesis,
        ledger: &["http://127.0.0.1:1".to_owned()],
    };
    let folder = vault.create_folder("李敏", &trust, NOW).unwrap();
    let (export, elsewhere) = (place.path().join("all.zip"), place.path().join("theirs"));
    std::fs::write(&elsewhere, "").unwrap();
    symlink(&elsewhere, place.path().join("all.zip.part")).unwrap();
    let clock = Clock::of(|| NOW);
    let exported = folder.export(&export, Language::Chinese, &clock, &|_, _| ());
    exported.await.unwrap();
    assert!(std::fs::read(&elsewhere).unwrap().is_empty());
    let files = ["vault.key", "vault.db"].map(|name| home.join(name));
    for path in files.iter().chain([&home, &export]) {
        let mode = std::fs::symlink_metadata(path)
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{}", path.display());
    }
}

fn flip_a_byte(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_short_passphrase_is_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(
        code(Vault::create(
            dir.path(),
            &Unlock::Passphrase("七个字太短了啊")
        )),
        "vault.weak_passphrase"
    );
    assert!(!Vault::exists(dir.path()));
}

#[test]
fn a_crash_before_the_key_file_leaves_no_vault_and_a_second_try_succeeds() {
    let dir = tempfile::tempdir().unwrap();
    drop(Vault::create(dir.path(), &PASSPHRASE).unwrap());
    std::fs::remove_file(dir.path().join("vault.key")).unwrap();
    assert!(!Vault::exists(dir.path()));
    assert!(Vault::create(dir.path(), &Unlock::Passphrase("another passphrase")).is_ok());
}

#[test]
fn one_vault_holds_a_family_and_each_folder_has_a_root_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let vault = Vault::create(dir.path(), &PASSPHRASE).unwrap();
    let genesis = genesis();
    let trust = Trust {
        genesis: &genesis,
        ledger: &["http://127.0.0.1:1".to_owned()],
    };
    let mother = vault.create_folder("李敏", &trust, NOW).unwrap();
    let child = vault.create_folder("陈小满", &trust, NOW).unwrap();
    assert_ne!(mother.number, child.number);
    let words = |folder: &medfolder_folder::Folder<'_>| {
        folder.recovery_words(WordList::Chinese).unwrap().concat()
    };
    assert_ne!(words(&mother), words(&child));
    assert_eq!(vault.folder(None).err().unwrap().code(), "folder.which");
    assert_eq!(
        vault.folder(Some("王秀兰")).err().unwrap().code(),
        "folder.unknown"
    );
    assert_eq!(
        vault
            .create_folder("李敏", &trust, NOW)
            .err()
            .unwrap()
            .code(),
        "folder.exists"
    );
    assert_eq!(vault.folder_names().unwrap(), ["李敏", "陈小满"]);
}

#[test]
fn the_words_bring_the_same_folder_back_in_another_vault() {
    let (home, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let genesis = genesis();
    let trust = Trust {
        genesis: &genesis,
        ledger: &["http://127.0.0.1:1".to_owned()],
    };
    let vault = Vault::create(home.path(), &PASSPHRASE).unwrap();
    let folder = vault.create_folder("王秀兰", &trust, NOW).unwrap();
    let words = folder.recovery_words(WordList::English).unwrap().join(" ");
    let other = Vault::create(elsewhere.path(), &PASSPHRASE).unwrap();
    let restored = other.restore_folder("奶奶", &words, &trust, NOW).unwrap();
    assert_eq!(restored.number, folder.number);
    let wrong = words.replacen(' ', "  wrongword ", 1);
    assert_eq!(
        other
            .restore_folder("x", &wrong, &trust, NOW)
            .err()
            .unwrap()
            .code(),
        "words.count"
    );
}

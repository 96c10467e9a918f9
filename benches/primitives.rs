//! What the work cannot do without, run alone: reading, hashing, signing, checking, encrypting,
//! wrapping, and plain writes to disk and database.
//!
//! ```text
//! a hospital, per record    read the file and understand it; cut and hash it for the hospital and again
//!                           for the signer, who takes a digest from nobody; one signature, one check;
//!                           encrypt it while it waits, one plain row of it, decrypt it; encrypt it for
//!                           the card, hash that; overwrite and remove the file that was delivered
//!            per visit      wrap the key, sign the seal, write what is sealed; a sync for each group
//! ```
//! Rows share a commit as the real ones do. Nothing is here that only our own structure needs: no
//! indexes, no second rows, no processes, no HTTP, no deletion of what waited, no edge, no ledger.

use super::data::VISIT;
use medfolder_crypto::{
    AeadKey, Digest, EncryptionPublic, EncryptionSecret, Label, Secret32, SigningKey, Suite, os_rng,
};
use medfolder_fhir::intake;
use medfolder_fhir::json::Limits;
use medfolder_node::bench::processor;
use medfolder_record::{ContentSalt, ContentTree};
use rusqlite::Connection;
use std::fs::{self, File};
use std::io::{Error, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

const SUITE: Suite = Suite::International;
/// Rows of a transaction, as the folder's sync writes them.
const BATCH: usize = 200;

/// What was measured. A disk that others use is not the same from second to second: what waits for
/// it is measured several times, and the median counts.
#[derive(Debug)]
pub(super) struct Primitives {
    directory: PathBuf,
    files: Vec<PathBuf>,
    /// Records a second, of each time.
    hospital: Vec<f64>,
    /// Processor seconds of what a folder's sync cannot do without, for all records, of each time.
    sync: Vec<f64>,
    /// Plain FTS5 inserts of all texts.
    pub(super) index: Taken,
}

/// How long something took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    pub(super) seconds: f64,
    /// Processor seconds.
    pub(super) processor: f64,
}

/// How often the index is measured.
const TIMES: usize = 3;

impl Primitives {
    /// Measures with the documents below `data`.
    pub(super) fn measure(directory: &Path, data: &Path, records: usize) -> Result<Self, Error> {
        fs::create_dir_all(directory)?;
        let files: Vec<PathBuf> = (0..records)
            .map(|n| data.join(format!("visit-{:05}/{}.json", n / VISIT, n % VISIT)))
            .collect();
        let bodies: Vec<Vec<u8>> = files.iter().map(fs::read).collect::<Result<_, _>>()?;
        let mut indexed = (0..TIMES)
            .map(|n| index(&directory.join(format!("words-{n}.db")), &bodies))
            .collect::<Result<Vec<Taken>, _>>()
            .map_err(Error::other)?;
        indexed.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
        let none = || Error::other("nothing was measured");
        Ok(Self {
            sync: vec![sync(&directory.join("plain.db"), &bodies).map_err(Error::other)?],
            index: indexed.get(TIMES / 2).copied().ok_or_else(none)?,
            directory: directory.to_owned(),
            files,
            hospital: Vec::new(),
        })
    }

    /// Measures what a hospital does once more.
    pub(super) fn measure_hospital(&mut self) -> Result<(), Error> {
        let directory = self
            .directory
            .join(format!("hospital-{}", self.hospital.len()));
        fs::create_dir(&directory)?;
        self.hospital.push(hospital(&directory, &self.files)?);
        self.hospital.sort_by(f64::total_cmp);
        fs::remove_dir_all(directory)
    }

    /// Measures what a folder's sync does once more.
    pub(super) fn measure_sync(&mut self) -> Result<(), Error> {
        let bodies = self
            .files
            .iter()
            .map(fs::read)
            .collect::<Result<Vec<_>, _>>()?;
        let file = format!("plain-{}.db", self.sync.len());
        let again = sync(&self.directory.join(file), &bodies).map_err(Error::other)?;
        self.sync.push(again);
        self.sync.sort_by(f64::total_cmp);
        Ok(())
    }

    /// Processor seconds of what a folder's sync cannot do without.
    pub(super) fn sync(&self) -> f64 {
        middle(&self.sync)
    }

    /// Records a second that a hospital could do if it did nothing else, on all cores.
    pub(super) fn hospital(&self) -> f64 {
        middle(&self.hospital)
    }
}

fn middle(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn hospital(directory: &Path, files: &[PathBuf]) -> Result<f64, Error> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let delivered = copies(files, &directory.join("delivered"))?;
    let visits: Vec<&[PathBuf]> = delivered.chunks(VISIT).collect();
    let began = Instant::now();
    let share = visits.len().div_ceil(cores).max(1);
    let done: Result<Vec<()>, Error> = std::thread::scope(|scope| {
        let workers: Vec<_> = visits
            .chunks(share)
            .enumerate()
            .map(|(n, visits)| scope.spawn(move || Hospital::new(directory, n)?.take(visits)))
            .collect();
        let ended = |_| Err(Error::other("a thread ended"));
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(ended))
            .collect()
    });
    done?;
    Ok(files.len() as f64 / began.elapsed().as_secs_f64())
}

fn copies(files: &[PathBuf], to: &Path) -> Result<Vec<PathBuf>, Error> {
    fs::create_dir_all(to)?;
    let copied = files.iter().enumerate().map(|(n, file)| {
        let path = to.join(format!("{n}.json"));
        fs::copy(file, &path).map(|_| path)
    });
    copied.collect()
}

/// A hospital's share of the visits on one core.
struct Hospital {
    key: SigningKey,
    card: EncryptionPublic,
    zone: Secret32,
    database: Connection,
    out: File,
}

impl Hospital {
    fn new(directory: &Path, worker: usize) -> Result<Self, Error> {
        let database = Connection::open(directory.join(format!("waiting-{worker}.db")));
        let database = database.map_err(Error::other)?;
        let made = database.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE waiting (id INTEGER PRIMARY KEY, draft BLOB NOT NULL) STRICT;",
        );
        made.map_err(Error::other)?;
        Ok(Self {
            key: SigningKey::from_seed(SUITE, &Secret32::random(&mut os_rng())),
            card: EncryptionSecret::from_seed(SUITE, &Secret32::random(&mut os_rng())).public(),
            zone: Secret32::random(&mut os_rng()),
            database,
            out: File::create(directory.join(format!("sealed-{worker}")))?,
        })
    }

    /// Takes visits in, a group of rows with one commit.
    fn take(mut self, visits: &[&[PathBuf]]) -> Result<(), Error> {
        for group in visits.chunks(BATCH / VISIT) {
            let mut waiting = Vec::new();
            for file in group.iter().flat_map(|visit| visit.iter()) {
                waiting.push(self.read_and_sign(&fs::read(file)?)?);
            }
            self.keep(&waiting).map_err(Error::other)?;
            for visit in waiting.chunks(VISIT) {
                self.seal(visit)?;
            }
            self.out.sync_data()?;
            let files: Vec<&PathBuf> = group.iter().flat_map(|visit| visit.iter()).collect();
            remove(&files)?;
        }
        Ok(())
    }

    fn read_and_sign(&self, body: &[u8]) -> Result<Vec<u8>, Error> {
        intake::read(body, &Limits::default()).map_err(Error::other)?;
        let salt = ContentSalt::random(&mut os_rng());
        let (root, signed) = (content_root(&salt, body)?, content_root(&salt, body)?);
        let signature = self.key.sign(Label::RECORD_SIGNATURE, &[&signed.0]);
        let checks = self.key.verifying_key();
        let checked = checks.verify(Label::RECORD_SIGNATURE, &[&root.0], &signature);
        checked.map_err(|_| Error::other("signature"))?;
        let waits = AeadKey::new(SUITE, self.zone.duplicate());
        Ok(waits.seal_once(b"draft", body))
    }

    fn keep(&mut self, waiting: &[Vec<u8>]) -> rusqlite::Result<()> {
        let transaction = self.database.transaction()?;
        for draft in waiting {
            transaction
                .prepare_cached("INSERT INTO waiting (draft) VALUES (?1)")?
                .execute([draft])?;
        }
        transaction.commit()
    }

    fn seal(&mut self, visit: &[Vec<u8>]) -> Result<(), Error> {
        for draft in visit {
            let waits = AeadKey::new(SUITE, self.zone.duplicate());
            let body = waits.open_once(b"draft", draft);
            let body = body.map_err(|_| Error::other("decrypt"))?;
            let aead = AeadKey::new(SUITE, Secret32::random(&mut os_rng()));
            let sealed = aead.seal_once(b"core", &body);
            SUITE.hash(&[&sealed]);
            self.out.write_all(&sealed)?;
        }
        let seal_key = Secret32::random(&mut os_rng());
        let wrapped = self.card.wrap(b"slot", seal_key.expose(), &mut os_rng());
        let wrapped = wrapped.map_err(|_| Error::other("wrap"))?;
        self.key.sign(Label::RECORD_SIGNATURE, &[&wrapped]);
        self.out.write_all(&wrapped)
    }
}

/// The content root: every piece with a salt of its own.
fn content_root(salt: &ContentSalt, body: &[u8]) -> Result<Digest, Error> {
    let tree = ContentTree::build(SUITE, salt, b"statement", body, &[]).map_err(Error::other)?;
    Ok(tree.root().0)
}

/// Overwrites delivered files, waits for the disk once, as the inner zone does, and removes them.
fn remove(files: &[&PathBuf]) -> Result<(), Error> {
    let mut disk = None;
    for path in files {
        let mut file = File::options().write(true).open(path)?;
        let length = usize::try_from(file.metadata()?.len()).map_err(Error::other)?;
        file.write_all(&vec![0; length])?;
        disk = Some(file);
    }
    disk.map_or(Ok(()), rustix::fs::syncfs)?;
    files.iter().try_for_each(fs::remove_file)
}

/// Processor seconds of: hash each record, derive its keys, decrypt it, hash its content as the
/// format asks (salted pieces below a root), check its signature, one unwrap a visit, and plain
/// inserts into an encrypted database.
fn sync(file: &Path, bodies: &[Vec<u8>]) -> Result<f64, Box<dyn std::error::Error + Send + Sync>> {
    let failed = |_| "a primitive failed";
    let key = SigningKey::from_seed(SUITE, &Secret32::random(&mut os_rng()));
    let checks = key.verifying_key();
    let card = EncryptionSecret::from_seed(SUITE, &Secret32::random(&mut os_rng()));
    let wrapped = card
        .public()
        .wrap(
            b"slot",
            Secret32::random(&mut os_rng()).expose(),
            &mut os_rng(),
        )
        .map_err(|_| "wrap")?;
    let sealed: Vec<_> = bodies
        .iter()
        .map(|body| {
            let secret = Secret32::random(&mut os_rng());
            let root = SUITE.hash(&[body]);
            let signature = key.sign(Label::RECORD_SIGNATURE, &[&root.0]);
            (
                AeadKey::new(SUITE, secret.duplicate()).seal_once(&[], body),
                secret,
                signature,
            )
        })
        .collect();
    let mut database = Connection::open(file)?;
    database.execute_batch(&format!(
        "PRAGMA key = \"x'{}'\"; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE record (id INTEGER PRIMARY KEY, name TEXT NOT NULL, title TEXT NOT NULL) STRICT;
         CREATE TABLE content (id INTEGER PRIMARY KEY, envelope BLOB NOT NULL) STRICT;",
        hex::encode(Secret32::random(&mut os_rng()).expose())
    ))?;
    let before = processor();
    for (number, batch) in sealed.chunks(BATCH).enumerate() {
        let transaction = database.transaction()?;
        for (k, (envelope, secret, signature)) in batch.iter().enumerate() {
            let name = SUITE.hash(&[envelope]);
            let record_key = SUITE.derive(secret, Label::RECORD_KEY, &[]);
            SUITE.derive(&record_key, Label::CONTENT_KEY, &[]);
            SUITE.hash_labelled(Label::KEY_COMMITMENT, &[record_key.expose()]);
            let aead = AeadKey::new(SUITE, secret.duplicate());
            let body = aead.open_once(&[], envelope).map_err(failed)?;
            content_root(&ContentSalt::new(secret.duplicate()), &body)?;
            let root = SUITE.hash(&[&body]);
            checks
                .verify(Label::RECORD_SIGNATURE, &[&root.0], signature)
                .map_err(|_| "signature")?;
            if k % VISIT == 0 {
                card.unwrap_secret(b"slot", &wrapped).map_err(failed)?;
            }
            let id = (number * BATCH + k) as i64;
            transaction
                .prepare_cached("INSERT INTO record (id, name, title) VALUES (?1, ?2, '检验报告')")?
                .execute((id, name.to_string()))?;
            transaction
                .prepare_cached("INSERT INTO content (id, envelope) VALUES (?1, ?2)")?
                .execute((id, envelope))?;
        }
        transaction.commit()?;
    }
    Ok(processor() - before)
}

/// Plain inserts of the records' words into FTS5, one ideograph a word, in an encrypted database.
fn index(
    path: &Path,
    bodies: &[Vec<u8>],
) -> Result<Taken, Box<dyn std::error::Error + Send + Sync>> {
    let texts: Vec<String> = bodies
        .iter()
        .map(|body| medfolder_fhir::text::plain(body, &Limits::default()))
        .collect::<Result<_, _>>()?;
    let spaced = |text: &String| {
        let mut out = String::with_capacity(text.len() * 2);
        for c in text.chars() {
            if ('\u{4e00}'..='\u{9fff}').contains(&c) {
                out.extend([' ', c, ' ']);
            } else {
                out.push(c);
            }
        }
        out
    };
    let texts: Vec<String> = texts.iter().map(spaced).collect();
    let mut database = Connection::open(path)?;
    database.execute_batch(&format!(
        "PRAGMA key = \"x'{}'\"; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE VIRTUAL TABLE words USING fts5(title, body, content = '', contentless_delete = 1,
             tokenize = \"unicode61 remove_diacritics 2\");",
        hex::encode(Secret32::random(&mut os_rng()).expose())
    ))?;
    let (before, began) = (processor(), Instant::now());
    for (number, batch) in texts.chunks(BATCH).enumerate() {
        let transaction = database.transaction()?;
        for (k, text) in batch.iter().enumerate() {
            transaction
                .prepare_cached("INSERT INTO words (rowid, title, body) VALUES (?1, ?2, ?3)")?
                .execute(((number * BATCH + k) as i64, "检 验 报 告", text))?;
        }
        transaction.commit()?;
    }
    Ok(Taken {
        seconds: began.elapsed().as_secs_f64(),
        processor: processor() - before,
    })
}

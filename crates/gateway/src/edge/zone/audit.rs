//! The audit: reads every stored byte again and recomputes what it should be (F10).
//!
//! ```text
//! record       envelope -> leaf, H(sealed content); each attachment -> Merkle root and length
//! share file   blob -> its name
//! ```
//! What vanished or changed is reported to the ledger once, signed with the host key, a Zone report
//! per seal; the ledger's monitor makes an alert of it. A record that was delivered again and is
//! whole is no longer marked. What a disk or the system did not let it read is counted, and is no
//! finding: nobody takes a report back. Paced: after each mebibyte the task rests.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use medfolder_crypto::{Digest, Suite};
use medfolder_ledger::body::{Finding, LeafList, ZoneFinding, ZoneReport, ZoneReporter};
use medfolder_record::attachment::BlobAudit;
use medfolder_record::limits::MAX_ENVELOPE;
use medfolder_record::{Check, Envelope};
use medfolder_record::{RecordId, VisitId};
use rusqlite::Transaction;

use super::index::{self, Record};
use crate::edge::app::App;
use crate::edge::blob::BlobError;
use crate::edge::chain;
use crate::edge::db::{DbError, digest};
use crate::edge::outbox::{self, Kind};

const PAGE: u32 = 64;
const CHUNK: usize = 128 * 1024;
const PACE: u64 = 1 << 20;

/// What an audit saw.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct AuditResult {
    /// Records read.
    pub records: u64,
    /// Files of shares read.
    pub files: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Records whose bytes are not those that were sealed.
    pub changed: u64,
    /// Records of which something is missing.
    pub missing: u64,
    /// Files of shares that changed or vanished.
    pub broken_files: u64,
    /// Records and files that could not be read this time.
    pub unread: u64,
}

/// Why an audit stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuditError {
    /// The index failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The task was cancelled at shutdown.
    #[error("the audit was interrupted")]
    Interrupted,
}

/// Reads everything once. `rest` is the pause after each mebibyte.
pub(crate) async fn run(app: &Arc<App>, rest: Duration) -> Result<AuditResult, AuditError> {
    let (mut result, mut after, mut unpaced) = (AuditResult::default(), Vec::new(), 0);
    loop {
        let from = after.clone();
        let page = app.db.read(move |c| index::after(c, &from, PAGE)).await?;
        let Some(last) = page.last() else { break };
        after = last.id.as_bytes().to_vec();
        for record in page {
            let (seen, bytes) = look(app, &record).await?;
            result.count(seen.as_ref().ok().copied().flatten(), bytes);
            match seen {
                Ok(finding) => note(app, record, finding).await?,
                Err(error) => result.unread(&error),
            }
            pace(&mut unpaced, bytes, rest).await;
        }
    }
    files(app, &mut result, rest).await?;
    let unread = (result.unread > 0).then_some("blob.io");
    app.troubles.tell("audit", unread);
    report(app).await?;
    Ok(result)
}

impl AuditResult {
    fn count(&mut self, finding: Option<ZoneFinding>, bytes: u64) {
        self.records = self.records.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
        match finding {
            Some(ZoneFinding::Changed) => self.changed = self.changed.saturating_add(1),
            Some(ZoneFinding::Missing) => self.missing = self.missing.saturating_add(1),
            None => {}
        }
    }

    fn unread(&mut self, error: &BlobError) {
        self.unread = self.unread.saturating_add(1);
        tracing::debug!(code = error.code(), %error, "a blob could not be read");
    }
}

/// What a look saw, if it could, and how many bytes it read.
type Seen<T> = (Result<T, BlobError>, u64);

async fn pace(unpaced: &mut u64, bytes: u64, rest: Duration) {
    *unpaced = unpaced.saturating_add(bytes);
    if *unpaced >= PACE && !rest.is_zero() {
        *unpaced = 0;
        tokio::time::sleep(rest).await;
    }
}

async fn look(app: &Arc<App>, record: &Record) -> Result<Seen<Option<ZoneFinding>>, AuditError> {
    let (own, record) = (app.clone(), record.clone());
    let id = record.id;
    let attachments = app.db.read(move |c| index::attachments(c, &id)).await?;
    let task = move || {
        let mut bytes = 0;
        let seen = examine(&own, &record, &attachments, &mut bytes);
        (seen, bytes)
    };
    tokio::task::spawn_blocking(task)
        .await
        .map_err(|_| AuditError::Interrupted)
}

fn examine(
    app: &App,
    record: &Record,
    attachments: &[index::Attachment],
    total: &mut u64,
) -> Result<Option<ZoneFinding>, BlobError> {
    let Some(open) = app.blobs.get(&record.envelope)? else {
        return Ok(Some(ZoneFinding::Missing));
    };
    let (mut bytes, limit) = (Vec::new(), MAX_ENVELOPE as u64 + 1);
    open.reader.take(limit).read_to_end(&mut bytes)?;
    *total = bytes.len() as u64;
    let cores = match cores(app.suite, &bytes, &record.id) {
        Ok(cores) => cores,
        // Its name says that no byte changed: it waits for a program that knows its version.
        Err(Check::Version) if app.suite.hash(&[&bytes]) == record.envelope => return Ok(None),
        Err(_) => return Ok(Some(ZoneFinding::Changed)),
    };
    if cores.len() != attachments.len() {
        return Ok(Some(ZoneFinding::Missing));
    }
    for (stored, core) in attachments.iter().zip(cores) {
        let Some(open) = app.blobs.get(&stored.blob)? else {
            return Ok(Some(ZoneFinding::Missing));
        };
        *total = total.saturating_add(open.length);
        if stream(app.suite, open.reader)?.check(&core).is_err() {
            return Ok(Some(ZoneFinding::Changed));
        }
    }
    Ok(None)
}

/// The attachments that a whole envelope names; an error when a byte of it changed.
fn cores(
    suite: Suite,
    bytes: &[u8],
    id: &RecordId,
) -> Result<Vec<medfolder_record::record_core::Blob>, Check> {
    let envelope = Envelope::from_bytes(bytes)?;
    let attachments = envelope.core().attachments.clone();
    envelope.audit(suite, id).map(|_| attachments)
}

/// Feeds a blob through the audit of an attachment.
pub(crate) fn stream(suite: Suite, mut reader: impl Read) -> Result<BlobAudit, BlobError> {
    let mut audit = BlobAudit::new(suite);
    each_chunk(&mut reader, |chunk| audit.push(chunk))?;
    Ok(audit)
}

fn each_chunk(reader: &mut impl Read, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = reader.read(&mut buffer)?;
        match buffer.get(..count) {
            Some(chunk) if !chunk.is_empty() => take(chunk),
            _ => return Ok(()),
        }
    }
}

/// Marks a new finding; unmarks a record that is whole again.
async fn note(
    app: &Arc<App>,
    record: Record,
    finding: Option<ZoneFinding>,
) -> Result<(), AuditError> {
    if finding.is_none() && record.finding == 0 {
        return Ok(());
    }
    if finding.is_some() && record.finding != 0 {
        return Ok(());
    }
    if let Some(what) = finding {
        tracing::error!(record = %record.id, ?what, "stored ciphertext is not what was sealed");
    }
    let number = finding.map_or(0, number_of);
    app.db
        .write(move |t| index::note_finding(t, &record.id, number))
        .await?;
    Ok(())
}

const fn number_of(finding: ZoneFinding) -> u8 {
    match finding {
        ZoneFinding::Changed => 1,
        ZoneFinding::Missing => 2,
    }
}

/// Queues a Zone report per seal that has findings which were not reported yet. Run again at every
/// audit: a report that lapsed is made anew.
pub(crate) async fn report(app: &Arc<App>) -> Result<(), DbError> {
    let own = app.clone();
    app.db.write(move |t| report_in(&own, t)).await?;
    app.wake.submit.notify_one();
    Ok(())
}

fn report_in(app: &App, t: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut seals: BTreeMap<(VisitId, u32), Vec<Record>> = BTreeMap::new();
    for record in index::found(t)? {
        seals
            .entry((record.visit, record.seq))
            .or_default()
            .push(record);
    }
    for ((visit, seq), records) in seals {
        let all = index::of_seal(t, &visit, seq)?;
        let leaves = all.iter().filter(|r| r.sealed).map(|r| r.id).collect();
        let mut findings: Vec<Finding> = records.iter().map(finding_of).collect();
        findings.sort_unstable_by_key(|finding| finding.k);
        let list = LeafList { visit, seq, leaves };
        let by = ZoneReporter::Edge;
        let queued = chain::signed(
            app,
            ZoneReport {
                member: app.member,
                by,
                list,
                findings,
            },
        );
        outbox::put(t, &queued, Kind::Report, app.now())?;
        for record in records {
            index::note_report(t, &record.id, Some(&queued.id))?;
        }
    }
    Ok(())
}

const fn finding_of(record: &Record) -> Finding {
    let what = if record.finding == 1 {
        ZoneFinding::Changed
    } else {
        ZoneFinding::Missing
    };
    Finding { k: record.k, what }
}

/// Files of shares have no leaf on the ledger: what is broken is counted and logged.
async fn files(app: &Arc<App>, result: &mut AuditResult, rest: Duration) -> Result<(), AuditError> {
    let names = app
        .db
        .read(|c| {
            c.prepare("SELECT blob FROM share_file")?
                .query_map([], |row| digest(row, 0))?
                .collect::<rusqlite::Result<Vec<_>>>()
        })
        .await?;
    let mut unpaced = 0;
    for name in names {
        let own = app.clone();
        let task = move || whole(&own, &name);
        let (whole, bytes) = tokio::task::spawn_blocking(task)
            .await
            .map_err(|_| AuditError::Interrupted)?;
        result.files = result.files.saturating_add(1);
        result.bytes = result.bytes.saturating_add(bytes);
        match whole {
            Ok(true) => {}
            Ok(false) => {
                result.broken_files = result.broken_files.saturating_add(1);
                tracing::error!(blob = %name, "a shared file changed or vanished");
            }
            Err(error) => result.unread(&error),
        }
        pace(&mut unpaced, bytes, rest).await;
    }
    Ok(())
}

fn whole(app: &App, name: &Digest) -> Seen<bool> {
    let mut open = match app.blobs.get(name) {
        Ok(Some(open)) => open,
        Ok(None) => return (Ok(false), 0),
        Err(error) => return (Err(error), 0),
    };
    let mut hasher = app.suite.hasher();
    let read = each_chunk(&mut open.reader, |chunk| hasher.update(chunk));
    let whole = read.map(|()| hasher.finish() == *name);
    (whole.map_err(BlobError::from), open.length)
}

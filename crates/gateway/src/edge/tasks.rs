//! The background work of an edge: spool, ledger, reports, housekeeping, audit.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::app::App;
use super::db::DbError;
use super::follow::{self, FollowError};
use super::share::{owner, purge, report};
use super::submit::{self, Sent};
use super::zone::{audit, slots};
use super::{desk, outbox, spool};
use crate::spool::{Out, Reader, SpoolError};

/// Between two looks while something waits to be final, in milliseconds.
const EAGER: u64 = 4;
/// How many eager looks are made before the usual interval returns.
const EAGER_LOOKS: u32 = 500;
const HOUSEKEEPING: Duration = Duration::from_secs(60);
/// How long settled transactions are remembered, in milliseconds: as long as any may be valid.
const REMEMBERED: u64 = 8 * 24 * 60 * 60 * 1_000;

/// Starts all of it; each task ends with `shutdown`.
pub(crate) fn spawn(
    work: &mut JoinSet<()>,
    app: &Arc<App>,
    reader: Reader<Out>,
    shutdown: &watch::Receiver<bool>,
) {
    work.spawn(until(shutdown.clone(), spools(app.clone(), reader)));
    work.spawn(until(shutdown.clone(), ledger(app.clone())));
    work.spawn(until(shutdown.clone(), reports(app.clone())));
    work.spawn(until(shutdown.clone(), housekeeping(app.clone())));
    work.spawn(until(shutdown.clone(), audits(app.clone())));
}

async fn until(mut shutdown: watch::Receiver<bool>, task: impl Future<Output = ()>) {
    tokio::select! {
        () = task => {}
        // A sender that is gone means the same as shutdown.
        _ = shutdown.wait_for(|over| *over) => {}
    }
}

async fn rest(wake: &Notify, milliseconds: u64) {
    tokio::select! {
        () = wake.notified() => {}
        () = tokio::time::sleep(Duration::from_millis(milliseconds)) => {}
    }
}

async fn spools(app: Arc<App>, mut reader: Reader<Out>) {
    loop {
        let own = app.clone();
        let task = tokio::task::spawn_blocking(move || {
            let taken = spool::drain(&own, &mut reader);
            (taken, reader)
        });
        let Ok((taken, back)) = task.await else {
            return;
        };
        reader = back;
        let code = taken.as_ref().err().map(SpoolError::code);
        app.troubles.tell("spool", code);
        if let Err(error) = taken {
            tracing::debug!(code = error.code(), %error, "the spool failed");
        }
        tokio::time::sleep(Duration::from_millis(app.tuning.poll)).await;
    }
}

async fn ledger(app: Arc<App>) {
    let (mut sent, mut eager) = (Sent::default(), 0);
    loop {
        let waiting = submit::round(&app, &mut sent).await;
        let waiting = told(&app, "submit", waiting).unwrap_or(false);
        let followed = follow::catch_up(&app).await;
        let code = followed.as_ref().err().map(FollowError::code);
        app.troubles.tell("follow", code);
        // Nothing comes sooner from a ledger that fails.
        let waiting = waiting && followed.is_ok();
        match followed {
            Ok(true) => {
                let _ = told(&app, "purge", purge::round(&app).await);
            }
            Ok(false) => {}
            Err(error) => {
                tracing::debug!(code = error.code(), %error, "the ledger was not followed")
            }
        }
        eager = if waiting {
            u32::saturating_add(eager, 1)
        } else {
            0
        };
        if waiting && eager <= EAGER_LOOKS {
            rest(&app.wake.submit, EAGER).await;
        } else {
            rest(&app.wake.submit, app.tuning.poll).await;
            eager = 0;
        }
    }
}

async fn reports(app: Arc<App>) {
    loop {
        if told(&app, "report", report::round(&app).await) == Some(true) {
            app.wake.submit.notify_one();
        }
        rest(&app.wake.report, app.tuning.report).await;
        // Entries of one moment share a batch.
        tokio::time::sleep(Duration::from_millis(EAGER)).await;
    }
}

async fn housekeeping(app: Arc<App>) {
    loop {
        let _ = told(&app, "purge", purge::round(&app).await);
        let now = app.now();
        let pruned = app.db.write(move |t| {
            slots::prune(t, now)?;
            desk::prune(t, now)?;
            owner::prune(t, now)?;
            outbox::forget(t, now.saturating_sub(REMEMBERED))
        });
        let _ = told(&app, "prune", pruned.await);
        tokio::time::sleep(HOUSEKEEPING).await;
    }
}

async fn audits(app: Arc<App>) {
    loop {
        let pause = Duration::from_millis(app.tuning.audit_rest);
        match audit::run(&app, pause).await {
            Ok(result) => tracing::info!(?result, "every stored byte was read"),
            Err(error) => tracing::error!(%error, "the audit stopped"),
        }
        rest(&app.wake.audit, app.tuning.audit).await;
    }
}

/// Logs a failure of the index when it begins and when it is over, and not each time it is met.
fn told<T>(app: &App, part: &'static str, done: Result<T, DbError>) -> Option<T> {
    let code = done.as_ref().err().map(DbError::code);
    app.troubles.tell(part, code);
    done.map_err(|error| tracing::debug!(code = error.code(), %error, "the index failed"))
        .ok()
}

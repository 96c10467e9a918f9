//! A patient's report of a record that is missing or changed, passed on to the ledger.
//!
//! POST /v1/zone/reports. The report is signed by the card: the edge can refuse to pass it on, and
//! then the patient sends it to any node herself.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use medfolder_client::api::zone::{ReportRequest, Reported};
use medfolder_http::{Json, Problem};
use medfolder_ledger::TxId;
use medfolder_ledger::body::{Body, ZoneReporter};

use crate::edge::app::App;
use crate::edge::chain;
use crate::edge::http::card::ReadingCard;
use crate::edge::outbox::{self, Kind};

/// Takes a report of the card that is logged in.
pub(crate) async fn take(
    State(app): State<Arc<App>>,
    ReadingCard(card): ReadingCard,
    Json(request): Json<ReportRequest>,
) -> Result<(StatusCode, Json<Reported>), Problem> {
    let bytes = request.transaction.0;
    let malformed = Problem::bad("report.malformed");
    let transaction = chain::decode(&app.chain, &bytes).ok_or(malformed.clone())?;
    match &transaction.body {
        Body::ZoneReport(report)
            if report.member == app.member && report.by == ZoneReporter::Card(card) => {}
        _ => return Err(malformed),
    }
    let queued = chain::queued(&app.chain, &bytes).ok_or(malformed)?;
    let (id, now) = (queued.id, app.now());
    app.db
        .write(move |t| outbox::put(t, &queued, Kind::Relayed, now))
        .await?;
    app.wake.submit.notify_one();
    Ok((StatusCode::ACCEPTED, Json(Reported { id: TxId(id.0) })))
}

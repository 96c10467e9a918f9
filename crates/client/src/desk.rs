//! Linking a card at a hospital's front desk: hand in the claim, wait for the desk.

use std::time::Duration;

use url::Url;

use crate::api::desk::{ClaimAccepted, ClaimId, ClaimRequest, ClaimState, ClaimStatus};
use crate::http::{Http, HttpError, join};

/// Pauses between two looks at a claim: short at first, as a desk with a machine answers at once,
/// then doubled up to the longest, as a desk with a person does not.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Hands in a registration that the card signed, with the code's proof.
///
/// # Errors
/// [`HttpError`]. After an unknown outcome the same claim may be handed in again: the code counts
/// one registration once.
pub async fn claim(http: &Http, edge: &Url, request: &ClaimRequest) -> Result<ClaimId, HttpError> {
    let url = join(edge, "v1/desk/claims")?;
    let accepted: ClaimAccepted = http.post(&url, None, request).await?;
    Ok(accepted.claim)
}

/// How far a claim has come.
///
/// # Errors
/// [`HttpError`].
pub async fn status(http: &Http, edge: &Url, claim: ClaimId) -> Result<ClaimStatus, HttpError> {
    http.get(&join(edge, &format!("v1/desk/claims/{claim}"))?, None)
        .await
}

/// Waits until the desk decided; gives the last state when `patience` is over. `meanwhile` is told
/// each state before.
///
/// # Errors
/// [`HttpError`] when the edge refuses; an edge that cannot be reached is asked again.
pub async fn wait(
    http: &Http,
    edge: &Url,
    claim: ClaimId,
    patience: Duration,
    mut meanwhile: impl FnMut(&ClaimStatus),
) -> Result<ClaimStatus, HttpError> {
    let end = tokio::time::Instant::now() + patience;
    let mut pause = FIRST_PAUSE;
    loop {
        let over = tokio::time::Instant::now() + pause > end;
        match status(http, edge, claim).await {
            Ok(status) if status.state != ClaimState::Waiting || over => return Ok(status),
            Err(error) if over || !error.worth_another_try() => return Err(error),
            Ok(status) => {
                meanwhile(&status);
                tokio::time::sleep(pause).await;
            }
            Err(_) => tokio::time::sleep(pause).await,
        }
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}

//! The hospital's own people in the demonstration: staff administration, front desk, and whoever
//! looks whether the inner zone is done. Over the inner zone's HTTP interface, with its token.

use super::plan::Doctor;
use super::world::Hospital;
use crate::commands::desk::{Code, DeskClient};
use crate::error::CliError;
use medfolder_gateway::inner::{StaffMember, Status};
use medfolder_gateway::signer::keyfile::Enrolment;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

const POLL: Duration = Duration::from_millis(30);
/// How often the desk asks whether the patient's claim has arrived.
const CLAIM_POLLS: u32 = 1_000;

/// Speaks with one inner zone.
pub(crate) struct Control {
    desk: DeskClient,
}

impl core::fmt::Debug for Control {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Control")
    }
}

impl Control {
    /// For a hospital whose inner zone runs.
    pub(crate) fn new(hospital: &Hospital) -> Result<Self, CliError> {
        Ok(Self {
            desk: DeskClient::new(&hospital.file("inner.json"))?,
        })
    }

    /// Enrols a doctor by what her signer exported beside the key file.
    pub(crate) async fn enrol(&self, key: &Path, doctor: &Doctor) -> Result<(), CliError> {
        let exported = std::fs::read(key.with_extension("json"));
        let exported = exported.map_err(|e| CliError::new("signer.key_io", &e))?;
        let Enrolment { public, proof } =
            serde_json::from_slice(&exported).map_err(|e| CliError::new("signer.key_file", &e))?;
        let person = json!({
            "signing": public.signing, "encryption": public.encryption, "name": public.name,
            "licence": doctor.licence, "role": "doctor", "proof": proof,
        });
        self.desk.post::<Value>("v1/staff", &person).await.map(drop)
    }

    /// What the inner zone says of itself.
    pub(crate) async fn status(&self) -> Result<Status, CliError> {
        self.desk.get("v1/status").await
    }

    /// Whether the ledger has enrolled everybody.
    pub(crate) async fn all_enrolled(&self) -> Result<bool, CliError> {
        let staff: Vec<StaffMember> = self.desk.get("v1/staff").await?;
        Ok(staff.iter().all(|one| one.state == "enrolled"))
    }

    /// A code for a patient.
    pub(crate) async fn code(&self, patient: &str) -> Result<Code, CliError> {
        self.desk.code(patient).await
    }

    /// Confirms the card on the patient's screen, once its claim has come through the spool.
    pub(crate) async fn confirm(&self, code: &str, card_end: &str) -> Result<(), CliError> {
        for _ in 0..CLAIM_POLLS {
            match self.desk.confirm(code, card_end).await {
                Err(error) if error.code == "desk.no_claim" => tokio::time::sleep(POLL).await,
                done => return done.map(drop),
            }
        }
        Err(CliError::new("desk.no_claim", ""))
    }
}

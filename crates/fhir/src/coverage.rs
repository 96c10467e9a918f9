//! Where each resource of a delivered file went: nothing may be lost without a name for it.

use serde::{Deserialize, Serialize};

/// Resource types that are not clinical, and why they are left out of records.
///
/// A resource of such a type is carried all the same where a clinical resource refers to it.
pub const ADMINISTRATIVE: &[(&str, &str)] = &[
    ("Account", "billing"),
    ("ChargeItem", "billing"),
    ("Claim", "billing"),
    ("ClaimResponse", "billing"),
    ("Contract", "billing"),
    ("Coverage", "insurance"),
    ("CoverageEligibilityRequest", "insurance"),
    ("CoverageEligibilityResponse", "insurance"),
    ("EnrollmentRequest", "insurance"),
    ("EnrollmentResponse", "insurance"),
    ("ExplanationOfBenefit", "billing"),
    ("InsurancePlan", "insurance"),
    ("Invoice", "billing"),
    ("PaymentNotice", "billing"),
    ("PaymentReconciliation", "billing"),
    ("Appointment", "scheduling"),
    ("AppointmentResponse", "scheduling"),
    ("Schedule", "scheduling"),
    ("Slot", "scheduling"),
    ("SupplyDelivery", "logistics"),
    ("SupplyRequest", "logistics"),
    ("AuditEvent", "trail of the source system"),
    (
        "Provenance",
        "origin of the whole export; each record carries author and signature of its own",
    ),
    ("MessageHeader", "transport"),
    ("OperationOutcome", "transport"),
    ("Parameters", "transport"),
    ("Subscription", "transport"),
    (
        "Endpoint",
        "directory entry that no clinical resource refers to",
    ),
    (
        "HealthcareService",
        "directory entry that no clinical resource refers to",
    ),
    (
        "Location",
        "directory entry that no clinical resource refers to",
    ),
    (
        "Organization",
        "directory entry that no clinical resource refers to",
    ),
    (
        "Practitioner",
        "directory entry that no clinical resource refers to",
    ),
    (
        "PractitionerRole",
        "directory entry that no clinical resource refers to",
    ),
];

/// Why a resource of this type may be left out; `None` when it may not.
#[must_use]
pub fn administrative(resource_type: &str) -> Option<&'static str> {
    ADMINISTRATIVE
        .iter()
        .find(|(name, _)| *name == resource_type)
        .map(|(_, reason)| *reason)
}

/// Where each resource of one file went. Resources are named by `fullUrl`, else `Type/id`, else
/// `Type#index`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Resource and the number of records that carry it.
    pub carried: Vec<(String, usize)>,
    /// Resource and the reason why no record carries it, from [`ADMINISTRATIVE`].
    pub administrative: Vec<(String, String)>,
    /// Resources that are in no record and not administrative: always empty, and tested to be.
    pub lost: Vec<String>,
    /// Minimal resources made for search-style references whose target the file lacks.
    pub made: Vec<String>,
}

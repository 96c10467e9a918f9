//! The three kinds of file that a link may lead to, and how their names are compared.
//!
//! The published standard writes `application/fhir+json;fhirVersion=4.0.1`, widespread readers
//! refuse the parameter. So it is not written by default, and ignored when read: types are
//! compared by what stands before the first `;`.

/// FHIR R4 as JSON: what we issue.
pub const FHIR_JSON: &str = "application/fhir+json";
/// The same with the version parameter of the published standard.
pub const FHIR_JSON_R4: &str = "application/fhir+json;fhirVersion=4.0.1";
/// A file of SMART Health Cards.
pub const HEALTH_CARD: &str = "application/smart-health-card";
/// Access to a FHIR API: never issued, listed as unsupported when read.
pub const API_ACCESS: &str = "application/smart-api-access";
/// The type of an encrypted file on the wire.
pub const JOSE: &str = "application/jose";
/// Content type of one record's evidence inside the evidence file.
pub const EVIDENCE: &str = "application/vnd.medfolder.evidence";

/// The part before the parameters, in lower case.
pub fn essence(content_type: &str) -> String {
    content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}

/// Whether two types differ at most in parameters and case.
pub fn same(one: &str, other: &str) -> bool {
    essence(one) == essence(other)
}

/// Whether the type is one of the three of the standard.
pub fn is_known(content_type: &str) -> bool {
    [FHIR_JSON, HEALTH_CARD, API_ACCESS].contains(&essence(content_type).as_str())
}

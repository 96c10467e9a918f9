//! What hosts say besides their answers: when to come again, and how many tries are left.

use std::time::UNIX_EPOCH;

use serde_json::{Map, Value};

/// Wait after a 429 that does not say how long.
pub(super) const DEFAULT_WAIT_MS: u64 = 5_000;

/// Reads `Retry-After`, seconds or an HTTP date (RFC 9110 §10.2.3), as a time in milliseconds.
pub(super) fn parse(header: Option<&str>, now_ms: u64) -> Option<u64> {
    let text = header?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(now_ms.saturating_add(seconds.saturating_mul(1000)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let since_epoch = date.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since_epoch.as_millis()).ok()
}

/// Reads `remainingAttempts` of a 401.
pub(super) fn remaining_attempts(body: &[u8]) -> Option<u32> {
    let members: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let remaining = members.get("remainingAttempts")?.as_i64()?;
    Some(u32::try_from(remaining.max(0)).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(parse(Some("7"), 1_000), Some(8_000));
        assert_eq!(
            parse(Some("Thu, 01 Jan 1970 00:01:00 GMT"), 0),
            Some(60_000)
        );
        assert_eq!(parse(Some("soon"), 0), None);
    }

    #[test]
    fn a_negative_number_of_tries_is_none_left() {
        assert_eq!(remaining_attempts(br#"{"remainingAttempts":-1}"#), Some(0));
        assert_eq!(remaining_attempts(b"<html>"), None);
    }
}

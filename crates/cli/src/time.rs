//! Times and durations as programs and as people write them.

use chrono::{DateTime, Local, NaiveDate};

/// Milliseconds since the Unix epoch as RFC 3339 in UTC, for programs.
pub(crate) fn rfc3339(milliseconds: u64) -> String {
    let milliseconds = i64::try_from(milliseconds).unwrap_or(i64::MAX);
    DateTime::from_timestamp_millis(milliseconds).map_or_else(String::new, |t| t.to_rfc3339())
}

/// Day and minute where this machine stands, with how far that is from UTC, for people: of shares,
/// accesses and whatever else happens to the reader. Days of records are those of their hospitals.
pub(crate) fn local_time(milliseconds: u64) -> String {
    here(milliseconds, "%Y-%m-%d %H:%M %:z")
}

/// The day of such a time where this machine stands.
pub(crate) fn local_day(milliseconds: u64) -> String {
    here(milliseconds, "%Y-%m-%d")
}

fn here(milliseconds: u64, form: &str) -> String {
    let milliseconds = i64::try_from(milliseconds).unwrap_or(i64::MAX);
    DateTime::from_timestamp_millis(milliseconds).map_or_else(String::new, |time| {
        time.with_timezone(&Local).format(form).to_string()
    })
}

/// A day such as 2026-11-21.
pub(crate) fn day(text: &str) -> Result<NaiveDate, &'static str> {
    text.parse().map_err(|_| "usage.day")
}

/// Milliseconds of `30m`, `2h`, `7d`, `90s`.
pub(crate) fn duration(text: &str) -> Result<u64, &'static str> {
    milliseconds(text).ok_or("usage.duration")
}

fn milliseconds(text: &str) -> Option<u64> {
    let unit = text.chars().last()?;
    let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    number.checked_mul(seconds * 1_000).filter(|ms| *ms > 0)
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn a_number_with_a_unit_is_a_duration_and_nothing_else_is() {
        assert_eq!(duration("1h"), Ok(3_600_000));
        assert_eq!(duration("7d"), Ok(604_800_000));
        for wrong in [
            "",
            "h",
            "1",
            "0h",
            "-1h",
            "1w",
            "1.5h",
            "99999999999999999d",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}

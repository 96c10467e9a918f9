//! FHIR `date`, `dateTime` and `instant` as a moment.
//!
//! `YYYY`, `YYYY-MM` and `YYYY-MM-DD` mean their first millisecond in UTC; a time needs a zone, as R4
//! asks. Source: FHIR R4, data types.

use chrono::{DateTime, NaiveDate};

/// A point in time: milliseconds since the Unix epoch in UTC, negative before 1970.
pub(crate) type Moment = i64;

/// Hours by which a place's day can begin before the same day in UTC.
const EARLIEST_DAY_MS: i64 = 14 * 3_600_000;

/// Reads a FHIR date or time.
pub(crate) fn parse(text: &str) -> Option<Moment> {
    if text.contains('T') {
        return DateTime::parse_from_rfc3339(text)
            .ok()
            .map(|t| t.timestamp_millis());
    }
    let mut parts = text.split('-');
    let mut part = |width: usize| parts.next().map(|p| number(p, width));
    let (year, month, day) = (part(4)??, part(2), part(2));
    if parts.next().is_some() {
        return None;
    }
    let month = month.map_or(Some(1), |m| m)?;
    let day = day.map_or(Some(1), |d| d)?;
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    Some(
        date.and_time(chrono::NaiveTime::MIN)
            .and_utc()
            .timestamp_millis(),
    )
}

fn number(text: &str, width: usize) -> Option<u32> {
    let plain = text.len() == width && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// The earliest moment that can be called by this birth date anywhere on Earth.
pub(crate) fn earliest(birth_date: &str) -> Option<Moment> {
    parse(birth_date).map(|ms| ms - EARLIEST_DAY_MS)
}

/// A moment as a FHIR dateTime in UTC.
pub(crate) fn to_text(moment: Moment) -> String {
    let time = DateTime::from_timestamp_millis(moment).unwrap_or_default();
    time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

/// A FHIR dateTime as an instant: text that has a time is kept, a date becomes its beginning.
pub(crate) fn instant(text: &str) -> String {
    if text.contains('T') {
        text.to_owned()
    } else {
        to_text(parse(text).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_precisions_are_read_and_time_before_the_epoch_is_negative() {
        assert_eq!(parse("1970"), Some(0));
        assert_eq!(parse("1970-02"), Some(31 * 86_400_000));
        assert_eq!(parse("1937-04-17"), Some(-1_032_220_800_000));
        assert_eq!(parse("2024-03-12T13:10:00+08:00"), Some(1_710_220_200_000));
        assert_eq!(
            parse("2011-04-09T21:37:43.401+00:00"),
            Some(1_302_385_063_401)
        );
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for bad in [
            "",
            "70",
            "2024-3-1",
            "2024-02-30",
            "2024-03-12T13:10",
            "2024-01-01-01",
            "+024",
            "今天",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}

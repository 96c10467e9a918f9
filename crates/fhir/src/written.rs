//! A record's date as its hospital wrote it: the day and minute on the hospital's own wall.
//!
//! What is signed of a date is its moment. A birth at 00:30 +08:00 belongs to the day that the
//! hospital wrote, whoever reads it and wherever: day, minute and offset are those of the
//! document's `date` that names the very moment that was signed.
//!
//! ```text
//! "date" : "2019-09-17T00:30:00+08:00"     day 2019-09-17, shown 2019-09-17 00:30 +08:00
//! "date" : "2024-03"                       day 2024-03, shown so
//! none that names the moment               UTC
//! ```

use crate::date;
use chrono::{DateTime, FixedOffset, NaiveDateTime};

/// The name of the member that holds a document's date.
const MEMBER: &str = "\"date\"";

/// A moment as a document wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    moment: i64,
    text: Option<String>,
}

impl Written {
    /// The date in `body` that names `moment` (milliseconds since 1970 in UTC).
    #[must_use]
    pub fn find(body: &[u8], moment: i64) -> Self {
        let text = core::str::from_utf8(body).unwrap_or_default();
        let dates = text.split(MEMBER).skip(1).filter_map(value);
        let own = dates
            .filter(|date| date::parse(date) == Some(moment))
            .map(str::to_owned);
        Self {
            moment,
            text: own.into_iter().next(),
        }
    }

    /// From [`Self::text`] as it was kept; what does not name `moment` is left out.
    #[must_use]
    pub fn kept(text: &str, moment: i64) -> Self {
        let names_it = date::parse(text) == Some(moment);
        Self {
            moment,
            text: names_it.then(|| text.to_owned()),
        }
    }

    /// The document's own text; empty when none names the moment.
    #[must_use]
    pub fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }

    /// `2024-03-12`, or as much of it as was written.
    #[must_use]
    pub fn day(&self) -> String {
        match (self.clock(), &self.text) {
            (None, Some(text)) => text.clone(),
            (clock, _) => formed(clock, "%Y-%m-%d"),
        }
    }

    /// The first day that it can mean, always with month and day.
    #[must_use]
    pub fn first_day(&self) -> String {
        formed(self.clock().or_else(|| self.utc()), "%Y-%m-%d")
    }

    /// Day, minute and offset; the day alone where no time was written.
    #[must_use]
    pub fn minute(&self) -> String {
        match (self.clock(), &self.text) {
            (None, Some(text)) => text.clone(),
            (clock, _) => formed(clock, "%Y-%m-%d %H:%M %:z"),
        }
    }

    /// What the hospital's clock showed; midnight where no time was written.
    #[must_use]
    pub fn wall_clock(&self) -> Option<NaiveDateTime> {
        let time = self.clock().or_else(|| self.utc());
        time.map(|time| time.naive_local())
    }

    /// The moment as RFC 3339, in the offset that was written.
    #[must_use]
    pub fn rfc3339(&self) -> String {
        let time = self.clock().or_else(|| self.utc());
        time.map_or_else(String::new, |time| time.to_rfc3339())
    }

    /// Wall clock where it was written; UTC when nothing says where, none when only a day is known.
    fn clock(&self) -> Option<DateTime<FixedOffset>> {
        match &self.text {
            Some(text) => DateTime::parse_from_rfc3339(text).ok(),
            None => self.utc(),
        }
    }

    fn utc(&self) -> Option<DateTime<FixedOffset>> {
        DateTime::from_timestamp_millis(self.moment).map(|time| time.fixed_offset())
    }
}

fn formed(time: Option<DateTime<FixedOffset>>, form: &str) -> String {
    time.map_or_else(String::new, |time| time.format(form).to_string())
}

/// The string that follows a member's name.
fn value(tail: &str) -> Option<&str> {
    let value = tail.trim_start().strip_prefix(':')?.trim_start();
    value.strip_prefix('"')?.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2019-09-17T00:30:00+08:00
    const BIRTH: i64 = 1_568_651_400_000;

    #[test]
    fn a_birth_past_midnight_is_of_the_day_that_its_hospital_wrote() {
        let body =
            br#"{"note":"\"date\":\"2019-09-16T16:30:00Z\"","date" : "2019-09-17T00:30:00+08:00"}"#;
        let written = Written::find(body, BIRTH);
        assert_eq!(written.day(), "2019-09-17");
        assert_eq!(written.minute(), "2019-09-17 00:30 +08:00");
        assert_eq!(written.rfc3339(), "2019-09-17T00:30:00+08:00");
        assert_eq!(Written::kept(written.text(), BIRTH), written);
    }

    #[test]
    fn a_date_that_names_another_moment_than_was_signed_is_not_believed() {
        let body = br#"{"date":"2019-09-18T00:30:00+08:00"}"#;
        for written in [
            Written::find(body, BIRTH),
            Written::kept("2019-09-18T00:30:00+08:00", BIRTH),
        ] {
            assert_eq!(written.text(), "");
            assert_eq!(written.minute(), "2019-09-16 16:30 +00:00");
        }
    }

    #[test]
    fn a_day_without_a_time_is_shown_as_it_was_written() {
        let written = Written::find(br#"{"date":"2024-03"}"#, 1_709_251_200_000);
        assert_eq!(
            (written.day(), written.minute(), written.first_day()),
            ("2024-03".into(), "2024-03".into(), "2024-03-01".into())
        );
        assert_eq!(written.rfc3339(), "2024-03-01T00:00:00+00:00");
    }
}

//! Dates, as people write them. All are in UTC: where a backup was made is not recorded.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use crate::error::escape;

/// The date of a backup as `backup.json` states it, for people: `22 Nov 2026, 05:00 UTC`. A text
/// that is not a date is returned as it is, escaped.
pub fn backup(text: &str) -> String {
    match timestamp(text) {
        Some(time) => format(time, "%-d %b %Y, %H:%M UTC"),
        None => escape(text.as_bytes()),
    }
}

/// Only the day of that date, `22 Nov 2026`; `None` for a text that is not a date.
pub fn backup_day(text: &str) -> Option<String> {
    timestamp(text).map(|time| format(time, "%-d %b %Y"))
}

/// The seconds since 1970 of that date; `None` for a text that is not a date.
pub fn seconds(text: &str) -> Option<i64> {
    timestamp(text).map(Timestamp::as_second)
}

/// The day of a file: `8 Jun 2024`. `seconds` counts from 1970; a time that no calendar has is
/// `an unknown day`.
pub fn day(seconds: i64) -> String {
    match Timestamp::from_second(seconds) {
        Ok(time) => format(time, "%-d %b %Y"),
        Err(_) => "an unknown day".into(),
    }
}

/// The time from the first to the last of some files, as short as it can be said:
/// `1 Nov 2026, 00:00–00:56`, `1 Nov – 5 Nov 2026`, `2 Dec 2025 – 5 Nov 2026`. Both count seconds
/// from 1970.
pub fn span(first: i64, last: i64) -> String {
    let (Some(from), Some(to)) = (in_utc(first), in_utc(last)) else {
        return "at unknown times".into();
    };
    let show = |time: &DateTime, form: &str| time.strftime(form).to_string();
    if from.date() == to.date() {
        let minutes = [&from, &to].map(|time| show(time, "%H:%M"));
        let hours = match &minutes {
            [one, other] if one == other => one.clone(),
            [one, other] => format!("{one}–{other}"),
        };
        return format!("{}, {hours}", show(&from, "%-d %b %Y"));
    }
    let begin = if from.year() == to.year() {
        "%-d %b"
    } else {
        "%-d %b %Y"
    };
    format!("{} – {}", show(&from, begin), show(&to, "%-d %b %Y"))
}

fn timestamp(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let local = || Offset::UTC.to_timestamp(text.parse().ok()?).ok();
    text.parse().ok().or_else(local)
}

fn in_utc(seconds: i64) -> Option<DateTime> {
    let time = Timestamp::from_second(seconds).ok()?;
    Some(Offset::UTC.to_datetime(time))
}

fn format(time: Timestamp, form: &str) -> String {
    time.strftime(form).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOVEMBER: i64 = 1_793_491_200; // 2026-11-01T00:00:00Z
    const MINUTE: i64 = 60;
    const DAY: i64 = 86_400;

    #[test]
    fn dates_of_backups_are_read_with_and_without_a_zone() {
        let of = |text| backup(text);
        assert_eq!(
            of("2026-11-22T05:00:00.123456+00:00"),
            "22 Nov 2026, 05:00 UTC"
        );
        assert_eq!(of("2026-11-22T05:00:00+02:00"), "22 Nov 2026, 03:00 UTC");
        assert_eq!(of("2026-11-22T05:00:00"), "22 Nov 2026, 05:00 UTC");
        assert_eq!(of("2026-11-22 05:00:00Z"), "22 Nov 2026, 05:00 UTC");
        assert_eq!(of("yesterday\u{1b}"), "yesterday\\u{1b}");
        assert_eq!(backup_day("2026-02-03").as_deref(), Some("3 Feb 2026"));
        assert_eq!(backup_day("d"), None);
    }

    #[test]
    fn a_span_says_no_more_than_needed() {
        assert_eq!(span(NOVEMBER, NOVEMBER), "1 Nov 2026, 00:00");
        assert_eq!(
            span(NOVEMBER, NOVEMBER + 56 * MINUTE),
            "1 Nov 2026, 00:00–00:56"
        );
        assert_eq!(span(NOVEMBER, NOVEMBER + 4 * DAY), "1 Nov – 5 Nov 2026");
        assert_eq!(span(NOVEMBER - 300 * DAY, NOVEMBER), "5 Jan – 1 Nov 2026");
        assert_eq!(
            span(NOVEMBER - 365 * DAY, NOVEMBER),
            "1 Nov 2025 – 1 Nov 2026"
        );
    }

    #[test]
    fn a_time_that_no_calendar_has_is_no_panic() {
        assert_eq!(day(i64::MAX), "an unknown day");
        assert_eq!(span(i64::MIN, 0), "at unknown times");
        assert_eq!(day(0), "1 Jan 1970");
    }
}

//! A moment as RFC 3339 writes it, with the offset and the digits that it was written with.

use std::{fmt, ops::RangeInclusive};

use chrono::{DateTime, Datelike, FixedOffset, SecondsFormat, Utc};

/// A moment, as it was written. Two of them are equal if they are written alike; [`Timestamp::moment`] compares them in time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Timestamp {
    // Always what `moment` is, in RFC 3339.
    text: String,
    moment: DateTime<FixedOffset>,
}

impl Timestamp {
    /// Reads a moment, or nothing if the text is not one in RFC 3339.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // The date is fixed, and so is what divides it from the time: the parser below takes more than the standard does.
        let has_shape = text.len() <= LENGTH_MAX
            && text
                .as_bytes()
                .get(10)
                .is_some_and(|byte| byte.eq_ignore_ascii_case(&b't'))
            && text.bytes().take(4).all(|byte| byte.is_ascii_digit())
            && !text.contains(char::is_whitespace)
            && !text.contains('\u{2212}');
        if !has_shape {
            return None;
        }
        let moment = DateTime::parse_from_rfc3339(text).ok()?;
        Some(Self {
            text: text.to_owned(),
            moment,
        })
    }

    /// The moment as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The moment, with the offset that it is written with.
    #[must_use]
    pub fn moment(&self) -> DateTime<FixedOffset> {
        self.moment
    }
}

/// Longer ones are no timestamps: the longest with nine digits of a second has 35 bytes.
const LENGTH_MAX: usize = 64;

/// The first and the last second that RFC 3339 can write.
const SECONDS: RangeInclusive<i64> = -62_167_219_200..=253_402_300_799;

impl From<DateTime<Utc>> for Timestamp {
    /// Writes the moment in UTC, as near as RFC 3339 can.
    fn from(moment: DateTime<Utc>) -> Self {
        Self::from(moment.fixed_offset())
    }
}

impl From<DateTime<FixedOffset>> for Timestamp {
    /// Writes the moment with its offset. Years have four digits there, and offsets no seconds: what has other ones is written in UTC, as near
    /// as it can be.
    fn from(moment: DateTime<FixedOffset>) -> Self {
        let has_form =
            (0..=9999).contains(&moment.year()) && moment.offset().local_minus_utc() % 60 == 0;
        let moment = if has_form {
            moment
        } else {
            let second = moment.timestamp().clamp(*SECONDS.start(), *SECONDS.end());
            let nearest = DateTime::from_timestamp(second, moment.timestamp_subsec_nanos());
            nearest.unwrap_or_default().fixed_offset()
        };
        Self {
            text: moment.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            moment,
        }
    }
}

impl From<Timestamp> for String {
    fn from(time: Timestamp) -> Self {
        time.text
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_keeps_the_way_it_is_written() {
        for text in [
            "2018-04-26T14:48:09+02:00",
            "2018-04-26T14:48:09.1234Z",
            "2018-04-26t14:48:09z",
            "2018-04-26T14:48:09-00:00",
            "1990-12-31T23:59:60Z",
            "0000-01-01T00:00:00Z",
        ] {
            let read = Timestamp::parse(text).expect(text);
            assert_eq!(read.as_str(), text);
        }
        let read = Timestamp::parse("2018-04-26T14:48:09+02:00").expect("a moment");
        assert_eq!(read.moment().offset().local_minus_utc(), 7200);
        assert_eq!(read.moment().timestamp(), 1_524_746_889);
    }

    #[test]
    fn what_the_standard_does_not_write_is_no_moment() {
        for text in [
            "",
            "2018-04-26",
            "2018-04-26 14:48:09Z",
            "2018-04-26T14:48:09",
            "2018-04-26T14:48Z",
            "2018-13-26T14:48:09Z",
            "2018-02-30T14:48:09Z",
            "2018-04-26T25:48:09Z",
            "+12018-04-26T14:48:09Z",
            "2018-04-26T14:48:09 Z",
            "2018-04-26T14:48:09\u{2212}02:00",
            "2018-04-26T14:48:09+0200",
            "2018-04-26T14:48:09+02",
            "2018-04-26T14:48:09.Z",
            "1234é-04-26T14:48:09Z",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_moment_of_the_clock_is_written_so_that_it_is_read_again() {
        let offset = |seconds| FixedOffset::east_opt(seconds).expect("an offset");
        let moment = DateTime::from_timestamp(1_524_746_889, 120_000_000).expect("a moment");
        let rows = [
            (offset(0), "2018-04-26T12:48:09.120Z"),
            (offset(7200), "2018-04-26T14:48:09.120+02:00"),
        ];
        for (offset, text) in rows {
            let written = Timestamp::from(moment.with_timezone(&offset));
            assert_eq!(written.as_str(), text);
            assert_eq!(Timestamp::parse(text), Some(written));
        }
        let odd = moment.with_timezone(&offset(7201));
        assert_eq!(Timestamp::from(odd).moment(), moment);
        let rows = [
            (i64::MAX, "9999-12-31T23:59:59Z"),
            (*SECONDS.end(), "9999-12-31T23:59:59Z"),
            (*SECONDS.start(), "0000-01-01T00:00:00Z"),
            (i64::MIN, "0000-01-01T00:00:00Z"),
        ];
        for (second, text) in rows {
            let second = second.clamp(
                DateTime::<Utc>::MIN_UTC.timestamp(),
                DateTime::<Utc>::MAX_UTC.timestamp(),
            );
            let moment = DateTime::from_timestamp(second, 0).expect("a moment");
            let written = Timestamp::from(moment);
            assert_eq!(written.as_str(), text);
            assert_eq!(Timestamp::parse(text), Some(written));
        }
    }
}

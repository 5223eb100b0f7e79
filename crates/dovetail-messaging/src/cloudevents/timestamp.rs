//! A moment as RFC 3339 writes it, with the offset and the digits that it was written with.

use std::fmt;

use chrono::{DateTime, FixedOffset, SecondsFormat, Utc};

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
                .bytes()
                .nth(10)
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

impl From<DateTime<Utc>> for Timestamp {
    /// Writes the moment in UTC. A year that RFC 3339 cannot write becomes the nearest that it can.
    fn from(moment: DateTime<Utc>) -> Self {
        Self::from(moment.fixed_offset())
    }
}

impl From<DateTime<FixedOffset>> for Timestamp {
    /// Writes the moment with its offset. What RFC 3339 cannot write becomes the nearest that it can: years have four digits, and offsets
    /// no seconds.
    fn from(moment: DateTime<FixedOffset>) -> Self {
        let written = |moment: &DateTime<FixedOffset>| {
            Self::parse(&moment.to_rfc3339_opts(SecondsFormat::AutoSi, true))
                .filter(|written| written.moment == *moment)
        };
        let utc = || moment.with_timezone(&Utc).fixed_offset();
        let epoch = || DateTime::UNIX_EPOCH.fixed_offset();
        let nearest = || {
            let text = if moment.timestamp() < 0 {
                "0000-01-01T00:00:00Z"
            } else {
                "9999-12-31T23:59:59.999999999Z"
            };
            Self::parse(text)
        };
        written(&moment)
            .or_else(|| written(&utc()))
            .or_else(nearest)
            .unwrap_or_else(|| Self {
                text: "1970-01-01T00:00:00Z".to_owned(),
                moment: epoch(),
            })
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, TimeZone};

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
        let far = Utc
            .with_ymd_and_hms(9999, 12, 31, 23, 59, 59)
            .single()
            .expect("a moment")
            + TimeDelta::days(400);
        assert_eq!(
            Timestamp::from(far).as_str(),
            "9999-12-31T23:59:59.999999999Z"
        );
    }
}

//! Dates and moments: read strictly in the forms the API takes, written with the `+0000` of REST. Years outside
//! 1700 to 4000 do not exist here.

use std::fmt::Write as _;

use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};

const FIRST_YEAR: i32 = 1700;
const LAST_YEAR: i32 = 4000;
const DAY: i64 = 86_400;
/// Days from 0001-01-01 to 1970-01-01, as chrono counts days.
const EPOCH: i32 = 719_163;

/// Now, in seconds.
pub(crate) fn now() -> i64 {
    Utc::now().timestamp()
}

/// Reads `yyyy-MM-dd` into days from the epoch.
pub(crate) fn parse_date(text: &str) -> Option<i32> {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let year = digits(&bytes[..4])?;
    let date = NaiveDate::from_ymd_opt(
        year,
        digits(&bytes[5..7])? as u32,
        digits(&bytes[8..])? as u32,
    )?;
    (FIRST_YEAR..=LAST_YEAR)
        .contains(&year)
        .then(|| date.num_days_from_ce() - EPOCH)
}

/// Reads `yyyy-MM-ddTHH:mm:ss[.fraction]` with `Z`, `±HH:mm` or `±HHmm` into seconds; a fraction is dropped.
pub(crate) fn parse_moment(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() < 20
        || !text.is_ascii()
        || bytes[10] != b'T'
        || bytes[13] != b':'
        || bytes[16] != b':'
    {
        return None;
    }
    let days = parse_date(&text[..10])?;
    let (hour, minute, second) = (
        digits(&bytes[11..13])?,
        digits(&bytes[14..16])?,
        digits(&bytes[17..19])?,
    );
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut rest = &bytes[19..];
    if let [b'.', fraction @ ..] = rest {
        let length = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
        if length == 0 {
            return None;
        }
        rest = &fraction[length..];
    }
    let offset = match rest {
        b"Z" => 0,
        [sign @ (b'+' | b'-'), zone @ ..] => {
            let (hours, minutes) = match zone {
                [h1, h2, b':', m1, m2] | [h1, h2, m1, m2] => {
                    (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?)
                }
                _ => return None,
            };
            if hours > 15 || minutes > 59 {
                return None;
            }
            let seconds = i64::from(hours * 3600 + minutes * 60);
            if *sign == b'-' { -seconds } else { seconds }
        }
        _ => return None,
    };
    Some(i64::from(days) * DAY + i64::from(hour * 3600 + minute * 60 + second) - offset)
}

fn digits(bytes: &[u8]) -> Option<i32> {
    bytes.iter().try_fold(0, |sum, byte| {
        byte.is_ascii_digit()
            .then(|| sum * 10 + i32::from(byte - b'0'))
    })
}

/// Appends `yyyy-MM-dd`.
pub(crate) fn write_date(days: i32, out: &mut String) {
    if let Some(date) = NaiveDate::from_num_days_from_ce_opt(days + EPOCH) {
        let _ = write!(
            out,
            "{:04}-{:02}-{:02}",
            date.year(),
            date.month(),
            date.day()
        );
    }
}

/// Appends `yyyy-MM-ddTHH:mm:ss.000+0000`.
pub(crate) fn write_moment(seconds: i64, out: &mut String) {
    write_zoned(seconds, "+0000", out);
}

/// Appends `yyyy-MM-ddTHH:mm:ss.000Z`.
pub(crate) fn write_moment_z(seconds: i64, out: &mut String) {
    write_zoned(seconds, "Z", out);
}

fn write_zoned(seconds: i64, zone: &str, out: &mut String) {
    if let Some(time) = DateTime::from_timestamp(seconds, 0) {
        write_date(day_of(seconds), out);
        let _ = write!(
            out,
            "T{:02}:{:02}:{:02}.000{zone}",
            time.hour(),
            time.minute(),
            time.second()
        );
    }
}

pub(crate) fn moment_text(seconds: i64) -> String {
    let mut out = String::with_capacity(28);
    write_moment(seconds, &mut out);
    out
}

/// The day a moment lies in, in UTC.
pub(crate) fn day_of(seconds: i64) -> i32 {
    i32::try_from(seconds.div_euclid(DAY)).unwrap_or(i32::MAX)
}

/// The first second of a day.
pub(crate) fn start_of(days: i32) -> i64 {
    i64::from(days) * DAY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_strict() {
        assert_eq!(parse_date("1970-01-02"), Some(1));
        assert_eq!(parse_date("1699-12-31"), None);
        assert_eq!(parse_date("4001-01-01"), None);
        for text in [
            "2024-02-30",
            "2024-1-01",
            "01/02/2024",
            "2024-01-01T00:00:00Z",
            "",
            "20240101",
        ] {
            assert_eq!(parse_date(text), None, "{text}");
        }
        let mut out = String::new();
        write_date(-1, &mut out);
        assert_eq!(out, "1969-12-31");
    }

    #[test]
    fn moments_need_a_zone_and_come_out_in_utc() {
        let noon = parse_moment("2024-03-01T12:00:00Z");
        assert_eq!(parse_moment("2024-03-01T19:00:00.123456+07:00"), noon);
        assert_eq!(parse_moment("2024-03-01T07:00:00.000-0500"), noon);
        assert_eq!(
            noon.map(moment_text).as_deref(),
            Some("2024-03-01T12:00:00.000+0000")
        );
        for text in [
            "2024-03-01T12:00:00",
            "2024-03-01",
            "2024-03-01T24:00:00Z",
            "2024-03-01 12:00:00Z",
            "2024-03-01T12:00:00.Z",
        ] {
            assert_eq!(parse_moment(text), None, "{text}");
        }
    }
}

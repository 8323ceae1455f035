//! Dates and times as text, in the forms that SQLite's own date functions read.
//! <https://www.sqlite.org/lang_datefunc.html>, "Time Values", forms 1 to 10.

use crate::calendar::{self, MICROS_PER_DAY};
use crate::rows::Unfit;

const WAY_OUT: &str =
    "correct it in the source, or carry the column as text by a `query` (`cast(x as text)`)";

/// Days since 1970. A time of day is allowed where it is midnight.
pub(super) fn date(text: &str) -> Result<i32, Unfit> {
    let micros = parsed(text).ok_or_else(|| not("date", "2024-12-31", text))??;
    if micros % MICROS_PER_DAY != 0 {
        return Err(Unfit::value(
            "not_a_date",
            format!("it has a time of day, which a date would lose; {WAY_OUT}"),
            text,
        ));
    }
    i32::try_from(micros / MICROS_PER_DAY).map_err(|_| not("date", "2024-12-31", text))
}

/// Microseconds since 1970, in UTC where the text has a zone.
pub(super) fn instant(text: &str) -> Result<i64, Unfit> {
    parsed(text).ok_or_else(|| not("timestamp", "2024-12-31 23:59:59", text))?
}

/// Microseconds of a day, without a zone.
pub(super) fn time(text: &str) -> Result<i64, Unfit> {
    let micros = clock(text).ok_or_else(|| not("time", "23:59:59", text))?;
    micros.ok_or_else(|| too_precise(text))
}

fn not(what: &str, example: &str, text: &str) -> Unfit {
    let code = match what {
        "date" => "not_a_date",
        "time" => "not_a_time",
        _ => "not_a_timestamp",
    };
    Unfit::value(
        code,
        format!("it is no {what} like {example}; {WAY_OUT}"),
        text,
    )
}

fn too_precise(text: &str) -> Unfit {
    Unfit::value(
        "too_precise",
        format!("it has a fraction finer than a microsecond; {WAY_OUT}"),
        text,
    )
}

fn parsed(text: &str) -> Option<Result<i64, Unfit>> {
    let (day, rest) = text.split_at_checked(10)?;
    let days = day_of(day)?;
    let year_out_of_range = || {
        Unfit::value(
            "year_out_of_range",
            format!("only the years 1 to 9999 are; {WAY_OUT}"),
            text,
        )
    };
    if rest.is_empty() {
        let fits = calendar::is_carried(days);
        return Some(if fits {
            Ok(days * MICROS_PER_DAY)
        } else {
            Err(year_out_of_range())
        });
    }
    let rest = rest.strip_prefix(['T', ' '])?;
    let (time, ahead) = zone(rest)?;
    let Some(micros) = clock(time)? else {
        return Some(Err(too_precise(text)));
    };
    let total = days * MICROS_PER_DAY + micros - ahead;
    let fits = calendar::is_carried(total.div_euclid(MICROS_PER_DAY));
    Some(if fits {
        Ok(total)
    } else {
        Err(year_out_of_range())
    })
}

fn day_of(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    calendar::days(
        number(&text[..4])?,
        number(&text[5..7])?,
        number(&text[8..])?,
    )
}

/// Splits a zone off; microseconds that it is ahead of UTC.
fn zone(text: &str) -> Option<(&str, i64)> {
    if let Some(time) = text.strip_suffix(['Z', 'z']) {
        return Some((time.trim_end(), 0));
    }
    let Some(sign) = text.rfind(['+', '-']) else {
        return Some((text, 0));
    };
    let (time, zone) = text.split_at(sign);
    let (hours, minutes) = zone[1..].split_once(':').unwrap_or((&zone[1..], "00"));
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    if hours > 14 || minutes > 59 {
        return None;
    }
    let ahead = (hours * 60 + minutes) * 60_000_000;
    let ahead = if zone.starts_with('-') { -ahead } else { ahead };
    Some((time.trim_end(), ahead))
}

/// `HH:MM`, `HH:MM:SS` or `HH:MM:SS.S…`; an inner none where it is too precise.
fn clock(text: &str) -> Option<Option<i64>> {
    let mut parts = text.split(':');
    let (hours, minutes) = (parts.next()?, parts.next()?);
    let seconds = parts.next().unwrap_or("00");
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let two = |part: &str| (part.len() == 2).then(|| number(part)).flatten();
    let (hours, minutes, seconds) = (two(hours)?, two(minutes)?, two(seconds)?);
    if parts.next().is_some() || hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    if fraction.is_empty() || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 6 {
        return Some(None);
    }
    let micros: i64 = format!("{fraction:0<6}").parse().ok()?;
    Some(Some(
        (hours * 3_600 + minutes * 60 + seconds) * 1_000_000 + micros,
    ))
}

fn number(text: &str) -> Option<i64> {
    let plain = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_all_their_forms() {
        let noon = 19_722 * MICROS_PER_DAY + MICROS_PER_DAY / 2;
        for text in [
            "2023-12-31 12:00",
            "2023-12-31T12:00:00",
            "2023-12-31 12:00:00.000000000",
            "2023-12-31T12:00:00Z",
            "2023-12-31 14:30:00+02:30",
            "2023-12-31 09:00:00 -03:00",
        ] {
            assert_eq!(instant(text).ok(), Some(noon), "{text}");
        }
        assert_eq!(date("2023-12-31").ok(), Some(19_722));
        assert_eq!(date("2023-12-31 00:00:00").ok(), Some(19_722));
        assert_eq!(time("23:59:59.5").ok(), Some(MICROS_PER_DAY - 500_000));
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "2023-02-29",
            "0000-01-01",
            "2023-1-1",
            "2023-12-31X12:00",
            "2023-12-31 24:00:00",
            "2023-12-31 12:00:60",
            "2023-12-31 12:00:00.1234567",
            "31.12.2023",
            "2023-12-31 12:00:00 Europe",
            "1703980800",
            "２０２３-12-31",
            "0001-01-01 00:00+10:00",
        ] {
            assert!(instant(text).is_err(), "{text}");
        }
        assert!(date("2023-12-31 12:00").is_err());
        assert!(time("25:00").is_err());
    }
}

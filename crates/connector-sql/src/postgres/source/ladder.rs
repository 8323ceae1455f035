//! Key types whose values can be counted: numbers, days, microseconds, uuids.
//! Between two of them there are evenly spaced others, which no look at the table is needed for.

use crate::calendar::{self, MICROS_PER_DAY};
use crate::split::between;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ladder {
    Integer,
    /// By its whole part.
    Numeric,
    Date,
    Timestamp,
    TimestampTz,
    Uuid,
}

impl Ladder {
    pub(super) fn of(cast: &str) -> Option<Self> {
        Some(match cast.strip_prefix("pg_catalog.")? {
            "int2" | "int4" | "int8" | "oid" => Self::Integer,
            "numeric" => Self::Numeric,
            "date" => Self::Date,
            "timestamp" => Self::Timestamp,
            "timestamptz" => Self::TimestampTz,
            "uuid" => Self::Uuid,
            _ => return None,
        })
    }

    /// Values between two others, both exclusive; none where one of them is not to be counted, as infinity.
    pub(super) fn between(self, low: &str, high: &str, parts: usize) -> Vec<String> {
        match (self.rung(low), self.rung(high)) {
            (Some(low), Some(high)) => between(low, high, parts)
                .into_iter()
                .filter_map(|rung| self.text(rung))
                .collect(),
            _ => vec![],
        }
    }

    /// The number of a value, in the order of the values.
    pub(super) fn rung(self, text: &str) -> Option<i128> {
        match self {
            Self::Integer => text.parse().ok(),
            Self::Numeric => {
                let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
                let below = whole.starts_with('-') && fraction.bytes().any(|digit| digit != b'0');
                Some(whole.parse::<i128>().ok()? - i128::from(below))
            }
            Self::Date => date(text).map(i128::from),
            Self::Timestamp => instant(text),
            Self::TimestampTz => instant(text.strip_suffix("+00")?),
            Self::Uuid => {
                let number = uuid::Uuid::parse_str(text).ok()?.as_u128();
                Some((number ^ (1 << 127)).cast_signed())
            }
        }
    }

    fn text(self, rung: i128) -> Option<String> {
        Some(match self {
            Self::Integer | Self::Numeric => rung.to_string(),
            Self::Date => calendar::date_text(i64::try_from(rung).ok()?),
            Self::Timestamp => calendar::instant_text(rung),
            Self::TimestampTz => {
                let text = calendar::instant_text(rung);
                match text.strip_suffix(" BC") {
                    Some(text) => format!("{text}+00 BC"),
                    None => text + "+00",
                }
            }
            Self::Uuid => uuid::Uuid::from_u128(rung.cast_unsigned() ^ (1 << 127)).to_string(),
        })
    }
}

/// Years before 1 are left uncounted.
fn date(text: &str) -> Option<i64> {
    let mut parts = text.split('-').map(str::parse);
    let (year, month, day) = (
        parts.next()?.ok()?,
        parts.next()?.ok()?,
        parts.next()?.ok()?,
    );
    calendar::days(year, month, day)
}

fn instant(text: &str) -> Option<i128> {
    let (day, time) = text.split_once(' ')?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut parts = time.split(':').map(str::parse::<i64>);
    let (hours, minutes, seconds) = (
        parts.next()?.ok()?,
        parts.next()?.ok()?,
        parts.next()?.ok()?,
    );
    let micros: i64 = format!("{fraction:0<6}").parse().ok()?;
    let time = (hours * 3_600 + minutes * 60 + seconds) * 1_000_000 + micros;
    Some(i128::from(date(day)? * MICROS_PER_DAY + time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_numbers_and_numbers_values() {
        for (ladder, text) in [
            (Ladder::Integer, "-9223372036854775808"),
            (Ladder::Numeric, "12345678901234567890"),
            (Ladder::Date, "2024-02-29"),
            (Ladder::Date, "10000-01-01"),
            (Ladder::Timestamp, "1969-12-31 23:59:59.999999"),
            (Ladder::TimestampTz, "2024-01-31 12:00:00.5+00"),
            (Ladder::Uuid, "00000000-0000-4000-8000-000000000001"),
            (Ladder::Uuid, "ffffffff-ffff-4fff-bfff-ffffffffffff"),
        ] {
            let rung = ladder.rung(text);
            assert_eq!(
                rung.and_then(|rung| ladder.text(rung)).as_deref(),
                Some(text)
            );
        }
        assert_eq!(Ladder::Numeric.rung("-1.5"), Some(-2));
        assert_eq!(Ladder::Numeric.rung("-1.0"), Some(-1));
        assert_eq!(Ladder::Numeric.rung("NaN"), None);
        assert_eq!(Ladder::Timestamp.rung("infinity"), None);
        assert_eq!(Ladder::Date.rung("0044-03-15 BC"), None);
    }

    #[test]
    fn uuids_keep_their_order() {
        let low = "7fffffff-ffff-ffff-ffff-ffffffffffff";
        let high = "80000000-0000-0000-0000-0000000000ff";
        assert!(Ladder::Uuid.rung(low) < Ladder::Uuid.rung(high));
        assert_eq!(Ladder::Uuid.between(low, high, 4).len(), 3);
    }
}

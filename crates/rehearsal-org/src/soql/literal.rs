//! Literals that are neither quoted text: numbers, bare dates and moments, and date words such as `TODAY` or
//! `LAST_N_DAYS:7`, in UTC.

use chrono::{Datelike, NaiveDate};

use super::ast::LiteralValue;
use crate::values::{decimal, moment};

const EPOCH: i32 = 719_163;

/// Reads a token that begins like a number.
pub(super) fn number(text: &str) -> Option<LiteralValue> {
    if let Some(days) = moment::parse_date(text) {
        return Some(LiteralValue::Days(days, days + 1));
    }
    if let Some(seconds) = moment::parse_moment(text) {
        return Some(LiteralValue::Moment(seconds));
    }
    decimal::parse(text).ok()?;
    Some(LiteralValue::Number(text.to_owned()))
}

/// Reads a bare word that stands for a value.
pub(super) fn word(text: &str) -> Option<LiteralValue> {
    let upper = text.to_ascii_uppercase();
    Some(match upper.as_str() {
        "NULL" => LiteralValue::Null,
        "TRUE" => LiteralValue::Bool(true),
        "FALSE" => LiteralValue::Bool(false),
        _ => return days(&upper, moment::day_of(moment::now())),
    })
}

/// A stretch of the calendar. Fiscal years are those of the calendar here.
#[derive(Clone, Copy)]
enum Unit {
    Week,
    /// So many months, beginning with the year.
    Months(i32),
}

fn unit(name: &str) -> Option<Unit> {
    Some(match name.strip_suffix('S').unwrap_or(name) {
        "WEEK" => Unit::Week,
        "MONTH" => Unit::Months(1),
        "QUARTER" | "FISCAL_QUARTER" => Unit::Months(3),
        "YEAR" | "FISCAL_YEAR" => Unit::Months(12),
        _ => return None,
    })
}

/// The first day of the unit that is `away` from the one around today. Weeks begin on Sunday.
fn start(unit: Unit, today: i32, away: i32) -> Option<i32> {
    let date = NaiveDate::from_num_days_from_ce_opt(today + EPOCH)?;
    match unit {
        Unit::Week => {
            let since_sunday = date.weekday().num_days_from_sunday() as i32;
            Some(today - since_sunday + away * 7)
        }
        Unit::Months(length) => {
            let month = date.year() * 12 + date.month0() as i32;
            let first = (month.div_euclid(length) + away) * length;
            let (year, month) = (first.div_euclid(12), first.rem_euclid(12) as u32 + 1);
            let first = NaiveDate::from_ymd_opt(year, month, 1)?;
            Some(first.num_days_from_ce() - EPOCH)
        }
    }
}

fn days(word: &str, today: i32) -> Option<LiteralValue> {
    let span = |from, to| Some(LiteralValue::Days(from, to));
    let units = |unit, from, to| span(start(unit, today, from)?, start(unit, today, to)?);
    if let Some((name, count)) = word.split_once(':') {
        let n: i32 = count.parse().ok().filter(|n| (1..=100_000).contains(n))?;
        if let Some(name) = name.strip_prefix("LAST_N_") {
            return match name {
                "DAYS" => span(today - n, today + 1),
                name => units(unit(name)?, -n, 0),
            };
        }
        if let Some(name) = name.strip_prefix("NEXT_N_") {
            return match name {
                "DAYS" => span(today + 1, today + 1 + n),
                name => units(unit(name)?, 1, n + 1),
            };
        }
        return match name.strip_prefix("N_")?.strip_suffix("_AGO")? {
            "DAYS" => span(today - n, today - n + 1),
            name => units(unit(name)?, -n, 1 - n),
        };
    }
    match word {
        "TODAY" => span(today, today + 1),
        "YESTERDAY" => span(today - 1, today),
        "TOMORROW" => span(today + 1, today + 2),
        "LAST_90_DAYS" => span(today - 90, today + 1),
        "NEXT_90_DAYS" => span(today + 1, today + 91),
        _ => {
            let (which, name) = word.split_once('_')?;
            let away = match which {
                "LAST" => -1,
                "THIS" => 0,
                "NEXT" => 1,
                _ => return None,
            };
            let whole = (!name.ends_with('S')).then(|| unit(name)).flatten()?;
            units(whole, away, away + 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_words_are_spans() {
        let today = moment::parse_date("2024-12-15").unwrap_or_default();
        let day = |text| moment::parse_date(text).unwrap_or_default();
        assert_eq!(
            days("TODAY", today),
            Some(LiteralValue::Days(today, today + 1))
        );
        assert_eq!(
            days("THIS_MONTH", today),
            Some(LiteralValue::Days(day("2024-12-01"), day("2025-01-01")))
        );
        assert_eq!(
            days("THIS_YEAR", today),
            Some(LiteralValue::Days(day("2024-01-01"), day("2025-01-01")))
        );
        // A Sunday, in the last quarter.
        for (word, from, to) in [
            ("THIS_WEEK", "2024-12-15", "2024-12-22"),
            ("LAST_WEEK", "2024-12-08", "2024-12-15"),
            ("LAST_N_WEEKS:2", "2024-12-01", "2024-12-15"),
            ("LAST_MONTH", "2024-11-01", "2024-12-01"),
            ("NEXT_MONTH", "2025-01-01", "2025-02-01"),
            ("NEXT_N_MONTHS:2", "2025-01-01", "2025-03-01"),
            ("N_MONTHS_AGO:12", "2023-12-01", "2024-01-01"),
            ("THIS_QUARTER", "2024-10-01", "2025-01-01"),
            ("LAST_N_QUARTERS:3", "2024-01-01", "2024-10-01"),
            ("NEXT_FISCAL_QUARTER", "2025-01-01", "2025-04-01"),
            ("LAST_N_YEARS:2", "2022-01-01", "2024-01-01"),
            ("NEXT_YEAR", "2025-01-01", "2026-01-01"),
            ("LAST_90_DAYS", "2024-09-16", "2024-12-16"),
            ("N_DAYS_AGO:1", "2024-12-14", "2024-12-15"),
        ] {
            let span = LiteralValue::Days(day(from), day(to));
            assert_eq!(days(word, today), Some(span), "{word}");
        }
        for word in [
            "LAST_N_DAYS:0",
            "LAST_N_DAYS:x",
            "THIS_YEARS",
            "NEXT_DAY",
            "N_AGO:1",
        ] {
            assert_eq!(days(word, today), None, "{word}");
        }
        assert_eq!(days("SOMEDAY", today), None);
        assert_eq!(number("12.50"), Some(LiteralValue::Number("12.50".into())));
        assert_eq!(number("2024-13-01"), None);
    }
}

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

fn days(word: &str, today: i32) -> Option<LiteralValue> {
    let span = |from, to| Some(LiteralValue::Days(from, to));
    if let Some((name, count)) = word.split_once(':') {
        let count: i32 = count.parse().ok().filter(|n| (1..=100_000).contains(n))?;
        return match name {
            "LAST_N_DAYS" => span(today - count, today + 1),
            "NEXT_N_DAYS" => span(today + 1, today + 1 + count),
            "N_DAYS_AGO" => span(today - count, today - count + 1),
            _ => None,
        };
    }
    let date = NaiveDate::from_num_days_from_ce_opt(today + EPOCH)?;
    let first =
        |year, month| Some(NaiveDate::from_ymd_opt(year, month, 1)?.num_days_from_ce() - EPOCH);
    let (year, month) = (date.year(), date.month());
    match word {
        "TODAY" => span(today, today + 1),
        "YESTERDAY" => span(today - 1, today),
        "TOMORROW" => span(today + 1, today + 2),
        "THIS_YEAR" => span(first(year, 1)?, first(year + 1, 1)?),
        "LAST_YEAR" => span(first(year - 1, 1)?, first(year, 1)?),
        "THIS_MONTH" => span(
            first(year, month)?,
            first(year + i32::from(month == 12), month % 12 + 1)?,
        ),
        _ => None,
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
        assert_eq!(days("LAST_N_DAYS:0", today), None);
        assert_eq!(days("SOMEDAY", today), None);
        assert_eq!(number("12.50"), Some(LiteralValue::Number("12.50".into())));
        assert_eq!(number("2024-13-01"), None);
    }
}

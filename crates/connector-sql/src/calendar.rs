//! Days and microseconds since 1970 as dates, for any year at all, and the range of years that is carried.
//! The proleptic Gregorian calendar by whole-number arithmetic, because values that are refused must still be shown.

pub(crate) const MICROS_PER_DAY: i64 = 86_400_000_000;
/// 0001-01-01 in days since 1970-01-01.
const FIRST_DAY: i64 = -719_162;
/// 9999-12-31 in days since 1970-01-01.
const LAST_DAY: i64 = 2_932_896;

/// Whether a day lies in the years 1 to 9999.
pub(crate) fn is_carried(days: i64) -> bool {
    (FIRST_DAY..=LAST_DAY).contains(&days)
}

/// Year, month, day of a count of days since 1970-01-01; the year before 1 is 0.
fn civil(days: i64) -> (i64, i64, i64) {
    // Eras of 400 years from March, so that the leap day is a year's last.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// Days since 1970-01-01 of a date that exists; none for one that does not.
pub(crate) fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let march_year = if month <= 2 { year - 1 } else { year };
    let era = march_year.div_euclid(400);
    let year_of_era = march_year.rem_euclid(400);
    let march_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    (civil(days) == (year, month, day)).then_some(days)
}

/// A date as PostgreSQL writes it, `0044-03-15 BC`.
pub(crate) fn date_text(days: i64) -> String {
    let (date, era) = parts(days);
    format!("{date}{era}")
}

/// An instant as PostgreSQL writes it, `2024-01-31 12:00:00.5`.
pub(crate) fn instant_text(micros: i128) -> String {
    let day = i128::from(MICROS_PER_DAY);
    // No clock reaches days that 64 bits don't hold.
    let days = i64::try_from(micros.div_euclid(day)).unwrap_or(i64::MAX / 2);
    let (date, era) = parts(days);
    let time = micros.rem_euclid(day);
    let (seconds, fraction) = (time / 1_000_000, time % 1_000_000);
    let mut text = format!(
        "{date} {:02}:{:02}:{:02}",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    );
    if fraction != 0 {
        text.push_str(format!(".{fraction:06}").trim_end_matches('0'));
    }
    text + era
}

fn parts(days: i64) -> (String, &'static str) {
    let (year, month, day) = civil(days);
    let (year, era) = if year > 0 {
        (year, "")
    } else {
        (1 - year, " BC")
    };
    (format!("{year:04}-{month:02}-{day:02}"), era)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_agree_over_all_years_that_are_carried() {
        for day in (FIRST_DAY - 800_000..LAST_DAY + 800_000).step_by(37) {
            let (year, month, of_month) = civil(day);
            assert_eq!(days(year, month, of_month), Some(day));
        }
        assert_eq!(days(1, 1, 1), Some(FIRST_DAY));
        assert_eq!(days(9999, 12, 31), Some(LAST_DAY));
        assert_eq!(days(2023, 2, 29), None);
        assert_eq!(days(2024, 2, 29), Some(19_782));
        assert_eq!(days(2024, 4, 31), None);
    }

    #[test]
    fn texts_are_those_of_postgres() {
        assert_eq!(date_text(0), "1970-01-01");
        assert_eq!(date_text(FIRST_DAY - 1), "0001-12-31 BC");
        assert_eq!(date_text(LAST_DAY + 1), "10000-01-01");
        assert_eq!(instant_text(-1), "1969-12-31 23:59:59.999999");
        assert_eq!(instant_text(1_500_000), "1970-01-01 00:00:01.5");
    }
}

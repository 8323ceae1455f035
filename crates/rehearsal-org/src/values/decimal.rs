//! Decimal numbers as integers with a scale: read from text with an exponent, rounded half away from zero to the
//! field's scale, written as JSON doubles are (`300.0`).

/// A decimal of any scale: `digits` / 10^`scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decimal {
    pub(crate) digits: i128,
    pub(crate) scale: u32,
}

/// Why a number was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberFault {
    /// Not a number at all.
    Malformed,
    /// More digits than fit.
    TooLarge,
}

/// Reads `[+-]digits[.digits][e[+-]digits]`; no thousands marks, no currency sign.
pub(crate) fn parse(text: &str) -> Result<Decimal, NumberFault> {
    let bytes = text.trim().as_bytes();
    let (negative, mut rest) = match bytes.first() {
        Some(b'-') => (true, &bytes[1..]),
        Some(b'+') => (false, &bytes[1..]),
        _ => (false, bytes),
    };
    let mut digits: i128 = 0;
    let mut scale: i64 = 0;
    let mut seen = false;
    let mut point = false;
    while let Some((byte, after)) = rest.split_first() {
        match byte {
            b'0'..=b'9' => {
                seen = true;
                // Beyond 36 digits nothing can be told apart by a field of 18: whole ones are too large, later
                // decimals are lost to rounding.
                if digits < 10i128.pow(36) {
                    digits = digits * 10 + i128::from(byte - b'0');
                    scale += i64::from(point);
                } else if !point {
                    return Err(NumberFault::TooLarge);
                }
            }
            b'.' if !point => point = true,
            b'e' | b'E' if seen => break,
            _ => return Err(NumberFault::Malformed),
        }
        rest = after;
    }
    if !seen {
        return Err(NumberFault::Malformed);
    }
    if let Some((_, exponent)) = rest.split_first() {
        let exponent = std::str::from_utf8(exponent).ok();
        let exponent: i64 = exponent
            .and_then(|e| e.parse().ok())
            .ok_or(NumberFault::Malformed)?;
        scale = scale.saturating_sub(exponent);
    }
    if digits == 0 {
        return Ok(Decimal {
            digits: 0,
            scale: 0,
        });
    }
    while scale < 0 {
        digits = digits.checked_mul(10).ok_or(NumberFault::TooLarge)?;
        scale += 1;
    }
    while scale > 36 {
        digits /= 10;
        scale -= 1;
        if digits == 0 {
            scale = 0;
        }
    }
    Ok(Decimal {
        digits: if negative { -digits } else { digits },
        scale: u32::try_from(scale).unwrap_or_default(),
    })
}

/// Fits a decimal into a field: `precision` digits in all, `scale` after the point; extra decimals are rounded.
pub(crate) fn fit(number: Decimal, precision: u8, scale: u8) -> Result<i64, NumberFault> {
    let digits = rescale(number, u32::from(scale)).ok_or(NumberFault::TooLarge)?;
    if digits.unsigned_abs() >= 10u128.pow(u32::from(precision)) {
        return Err(NumberFault::TooLarge);
    }
    i64::try_from(digits).map_err(|_| NumberFault::TooLarge)
}

fn rescale(number: Decimal, scale: u32) -> Option<i128> {
    if scale >= number.scale {
        return number
            .digits
            .checked_mul(10i128.checked_pow(scale - number.scale)?);
    }
    let factor = 10i128.checked_pow(number.scale - scale)?;
    let half = if number.digits < 0 {
        -(factor / 2)
    } else {
        factor / 2
    };
    Some((number.digits + half) / factor)
}

/// Compares two decimals exactly.
pub(crate) fn compare(a: Decimal, b: Decimal) -> std::cmp::Ordering {
    let scale = a.scale.max(b.scale);
    match (rescale(a, scale), rescale(b, scale)) {
        (Some(x), Some(y)) => x.cmp(&y),
        // One is too large to be written at the other's scale: doubles tell such numbers apart.
        _ => to_f64(a).total_cmp(&to_f64(b)),
    }
}

/// The nearest double.
pub(crate) fn to_f64(number: Decimal) -> f64 {
    const EXACT: i128 = 1 << 53;
    if number.scale <= 22 && (-EXACT..=EXACT).contains(&number.digits) {
        // Both sides are exact doubles, so that one division rounds correctly.
        return number.digits as f64 / 10f64.powi(number.scale as i32);
    }
    format!("{}e-{}", number.digits, number.scale)
        .parse()
        .unwrap_or(f64::NAN)
}

/// Appends the JSON form: always with a point, as the platform writes doubles.
pub(crate) fn write(number: Decimal, out: &mut String) {
    use std::fmt::Write as _;
    // A double's Debug form is the shortest that reads back, with a point: `300.0`, `0.25`, `1e20`.
    let _ = write!(out, "{:?}", to_f64(number));
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn fitted(text: &str, precision: u8, scale: u8) -> Result<i64, NumberFault> {
        parse(text).and_then(|n| fit(n, precision, scale))
    }

    #[test]
    fn reads_rounds_and_refuses() {
        assert_eq!(fitted("1234.5", 16, 2), Ok(123_450));
        assert_eq!(fitted("-0.005", 16, 2), Ok(-1));
        assert_eq!(fitted("0.0049999", 16, 2), Ok(0));
        assert_eq!(fitted("9.12260031E8", 18, 0), Ok(912_260_031));
        assert_eq!(
            fitted("99999999999999.99", 16, 2),
            Ok(9_999_999_999_999_999)
        );
        assert_eq!(fitted("100000000000000", 16, 2), Err(NumberFault::TooLarge));
        assert_eq!(fitted("1e400", 16, 2), Err(NumberFault::TooLarge));
        assert_eq!(fitted("1e-400", 16, 2), Ok(0));
        for text in ["", "abc", "1,000", "$5", "1.2.3", ".", "1e", "--1", "NaN"] {
            assert_eq!(fitted(text, 16, 2), Err(NumberFault::Malformed), "{text}");
        }
    }

    #[test]
    fn writes_like_a_double() {
        let written = |digits, scale| {
            let mut out = String::new();
            write(Decimal { digits, scale }, &mut out);
            out
        };
        assert_eq!(written(30_000, 2), "300.0");
        assert_eq!(written(123_456, 2), "1234.56");
        assert_eq!(written(-1, 2), "-0.01");
        assert_eq!(written(0, 2), "0.0");
        assert_eq!(written(9_999_999_999_999_999, 2), "99999999999999.98");
    }
}

//! A numeric in its binary form: digits to the base of 10000, the weight of the first, sign, and the scale it is shown with.
//! <https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/numeric.c>, `numeric_send`.

use crate::rows::{Unfit, changed};

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const MINUS_INFINITY: u16 = 0xF000;

/// The number without its point, `scale` digits after it.
pub(super) fn decimal(bytes: &[u8], precision: u8, scale: i8) -> Result<i128, Unfit> {
    let words: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|word| u16::from_be_bytes([word[0], word[1]]))
        .collect();
    let [count, weight, sign, _shown, digits @ ..] = words.as_slice() else {
        return Err(changed("a numeric is cut short").into());
    };
    if digits.len() != usize::from(*count) || !bytes.len().is_multiple_of(2) {
        return Err(changed("a numeric is cut short").into());
    }
    let special = match *sign {
        NAN => Some("NaN"),
        INFINITY => Some("Infinity"),
        MINUS_INFINITY => Some("-Infinity"),
        _ => None,
    };
    if let Some(text) = special {
        return Err(Unfit::value(
            "not_a_number",
            "a decimal holds numbers alone; correct it in the source, or carry the column as text by a `query` (`x::text`)",
            text,
        ));
    }
    let weight = i32::from(weight.cast_signed());
    let number = sum(digits, weight, i32::from(scale))
        .filter(|number| number.unsigned_abs() < 10_u128.pow(u32::from(precision)))
        .ok_or_else(|| {
            changed(format!(
                "a numeric does not fit {precision} digits, {scale} of them after the point"
            ))
        })?;
    Ok(if *sign == NEGATIVE { -number } else { number })
}

/// None where a digit would be lost.
fn sum(digits: &[u16], weight: i32, scale: i32) -> Option<i128> {
    let mut total: i128 = 0;
    for (place, digit) in (0..).zip(digits) {
        // The power of ten of this digit's last decimal, in units of the scale.
        let power = (weight - place) * 4 + scale;
        let digit = i128::from(*digit);
        let value = if let Ok(up) = u32::try_from(power) {
            if digit == 0 {
                0
            } else {
                10_i128.checked_pow(up)?.checked_mul(digit)?
            }
        } else {
            let down = 10_i128
                .checked_pow(power.unsigned_abs())
                .unwrap_or(i128::MAX);
            if digit % down != 0 {
                return None;
            }
            digit / down
        };
        total = total.checked_add(value)?;
    }
    Some(total)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn binary(digits: &[u16], weight: i16, sign: u16) -> Vec<u8> {
        let head = [
            u16::try_from(digits.len()).unwrap(),
            weight.cast_unsigned(),
            sign,
            0,
        ];
        head.iter()
            .chain(digits)
            .flat_map(|word| word.to_be_bytes())
            .collect()
    }

    #[test]
    fn digits_are_put_in_their_places() {
        let of = |digits: &[u16], weight, sign, scale| {
            decimal(&binary(digits, weight, sign), 38, scale).ok()
        };
        assert_eq!(of(&[12, 3400], 0, 0, 2), Some(1_234));
        assert_eq!(of(&[12, 3400], 0, NEGATIVE, 4), Some(-123_400));
        assert_eq!(of(&[1], 2, 0, 0), Some(100_000_000));
        assert_eq!(of(&[5], -2, 0, 8), Some(5));
        assert_eq!(of(&[], 0, 0, 2), Some(0));
        assert_eq!(of(&[12, 3450], 0, 0, 2), None, "12.345 would lose a digit");
        assert_eq!(of(&[1], 9, 0, 2), None, "too large");
        assert_eq!(of(&[], 0, NAN, 2), None);
        let largest = [9_999; 9];
        assert_eq!(of(&largest, 8, 0, 2), Some((10_i128.pow(36) - 1) * 100));
    }

    #[test]
    fn damage_is_noticed() {
        assert!(decimal(&[0, 1], 10, 2).is_err());
        let mut bytes = binary(&[1, 2], 0, 0);
        bytes.pop();
        assert!(decimal(&bytes, 10, 2).is_err());
    }
}

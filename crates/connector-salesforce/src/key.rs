//! The loaded key of a record as text, alike whether it was just encoded or comes back in a result file.
//! The org may write numbers another way, and ids with their three check characters.

use arrow::datatypes::DataType;
use connector::{LoadPlan, TargetField};
use model::Failure;

/// How keys of an object are made alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyForm {
    Text,
    Number,
    Id,
}

impl KeyForm {
    pub(crate) fn of(field: &TargetField) -> Self {
        match (&field.data_type, field.native.as_str()) {
            (_, "id" | "reference") => Self::Id,
            (DataType::Utf8, _) => Self::Text,
            _ => Self::Number,
        }
    }

    /// The key as `Jobs::keys` and results both have it.
    pub(crate) fn normal(self, text: &str) -> String {
        match self {
            Self::Text => text.to_owned(),
            Self::Number => number(text).unwrap_or_else(|| text.to_owned()),
            Self::Id => id18(text).unwrap_or_else(|| text.to_owned()),
        }
    }
}

/// The one key field of a plan.
pub(crate) fn field(plan: &LoadPlan) -> Result<&TargetField, Failure> {
    let [name] = plan.key.as_slice() else {
        return Err(Failure::bug(format!(
            "a Salesforce job needs one key field, the plan has {}",
            plan.key.len()
        ))
        .object(&plan.object));
    };
    plan.target.field(name).ok_or_else(|| {
        Failure::bug("the plan's key is no field of its target")
            .object(&plan.object)
            .field(name)
    })
}

/// A decimal number, exponent or not, without what says nothing.
fn number(text: &str) -> Option<String> {
    let text = text.trim();
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // The value is `digits` times ten to the power of `exponent`.
    let mut exponent = exponent - i32::try_from(fraction.len()).ok()?;
    let digits = digits.trim_start_matches('0');
    let short = digits.trim_end_matches('0');
    exponent += i32::try_from(digits.len() - short.len()).ok()?;
    Some(if short.is_empty() {
        "0".to_owned()
    } else if exponent == 0 {
        format!("{sign}{short}")
    } else {
        format!("{sign}{short}e{exponent}")
    })
}

/// A number as `KeyForm::normal` has it, without an exponent. What is none stays as it is.
pub(crate) fn digits(normal: &str) -> String {
    let Some((short, exponent)) = normal.split_once('e') else {
        return normal.to_owned();
    };
    let (sign, short) = match short.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", short),
    };
    match exponent.parse::<i32>() {
        Ok(exponent @ 0..=400) => format!("{sign}{short}{}", "0".repeat(exponent as usize)),
        Ok(exponent @ -400..0) => {
            let fraction = exponent.unsigned_abs() as usize;
            let all = format!("{short:0>width$}", width = fraction + 1);
            let (whole, fraction) = all.split_at(all.len() - fraction);
            format!("{sign}{whole}.{fraction}")
        }
        _ => normal.to_owned(),
    }
}

/// An id with its check characters: three for the upper-case letters among its fifteen.
fn id18(text: &str) -> Option<String> {
    let text = text.trim();
    if !matches!(text.len(), 15 | 18) || !text.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    if text.len() == 18 {
        return Some(text.to_owned());
    }
    let check = text.as_bytes().chunks(5).map(|group| {
        let bits = group.iter().enumerate().fold(0usize, |bits, (i, byte)| {
            bits | usize::from(byte.is_ascii_uppercase()) << i
        });
        char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[bits])
    });
    Some(text.chars().chain(check).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_alike_however_they_are_written() {
        let alike = |a: &str, b: &str| {
            assert_eq!(
                KeyForm::Number.normal(a),
                KeyForm::Number.normal(b),
                "{a} {b}"
            );
        };
        alike("912260031", "9.12260031E8");
        alike("12.50", "1.25e1");
        alike("-0.0", "0");
        alike("1000", "1e3");
        alike("-7", "-7.0");
        assert_ne!(KeyForm::Number.normal("10"), KeyForm::Number.normal("1"));
        assert_ne!(KeyForm::Number.normal("1"), KeyForm::Number.normal("-1"));
        assert_eq!(KeyForm::Number.normal("x1"), "x1");
    }

    #[test]
    fn numbers_are_written_out() {
        for text in ["912260031", "1000", "-12.5", "0.001", "100.25", "0", "-7"] {
            assert_eq!(digits(&KeyForm::Number.normal(text)), text);
        }
        assert_eq!(digits("x1"), "x1");
    }

    #[test]
    fn ids_get_their_check_characters() {
        assert_eq!(KeyForm::Id.normal("001D000000IqhSL"), "001D000000IqhSLIAZ");
        assert_eq!(
            KeyForm::Id.normal("001D000000IqhSLIAZ"),
            "001D000000IqhSLIAZ"
        );
        assert_eq!(KeyForm::Id.normal("short"), "short");
        assert_eq!(KeyForm::Text.normal(" 1.0 "), " 1.0 ");
    }
}

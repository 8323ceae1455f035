//! The form in which values are looked up: keys ignore letter case unless their field tells case apart.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::schema::catalogue::Field;
use crate::values::Value;

/// What a key leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    None,
    One(u32),
    Many(BTreeSet<u32>),
}

impl FromIterator<u32> for Found {
    fn from_iter<I: IntoIterator<Item = u32>>(serials: I) -> Self {
        let mut serials = serials.into_iter();
        match (serials.next(), serials.next()) {
            (None, _) => Self::None,
            (Some(only), None) => Self::One(only),
            (Some(first), Some(second)) => {
                Self::Many([first, second].into_iter().chain(serials).collect())
            }
        }
    }
}

/// The form a value has as a key; `None` for null.
pub(crate) fn index_key<'a>(field: &Field, value: &'a Value) -> Option<Cow<'a, str>> {
    match value {
        Value::Text(text) if field.schema.case_sensitive => Some(Cow::Borrowed(text)),
        Value::Text(text) => Some(fold(text)),
        Value::Int(number) => Some(Cow::Owned(number.to_string())),
        Value::Number(digits) => Some(Cow::Owned(digits.to_string())),
        _ => None,
    }
}

/// Lower case, without a copy where it is lower already.
pub(crate) fn fold(text: &str) -> Cow<'_, str> {
    if text
        .bytes()
        .all(|b| b.is_ascii() && !b.is_ascii_uppercase())
    {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_one_or_many() {
        let found = |serials: &[u32]| serials.iter().copied().collect::<Found>();
        assert_eq!(found(&[]), Found::None);
        assert_eq!(found(&[7]), Found::One(7));
        assert_eq!(found(&[7, 9, 8]), Found::Many(BTreeSet::from([7, 8, 9])));
    }

    #[test]
    fn folds_only_what_needs_it() {
        assert!(matches!(fold("legacy_1"), Cow::Borrowed("legacy_1")));
        assert_eq!(fold("Legacy_É"), "legacy_é");
    }
}

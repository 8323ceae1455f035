//! An index from a key's text to the records that have it. Keys ignore letter case unless their field tells
//! case apart.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use crate::schema::catalogue::Field;
use crate::values::Value;

#[derive(Debug, Default)]
pub(crate) struct Index {
    by_key: HashMap<Box<str>, Serials>,
}

#[derive(Debug)]
enum Serials {
    One(u32),
    Many(BTreeSet<u32>),
}

/// What a key leads to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Found<'a> {
    None,
    One(u32),
    Many(&'a BTreeSet<u32>),
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

impl Index {
    pub(crate) fn find(&self, key: &str) -> Found<'_> {
        match self.by_key.get(key) {
            None => Found::None,
            Some(Serials::One(serial)) => Found::One(*serial),
            Some(Serials::Many(serials)) => Found::Many(serials),
        }
    }

    pub(crate) fn add(&mut self, key: String, serial: u32) {
        let serials = self
            .by_key
            .entry(key.into_boxed_str())
            .or_insert(Serials::One(serial));
        match serials {
            Serials::One(first) if *first == serial => {}
            Serials::One(first) => *serials = Serials::Many(BTreeSet::from([*first, serial])),
            Serials::Many(many) => {
                many.insert(serial);
            }
        }
    }

    pub(crate) fn remove(&mut self, key: &str, serial: u32) {
        let empty = match self.by_key.get_mut(key) {
            Some(Serials::One(only)) => *only == serial,
            Some(Serials::Many(many)) => {
                many.remove(&serial);
                many.is_empty()
            }
            None => false,
        };
        if empty {
            self.by_key.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_one_and_many() {
        let mut index = Index::default();
        index.add("k".into(), 7);
        assert!(matches!(index.find("k"), Found::One(7)));
        index.add("k".into(), 9);
        assert!(matches!(index.find("k"), Found::Many(many) if many.len() == 2));
        index.remove("k", 7);
        assert!(matches!(index.find("k"), Found::Many(many) if many.contains(&9)));
        index.remove("k", 9);
        assert!(matches!(index.find("k"), Found::None));
    }
}

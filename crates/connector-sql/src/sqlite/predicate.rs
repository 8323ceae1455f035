//! A slice as a condition on the relation `q`, with the values to bind.
//! SQLite compares whatever kinds of values a column holds, nulls apart: numbers, then text by the column's collation, then bytes.

use connector::SourceObject;

use super::details::{Details, row_number};
use super::kind::Kind;
use super::value::Value;
use crate::split::{KeySlice, Section};

/// A condition, empty where all records are meant.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Condition {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

impl Condition {
    pub(super) fn clause(&self) -> String {
        if self.sql.is_empty() {
            String::new()
        } else {
            format!("where {}", self.sql)
        }
    }
}

pub(super) fn condition(details: &Details, slice: &KeySlice<Value>) -> Condition {
    let (section, from, to) = match slice {
        KeySlice::Whole | KeySlice::Keys(_) => return Condition::default(),
        KeySlice::Nulls => (Section::Nulls, None, None),
        KeySlice::Range { from, to } => (Section::Keyed, from.as_ref(), to.as_ref()),
        KeySlice::Parentless { from, to } => (Section::Parentless, from.as_ref(), to.as_ref()),
    };
    let along = details.along(section);
    let mut parts = along.conditions.clone();
    let mut values = vec![];
    for (comparison, bound) in [(">=", from), ("<", to)] {
        if let Some(bound) = bound {
            parts.push(along.bound(comparison, bound));
            values.extend(bound.iter().cloned());
        }
    }
    Condition {
        sql: parts.join(" and "),
        values,
    }
}

/// Conditions that find the records with these keys by an index, some more perhaps; none where only a look at every record tells.
pub(super) fn by_keys(
    object: &SourceObject,
    details: &Details,
    keys: &[String],
) -> Option<Vec<Condition>> {
    /// SQLite allows terms only so deep.
    const AT_ONCE: usize = 200;
    if !details.table {
        return None;
    }
    let kinds = order_kinds(object, details)?;
    let columns = details.columns();
    let mut conditions = vec![];
    for part in keys.chunks(AT_ONCE) {
        let mut any = vec![];
        let mut values = vec![];
        for key in part {
            let mut all = vec![];
            for ((column, kind), text) in columns.iter().zip(&kinds).zip(key_parts(object, key)?) {
                let value = match (kind, text) {
                    (_, None) => {
                        all.push(format!("{column} is null"));
                        continue;
                    }
                    (Kind::Integer, Some(text)) => Value::Integer(text.parse().ok()?),
                    (_, Some(text)) => Value::Text(text),
                };
                // The single key null has the text `null`.
                all.push(match &value {
                    Value::Text(text) if text == "null" && columns.len() == 1 => {
                        format!("({column} = ? or {column} is null)")
                    }
                    _ => format!("{column} = ?"),
                });
                values.push(value);
            }
            any.push(format!("({})", all.join(" and ")));
        }
        conditions.push(Condition {
            sql: any.join(" or "),
            values,
        });
    }
    Some(conditions)
}

/// The kinds of the order's columns, if a value's text finds it again in all of them.
fn order_kinds(object: &SourceObject, details: &Details) -> Option<Vec<Kind>> {
    if details.by_row_number(object) {
        return Some(vec![Kind::Integer]);
    }
    details
        .order
        .iter()
        .map(|column| {
            let place = object.schema.index_of(&column.name).ok()?;
            let kind = *details.kinds.get(place)?;
            matches!(kind, Kind::Integer | Kind::Text).then_some(kind)
        })
        .collect()
}

fn key_parts(object: &SourceObject, key: &str) -> Option<Vec<Option<String>>> {
    match object.key.len() {
        0 => Some(vec![Some(row_number(key)?.to_string())]),
        1 => Some(vec![Some(key.to_owned())]),
        _ => serde_json::from_str(key).ok(),
    }
}

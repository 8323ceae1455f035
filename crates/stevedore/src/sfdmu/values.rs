//! Value mappings: rows of `ValueMapping.csv` become `values:`, or a `case` where only an expression can stand.

use model::migration::{Field, Mapped, OnInvalid, OnNull, Otherwise};

use super::loss::Loss;
use super::sql::{literal, text_of};
use super::tables::ValueRow;

/// What becomes of the values of one field.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Values {
    /// The field in the source, as the rows name it.
    pub(super) field: String,
    pairs: Vec<(String, String)>,
    /// What stands in for an empty value.
    empty: Option<String>,
    /// Values that become null.
    cleared: Vec<String>,
    pub(super) losses: Vec<Loss>,
}

/// Words that SFDMU takes for null.
const NULLS: &[&str] = &["null", "NULL", "undefined", "#N/A"];

impl Values {
    /// The mappings of an object, by field.
    pub(super) fn of_rows<'a>(rows: impl Iterator<Item = &'a ValueRow>) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for row in rows {
            let place = all
                .iter()
                .position(|values| values.field.eq_ignore_ascii_case(&row.field));
            let place = place.unwrap_or_else(|| {
                all.push(Self {
                    field: row.field.clone(),
                    ..Self::default()
                });
                all.len() - 1
            });
            all[place].add(&row.raw, &row.value);
        }
        all.retain(|values| values.changes() || !values.losses.is_empty());
        all
    }

    fn add(&mut self, raw: &str, value: &str) {
        let what = || format!("ValueMapping.csv, {}: `{raw}`", self.field);
        let lower = value.to_lowercase();
        if lower.starts_with("eval(") {
            let loss = Loss::new(
                what(),
                "its value is JavaScript",
                "an SQL expression under `from`",
            );
            self.losses.push(loss);
            return;
        }
        if raw.len() > 1 && raw.starts_with('/') && raw.ends_with('/') {
            let loss = Loss::new(
                what(),
                "it is a JavaScript pattern, and `values` are exact",
                "`regexp_replace(Field, 'pattern', 'replacement', 'gi')` under `from`",
            );
            self.losses.push(loss);
            return;
        }
        // SFDMU lets a value stand that is mapped to nothing.
        if value.is_empty() {
            return;
        }
        self.pairs.retain(|(known, _)| known != raw);
        self.cleared.retain(|known| known != raw);
        let value = match lower.as_str() {
            "true" | "false" => lower,
            _ => value.to_owned(),
        };
        match (raw, NULLS.contains(&value.as_str())) {
            ("" | "#N/A", true) => {}
            ("" | "#N/A", false) => self.empty = Some(value),
            (raw, true) => self.cleared.push(raw.to_owned()),
            (raw, false) => self.pairs.push((raw.to_owned(), value)),
        }
    }

    fn changes(&self) -> bool {
        !self.pairs.is_empty() || self.empty.is_some() || !self.cleared.is_empty()
    }

    /// The field with its `values`.
    pub(super) fn form(&self, expression: &str) -> Field {
        if !self.changes() {
            return Field::Expression(expression.to_owned());
        }
        if self.empty.is_some() && !self.cleared.is_empty() {
            // A value that is cleared is not an empty one.
            return Field::Expression(self.case(&format!("cast({expression} as text)")));
        }
        let mut from = expression.to_owned();
        for cleared in &self.cleared {
            from = format!("nullif(cast({from} as text), {})", literal(cleared));
        }
        let mut values = self.pairs.clone();
        if let Some(empty) = &self.empty {
            from = text_of(&from);
            values.push((String::new(), empty.clone()));
        }
        if values.is_empty() {
            return Field::Expression(from);
        }
        Field::Mapped(Mapped {
            from,
            values: Some(values.into_iter().collect()),
            otherwise: Otherwise::Keep,
            on_null: OnNull::Clear,
            on_invalid: OnInvalid::Reject,
        })
    }

    /// The same as an expression, for a lookup's key.
    pub(super) fn case(&self, expression: &str) -> String {
        if !self.changes() {
            return expression.to_owned();
        }
        let mut case = "case".to_owned();
        for (raw, value) in &self.pairs {
            case += &format!(
                " when {expression} = {} then {}",
                literal(raw),
                literal(value)
            );
        }
        for cleared in &self.cleared {
            case += &format!(" when {expression} = {} then null", literal(cleared));
        }
        if let Some(empty) = &self.empty {
            case += &format!(
                " when coalesce({expression}, '') = '' then {}",
                literal(empty)
            );
        }
        format!("{case} else {expression} end")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(rows: &[(&str, &str)]) -> Values {
        let rows: Vec<ValueRow> = rows
            .iter()
            .map(|(raw, value)| ValueRow {
                object: "Case".to_owned(),
                field: "Reason".to_owned(),
                raw: (*raw).to_owned(),
                value: (*value).to_owned(),
            })
            .collect();
        Values::of_rows(rows.iter()).remove(0)
    }

    fn mapped(rows: &[(&str, &str)]) -> (String, Vec<(String, String)>) {
        match values(rows).form("Reason") {
            Field::Mapped(mapped) => (mapped.from, mapped.values.into_iter().flatten().collect()),
            other => panic!("{other:?}"),
        }
    }

    fn pair(raw: &str, value: &str) -> (String, String) {
        (raw.to_owned(), value.to_owned())
    }

    #[test]
    fn rows_become_values_and_the_later_stands() {
        let (from, values) = mapped(&[
            ("Вопрос", "Q"),
            ("Ошибка", "Bug"),
            ("Вопрос", "Question"),
            ("kept", ""),
        ]);
        assert_eq!(from, "Reason");
        assert_eq!(values, [pair("Ошибка", "Bug"), pair("Вопрос", "Question")]);
    }

    #[test]
    fn nulls_are_told_apart_from_texts() {
        let (from, listed) = mapped(&[("#N/A", "None"), ("b", "B")]);
        assert_eq!(from, "coalesce(cast(Reason as text), '')");
        assert_eq!(listed, [pair("b", "B"), pair("", "None")]);
        let (from, _) = mapped(&[("old", "null"), ("b", "B")]);
        assert_eq!(from, "nullif(cast(Reason as text), 'old')");
        assert_eq!(
            values(&[("#N/A", "None"), ("old", "null")]).form("R"),
            Field::Expression(
                "case when cast(R as text) = 'old' then null when coalesce(cast(R as text), '') = '' then 'None' else cast(R as text) end".to_owned()
            )
        );
        assert_eq!(
            values(&[("a", "TRUE"), ("", "none"), ("c", "NULL")]).case("x"),
            "case when x = 'a' then 'true' when x = 'c' then null when coalesce(x, '') = '' then 'none' else x end"
        );
    }

    #[test]
    fn scripts_and_patterns_are_told() {
        let values = values(&[("/^A.*/", "B"), ("x", "eval(RAW_VALUE + 1)")]);
        assert_eq!(values.losses.len(), 2);
        assert_eq!(
            values.form("Reason"),
            Field::Expression("Reason".to_owned())
        );
    }
}

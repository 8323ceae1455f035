//! What the target would refuse, found before anything is sent.

use std::collections::HashSet;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;
use connector::TargetField;

/// The checks of one field.
pub(crate) struct Checks {
    required: bool,
    max_length: Option<usize>,
    allowed: Option<HashSet<String>>,
    is_key: bool,
}

/// What is wrong with a value.
pub(crate) struct Wrong {
    pub(crate) row: usize,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Checks {
    /// `keeps_null`: a null leaves the target's field as it is. `creates`: records may be new.
    pub(crate) fn new(
        field: Option<&TargetField>,
        is_key: bool,
        keeps_null: bool,
        creates: bool,
    ) -> Self {
        let required = field
            .is_some_and(|field| !keeps_null && (!field.nullable || (creates && field.required)));
        Self {
            required,
            max_length: field
                .and_then(|field| field.max_length)
                .and_then(|n| usize::try_from(n).ok()),
            allowed: field
                .and_then(|field| field.values.clone())
                .map(|values| values.into_iter().collect()),
            is_key,
        }
    }

    pub(crate) fn apply(&self, values: &ArrayRef) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        if (self.required || self.is_key) && values.null_count() > 0 {
            wrong.extend(
                (0..values.len())
                    .filter(|row| values.is_null(*row))
                    .map(|row| self.missing(row)),
            );
        }
        if *values.data_type() == DataType::Utf8
            && (self.is_key || self.max_length.is_some() || self.allowed.is_some())
        {
            let texts = values.as_string::<i32>();
            let valid = (0..texts.len()).filter(|row| texts.is_valid(*row));
            wrong.extend(valid.filter_map(|row| self.text(row, texts.value(row))));
        }
        wrong
    }

    fn missing(&self, row: usize) -> Wrong {
        let (code, message) = if self.is_key {
            ("missing_key", "the target key is null")
        } else {
            (
                "required_field_missing",
                "the field must have a value, and it is null",
            )
        };
        Wrong {
            row,
            code,
            message: message.to_owned(),
        }
    }

    fn text(&self, row: usize, text: &str) -> Option<Wrong> {
        if self.is_key && text.trim().is_empty() {
            return Some(Wrong {
                row,
                code: "missing_key",
                message: "the target key is blank".to_owned(),
            });
        }
        // Bytes are at least as many as characters: most texts need no counting.
        if let Some(limit) = self.max_length.filter(|limit| text.len() > *limit) {
            let length = text.chars().count();
            if length > limit {
                return Some(Wrong {
                    row,
                    code: "too_long",
                    message: format!(
                        "the text has {length} characters, and the field takes {limit}"
                    ),
                });
            }
        }
        let allowed = self.allowed.as_ref()?;
        (!allowed.contains(text)).then(|| Wrong {
            row,
            code: "value_not_allowed",
            message: format!("the field does not take the value `{text}`"),
        })
    }
}

//! What the target would refuse, found before anything is sent.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Scalar, StringArray};
use arrow::compute::kernels::cmp::{gt, lt};
use arrow::datatypes::DataType;
use connector::TargetField;
use model::Failure;
use unicode_segmentation::UnicodeSegmentation;

use crate::convert;

/// The checks of one field.
pub(crate) struct Checks {
    required: bool,
    max_length: Option<usize>,
    counts_utf16: bool,
    empty_is_null: bool,
    allowed: Option<HashSet<String>>,
    range: Option<Range>,
    is_key: bool,
}

/// The lowest and the highest value, as they are written and as one row of the field's type.
struct Range {
    written: (String, String),
    lowest: Scalar<ArrayRef>,
    highest: Scalar<ArrayRef>,
}

/// What is wrong with a value.
pub(crate) struct Wrong {
    pub(crate) row: usize,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

pub(crate) const TOO_LONG: &str = "too_long";
pub(crate) const MISSING: &str = "required_field_missing";

impl Checks {
    /// `keeps_null`: a null leaves the target's field as it is. `creates`: records may be new.
    pub(crate) fn new(
        field: Option<&TargetField>,
        is_key: bool,
        keeps_null: bool,
        creates: bool,
    ) -> Result<Self, Failure> {
        let required = field
            .is_some_and(|field| !keeps_null && (!field.nullable || (creates && field.required)));
        Ok(Self {
            required,
            max_length: field
                .and_then(|field| field.max_length)
                .and_then(|n| usize::try_from(n).ok()),
            counts_utf16: field.is_some_and(|field| field.counts_utf16),
            empty_is_null: field.is_some_and(|field| field.empty_is_null),
            allowed: field
                .and_then(|field| field.values.clone())
                .map(|values| values.into_iter().collect()),
            range: field.map(Range::of).transpose()?.flatten(),
            is_key,
        })
    }

    pub(crate) fn is_key(&self) -> bool {
        self.is_key
    }

    /// A null would be refused.
    pub(crate) fn is_required(&self) -> bool {
        self.required
    }

    /// What is wrong with each value that is; one thing each.
    pub(crate) fn apply(&self, values: &ArrayRef) -> Result<Vec<Wrong>, Failure> {
        let mut wrong = Vec::new();
        if (self.required || self.is_key) && values.null_count() > 0 {
            wrong.extend(
                (0..values.len())
                    .filter(|row| values.is_null(*row))
                    .map(|row| self.missing(row)),
            );
        }
        if *values.data_type() == DataType::Utf8 && self.concerns_texts() {
            let texts = values.as_string::<i32>();
            let valid = (0..texts.len()).filter(|row| texts.is_valid(*row));
            wrong.extend(valid.filter_map(|row| self.text(row, texts.value(row))));
        }
        if let Some(range) = &self.range {
            wrong.extend(range.left(values)?);
        }
        Ok(wrong)
    }

    fn concerns_texts(&self) -> bool {
        self.is_key
            || self.max_length.is_some()
            || self.allowed.is_some()
            || (self.required && self.empty_is_null)
    }

    fn missing(&self, row: usize) -> Wrong {
        let (code, message) = if self.is_key {
            ("missing_key", "the target key is null")
        } else {
            (MISSING, "the field must have a value, and it is null")
        };
        Wrong {
            row,
            code,
            message: message.to_owned(),
        }
    }

    pub(crate) fn text(&self, row: usize, text: &str) -> Option<Wrong> {
        let wrong = |code, message: String| Some(Wrong { row, code, message });
        if self.is_key && text.trim().is_empty() {
            return wrong("missing_key", "the target key is blank".to_owned());
        }
        if text.is_empty() && self.empty_is_null {
            let message = "the field must have a value, and the text is empty";
            return self
                .required
                .then(|| wrong(MISSING, message.to_owned()))
                .flatten();
        }
        // Bytes are at least as many as characters: most texts need no counting.
        if let Some(limit) = self.max_length.filter(|limit| text.len() > *limit) {
            let length = self.length(text);
            if length > limit {
                let message =
                    format!("the text has {length} characters, and the field takes {limit}");
                return wrong(TOO_LONG, message);
            }
        }
        let allowed = self.allowed.as_ref()?;
        (!allowed.contains(text)).then(|| Wrong {
            row,
            code: "value_not_allowed",
            message: format!("the field does not take the value `{text}`"),
        })
    }

    /// As much of a text's beginning as fits. What a reader takes for one character, as a letter with its accents, is not torn apart.
    pub(crate) fn cut<'a>(&self, text: &'a str) -> &'a str {
        let limit = self.max_length.unwrap_or(usize::MAX);
        let fitting = |parts: &mut dyn Iterator<Item = &'a str>| {
            let (mut length, mut end) = (0, 0);
            for part in parts {
                length += self.length(part);
                if length > limit {
                    break;
                }
                end += part.len();
            }
            end
        };
        let end = match fitting(&mut text.graphemes(true)) {
            // Even the first one is too long: the letter then, without some of its accents.
            0 => fitting(&mut text.split_inclusive(|_| true)),
            end => end,
        };
        &text[..end]
    }

    fn length(&self, text: &str) -> usize {
        match self.counts_utf16 {
            true => text.encode_utf16().count(),
            false => text.chars().count(),
        }
    }
}

impl Range {
    fn of(field: &TargetField) -> Result<Option<Self>, Failure> {
        let Some(written) = field.range.clone() else {
            return Ok(None);
        };
        let end = |text: &str| {
            let text: ArrayRef = Arc::new(StringArray::from(vec![text]));
            let end = convert::cast(&text, &field.data_type)?;
            match end.is_valid(0) {
                true => Ok(Scalar::new(end)),
                false => Err(Failure::bug(format!(
                    "the range of `{}` does not parse",
                    field.name
                ))),
            }
        };
        Ok(Some(Self {
            lowest: end(&written.0)?,
            highest: end(&written.1)?,
            written,
        }))
    }

    /// The values outside of it.
    fn left(&self, values: &ArrayRef) -> Result<Vec<Wrong>, Failure> {
        let compared = |outside: Result<BooleanArray, arrow::error::ArrowError>| {
            outside.map_err(|error| Failure::bug(format!("values can't be compared: {error}")))
        };
        let too_low = compared(lt(values, &self.lowest))?;
        let too_high = compared(gt(values, &self.highest))?;
        let (lowest, highest) = &self.written;
        Ok((0..values.len())
            .filter(|row| values.is_valid(*row) && (too_low.value(*row) || too_high.value(*row)))
            .map(|row| Wrong {
                row,
                code: "out_of_range",
                message: format!(
                    "{} is not within {lowest} and {highest}",
                    convert::shown(values, row)
                ),
            })
            .collect())
    }
}

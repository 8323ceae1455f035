//! What becomes of values that the target would refuse, where the file does not leave it at rejecting their records.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Scalar, StringArray};
use arrow::compute::kernels::zip::zip;
use arrow::compute::nullif;
use arrow::datatypes::{DataType, Schema};
use chrono::{DateTime, Utc};
use model::Failure;
use model::migration::OnInvalid;

use crate::checks::{Checks, MISSING, TOO_LONG, Wrong};
use crate::constant::constant;
use crate::expression::Expression;
use crate::reason::broken;

/// `on_invalid` of one field, compiled.
pub(crate) enum Policy {
    Reject,
    Truncate,
    Null,
    /// One row of the field's type.
    Default(Scalar<ArrayRef>),
}

impl Policy {
    /// Refuses what would make more harm than good: a policy that does not fit its field, and values that the target would refuse as well.
    pub(crate) fn compile(
        written: &OnInvalid,
        checks: &Checks,
        wanted: &DataType,
        began: DateTime<Utc>,
    ) -> Result<Self, Failure> {
        let unfit =
            |message: String, hint: &str| Err(Failure::usage("invalid_policy", message).hint(hint));
        if !written.is_reject() && checks.is_key() {
            let message = format!(
                "`on_invalid: {}` would make other keys of target keys",
                written.word()
            );
            return unfit(
                message,
                "records whose target key does not fit are rejected; compute keys that do",
            );
        }
        match written {
            OnInvalid::Reject => Ok(Self::Reject),
            OnInvalid::Truncate if *wanted != DataType::Utf8 => unfit(
                "only texts can be truncated, and this field holds none".to_owned(),
                "choose `null`, `{ default: … }` or `reject`, or round in the expression",
            ),
            OnInvalid::Truncate => Ok(Self::Truncate),
            OnInvalid::Null if checks.is_required() => unfit(
                "the field must have a value, so nothing can become null in it".to_owned(),
                "choose `{ default: … }` or `reject`",
            ),
            OnInvalid::Null => Ok(Self::Null),
            OnInvalid::Default(sql) => default(sql, checks, wanted, began),
        }
    }

    /// Mends what it is for. Gives the values as they are then, what was mended, and what is left to be refused.
    pub(crate) fn apply(
        &self,
        values: ArrayRef,
        checks: &Checks,
        wrong: Vec<Wrong>,
    ) -> Result<(ArrayRef, Vec<Wrong>, Vec<Wrong>), Failure> {
        let (mended, left): (Vec<Wrong>, Vec<Wrong>) =
            wrong.into_iter().partition(|wrong| match self {
                Self::Reject => false,
                Self::Truncate => wrong.code == TOO_LONG,
                Self::Null => wrong.code != MISSING,
                Self::Default(_) => true,
            });
        if mended.is_empty() {
            return Ok((values, mended, left));
        }
        let rows = |mended: &[Wrong]| {
            let mut rows = vec![false; values.len()];
            for wrong in mended {
                rows[wrong.row] = true;
            }
            BooleanArray::from(rows)
        };
        match self {
            Self::Reject => Ok((values, mended, left)),
            Self::Null => {
                let nulled = nullif(&values, &rows(&mended)).map_err(broken)?;
                Ok((nulled, mended, left))
            }
            Self::Default(default) => {
                let filled = zip(&rows(&mended), default, &values).map_err(broken)?;
                Ok((filled, mended, left))
            }
            Self::Truncate => Ok(truncate(&values, checks, &rows(&mended), mended, left)),
        }
    }
}

fn truncate(
    values: &ArrayRef,
    checks: &Checks,
    rows: &BooleanArray,
    mended: Vec<Wrong>,
    mut left: Vec<Wrong>,
) -> (ArrayRef, Vec<Wrong>, Vec<Wrong>) {
    let texts = values.as_string::<i32>();
    let cut: StringArray = (0..texts.len())
        .map(|row| {
            let text = texts.is_valid(row).then(|| texts.value(row))?;
            Some(if rows.value(row) {
                checks.cut(text)
            } else {
                text
            })
        })
        .collect();
    // A text that fits need not be one that the field takes.
    let mended = mended
        .into_iter()
        .filter(|wrong| match checks.text(wrong.row, cut.value(wrong.row)) {
            None => true,
            Some(still) => {
                left.push(still);
                false
            }
        })
        .collect();
    (Arc::new(cut), mended, left)
}

fn default(
    sql: &str,
    checks: &Checks,
    wanted: &DataType,
    began: DateTime<Utc>,
) -> Result<Policy, Failure> {
    const HINT: &str = "a default is an expression over constants that the field takes; a text stands in single quotes within the double ones";
    let refused = |message: String| Err(Failure::usage("invalid_default", message).hint(HINT));
    let expression =
        Expression::compile(sql, &Schema::empty(), began).map_err(|failure| Failure {
            hint: Some(HINT.to_owned()),
            ..failure
        })?;
    let Some(value) = constant(&expression, wanted)? else {
        return refused(format!(
            "the default `{sql}` has no value of the field's type, {}",
            crate::convert::name(wanted)
        ));
    };
    if value.is_null(0) {
        return refused(format!(
            "the default `{sql}` is null; that is `on_invalid: null`"
        ));
    }
    match checks.apply(&value)?.first() {
        Some(wrong) => refused(format!(
            "the target would refuse the default `{sql}`: {}",
            wrong.message
        )),
        None => Ok(Policy::Default(Scalar::new(value))),
    }
}

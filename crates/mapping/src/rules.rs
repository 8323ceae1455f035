//! An object's rules: conditions that a record has to fulfil to be moved.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Schema};
use chrono::{DateTime, Utc};
use model::migration::{Rule as Written, Unfulfilled};
use model::{Failure, Fate};

use crate::columns;
use crate::expression::Expression;
use crate::reason::Reason;

/// One rule, compiled.
pub(crate) struct Rule {
    name: String,
    written: String,
    condition: Expression,
    otherwise: Unfulfilled,
}

impl Rule {
    pub(crate) fn compile(
        rule: &Written,
        source: &Schema,
        began: DateTime<Utc>,
    ) -> Result<Self, Failure> {
        let invalid = |message: String, hint: Option<String>| {
            let message = format!("the rule `{}`: {message}", rule.name);
            let hint = hint.unwrap_or_else(|| {
                "a rule is a condition over the source's columns, like `amount >= 0`".to_owned()
            });
            Failure::usage("invalid_rule", message).hint(hint)
        };
        let condition = Expression::compile(&rule.require, source, began)
            .map_err(|failure| invalid(failure.message, failure.hint))?;
        if condition.data_type != DataType::Boolean {
            let message = format!(
                "`{}` is neither true nor false",
                columns::short(&rule.require)
            );
            return Err(invalid(message, None));
        }
        Ok(Self {
            name: rule.name.clone(),
            written: columns::short(&rule.require),
            condition,
            otherwise: rule.otherwise,
        })
    }

    /// The columns that it is about.
    pub(crate) fn columns(&self) -> impl Iterator<Item = String> {
        self.condition.columns()
    }

    /// Refuses the records for which the condition is false, unless something is known of them already.
    pub(crate) fn apply(&self, records: &RecordBatch, reasons: &mut [Option<Reason>]) {
        let (fulfilled, bad) = self.condition.evaluate(records);
        for bad in bad {
            let message = format!("the rule `{}`: {}", self.name, bad.message);
            let failure = Failure::reject("expression_failed", message);
            reasons[bad.row].get_or_insert(Reason {
                fate: Fate::Rejected,
                failure,
            });
        }
        let fulfilled = fulfilled.as_boolean();
        let fate = match self.otherwise {
            Unfulfilled::Reject => Fate::Rejected,
            Unfulfilled::Skip => Fate::Skipped,
        };
        for (row, reason) in reasons.iter_mut().enumerate() {
            if fulfilled.is_valid(row) && !fulfilled.value(row) {
                reason.get_or_insert_with(|| Reason {
                    fate,
                    failure: Failure::reject(
                        format!("rule_{}", self.name),
                        format!("`{}` is false for the record", self.written),
                    ),
                });
            }
        }
    }
}

//! One field of a mapping: its expression, value map, conversion and checks, and what becomes of values that do not pass.

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::Field as Column;
use arrow::util::display::array_value_to_string;
use model::migration::{OnMissingParent, Otherwise, ValueMap};
use model::{Failure, Fate};

use crate::by_id::{ById, ParentIds, Unknown};
use crate::checks::{Checks, Wrong};
use crate::convert::{self, Conversion, shown};
use crate::expression::Expression;
use crate::policy::Policy;
use crate::reason::Reason;
use crate::value_map;

/// A lookup's parent is not in the target.
pub(crate) const MISSING_PARENT: &str = "missing_parent";

/// One computed field.
pub(crate) struct Computed {
    pub(crate) column: Column,
    /// The column's name, or `relation.key` where the parent is addressed by a relation.
    pub(crate) sent_as: String,
    pub(crate) expression: Expression,
    pub(crate) values: Option<(ValueMap, Otherwise)>,
    /// Its values are keys of parents, and the field takes the ids of these.
    pub(crate) by_id: Option<ById>,
    /// Its values are keys of parents, by which the target finds these.
    pub(crate) parent: Option<Parent>,
    pub(crate) conversion: Conversion,
    pub(crate) checks: Checks,
    pub(crate) policy: Policy,
}

/// The parent that a lookup by key refers to, where the file has something to say of missing ones.
pub(crate) struct Parent {
    /// As the file names the lookup.
    pub(crate) name: String,
    /// The object of the file.
    pub(crate) object: String,
    pub(crate) to: String,
    pub(crate) key: String,
    pub(crate) on_missing: OnMissingParent,
}

/// A value that the policy of its field has changed.
pub(crate) struct Changed<'a> {
    pub(crate) row: usize,
    pub(crate) field: &'a str,
    pub(crate) code: &'static str,
    /// None where it was null.
    pub(crate) was: Option<String>,
}

impl Computed {
    /// Different values of the expression stay different in the field.
    pub(crate) fn keeps_values_apart(&self) -> bool {
        let parses = self.expression.data_type.is_string() && !self.column.data_type().is_string();
        self.by_id.is_some() || (self.values.is_none() && !parses)
    }

    /// Where the field takes ids, what they are known by: two records with one id have one such key.
    pub(crate) fn keys_of_ids(&self, records: &RecordBatch) -> Option<ArrayRef> {
        self.by_id.as_ref()?;
        Some(self.expression.evaluate(records).0)
    }

    /// The field's values, and which of them were changed; where a record can't have one, a null and the first reason that is found.
    pub(crate) fn compute(
        &self,
        records: &RecordBatch,
        ids: &ParentIds,
        reasons: &mut [Option<Reason>],
    ) -> Result<(ArrayRef, Vec<Changed<'_>>), Failure> {
        let mut give_up = |row: usize, fate: Fate, code: &str, message: String| {
            let failure = Failure::reject(code, message).field(self.column.name());
            reasons[row].get_or_insert(Reason { fate, failure });
        };
        let mut refuse = |row, code: &str, message| give_up(row, Fate::Rejected, code, message);
        let (mut values, bad) = self.expression.evaluate(records);
        let mut failed = vec![false; values.len()];
        for bad in bad {
            failed[bad.row] = true;
            refuse(bad.row, "expression_failed", bad.message);
        }
        if let Some((map, otherwise)) = &self.values {
            let (mapped, unlisted) = value_map::apply(&values, map, *otherwise)?;
            for row in unlisted {
                failed[row] = true;
                refuse(
                    row,
                    "unmapped_value",
                    format!("the value {} is not listed", shown(&values, row)),
                );
            }
            values = mapped;
        }
        let mut cleared = Vec::new();
        if let Some(by_id) = &self.by_id {
            let (found, missing) = by_id.apply(&values, records, ids)?;
            for missing in missing {
                let row = missing.row;
                match by_id.otherwise {
                    Unknown::Clears => {
                        cleared.push(Changed {
                            row,
                            field: self.column.name(),
                            code: MISSING_PARENT,
                            was: Some(missing.key),
                        });
                        continue;
                    }
                    Unknown::Skips => give_up(row, Fate::Skipped, "not_moved", missing.message),
                    Unknown::Rejects => {
                        give_up(row, Fate::Rejected, MISSING_PARENT, missing.message);
                    }
                }
                failed[row] = true;
            }
            values = found;
        }
        let mut refuse = |row, code: &str, message| give_up(row, Fate::Rejected, code, message);
        let (converted, wrong) = self.converted(&values, &mut failed)?;
        let (mended, changed, left) = self.policy.apply(converted, &self.checks, wrong)?;
        for wrong in left {
            refuse(wrong.row, wrong.code, wrong.message);
        }
        let changed = changed
            .into_iter()
            .map(|wrong| Changed {
                row: wrong.row,
                field: self.column.name(),
                code: wrong.code,
                was: values
                    .is_valid(wrong.row)
                    .then(|| array_value_to_string(&values, wrong.row).unwrap_or_default()),
            })
            .chain(cleared)
            .collect();
        Ok((mended, changed))
    }

    /// The values in the field's type, and what is wrong with them: one thing each.
    fn converted(
        &self,
        values: &ArrayRef,
        failed: &mut [bool],
    ) -> Result<(ArrayRef, Vec<Wrong>), Failure> {
        let wanted = self.column.data_type();
        let (converted, lost) = self.conversion.apply(values, wanted)?;
        let mut wrong: Vec<Wrong> = lost
            .into_iter()
            .map(|row| Wrong {
                row,
                code: "invalid_value",
                message: format!(
                    "{} is not exactly a value of type {}",
                    shown(values, row),
                    convert::name(wanted)
                ),
            })
            .collect();
        for wrong in &wrong {
            failed[wrong.row] = true;
        }
        let checked = self.checks.apply(&converted)?;
        wrong.extend(checked.into_iter().filter(|wrong| !failed[wrong.row]));
        Ok((converted, wrong))
    }
}

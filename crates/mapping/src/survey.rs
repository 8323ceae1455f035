//! A look at an object's fields one by one, before anything is compiled as a whole: what each reads, of what type it is, what its values are in a sample.
//! Unlike `Mapper::compile` it needs no target, and what is wrong with one field says nothing about the others.

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Schema};
use chrono::{DateTime, Utc};
use datafusion_sql::sqlparser::ast::Expr;
use model::Failure;
use model::migration::{Field, Otherwise, ValueMap};

use crate::columns;
use crate::compile::on_a_large_stack;
use crate::convert::{self, Conversion};
use crate::expression::Expression;
use crate::value_map;

/// One field of the file, or of a stamp, by itself.
pub struct Surveyed {
    /// The source's columns that it reads, in the source's spelling.
    pub columns: Vec<String>,
    /// The column that it hands through unchanged, where it is nothing else.
    pub column: Option<String>,
    expression: Expression,
    values: Option<(ValueMap, Otherwise)>,
}

/// A field's values for some records.
pub struct SurveyedValues {
    /// As they would be converted to the target's type; null where there is none.
    pub values: ArrayRef,
    /// Records for which the expression fails.
    pub failed: usize,
    /// Records whose value the field's map does not list and refuses.
    pub unlisted: Vec<usize>,
    /// What the map was given.
    pub given: ArrayRef,
}

/// Whether a type's values become another's.
#[derive(Debug, Clone, PartialEq)]
pub enum Fit {
    Always,
    /// Those that do; others are rejected.
    Checked,
    Never(Failure),
}

/// Each field by itself, in the order given.
pub fn survey(
    fields: &[(&str, &Field)],
    source: &Schema,
    began: DateTime<Utc>,
) -> Result<Vec<Result<Surveyed, Failure>>, Failure> {
    on_a_large_stack(|| {
        let surveyed = fields.iter().map(|(name, field)| {
            Surveyed::of(field, source, began).map_err(|failure| failure.field(*name))
        });
        Ok(surveyed.collect())
    })
}

/// A type in the words of messages.
pub fn type_name(data_type: &DataType) -> String {
    convert::name(data_type)
}

impl Surveyed {
    fn of(field: &Field, source: &Schema, began: DateTime<Utc>) -> Result<Self, Failure> {
        let sql = field.expression();
        let mut expr = columns::parse(sql)?;
        let mut columns = columns::resolve(&mut expr, source)?;
        if let Field::AnyLookup(lookup) = field {
            let mut which = columns::parse(&lookup.which)?;
            columns.extend(columns::resolve(&mut which, source)?);
        }
        let column = match &expr {
            Expr::Identifier(name) => Some(name.value.clone()),
            _ => None,
        };
        let values = match field {
            Field::Mapped(mapped) => mapped.values.clone().map(|map| (map, mapped.otherwise)),
            _ => None,
        };
        Ok(Self {
            columns,
            column: column.filter(|_| values.is_none()),
            expression: Expression::of(expr, sql, source, began)?,
            values,
        })
    }

    /// The type of its values, before they are converted to the target's.
    pub fn data_type(&self) -> &DataType {
        match self.values {
            Some(_) => &DataType::Utf8,
            None => &self.expression.data_type,
        }
    }

    /// The values that its map gives, where nothing else can come out of it.
    pub fn only_values(&self) -> Option<Vec<String>> {
        let (map, otherwise) = self.values.as_ref()?;
        (*otherwise != Otherwise::Keep).then(|| {
            let mut values: Vec<String> = Vec::new();
            for value in map.values() {
                if !values.contains(value) {
                    values.push(value.clone());
                }
            }
            values
        })
    }

    pub fn fit(&self, wanted: &DataType) -> Fit {
        match Conversion::between(self.data_type(), wanted) {
            Ok(Conversion::None | Conversion::Widening) => Fit::Always,
            Ok(Conversion::Checked | Conversion::Digits | Conversion::Fraction) => Fit::Checked,
            Err(failure) => Fit::Never(failure),
        }
    }

    pub fn values(&self, records: &RecordBatch) -> Result<SurveyedValues, Failure> {
        let (given, bad) = self.expression.evaluate(records);
        let (values, unlisted) = match &self.values {
            Some((map, otherwise)) => value_map::apply(&given, map, *otherwise)?,
            None => (given.clone(), Vec::new()),
        };
        Ok(SurveyedValues {
            values,
            failed: bad.len(),
            unlisted,
            given,
        })
    }

    /// How many of these values do not become the target's type.
    pub fn lost(&self, values: &ArrayRef, wanted: &DataType) -> Result<usize, Failure> {
        let conversion = Conversion::between(values.data_type(), wanted)?;
        Ok(conversion.apply(values, wanted)?.1.len())
    }
}

/// The texts of values, for people and for comparing with a list; null where there is none.
pub fn texts(values: &ArrayRef) -> Vec<Option<String>> {
    use arrow::util::display::array_value_to_string;
    (0..values.len())
        .map(|row| {
            let there = values.is_valid(row);
            there.then(|| array_value_to_string(values, row).unwrap_or_default())
        })
        .collect()
}

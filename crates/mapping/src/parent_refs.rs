//! What records refer to, as the source keys of their parents: by these a choice of records brings its parents along.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field as Column, Schema, SchemaRef};
use chrono::{DateTime, Utc};
use model::Failure;
use model::migration::{Field, Migration};
use record::key_texts;

use crate::compile::on_a_large_stack;
use crate::expression::Expression;
use crate::reason::broken;

/// The lookups of an object, those of its second passes too.
pub struct ParentRefs {
    lookups: Vec<Lookup>,
}

struct Lookup {
    by: Expression,
    /// Says of each record which object holds its parent, where it may be one of several.
    which: Option<Expression>,
    parents: Vec<Parent>,
}

struct Parent {
    object: String,
    /// The type of its key column: a reference may be of another.
    key: DataType,
}

impl ParentRefs {
    /// `key_of` gives the type of an object's key column, of those objects whose records are wanted as parents.
    pub fn compile(
        migration: &Migration,
        object: &str,
        source: &SchemaRef,
        began: DateTime<Utc>,
        key_of: &(dyn Fn(&str) -> Option<DataType> + Sync),
    ) -> Result<Self, Failure> {
        let passes = migration
            .objects
            .iter()
            .filter(|pass| pass.name == object || pass.second_pass_of.as_deref() == Some(object));
        let fields: Vec<&Field> = passes
            .flat_map(|pass| pass.fields.iter().flatten())
            .map(|(_, field)| field)
            .collect();
        on_a_large_stack(|| {
            let mut lookups = Vec::new();
            for field in fields {
                let parents: Vec<Parent> = field
                    .parents()
                    .iter()
                    .filter_map(|object| {
                        let (object, key) = (object.clone(), key_of(object)?);
                        Some(Parent { object, key })
                    })
                    .collect();
                if parents.is_empty() {
                    continue;
                }
                let which = match field {
                    Field::AnyLookup(any) => Some(Expression::compile(
                        &format!("cast(({}) as varchar)", any.which),
                        source,
                        began,
                    )?),
                    _ => None,
                };
                let by = Expression::compile(field.expression(), source, began)?;
                lookups.push(Lookup { by, which, parents });
            }
            Ok(Self { lookups })
        })
        .map_err(|failure| failure.object(object))
    }

    pub fn is_empty(&self) -> bool {
        self.lookups.is_empty()
    }

    /// Each parent's object and source key as text. What can't be computed refers to nobody: its record is refused when it is mapped.
    pub fn of(&self, records: &RecordBatch) -> Result<Vec<(String, String)>, Failure> {
        let mut found = Vec::new();
        for lookup in &self.lookups {
            let (by, _) = lookup.by.evaluate(records);
            let which = lookup.which.as_ref().map(|which| which.evaluate(records).0);
            let which = which
                .map(|which| cast(&which, &DataType::Utf8).map_err(broken))
                .transpose()?;
            for parent in &lookup.parents {
                let keys = cast(&by, &parent.key).map_err(broken)?;
                let schema = Schema::new(vec![Column::new("key", parent.key.clone(), true)]);
                let batch = RecordBatch::try_new(schema.into(), vec![keys.clone()]);
                let texts = key_texts(&batch.map_err(broken)?, &["key".to_owned()])?;
                let is_of = |row: usize| match &which {
                    None => true,
                    Some(which) => {
                        let which = which.as_string::<i32>();
                        which.is_valid(row) && which.value(row) == parent.object
                    }
                };
                found.extend(
                    (0..keys.len())
                        .filter(|row| keys.is_valid(*row) && is_of(*row))
                        .map(|row| (parent.object.clone(), texts.value(row).to_owned())),
                );
            }
        }
        Ok(found)
    }
}

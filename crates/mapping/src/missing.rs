//! Lookups whose parents may be missing: what the file wants done then, whether that can be done, and what a record in a parent's place looks like.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field as Column, Schema};
use chrono::{DateTime, Utc};
use connector::{MissingParent, Placeholder, TargetField, TargetObject};
use model::migration::{Migration, Object, OnMissingParent, Operation};
use model::{Failure, RunId};
use record::record_json;

use crate::checks::Checks;
use crate::compile::{Compiler, on_a_large_stack};
use crate::computed::Parent;
use crate::constant::constant;
use crate::expression::Expression;
use crate::mapper::Mapper;
use crate::reason::broken;

impl Mapper {
    /// What becomes of records whose parent is missing, lookup by lookup. Placeholders have nothing in them yet, and objects are called as the file does.
    pub fn missing_parents(&self) -> Vec<MissingParent> {
        let fields = self.computed.iter();
        let ruled = fields.filter_map(|field| Some((field, field.parent.as_ref()?)));
        ruled
            .map(|(field, parent)| MissingParent {
                field: field.sent_as.clone(),
                name: parent.name.clone(),
                parent: parent.object.clone(),
                to: parent.to.clone(),
                key: parent.key.clone(),
                id: None,
                placeholder: (parent.on_missing == OnMissingParent::Placeholder)
                    .then(Placeholder::default),
            })
            .collect()
    }
}

impl Compiler<'_> {
    /// Refuses what can't be done about missing parents of a lookup. `by_key`: the target finds parents by their external id.
    pub(crate) fn check_missing(
        &self,
        name: &str,
        parent: &str,
        on_missing: OnMissingParent,
        by_key: bool,
    ) -> Result<(), Failure> {
        const HINT: &str = "give this lookup its own `on_missing_parent`";
        match on_missing {
            OnMissingParent::Reject => Ok(()),
            OnMissingParent::Null => {
                let target = self.spec.target;
                let field = target
                    .relation(name)
                    .map_or(name, |relation| &relation.field);
                match target.field(field) {
                    Some(field) if !field.nullable => Err(Failure::usage(
                        "required_parent",
                        format!("a record of `{}` can't be without `{}`, so a missing parent can't become null", target.name, field.name),
                    )
                    .hint(format!("{HINT}: `reject` or `placeholder`"))),
                    _ => Ok(()),
                }
            }
            OnMissingParent::Placeholder => {
                let object = self.spec.migration.object(parent);
                let is_found = |parent: &Object| {
                    by_key && parent.operation == Operation::Upsert && parent.external_id.len() == 1
                };
                if object.is_some_and(is_found) {
                    return Ok(());
                }
                Err(Failure::usage(
                    "no_placeholder",
                    format!("a placeholder of `{parent}` could not become the real record when that comes: this takes an upsert by one external id that lookups go by"),
                )
                .hint(format!("make `{parent}` such an upsert, or {HINT}: `reject` or `null`")))
            }
        }
    }

    /// Of a lookup that goes by key.
    pub(crate) fn parent(
        &self,
        name: &str,
        object: &str,
        to: &str,
        key: &str,
        on_missing: OnMissingParent,
    ) -> Result<Option<Parent>, Failure> {
        self.check_missing(name, object, on_missing, true)?;
        let wanted = on_missing != OnMissingParent::Reject && !self.spec.object.operation.deletes();
        Ok(wanted.then(|| Parent {
            name: name.to_owned(),
            object: object.to_owned(),
            to: to.to_owned(),
            key: key.to_owned(),
            on_missing,
        }))
    }
}

/// What a placeholder of an object's records has besides its key: what the file gives, the stamps, and the key again for texts that must have a value.
pub fn placeholder(
    migration: &Migration,
    parent: &Object,
    target: &TargetObject,
    run: &RunId,
    began: DateTime<Utc>,
) -> Result<Placeholder, Failure> {
    on_a_large_stack(|| compile(migration, parent, target, run, began))
        .map_err(|failure| failure.object(&parent.name))
}

fn compile(
    migration: &Migration,
    parent: &Object,
    target: &TargetObject,
    run: &RunId,
    began: DateTime<Utc>,
) -> Result<Placeholder, Failure> {
    let run = format!("'{}'", run.as_str().replace('\'', "''"));
    let stamps = migration.stamp.iter().map(|(name, sql)| {
        let is_run = sql.trim().eq_ignore_ascii_case("run_id");
        (name, if is_run { &run } else { sql })
    });
    let mut columns: Vec<(Column, ArrayRef)> = Vec::new();
    for (name, sql) in parent.placeholder.iter().chain(stamps) {
        let column = value(target, name, sql, began).map_err(|failure| failure.field(name))?;
        if columns
            .iter()
            .any(|(known, _)| known.name() == column.0.name())
        {
            return Err(
                Failure::usage("field_twice", format!("a placeholder has `{name}` twice"))
                    .field(name)
                    .hint("stamps are set by themselves"),
            );
        }
        columns.push(column);
    }
    let is_given = |field: &&TargetField| {
        columns
            .iter()
            .any(|(column, _)| *column.name() == field.name)
            || parent
                .external_id
                .iter()
                .any(|key| key.eq_ignore_ascii_case(&field.name))
    };
    let required = target
        .fields
        .iter()
        .filter(|field| field.required && field.createable);
    let (texts, others): (Vec<&TargetField>, Vec<&TargetField>) = required
        .filter(|field| !is_given(field))
        .partition(|field| field.data_type == DataType::Utf8 && takes_any_text(field));
    if !others.is_empty() {
        let names: Vec<_> = others.iter().map(|field| field.name.as_str()).collect();
        return Err(Failure::usage(
            "placeholder_incomplete",
            format!(
                "a new record of `{}` needs values for {}, and a placeholder has none",
                target.name,
                names.join(", ")
            ),
        )
        .hint(format!(
            "say on `{}` what they are: `placeholder: {{ {}: <expression over constants> }}`",
            parent.name, names[0]
        )));
    }
    let (fields, values): (Vec<Column>, Vec<ArrayRef>) = columns.into_iter().unzip();
    let mut placeholder = Placeholder {
        named_by_key: texts.iter().map(|field| field.name.clone()).collect(),
        ..Placeholder::default()
    };
    if !fields.is_empty() {
        let record = RecordBatch::try_new(Arc::new(Schema::new(fields)), values).map_err(broken)?;
        placeholder.fields = record_json(&record, 0);
    }
    Ok(placeholder)
}

/// Text of the target's own types, as dates of some, would not take a key.
fn takes_any_text(field: &TargetField) -> bool {
    const TEXTS: &[&str] = &["string", "textarea", "text", "character varying", "varchar"];
    let native = field.native.split('(').next().unwrap_or_default();
    field.values.is_none() && TEXTS.contains(&native)
}

fn value(
    target: &TargetObject,
    name: &str,
    sql: &str,
    began: DateTime<Utc>,
) -> Result<(Column, ArrayRef), Failure> {
    const HINT: &str = "it is an expression over constants that the field takes; a text stands in single quotes within the double ones";
    let refused = |message: String| Failure::usage("invalid_placeholder", message).hint(HINT);
    let field = target
        .field(name)
        .filter(|field| field.createable)
        .ok_or_else(|| {
            refused(format!(
                "`{}` has no field `{name}` that can be set",
                target.name
            ))
        })?;
    let expression =
        Expression::compile(sql, &Schema::empty(), began).map_err(|failure| Failure {
            hint: Some(HINT.to_owned()),
            ..failure
        })?;
    let value = constant(&expression, &field.data_type)?
        .ok_or_else(|| refused(format!("`{sql}` has no value of the field's type")))?;
    let checks = Checks::new(Some(field), false, false, true)?;
    if let Some(wrong) = checks.apply(&value)?.first() {
        return Err(refused(format!(
            "the target would refuse `{sql}`: {}",
            wrong.message
        )));
    }
    Ok((
        Column::new(&field.name, field.data_type.clone(), true),
        value,
    ))
}

//! A migration file, a source's columns and a target's fields: as little as a mapping needs.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::util::display::array_value_to_string;
use chrono::{DateTime, Utc};
use connector::{Relation, TargetField, TargetObject};
use mapping::{Duplicates, Mapped, Mapper, ParentIds, Spec};
use model::migration::Migration;
use model::{Failure, RunId};

pub(crate) struct Bed {
    /// The entries of `objects`; the last is the one that is mapped.
    pub(crate) objects: String,
    pub(crate) stamp: String,
    pub(crate) key: Vec<String>,
    pub(crate) source: SchemaRef,
    pub(crate) target: TargetObject,
}

/// When the runs of these tests began.
pub(crate) fn began() -> DateTime<Utc> {
    "2026-02-03T04:05:06Z".parse().unwrap()
}

impl Bed {
    /// Columns `id` and `Name` into fields `Id` (the key) and `Name`; `fields` are those of the migration file.
    pub(crate) fn new(fields: &str) -> Self {
        Self {
            objects: object("things", fields),
            stamp: String::new(),
            key: vec!["id".to_owned()],
            source: Arc::new(Schema::new(vec![
                Field::new("id", DataType::Int64, true),
                Field::new("Name", DataType::Utf8, true),
            ])),
            target: TargetObject {
                name: "Thing".to_owned(),
                fields: vec![field("Id", DataType::Utf8), field("Name", DataType::Utf8)],
                relations: Vec::new(),
                keys: vec![vec!["Id".to_owned()]],
                carries_columns: true,
            },
        }
    }

    /// The target's field `Name`, or the last that was added.
    pub(crate) fn field(&mut self) -> &mut TargetField {
        self.target.fields.last_mut().unwrap()
    }

    pub(crate) fn of_type(mut self, data_type: DataType) -> Self {
        self.field().data_type = data_type;
        self
    }

    pub(crate) fn relation(mut self, name: &str, field: &str) -> Self {
        self.target.relations.push(Relation {
            name: name.to_owned(),
            field: field.to_owned(),
            // Objects of the tests go to `Thing`.
            to: match name {
                "RecordType" => vec!["RecordType".to_owned()],
                "What" => vec!["Account".to_owned(), "Thing".to_owned()],
                _ => vec!["Thing".to_owned()],
            },
            owned: false,
        });
        self
    }

    pub(crate) fn compile(&self) -> Result<Mapper, Failure> {
        let file = format!(
            "migration: m
connections:
  s: {{ kind: postgres, url: \"${{S}}\" }}
  t: {{ kind: postgres, url: \"${{T}}\" }}
source: s
target: t
stamp: {{ {} }}
objects:
{}",
            self.stamp, self.objects
        );
        let migration = Migration::parse(&file, "m.yaml")?;
        Mapper::compile(&Spec {
            migration: &migration,
            object: migration.objects.last().unwrap(),
            source: self.source.clone(),
            key: &self.key,
            target: &self.target,
            run: &RunId::new("run-1"),
            began: began(),
        })
    }

    pub(crate) fn apply(&self, batch: &RecordBatch) -> Mapped {
        let mapper = self.compile().unwrap_or_else(|failure| panic!("{failure}"));
        mapper
            .apply(batch, &Duplicates::none(), &ParentIds::default())
            .unwrap()
    }

    /// Records of `id` and `Name`.
    pub(crate) fn records(&self, records: &[(i64, Option<&str>)]) -> RecordBatch {
        let ids: Int64Array = records.iter().map(|record| Some(record.0)).collect();
        let names: StringArray = records.iter().map(|record| record.1).collect();
        self.batch(vec![Arc::new(ids), Arc::new(names)])
    }

    pub(crate) fn batch(&self, columns: Vec<ArrayRef>) -> RecordBatch {
        RecordBatch::try_new(self.source.clone(), columns).unwrap()
    }

    /// Has one column besides `id`, in place of `Name`.
    pub(crate) fn column(mut self, name: &str, data_type: DataType) -> Self {
        self.source = Arc::new(Schema::new(vec![
            Field::new("id", DataType::Int64, true),
            Field::new(name, data_type, true),
        ]));
        self
    }

    /// Records with ids from 1 on, and these values.
    pub(crate) fn values(&self, values: ArrayRef) -> RecordBatch {
        let ids = Int64Array::from_iter_values((1..).take(values.len()));
        self.batch(vec![Arc::new(ids), values])
    }
}

/// An entry of `objects`: an upsert by `Id`.
pub(crate) fn object(name: &str, fields: &str) -> String {
    format!(
        "  - {{ name: {name}, from: {{ table: {name} }}, key: id, to: Thing, operation: upsert, external_id: Id, fields: {{ {fields} }} }}\n"
    )
}

pub(crate) fn field(name: &str, data_type: DataType) -> TargetField {
    TargetField {
        name: name.to_owned(),
        data_type,
        native: "text".to_owned(),
        nullable: true,
        required: false,
        createable: true,
        updateable: true,
        max_length: None,
        counts_utf16: false,
        empty_is_null: false,
        range: None,
        values: None,
        finds_records: true,
        case_sensitive: true,
    }
}

/// A column of a mapped batch as text; none for null.
pub(crate) fn texts(mapped: &Mapped, name: &str) -> Vec<Option<String>> {
    let column = mapped.records.column_by_name(name).expect(name);
    (0..column.len())
        .map(|row| {
            column
                .is_valid(row)
                .then(|| array_value_to_string(column, row).unwrap())
        })
        .collect()
}

pub(crate) fn some(values: &[&str]) -> Vec<Option<String>> {
    values
        .iter()
        .map(|value| Some((*value).to_owned()))
        .collect()
}

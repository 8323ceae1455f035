//! A small migration, its target and its source, and what mapping them gives.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, TimeUnit};
use arrow::util::display::array_value_to_string;
use connector::{Relation, TargetField, TargetObject};
use mapping::{Duplicates, Mapped, Mapper, Spec};
use model::migration::Migration;
use model::{Failure, RunId};
use record::Refusal;

/// One object of a migration over one batch.
pub(crate) struct Case {
    pub(crate) file: String,
    pub(crate) object: &'static str,
    pub(crate) key: Vec<String>,
    pub(crate) target: TargetObject,
    pub(crate) source: RecordBatch,
    pub(crate) run: String,
}

pub(crate) fn case(objects: &str, target: TargetObject, source: RecordBatch) -> Case {
    Case {
        file: format!("{HEAD}{objects}"),
        object: "x",
        key: vec!["id".to_owned()],
        target,
        source,
        run: "01936f5e-0000-7000-8000-000000000000".to_owned(),
    }
}

/// A single object `x`, inserted into `T`, that computes the field `F`.
pub(crate) fn one_field(sql: &str, field: TargetField, source: RecordBatch) -> Case {
    let sql = serde_json::Value::from(sql);
    let object = format!(
        "objects:\n  - {{ name: x, from: {{ table: t }}, key: id, to: T, fields: {{ F: {sql} }} }}\n"
    );
    let mut field = field;
    field.name = "F".to_owned();
    case(&object, table(vec![field]), source)
}

const HEAD: &str = "migration: m
connections:
  a: { kind: sqlite, url: \"sqlite:///x\" }
source: a
target: a
";

impl Case {
    pub(crate) fn compile(&self) -> Result<Mapper, Failure> {
        let migration = Migration::parse(&self.file, "m.yaml").expect("a valid file");
        Mapper::compile(&Spec {
            migration: &migration,
            object: migration.object(self.object).expect("the object"),
            source: self.source.schema(),
            key: &self.key,
            target: &self.target,
            run: &RunId::new(&self.run),
        })
    }

    pub(crate) fn error(&self) -> Failure {
        match self.compile() {
            Ok(_) => panic!("this must not compile: {}", self.file),
            Err(failure) => failure,
        }
    }

    pub(crate) fn map(&self) -> Mapped {
        self.map_with(&Duplicates::none())
    }

    pub(crate) fn map_with(&self, duplicates: &Duplicates) -> Mapped {
        let mapper = self
            .compile()
            .unwrap_or_else(|failure| panic!("{failure} {:?}\n{}", failure.hint, self.file));
        mapper.apply(&self.source, duplicates).expect("maps")
    }
}

/// The texts of a column; `-` for null.
pub(crate) fn texts(records: &RecordBatch, name: &str) -> Vec<String> {
    let column = records
        .column_by_name(name)
        .unwrap_or_else(|| panic!("no column {name}"));
    (0..column.len())
        .map(|row| match column.is_null(row) {
            true => "-".to_owned(),
            false => array_value_to_string(column, row).expect("a text"),
        })
        .collect()
}

/// Key and code of each refusal.
pub(crate) fn codes(refusals: &[Refusal]) -> Vec<(&str, &str)> {
    refusals
        .iter()
        .map(|refusal| (refusal.key.as_str(), refusal.code.as_str()))
        .collect()
}

pub(crate) fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(
        columns
            .into_iter()
            .map(|(name, column)| (name, column, true)),
    )
    .expect("a batch")
}

pub(crate) fn table(fields: Vec<TargetField>) -> TargetObject {
    TargetObject {
        name: "T".to_owned(),
        fields,
        relations: Vec::new(),
        keys: Vec::new(),
        carries_columns: true,
    }
}

/// An object of an org, whose lookups are addressed by names of their own.
pub(crate) fn org(fields: Vec<TargetField>, relations: &[(&str, &str)]) -> TargetObject {
    TargetObject {
        relations: relations
            .iter()
            .map(|(name, field)| Relation {
                name: (*name).to_owned(),
                field: (*field).to_owned(),
                to: vec!["Parent".to_owned()],
            })
            .collect(),
        carries_columns: false,
        ..table(fields)
    }
}

pub(crate) fn field(name: &str, data_type: DataType) -> TargetField {
    TargetField {
        name: name.to_owned(),
        native: data_type.to_string(),
        data_type,
        nullable: true,
        required: false,
        createable: true,
        updateable: true,
        max_length: None,
        values: None,
        case_sensitive: true,
    }
}

pub(crate) fn text(name: &str) -> TargetField {
    field(name, DataType::Utf8)
}

pub(crate) fn moment(zone: Option<&str>) -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, zone.map(Arc::from))
}

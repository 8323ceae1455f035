//! `compare`: the source's schema against the target's, object by object. What is wrong with one object or field says nothing about the others, so
//! that a file which no run would accept yet can be compared all the same.

mod fields;
mod values;

use std::collections::BTreeSet;
use std::iter::once;

use api::{
    Becomes, CompareReport, ComparedColumn, ComparedObject, LookedAt, StartRun, UnfilledField,
};
use arrow::array::RecordBatch;
use chrono::Utc;
use connector::{Source, SourceObject, Target, TargetObject};
use connectors::Connections;
use mapping::Surveyed;
use model::migration::{Field, Migration, Object, OnInvalid, Operation, SHARED};
use model::{Failure, Finding};
use record::meta;

use super::rows;
use crate::preflight;

/// Records that are looked at where somebody asks for a comparison.
const LOOKED_AT: u64 = 20_000;

pub(crate) async fn compare(
    connections: &Connections,
    request: &StartRun,
) -> Result<CompareReport, Failure> {
    let migration = preflight::read(request)?;
    let placed = |failure: Failure| failure.file(&request.file_name);
    let source = connections.source(&migration).await.map_err(placed)?;
    let target = connections.target(&migration).await.map_err(placed)?;
    let mut objects = Vec::new();
    for object in &migration.objects {
        // What a second pass fills, its object has.
        if object.second_pass_of.is_none() && preflight::wanted(&migration, request, object) {
            let comparison = Comparison {
                migration: &migration,
                object,
                target: target.as_ref(),
                looks_at: LOOKED_AT,
            };
            let compared = comparison.compare(source.as_ref()).await;
            objects.push(compared.map_err(|failure| placed(failure.object(&object.name)))?);
        }
    }
    Ok(CompareReport {
        source: migration.source.clone(),
        target: migration.target.clone(),
        migration: migration.migration,
        objects,
    })
}

pub(super) struct Comparison<'a> {
    pub(super) migration: &'a Migration,
    pub(super) object: &'a Object,
    pub(super) target: &'a dyn Target,
    /// Records in which lengths, values and nulls are looked for.
    pub(super) looks_at: u64,
}

/// A field of the file with what is known of it.
struct Filled<'a> {
    name: &'a str,
    field: &'a Field,
    surveyed: Option<&'a Surveyed>,
}

/// What is wrong with a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spoilt {
    TooLong,
    /// No value of the field's type, or none that it takes.
    Unfit,
    Missing,
}

impl Filled<'_> {
    /// What becomes of such a value, by the field's `on_invalid`.
    fn becomes(&self, spoilt: Spoilt) -> Becomes {
        let Field::Mapped(mapped) = self.field else {
            return Becomes::Rejected;
        };
        match (&mapped.on_invalid, spoilt) {
            (OnInvalid::Truncate, Spoilt::TooLong) => Becomes::Cut,
            (OnInvalid::Null, Spoilt::TooLong | Spoilt::Unfit) => Becomes::Nulled,
            (OnInvalid::Default(_), _) => Becomes::Replaced,
            _ => Becomes::Rejected,
        }
    }
}

impl Comparison<'_> {
    pub(super) async fn compare(&self, source: &dyn Source) -> Result<ComparedObject, Failure> {
        let object = self.object;
        let mut compared = ComparedObject {
            name: object.name.clone(),
            from: object.from.describe().to_owned(),
            to: object.to.clone(),
            operation: object.operation.as_str().to_owned(),
            ..ComparedObject::default()
        };
        // A system that can't be reached has nothing to compare; what it does not have is told.
        let read = told(source.describe(object).await, &mut compared)?;
        let written = told(self.target.describe(&object.to).await, &mut compared)?;
        let Some(read) = read else {
            return Ok(compared);
        };
        let fields = self.fields(&read, written.as_ref());
        let listed: Vec<(&str, &Field)> = fields
            .iter()
            .map(|(name, field)| (name.as_str(), field))
            .collect();
        let surveyed = mapping::survey(&listed, &read.schema, Utc::now())?;
        let filled: Vec<Filled<'_>> = listed
            .iter()
            .zip(&surveyed)
            .map(|((name, field), surveyed)| {
                if let Err(failure) = surveyed {
                    compared.not_compared.push(failure.clone().into());
                }
                Filled {
                    name,
                    field,
                    surveyed: surveyed.as_ref().ok(),
                }
            })
            .collect();
        compared.unused_columns = self.unused(&read, &filled);
        let Some(written) = written else {
            return Ok(compared);
        };
        compared.to.clone_from(&written.name);
        compared.unfilled_fields = self.unfilled(&written, &filled);
        let first = self.first(source, &read, &mut compared).await;
        self.compare_fields(&read, &written, &filled, first.as_ref(), &mut compared)?;
        Ok(compared)
    }

    /// The file's fields, those of a second pass included; the columns that are carried over by their names among them.
    fn fields(&self, read: &SourceObject, written: Option<&TargetObject>) -> Vec<(String, Field)> {
        let object = self.object;
        let seconds = self.migration.objects.iter();
        let second = seconds.filter(|of| of.second_pass_of.as_ref() == Some(&object.name));
        let mut fields: Vec<(String, Field)> = Vec::new();
        for (name, field) in once(object)
            .chain(second)
            .flat_map(|of| of.fields.iter().flatten())
        {
            if name != SHARED && !fields.iter().any(|(known, _)| known == name) {
                fields.push((name.clone(), field.clone()));
            }
        }
        let listed = object.fields.as_ref();
        let shares = listed.is_some_and(|fields| fields.contains_key(SHARED));
        if listed.is_some() && !shares {
            return fields;
        }
        for column in read.schema.fields() {
            let name = column.name();
            let there = written.and_then(|written| written.field(name));
            let taken = there.is_some_and(|field| {
                fields
                    .iter()
                    .any(|(known, _)| known.eq_ignore_ascii_case(&field.name))
            });
            if !taken && (there.is_some_and(|field| field.createable) || !shares) {
                let quoted = format!("\"{}\"", name.replace('"', "\"\""));
                fields.push((name.clone(), Field::Expression(quoted)));
            }
        }
        fields
    }

    fn unused(&self, read: &SourceObject, filled: &[Filled<'_>]) -> Vec<ComparedColumn> {
        let mut used: BTreeSet<&str> = read.key.iter().map(String::as_str).collect();
        used.extend(read.chunk_by.iter().map(String::as_str));
        used.extend(self.object.watermark.as_deref());
        for surveyed in filled.iter().filter_map(|field| field.surveyed) {
            used.extend(surveyed.columns.iter().map(String::as_str));
        }
        read.schema
            .fields()
            .iter()
            .filter(|column| !used.contains(column.name().as_str()))
            .map(|column| ComparedColumn {
                column: column.name().clone(),
                native: meta::native(column)
                    .map_or_else(|| mapping::type_name(column.data_type()), str::to_owned),
                nullable: column.is_nullable(),
            })
            .collect()
    }

    fn unfilled(&self, written: &TargetObject, filled: &[Filled<'_>]) -> Vec<UnfilledField> {
        let operation = self.object.operation;
        let mut used: BTreeSet<&str> = BTreeSet::new();
        let names = filled.iter().map(|field| field.name);
        for name in names.chain(self.migration.stamp.keys().map(String::as_str)) {
            let field = written.field(name).map(|field| field.name.as_str());
            let relation = written.relation(name);
            used.extend(field.or(relation.map(|relation| relation.field.as_str())));
        }
        let creates = matches!(operation, Operation::Insert | Operation::Upsert);
        let mut unfilled: Vec<_> = written
            .fields
            .iter()
            .filter(|field| match operation {
                Operation::Insert | Operation::Upsert => field.createable,
                Operation::Update => field.updateable,
                Operation::Delete | Operation::HardDelete => false,
            })
            .filter(|field| !used.contains(field.name.as_str()))
            .map(|field| UnfilledField {
                field: field.name.clone(),
                native: field.native.clone(),
                required: field.required && creates,
            })
            .collect();
        unfilled.sort_by_key(|field| !field.required);
        unfilled
    }

    async fn first(
        &self,
        source: &dyn Source,
        read: &SourceObject,
        compared: &mut ComparedObject,
    ) -> Option<RecordBatch> {
        let skipped = |why: String| {
            Finding::warning("not_looked_at", why)
                .hint("lengths, values and nulls of the real records were not compared")
        };
        match rows::first(source, read, self.looks_at).await {
            Ok(Some(first)) => {
                let records = first.num_rows() as u64;
                compared.looked_at = Some(LookedAt {
                    records,
                    all: records < self.looks_at
                        && read.estimated_records.is_none_or(|all| all <= records),
                });
                Some(first)
            }
            Ok(None) => {
                let why = "the source can't show its first records cheaply";
                compared.not_compared.push(skipped(why.to_owned()));
                None
            }
            Err(failure) => {
                compared.not_compared.push(skipped(failure.message));
                None
            }
        }
    }
}

/// What a system does not have, or can't hand out, is told; what stops everything is handed on.
fn told<T>(
    described: Result<T, Failure>,
    compared: &mut ComparedObject,
) -> Result<Option<T>, Failure> {
    use model::FailureKind::{FailChunk, Usage};
    match described {
        Ok(described) => Ok(Some(described)),
        Err(failure) if matches!(failure.kind, Usage | FailChunk) => {
            compared.not_compared.push(failure.into());
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

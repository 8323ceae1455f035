//! The org as a source: an object or a query, cut into ranges of ids, each read by a Bulk API 2.0 query of its own.

mod calls;
mod catalogue;
mod first;
mod ids;
pub(crate) mod pages;
pub(crate) mod query;
mod read;
mod rows;
mod select;
mod slice;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema};
use async_trait::async_trait;
use connector::{Calls, Catalogue, Read, Reading, Sizing, Source, SourceObject, Split};
use model::migration::{From, Object, SalesforceSettings};
use model::{Failure, Slice};
use record::meta;
use serde::Deserialize;

use crate::client::{Call, Client};
use crate::columns::{listed, near};
use crate::describe::{BASE64, Described, ID, describe};
use select::Select;
use slice::Range;

/// Opens an org as a source. `name` is the connection's, for messages.
///
/// Nothing is sent yet: the first call logs in. Fails with a usage failure when the settings can't be right.
pub async fn salesforce_source(
    name: &str,
    settings: &SalesforceSettings,
) -> Result<Arc<dyn Source>, Failure> {
    Ok(Arc::new(SalesforceSource {
        client: Client::new(name, settings)?,
    }))
}

struct SalesforceSource {
    client: Client,
}

/// Compound fields, which Bulk API 2.0 does not select, and file contents. Their parts are fields of their own.
const LEFT_OUT: &[&str] = &["address", "location", "complexvalue", "anyType", BASE64];

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "totalSize", default)]
    total_size: u64,
    #[serde(default)]
    records: Vec<serde_json::Map<String, serde_json::Value>>,
}

/// What a query tells of a record that may be of several objects (Object Reference, "Name"). `Type` is its object.
const OF_ANY: &[&str] = &[
    "Alias",
    "Email",
    "FirstName",
    "Id",
    "LastName",
    "Name",
    "Phone",
    "Title",
    "Type",
    "Username",
];

impl SalesforceSource {
    async fn query(&self, select: &Select, soql: &str) -> Result<Answer, Failure> {
        let door = if select.all_rows { "queryAll" } else { "query" };
        let call = Call::get(&[door]).query("q", soql);
        Ok(self.client.json(call).await?)
    }

    /// The first or the last id, or none.
    async fn end(&self, select: &Select, order: &str) -> Result<Option<String>, Failure> {
        let soql = format!("{} ORDER BY {ID} {order} LIMIT 1", select.with(ID, ""));
        let answer = self.query(select, &soql).await?;
        let id = answer.records.first().and_then(|record| record.get(ID));
        Ok(id.and_then(|id| id.as_str()).map(str::to_owned))
    }

    /// The column of a path, `Name` or `Account.Name`.
    async fn column(&self, object: &Described, path: &str) -> Result<Field, Failure> {
        let mut described = None;
        let mut steps = path.split('.').peekable();
        while let Some(step) = steps.next() {
            let at = described.as_deref().unwrap_or(object);
            if steps.peek().is_none() {
                let field = at.object.field(step);
                let field = field.ok_or_else(|| unknown(at, step).field(path))?;
                if LEFT_OUT.contains(&field.native.as_str()) {
                    return Err(Failure::usage(
                        "compound_field",
                        format!(
                            "`{path}` is of type {}, which no query of Bulk API 2.0 selects",
                            field.native
                        ),
                    )
                    .hint("select its parts, BillingStreet, BillingCity, …")
                    .field(path));
                }
                let data_type = match &field.data_type {
                    // Expressions know offsets, and no zones by name.
                    DataType::Timestamp(unit, Some(_)) => {
                        DataType::Timestamp(*unit, Some("+00:00".into()))
                    }
                    other => other.clone(),
                };
                let column = Field::new(path, data_type, true);
                return Ok(meta::with_native(column, &field.native));
            }
            let relation = at.object.relation(step);
            let relation = relation.ok_or_else(|| unknown(at, step).field(path))?;
            let [to] = relation.to.as_slice() else {
                let last = steps.next().filter(|_| steps.peek().is_none());
                let is_told = |last: &str| OF_ANY.iter().any(|of| of.eq_ignore_ascii_case(last));
                if last.is_some_and(is_told) {
                    let column = Field::new(path, DataType::Utf8, true);
                    return Ok(meta::with_native(column, "string"));
                }
                return Err(Failure::usage(
                    "polymorphic_path",
                    format!("`{step}` may point to any of {}", relation.to.join(", ")),
                )
                .hint(format!(
                    "select the id itself, or what a query tells of all of them: {}",
                    listed(OF_ANY.iter().copied())
                ))
                .field(path));
            };
            described = Some(describe(&self.client, to).await?);
        }
        Err(Failure::bug("a path without a step").field(path))
    }
}

fn unknown(at: &Described, name: &str) -> Failure {
    let near = near(
        name,
        at.object.fields.iter().map(|field| field.name.as_str()),
    );
    Failure::usage(
        "unknown_field",
        format!(
            "{} has no field or lookup `{name}`, or the user may not see it",
            at.object.name
        ),
    )
    .hint(format!("near are: {}", listed(near.into_iter())))
}

#[async_trait]
impl Source for SalesforceSource {
    async fn describe(&self, object: &Object) -> Result<SourceObject, Failure> {
        if let Some(column) = object.chunk_by.first() {
            return Err(Failure::usage(
                "no_chunk_by",
                format!("an org is read by ranges of its own ids, not along `{column}`"),
            )
            .field(column)
            .hint("leave `chunk_by` out; where the order matters, bring the object into PostgreSQL or SQLite first, and read it from there"));
        }
        let select = match &object.from {
            From::Table(name) => Select::all(name)?,
            From::Query(query) => Select::parse(query)?,
            From::File(_) => {
                return Err(Failure::usage("unknown_file", "an org has objects, not files")
                    .hint("write `from: { table: Account }` or `from: { query: \"SELECT … FROM Account\" }`"));
            }
        };
        let described = describe(&self.client, &select.object).await?;
        let mut columns = Vec::new();
        if select.fields.is_empty() {
            let fields = described.object.fields.iter();
            let fields = fields.filter(|field| !LEFT_OUT.contains(&field.native.as_str()));
            for field in fields {
                columns.push(self.column(&described, &field.name).await?);
            }
        }
        for path in &select.fields {
            columns.push(self.column(&described, path).await?);
        }
        let select = Select {
            object: described.object.name.clone(),
            fields: columns.iter().map(|column| column.name().clone()).collect(),
            ..select
        };
        let key = key(object, &select, &columns)?;
        let answer = self.query(&select, &select.count()).await?;
        Ok(SourceObject {
            // `Id` is the first of them.
            key_is_unique: described.object.keys.contains(&key),
            object: object.clone(),
            schema: Arc::new(Schema::new(columns)),
            key,
            chunk_by: Vec::new(),
            estimated_records: Some(answer.total_size),
            details: serde_json::to_value(&select)
                .map_err(|error| Failure::bug(format!("a query does not serialise: {error}")))?,
        })
    }

    async fn split(
        &self,
        object: &SourceObject,
        _cursor: Option<&serde_json::Value>,
        sizing: Sizing,
    ) -> Result<Split, Failure> {
        let select = Select::of(object)?;
        let whole = Split {
            slices: vec![Range::default().slice()?],
            cursor: None,
        };
        let records = object.estimated_records.unwrap_or(u64::MAX);
        let pieces = records.div_ceil(sizing.records.max(1)).min(100_000);
        if pieces <= 1 {
            return Ok(whole);
        }
        let (Some(first), Some(last)) = (
            self.end(&select, "ASC").await?,
            self.end(&select, "DESC").await?,
        ) else {
            return Ok(whole);
        };
        let slices = Range::between(&first, &last, pieces)
            .iter()
            .map(Range::slice)
            .collect::<Result<_, _>>()?;
        Ok(Split {
            slices,
            cursor: None,
        })
    }

    fn slice_of_keys(&self, object: &SourceObject, keys: &[String]) -> Result<Slice, Failure> {
        let [key] = object.key.as_slice() else {
            return Err(Failure::bug("an org's records have one key"));
        };
        slice::of_keys(key, keys)
    }

    async fn read(
        &self,
        object: &SourceObject,
        slice: &Slice,
        budget: usize,
    ) -> Result<Read, Failure> {
        let select = Select::of(object)?;
        let read = read::read(&self.client, object, &select, slice, budget).await;
        read.map_err(|failure| failure.object(&object.object.name))
    }

    async fn count(&self, object: &SourceObject) -> Result<u64, Failure> {
        let select = Select::of(object)?;
        Ok(self.query(&select, &select.count()).await?.total_size)
    }

    async fn first(
        &self,
        object: &SourceObject,
        most: u64,
    ) -> Result<Option<RecordBatch>, Failure> {
        let select = Select::of(object)?;
        let first = first::first(&self.client, object, &select, most).await;
        first.map_err(|failure| failure.object(&object.object.name))
    }

    fn calls(&self, object: &SourceObject, reading: Reading) -> Calls {
        calls::calls(object, reading)
    }

    async fn catalogue(&self, only: &[String]) -> Result<Catalogue, Failure> {
        catalogue::catalogue(&self.client, only).await
    }
}

/// `Id`, or the one field that the file names.
fn key(object: &Object, select: &Select, columns: &[Field]) -> Result<Vec<String>, Failure> {
    let selected = |name: &str| {
        let fields = || select.fields.iter();
        let exact = fields().find(|field| *field == name);
        exact.or_else(|| fields().find(|field| field.eq_ignore_ascii_case(name)))
    };
    let key = match object.key.as_slice() {
        [] => selected(ID).map(String::as_str),
        [one] => selected(one).map(String::as_str),
        _ => {
            return Err(Failure::usage(
                "composite_key",
                "a record of an org is known by one field",
            )
            .hint("leave `key` out for its Id, or name one field"));
        }
    };
    let Some(key) = key else {
        return Err(Failure::usage(
            "unknown_key",
            "the query does not select the key of its records",
        )
        .hint("select Id, or what `key` names"));
    };
    let is_text = |column: &&Field| column.name() == key && *column.data_type() == DataType::Utf8;
    if !columns.iter().any(|column| is_text(&column)) {
        return Err(Failure::usage(
            "invalid_key",
            format!("`{key}` is no text, and so no key here"),
        )
        .hint("leave `key` out for the record's Id"));
    }
    Ok(vec![key.to_owned()])
}

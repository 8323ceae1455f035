//! What bulk queries take from SOQL: plain records only, as the ids that matched and the columns to write of each.
//! Everything that has no flat row (aggregates, inner lists, compound fields) is refused before the query runs.

use std::sync::Arc;

use super::QueryError;
use super::ast::{Expression, Query};
use super::fields::expand_flat;
use super::parser::parse;
use super::path::Path;
use super::plan::{Output, object, plan};
use super::run::records;
use super::shape::Shape;
use crate::errors::ApiError;
use crate::ids::RecordId;
use crate::schema::FieldKind;
use crate::schema::catalogue::Catalogue;
use crate::store::Store;
use crate::values::Value;

/// The records that matched at one moment, and what is to be told of each.
pub(crate) struct Extract {
    pub(crate) ids: Vec<RecordId>,
    pub(crate) columns: Columns,
    /// The same for records that are written as such.
    pub(crate) shape: Arc<Shape>,
    /// Whether the query asked for this order.
    pub(crate) ordered: bool,
}

/// The columns of a bulk query, in the order asked.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    columns: Vec<(String, Path)>,
}

impl Columns {
    /// API names, parents' fields with their path (`Account.Name`).
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(name, _)| name.as_str())
    }

    /// Hands on each value of a record that is there, with its column's name.
    pub(crate) fn each(
        &self,
        catalogue: &Catalogue,
        store: &Store,
        id: RecordId,
        mut take: impl FnMut(&str, &crate::schema::catalogue::Field, &Value),
    ) {
        let Some(row) = store.row(id) else {
            return;
        };
        for (name, path) in &self.columns {
            take(
                name,
                path.field(catalogue),
                &path.value(catalogue, store, id, &row),
            );
        }
    }
}

/// Why a bulk query can't be answered.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Not valid SOQL at all.
    Query(QueryError),
    /// Valid, but nothing for a bulk query.
    Unsupported(String),
}

impl Refusal {
    /// As the call that created the query tells it.
    pub(crate) fn to_api(&self, query: &str) -> ApiError {
        match self {
            Self::Query(error) => error.to_api(query),
            Self::Unsupported(text) => ApiError::bad("API_ERROR", text.clone()),
        }
    }

    /// As the state message of a failed batch tells it.
    pub(crate) fn to_state_message(&self, query: &str) -> String {
        match self {
            Self::Query(error) => format!(
                "InvalidBatch : Failed to process query: {}: {}",
                error.code,
                error.message(query)
            ),
            Self::Unsupported(text) => {
                format!("InvalidBatch : Failed to process query: FUNCTIONALITY_NOT_ENABLED: {text}")
            }
        }
    }
}

impl From<QueryError> for Refusal {
    fn from(error: QueryError) -> Self {
        Self::Query(error)
    }
}

/// Checks a query without running it; gives the name of its object.
pub(crate) fn check(catalogue: &Catalogue, store: &Store, text: &str) -> Result<String, Refusal> {
    let query = parse(text)?;
    let object = object(catalogue, &query)?;
    let query = expand_flat(object, &query)?;
    plan(catalogue, store, &query, false)?;
    flat(&query)?;
    columns(catalogue, &query, object)?;
    Ok(object.name.clone())
}

/// Runs a query, over deleted records too if asked.
pub(crate) fn extract(
    catalogue: &Catalogue,
    store: &Store,
    text: &str,
    deleted: bool,
) -> Result<Extract, Refusal> {
    let query = parse(text)?;
    let object = object(catalogue, &query)?;
    let query = expand_flat(object, &query)?;
    let plan = plan(catalogue, store, &query, deleted)?;
    flat(&query)?;
    let columns = columns(catalogue, &query, object)?;
    let ids = records(catalogue, store, &plan)?;
    let Output::Records(shape) = plan.output else {
        return Err(unsupported("Aggregate functions"));
    };
    Ok(Extract {
        ids,
        columns,
        shape,
        ordered: !plan.order.is_empty(),
    })
}

fn unsupported(what: &str) -> Refusal {
    Refusal::Unsupported(format!("{what} not supported in Bulk Query"))
}

fn flat(query: &Query) -> Result<(), Refusal> {
    let aggregate = query
        .select
        .iter()
        .any(|item| matches!(item.expression, Expression::Aggregate(..)));
    if query.count_only || aggregate {
        return Err(unsupported("Aggregate functions"));
    }
    if !query.group_by.is_empty() {
        return Err(unsupported("GROUP BY"));
    }
    if !query.children.is_empty() {
        // As told by an org of 2023; longer than its neighbours.
        let text = "Aggregate Relationships not supported in Bulk V2 Query with CSV content type";
        return Err(Refusal::Unsupported(text.to_owned()));
    }
    if query.offset > 0 {
        return Err(unsupported("OFFSET"));
    }
    Ok(())
}

fn columns(
    catalogue: &Catalogue,
    query: &Query,
    object: &crate::schema::catalogue::Object,
) -> Result<Columns, Refusal> {
    let mut columns = Vec::new();
    for item in &query.select {
        let Expression::Field(name) = &item.expression else {
            return Err(unsupported("Aggregate functions"));
        };
        let path = Path::resolve(catalogue, object, query.alias.as_deref(), name)?;
        if path.field(catalogue).kind() == FieldKind::Address {
            return Err(unsupported("Selecting compound data"));
        }
        columns.push((path.name(catalogue, object), path));
    }
    Ok(Columns { columns })
}

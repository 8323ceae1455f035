//! Runs a query: counts, groups, or sorts and cuts the records that match, and hands these on as ids with the shape
//! to write them in.

use std::cmp::Ordering;
use std::sync::Arc;

use super::QueryError;
use super::ast::Query;
use super::matching::Matching;
use super::order::Sorter;
use super::parser::parse;
use super::path::Path;
use super::plan::{Output, Plan, plan};
use super::scalar::Scalar;
use super::shape::Shape;
use crate::ids::RecordId;
use crate::schema::catalogue::Catalogue;
use crate::store::Store;

/// What a query gives.
#[derive(Debug)]
pub(crate) enum Answer {
    /// `COUNT()`: only a number.
    Count(usize),
    /// Records, to be written page by page.
    Records {
        ids: Vec<RecordId>,
        shape: Arc<Shape>,
    },
    /// Groups, written: their number and the JSON of each, joined by commas.
    Groups { total: usize, json: String },
}

/// Runs a query, over deleted records too if asked.
pub(crate) fn run(
    catalogue: &Catalogue,
    store: &Store,
    text: &str,
    deleted: bool,
) -> Result<Answer, QueryError> {
    let query = parse(text)?;
    let plan = plan(catalogue, store, &query, deleted)?;
    let (offset, limit) = (plan.offset, plan.limit);
    let matching = || Matching::new(catalogue, store, &plan);
    Ok(match &plan.output {
        Output::Count => {
            let most = offset.saturating_add(limit);
            Answer::Count(count(&matching(), most).saturating_sub(offset))
        }
        Output::Records(shape) => {
            let ids = records(catalogue, store, &plan)?;
            let shape = Arc::clone(shape);
            Answer::Records { ids, shape }
        }
        Output::Groups(grouping) => {
            let (total, json) = grouping.run(catalogue, &matching(), offset, limit)?;
            Answer::Groups { total, json }
        }
    })
}

/// The records of a query in its order, those before its offset left out.
pub(super) fn records(
    catalogue: &Catalogue,
    store: &Store,
    plan: &Plan<'_>,
) -> Result<Vec<RecordId>, QueryError> {
    let matching = Matching::new(catalogue, store, plan);
    let most = plan.offset.saturating_add(plan.limit);
    let mut ids = if plan.order.is_empty() {
        matching.first(most)
    } else {
        let mut sorter = Sorter::new(&plan.order, most);
        matching.each(&mut |record| sorter.add(record));
        matching.sorted(sorter).map_err(unsorted)?
    };
    ids.drain(..plan.offset.min(ids.len()));
    Ok(ids)
}

/// How many match, counted no further than `most`.
fn count(matching: &Matching<'_>, most: usize) -> usize {
    if let Some(count) = matching.known_count() {
        return count.min(most);
    }
    let mut count = 0;
    matching.each(&mut |_| {
        count += 1;
        count < most
    });
    count.min(most)
}

/// The error of a machine that has no room for it.
pub(super) fn unsorted(error: std::io::Error) -> QueryError {
    tracing::error!(%error, "no place to sort a query's records");
    QueryError::new("UNKNOWN_EXCEPTION", "An unexpected error occurred.")
}

/// The values an inner query gives for IN.
pub(super) fn members(
    catalogue: &Catalogue,
    store: &Store,
    query: &Query,
) -> Result<Vec<Scalar<'static>>, QueryError> {
    let plan = plan(catalogue, store, query, false)?;
    let ([only], []) = (query.select.as_slice(), query.children.as_slice()) else {
        return Err(
            QueryError::new("MALFORMED_QUERY", "an inner query of IN selects one field")
                .at(query.from.at),
        );
    };
    let super::ast::Expression::Field(name) = &only.expression else {
        return Err(
            QueryError::new("MALFORMED_QUERY", "an inner query of IN selects a field")
                .at(query.from.at),
        );
    };
    let path = Path::resolve(catalogue, plan.object, query.alias.as_deref(), name)?;
    let mut members = Vec::new();
    let matching = Matching::new(catalogue, store, &plan).with(&path);
    matching.each(&mut |record| {
        let value = record.scalar(&path);
        if !value.is_null() {
            members.push(value);
        }
        true
    });
    Ok(members)
}

/// Nulls are first, in descending order too, unless asked to be last.
pub(super) fn ordering(
    a: &Scalar<'_>,
    b: &Scalar<'_>,
    descending: bool,
    nulls_last: bool,
) -> Ordering {
    match (a.is_null(), b.is_null()) {
        (false, false) if descending => b.compare(a),
        (false, false) => a.compare(b),
        (a_null, b_null) if nulls_last => a_null.cmp(&b_null),
        (a_null, b_null) => b_null.cmp(&a_null),
    }
}

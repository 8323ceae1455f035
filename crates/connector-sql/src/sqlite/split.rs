//! Cuts an object into slices by looks at single keys: along an indexed integer key, or by the keys of records here and there.
//! Views, queries and tables without row numbers are one slice at first; reading cuts it.

use connector::{Sizing, SourceObject, Split};
use model::Failure;

use super::database::Database;
use super::details::Details;
use super::kind::Kind;
use super::value::Value;
use super::{sample, walk};
use crate::split::{KeySlice, Next, Planning, Section};

/// What a value takes in a batch, about, where nothing tells.
const WIDTH: usize = 16;

pub(super) async fn split(
    database: &Database,
    object: &SourceObject,
    cursor: Option<&serde_json::Value>,
    sizing: Sizing,
) -> Result<Split, Failure> {
    let details = Details::of(object)?;
    if details.order.is_empty() {
        return Ok(Split {
            slices: vec![KeySlice::<Value>::Whole.slice()?],
            cursor: None,
        });
    }
    let mut planning = Planning::resume(cursor, details.sections(), sizing.slices)?;
    while let Some(next) = planning.next() {
        let (cuts, last) = match next.section {
            Section::Nulls => (vec![], true),
            _ => cuts(database, object, &details, &next, sizing).await?,
        };
        planning.add(cuts, last)?;
    }
    planning.split()
}

/// The next cuts, and whether there are no others.
async fn cuts(
    database: &Database,
    object: &SourceObject,
    details: &Details,
    next: &Next<Value>,
    sizing: Sizing,
) -> Result<(Vec<Vec<Value>>, bool), Failure> {
    if !details.table {
        return Ok((vec![], true));
    }
    let fitting = sizing.bytes / (object.schema.fields().len().max(1) * WIDTH);
    let records = sizing.records.min(fitting as u64).max(1);
    let mut session = database.begin().await?;
    if details.indexed && details.chunk_by.is_empty() && integer_order(object, details) {
        let from = next.from.as_deref();
        walk::cuts(&mut session, details, from, records, next.wanted).await
    } else if let Some(row_number) = &details.row_number {
        sample::cuts(&mut session, details, row_number, next, records).await
    } else {
        Ok((vec![], true))
    }
}

fn integer_order(object: &SourceObject, details: &Details) -> bool {
    match details.order.as_slice() {
        [_] if details.by_row_number(object) => true,
        [single] => object
            .schema
            .index_of(&single.name)
            .is_ok_and(|place| details.kinds.get(place) == Some(&Kind::Integer)),
        _ => false,
    }
}

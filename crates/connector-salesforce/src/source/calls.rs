//! The API calls that reading an object takes, by rule of thumb. Nothing here asks the org.

use std::collections::BTreeSet;

use connector::{Calls, Reading, SourceObject};

use super::query::PAGE;
use super::select::Select;

/// Looks at a query that takes a few seconds.
const LOOKS: u64 = 4;

pub(super) fn calls(object: &SourceObject, reading: Reading) -> Calls {
    // A field of a parent has the parents on its way described as well.
    let parents: BTreeSet<String> = match Select::of(object) {
        Ok(select) => {
            let ways = select
                .fields
                .iter()
                .filter_map(|path| path.rsplit_once('.'));
            ways.flat_map(|(way, _)| {
                let steps = way.match_indices('.').map(|(at, _)| way[..at].to_owned());
                steps.chain([way.to_owned()]).collect::<Vec<_>>()
            })
            .collect()
        }
        Err(_) => BTreeSet::new(),
    };
    let queries = reading.chunks * reading.times;
    let pages = reading
        .records
        .div_ceil(reading.chunks.max(1))
        .div_ceil(PAGE)
        .max(1);
    let each = [
        ("describe", 1 + parents.len() as u64),
        // When the object is looked up, and when all is moved.
        ("count", 1 + u64::from(reading.counted)),
        // The first and the last id.
        ("id_range", if reading.chunks > 1 { 2 } else { 0 }),
        ("create", queries),
        ("polls", queries * LOOKS),
        ("pages", queries * pages),
    ];
    Calls(
        each.into_iter()
            .map(|(kind, calls)| (kind.to_owned(), calls))
            .collect(),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::Schema;
    use serde_json::json;

    use super::*;

    #[test]
    fn chunks_take_queries_and_large_ones_more_pages() {
        let fields = ["Id", "Account.Name", "Account.Parent.Name", "Owner.Name"];
        let object = SourceObject {
            object: serde_json::from_value(
                json!({ "name": "x", "from": { "table": "Contact" }, "to": "x" }),
            )
            .unwrap(),
            schema: Arc::new(Schema::empty()),
            key: vec!["Id".to_owned()],
            chunk_by: Vec::new(),
            key_is_unique: true,
            estimated_records: None,
            details: json!({ "object": "Contact", "fields": fields, "condition": null, "all_rows": false }),
        };
        let reading = |records, chunks, times| Reading {
            records,
            chunks,
            times,
            counted: true,
        };
        let small = calls(&object, reading(10, 1, 1));
        assert_eq!(small.0["describe"], 4, "{small:?}");
        assert_eq!(
            (small.0["id_range"], small.0["create"], small.0["pages"]),
            (0, 1, 1)
        );
        let large = calls(&object, reading(1_000_000, 4, 2));
        assert_eq!(
            (large.0["id_range"], large.0["create"], large.0["pages"]),
            (2, 8, 24)
        );
        assert_eq!(large.total(), 4 + 2 + 2 + 8 + 32 + 24);
    }
}

//! Queries of a few rows, which calls answer at once: the data API's and the Tooling API's.

use serde_json::Value;

use crate::client::{Call, Client};
use crate::errors::CallError;

/// Pages of a query that are followed.
const PAGES: usize = 10;

/// All rows of a query; `door` is `query` or `tooling/query`.
pub(crate) async fn rows(
    client: &Client,
    door: &[&str],
    soql: &str,
) -> Result<Vec<Value>, CallError> {
    let mut page: Value = client.json(Call::get(door).query("q", soql)).await?;
    let mut rows = Vec::new();
    for _ in 0..PAGES {
        if let Some(Value::Array(records)) = page.get_mut("records").map(Value::take) {
            rows.extend(records);
        }
        // Behind the path of this door stands a cursor.
        let next = page.get("nextRecordsUrl").and_then(Value::as_str);
        let Some(cursor) = next.and_then(|next| next.rsplit('/').next()) else {
            break;
        };
        let mut segments = door.to_vec();
        segments.push(cursor);
        page = client.json(Call::get(&segments)).await?;
    }
    Ok(rows)
}

/// A field of a row, or of a parent of it, `EntityDefinition.QualifiedApiName`; empty where it is null.
pub(crate) fn text<'a>(row: &'a Value, path: &str) -> &'a str {
    let found = path.split('.').try_fold(row, |value, name| value.get(name));
    found.and_then(Value::as_str).unwrap_or_default()
}

//! `failures RUN --changed`: the values that were changed on their way, as the file says; grouped, or every one as CSV.

use std::path::Path;

use api::{ChangedValue, Client, FailuresQuery};
use model::Failure;

use super::failures::{shortened, unwritable};
use crate::exit;
use crate::output::{Output, table};

pub(crate) async fn changes(
    client: &Client,
    output: &Output,
    run: &str,
    query: FailuresQuery,
    csv: Option<&Path>,
) -> Result<u8, Failure> {
    if let Some(path) = csv {
        let values = all(client, run, query).await?;
        write(path, &values)?;
        let told = serde_json::json!({ "run": run, "file": path, "values": values.len() });
        output.print(&told, || {
            format!(
                "{} changed values written to {}\n",
                values.len(),
                path.display()
            )
        });
        return Ok(exit::DONE);
    }
    let changes = client.changes(run, &query).await?;
    output.print(&changes, || {
        if changes.groups.is_empty() {
            return "no value was changed\n".to_owned();
        }
        let rows = changes.groups.iter().map(|group| {
            let was = group.example_was.as_deref();
            vec![
                group.object.clone(),
                group.field.clone(),
                group.code.clone(),
                group.values.to_string(),
                group.example_key.clone(),
                was.map_or_else(|| "null".to_owned(), shortened),
            ]
        });
        table(
            &["object", "field", "code", "values", "for example", "was"],
            rows,
        )
    });
    Ok(exit::DONE)
}

async fn all(
    client: &Client,
    run: &str,
    mut query: FailuresQuery,
) -> Result<Vec<ChangedValue>, Failure> {
    let mut values = Vec::new();
    loop {
        let page = client.changes(run, &query).await?.values;
        let Some(last) = page.last() else {
            return Ok(values);
        };
        query.after = last.id;
        values.extend(page);
    }
}

/// A null is an empty cell.
fn write(path: &Path, values: &[ChangedValue]) -> Result<(), Failure> {
    let unwritable = |error: csv::Error| unwritable(path, &error);
    let mut csv = csv::Writer::from_path(path).map_err(unwritable)?;
    csv.write_record(["object", "key", "field", "code", "was"])
        .map_err(unwritable)?;
    for value in values {
        let was = value.was.as_deref().unwrap_or_default();
        csv.write_record([&value.object, &value.key, &value.field, &value.code, was])
            .map_err(unwritable)?;
    }
    csv.flush().map_err(|error| unwritable(error.into()))
}

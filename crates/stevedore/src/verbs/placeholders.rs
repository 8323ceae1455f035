//! `failures RUN --placeholders`: the records that were made in the place of missing parents; by object, or every one as CSV.

use std::path::Path;

use api::{Client, FailuresQuery, PlaceholderView};
use model::Failure;

use super::failures::unwritable;
use crate::exit;
use crate::output::{Output, table};

pub(crate) async fn placeholders(
    client: &Client,
    output: &Output,
    run: &str,
    query: FailuresQuery,
    csv: Option<&Path>,
) -> Result<u8, Failure> {
    if let Some(path) = csv {
        let records = all(client, run, query).await?;
        write(path, &records)?;
        let told = serde_json::json!({ "run": run, "file": path, "placeholders": records.len() });
        output.print(&told, || {
            format!(
                "{} placeholders written to {}\n",
                records.len(),
                path.display()
            )
        });
        return Ok(exit::DONE);
    }
    let placeholders = client.placeholders(run, &query).await?;
    output.print(&placeholders, || {
        if placeholders.groups.is_empty() {
            return "no placeholder was made\n".to_owned();
        }
        let rows = placeholders.groups.iter().map(|group| {
            vec![
                group.object.clone(),
                group.made.to_string(),
                group.standing.to_string(),
            ]
        });
        let mut text = table(&["object", "made", "not replaced yet"], rows);
        text.push('\n');
        let rows = placeholders.records.iter().map(|record| {
            vec![
                record.object.clone(),
                record.key.clone(),
                record.target_id.clone().unwrap_or_default(),
                format!("{} {}", record.child_object, record.child_key),
                record
                    .replaced_at
                    .map(|at| at.to_rfc3339())
                    .unwrap_or_default(),
            ]
        });
        text + &table(
            &["object", "key", "target id", "missed by", "replaced"],
            rows,
        )
    });
    Ok(exit::DONE)
}

async fn all(
    client: &Client,
    run: &str,
    mut query: FailuresQuery,
) -> Result<Vec<PlaceholderView>, Failure> {
    let mut records = Vec::new();
    loop {
        let page = client.placeholders(run, &query).await?.records;
        let Some(last) = page.last() else {
            return Ok(records);
        };
        query.after = last.id;
        records.extend(page);
    }
}

fn write(path: &Path, records: &[PlaceholderView]) -> Result<(), Failure> {
    let unwritable = |error: csv::Error| unwritable(path, &error);
    let mut csv = csv::Writer::from_path(path).map_err(unwritable)?;
    let head = [
        "object",
        "to",
        "key",
        "target_id",
        "child_object",
        "child_key",
        "made_at",
        "replaced_at",
    ];
    csv.write_record(head).map_err(unwritable)?;
    for record in records {
        let made_at = record.made_at.map(|at| at.to_rfc3339());
        let replaced_at = record.replaced_at.map(|at| at.to_rfc3339());
        csv.write_record([
            &record.object,
            &record.to,
            &record.key,
            record.target_id.as_deref().unwrap_or_default(),
            &record.child_object,
            &record.child_key,
            made_at.as_deref().unwrap_or_default(),
            replaced_at.as_deref().unwrap_or_default(),
        ])
        .map_err(unwritable)?;
    }
    csv.flush().map_err(|error| unwritable(error.into()))
}

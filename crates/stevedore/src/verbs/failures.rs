//! `failures RUN`: grouped by cause, or every record as CSV.

use std::collections::BTreeSet;
use std::path::Path;

use api::{Client, FailedRecord, FailuresQuery};
use model::Failure;
use serde_json::Value;

use super::Desk;
use super::changes::changes;
use super::placeholders::placeholders;
use crate::args::FailuresArgs;
use crate::embedded::Want;
use crate::exit;
use crate::output::{Output, table};

pub(crate) async fn failures(
    desk: &Desk,
    output: &Output,
    args: FailuresArgs,
) -> Result<u8, Failure> {
    let reached = desk.reach(Want::Look).await?;
    let query = FailuresQuery {
        object: args.object,
        code: args.code,
        ..FailuresQuery::default()
    };
    if args.changed {
        let csv = args.csv.as_deref();
        return changes(&reached.client, output, &args.run, query, csv).await;
    }
    if args.placeholders {
        let csv = args.csv.as_deref();
        return placeholders(&reached.client, output, &args.run, query, csv).await;
    }
    if let Some(path) = &args.csv {
        let records = all(&reached.client, &args.run, query).await?;
        write(path, &records)?;
        let told = serde_json::json!({ "run": args.run, "file": path, "records": records.len() });
        output.print(&told, || {
            format!("{} records written to {}\n", records.len(), path.display())
        });
        return Ok(exit::DONE);
    }
    let failures = reached.client.failures(&args.run, &query).await?;
    output.print(&failures, || {
        if failures.groups.is_empty() {
            return "nothing was rejected, and nothing failed\n".to_owned();
        }
        let rows = failures.groups.iter().map(|group| {
            vec![
                group.object.clone(),
                group.fate.clone(),
                group.code.clone(),
                group.records.to_string(),
                group.example_key.clone(),
                shortened(&group.example_message),
            ]
        });
        table(
            &[
                "object",
                "fate",
                "code",
                "records",
                "for example",
                "message",
            ],
            rows,
        )
    });
    Ok(exit::DONE)
}

/// A message that a terminal's line holds; values in it may have line breaks.
pub(super) fn shortened(message: &str) -> String {
    const LENGTH: usize = 100;
    let line = message.replace(['\r', '\n', '\t'], " ");
    match line.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

async fn all(
    client: &Client,
    run: &str,
    mut query: FailuresQuery,
) -> Result<Vec<FailedRecord>, Failure> {
    let mut records = Vec::new();
    loop {
        let page = client.failures(run, &query).await?.records;
        let Some(last) = page.last() else {
            return Ok(records);
        };
        query.after = last.id;
        records.extend(page);
    }
}

pub(super) fn unwritable(path: &Path, error: &csv::Error) -> Failure {
    Failure::usage(
        "unwritable_file",
        format!("{} can't be written: {error}", path.display()),
    )
}

/// Every column that any record has; a null is an empty cell, as is a column that a record does not have.
fn write(path: &Path, records: &[FailedRecord]) -> Result<(), Failure> {
    let unwritable = |error: csv::Error| unwritable(path, &error);
    let columns: BTreeSet<&String> = records
        .iter()
        .flat_map(|record| record.data.keys())
        .collect();
    let mut csv = csv::Writer::from_path(path).map_err(unwritable)?;
    let head = ["object", "key", "fate", "code", "message", "fields"];
    let header = head
        .iter()
        .copied()
        .chain(columns.iter().map(|column| column.as_str()));
    csv.write_record(header).map_err(unwritable)?;
    for record in records {
        let fields = record.fields.join(" ");
        let known = [
            &record.object,
            &record.key,
            &record.fate,
            &record.code,
            &record.message,
            &fields,
        ];
        let data = columns.iter().map(|column| match record.data.get(*column) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        });
        let row = known.into_iter().cloned().chain(data);
        csv.write_record(row).map_err(unwritable)?;
    }
    csv.flush().map_err(|error| unwritable(error.into()))
}

//! `failures RUN`: grouped by cause, or every record as CSV.

use std::collections::BTreeSet;
use std::path::Path;

use api::{FailedRecord, FailuresQuery};
use model::Failure;
use serde_json::Value;

use super::Desk;
use super::changes::changes;
use super::placeholders::placeholders;
use super::whole_list;
use crate::args::FailuresArgs;
use crate::embedded::Want;
use crate::exit;
use crate::output::{Output, shortened, table};

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
        let client = &reached.client;
        let page = async |query: &FailuresQuery| {
            let page = client.failures(&args.run, query).await;
            page.map(|page| page.records)
        };
        let records = whole_list::all(query, page, |record| record.id).await?;
        write(path, &records)?;
        let named = ("records", "records");
        whole_list::tell(output, &args.run, path, named, records.len());
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

/// Every column that any record has; a null is an empty cell, as is a column that a record does not have.
fn write(path: &Path, records: &[FailedRecord]) -> Result<(), Failure> {
    let columns: BTreeSet<&String> = records
        .iter()
        .flat_map(|record| record.data.keys())
        .collect();
    let head = ["object", "key", "fate", "code", "message", "fields"];
    let header = head
        .iter()
        .copied()
        .chain(columns.iter().map(|column| column.as_str()));
    let rows = records.iter().map(|record| {
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
        known.into_iter().cloned().chain(data).collect::<Vec<_>>()
    });
    whole_list::write(path, header, rows)
}

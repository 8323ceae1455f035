//! `failures RUN --placeholders`: the records that were made in the place of missing parents; by object, or every one as CSV.

use std::path::Path;

use api::{Client, FailuresQuery, PlaceholderView};
use model::Failure;

use super::whole_list;
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
        let page = async |query: &FailuresQuery| {
            let page = client.placeholders(run, query).await;
            page.map(|page| page.records)
        };
        let records = whole_list::all(query, page, |record| record.id).await?;
        write(path, &records)?;
        let named = ("placeholders", "placeholders");
        whole_list::tell(output, run, path, named, records.len());
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

fn write(path: &Path, records: &[PlaceholderView]) -> Result<(), Failure> {
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
    let rows = records.iter().map(|record| {
        let made_at = record.made_at.map(|at| at.to_rfc3339());
        let replaced_at = record.replaced_at.map(|at| at.to_rfc3339());
        [
            record.object.clone(),
            record.to.clone(),
            record.key.clone(),
            record.target_id.clone().unwrap_or_default(),
            record.child_object.clone(),
            record.child_key.clone(),
            made_at.unwrap_or_default(),
            replaced_at.unwrap_or_default(),
        ]
    });
    whole_list::write(path, head, rows)
}

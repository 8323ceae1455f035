//! `failures RUN --changed`: the values that were changed on their way, as the file says; grouped, or every one as CSV.

use std::path::Path;

use api::{ChangedValue, Client, FailuresQuery};
use model::Failure;

use super::whole_list;
use crate::exit;
use crate::output::{Output, shortened, table};

pub(crate) async fn changes(
    client: &Client,
    output: &Output,
    run: &str,
    query: FailuresQuery,
    csv: Option<&Path>,
) -> Result<u8, Failure> {
    if let Some(path) = csv {
        let page = async |query: &FailuresQuery| {
            let page = client.changes(run, query).await;
            page.map(|page| page.values)
        };
        let values = whole_list::all(query, page, |value| value.id).await?;
        write(path, &values)?;
        let named = ("values", "changed values");
        whole_list::tell(output, run, path, named, values.len());
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

/// A null is an empty cell.
fn write(path: &Path, values: &[ChangedValue]) -> Result<(), Failure> {
    let rows = values.iter().map(|value| {
        let was = value.was.as_deref().unwrap_or_default();
        [&value.object, &value.key, &value.field, &value.code, was]
    });
    whole_list::write(path, ["object", "key", "field", "code", "was"], rows)
}

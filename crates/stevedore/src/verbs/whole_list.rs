//! What `failures --csv FILE` does with each of its lists: reads it to its end, writes it as one file, and tells how long it was.

use std::path::Path;

use api::FailuresQuery;
use model::Failure;
use serde_json::json;

use crate::output::Output;

/// A list page by page, until a page is empty. `id` is where the next one goes on.
pub(super) async fn all<T>(
    mut query: FailuresQuery,
    page: impl AsyncFn(&FailuresQuery) -> Result<Vec<T>, Failure>,
    id: impl Fn(&T) -> i64,
) -> Result<Vec<T>, Failure> {
    let mut all = Vec::new();
    loop {
        let page = page(&query).await?;
        let Some(last) = page.last() else {
            return Ok(all);
        };
        query.after = id(last);
        all.extend(page);
    }
}

/// A file of a header and rows.
pub(super) fn write(
    path: &Path,
    header: impl IntoIterator<Item: AsRef<[u8]>>,
    rows: impl IntoIterator<Item: IntoIterator<Item: AsRef<[u8]>>>,
) -> Result<(), Failure> {
    let unwritable = |error: csv::Error| {
        Failure::usage(
            "unwritable_file",
            format!("{} can't be written: {error}", path.display()),
        )
    };
    let mut csv = csv::Writer::from_path(path).map_err(unwritable)?;
    csv.write_record(header).map_err(unwritable)?;
    for row in rows {
        csv.write_record(row).map_err(unwritable)?;
    }
    csv.flush().map_err(|error| unwritable(error.into()))
}

/// How many are in the file: as `named` in the document, in `words` for people.
pub(super) fn tell(
    output: &Output,
    run: &str,
    path: &Path,
    (named, words): (&str, &str),
    written: usize,
) {
    let told = json!({ "run": run, "file": path, named: written });
    output.print(&told, || {
        format!("{written} {words} written to {}\n", path.display())
    });
}

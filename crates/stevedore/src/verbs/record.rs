//! `record RUN OBJECT KEY`: what happened to one record.

use std::fmt::Write as _;

use api::{Passage, RecordQuery, RecordView};
use model::Failure;

use super::Desk;
use crate::args::RecordArgs;
use crate::embedded::Want;
use crate::exit;
use crate::output::{Output, shortened};

pub(crate) async fn record(desk: &Desk, output: &Output, args: RecordArgs) -> Result<u8, Failure> {
    let reached = desk.reach(Want::Look).await?;
    let query = RecordQuery {
        object: args.object,
        key: args.key,
    };
    let record = reached.client.record(&args.run, &query).await?;
    output.print(&record, || described(&record));
    Ok(exit::DONE)
}

fn described(record: &RecordView) -> String {
    let mut text = format!("{} {} in run {}\n", record.object, record.key, record.run);
    for passage in &record.passages {
        describe(&mut text, passage);
    }
    text
}

fn describe(text: &mut String, passage: &Passage) {
    // Writing into a string does not fail.
    let _ = write!(text, "  {}", passage.fate);
    if let Some(id) = &passage.target_id {
        let _ = write!(text, " as {id}");
    }
    if let Some(at) = passage.at {
        let _ = write!(text, ", {}", at.format("%Y-%m-%d %H:%M:%S UTC"));
    }
    let _ = write!(
        text,
        ", chunk {} attempt {}",
        passage.chunk, passage.attempt
    );
    if let Some(job) = &passage.job {
        let _ = write!(text, ", job {job}");
    }
    text.push('\n');
    if let Some(error) = &passage.error {
        let _ = write!(text, "    {}", error.code);
        if !error.fields.is_empty() {
            let _ = write!(text, " ({})", error.fields.join(", "));
        }
        if let Some(message) = &error.message {
            let _ = write!(text, ": {}", shortened(message));
        }
        text.push('\n');
    }
    for change in &passage.changed {
        let was = change.was.as_deref();
        let was = was.map_or_else(|| "null".to_owned(), shortened);
        let _ = writeln!(
            text,
            "    {} was changed ({}): it was {was}",
            change.field, change.code
        );
    }
}

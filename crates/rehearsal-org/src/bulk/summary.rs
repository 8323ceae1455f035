//! Jobs in short, for people: those of all bulk APIs side by side, and why rows of one failed.

use std::collections::BTreeMap;

use super::job::Jobs;
use super::ledger::RowOutcome;
use super::table::unreadable;
use crate::errors::bulk_text;
use crate::schema::catalogue::Catalogue;

/// One job.
pub(crate) struct Summary {
    pub(crate) number: u64,
    pub(crate) id: String,
    pub(crate) object: String,
    pub(crate) operation: String,
    pub(crate) state: &'static str,
    pub(crate) ended: bool,
    /// Rows that were uploaded, or that matched; known once they were read.
    pub(crate) rows: Option<usize>,
    pub(crate) processed: usize,
    pub(crate) failed: usize,
    pub(crate) created: i64,
    pub(crate) error: Option<String>,
}

/// Rows that failed for the same reason.
pub(crate) struct Cause {
    pub(crate) code: String,
    pub(crate) rows: usize,
    /// What the first of them was told besides.
    pub(crate) example: String,
}

/// All jobs, newest first.
pub(crate) fn newest_first(jobs: &Jobs, catalogue: &Catalogue) -> Vec<Summary> {
    let ingest = jobs.after(0, usize::MAX).into_iter().map(|job| {
        let progress = job.progress();
        Summary {
            number: job.number,
            id: job.id.clone(),
            object: catalogue.at(job.spec.object).name.clone(),
            operation: job.spec.operation_name.to_owned(),
            state: progress.state.name(),
            ended: progress.state.is_end(),
            rows: progress.table.as_ref().map(|table| table.len()),
            processed: progress.processed,
            failed: progress.failed,
            created: job.created,
            error: progress.error.clone(),
        }
    });
    let mut all: Vec<Summary> = ingest
        .chain(super::query::summaries(&jobs.queries))
        .chain(super::classic::summaries(&jobs.classic))
        .collect();
    all.sort_by_key(|job| std::cmp::Reverse(job.number));
    all
}

/// Why rows of a job failed, the most frequent first.
pub(crate) fn causes(jobs: &Jobs, id: &str) -> Vec<Cause> {
    let mut by_code: BTreeMap<String, (usize, String)> = BTreeMap::new();
    let mut count = |text: &str| {
        let (code, told) = text.split_once(':').unwrap_or((text, ""));
        match by_code.get_mut(code) {
            Some((rows, _)) => *rows += 1,
            None => {
                by_code.insert(code.to_owned(), (1, told.to_owned()));
            }
        }
    };
    super::classic::outcomes(&jobs.classic, id, &mut |outcome| {
        if let Err(errors) = outcome {
            count(&bulk_text(errors));
        }
    });
    let found = jobs.find(id).map(|job| {
        let progress = job.progress();
        (progress.table.clone(), progress.failed)
    });
    if let Some((Some(table), 1..)) = found {
        let counted = table.each_outcome(&mut |outcome| {
            if let RowOutcome::Failed(text) = outcome {
                count(text);
            }
        });
        if let Err(error) = counted {
            unreadable(error);
        }
    }
    let each = by_code.into_iter().map(|(code, (rows, example))| Cause {
        code,
        rows,
        example,
    });
    let mut all: Vec<Cause> = each.collect();
    all.sort_by_key(|cause| std::cmp::Reverse(cause.rows));
    all
}

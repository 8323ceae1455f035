//! Query jobs in short, for people.

use super::job::QueryJobs;
use crate::bulk::summary::Summary;

pub(crate) fn summaries(jobs: &QueryJobs) -> Vec<Summary> {
    let each = jobs.after(0, usize::MAX).into_iter().map(|job| {
        let progress = job.progress();
        let rows = progress.matched.as_ref().map(|matched| matched.ids.len());
        Summary {
            number: job.number,
            id: job.id.clone(),
            object: job.spec.object.clone(),
            operation: if job.spec.deleted {
                "queryAll"
            } else {
                "query"
            }
            .to_owned(),
            state: progress.state.name(),
            ended: progress.state.is_end(),
            rows,
            processed: rows.unwrap_or(0),
            failed: 0,
            created: job.created,
            error: progress.error.clone(),
        }
    });
    each.collect()
}

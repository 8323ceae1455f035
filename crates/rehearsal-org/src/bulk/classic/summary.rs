//! Jobs of Bulk API 1.0 in short, for people: their batches added up.

use super::job::{BatchState, ClassicJobs, JobState};
use crate::bulk::summary::Summary;
use crate::write::Outcome;

pub(crate) fn summaries(jobs: &ClassicJobs) -> Vec<Summary> {
    let each = jobs.all().into_iter().map(|(number, job)| {
        let progress = job.progress();
        let (mut processed, mut failed, mut waiting, mut error) = (0, 0, false, None);
        let mut rows = 0;
        for batch in &progress.batches {
            let batch = batch.progress();
            let (done, wrong) = batch.counts();
            processed += done as usize;
            failed += wrong as usize;
            rows += batch.rows.max(done as usize);
            waiting |= !batch.state.is_end();
            if batch.state == BatchState::Failed {
                error = error.or(batch.message.clone());
            }
        }
        let open = progress.state == JobState::Open;
        Summary {
            number,
            id: job.id.clone(),
            object: job.spec.object.clone(),
            operation: job.spec.operation.clone(),
            state: match (waiting, error.is_some()) {
                (true, _) => "InProgress",
                (false, true) => BatchState::Failed.name(),
                (false, false) => progress.state.name(),
            },
            ended: !waiting && !open,
            rows: Some(rows),
            processed,
            failed,
            created: job.created,
            error,
        }
    });
    each.collect()
}

/// Shows what became of each row of a job; `false` when there is no such job.
pub(crate) fn outcomes(jobs: &ClassicJobs, id: &str, show: &mut dyn FnMut(&Outcome)) -> bool {
    let Some(job) = jobs.find(id) else {
        return false;
    };
    for batch in &job.progress().batches {
        batch.progress().outcomes.iter().for_each(&mut *show);
    }
    true
}

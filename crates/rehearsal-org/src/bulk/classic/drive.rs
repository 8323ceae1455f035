//! Works through a batch in the background: states at the org's pace, rows in chunks of 200, or the query.

use std::sync::Arc;
use std::time::Instant;

use super::content::Rows;
use super::job::{Batch, BatchState, ClassicJob, Kind, Matched};
use crate::bulk::process::wait_while_held;
use crate::bulk::spec::Spec;
use crate::bulk::table::unreadable;
use crate::ids::RecordId;
use crate::org::Org;
use crate::rest::packed::Packed;
use crate::soql::extract::extract;
use crate::write::{CHUNK, Outcome};

const UNEXPECTED: &str = "Unknown : An unexpected error occurred";

/// Brings a batch from `Queued` to its end.
pub(super) async fn drive(org: Arc<Org>, job: Arc<ClassicJob>, batch: Arc<Batch>) {
    let _turn = if job.spec.serial {
        Some(job.turn.lock().await)
    } else {
        None
    };
    tokio::time::sleep(org.pace().queued).await;
    if !batch.enter(BatchState::InProgress, None) {
        return;
    }
    let end = match &job.spec.kind {
        Kind::Ingest(spec) => ingest(&org, &job, spec, &batch).await,
        Kind::Query { deleted } => query(&org, &job, &batch, *deleted).await,
    };
    org.faults.release_parents(batch.holder());
    let (state, message) = match end {
        Ok(state) => (state, None),
        Err(message) => (BatchState::Failed, Some(message)),
    };
    tokio::time::sleep(org.pace().finishing).await;
    batch.enter(state, message);
}

async fn ingest(
    org: &Arc<Org>,
    job: &Arc<ClassicJob>,
    spec: &Spec,
    batch: &Arc<Batch>,
) -> Result<BatchState, String> {
    let failure = org.faults.take_job_failure();
    let rows = {
        let (spec, content) = (spec.clone(), job.spec.content);
        let batch = Arc::clone(batch);
        org.blocking(move |org| Rows::read(org, &spec, content, &batch.request))
            .await
            .map_err(|_| UNEXPECTED)??
    };
    let rows = Arc::new(rows);
    batch.progress().rows = rows.len();
    org.jobs.count_batches(1);
    let in_progress = || batch.progress().state == BatchState::InProgress;
    let mut from = 0;
    while from < rows.len() {
        wait_while_held(org, &batch.wake, in_progress, from).await;
        if let Some(failure) = failure.as_ref().filter(|f| from >= f.after_rows) {
            return Err(failure.message.clone());
        }
        let to = (from + CHUNK).min(rows.len());
        let started = Instant::now();
        let work = {
            let (rows, spec) = (Arc::clone(&rows), spec.clone());
            let holder = batch.holder();
            org.blocking(move |org| rows.write(org, holder, &spec, from..to))
        };
        let outcomes: Vec<Outcome> = work.await.map_err(|_| UNEXPECTED)??;
        {
            let mut progress = batch.progress();
            progress.outcomes.extend(outcomes);
            progress.busy += started.elapsed();
        }
        from = to;
        let pause = org.pace().per_chunk;
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
    if let Some(failure) = failure {
        return Err(failure.message);
    }
    wait_while_held(org, &batch.wake, in_progress, rows.len()).await;
    Ok(BatchState::Completed)
}

async fn query(
    org: &Arc<Org>,
    job: &Arc<ClassicJob>,
    batch: &Arc<Batch>,
    deleted: bool,
) -> Result<BatchState, String> {
    let failure = org.faults.take_job_failure();
    let in_progress = || batch.progress().state == BatchState::InProgress;
    wait_while_held(org, &batch.wake, in_progress, 0).await;
    if let Some(failure) = failure {
        return Err(failure.message);
    }
    let text = String::from_utf8(batch.request.whole().map_err(unreadable)?)
        .map_err(|_| "InvalidBatch : The query is not UTF-8".to_owned())?;
    let started = Instant::now();
    let found = org
        .blocking(move |org| {
            let found = extract(&org.catalogue, &org.read(), &text, deleted)
                .map_err(|refusal| refusal.to_state_message(&text))?;
            org.still_sound().map(|()| found)
        })
        .await
        .map_err(|_| UNEXPECTED)??;
    org.jobs.count_batches(1);
    let matched = |ids: &[RecordId]| Matched {
        ids: Packed::new(ids),
        columns: found.columns.clone(),
        shape: Arc::clone(&found.shape),
    };
    let Some(size) = job.spec.chunk_size else {
        let rows = found.ids.len();
        {
            let mut progress = batch.progress();
            progress.busy = started.elapsed();
            progress.matched = Some(Arc::new(matched(&found.ids)));
        }
        wait_while_held(org, &batch.wake, in_progress, rows).await;
        return Ok(BatchState::Completed);
    };
    // Cut by ids: each part is a batch of its own, and the one that was sent has nothing left to do.
    let mut ids = found.ids.clone();
    ids.sort_unstable();
    for part in ids.chunks(size) {
        let next = org.jobs.classic.batch(Arc::clone(&batch.request));
        next.progress().matched = Some(Arc::new(matched(part)));
        next.enter(BatchState::Completed, None);
        job.progress().batches.push(next);
    }
    Ok(BatchState::NotProcessed)
}

//! Runs a query job in the background: states at the org's pace, all matching ids taken at one moment.

use std::sync::Arc;
use std::time::Instant;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;

use super::job::{Matched, QueryJob};
use crate::bulk::job::State;
use crate::bulk::process::wait_while_held;
use crate::ids::RecordId;
use crate::org::Org;
use crate::rest::packed::Packed;
use crate::soql::extract::extract;

/// Records that stay next to each other in results without an order.
const BLOCK: usize = 200;

/// Brings a job from `UploadComplete` to its end.
pub(super) async fn drive(org: Arc<Org>, job: Arc<QueryJob>) {
    tokio::time::sleep(org.pace().queued).await;
    if !job.enter(State::InProgress) {
        return;
    }
    let failure = org.faults.take_job_failure();
    let in_progress = || job.state() == State::InProgress;
    wait_while_held(&org, &job.wake, in_progress, 0).await;
    if let Some(failure) = failure {
        return fail(&job, failure.message);
    }
    let started = Instant::now();
    let work = {
        let job = Arc::clone(&job);
        org.blocking(move |org| matched(org, &job))
    };
    let matched = match work.await {
        Ok(Ok(matched)) => matched,
        Ok(Err(message)) => return fail(&job, message),
        Err(_) => return fail(&job, "Unknown : An unexpected error occurred".to_owned()),
    };
    let rows = matched.ids.len();
    {
        let mut progress = job.progress();
        progress.matched = Some(Arc::new(matched));
        progress.busy = started.elapsed();
    }
    wait_while_held(&org, &job.wake, in_progress, rows).await;
    tokio::time::sleep(org.pace().finishing).await;
    job.enter(State::JobComplete);
}

fn matched(org: &Org, job: &QueryJob) -> Result<Matched, String> {
    let spec = &job.spec;
    let found = extract(&org.catalogue, &org.read(), &spec.query, spec.deleted);
    let mut found = found.map_err(|refusal| refusal.to_state_message(&spec.query))?;
    org.still_sound()?;
    if !found.ordered {
        let seed = org.seed ^ job.number.rotate_left(32);
        found.ids = shuffled(found.ids, &mut StdRng::seed_from_u64(seed));
    }
    Ok(Matched {
        ids: Packed::new(&found.ids),
        columns: found.columns,
    })
}

/// The platform reads large objects in chunks that end in any order; nobody may lean on one.
fn shuffled(ids: Vec<RecordId>, random: &mut StdRng) -> Vec<RecordId> {
    let mut blocks: Vec<&[RecordId]> = ids.chunks(BLOCK).collect();
    blocks.shuffle(random);
    blocks.concat()
}

fn fail(job: &QueryJob, message: String) {
    if job.enter(State::Failed) {
        job.progress().error = Some(message);
    }
}

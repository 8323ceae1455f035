//! Jobs that nobody holds any more: their loader died, or put them down.

use std::time::Duration;

use connector::JobStatus;
use control::{Job, JobState};
use model::Failure;

use super::follow::Rest;
use super::manifest::Manifest;
use super::{Desk, jobs_of};

/// How often jobs are looked for.
const EVERY: Duration = Duration::from_secs(2);
/// Jobs taken up at one look.
const SOME: u32 = 8;

impl Desk {
    pub(crate) async fn adopt(self) {
        while !self.line.ending.is_cancelled() {
            if let Err(failure) = self.look().await {
                tracing::warn!(%failure, "jobs can't be taken up");
            }
            tokio::select! {
                () = self.line.ending.cancelled() => {}
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    async fn look(&self) -> Result<(), Failure> {
        let (control, holder) = (&self.line.control, &self.line.instance);
        let connection = Some(&*self.connection);
        for job in control
            .adopt_jobs(connection, holder, self.lease(), SOME)
            .await?
        {
            let run = self.line.catalog.run(&job.run).await?;
            if *run.migration.migration != *self.migration || !self.take(&job.id) {
                continue;
            }
            // A run that is halted has its open jobs aborted as well; what they left is sent when it goes on.
            let desk = self.clone();
            self.line.tasks.spawn(async move {
                match desk.settle_start(&job).await {
                    Ok(Some(id)) => desk.follow(&id).await,
                    Ok(None) => desk.put_down(&job.id),
                    Err(failure) => {
                        tracing::warn!(job = job.id, %failure, "could not be taken up");
                        desk.put_down(&job.id);
                    }
                }
            });
        }
        Ok(())
    }

    /// Finds out how far a job came. Returns the id of the job to be followed; none when nothing was written and its chunks are free.
    async fn settle_start(&self, job: &Job) -> Result<Option<String>, Failure> {
        if job.state == JobState::Uploaded {
            return Ok(Some(job.id.clone()));
        }
        let (control, holder) = (&self.line.control, &self.line.instance);
        if let Some(remote) = job.remote_id.as_deref() {
            let target = self.target(&job.run).await?;
            let jobs = jobs_of(target.as_ref())?;
            match jobs.status(remote).await? {
                JobStatus::Open => jobs.abort(remote).await?,
                JobStatus::Unknown => {}
                JobStatus::Running { .. } | JobStatus::Ended { .. } | JobStatus::Contended => {
                    tracing::info!(job = remote, "taken up from another loader");
                    control
                        .set_job_state(&job.id, holder, JobState::Uploaded)
                        .await?;
                    return Ok(Some(job.id.clone()));
                }
            }
        }
        let mut rest = Rest::default();
        for chunk in control.job_chunks(&job.id).await? {
            let manifest = Manifest::decode(&chunk.manifest)?;
            rest.push(chunk, &manifest)?;
        }
        if !rest.body.is_empty() {
            // What it was to send is with it, and so is what another settled before.
            return self.send_rest(job, rest).await.map(Some);
        }
        control.abandon_job(&job.id, holder).await?;
        Ok(None)
    }
}

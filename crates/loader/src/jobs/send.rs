//! Sends a job: stored with its chunks, opened, filled, closed; then its messages are acknowledged.
//! Whatever goes wrong before the close, nothing was written, and the chunks come again.

use connector::{Gate, JobBody};
use control::{JobChunk, JobState, SentBy, StoredJob};
use model::{Failure, FailureKind};

use super::fill::{Batch, Filled, answered};
use super::{Desk, jobs_of};

impl Desk {
    pub(crate) async fn send(&self, mut batch: Batch) {
        let sent_by = match self.choose(&mut batch).await {
            Ok(sent_by) => sent_by,
            Err(failure) => {
                self.heed(&failure);
                return self.give_up(batch.filled, failure).await;
            }
        };
        let Some(job) = self.store(&mut batch, sent_by).await else {
            return;
        };
        let Batch {
            filled: batch,
            body,
            ..
        } = batch;
        let (run, object) = (job.run.clone(), job.object.clone());
        if sent_by == SentBy::Calls {
            tracing::info!(%run, object, job = job.id, chunks = batch.len(), records = job.records, bytes = job.bytes, "stored, to be sent by calls");
            return self.stored_for_all(&job.id, batch).await;
        }
        match self.open_and_close(&job.id, &run, &object, body).await {
            Ok(remote) => {
                tracing::info!(%run, object, job = remote, chunks = batch.len(), records = job.records, bytes = job.bytes, "uploaded");
                self.stored_for_all(&job.id, batch).await;
            }
            Err(Unsent {
                failure,
                free: true,
            }) => {
                self.heed(&failure);
                let (control, holder) = (&self.line.control, &self.line.instance);
                if let Err(error) = control.abandon_job(&job.id, holder).await {
                    tracing::warn!(%error, "a job that came to nothing is left to be taken up");
                }
                self.put_down(&job.id);
                self.give_up(batch, failure).await;
            }
            Err(Unsent {
                failure,
                free: false,
            }) => {
                // The chunks are the job's, and whoever takes it up finds out.
                tracing::warn!(%run, object, job = job.id, %failure, "not known to be closed");
                self.put_down(&job.id);
                self.give_up(batch, Failure::halted()).await;
            }
        }
    }

    /// All that is needed is stored, for any loader: the messages are acknowledged, and the job is followed.
    async fn stored_for_all(&self, job: &str, batch: Vec<Filled>) {
        for filled in batch {
            self.let_go(&filled.delivery.envelope).await;
            answered(filled.delivery.ack().await);
        }
        self.follow(job).await;
    }

    /// Stores the job. Chunks that are another job's, or outdated, are let go; none may be left.
    async fn store(&self, batch: &mut Batch, sent_by: SentBy) -> Option<control::NewJob> {
        loop {
            let filled = &mut batch.filled;
            let first = filled.first()?;
            let records = filled.iter().map(|filled| filled.records).sum();
            let bytes = batch.body.len();
            let (run, object) = (&first.chunk.run, &first.chunk.object);
            let job = self.new_job(run, object, records, bytes, sent_by);
            let chunks: Vec<_> = filled
                .iter_mut()
                .map(|filled| JobChunk {
                    chunk: filled.chunk.chunk,
                    attempt: filled.attempt,
                    manifest: std::mem::take(&mut filled.manifest),
                })
                .collect();
            self.take(&job.id);
            let stored = async {
                let (holder, ttl) = (&self.line.instance, self.lease());
                Ok::<_, Failure>(
                    self.line
                        .control
                        .store_job(&job, &chunks, holder, ttl)
                        .await?,
                )
            };
            match stored.await {
                Ok(StoredJob::Stored) => return Some(job),
                Ok(StoredJob::Conflict { in_jobs, stale }) => {
                    self.put_down(&job.id);
                    let taken = |filled: &Filled| {
                        let number = filled.chunk.chunk;
                        stale.contains(&number) || in_jobs.iter().any(|live| live.chunk == number)
                    };
                    for (filled, chunk) in batch.filled.iter_mut().zip(chunks) {
                        filled.manifest = chunk.manifest;
                    }
                    let kept: Vec<_> = batch.filled.iter().map(|filled| !taken(filled)).collect();
                    batch.body.retain(|place| kept[place]);
                    let (dropped, kept) = std::mem::take(&mut batch.filled)
                        .into_iter()
                        .partition(taken);
                    batch.filled = kept;
                    for filled in dropped {
                        tracing::debug!(chunk = %filled.chunk, "dropped: outdated, or another job's");
                        self.let_go(&filled.delivery.envelope).await;
                        answered(filled.delivery.ack().await);
                    }
                }
                Err(failure) => {
                    self.put_down(&job.id);
                    self.give_up(std::mem::take(&mut batch.filled), failure)
                        .await;
                    return None;
                }
            }
        }
    }

    /// Opens, fills and closes the job in the target, and stores that it is closed.
    pub(crate) async fn open_and_close(
        &self,
        job: &str,
        run: &model::RunId,
        object: &str,
        body: JobBody,
    ) -> Result<String, Unsent> {
        let target = self.target(run).await?;
        let jobs = jobs_of(target.as_ref())?;
        let plan = self.plan(run, object).await?;
        let (control, holder) = (&self.line.control, &self.line.instance);
        let remote = jobs.create(&plan).await?;
        if !control
            .set_job_remote(job, holder, &remote, JobState::Created)
            .await?
        {
            return Err(taken_over().into());
        }
        let closed = async {
            jobs.upload(&plan, &remote, body).await?;
            if !control.renew_job(job, holder, self.lease()).await? {
                return Err(taken_over());
            }
            self.line.kill_switch.gate(run).pass().await?;
            jobs.close(&remote).await
        };
        if let Err(failure) = closed.await {
            // The answer to a close may be lost, so the target is asked before the chunks are freed.
            match self.is_open(jobs, &remote).await {
                Ok(true) => {
                    let free = jobs.abort(&remote).await.is_ok();
                    return Err(Unsent { failure, free });
                }
                Ok(false) => {}
                Err(_) => {
                    return Err(Unsent {
                        failure,
                        free: false,
                    });
                }
            }
        }
        match control.set_job_state(job, holder, JobState::Uploaded).await {
            Ok(true) => Ok(remote),
            Ok(false) => Err(Unsent {
                failure: taken_over(),
                free: false,
            }),
            Err(error) => Err(Unsent {
                failure: error.into(),
                free: false,
            }),
        }
    }

    async fn is_open(&self, jobs: &dyn connector::Jobs, remote: &str) -> Result<bool, Failure> {
        use connector::JobStatus::{Contended, Ended, Open, Running, Unknown};
        Ok(match jobs.status(remote).await? {
            Open | Unknown => true,
            Running { .. } | Ended { .. } | Contended => false,
        })
    }

    async fn give_up(&self, batch: Vec<Filled>, failure: Failure) {
        for filled in batch {
            if failure.kind == FailureKind::Halted {
                self.let_go(&filled.delivery.envelope).await;
                answered(filled.delivery.ack().await);
            } else {
                self.refuse(filled.delivery, failure.clone()).await;
            }
        }
    }
}

/// A job that was not closed, or not for certain.
pub(crate) struct Unsent {
    pub(crate) failure: Failure,
    /// Nothing of it is written, nor will be.
    pub(crate) free: bool,
}

impl<E: Into<Failure>> From<E> for Unsent {
    fn from(error: E) -> Self {
        Self {
            failure: error.into(),
            free: true,
        }
    }
}

pub(crate) fn taken_over() -> Failure {
    Failure::retry("job_taken_over", "another loader has taken the job over")
}

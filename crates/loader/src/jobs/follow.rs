//! Follows a closed job to its end, reads its results, and tells what became of each chunk.
//! Any loader may follow any job: what is needed is stored with it.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use connector::{JobStatus, Jobs, LoadPlan, Sent};
use control::{Job, JobChunk};
use model::migration::Operation;
use model::{Attempt, ChunkNumber, ChunkRef, Envelope, Failure, FailureKind, Kind, Report};
use queue::Queue;

use super::manifest::Manifest;
use super::send::taken_over;
use super::{Desk, jobs_of};

/// The first pause between two looks at a job; it doubles.
const SOON: Duration = Duration::from_millis(200);
/// The longest.
const LATE: Duration = Duration::from_secs(10);

/// One chunk of a job whose results are being read.
pub(crate) struct Part {
    chunk: ChunkNumber,
    attempt: Attempt,
    pub(crate) manifest: Manifest,
}

impl Desk {
    /// Follows a job that this process has in hand. Trouble leaves it to be adopted.
    pub(crate) async fn follow(&self, id: &str) {
        let mut id = id.to_owned();
        if let Err(failure) = self.follow_to_end(&mut id).await {
            tracing::warn!(job = id, %failure, "left to be taken up again");
            if failure.kind == FailureKind::PauseRun {
                self.say_why(&id, failure).await;
            }
        }
        self.put_down(&id);
    }

    /// `id` becomes that of the job for the rest, and of the next.
    async fn follow_to_end(&self, id: &mut String) -> Result<(), Failure> {
        loop {
            let job = self.line.control.job(id).await?;
            let Some(remote) = job.remote_id.clone() else {
                return Err(Failure::bug("a closed job has no id in the target"));
            };
            let target = self.target().await?;
            let jobs = jobs_of(target.as_ref())?;
            let plan = self.plan(&job.run, &job.object).await?;
            let status = self.wait(jobs, &job, &remote).await?;
            let mut parts = self.parts(id).await?;
            if status == JobStatus::Unknown {
                return self.results_gone(&job, &plan, parts).await;
            }
            let left = self.read(jobs, &plan, &job, &remote, &mut parts).await?;
            if left == 0 {
                self.tell(&job, &remote, &parts).await?;
                self.line
                    .control
                    .finish_job(id, &self.line.instance)
                    .await?;
                return Ok(());
            }
            if let JobStatus::Ended {
                reason: Some(reason),
            } = status
                && left as u64 == job.records
            {
                // It came to nothing at all, and would again.
                let failure = Failure::chunk(
                    "job_failed",
                    format!("the target gave the job up: {reason}"),
                )
                .hint("mend the mapping or the target, then `stevedore retry`");
                return self.give_job_up(&job, &parts, failure).await;
            }
            tracing::info!(
                job = remote,
                records = left,
                "sends again what the job did not come to"
            );
            *id = self.send_rest(&job, parts).await?;
        }
    }

    /// Waits for the job's end. When its run is stopped the job is aborted, unless it is to be drained.
    async fn wait(&self, jobs: &dyn Jobs, job: &Job, remote: &str) -> Result<JobStatus, Failure> {
        let mut pause = SOON;
        let mut aborted = false;
        loop {
            match jobs.status(remote).await? {
                JobStatus::Running { .. } | JobStatus::Open => {}
                over @ (JobStatus::Ended { .. } | JobStatus::Unknown) => return Ok(over),
            }
            let switch = &self.line.kill_switch;
            if !aborted && !switch.may_write(&job.run).await? && !switch.drains(&job.run).await? {
                tracing::info!(job = remote, "aborts the job in the target");
                jobs.abort(remote).await?;
                aborted = true;
                pause = SOON;
            }
            if !self.hold(&job.id).await? {
                return Err(taken_over());
            }
            tokio::select! {
                () = self.line.ending.cancelled() => {
                    return Err(Failure::halted());
                }
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(LATE);
        }
    }

    async fn hold(&self, job: &str) -> Result<bool, Failure> {
        let (control, holder) = (&self.line.control, &self.line.instance);
        Ok(control.renew_job(job, holder, self.lease()).await?)
    }

    pub(crate) async fn parts(&self, job: &str) -> Result<Vec<Part>, Failure> {
        let chunks = self.line.control.job_chunks(job).await?;
        chunks
            .into_iter()
            .map(|chunk| {
                Ok(Part {
                    chunk: chunk.chunk,
                    attempt: chunk.attempt,
                    manifest: Manifest::decode(&chunk.manifest)?,
                })
            })
            .collect()
    }

    /// Reads the results and settles every record that they settle. Returns how many the job did not come to; they are encoded to be
    /// sent again.
    async fn read(
        &self,
        jobs: &dyn Jobs,
        plan: &LoadPlan,
        job: &Job,
        remote: &str,
        parts: &mut [Part],
    ) -> Result<usize, Failure> {
        let mut results: HashMap<String, Vec<Sent>> = HashMap::new();
        let mut each = |sent: Sent| results.entry(sent.key.clone()).or_default().push(sent);
        jobs.results(plan, remote, job.records, &mut each).await?;
        let mut left = 0;
        for part in parts {
            let rest = part.manifest.settle(&mut results);
            left += rest.len();
            part.manifest.rest = match rest.as_slice() {
                [] => None,
                rest => Some(jobs.encode_again(plan, rest)?),
            };
        }
        Ok(left)
    }

    /// Puts a job for the rest in the place of one whose results are read, or of one that was not closed, and sends it. When that fails
    /// the new job is left to be taken up: it alone knows what is settled already.
    pub(crate) async fn send_rest(&self, job: &Job, parts: Vec<Part>) -> Result<String, Failure> {
        if !self.line.kill_switch.may_write(&job.run).await? {
            return Err(Failure::halted());
        }
        let bodies: Vec<Bytes> = parts
            .iter()
            .filter_map(|part| part.manifest.rest.clone())
            .collect();
        let records = parts
            .iter()
            .map(|part| part.manifest.rows.len() as u64)
            .sum();
        let bytes = bodies.iter().map(|body| body.len() as u64).sum();
        let new = self.new_job(&job.run, &job.object, records, bytes);
        let chunks = parts
            .iter()
            .map(|part| {
                Ok(JobChunk {
                    chunk: part.chunk,
                    attempt: part.attempt,
                    manifest: part.manifest.encode()?,
                })
            })
            .collect::<Result<Vec<_>, Failure>>()?;
        self.take(&new.id);
        let (control, holder) = (&self.line.control, &self.line.instance);
        let sent = async {
            if !control
                .replace_job(&job.id, holder, &new, &chunks, self.lease())
                .await?
            {
                return Err(taken_over());
            }
            let sent = self
                .open_and_close(&new.id, &job.run, &job.object, bodies)
                .await;
            sent.map_err(|unsent| unsent.failure)
        };
        let sent = sent.await;
        self.put_down(&job.id);
        match sent {
            Ok(_) => Ok(new.id),
            Err(failure) => {
                self.put_down(&new.id);
                Err(failure)
            }
        }
    }

    /// Tells the auditor what became of each chunk.
    async fn tell(&self, job: &Job, remote: &str, parts: &[Part]) -> Result<(), Failure> {
        for part in parts {
            let mut outcome = part.manifest.settled.clone();
            outcome.job = Some(remote.to_owned());
            let chunk = self.chunk(job, part);
            let outcome = Envelope::new(Kind::Outcome, chunk, part.attempt, outcome.encode()?);
            self.line.broker.publish(&Queue::Audit, outcome).await?;
        }
        Ok(())
    }

    fn chunk(&self, job: &Job, part: &Part) -> ChunkRef {
        ChunkRef {
            run: job.run.clone(),
            object: job.object.clone(),
            chunk: part.chunk,
        }
    }

    /// The target has forgotten the job. What is found by its key can be sent again; an insert can't be told from a second one.
    async fn results_gone(
        &self,
        job: &Job,
        plan: &LoadPlan,
        parts: Vec<Part>,
    ) -> Result<(), Failure> {
        let failure = if plan.operation == Operation::Insert {
            Failure::chunk(
                "results_gone",
                "the target keeps the job's results no longer, so what it wrote is not known",
            )
            .hint("compare the target by its key field, then retry what is missing")
        } else {
            Failure::retry(
                "results_gone",
                "the target keeps the job's results no longer: its records are sent again",
            )
        };
        self.give_job_up(job, &parts, failure).await
    }

    /// Refuses the chunks of a job that is over without having settled them, and frees them.
    async fn give_job_up(
        &self,
        job: &Job,
        parts: &[Part],
        failure: Failure,
    ) -> Result<(), Failure> {
        let report = Report::Refused { failure };
        for part in parts {
            let envelope =
                Envelope::json(Kind::Report, self.chunk(job, part), part.attempt, &report)?;
            self.line.broker.publish(&Queue::Reports, envelope).await?;
        }
        self.line
            .control
            .abandon_job(&job.id, &self.line.instance)
            .await?;
        Ok(())
    }

    /// A job that can't be followed for a lasting reason pauses its run, by way of one of its chunks.
    async fn say_why(&self, id: &str, failure: Failure) {
        let said = async {
            let job = self.line.control.job(id).await?;
            let Some(part) = self.parts(id).await?.into_iter().next() else {
                return Ok(());
            };
            let report = Report::NotReconciled { failure };
            let report =
                Envelope::json(Kind::Report, self.chunk(&job, &part), part.attempt, &report)?;
            self.line.broker.publish(&Queue::Reports, report).await?;
            Ok::<_, Failure>(())
        };
        if let Err(failure) = said.await {
            tracing::warn!(job = id, %failure, "could not be told");
        }
    }
}

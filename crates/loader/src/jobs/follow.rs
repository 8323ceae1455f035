//! Follows a closed job to its end, reads its results, and tells what became of each chunk.
//! Any loader may follow any job: what is needed is stored with it.

use std::time::Duration;

use connector::{JobBody, JobStatus, Jobs, LoadPlan};
use control::{Job, JobChunk, LoweredBy, SentBy};
use model::migration::Operation;
use model::{ChunkNumber, ChunkRef, Envelope, Failure, FailureKind, Kind, Report};
use queue::Queue;
use tokio::sync::SemaphorePermit;
use tokio::time::Instant;

use super::calls::look_first_again;
use super::manifest::Manifest;
use super::reading::{Part, Reading};
use super::send::taken_over;
use super::{CALM, Desk, jobs_of, small_sets_of};

/// The shortest pause between two looks at a job, each of which is a call that somebody pays for.
const SOON: Duration = Duration::from_millis(100);
/// The longest.
const LATE: Duration = Duration::from_secs(60);
/// No target writes as many records in a second.
const SWIFT: u64 = 200_000;
/// How often the kill switch and the lease are looked to meanwhile.
const LOOK: Duration = Duration::from_millis(500);

/// What is left of a job's chunks: their manifests, and the rows that are to be sent again.
#[derive(Default)]
pub(crate) struct Rest {
    pub(crate) chunks: Vec<JobChunk>,
    pub(crate) body: JobBody,
    pub(crate) records: u64,
}

impl Rest {
    fn of(parts: impl Iterator<Item = Result<Part, Failure>>) -> Result<Self, Failure> {
        let mut rest = Self::default();
        for part in parts {
            let part = part?;
            let chunk = JobChunk {
                chunk: part.chunk,
                attempt: part.attempt,
                manifest: part.manifest.encode()?,
            };
            rest.push(chunk, &part.manifest)?;
        }
        Ok(rest)
    }

    pub(crate) fn push(&mut self, chunk: JobChunk, manifest: &Manifest) -> Result<(), Failure> {
        self.chunks.push(chunk);
        if let Some(rows) = &manifest.rest {
            self.body.push(rows)?;
            self.records += manifest.rows.len() as u64;
        }
        Ok(())
    }
}

/// A job that is over.
struct Ended<'a> {
    /// What became of its records.
    reading: Reading,
    /// Why the target gave it up, where it did.
    reason: Option<String>,
    /// The results of one job at a time are in memory.
    turn: Option<SemaphorePermit<'a>>,
}

impl Desk {
    /// Follows a job that this process has in hand. Trouble leaves it to be adopted.
    pub(crate) async fn follow(&self, id: &str) {
        let mut id = id.to_owned();
        if let Err(failure) = self.follow_to_end(&mut id).await {
            tracing::warn!(job = id, %failure, "left to be taken up again");
            self.heed(&failure);
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
            let target = self.target(&job.run).await?;
            let jobs = jobs_of(target.as_ref())?;
            let plan = self.plan(&job.run, &job.object).await?;
            let ended = match job.sent_by {
                SentBy::Job => self.results(jobs, &plan, &job).await?,
                SentBy::Calls => self.answers(jobs, &plan, &job).await?,
            };
            let Some(Ended {
                mut reading,
                reason,
                turn,
            }) = ended
            else {
                return Ok(());
            };
            self.stand_in(&job, jobs, &plan, &mut reading).await?;
            let (unprocessed, contended) = (reading.unprocessed(), reading.contended());
            let orphans = reading.orphans();
            if unprocessed + contended + orphans == 0 {
                self.tell(&job, reading.settled(jobs, &plan)).await?;
                self.line
                    .control
                    .finish_job(id, &self.line.instance)
                    .await?;
                self.room.widen();
                return Ok(());
            }
            if let Some(reason) = reason
                && unprocessed as u64 == job.records
            {
                // It came to nothing at all, and would again.
                let failure = Failure::chunk(
                    "job_failed",
                    format!("the target gave the job up: {reason}"),
                )
                .hint("mend the mapping or the target, then `stevedore retry`");
                let chunks = self.line.control.job_chunks(id).await?;
                return self.give_job_up(&job, &chunks, failure).await;
            }
            tracing::info!(
                job = job.remote_id.as_deref().unwrap_or(&job.id),
                unprocessed,
                contended,
                orphans,
                "sends again what the job did not come to, others held, or had no parent"
            );
            drop(turn);
            if contended > 0 {
                self.room.narrow(LoweredBy::Locks);
                let doublings = reading.rounds().saturating_sub(1).min(8);
                self.hold_for(&job, CALM * 2u32.pow(doublings), false)
                    .await?;
            }
            let rest = Rest::of(reading.settled(jobs, &plan))?;
            *id = self.send_rest(&job, rest).await?;
        }
    }

    /// What became of the records of a job of the target's own, and why it gave it up. None where its results are gone, and the job is given up.
    async fn results(
        &self,
        jobs: &dyn Jobs,
        plan: &LoadPlan,
        job: &Job,
    ) -> Result<Option<Ended<'_>>, Failure> {
        let Some(remote) = job.remote_id.as_deref() else {
            return Err(Failure::bug("a closed job has no id in the target"));
        };
        let status = self.wait(jobs, job, remote).await?;
        let turn = self.turn_to_read(job).await?;
        let chunks = self.line.control.job_chunks(&job.id).await?;
        if status == JobStatus::Unknown {
            self.results_gone(job, plan, &chunks).await?;
            return Ok(None);
        }
        let mut reading = Reading::of(chunks, status == JobStatus::Contended)?;
        let mut each = |sent| reading.note(sent);
        jobs.results(plan, remote, job.records, &mut each).await?;
        let reason = match status {
            JobStatus::Ended { reason } => reason,
            _ => None,
        };
        Ok(Some(Ended {
            reading,
            reason,
            turn: Some(turn),
        }))
    }

    /// The same of a job that is sent by calls, which is done here. None where the target refused a call as a whole, and the job is given up.
    async fn answers(
        &self,
        jobs: &dyn Jobs,
        plan: &LoadPlan,
        job: &Job,
    ) -> Result<Option<Ended<'_>>, Failure> {
        let chunks = self.line.control.job_chunks(&job.id).await?;
        let mut reading = Reading::of(chunks, false)?;
        let small = small_sets_of(jobs)?;
        match self.write_by_calls(small, plan, job, &mut reading).await {
            Ok(()) => Ok(Some(Ended {
                reading,
                reason: None,
                turn: None,
            })),
            Err(failure) if is_passing(&failure) => Err(failure),
            Err(failure) => {
                let chunks = self.line.control.job_chunks(&job.id).await?;
                self.give_job_up(job, &chunks, failure).await?;
                Ok(None)
            }
        }
    }

    /// Waits for the job's end. When its run is stopped the job is aborted, unless it is to be drained.
    async fn wait(&self, jobs: &dyn Jobs, job: &Job, remote: &str) -> Result<JobStatus, Failure> {
        let begun = Instant::now();
        let mut aborted = false;
        let mut next = first_pause(job.records);
        loop {
            if self.hold_for(job, next, !aborted).await? {
                tracing::info!(job = remote, "aborts the job in the target");
                jobs.abort(remote).await?;
                aborted = true;
            }
            let processed = match jobs.status(remote).await? {
                JobStatus::Running { processed } => processed,
                JobStatus::Open => 0,
                over @ (JobStatus::Ended { .. } | JobStatus::Contended | JobStatus::Unknown) => {
                    return Ok(over);
                }
            };
            next = match aborted {
                true => SOON,
                false => pause(begun.elapsed(), processed, job.records),
            };
        }
    }

    /// Waits until no other job's results are read.
    async fn turn_to_read(&self, job: &Job) -> Result<SemaphorePermit<'_>, Failure> {
        loop {
            let turn = tokio::time::timeout(LOOK, self.reading.acquire()).await;
            match turn {
                Ok(Ok(turn)) => return Ok(turn),
                Ok(Err(_)) => return Err(Failure::halted()),
                Err(_) if self.line.ending.is_cancelled() => return Err(Failure::halted()),
                Err(_) => {
                    if !self.hold(&job.id).await? {
                        return Err(taken_over());
                    }
                }
            }
        }
    }

    /// Holds a job without asking for it. True, and at once, when its run is stopped and not to be drained, if that is heeded.
    pub(super) async fn hold_for(
        &self,
        job: &Job,
        long: Duration,
        heed: bool,
    ) -> Result<bool, Failure> {
        let until = Instant::now() + long;
        let switch = &self.line.kill_switch;
        loop {
            if !self.hold(&job.id).await? {
                return Err(taken_over());
            }
            if heed && !switch.may_write(&job.run).await? && !switch.drains(&job.run).await? {
                return Ok(true);
            }
            if until <= Instant::now() {
                return Ok(false);
            }
            let next = until.min(Instant::now() + LOOK);
            tokio::select! {
                () = self.line.ending.cancelled() => return Err(Failure::halted()),
                () = tokio::time::sleep_until(next) => {}
            }
        }
    }

    async fn hold(&self, job: &str) -> Result<bool, Failure> {
        let (control, holder) = (&self.line.control, &self.line.instance);
        Ok(control.renew_job(job, holder, self.lease()).await?)
    }

    /// Puts a job for the rest in the place of one whose results are read, or of one that was not closed, and sends it. When that fails
    /// the new job is left to be taken up: it alone knows what is settled already.
    pub(crate) async fn send_rest(&self, job: &Job, rest: Rest) -> Result<String, Failure> {
        if !self.line.kill_switch.may_write(&job.run).await? {
            return Err(Failure::halted());
        }
        let target = self.target(&job.run).await?;
        let jobs = jobs_of(target.as_ref())?;
        let plan = self.plan(&job.run, &job.object).await?;
        let (records, bytes) = (rest.records, rest.body.len());
        let mut rest = rest;
        let sent_by = match jobs.small_sets() {
            Some(small) if small.is_small(&plan, records, bytes) => {
                look_first_again(small, &plan, &mut rest.chunks).await?;
                SentBy::Calls
            }
            _ => SentBy::Job,
        };
        let new = self.new_job(&job.run, &job.object, records, bytes, sent_by);
        self.take(&new.id);
        let (control, holder) = (&self.line.control, &self.line.instance);
        let sent = async {
            if !control
                .replace_job(&job.id, holder, &new, &rest.chunks, self.lease())
                .await?
            {
                return Err(taken_over());
            }
            if sent_by == SentBy::Calls {
                return Ok(new.id.clone());
            }
            let sent = self
                .open_and_close(&new.id, &job.run, &job.object, rest.body)
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
    async fn tell(
        &self,
        job: &Job,
        parts: impl Iterator<Item = Result<Part, Failure>>,
    ) -> Result<(), Failure> {
        for part in parts {
            let part = part?;
            let mut outcome = part.manifest.settled;
            outcome.job.clone_from(&job.remote_id);
            let chunk = chunk_of(job, part.chunk);
            let outcome = Envelope::new(Kind::Outcome, chunk, part.attempt, outcome.encode()?);
            self.line.broker.publish(&Queue::Audit, outcome).await?;
        }
        Ok(())
    }

    /// The target has forgotten the job. What is found by its key can be sent again; an insert can't be told from a second one.
    async fn results_gone(
        &self,
        job: &Job,
        plan: &LoadPlan,
        chunks: &[JobChunk],
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
        self.give_job_up(job, chunks, failure).await
    }

    /// Refuses the chunks of a job that is over without having settled them, and frees them.
    async fn give_job_up(
        &self,
        job: &Job,
        chunks: &[JobChunk],
        failure: Failure,
    ) -> Result<(), Failure> {
        let report = Report::Refused { failure };
        for part in chunks {
            let chunk = chunk_of(job, part.chunk);
            let envelope = Envelope::json(Kind::Report, chunk, part.attempt, &report)?;
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
            let chunks = self.line.control.job_chunks(id).await?;
            let Some(first) = chunks.first() else {
                return Ok(());
            };
            let report = Report::NotReconciled { failure };
            let chunk = chunk_of(&job, first.chunk);
            let report = Envelope::json(Kind::Report, chunk, first.attempt, &report)?;
            self.line.broker.publish(&Queue::Reports, report).await?;
            Ok::<_, Failure>(())
        };
        if let Err(failure) = said.await {
            tracing::warn!(job = id, %failure, "could not be told");
        }
    }
}

/// Whether the job goes on later; a call that was refused as a whole would be again.
fn is_passing(failure: &Failure) -> bool {
    use FailureKind::{Halted, PauseRun, Retry, RetryAlone};
    matches!(failure.kind, Halted | PauseRun | Retry | RetryAlone)
}

fn chunk_of(job: &Job, chunk: ChunkNumber) -> ChunkRef {
    ChunkRef {
        run: job.run.clone(),
        object: job.object.clone(),
        chunk,
    }
}

/// How long to leave a job alone that was begun just now.
fn first_pause(records: u64) -> Duration {
    Duration::from_micros(records * 1_000_000 / SWIFT).clamp(SOON, LATE)
}

/// How long to leave a job alone that was begun a while ago: until its end by the pace that it has shown, or for as long again where it has shown none. Never
/// more than twice of that, since what it shows in its first moments is no pace yet; nor less than a sixteenth, by which it may be found late.
fn pause(taken: Duration, processed: u64, records: u64) -> Duration {
    let pause = if processed == 0 {
        taken
    } else {
        let share = records.saturating_sub(processed) as f64 / processed as f64;
        taken.mul_f64(share.min(2.0))
    };
    let least = (taken / 16).clamp(SOON, LATE);
    pause.clamp(least, LATE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_looked_at_when_it_should_have_ended() {
        let seconds = Duration::from_secs;
        assert_eq!(first_pause(150), SOON);
        assert_eq!(first_pause(500_000), seconds(5) / 2);
        assert_eq!(pause(seconds(4), 0, 100), seconds(4));
        assert_eq!(pause(seconds(4), 50, 100), seconds(4));
        assert_eq!(pause(seconds(1), 99, 100), SOON);
        assert_eq!(pause(seconds(16), 99, 100), seconds(1));
        assert_eq!(pause(seconds(16), 100, 100), seconds(1));
        assert_eq!(pause(seconds(1), 1, 100_000), seconds(2));
        assert_eq!(pause(seconds(40), 1, 100_000), LATE);
        assert_eq!(pause(seconds(3600), 3599, 3600), LATE);
    }
}

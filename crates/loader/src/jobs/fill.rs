//! Takes chunks from the target's queue and fills jobs with them, towards what one may hold.
//! A job is sent when it is full, when all chunks of its object have come, or when no more come for a while.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use connector::JobBody;
use model::{Attempt, ChunkRef, Envelope, Failure, FailureKind, Kind, Report, RunId};
use queue::{Delivery, Queue};
use record::Payload;
use service::{ChunkSettings, Stage};
use tokio::time::Instant;

use super::manifest::Manifest;
use super::{Desk, jobs_of};

/// Chunks in hand at most, those of jobs that are not closed yet.
const PREFETCH: u16 = 64;
/// How soon after its last chunk it is asked whether a job waits for another.
const SOON: Duration = Duration::from_millis(50);

/// A chunk on its way into a job, its message not acknowledged.
pub(crate) struct Filled {
    pub(crate) chunk: ChunkRef,
    pub(crate) attempt: Attempt,
    /// Encoded: a job's chunks wait for it in memory.
    pub(crate) manifest: Vec<u8>,
    pub(crate) records: u64,
    pub(crate) delivery: Delivery,
}

/// Chunks of one object that will be one job, and their rows, a part for each.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) filled: Vec<Filled>,
    pub(crate) body: JobBody,
}

impl Desk {
    pub(crate) async fn fill(self, queue: Queue) {
        while !self.line.ending.is_cancelled() {
            if let Err(failure) = self.fill_until_broken(&queue).await {
                tracing::warn!(%failure, %queue, "the queue can't be consumed");
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }

    async fn fill_until_broken(&self, queue: &Queue) -> Result<(), Failure> {
        let mut chunks = self.line.broker.consume(queue, PREFETCH).await?;
        let mut batches: HashMap<(RunId, String), Batch> = HashMap::new();
        let linger = self.line.settings.chunks.job_linger();
        let capacity = self.capacity().await?;
        let mut last = Instant::now();
        loop {
            let delivery = tokio::select! {
                () = self.line.ending.cancelled() => return Ok(()),
                delivery = chunks.next() => Some(delivery?),
                () = tokio::time::sleep(SOON), if !batches.is_empty() => None,
            };
            let Some(delivery) = delivery else {
                let is_over = last.elapsed() >= linger;
                for (object, batch) in std::mem::take(&mut batches) {
                    if is_over || !self.may_grow(&object).await {
                        self.send_off(batch).await;
                    } else {
                        batches.insert(object, batch);
                    }
                }
                continue;
            };
            last = Instant::now();
            let Some((filled, rows)) = self.take_chunk(delivery).await else {
                continue;
            };
            let object = (filled.chunk.run.clone(), filled.chunk.object.clone());
            let batch = batches.entry(object).or_default();
            let is_full = batch.body.len() + rows.len() as u64 > capacity as u64;
            if !batch.filled.is_empty()
                && (is_full || batch.filled.len() >= ChunkSettings::OF_A_JOB)
            {
                self.send_off(std::mem::take(batch)).await;
            }
            match batch.body.push(&rows) {
                Ok(()) => batch.filled.push(filled),
                Err(failure) => self.refuse(filled.delivery, failure).await,
            }
        }
    }

    /// Whether a job waits for another chunk of its object; where that is not known, it does.
    async fn may_grow(&self, (run, object): &(RunId, String)) -> bool {
        let more = self.line.control.more_to_load(run, object).await;
        more.unwrap_or_else(|error| {
            tracing::debug!(%run, object, %error, "not known whether more chunks come");
            true
        })
    }

    async fn capacity(&self) -> Result<usize, Failure> {
        let target = self.target().await?;
        let limit = jobs_of(target.as_ref())?.capacity();
        Ok(self.line.settings.chunks.job_capacity(limit))
    }

    /// Sends a batch off as a job, when there is room for one more; until then chunks stay where they are.
    async fn send_off(&self, batch: Batch) {
        let place = self.room.enter().await;
        let desk = self.clone();
        self.line.tasks.spawn(async move {
            desk.send(batch).await;
            drop(place);
        });
    }

    /// Makes a chunk ready for a job. None when it is done with: dropped, refused, or handed back.
    async fn take_chunk(&self, mut delivery: Delivery) -> Option<(Filled, Bytes)> {
        let envelope = &delivery.envelope;
        let (chunk, attempt) = (envelope.chunk.clone(), envelope.attempt);
        let wanted = async {
            Ok::<_, Failure>(
                self.line.kill_switch.may_write(&chunk.run).await?
                    && self
                        .line
                        .leases
                        .take(&chunk, attempt, Stage::Loading)
                        .await?,
            )
        };
        match wanted.await {
            Ok(true) => {}
            Ok(false) => {
                answered(delivery.ack().await);
                return None;
            }
            Err(failure) => {
                tracing::warn!(%chunk, %failure, "handed back to the queue");
                tokio::time::sleep(Duration::from_millis(200)).await;
                answered(delivery.requeue().await);
                return None;
            }
        }
        match self.prepare(envelope).await {
            Ok((manifest, _)) if manifest.rows.len() == 0 => {
                let outcome = manifest.settled.encode();
                let next =
                    outcome.map(|body| Envelope::new(Kind::Outcome, chunk.clone(), attempt, body));
                self.conclude(delivery, Queue::Audit, next).await;
                None
            }
            Ok((manifest, rows)) => match manifest.encode() {
                Ok(encoded) => {
                    // It is acknowledged when its job is closed, which may be fifty chunks later.
                    delivery.park();
                    let filled = Filled {
                        chunk,
                        attempt,
                        manifest: encoded,
                        records: manifest.rows.len() as u64,
                        delivery,
                    };
                    Some((filled, rows))
                }
                Err(failure) => {
                    self.refuse(delivery, failure).await;
                    None
                }
            },
            Err(failure) => {
                self.refuse(delivery, failure).await;
                None
            }
        }
    }

    async fn prepare(&self, envelope: &Envelope) -> Result<(Manifest, Bytes), Failure> {
        let mut payload = Payload::decode(&envelope.body)?;
        let plan = self
            .plan(&envelope.chunk.run, &envelope.chunk.object)
            .await?;
        let target = self.target().await?;
        let jobs = jobs_of(target.as_ref())?;
        let part = match jobs.encode(&plan, &payload.records) {
            Err(failure) if failure.kind == FailureKind::RejectRecord => {
                let unsendable = jobs.unsendable(&plan, &payload.records)?;
                payload = payload.reject(unsendable)?;
                jobs.encode(&plan, &payload.records)?
            }
            part => part?,
        };
        if part.len() > jobs.capacity() {
            return Err(
                Failure::chunk("chunk_too_large", "the chunk is larger than a job may be")
                    .hint("set STEVEDORE__CHUNKS__BYTES lower"),
            );
        }
        let keys = jobs.keys(&plan, &payload.records)?;
        Ok((Manifest::new(payload, keys)?, part))
    }

    /// Reports that a chunk could not be loaded, and lets it go.
    pub(crate) async fn refuse(&self, delivery: Delivery, failure: Failure) {
        let envelope = &delivery.envelope;
        let failure = failure.object(&envelope.chunk.object);
        tracing::warn!(chunk = %envelope.chunk, code = failure.code, %failure, "refused");
        let (chunk, attempt) = (envelope.chunk.clone(), envelope.attempt);
        let report = Envelope::json(Kind::Report, chunk, attempt, &Report::Refused { failure });
        self.conclude(delivery, Queue::Reports, report).await;
    }

    /// Publishes what follows, then acknowledges; without the first the message goes back.
    async fn conclude(&self, delivery: Delivery, queue: Queue, next: Result<Envelope, Failure>) {
        let published = async { Ok::<_, Failure>(self.line.broker.publish(&queue, next?).await?) };
        let published = published.await;
        self.let_go(&delivery.envelope).await;
        answered(match published {
            Ok(()) => delivery.ack().await,
            Err(failure) => {
                tracing::warn!(%failure, "handed back to the queue");
                delivery.requeue().await
            }
        });
    }

    /// Ends the lease on a chunk.
    pub(crate) async fn let_go(&self, envelope: &Envelope) {
        self.line
            .leases
            .release(&envelope.chunk, envelope.attempt, Stage::Loading)
            .await;
    }
}

pub(crate) fn answered(answer: Result<(), queue::Error>) {
    if let Err(error) = answer {
        tracing::debug!(%error, "the broker will deliver the message again");
    }
}

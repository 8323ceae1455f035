//! Takes chunks from the target's queue and fills jobs with them, towards what one may hold.
//! A job is sent when it is full, when all chunks of its object have come, or when no more come for a while; an object's first of several when it is a third
//! full, so that the target has something to do. No chunk is held for so long that the broker would
//! take it away: what may not be sent for some time goes back to the queue, and nothing is taken from there before it may.

use std::collections::{HashMap, HashSet};
use std::iter;
use std::time::Duration;

use bytes::Bytes;
use connector::JobBody;
use model::{Attempt, ChunkRef, Envelope, Failure, FailureKind, Kind, Report, RunId};
use queue::{Delivery, Queue};
use record::Payload;
use service::{ChunkSettings, Stage};
use tokio::time::{Instant, timeout};

use super::manifest::Manifest;
use super::room::Place;
use super::{Desk, jobs_of};

/// Chunks in hand at most, those of jobs that are not closed yet.
const PREFETCH: u16 = 64;
/// How soon after its last chunk it is asked whether a job waits for another.
const SOON: Duration = Duration::from_millis(20);

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
pub(crate) struct Batch {
    pub(crate) filled: Vec<Filled>,
    pub(crate) body: JobBody,
    since: Instant,
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            filled: Vec::new(),
            body: JobBody::default(),
            since: Instant::now(),
        }
    }
}

impl Batch {
    fn has_room(&self, bytes: u64, capacity: u64) -> bool {
        self.filled.is_empty()
            || self.filled.len() < ChunkSettings::OF_A_JOB && self.body.len() + bytes <= capacity
    }

    fn is_a_third_of(&self, capacity: u64) -> bool {
        self.filled.len() * 3 >= ChunkSettings::OF_A_JOB || self.body.len() * 3 >= capacity
    }

    /// Adds a chunk, or gives it back with the reason. One that is in already has been delivered again, as the connection broke over which it came: it stands
    /// for the first.
    fn push(&mut self, filled: Filled, rows: &[u8]) -> Option<(Delivery, Failure)> {
        let same = |held: &Filled| held.chunk == filled.chunk;
        if let Some(place) = self.filled.iter().position(same) {
            self.filled.remove(place);
            self.body.retain(|part| part != place);
        }
        match self.body.push(rows) {
            Ok(()) => {
                self.filled.push(filled);
                None
            }
            Err(failure) => Some((filled.delivery, failure)),
        }
    }
}

/// The batches in hand, by run and object.
#[derive(Default)]
struct Batches {
    open: HashMap<(RunId, String), Batch>,
    /// Objects of which a job was sent, or that are not worth an early one.
    begun: HashSet<(RunId, String)>,
}

impl Desk {
    pub(crate) async fn fill(self, queue: Queue) {
        while !self.line.ending.is_cancelled() {
            tokio::select! {
                () = self.line.ending.cancelled() => return,
                place = self.room.enter() => drop(place),
            }
            if let Err(failure) = self.fill_until_broken(&queue).await {
                tracing::warn!(%failure, %queue, "the queue can't be consumed");
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }

    /// Until the queue can't be consumed, or a batch has waited for room for long: then all that is in hand goes back, and what was sent ahead to us as well.
    async fn fill_until_broken(&self, queue: &Queue) -> Result<(), Failure> {
        let mut chunks = self.line.broker.consume(queue, PREFETCH).await?;
        let mut batches = Batches::default();
        let hold = self.line.settings.chunks.hold();
        // What may still be waited for room, before what was sent ahead to us gets too old.
        let mut patience = hold;
        let mut last = Instant::now();
        loop {
            let delivery = tokio::select! {
                () = self.line.ending.cancelled() => return Ok(()),
                delivery = chunks.next() => Some(delivery?),
                () = tokio::time::sleep(SOON), if !batches.open.is_empty() => None,
            };
            let quiet = delivery.is_none().then(|| last.elapsed());
            let mut full = None;
            if let Some(delivery) = delivery {
                last = Instant::now();
                if let Some((filled, rows)) = self.take_chunk(delivery).await {
                    full = self.put_in(&mut batches, filled, &rows).await;
                }
            } else {
                patience = hold;
            }
            let due = self.due(&mut batches, quiet).await;
            let due: Vec<_> = full.into_iter().chain(due).collect();
            let mut due = due.into_iter();
            while let Some(batch) = due.next() {
                let waits = Instant::now();
                let Ok(place) = timeout(patience, self.room.enter()).await else {
                    tracing::info!(%queue, "no room for one more job: its chunks go back until there is");
                    let all = iter::once(batch)
                        .chain(due)
                        .chain(batches.open.into_values());
                    self.hand_back(all.flat_map(|batch| batch.filled)).await;
                    return Ok(());
                };
                patience = patience.saturating_sub(waits.elapsed());
                self.send_off(batch, place);
            }
        }
    }

    /// Puts a chunk into its object's batch. Returns the one that is to be sent: it was there and the chunk found no room in it, or has enough for a beginning.
    async fn put_in(&self, batches: &mut Batches, filled: Filled, rows: &[u8]) -> Option<Batch> {
        let capacity = match self.capacity(&filled.chunk.run).await {
            Ok(capacity) => capacity as u64,
            Err(failure) => {
                self.refuse(filled.delivery, failure).await;
                return None;
            }
        };
        let object = (filled.chunk.run.clone(), filled.chunk.object.clone());
        let batch = batches.open.entry(object.clone()).or_default();
        let is_full = !batch.has_room(rows.len() as u64, capacity);
        let full = is_full.then(|| std::mem::take(batch));
        if let Some((delivery, failure)) = batch.push(filled, rows) {
            self.refuse(delivery, failure).await;
        }
        if full.is_some() {
            batches.begun.insert(object);
            return full;
        }
        if !batch.is_a_third_of(capacity) || !batches.begun.insert(object.clone()) {
            return None;
        }
        let more = self.more_than_a_job(&object).await;
        more.then(|| batches.open.remove(&object)).flatten()
    }

    /// Whether more of an object waits than one job takes.
    async fn more_than_a_job(&self, (run, object): &(RunId, String)) -> bool {
        let waiting = self.line.control.waiting_chunks(run, object).await;
        waiting.is_ok_and(|waiting| waiting > ChunkSettings::OF_A_JOB as u64)
    }

    /// Takes out the batches that wait for no other chunk, or have waited for too long; `quiet` is for how long none has come.
    async fn due(&self, batches: &mut Batches, quiet: Option<Duration>) -> Vec<Batch> {
        let settings = &self.line.settings.chunks;
        let is_over = quiet.is_some_and(|quiet| quiet >= settings.job_linger());
        let mut due = Vec::new();
        for (object, batch) in std::mem::take(&mut batches.open) {
            if is_over
                || batch.since.elapsed() > settings.hold()
                || (quiet.is_some() && !self.may_grow(&object).await)
            {
                due.push(batch);
            } else {
                batches.open.insert(object, batch);
            }
        }
        due
    }

    async fn hand_back(&self, chunks: impl Iterator<Item = Filled>) {
        for filled in chunks {
            self.let_go(&filled.delivery.envelope).await;
            answered(filled.delivery.requeue().await);
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

    async fn capacity(&self, run: &RunId) -> Result<usize, Failure> {
        let target = self.target(run).await?;
        let limit = jobs_of(target.as_ref())?.capacity();
        Ok(self.line.settings.chunks.job_capacity(limit))
    }

    /// Sends a batch off as a job, which has this place until its end.
    fn send_off(&self, batch: Batch, place: Place) {
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
        let target = self.target(&envelope.chunk.run).await?;
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

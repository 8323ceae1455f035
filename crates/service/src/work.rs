//! Consume, look, handle, publish, acknowledge: the loop of every service that works on chunks.
//! Nothing is acknowledged before what follows it is confirmed; nothing is handled for a run that may not write, or by an outdated attempt.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use model::{Envelope, Failure, FailureKind, Kind, Report};
use queue::{Delivery, Queue};
use tracing::Instrument;

use crate::{Line, Role, Stage, telemetry};

/// Seconds that a message is kept in hand while the control database or the broker can't be reached.
const PATIENCE: u32 = 60;

/// A message and the queue it goes to.
pub type Next = (Queue, Envelope);

/// What one service does with a chunk.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Returns what follows; it is published, and then the message is acknowledged. Called again for a message that is delivered again.
    async fn handle(&self, envelope: &Envelope) -> Result<Vec<Next>, Failure>;
}

/// A handler with its place in the line.
pub struct Worker<H> {
    pub role: Role,
    pub stage: Stage,
    pub queue: Queue,
    /// Whether it works for a run that is paused or stopped: the auditor does, because it only records what has happened.
    pub always: bool,
    pub handler: Arc<H>,
}

impl<H> Clone for Worker<H> {
    fn clone(&self) -> Self {
        Self {
            role: self.role,
            stage: self.stage,
            queue: self.queue.clone(),
            always: self.always,
            handler: self.handler.clone(),
        }
    }
}

/// Works until the process ends. What is in hand then is finished before this returns.
pub async fn work<H: Handler>(line: Line, worker: Worker<H>) -> Result<(), Failure> {
    // As many in hand as are worked on: a message that waits here for its turn would hold no lease.
    let mut consumer = line
        .broker
        .consume(&worker.queue, line.settings.chunks.concurrency)
        .await?;
    loop {
        let delivery = tokio::select! {
            () = line.ending.cancelled() => return Ok(()),
            delivery = consumer.next() => delivery,
        };
        match delivery {
            Ok(delivery) => {
                let (line, worker) = (line.clone(), worker.clone());
                let tasks = line.tasks.clone();
                tasks.spawn(async move { worker.turn(&line, delivery).await });
            }
            Err(error) => {
                tracing::warn!(queue = ?worker.queue, %error, "the queue can't be consumed");
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }
}

impl<H: Handler> Worker<H> {
    async fn turn(&self, line: &Line, delivery: Delivery) {
        let envelope = &delivery.envelope;
        let span = tracing::info_span!(
            "chunk",
            role = self.role.as_str(),
            run = %envelope.chunk.run,
            object = envelope.chunk.object,
            chunk = envelope.chunk.chunk.0,
            attempt = envelope.attempt.0,
        );
        telemetry::continue_trace(&span, envelope.traceparent.as_deref());
        async {
            if delivery.redelivered {
                tracing::info!("delivered again");
            }
            let mut settled = self.settle(line, &delivery.envelope).await;
            // Waited out with the message in hand: put back, it would count towards the delivery limit.
            for _ in 0..PATIENCE {
                let Err(failure) = &settled else { break };
                if line.ending.is_cancelled() {
                    break;
                }
                tracing::warn!(%failure, "not yet");
                tokio::time::sleep(Duration::from_secs(1)).await;
                settled = self.settle(line, &delivery.envelope).await;
            }
            // Unsaid, the message would wait for the connection's end; handed back, another service tries it.
            let answered = match settled {
                Ok(()) => delivery.ack().await,
                Err(failure) => {
                    tracing::warn!(%failure, "handed back to the queue");
                    delivery.requeue().await
                }
            };
            if let Err(error) = answered {
                tracing::debug!(%error, "the broker will deliver the message again");
            }
        }
        .instrument(span)
        .await;
    }

    /// Does what is to be done before the message may be acknowledged. Fails only when the line itself can't be reached.
    async fn settle(&self, line: &Line, envelope: &Envelope) -> Result<(), Failure> {
        let next = self.follow_up(line, envelope).await?;
        match publish(line, next).await {
            // What no broker takes, none will take later: a message too large.
            Err(failure) if failure.kind == FailureKind::FailChunk => {
                publish(line, vec![refusal(envelope, failure)?]).await
            }
            published => published,
        }
    }

    /// What is to be published before the message may be acknowledged. Fails only when the line itself can't be reached.
    async fn follow_up(&self, line: &Line, envelope: &Envelope) -> Result<Vec<Next>, Failure> {
        let (chunk, attempt) = (&envelope.chunk, envelope.attempt);
        if !self.always && !line.kill_switch.may_write(&chunk.run).await? {
            tracing::debug!("dropped: the run is paused or stopped");
            return Ok(Vec::new());
        }
        if !line.leases.take(chunk, attempt, self.stage).await? && !self.always {
            tracing::debug!("dropped: the attempt is outdated");
            return Ok(Vec::new());
        }
        let handled = AssertUnwindSafe(self.handler.handle(envelope))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Err(Failure::bug("a handler panicked; its log has the place")));
        let next = match handled {
            Ok(next) => Ok(next),
            Err(failure) if failure.kind == FailureKind::Halted => {
                tracing::debug!("halted: nothing was written");
                Ok(Vec::new())
            }
            Err(failure) => refusal(envelope, failure).map(|next| vec![next]),
        };
        line.leases.release(chunk, attempt, self.stage).await;
        next
    }
}

fn refusal(envelope: &Envelope, failure: Failure) -> Result<Next, Failure> {
    let failure = failure.object(&envelope.chunk.object);
    tracing::warn!(code = failure.code, %failure, "refused");
    let report = Report::Refused { failure };
    let report = Envelope::json(
        Kind::Report,
        envelope.chunk.clone(),
        envelope.attempt,
        &report,
    )?;
    Ok((Queue::Reports, report))
}

/// Publishes in order, each confirmed before the next.
async fn publish(line: &Line, next: Vec<Next>) -> Result<(), Failure> {
    for (queue, mut envelope) in next {
        envelope.traceparent = telemetry::current_trace();
        line.broker.publish(&queue, envelope).await?;
    }
    Ok(())
}

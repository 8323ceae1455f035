//! Dispatch: pending chunks go to the extractors, within the run's window.

use std::time::Duration;

use control::{Dispatched, Run};
use model::{ChunkCommand, Envelope, Failure, Kind};
use queue::Queue;
use service::Role;

use crate::leader::Reign;

/// A loader that has not reported itself for this long is not counted.
const READY: Duration = Duration::from_secs(10);

impl Reign {
    /// Fills the window. Each dispatch is stored before it is published; one that can't be published is taken back.
    pub(crate) async fn dispatch(&self, run: &Run, objects: &[String]) -> Result<(), Failure> {
        let line = &self.leader.line;
        let loaders = line
            .control
            .ready_services(Role::Loader.as_str(), READY)
            .await?;
        let window = loaders.clamp(1, 1_000) * u64::from(line.settings.chunks.window_per_loader);
        let in_flight = line.control.in_flight(&run.id).await?;
        let free = u32::try_from(window.saturating_sub(in_flight)).unwrap_or(u32::MAX);
        for dispatched in line
            .control
            .dispatch(self.term, &run.id, objects, free)
            .await?
        {
            let (chunk, attempt) = (dispatched.chunk.clone(), dispatched.attempt);
            if let Err(failure) = self.publish(dispatched).await {
                let control = &line.control;
                control
                    .give_back(self.term, &chunk, attempt, Duration::ZERO, Some(&failure))
                    .await?;
                return Err(failure);
            }
        }
        Ok(())
    }

    async fn publish(&self, dispatched: Dispatched) -> Result<(), Failure> {
        let command = ChunkCommand {
            slice: dispatched.slice,
            pass: dispatched.pass,
            ancestors: dispatched.ancestors,
        };
        let envelope = Envelope::json(
            Kind::Extract,
            dispatched.chunk,
            dispatched.attempt,
            &command,
        )?;
        let span = tracing::info_span!(
            "dispatch",
            run = %envelope.chunk.run,
            object = envelope.chunk.object,
            chunk = envelope.chunk.chunk.0,
            attempt = envelope.attempt.0,
        );
        let envelope = span.in_scope(|| Envelope {
            traceparent: service::telemetry::current_trace(),
            ..envelope
        });
        self.leader
            .line
            .broker
            .publish(&Queue::Extract, envelope)
            .await?;
        Ok(())
    }
}

//! Lost chunks: dispatched, in nobody's hands, and in no queue.
//! A chunk that waits in a queue has no lease and is left alone, however long it waits.

use std::time::Duration;

use control::Run;
use model::{Attempt, Failure};
use queue::Queue;
use tokio::time::Instant;

use crate::leader::Reign;

/// A chunk is only suspected when it was dispatched this long ago.
const SUSPECT: Duration = Duration::from_secs(5);
/// And given up for lost when it stays so for this long, every queue being empty at each look.
const LOST: Duration = Duration::from_secs(10);
/// Time between looks.
const EVERY: Duration = Duration::from_secs(2);

impl Reign {
    /// Has lost chunks dispatched again; their next attempt fences whatever turns up after all.
    pub(crate) async fn look_for_lost(&mut self, run: &Run) -> Result<(), Failure> {
        let suspects = self.suspects.entry(run.id.clone()).or_default();
        if suspects
            .looked
            .is_some_and(|looked| looked.elapsed() < EVERY)
        {
            return Ok(());
        }
        suspects.looked = Some(Instant::now());
        let line = &self.leader.line;
        let unleased = line.control.unleased(&run.id, SUSPECT).await?;
        suspects
            .since
            .retain(|suspect, _| unleased.contains(suspect));
        if unleased.is_empty() {
            return Ok(());
        }
        let load = line.catalog.run(&run.id).await?.load_queue();
        for queue in [
            Queue::Extract,
            Queue::Transform,
            load,
            Queue::Audit,
            Queue::Reports,
        ] {
            if line.broker.depth(&queue).await? > 0 {
                // It may be one of those that wait there.
                suspects.since.clear();
                return Ok(());
            }
        }
        for (chunk, attempt) in unleased {
            let since = suspects
                .since
                .entry((chunk.clone(), attempt))
                .or_insert_with(Instant::now);
            if since.elapsed() < LOST {
                continue;
            }
            tracing::warn!(%chunk, %attempt, "lost on the way");
            let why = why(attempt, line.settings.chunks.attempts);
            self.leader.refused(self.term, &chunk, attempt, why).await?;
            suspects.since.remove(&(chunk, attempt));
        }
        Ok(())
    }
}

/// A chunk that is lost again and again ends whatever takes it up, or is taken for something else there: it is given up.
fn why(attempt: Attempt, attempts: i64) -> Failure {
    let message = format!("its message was lost on the way, at attempt {attempt}");
    if attempt.0 < attempts {
        return Failure::retry("lost", message);
    }
    Failure::chunk("lost", message).hint("the broker's dead letters and the services' logs say what becomes of it; then `retry` sends it again")
}

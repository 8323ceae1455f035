//! Bulk jobs of one target: filled, sent, followed, adopted.

mod adopt;
mod calls;
mod fill;
mod follow;
mod manifest;
mod parents;
mod reading;
mod room;
mod send;
mod tell_room;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use connector::{Jobs, LoadPlan, SmallSets, THROTTLED, Target, Writing};
use connectors::Connections;
use control::{LoweredBy, NewJob, SentBy};
use model::migration::Migration;
use model::{Failure, RunId};
use service::Line;

use self::room::Room;

/// Jobs of one loader that are on their way at once, uploads and followings together.
const AT_ONCE: usize = 4;
/// The first pause before records that others held are sent again; it doubles.
const CALM: Duration = Duration::from_millis(500);

/// One loader's work on one target.
#[derive(Clone)]
pub(crate) struct Desk {
    line: Line,
    connections: Connections,
    /// Names alone: where a connection leads, each run's own file says.
    migration: Arc<str>,
    connection: Arc<str>,
    room: Room,
    /// Of whoever reads a job's results: it knows each of its records meanwhile.
    reading: Arc<tokio::sync::Semaphore>,
    /// The jobs that this process is at work on, by our id.
    in_hand: Arc<Mutex<HashSet<String>>>,
}

impl Desk {
    pub(crate) fn new(line: Line, connections: Connections, migration: &Migration) -> Self {
        Self {
            line,
            connections,
            migration: migration.migration.as_str().into(),
            connection: migration.target.as_str().into(),
            room: Room::new(AT_ONCE),
            reading: Arc::new(tokio::sync::Semaphore::new(1)),
            in_hand: Arc::default(),
        }
    }

    async fn target(&self, run: &RunId) -> Result<Arc<dyn Target>, Failure> {
        let run = self.line.catalog.run(run).await?;
        self.connections.target(&run.migration).await
    }

    /// Fewer jobs at once when the target asked to be left alone.
    fn heed(&self, failure: &Failure) {
        if failure.code == THROTTLED {
            self.room.narrow(LoweredBy::Throttling);
        }
    }

    async fn plan(&self, run: &RunId, object: &str) -> Result<LoadPlan, Failure> {
        Ok(self
            .line
            .catalog
            .run(run)
            .await?
            .object(object)?
            .plan
            .clone())
    }

    fn lease(&self) -> Duration {
        self.line.settings.chunks.lease()
    }

    /// Takes a job in hand; false when this process has it already.
    fn take(&self, job: &str) -> bool {
        self.in_hand
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(job.to_owned())
    }

    fn put_down(&self, job: &str) {
        self.in_hand
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(job);
    }

    fn new_job(
        &self,
        run: &RunId,
        object: &str,
        records: u64,
        bytes: u64,
        sent_by: SentBy,
    ) -> NewJob {
        NewJob {
            id: uuid::Uuid::now_v7().to_string(),
            run: run.clone(),
            object: object.to_owned(),
            connection: self.connection.to_string(),
            records,
            bytes,
            sent_by,
        }
    }
}

/// The target's way of writing a few records without a job.
fn small_sets_of(jobs: &dyn Jobs) -> Result<&dyn SmallSets, Failure> {
    jobs.small_sets().ok_or_else(|| {
        Failure::pause(
            "no_small_sets",
            "a job was begun by collections, which the connection's settings do not let us go on with",
        )
        .hint("take `collections: false` out until the run is over; then resume")
    })
}

/// The target's calls for jobs.
fn jobs_of(target: &dyn Target) -> Result<&dyn Jobs, Failure> {
    match target.writing() {
        Writing::Jobs(jobs) => Ok(jobs),
        Writing::Transactions(_) => Err(Failure::bug("the target changed its way of writing")),
    }
}

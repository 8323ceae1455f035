//! Bulk jobs of one target: filled, sent, followed, adopted.

mod adopt;
mod fill;
mod follow;
mod manifest;
mod reading;
mod room;
mod send;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use connector::{Jobs, LoadPlan, Target, Writing};
use connectors::Connections;
use control::NewJob;
use model::migration::Migration;
use model::{Failure, RunId};
use service::Line;

use self::room::Room;

/// Jobs of one loader that are on their way at once, uploads and followings together.
const AT_ONCE: usize = 4;

/// One loader's work on one target.
#[derive(Clone)]
pub(crate) struct Desk {
    line: Line,
    connections: Connections,
    migration: Arc<Migration>,
    room: Room,
    /// Of whoever reads a job's results: it knows each of its records meanwhile.
    reading: Arc<tokio::sync::Semaphore>,
    /// The jobs that this process is at work on, by our id.
    in_hand: Arc<Mutex<HashSet<String>>>,
}

impl Desk {
    pub(crate) fn new(line: Line, connections: Connections, migration: Migration) -> Self {
        Self {
            line,
            connections,
            migration: Arc::new(migration),
            room: Room::new(AT_ONCE),
            reading: Arc::new(tokio::sync::Semaphore::new(1)),
            in_hand: Arc::default(),
        }
    }

    async fn target(&self) -> Result<Arc<dyn Target>, Failure> {
        self.connections.target(&self.migration).await
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

    fn new_job(&self, run: &RunId, object: &str, records: u64, bytes: u64) -> NewJob {
        NewJob {
            id: uuid::Uuid::now_v7().to_string(),
            run: run.clone(),
            object: object.to_owned(),
            connection: self.migration.target.clone(),
            records,
            bytes,
        }
    }
}

/// The target's calls for jobs.
fn jobs_of(target: &dyn Target) -> Result<&dyn Jobs, Failure> {
    match target.writing() {
        Writing::Jobs(jobs) => Ok(jobs),
        Writing::Transactions(_) => Err(Failure::bug("the target changed its way of writing")),
    }
}

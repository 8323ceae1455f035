#![doc = include_str!("../README.md")]

mod audit;
mod automation;
mod changes;
mod chunks;
mod db;
mod dispatch;
mod error;
mod failures;
mod foreseen;
mod id_map;
mod inherit;
mod job;
mod jobs;
mod keys;
mod leadership;
mod leases;
mod objects;
mod picked;
mod placeholders;
mod plan;
mod read_keys;
mod reconciliations;
mod retry;
mod rooms;
mod runs;
mod services;
mod settle;

use std::path::Path;

use model::Secret;

use crate::db::{Db, args};

pub use audit::{AuditEntry, AuditRow, Audited, FailedAttempt, LedgerBlob};
pub use automation::{AutomationItem, NewItem, OpenAutomation, RunAutomation};
pub use changes::{ChangeGroup, Changes, NewChange, StoredChange};
pub use chunks::{Chunk, ChunkCounts, ChunkKind};
pub use dispatch::Dispatched;
pub use error::{Error, Result};
pub use failures::{FailedRecord, FailureGroup, Failures, NewFailedRecord, UnresolvedKey};
pub use id_map::{MapKey, MapScope, NewIds};
pub use job::{Job, JobChunk, JobState, LiveJob, NewJob, SentBy, StoredJob};
pub use keys::DuplicateKey;
pub use leadership::{Leader, Term};
pub use leases::{Lease, TakenLease};
pub use objects::{NewObject, Object};
pub use picked::PickedKey;
pub use placeholders::{Arrived, NewPlaceholder, PlaceholderCount, StoredPlaceholder};
pub use read_keys::KeyRow;
pub use reconciliations::Reconciliation;
pub use retry::RetryChunk;
pub use rooms::{LoweredBy, NewRoom, Room};
pub use runs::{CreatedRun, Desired, NewRun, Run};
pub use services::Service;
pub use settle::Verdict;

/// The control database. Clones share their connections.
#[derive(Clone)]
pub struct Control {
    db: Db,
}

impl Control {
    /// Opens `postgres://…` or `sqlite:///absolute/path` and brings the schema up to date. Any number of services may do so at once.
    pub async fn open(url: &Secret) -> Result<Self> {
        Ok(Self {
            db: Db::open(url).await?,
        })
    }

    /// Opens a SQLite file, whatever characters its path holds. The folder exists.
    pub async fn open_file(path: &Path) -> Result<Self> {
        Ok(Self {
            db: Db::open_file(path).await?,
        })
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        self.db.read("select 1 as one", args![]).await.map(|_| ())
    }

    /// Ends all connections, those in use first being let finish. Later calls fail.
    pub async fn close(&self) {
        self.db.close().await;
    }
}

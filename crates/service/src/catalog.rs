//! Runs as they were pinned when they began: the migration file, and each object as source and target described it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use connector::{LoadPlan, SourceObject};
use control::Control;
use model::migration::Migration;
use model::{Failure, RunId, RunKind, Sample, Scope};
use queue::Queue;
use serde::de::DeserializeOwned;

/// How many runs are remembered; more than one process ever works on at once.
const REMEMBERED: usize = 32;

/// One object of a run.
#[derive(Debug, Clone)]
pub struct PinnedObject {
    pub source: SourceObject,
    /// How it is loaded, the target's own description with it.
    pub plan: LoadPlan,
    pub needs_key_pass: bool,
    /// What that needs of each record; everything where none is named.
    pub key_pass_columns: Vec<String>,
    /// Records in the target before the run wrote anything.
    pub target_before: Option<i64>,
}

/// One run.
#[derive(Debug, Clone)]
pub struct PinnedRun {
    pub id: RunId,
    pub kind: RunKind,
    /// Which records it moves, where it is not all of them.
    pub scope: Option<Scope>,
    /// The sample that it follows on.
    pub follows: Option<RunId>,
    pub migration: Migration,
    pub objects: HashMap<String, PinnedObject>,
    pub scheduler_run_id: Option<String>,
    pub began: DateTime<Utc>,
}

impl PinnedRun {
    pub fn object(&self, name: &str) -> Result<&PinnedObject, Failure> {
        self.objects
            .get(name)
            .ok_or_else(|| Failure::bug(format!("run {} has no object {name}", self.id)))
    }

    /// How many records of an object are picked by the run itself. A second pass has the records of the first.
    pub fn sample_of(&self, name: &str) -> Option<Sample> {
        match self.scope {
            Some(Scope::Sample(sample)) if self.first_pass(name) == name => Some(sample),
            _ => None,
        }
    }

    /// The object whose records this one's are: itself, unless it is a second pass.
    pub fn first_pass<'a>(&'a self, name: &'a str) -> &'a str {
        let object = self.migration.object(name);
        let first = object.and_then(|object| object.second_pass_of.as_deref());
        first.unwrap_or(name)
    }

    /// Whether records of an object refer to others of this run, in whichever pass.
    pub fn has_parents(&self, name: &str) -> bool {
        let passes =
            self.migration.objects.iter().filter(|object| {
                object.name == name || object.second_pass_of.as_deref() == Some(name)
            });
        let mut fields = passes.flat_map(|object| object.fields.iter().flatten());
        self.first_pass(name) == name
            && fields.any(|(_, field)| {
                let mut parents = field.parents().iter();
                parents.any(|parent| self.objects.contains_key(parent))
            })
    }

    /// Where its mapped chunks go. Those of a dry run go by a queue from which nobody writes.
    pub fn load_queue(&self) -> Queue {
        let migration = self.migration.migration.clone();
        let connection = self.migration.target.clone();
        match self.kind.writes() {
            true => Queue::Load {
                migration,
                connection,
            },
            false => Queue::DryRun {
                migration,
                connection,
            },
        }
    }
}

/// Reads pinned runs once and remembers them: what is pinned never changes.
#[derive(Clone)]
pub struct Catalog {
    control: Control,
    runs: Arc<Mutex<HashMap<RunId, Arc<PinnedRun>>>>,
}

impl Catalog {
    pub(crate) fn new(control: Control) -> Self {
        Self {
            control,
            runs: Arc::default(),
        }
    }

    pub async fn run(&self, id: &RunId) -> Result<Arc<PinnedRun>, Failure> {
        let known = self
            .runs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .cloned();
        if let Some(run) = known {
            return Ok(run);
        }
        let run = Arc::new(self.read(id).await?);
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        if runs.len() >= REMEMBERED {
            runs.clear();
        }
        runs.insert(id.clone(), run.clone());
        Ok(run)
    }

    async fn read(&self, id: &RunId) -> Result<PinnedRun, Failure> {
        let run = self.control.run(id).await?;
        let objects = self.control.objects(id).await?;
        Ok(PinnedRun {
            id: id.clone(),
            kind: run.kind,
            scope: run.scope,
            follows: run.follows,
            migration: Migration::parse(&run.file, &run.migration)?,
            scheduler_run_id: run.scheduler_run_id,
            began: run.created_at,
            objects: objects
                .into_iter()
                .map(|object| {
                    let pinned = PinnedObject {
                        source: pinned(&object.name, object.source)?,
                        plan: pinned(&object.name, object.target)?,
                        needs_key_pass: object.needs_key_pass,
                        key_pass_columns: object.key_pass_columns,
                        target_before: object.target_before,
                    };
                    Ok((object.name, pinned))
                })
                .collect::<Result<_, Failure>>()?,
        })
    }
}

fn pinned<T: DeserializeOwned>(object: &str, value: serde_json::Value) -> Result<T, Failure> {
    serde_json::from_value(value).map_err(|error| {
        Failure::chunk(
            "unreadable_run",
            format!("what was pinned of it can't be read: {error}"),
        )
        .object(object)
        .hint("the run was begun by another version; finish it with that one, or start a new run")
    })
}

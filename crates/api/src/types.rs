//! What is asked and answered.

use chrono::{DateTime, Utc};
use model::{Books, DesiredState, ObjectState, RunKind, RunStatus};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::AutomationView;

/// `POST /api/runs`, and `POST /api/check` for the same without starting anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartRun {
    /// The migration file's text.
    pub file: String,
    /// Its name, for messages.
    pub file_name: String,
    /// The folder that relative paths in it start from.
    #[serde(default)]
    pub folder: Option<String>,
    /// The same key joins the same run.
    #[serde(default)]
    pub id: Option<String>,
    /// Only these objects; empty for all.
    #[serde(default)]
    pub only: Vec<String>,
    /// Only the objects of these phases of the file, too.
    #[serde(default)]
    pub phases: Vec<String>,
    /// The target is only asked what it holds, and nothing is written to it.
    #[serde(default)]
    pub dry_run: bool,
    /// A share or a number of records of each object, as `1%` or `500`, with their parents.
    #[serde(default)]
    pub sample: Option<String>,
    /// Objects with the source keys of records: these alone, with their parents.
    #[serde(default)]
    pub keys: Vec<(String, Vec<String>)>,
    /// Connection name and address, in place of what the file says.
    #[serde(default)]
    pub connections: Vec<(String, String)>,
    #[serde(default)]
    pub requested_by: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    pub run: String,
    /// The run was there already, by its key.
    pub joined: bool,
}

/// `POST /api/runs/{run}/stop`, `/pause`, `/resume`, `/retry`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Halt {
    #[serde(default)]
    pub by: Option<String>,
    #[serde(default)]
    pub reason: Option<String>,
    /// Jobs under way are let finish.
    #[serde(default)]
    pub drain: bool,
}

/// `GET /api/runs`, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunList {
    pub runs: Vec<RunSummary>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    pub run: String,
    pub migration: String,
    pub kind: RunKind,
    /// Which records it moves, where it is not all of them, as the command line writes it.
    #[serde(default)]
    pub scope: Option<String>,
    /// The sample that it follows on, and whose records it leaves out.
    #[serde(default)]
    pub follows: Option<String>,
    pub status: RunStatus,
    pub desired_state: DesiredState,
    /// Why it is paused, stopped, failed or mismatched.
    #[serde(default)]
    pub reason: Option<String>,
    pub created_at: DateTime<Utc>,
    #[serde(default)]
    pub started_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub ended_at: Option<DateTime<Utc>>,
}

/// `GET /api/runs/{run}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunView {
    #[serde(flatten)]
    pub summary: RunSummary,
    /// Every object's books balance.
    pub balanced: bool,
    /// More records were rejected or failed than the file accepts.
    pub over_limit: bool,
    pub objects: Vec<ObjectView>,
    pub reconciliation: Vec<ReconciliationView>,
    /// Of a run that is not over and writes by jobs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs: Option<JobsView>,
    /// None for a run that switches nothing of its target's own automation off.
    #[serde(default)]
    pub automation: Option<AutomationView>,
}

/// Jobs of a run that are on their way, and how many its target gets at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobsView {
    /// Stored and not over, those of the run alone.
    pub on_their_way: u64,
    /// So many at once now, of all loaders together, whichever run's they are.
    pub at_once: u64,
    /// So many where nothing stands against it.
    pub at_most: u64,
    /// Loaders that serve the target.
    pub loaders: u64,
    /// Where there are fewer than could be.
    pub lowered: Vec<LoweredView>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoweredView {
    pub loader: String,
    /// So many at once in this loader.
    pub at_once: u64,
    /// `locks`: records were fought over; `throttling`: the target asked to be left alone.
    pub because_of: String,
    pub since: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObjectView {
    pub name: String,
    pub to: String,
    pub phase: u32,
    pub state: ObjectState,
    #[serde(flatten)]
    pub books: Books,
    /// Records with a value that was changed as the file says, because the target would have refused it. They are in the books as what else they are.
    #[serde(default)]
    pub changed: u64,
    /// Records that were made in the place of missing parents, in this object's name. They are not in the books.
    #[serde(default)]
    pub placeholders: u64,
    #[serde(default)]
    pub estimated: Option<u64>,
    pub chunks_total: u64,
    pub chunks_done: u64,
    pub chunks_failed: u64,
    /// No more chunks will be planned.
    pub planned: bool,
    /// From its first chunk's start to its last chunk's end, or to now.
    pub seconds: f64,
    /// An example of why a chunk failed.
    #[serde(default)]
    pub failure: Option<model::Failure>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReconciliationView {
    pub object: String,
    pub level: u8,
    pub check: String,
    /// Which records, in words.
    pub scope: String,
    /// What was expected, from the source's side.
    pub source: Option<String>,
    /// What was found in the target, or was said to be extracted.
    pub target: Option<String>,
    pub passed: bool,
}

/// `GET /api/runs/{run}/failures`, `…/changes`, and `…/placeholders`, which have no code.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FailuresQuery {
    pub object: Option<String>,
    pub code: Option<String>,
    /// Only those after this id: the last of the page before.
    pub after: i64,
    pub limit: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failures {
    pub run: String,
    pub groups: Vec<FailureGroup>,
    pub records: Vec<FailedRecord>,
}

/// Unresolved failed records of one object with one code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailureGroup {
    pub object: String,
    pub fate: String,
    pub code: String,
    pub records: u64,
    pub example_key: String,
    pub example_message: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailedRecord {
    pub id: i64,
    pub object: String,
    pub key: String,
    pub fate: String,
    pub code: String,
    pub message: String,
    #[serde(default)]
    pub fields: Vec<String>,
    pub retries: u64,
    #[serde(default)]
    pub data: Map<String, Value>,
}

/// `GET /api/runs/{run}/changes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    pub run: String,
    pub groups: Vec<ChangeGroup>,
    pub values: Vec<ChangedValue>,
}

/// The changed values of one field with one code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeGroup {
    pub object: String,
    pub field: String,
    pub code: String,
    pub values: u64,
    pub example_key: String,
    /// None where it was null.
    pub example_was: Option<String>,
}

/// A value that the target holds as another than was computed, as the file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedValue {
    pub id: i64,
    pub object: String,
    pub key: String,
    pub field: String,
    /// Why the target would have refused the value.
    pub code: String,
    /// None where it was null.
    pub was: Option<String>,
}

/// `GET /api/runs/{run}/placeholders`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Placeholders {
    pub run: String,
    pub groups: Vec<PlaceholderGroup>,
    pub records: Vec<PlaceholderView>,
}

/// Placeholders of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceholderGroup {
    pub object: String,
    pub made: u64,
    /// Those whose real record has not come yet.
    pub standing: u64,
}

/// A record that was made in the place of a missing parent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlaceholderView {
    pub id: i64,
    /// The object whose record it stands for.
    pub object: String,
    pub to: String,
    /// By which the target finds it.
    pub key: String,
    pub target_id: Option<String>,
    /// A record that asked for it.
    pub child_object: String,
    pub child_key: String,
    /// None while that is not known.
    pub made_at: Option<DateTime<Utc>>,
    /// When the real record took its place.
    pub replaced_at: Option<DateTime<Utc>>,
}

/// What `check` found in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckReport {
    pub migration: String,
    pub objects: Vec<CheckedObject>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckedObject {
    pub name: String,
    pub from: String,
    pub to: String,
    pub operation: String,
    pub phase: u32,
    pub estimated: Option<u64>,
    pub fields: Vec<String>,
    /// A pass over the target keys comes first, to find duplicates.
    pub key_pass: bool,
}

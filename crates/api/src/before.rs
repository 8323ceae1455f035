//! What is asked before a run, and answered: a plan, a comparison of the two schemas, a doctor's findings.

use std::collections::BTreeMap;

use model::{Finding, Grade};
use serde::{Deserialize, Serialize};

/// `POST /api/plan?…`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlanQuery {
    /// Source records are counted where they could be estimated.
    pub count: bool,
}

/// What a run would do, in its order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanReport {
    pub migration: String,
    /// The connection that is read.
    pub source: String,
    /// The connection that is written.
    pub target: String,
    pub phases: Vec<PlannedPhase>,
    pub totals: PlanTotals,
}

/// Objects that are moved together, after all of the phases before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedPhase {
    pub phase: u32,
    /// As the file names it, where it does.
    #[serde(default)]
    pub name: Option<String>,
    pub objects: Vec<PlannedObject>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedObject {
    pub name: String,
    pub from: String,
    pub to: String,
    pub operation: String,
    /// The target's fields by which a record is found, or that carry its key.
    pub key: Vec<String>,
    /// The source's columns along which it is cut into chunks, before its key. Empty where that is all.
    #[serde(default)]
    pub chunk_by: Vec<String>,
    /// Source records.
    pub records: u64,
    pub records_are: Known,
    pub chunks: u64,
    pub chunks_are: Known,
    /// None for a target without bulk jobs.
    #[serde(default)]
    pub jobs: Option<PlannedJobs>,
    /// API calls of reading it, by what they do: `describe`, `count`, `id_range`, `create`, `polls`, `pages`. Empty where calls are not counted.
    #[serde(default)]
    pub read_calls: BTreeMap<String, u64>,
    /// Expected, all of it from the first record read to the last written.
    pub seconds: f64,
    pub records_per_second: f64,
    /// What the rate rests on.
    pub rests_on: String,
    /// Records that the target holds now.
    pub target_records: u64,
    pub lookups: Vec<PlannedLookup>,
    /// All keys are read first, to find duplicates.
    pub key_pass: bool,
    /// What would become of the records that were looked at; none where none could be.
    #[serde(default)]
    pub looked_through: Option<LookedThrough>,
    /// What can't be undone later.
    pub lasting: Vec<String>,
}

/// What a run would make of the first records. Duplicates are not looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookedThrough {
    pub records: u64,
    /// Records that would be rejected or skipped, by the first reason that is found for each.
    pub refused: Vec<PlannedRefusal>,
    /// Values that would be moved as others, as the file's `on_invalid` says.
    pub changed: Vec<PlannedChange>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedRefusal {
    /// `rejected` or `skipped`.
    pub fate: String,
    pub code: String,
    #[serde(default)]
    pub field: Option<String>,
    pub records: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedChange {
    pub field: String,
    pub becomes: Becomes,
    /// Why the target would have refused them.
    pub code: String,
    pub values: u64,
}

/// What becomes of a value that the target would refuse, by the `on_invalid` of its field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Becomes {
    /// Its record is rejected.
    #[default]
    Rejected,
    /// It is cut to what fits.
    Cut,
    /// It becomes null.
    Nulled,
    /// The file's default takes its place.
    Replaced,
}

impl Becomes {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Cut => "cut",
            Self::Nulled => "nulled",
            Self::Replaced => "replaced",
        }
    }
}

/// How a number came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Known {
    Counted,
    Estimated,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedJobs {
    /// Bulk jobs; none where records are so few that other calls are cheaper.
    pub jobs: u64,
    /// Of all rows, as they are uploaded.
    pub bytes: u64,
    /// What the bytes rest on.
    pub bytes_rest_on: String,
    /// API calls of all jobs.
    pub calls: u64,
    /// The same by what they do: `create`, `upload`, `close`, `polls`, `results`; of records so few that no job is worth it, `look-ups` and
    /// `collections`.
    pub calls_by_kind: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedLookup {
    pub field: String,
    /// The object of the file that holds the parents.
    pub parent: String,
    /// What the parent's key is computed from.
    pub by: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanTotals {
    pub objects: u64,
    pub records: u64,
    pub chunks: u64,
    pub jobs: u64,
    /// API calls of writing.
    pub calls: u64,
    /// API calls of reading.
    #[serde(default)]
    pub read_calls: u64,
    /// When objects are moved one after another.
    pub seconds: f64,
}

/// `POST /api/compare`: the source's schema against the target's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompareReport {
    pub migration: String,
    pub source: String,
    pub target: String,
    pub objects: Vec<ComparedObject>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ComparedObject {
    pub name: String,
    pub from: String,
    pub to: String,
    pub operation: String,
    /// Source columns that no field uses.
    pub unused_columns: Vec<ComparedColumn>,
    /// Target fields that could be filled and are not, required ones first.
    pub unfilled_fields: Vec<UnfilledField>,
    /// Fields that the file fills and the target does not have.
    pub missing_fields: Vec<MissingField>,
    pub types: Vec<TypeDifference>,
    pub lengths: Vec<LengthDifference>,
    pub values: Vec<ValueGap>,
    pub nulls: Vec<NullDifference>,
    /// Records that lengths, values and nulls were looked at in; none where the source can't show some cheaply.
    #[serde(default)]
    pub looked_at: Option<LookedAt>,
    /// What could not be compared, and why.
    pub not_compared: Vec<Finding>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookedAt {
    pub records: u64,
    /// The object has no others.
    pub all: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComparedColumn {
    pub column: String,
    /// In the source's words.
    #[serde(rename = "type")]
    pub native: String,
    pub nullable: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnfilledField {
    pub field: String,
    /// In the target's words.
    #[serde(rename = "type")]
    pub native: String,
    /// A new record needs it.
    pub required: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingField {
    pub field: String,
    /// How the file fills it.
    pub filled_by: String,
    /// The type of what it is filled with; none where that can't be told.
    #[serde(default, rename = "type")]
    pub data_type: Option<String>,
    /// The field as the target's own tools would create it.
    #[serde(default)]
    pub metadata: Option<Metadata>,
    /// Why there is no such description, or what else can be done.
    #[serde(default)]
    pub hint: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// Relative to the folder of a project, with `/` between its parts.
    pub path: String,
    pub content: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeDifference {
    pub field: String,
    pub source: String,
    pub target: String,
    /// No value fits: the file must convert it.
    pub never: bool,
    /// Values looked at that do not fit.
    pub lost: u64,
    /// What becomes of those.
    #[serde(default)]
    pub becomes: Becomes,
    #[serde(default)]
    pub hint: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LengthDifference {
    pub field: String,
    /// Characters that the source's column may hold, where it is a column that says so.
    #[serde(default)]
    pub source: Option<u64>,
    /// Characters that the target's field takes.
    pub target: u64,
    /// Characters of the longest value looked at.
    #[serde(default)]
    pub longest: Option<u64>,
    /// Values looked at that are too long.
    pub too_long: u64,
    /// What becomes of those.
    #[serde(default)]
    pub becomes: Becomes,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueGap {
    pub field: String,
    /// Values that come and that the target does not allow, or that the file's map does not list; the first ones.
    pub values: Vec<String>,
    /// Where they come from: `target` does not allow them, or the file's `map` does not list them.
    pub by: String,
    /// Records looked at that have one of them.
    pub records: u64,
    /// What becomes of those.
    #[serde(default)]
    pub becomes: Becomes,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NullDifference {
    pub field: String,
    /// Values looked at that are null.
    pub nulls: u64,
    /// What becomes of those.
    #[serde(default)]
    pub becomes: Becomes,
}

/// `POST /api/doctor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoctorReport {
    pub migration: String,
    pub findings: Vec<Finding>,
    pub problems: u64,
    pub warnings: u64,
}

impl DoctorReport {
    pub fn new(migration: String, findings: Vec<Finding>) -> Self {
        let of = |grade| findings.iter().filter(|found| found.grade == grade).count() as u64;
        Self {
            migration,
            problems: of(Grade::Problem),
            warnings: of(Grade::Warning),
            findings,
        }
    }
}

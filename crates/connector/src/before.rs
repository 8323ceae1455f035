//! What systems are asked before a run: what a file wants of them, what loading costs, and what a field that is missing would look like.

use std::collections::BTreeMap;

use arrow::datatypes::DataType;
use model::migration::Operation;
use serde::{Deserialize, Serialize};

/// What a migration file wants done to an object, as it is written: none of its names has been looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The migration's object.
    pub object: String,
    pub to: String,
    pub operation: Operation,
    /// The fields by which records are found, or that carry our key.
    pub key: Vec<String>,
    /// The fields that are filled, lookups by the name that the file gives them, stamps included. Empty where columns are carried over by their names.
    pub fields: Vec<String>,
    /// Records that will come, about.
    pub records: Option<u64>,
}

/// How fast a target takes records, and who says so.
#[derive(Debug, Clone, PartialEq)]
pub struct Pace {
    pub records_per_second: f64,
    /// Seconds that a bulk job takes whatever is in it.
    pub seconds_per_job: f64,
    pub rests_on: &'static str,
}

impl Pace {
    pub fn seconds(&self, records: u64, jobs: u64) -> f64 {
        records as f64 / self.records_per_second + jobs as f64 * self.seconds_per_job
    }
}

/// API calls, all of them together, by what they do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls(pub BTreeMap<String, u64>);

impl Calls {
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }
}

/// A field that a file fills and the target does not have.
#[derive(Debug, Clone, PartialEq)]
pub struct NewField {
    /// The target's object, in its own spelling.
    pub to: String,
    /// As the file names it: a field, or a lookup's relation.
    pub name: String,
    /// What the file computes for it.
    pub data_type: DataType,
    /// Text that holds exact numbers of any size.
    pub is_number: bool,
    /// Characters that it has to hold, where something is known of them.
    pub length: Option<u64>,
    /// By this field records are found.
    pub is_key: bool,
    /// The only values that it gets.
    pub values: Option<Vec<String>>,
    /// The object that it points to, where it is a lookup.
    pub parent: Option<String>,
    /// How the file fills it.
    pub filled_by: String,
}

/// A file that describes a field to the target's own tools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataFile {
    /// Relative, with `/` between its parts.
    pub path: String,
    pub content: String,
}

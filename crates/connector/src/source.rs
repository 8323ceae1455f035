//! A system that is read.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use model::migration::Object;
use model::{Failure, Finding, Slice};
use record::Refusal;
use serde::{Deserialize, Serialize};

use crate::{Calls, Catalogue};

/// A system that is read. One value serves many tasks at once.
///
/// The slices of an object tile it: every record is in exactly one, whatever its key, null keys and records beyond the last known key
/// included, and whatever was written to the object since it was planned. A record that is given another key while slices are read can be in two of them or in
/// none, and so can one whose `chunk_by` columns change where there are some.
///
/// Where the object has `chunk_by`, its slices are cut along these columns, then the key: records that have the same values in them are in one slice as long
/// as they fit. Records in which one of the columns is null are in slices of their own, cut along the key.
#[async_trait]
pub trait Source: Send + Sync {
    /// Looks an object up: its columns and their Arrow types, its key. What can't be carried exactly is an error here, with the column's name and the way out,
    /// and so is `chunk_by` where this source can't cut along columns.
    async fn describe(&self, object: &Object) -> Result<SourceObject, Failure>;

    /// The next slices of an object, in order, without scanning it. `cursor` is what the call before returned, none at first.
    /// Called again with the same cursor it may cut elsewhere, but always goes on exactly where the cursor stands.
    async fn split(
        &self,
        object: &SourceObject,
        cursor: Option<&serde_json::Value>,
        sizing: Sizing,
    ) -> Result<Split, Failure>;

    /// A slice that reads exactly the records with these keys again, each key as `record::key_texts` wrote it.
    fn slice_of_keys(&self, object: &SourceObject, keys: &[String]) -> Result<Slice, Failure>;

    /// Reads a slice, in one snapshot. When its records pass `budget` bytes in memory and the slice can be cut, nothing is returned but smaller slices that tile it.
    async fn read(
        &self,
        object: &SourceObject,
        slice: &Slice,
        budget: usize,
    ) -> Result<Read, Failure>;

    /// Counts the object's records by the system's own means, not by reading them as `read` does.
    async fn count(&self, object: &SourceObject) -> Result<u64, Failure>;

    /// Some of the object's records, whichever come first, `most` of them at most: for a look before a run. Without those that can't be carried.
    /// None where even that is not cheap, which is the default.
    async fn first(
        &self,
        _object: &SourceObject,
        _most: u64,
    ) -> Result<Option<RecordBatch>, Failure> {
        Ok(None)
    }

    /// API calls that a run spends on reading an object, where calls are counted at all. Sends nothing.
    fn calls(&self, _object: &SourceObject, _reading: Reading) -> Calls {
        Calls::default()
    }

    /// What makes reading an object slow, or otherwise not what is wanted, beyond what the description tells. Asks nothing.
    fn inspect(&self, _object: &SourceObject) -> Vec<Finding> {
        Vec::new()
    }

    /// The objects that it holds, to draft a migration file from; where some are named, only those. What `describe` would refuse may be among them.
    /// By default a system can't tell.
    async fn catalogue(&self, _only: &[String]) -> Result<Catalogue, Failure> {
        Err(no_catalogue())
    }
}

pub(crate) fn no_catalogue() -> Failure {
    Failure::usage(
        "no_catalogue",
        "a system of this kind does not tell what it holds",
    )
    .hint("write the migration file by hand; `stevedore init` without a source prints a template")
}

/// An object of a source as it was found; plain data, stored with the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceObject {
    /// The entry of the migration file.
    pub object: Object,
    /// The columns, with what they mean beyond their Arrow type in their metadata (`record::meta`).
    pub schema: SchemaRef,
    /// The key columns, in the source's own spelling; empty where there is no key.
    pub key: Vec<String>,
    /// The columns before the key's along which slices are cut, spelled likewise. They identify nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chunk_by: Vec<String>,
    /// The system itself guarantees that no two records share a key and none is null.
    pub key_is_unique: bool,
    /// A guess from statistics, where there is one.
    pub estimated_records: Option<u64>,
    /// What only this source interprets: native types, physical facts.
    #[serde(default)]
    pub details: serde_json::Value,
}

/// How large slices should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizing {
    /// Records in a slice, about.
    pub records: u64,
    /// Bytes in memory of a slice, about; the smaller of the two counts.
    pub bytes: usize,
    /// How many slices are wanted of this call at most.
    pub slices: usize,
}

/// How an object is read by a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    pub records: u64,
    pub chunks: u64,
    /// How often each chunk is read: once more where keys are looked through for duplicates first.
    pub times: u64,
    /// The object is counted once more when all is moved.
    pub counted: bool,
}

/// A stretch of planning.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    pub slices: Vec<Slice>,
    /// Where to go on; none when the slices so far tile the whole object.
    pub cursor: Option<serde_json::Value>,
}

/// What reading a slice gave.
#[derive(Debug, Clone, PartialEq)]
pub enum Read {
    Whole {
        /// One batch; its schema is the object's.
        records: RecordBatch,
        /// Records with a value that can't be carried: their key, the field and the value.
        rejected: Vec<Refusal>,
        /// The snapshot, or else the time, of the reading.
        epoch: String,
    },
    /// The slice was too big, and these smaller ones tile it.
    TooBig(Vec<Slice>),
}

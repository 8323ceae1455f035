//! A system that is written.

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use async_trait::async_trait;
use model::migration::Operation;
use model::{Failure, Finding, RunId};
use serde::{Deserialize, Serialize};

use crate::{Automation, Intent, Jobs, MetadataFile, NewField, Pace, Transactions};

/// A system that is written. One value serves many tasks at once.
#[async_trait]
pub trait Target: Send + Sync {
    /// Looks an object or table up.
    async fn describe(&self, to: &str) -> Result<TargetObject, Failure>;

    /// Refuses a plan that can't work before anything is sent (no unique index on the key, no field that carries our key, no right to write). Changes nothing.
    async fn check(&self, plan: &LoadPlan) -> Result<(), Failure>;

    /// Checks a plan, and makes what writing by it needs. Changes no records. May be called many times, by several services at once.
    async fn prepare(&self, plan: &LoadPlan) -> Result<(), Failure> {
        self.check(plan).await
    }

    /// Which of these keys records of `to` have: an answer for each row, in its order. The columns are fields of `to` that identify its records; a row with
    /// a null among them is nobody's key. Keys that the target takes for one are one here: the case of letters, or how a number is written. Changes nothing,
    /// and takes no more calls than so many keys need.
    async fn held(&self, to: &str, keys: &RecordBatch) -> Result<Held, Failure>;

    /// The records that would be refused because a field that a new record must have is null or not sent, by their rows, each in the words that the target
    /// would use. `new`: which records the target does not have. Sends nothing.
    fn lacking(
        &self,
        plan: &LoadPlan,
        records: &RecordBatch,
        new: &[bool],
    ) -> Result<Vec<(usize, Failure)>, Failure>;

    /// How this target writes.
    fn writing(&self) -> Writing<'_>;

    /// What tells this system from any other of its kind, whatever address it is reached at: ids that were kept of one mean nothing in another.
    async fn identity(&self) -> Result<String, Failure>;

    /// Counts records, read anew.
    async fn count(&self, to: &str, scope: &CountScope) -> Result<u64, Failure>;

    /// How fast it takes records, for plans. Sends nothing.
    fn pace(&self) -> Pace {
        Pace {
            records_per_second: 1_000.0,
            seconds_per_job: 0.0,
            rests_on: "a guess: nothing was measured for a system of this kind",
        }
    }

    /// What a load by this plan changes for good, in sentences for people. Sends nothing.
    fn lasting(&self, _plan: &LoadPlan) -> Vec<String> {
        Vec::new()
    }

    /// Looks for what stands in the way of loading these objects, or would act on what is loaded: login, quotas, keys, rights, automation.
    ///
    /// Reads only, and never fails: what the system refuses to tell is a finding too. When it can't be reached, that is the only finding. Findings about
    /// an object bear its intent's name; the caller adds the connection's.
    async fn inspect(&self, intents: &[Intent]) -> Vec<Finding> {
        let mut findings = Vec::new();
        for intent in intents {
            let found = self.describe(&intent.to).await;
            findings.push(match found {
                Ok(found) => Finding::ok("target_object", format!("`{}` is there", found.name)),
                Err(failure) => failure.into(),
            });
            if let Some(finding) = findings.last_mut() {
                finding.object.get_or_insert_with(|| intent.object.clone());
            }
        }
        findings
    }

    /// The switches of what it does by itself; none where nothing of that can be switched.
    fn automation(&self) -> Option<&dyn Automation> {
        None
    }

    /// The names of the objects that can be written, but for the system's own. By default a system can't tell.
    async fn catalogue(&self) -> Result<Vec<String>, Failure> {
        Err(crate::source::no_catalogue())
    }

    /// A missing field as the system's own tools would create it; none where the system has no such form. Fails for a field that can't be made so.
    fn metadata(&self, _field: &NewField) -> Option<Result<MetadataFile, Failure>> {
        None
    }
}

/// Which keys a target holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// For each key that was asked for.
    pub there: Vec<bool>,
    /// The calls that it took.
    pub calls: u64,
}

/// The two ways of writing.
pub enum Writing<'a> {
    Transactions(&'a dyn Transactions),
    Jobs(&'a dyn Jobs),
}

/// Which records of an object are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CountScope {
    All,
    /// Those whose field has this text: records stamped by one run.
    Stamped {
        field: String,
        value: String,
    },
}

/// What every chunk of an object is loaded by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadPlan {
    pub run: RunId,
    /// The migration's object.
    pub object: String,
    pub to: String,
    pub operation: Operation,
    /// The fields by which a record is found in the target, in the target's own spelling. For an insert they may be empty (SQL), or name the field
    /// that carries our key (Salesforce).
    pub key: Vec<String>,
    /// The fields that are sent, in the target's own spelling, stamps included.
    pub fields: Vec<String>,
    pub target: TargetObject,
    /// Lookups by the parent's key whose missing parents are not left at failing the record.
    #[serde(default)]
    pub missing: Vec<MissingParent>,
    /// `Target::identity`, where ids of its records are kept for any object of the migration, or placeholders are made; otherwise empty.
    #[serde(default)]
    pub system: String,
    /// The outcome has to tell the id of each record, and the auditor keeps it for those who refer to the record.
    #[serde(default)]
    pub keeps_ids: bool,
}

/// What becomes of records whose parent a lookup does not find.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MissingParent {
    /// As in `LoadPlan::fields`.
    pub field: String,
    /// As the file names it.
    pub name: String,
    /// The migration's object that holds the parents.
    pub parent: String,
    /// The target's object that does, and its field by which they are found.
    pub to: String,
    pub key: String,
    /// Its field that holds the target's own id of a record.
    pub id: Option<String>,
    /// What is made in the parent's place; where none is, the lookup becomes null.
    pub placeholder: Option<Placeholder>,
}

/// A record in the place of one that is not there, but for its key.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placeholder {
    pub fields: serde_json::Map<String, serde_json::Value>,
    /// Texts that must have a value and are given none have the key.
    pub named_by_key: Vec<String>,
}

impl Placeholder {
    /// The record with this key.
    pub fn with_key(&self, field: &str, key: &str) -> serde_json::Map<String, serde_json::Value> {
        let mut record = self.fields.clone();
        for name in self.named_by_key.iter().map(String::as_str).chain([field]) {
            record.insert(name.to_owned(), key.into());
        }
        record
    }
}

/// An object of a target as it was found; plain data, stored with the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetObject {
    /// In the target's own spelling.
    pub name: String,
    pub fields: Vec<TargetField>,
    /// Lookups that are addressed by a name of their own, as `Account` of a Salesforce contact. Empty where a lookup is a plain field.
    #[serde(default)]
    pub relations: Vec<Relation>,
    /// Sets of fields that identify a record, each unique and none of them null; the primary key first.
    pub keys: Vec<Vec<String>>,
    /// A target of transactions carries over columns of the same name when the file lists no fields.
    pub carries_columns: bool,
}

/// A field of a target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetField {
    pub name: String,
    /// What a batch must hold for it. Text stands for whatever the target parses from text itself.
    pub data_type: DataType,
    /// The type in the target's words.
    pub native: String,
    pub nullable: bool,
    /// Must be given for a new record: not nullable and no default.
    pub required: bool,
    pub createable: bool,
    pub updateable: bool,
    /// Characters that fit, where it is text with a limit.
    #[serde(default)]
    pub max_length: Option<u32>,
    /// `max_length` counts UTF-16 units, of which a character outside of the basic plane has two.
    #[serde(default)]
    pub counts_utf16: bool,
    /// An empty text is held as null.
    #[serde(default)]
    pub empty_is_null: bool,
    /// The lowest and the highest value that it takes, both included, as text of its type: digits, ISO 8601, moments in UTC.
    #[serde(default)]
    pub range: Option<(String, String)>,
    /// The only values allowed, where the target restricts them.
    #[serde(default)]
    pub values: Option<Vec<String>>,
    /// Lookups of other objects can find a record by its value.
    #[serde(default = "yes")]
    pub finds_records: bool,
    /// Text in which case counts; where it does not, keys that differ only in case are one key.
    #[serde(default = "yes")]
    pub case_sensitive: bool,
}

fn yes() -> bool {
    true
}

/// A lookup addressed by a name of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relation {
    /// `Account`, `Parent__r`.
    pub name: String,
    /// The field it fills, `AccountId`.
    pub field: String,
    /// The objects it may point to.
    pub to: Vec<String>,
    /// The record is a part of what it points to, and goes with it.
    #[serde(default)]
    pub owned: bool,
}

impl TargetObject {
    /// The one field that holds the target's own id of a record.
    pub fn id_field(&self) -> Option<&str> {
        match self.keys.first().map(Vec::as_slice) {
            Some([id]) => Some(id),
            _ => None,
        }
    }

    /// Finds a field by name: exactly, then ignoring case.
    pub fn field(&self, name: &str) -> Option<&TargetField> {
        find(&self.fields, name, |field| &field.name)
    }

    /// Finds a relation by its name or by the field it fills: exactly, then ignoring case.
    pub fn relation(&self, name: &str) -> Option<&Relation> {
        find(&self.relations, name, |relation| &relation.name)
            .or_else(|| find(&self.relations, name, |relation| &relation.field))
    }
}

fn find<'a, T>(all: &'a [T], name: &str, of: impl Fn(&T) -> &String) -> Option<&'a T> {
    all.iter().find(|item| of(item) == name).or_else(|| {
        all.iter()
            .find(|item| of(item).to_lowercase() == name.to_lowercase())
    })
}

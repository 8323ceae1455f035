//! The rules an administrator has set up: what a schema declares of them. Validation rules are enforced while they
//! are active; the others are there to be listed and switched.

use serde::{Deserialize, Serialize};

/// All rules of an org.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Automation {
    /// Enforced while active.
    pub validation_rules: Vec<ValidationRule>,
    /// Listed only.
    pub workflow_rules: Vec<WorkflowRule>,
    /// Listed only.
    pub triggers: Vec<Trigger>,
    /// Listed only.
    pub flows: Vec<Flow>,
    /// Listed only.
    pub duplicate_rules: Vec<DuplicateRule>,
}

/// A rule that refuses records in which a field is blank.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidationRule {
    /// Whose records.
    pub object: String,
    /// API name.
    pub name: String,
    /// The field that must not be blank.
    pub required: String,
    /// Only in records where another field has this value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// What a refused record is told.
    pub message: String,
    /// Whether the message names the field.
    #[serde(default = "yes")]
    pub on_field: bool,
    /// Whether it refuses anything.
    #[serde(default = "yes")]
    pub active: bool,
}

/// A field and the value it has, as REST writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// The field.
    pub field: String,
    /// Its value.
    pub is: String,
}

/// A workflow rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkflowRule {
    /// Whose records set it off.
    pub object: String,
    /// Its name.
    pub name: String,
    /// Whether it is on.
    #[serde(default = "yes")]
    pub active: bool,
}

/// An Apex trigger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// Whose records set it off.
    pub object: String,
    /// Its name.
    pub name: String,
    /// Such as `before insert`, `after update`.
    pub events: Vec<String>,
    /// The namespace of the package it came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Whether it is on.
    #[serde(default = "yes")]
    pub active: bool,
}

/// A flow or process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// API name.
    pub name: String,
    /// Shown name; the API name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Whose records set it off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// `AutoLaunchedFlow`, `Workflow` (a process), `Flow` (with screens).
    #[serde(default = "auto_launched")]
    pub process_type: String,
    /// Such as `RecordAfterSave`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger_type: Option<String>,
    /// How many versions it has.
    #[serde(default = "one")]
    pub versions: u32,
    /// The one that is on; 0: none.
    #[serde(default = "one")]
    pub active_version: u32,
}

/// A duplicate rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DuplicateRule {
    /// Whose records.
    pub object: String,
    /// API name.
    pub name: String,
    /// Shown name; the API name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Whether it is on.
    #[serde(default = "yes")]
    pub active: bool,
}

fn yes() -> bool {
    true
}

fn one() -> u32 {
    1
}

fn auto_launched() -> String {
    "AutoLaunchedFlow".to_owned()
}

impl Automation {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds other rules to these.
    pub fn extend(&mut self, other: Self) {
        self.validation_rules.extend(other.validation_rules);
        self.workflow_rules.extend(other.workflow_rules);
        self.triggers.extend(other.triggers);
        self.flows.extend(other.flows);
        self.duplicate_rules.extend(other.duplicate_rules);
    }
}

//! The schema an org is started with: objects, fields, record types, as plain data that Rust code builds or JSON
//! holds. [`Schema::standard`] is the default; `catalogue` is its compiled form.

pub(crate) mod automation;
pub(crate) mod catalogue;
pub(crate) mod children;
mod compile;
mod crm;
pub(crate) mod describe;
mod field;
mod file;
mod labels;
pub(crate) mod numbering;
mod people;
mod pieces;
mod rules;
mod sales;
mod service;
mod system;
pub(crate) mod tooling;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use automation::Automation;

pub use field::{FieldKind, FieldSchema, OnDelete};

/// Everything an org knows of. Users, groups, `Organization` and `RecordType` are added where they are missing, and
/// every object gets its system fields (`Id`, `IsDeleted`, `CreatedDate`, …, `OwnerId` where owned,
/// `RecordTypeId` where it has record types, `Name` and addresses made of their parts).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// The objects, in the order describe lists them.
    pub objects: Vec<ObjectSchema>,
    /// The rules set up on them.
    #[serde(default, skip_serializing_if = "Automation::is_empty")]
    pub automation: Automation,
}

/// Through which API an object is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Door {
    #[default]
    Data,
    Tooling,
    Both,
}

/// One object, such as `Account` or `Invoice__c`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectSchema {
    /// API name; ends in `__c` when custom.
    pub name: String,
    /// Shown name; made from `name` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The first three characters of its ids.
    pub key_prefix: String,
    /// Whether records may be written by API.
    #[serde(default = "yes")]
    pub writable: bool,
    /// Whether records may be deleted by API; users never are.
    #[serde(default = "yes")]
    pub deletable: bool,
    /// Whether records have an `OwnerId`.
    #[serde(default = "yes")]
    pub owned: bool,
    #[serde(skip)]
    pub(crate) door: Door,
    /// Its fields, without the system's.
    pub fields: Vec<FieldSchema>,
    /// Its record types besides Master.
    #[serde(default)]
    pub record_types: Vec<RecordTypeSchema>,
}

/// One record type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordTypeSchema {
    /// API name, such as `Customer_Contact`.
    pub developer_name: String,
    /// Shown name.
    pub name: String,
}

fn yes() -> bool {
    true
}

impl Default for Schema {
    fn default() -> Self {
        Self::standard()
    }
}

impl Schema {
    /// The objects of sales and service with their usual fields and those that migrations add.
    pub fn standard() -> Self {
        Self {
            objects: crm::objects(),
            automation: Automation::default(),
        }
    }

    /// Reads a schema from JSON of the form it serialises to.
    ///
    /// # Errors
    /// When the text is not JSON, or has keys or values that are not part of a schema.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        Ok(serde_json::from_str(text)?)
    }

    /// The object of that name, to be added to.
    pub fn object_mut(&mut self, name: &str) -> Option<&mut ObjectSchema> {
        self.objects
            .iter_mut()
            .find(|o| o.name.eq_ignore_ascii_case(name))
    }
}

impl ObjectSchema {
    /// A writable object with an owner and without fields of its own.
    pub fn new(name: &str, key_prefix: &str) -> Self {
        Self {
            name: name.to_owned(),
            label: None,
            key_prefix: key_prefix.to_owned(),
            writable: true,
            deletable: true,
            owned: true,
            door: Door::Data,
            fields: Vec::new(),
            record_types: Vec::new(),
        }
    }

    /// With these fields added.
    #[must_use]
    pub fn with(mut self, fields: impl IntoIterator<Item = FieldSchema>) -> Self {
        self.fields.extend(fields);
        self
    }

    /// With one more record type.
    #[must_use]
    pub fn record_type(mut self, developer_name: &str, name: &str) -> Self {
        self.record_types.push(RecordTypeSchema {
            developer_name: developer_name.to_owned(),
            name: name.to_owned(),
        });
        self
    }
}

//! The schema an org is started with: objects, fields, record types, as plain data that Rust code builds or JSON
//! holds. [`Schema::standard`] is the default; `catalogue` is its compiled form.

pub(crate) mod automation;
pub(crate) mod catalogue;
pub(crate) mod children;
mod compile;
mod crm;
pub(crate) mod describe;
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

/// The types of fields, named as describe names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum FieldKind {
    /// The record's own id.
    Id,
    /// The id of another record.
    Reference,
    /// Short text.
    String,
    /// Long text.
    Textarea,
    /// One of a set of values, any text where not restricted.
    Picklist,
    /// Several values of a set, joined by semicolons.
    Multipicklist,
    /// Telephone number, free text.
    Phone,
    /// Email address, checked.
    Email,
    /// Web address, free text.
    Url,
    /// Whole number of 32 bits.
    Int,
    /// Decimal number.
    Double,
    /// Money.
    Currency,
    /// Per cent.
    Percent,
    /// True or false, never null.
    Boolean,
    /// Calendar date, years 1700 to 4000.
    Date,
    /// Moment, to the second, in UTC.
    Datetime,
    /// Compound of street, city, state, postal code, country; read-only.
    Address,
}

/// What happens to a record when the one it refers to is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnDelete {
    /// The reference becomes null.
    #[default]
    Clear,
    /// It is deleted too.
    Cascade,
    /// The delete is refused with `DELETE_FAILED`.
    Restrict,
}

/// One field. Build it with the functions named for its type and the methods for its properties.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldSchema {
    /// API name; ends in `__c` when custom.
    pub name: String,
    /// Shown name; made from `name` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Type.
    #[serde(rename = "type")]
    pub kind: FieldKind,
    /// Greatest length of text, in UTF-16 units; 0: the type's own (phone 40, email 80, url and picklist 255).
    #[serde(default)]
    pub length: u32,
    /// Digits of a decimal number in all, at most 18.
    #[serde(default)]
    pub precision: u8,
    /// Digits after the point.
    #[serde(default)]
    pub scale: u8,
    /// A record can't be created without it, nor can it be cleared.
    #[serde(default)]
    pub required: bool,
    /// Marked as external id: indexed, usable for upsert and in relationship columns.
    #[serde(default)]
    pub external_id: bool,
    /// No two records may have the same value.
    #[serde(default)]
    pub unique: bool,
    /// Whether uniqueness and comparison tell letter case apart.
    #[serde(default)]
    pub case_sensitive: bool,
    /// Usable as a key like an external id (`Contact.Email`).
    #[serde(default)]
    pub id_lookup: bool,
    /// The objects a reference may point to; more than one: polymorphic.
    #[serde(default)]
    pub reference_to: Vec<String>,
    /// The name of a reference in paths and columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relationship: Option<String>,
    /// For a reference: the name of its records in queries on the parent; the plural of its object when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub child_relationship: Option<String>,
    /// For a reference: what deleting the parent does.
    #[serde(default)]
    pub on_delete: OnDelete,
    /// Values of a picklist.
    #[serde(default)]
    pub picklist: Vec<String>,
    /// Whether a picklist takes its listed values only.
    #[serde(default)]
    pub restricted: bool,
    /// Value of a record created without one, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// For text that the org numbers by itself: the form, such as `{00000000}` or `INV-{0000}`. It is not writable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_number: Option<String>,
    /// Whether it may be set when a record is created.
    #[serde(default = "yes")]
    pub createable: bool,
    /// Whether it may be changed later.
    #[serde(default = "yes")]
    pub updateable: bool,
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

impl FieldSchema {
    /// An optional, writable field of any type.
    pub fn new(name: &str, kind: FieldKind) -> Self {
        Self {
            name: name.to_owned(),
            label: None,
            kind,
            length: 0,
            precision: 0,
            scale: 0,
            required: false,
            external_id: false,
            unique: false,
            case_sensitive: false,
            id_lookup: false,
            reference_to: Vec::new(),
            relationship: None,
            child_relationship: None,
            on_delete: OnDelete::Clear,
            picklist: Vec::new(),
            restricted: false,
            default: None,
            auto_number: None,
            createable: true,
            updateable: true,
        }
    }

    /// Text of at most `length`.
    pub fn string(name: &str, length: u32) -> Self {
        Self {
            length,
            ..Self::new(name, FieldKind::String)
        }
    }

    /// Long text of at most `length`.
    pub fn textarea(name: &str, length: u32) -> Self {
        Self {
            length,
            ..Self::new(name, FieldKind::Textarea)
        }
    }

    /// A picklist with these values, which takes any text until [`FieldSchema::restricted`].
    pub fn picklist(name: &str, values: &[&str]) -> Self {
        Self {
            picklist: values.iter().map(|v| (*v).to_owned()).collect(),
            ..Self::new(name, FieldKind::Picklist)
        }
    }

    /// Money of `precision` digits, `scale` of them after the point.
    pub fn currency(name: &str, precision: u8, scale: u8) -> Self {
        Self {
            precision,
            scale,
            ..Self::new(name, FieldKind::Currency)
        }
    }

    /// A decimal number of `precision` digits, `scale` of them after the point.
    pub fn double(name: &str, precision: u8, scale: u8) -> Self {
        Self {
            precision,
            scale,
            ..Self::new(name, FieldKind::Double)
        }
    }

    /// A reference to one object or, polymorphic, to one of several.
    pub fn reference(name: &str, relationship: &str, to: &[&str]) -> Self {
        Self {
            reference_to: to.iter().map(|o| (*o).to_owned()).collect(),
            relationship: Some(relationship.to_owned()),
            ..Self::new(name, FieldKind::Reference)
        }
    }

    /// An external id: unique text of at most 80.
    pub fn external_id(name: &str) -> Self {
        Self {
            external_id: true,
            unique: true,
            ..Self::string(name, 80)
        }
    }

    /// Needed to create a record.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Takes listed picklist values only.
    #[must_use]
    pub fn restricted(mut self) -> Self {
        self.restricted = true;
        self
    }

    /// Usable as a key.
    #[must_use]
    pub fn id_lookup(mut self) -> Self {
        self.id_lookup = true;
        self
    }

    /// Asked for by this name in queries on the parent.
    #[must_use]
    pub fn children(mut self, name: &str) -> Self {
        self.child_relationship = Some(name.to_owned());
        self
    }

    /// With this rule for when the parent is deleted.
    #[must_use]
    pub fn on_delete(mut self, rule: OnDelete) -> Self {
        self.on_delete = rule;
        self
    }

    /// Numbered by the org, in this form.
    #[must_use]
    pub fn numbered(mut self, form: &str) -> Self {
        self.auto_number = Some(form.to_owned());
        self.read_only()
    }

    /// Not writable by API.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.createable = false;
        self.updateable = false;
        self
    }
}

//! A field as a schema declares it: its type, its properties, and the functions that build it.

use serde::{Deserialize, Serialize};

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
    #[serde(default = "super::yes")]
    pub createable: bool,
    /// Whether it may be changed later.
    #[serde(default = "super::yes")]
    pub updateable: bool,
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

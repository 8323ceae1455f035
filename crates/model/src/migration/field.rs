//! How one target field is computed from a source record.
//! It is written as an SQL expression, or as a small map whose keys say which of the other forms it has.

use std::fmt;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{OnInvalid, OnMissingParent};

/// The entry of `fields` that stands for all fields which source and target share by name: `"*": same`.
pub const SHARED: &str = "*";

/// An entry of `fields`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Field {
    /// An SQL expression over the source's columns.
    Expression(String),
    Lookup(Lookup),
    AnyLookup(AnyLookup),
    Reference(Reference),
    DeveloperName(DeveloperName),
    Mapped(Mapped),
}

/// The parent record, found by its key in the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// The object of this file that holds the parents.
    pub lookup: String,
    /// The column, or the expression, that holds the parent's key.
    pub by: String,
    /// It is set after all records of its object are moved, as lookups that form a cycle are by themselves.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub second_pass: bool,
    /// What becomes of a record whose parent is not in the target, where that is not as its object says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_missing_parent: Option<OnMissingParent>,
}

/// The parent record, where it may be of several objects: a polymorphic lookup. One that is null leaves the target's field as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnyLookup {
    /// The objects of this file that hold the parents.
    pub lookup: Vec<String>,
    /// An SQL expression that gives, for each record, the name of one of them.
    pub which: String,
    /// The column, or the expression, that holds the parent's key.
    pub by: String,
    /// As in a plain lookup.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub second_pass: bool,
    /// As in a plain lookup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_missing_parent: Option<OnMissingParent>,
}

/// A record that is in the target already and not moved by this file, such as an owner: found by a field that names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// The target's object and the field by which it is found, `User.Username`.
    pub reference: String,
    /// The column, or the expression, that holds the field's value.
    pub by: String,
}

/// A record type, by its developer name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeveloperName {
    /// An SQL expression that gives the developer name.
    pub developer_name: String,
}

/// An expression with more to say about its values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mapped {
    /// An SQL expression over the source's columns.
    pub from: String,
    /// Source value: target value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<ValueMap>,
    /// What becomes of a value that `values` does not list.
    #[serde(default)]
    pub otherwise: Otherwise,
    #[serde(default)]
    pub on_null: OnNull,
    #[serde(default, skip_serializing_if = "OnInvalid::is_reject")]
    pub on_invalid: OnInvalid,
}

pub type ValueMap = IndexMap<String, String>;

/// What becomes of a value that a value map does not list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Otherwise {
    #[default]
    Reject,
    /// It goes through as it is.
    Keep,
    /// It becomes null.
    Clear,
}

/// What a null does to the target's field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnNull {
    #[default]
    Clear,
    Keep,
}

impl Field {
    /// The SQL that the field is computed by, a lookup's key included.
    pub fn expression(&self) -> &str {
        match self {
            Self::Expression(sql) => sql,
            Self::Lookup(lookup) => &lookup.by,
            Self::AnyLookup(lookup) => &lookup.by,
            Self::Reference(reference) => &reference.by,
            Self::DeveloperName(name) => &name.developer_name,
            Self::Mapped(mapped) => &mapped.from,
        }
    }

    /// The objects of this file that hold its parents.
    pub fn parents(&self) -> &[String] {
        match self {
            Self::Lookup(lookup) => std::slice::from_ref(&lookup.lookup),
            Self::AnyLookup(lookup) => &lookup.lookup,
            _ => &[],
        }
    }

    /// Whether it is to be set in a second pass.
    pub fn second_pass(&self) -> bool {
        match self {
            Self::Lookup(lookup) => lookup.second_pass,
            Self::AnyLookup(lookup) => lookup.second_pass,
            _ => false,
        }
    }

    pub(super) fn set_second_pass(&mut self) {
        match self {
            Self::Lookup(lookup) => lookup.second_pass = true,
            Self::AnyLookup(lookup) => lookup.second_pass = true,
            _ => {}
        }
    }

    /// The same, set when its object is moved.
    pub(super) fn now(mut self) -> Self {
        match &mut self {
            Self::Lookup(lookup) => lookup.second_pass = false,
            Self::AnyLookup(lookup) => lookup.second_pass = false,
            _ => {}
        }
        self
    }

    pub fn on_null(&self) -> OnNull {
        match self {
            Self::Mapped(mapped) => mapped.on_null,
            _ => OnNull::Clear,
        }
    }
}

/// Every key of the forms that are maps. Which are there says which form it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnyForm {
    lookup: Option<OneOrSeveral>,
    which: Option<String>,
    by: Option<String>,
    second_pass: Option<bool>,
    #[serde(default, deserialize_with = "OnMissingParent::given")]
    on_missing_parent: Option<OnMissingParent>,
    reference: Option<String>,
    developer_name: Option<String>,
    from: Option<String>,
    values: Option<ValueMap>,
    otherwise: Option<Otherwise>,
    on_null: Option<OnNull>,
    #[serde(default, deserialize_with = "OnInvalid::given")]
    on_invalid: Option<OnInvalid>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrSeveral {
    One(String),
    Several(Vec<String>),
}

impl AnyForm {
    fn into_field(self) -> Option<Field> {
        let mapped = self.values.is_some()
            || self.otherwise.is_some()
            || self.on_null.is_some()
            || self.on_invalid.is_some();
        let Self {
            lookup,
            which,
            by,
            second_pass,
            on_missing_parent,
            reference,
            developer_name,
            from,
            ..
        } = self;
        // Nobody but a lookup has parents.
        if on_missing_parent.is_some() && lookup.is_none() {
            return None;
        }
        let found = (lookup, which, by, second_pass, reference);
        Some(match (found, developer_name, from) {
            ((Some(OneOrSeveral::One(lookup)), None, Some(by), second_pass, None), None, None)
                if !mapped =>
            {
                Field::Lookup(Lookup {
                    lookup,
                    by,
                    second_pass: second_pass.unwrap_or_default(),
                    on_missing_parent,
                })
            }
            (
                (Some(OneOrSeveral::Several(lookup)), Some(which), Some(by), second_pass, None),
                None,
                None,
            ) if !mapped => Field::AnyLookup(AnyLookup {
                lookup,
                which,
                by,
                second_pass: second_pass.unwrap_or_default(),
                on_missing_parent,
            }),
            ((None, None, Some(by), None, Some(reference)), None, None) if !mapped => {
                Field::Reference(Reference { reference, by })
            }
            ((None, None, None, None, None), Some(developer_name), None) if !mapped => {
                Field::DeveloperName(DeveloperName { developer_name })
            }
            ((None, None, None, None, None), None, Some(from)) => Field::Mapped(Mapped {
                from,
                values: self.values,
                otherwise: self.otherwise.unwrap_or_default(),
                on_null: self.on_null.unwrap_or_default(),
                on_invalid: self.on_invalid.unwrap_or_default(),
            }),
            _ => return None,
        })
    }
}

// Not derived as `untagged`: that reads scalars before it knows that a text is wanted, and turns `values: { 007: x }` into 7.
impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

struct FieldVisitor;

/// A bare `true`, `7` or `null` in YAML is an SQL expression too.
macro_rules! literals {
    ($($visit:ident($type:ty)),+) => {
        $(fn $visit<E>(self, literal: $type) -> Result<Field, E> {
            Ok(Field::Expression(literal.to_string()))
        })+
    };
}

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "an SQL expression, or a map with `lookup` and `by`, `reference` and `by`, `developer_name`, or `from`",
        )
    }

    literals!(
        visit_str(&str),
        visit_bool(bool),
        visit_i64(i64),
        visit_u64(u64),
        visit_f64(f64)
    );

    fn visit_unit<E>(self) -> Result<Field, E> {
        Ok(Field::Expression("null".to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Field, A::Error> {
        AnyForm::deserialize(MapAccessDeserializer::new(map))?
            .into_field()
            .ok_or_else(|| {
                A::Error::custom(
                    "a field is `{ lookup, by, second_pass, on_missing_parent }`, `{ lookup: [ … ], which, by, second_pass, on_missing_parent }`, `{ reference, by }`, `{ developer_name }` or \
                     `{ from, values, otherwise, on_null, on_invalid }`",
                )
            })
    }
}

impl JsonSchema for Field {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Field".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "anyOf": [
            { "type": ["string", "number", "boolean", "null"], "description": "An SQL expression over the source's columns." },
            generator.subschema_for::<Lookup>(),
            generator.subschema_for::<AnyLookup>(),
            generator.subschema_for::<Reference>(),
            generator.subschema_for::<DeveloperName>(),
            generator.subschema_for::<Mapped>(),
        ]})
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn field(yaml: &str) -> Result<Field, serde_saphyr::Error> {
        serde_saphyr::from_str(yaml)
    }

    #[test]
    fn every_form_is_understood() {
        assert_eq!(field("name").unwrap(), Field::Expression("name".into()));
        assert_eq!(field("null").unwrap(), Field::Expression("null".into()));
        assert_eq!(field("7").unwrap(), Field::Expression("7".into()));
        let lookup = field("{ lookup: accounts, by: id }").unwrap();
        assert_eq!(
            (lookup.parents(), lookup.second_pass()),
            (&["accounts".to_owned()][..], false)
        );
        let late = field("{ lookup: accounts, by: id, second_pass: true }").unwrap();
        assert!(late.second_pass() && late.now() == lookup);
        let any = field("{ lookup: [accounts, contacts], which: kind, by: id }").unwrap();
        assert_eq!(any.parents(), ["accounts", "contacts"]);
        let owner = field("{ reference: User.Username, by: login }").unwrap();
        assert_eq!(owner.expression(), "login");
        assert_eq!(field("{ developer_name: t }").unwrap().expression(), "t");
        assert_eq!(
            field("{ from: zip, on_null: keep }").unwrap().on_null(),
            OnNull::Keep
        );
    }

    #[test]
    fn value_maps_keep_their_texts() {
        let Field::Mapped(mapped) =
            field("{ from: s, values: { 007: Bond, N: No, 1.10: x } }").unwrap()
        else {
            panic!("a value map")
        };
        let keys: Vec<_> = mapped.values.unwrap().into_keys().collect();
        assert_eq!(keys, ["007", "N", "1.10"]);
    }

    #[test]
    fn mixed_forms_are_refused() {
        for yaml in [
            "{ lookup: a }",
            "{ lookup: a, by: b, on_null: keep }",
            "{ lookup: a, by: b, on_invalid: null }",
            "{ from: a, developer_name: b }",
            "{ lookup: [a, b], by: c }",
            "{ lookup: a, which: w, by: c }",
            "{ reference: User.Username, by: a, second_pass: true }",
            "{ reference: User.Username, by: a, values: { x: y } }",
            "{ colour: red }",
        ] {
            assert!(field(yaml).is_err(), "{yaml}");
        }
    }
}

//! How one target field is computed from a source record.
//! It is written as an SQL expression, or as a small map whose keys say which of the other forms it has.

use std::fmt;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// An entry of `fields`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Field {
    /// An SQL expression over the source's columns.
    Expression(String),
    Lookup(Lookup),
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
            Self::DeveloperName(name) => &name.developer_name,
            Self::Mapped(mapped) => &mapped.from,
        }
    }

    pub fn lookup(&self) -> Option<&Lookup> {
        match self {
            Self::Lookup(lookup) => Some(lookup),
            _ => None,
        }
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
    lookup: Option<String>,
    by: Option<String>,
    developer_name: Option<String>,
    from: Option<String>,
    values: Option<ValueMap>,
    otherwise: Option<Otherwise>,
    on_null: Option<OnNull>,
}

impl AnyForm {
    fn into_field(self) -> Option<Field> {
        let plain = self.values.is_none() && self.otherwise.is_none() && self.on_null.is_none();
        match self {
            Self {
                lookup: Some(lookup),
                by: Some(by),
                developer_name: None,
                from: None,
                ..
            } if plain => Some(Field::Lookup(Lookup { lookup, by })),
            Self {
                developer_name: Some(developer_name),
                lookup: None,
                by: None,
                from: None,
                ..
            } if plain => Some(Field::DeveloperName(DeveloperName { developer_name })),
            Self {
                from: Some(from),
                values,
                otherwise,
                on_null,
                lookup: None,
                by: None,
                developer_name: None,
            } => Some(Field::Mapped(Mapped {
                from,
                values,
                otherwise: otherwise.unwrap_or_default(),
                on_null: on_null.unwrap_or_default(),
            })),
            _ => None,
        }
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
            "an SQL expression, or a map with `lookup` and `by`, `developer_name`, or `from`",
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
                    "a field is `{ lookup, by }`, `{ developer_name }` or `{ from, values, otherwise, on_null }`",
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
        assert!(
            field("{ lookup: accounts, by: id }")
                .unwrap()
                .lookup()
                .is_some()
        );
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
            "{ from: a, developer_name: b }",
            "{ colour: red }",
        ] {
            assert!(field(yaml).is_err(), "{yaml}");
        }
    }
}

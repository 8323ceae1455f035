//! What becomes of a record whose parent is not in the target. Whatever is changed or made by it is counted and recorded.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Field, Migration, OWN_ID, Object};

/// A lookup whose parent is not in the target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnMissingParent {
    /// The child is not moved; the error names the missing parent.
    #[default]
    Reject,
    /// The child is moved without its parent.
    Null,
    /// A record that has the parent's key and little else is made in its place, until the parent comes.
    Placeholder,
}

impl OnMissingParent {
    /// For an entry that may be left out: a bare `null` is YAML's own word for nothing, and here it is a choice.
    pub(super) fn given<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Self>, D::Error> {
        Self::deserialize(deserializer).map(Some)
    }
}

impl Object {
    /// What becomes of its records whose parent this lookup does not find. A record's own id is nobody's to give.
    pub fn on_missing(&self, name: &str, field: &Field) -> OnMissingParent {
        match field {
            _ if name == OWN_ID => OnMissingParent::Reject,
            Field::Lookup(lookup) => lookup.on_missing_parent.unwrap_or(self.on_missing_parent),
            Field::AnyLookup(lookup) => lookup.on_missing_parent.unwrap_or(self.on_missing_parent),
            _ => OnMissingParent::Reject,
        }
    }
}

impl Migration {
    /// Whether placeholders may stand for records of an object.
    pub fn has_placeholders(&self, parent: &str) -> bool {
        self.objects.iter().any(|object| {
            object.fields.iter().flatten().any(|(name, field)| {
                object.on_missing(name, field) == OnMissingParent::Placeholder
                    && field.parents().iter().any(|name| name == parent)
            })
        })
    }
}

impl<'de> Deserialize<'de> for OnMissingParent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Choice;

        impl Visitor<'_> for Choice {
            type Value = OnMissingParent;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`reject`, `null` or `placeholder`")
            }

            fn visit_unit<E>(self) -> Result<OnMissingParent, E> {
                Ok(OnMissingParent::Null)
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<OnMissingParent, E> {
                match word {
                    "reject" => Ok(OnMissingParent::Reject),
                    "null" => Ok(OnMissingParent::Null),
                    "placeholder" => Ok(OnMissingParent::Placeholder),
                    other => Err(E::unknown_variant(
                        other,
                        &["reject", "null", "placeholder"],
                    )),
                }
            }
        }

        deserializer.deserialize_any(Choice)
    }
}

impl JsonSchema for OnMissingParent {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "OnMissingParent".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "description": "What becomes of a record whose parent is not in the target: `reject` it; move it without its parent (`null`); or make a `placeholder` in the parent's place. What is changed or made is counted and recorded.",
            "enum": ["reject", "null", "placeholder", null]
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_null_is_a_choice_and_comes_back_as_it_was() {
        let head = "migration: m\nconnections:\n  a: { kind: sqlite, url: \"sqlite:///x\" }\nsource: a\ntarget: a\nobjects:\n";
        let objects = "  - { name: p, from: { table: p }, key: id, to: P, operation: upsert, external_id: K, fields: { K: id }, placeholder: { N: 0 } }
  - name: c
    from: { table: c }
    to: C
    fields: { A: { lookup: p, by: a }, B: { lookup: p, by: b, on_missing_parent: placeholder }, C: { lookup: p, by: c, on_missing_parent: ~ } }
    on_missing_parent: POLICY
";
        for (written, expected) in [
            ("null", OnMissingParent::Null),
            ("'null'", OnMissingParent::Null),
            ("reject", OnMissingParent::Reject),
            ("placeholder", OnMissingParent::Placeholder),
        ] {
            let file = format!("{head}{}", objects.replace("POLICY", written));
            let migration = Migration::parse(&file, "m.yaml").unwrap();
            let child = migration.object("c").unwrap();
            let fields = child.fields.as_ref().unwrap();
            let policies: Vec<_> = fields
                .iter()
                .map(|(name, field)| child.on_missing(name, field))
                .collect();
            assert_eq!(
                policies,
                [
                    expected,
                    OnMissingParent::Placeholder,
                    OnMissingParent::Null
                ]
            );
            assert!(migration.has_placeholders("p") && !migration.has_placeholders("c"));
            let again = Migration::parse(&migration.to_yaml().unwrap(), "m.yaml").unwrap();
            assert_eq!(again, migration);
        }
        let file = format!("{head}{}", objects.replace("POLICY", "ignore"));
        assert_eq!(
            Migration::parse(&file, "m.yaml").unwrap_err().code,
            "invalid_file"
        );
    }
}

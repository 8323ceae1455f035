//! What becomes of a value that the target would refuse. Whatever is changed by it is counted and recorded.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// What becomes of a value that the target would refuse.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnInvalid {
    /// Its record is rejected.
    #[default]
    Reject,
    /// A text that is too long is cut to what fits; everything else is rejected.
    Truncate,
    /// It becomes null.
    Null,
    /// The value of this SQL expression over constants takes its place, and that of a null which the field does not take.
    Default(String),
}

impl OnInvalid {
    pub fn is_reject(&self) -> bool {
        *self == Self::Reject
    }

    /// As it is written, for messages.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Reject => "reject",
            Self::Truncate => "truncate",
            Self::Null => "null",
            Self::Default(_) => "default",
        }
    }

    /// For an entry that may be left out: a bare `null` is YAML's own word for nothing, and here it is a choice.
    pub(super) fn given<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Self>, D::Error> {
        Self::deserialize(deserializer).map(Some)
    }
}

impl<'de> Deserialize<'de> for OnInvalid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Choice)
    }
}

struct Choice;

impl<'de> Visitor<'de> for Choice {
    type Value = OnInvalid;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`reject`, `truncate`, `null`, or `{ default: <expression over constants> }`")
    }

    fn visit_unit<E>(self) -> Result<OnInvalid, E> {
        Ok(OnInvalid::Null)
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<OnInvalid, E> {
        match word {
            "reject" => Ok(OnInvalid::Reject),
            "truncate" => Ok(OnInvalid::Truncate),
            "null" => Ok(OnInvalid::Null),
            other => Err(E::custom(format!(
                "`{other}` is no policy: there are `reject`, `truncate`, `null` and `{{ default: <expression> }}`"
            ))),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<OnInvalid, A::Error> {
        let mut default = None;
        while let Some(key) = map.next_key::<String>()? {
            if key != "default" || default.is_some() {
                return Err(A::Error::custom(format!(
                    "`{key}` is not known here: the form is `{{ default: <expression> }}`"
                )));
            }
            default = Some(map.next_value::<Literal>()?.0);
        }
        default
            .map(OnInvalid::Default)
            .ok_or_else(|| A::Error::missing_field("default"))
    }
}

/// An SQL expression; a bare number, truth or null of YAML is one too.
pub(super) struct Literal(pub(super) String);

macro_rules! literals {
    ($($visit:ident($type:ty)),+) => {
        $(fn $visit<E>(self, literal: $type) -> Result<Literal, E> {
            Ok(Literal(literal.to_string()))
        })+
    };
}

impl<'de> Deserialize<'de> for Literal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Literal;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an SQL expression over constants")
            }

            literals!(
                visit_str(&str),
                visit_bool(bool),
                visit_i64(i64),
                visit_u64(u64),
                visit_f64(f64)
            );

            fn visit_unit<E>(self) -> Result<Literal, E> {
                Ok(Literal("null".to_owned()))
            }
        }

        deserializer.deserialize_any(Text)
    }
}

impl JsonSchema for OnInvalid {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "OnInvalid".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "description": "What becomes of a value that the target would refuse. What is changed is counted and recorded.",
            "anyOf": [
                { "enum": ["reject", "truncate", "null", null] },
                {
                    "type": "object",
                    "properties": { "default": {
                        "type": ["string", "number", "boolean"],
                        "description": "An SQL expression over constants; a text stands in single quotes within the double ones."
                    } },
                    "required": ["default"],
                    "additionalProperties": false
                }
            ]
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::migration::Field;

    fn policy(yaml: &str) -> Result<OnInvalid, serde_saphyr::Error> {
        let field: Field = serde_saphyr::from_str(&format!("{{ from: a, on_invalid: {yaml} }}"))?;
        let Field::Mapped(mapped) = field else {
            panic!("{yaml} makes another form of it")
        };
        Ok(mapped.on_invalid)
    }

    #[test]
    fn every_policy_is_understood_and_written_as_it_is_read() {
        for (yaml, expected) in [
            ("reject", OnInvalid::Reject),
            ("truncate", OnInvalid::Truncate),
            ("null", OnInvalid::Null),
            ("'null'", OnInvalid::Null),
            ("~", OnInvalid::Null),
            (
                "{ default: \"'none'\" }",
                OnInvalid::Default("'none'".into()),
            ),
            ("{ default: 0 }", OnInvalid::Default("0".into())),
            ("{ default: false }", OnInvalid::Default("false".into())),
        ] {
            let read = policy(yaml).unwrap();
            assert_eq!(read, expected, "{yaml}");
            let field: Field =
                serde_saphyr::from_str(&format!("{{ from: a, on_invalid: {yaml} }}")).unwrap();
            let written = serde_saphyr::to_string(&field).unwrap();
            assert_eq!(
                serde_saphyr::from_str::<Field>(&written).unwrap(),
                field,
                "{written}"
            );
            let json = serde_json::to_value(&field).unwrap();
            assert_eq!(
                serde_json::from_value::<Field>(json).unwrap(),
                field,
                "{yaml}"
            );
        }
    }

    #[test]
    fn what_is_no_policy_is_refused() {
        for yaml in [
            "cut",
            "7",
            "{}",
            "{ default: 1, else: 2 }",
            "{ truncate: 3 }",
            "[null]",
        ] {
            assert!(policy(yaml).is_err(), "{yaml}");
        }
    }
}

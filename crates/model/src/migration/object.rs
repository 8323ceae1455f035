//! One entity being moved: where it is read, what makes a record of it, where it goes.

use std::fmt;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::on_invalid::Literal;
use super::{Field, OnDuplicateKey, OnMissingParent, Reconcile, Rule};

/// An entry of `objects`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Object {
    /// Letters, digits, `-` and `_`; unique in the file.
    pub name: String,
    pub from: From,
    /// The source columns that identify a record; left out where there are none.
    #[serde(
        default,
        deserialize_with = "one_or_many",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(with = "OneOrMany")]
    pub key: Vec<String>,
    /// The source columns along which a table is cut into chunks, before those of the key: a reference to the parent, so that children of one parent come
    /// into one chunk, or into as few as hold them. An org locks a parent while a child of it is written, and jobs that share parents fight for them. Records
    /// in which one of the columns is null come last. An index that begins with these columns makes it cheap. Left out, the key alone is what is cut by.
    #[serde(
        default,
        deserialize_with = "one_or_many",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(with = "OneOrMany")]
    pub chunk_by: Vec<String>,
    /// The column that tells which of two versions of a record is the later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watermark: Option<String>,
    /// The target's object or table.
    pub to: String,
    #[serde(default)]
    pub operation: Operation,
    /// The target fields that identify a record there: the external id of a Salesforce object, the key columns of a
    /// table (its primary key if left out). A Salesforce insert needs it too: it names the field that carries our key.
    #[serde(
        default,
        deserialize_with = "one_or_many",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(with = "OneOrMany")]
    pub external_id: Vec<String>,
    /// Lookups find this object's records by the ids that the target gives them, which are kept. Without it they go by the external id; where there is none
    /// that lookups could use, ids are kept all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub id_map: bool,
    /// Target field: how it is computed. `@id` is the target's own id of a record, as it was kept. Left out on an SQL target, columns of the same name are carried as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<IndexMap<String, Field>>,
    /// Objects that must be moved before this one, besides those that its lookups name.
    #[serde(
        default,
        deserialize_with = "one_or_many",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(with = "OneOrMany")]
    pub after: Vec<String>,
    /// The object of this file whose records this one only links, once they are moved: the second pass of lookups that form a cycle. Written by Stevedore
    /// itself; a file need not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_pass_of: Option<String>,
    /// For all its lookups that do not say otherwise themselves.
    #[serde(default)]
    pub on_missing_parent: OnMissingParent,
    /// Target field: an SQL expression over constants. What a placeholder has besides its key, where children of this object's records ask for some.
    #[serde(
        default,
        deserialize_with = "constants",
        skip_serializing_if = "IndexMap::is_empty"
    )]
    #[schemars(with = "std::collections::BTreeMap<String, Constant>")]
    pub placeholder: IndexMap<String, String>,
    #[serde(default)]
    pub on_duplicate_key: OnDuplicateKey,
    /// What every record has to fulfil to be moved; the first that one does not fulfil decides about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    #[serde(default)]
    pub reconcile: Reconcile,
}

/// Where an object is read: exactly one of the three.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum From {
    /// A table or view, `name` or `schema.name`.
    Table(String),
    /// A `select` of the source's own dialect.
    Query(String),
    /// A file or a pattern of files, `accounts-*.csv`.
    File(String),
}

impl From {
    /// The name as written, for messages.
    pub fn describe(&self) -> &str {
        match self {
            Self::Table(name) | Self::File(name) => name,
            Self::Query(_) => "the query",
        }
    }
}

/// What is done in the target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    #[default]
    Insert,
    Update,
    Upsert,
    /// In an org, into its recycle bin.
    Delete,
    /// Past an org's recycle bin.
    HardDelete,
}

impl Operation {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Upsert => "upsert",
            Self::Delete => "delete",
            Self::HardDelete => "hard_delete",
        }
    }

    pub fn deletes(self) -> bool {
        matches!(self, Self::Delete | Self::HardDelete)
    }

    /// Whether records are found in the target by their key.
    pub fn needs_key(self) -> bool {
        self != Self::Insert
    }
}

/// `a` or `[a, b]`.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "only the form's JSON Schema is wanted of it")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// An SQL expression, or a bare number or truth.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "only the form's JSON Schema is wanted of it")]
enum Constant {
    Expression(String),
    Number(f64),
    Truth(bool),
}

fn constants<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<IndexMap<String, String>, D::Error> {
    let written = IndexMap::<String, Literal>::deserialize(deserializer)?;
    Ok(written
        .into_iter()
        .map(|(name, sql)| (name, sql.0))
        .collect())
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct Names;

    impl<'de> Visitor<'de> for Names {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a name or a list of names")
        }

        fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
            Ok(vec![name.to_owned()])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<Self::Value, A::Error> {
            let mut all = Vec::new();
            while let Some(name) = names.next_element()? {
                all.push(name);
            }
            Ok(all)
        }
    }

    deserializer.deserialize_any(Names)
}

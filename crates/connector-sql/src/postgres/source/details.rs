//! What the source remembers of a described object beyond columns and key: how it is read, and by which facts it can be split.
//! It is stored with the run, so every service reads by the same types.

use connector::SourceObject;
use model::Failure;
use serde::{Deserialize, Serialize};

use crate::postgres::quote;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Details {
    /// What stands after `from`; its alias is `q`.
    pub(super) relation: String,
    /// What each column is cast to when it is read.
    pub(super) casts: Vec<String>,
    pub(super) key: Vec<KeyColumn>,
    /// None for a query.
    pub(super) table: Option<Table>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyColumn {
    pub(super) name: String,
    /// The type by which a text becomes a value of this column again, without a modifier.
    pub(super) cast: String,
    /// The column's own collation, quoted, where it has one.
    pub(super) collation: Option<String>,
    pub(super) nullable: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    pub(super) schema: String,
    pub(super) name: String,
    /// Whether it has pages of its own that can be sampled.
    pub(super) sampled: bool,
    /// Whether an index begins with the key's first column, so that a look at one key is cheap.
    pub(super) indexed: bool,
}

impl Details {
    pub(super) fn of(object: &SourceObject) -> Result<Self, Failure> {
        serde_json::from_value(object.details.clone()).map_err(|error| {
            Failure::chunk(
                "unreadable_details",
                format!("what was stored of this object can't be understood: {error}"),
            )
            .object(&object.object.name)
            .hint("services of different versions share one database; bring them to one version")
        })
    }

    /// The object with these details for its own.
    pub(super) fn in_place_of(&self, object: &SourceObject) -> Result<SourceObject, Failure> {
        let details = serde_json::to_value(self)
            .map_err(|error| Failure::bug(format!("details do not encode: {error}")))?;
        Ok(SourceObject {
            details,
            ..object.clone()
        })
    }

    /// The key columns, `q."a",q."b"`.
    pub(super) fn key_list(&self) -> String {
        self.columns().join(",")
    }

    /// The key columns as text, `q."a"::text,q."b"::text`.
    pub(super) fn key_texts(&self) -> String {
        let texts: Vec<String> = self
            .columns()
            .iter()
            .map(|column| format!("{column}::text"))
            .collect();
        texts.join(",")
    }

    pub(super) fn columns(&self) -> Vec<String> {
        self.key
            .iter()
            .map(|column| format!("q.{}", quote::name(&column.name)))
            .collect()
    }

    pub(super) fn nullable(&self) -> bool {
        self.key.iter().any(|column| column.nullable)
    }
}

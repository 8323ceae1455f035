//! What the source remembers of a described object beyond columns and key: how it is read, and by which facts it can be split.
//! It is stored with the run, so every service reads by the same types.

use connector::SourceObject;
use model::Failure;
use serde::{Deserialize, Serialize};

use crate::split::Sections;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Details {
    /// What stands after `from`; its alias is `q`.
    pub(super) relation: String,
    /// What each column is cast to when it is read.
    pub(super) casts: Vec<String>,
    pub(super) key: Vec<KeyColumn>,
    /// The columns before the key's along which it is cut.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) chunk_by: Vec<KeyColumn>,
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
    /// Whether an index begins with the first column that it is cut along, so that a look at one key is cheap.
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

    pub(super) fn sections(&self) -> Sections {
        let nullable = |columns: &[KeyColumn]| columns.iter().any(|column| column.nullable);
        Sections {
            parentless: nullable(&self.chunk_by),
            nulls: nullable(&self.key),
        }
    }
}

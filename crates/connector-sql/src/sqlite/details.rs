//! What the source remembers of a described object beyond columns and key; it is stored with the run.

use connector::SourceObject;
use model::Failure;
use serde::{Deserialize, Serialize};

use super::kind::Kind;
use crate::split::{Ordered, Sections};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Details {
    /// What stands after `from`; its alias is `q`.
    pub(super) relation: String,
    pub(super) table: bool,
    pub(super) kinds: Vec<Kind>,
    /// The columns by which records are ordered and split: the key, else the hidden row number; empty where there is neither.
    pub(super) order: Vec<OrderColumn>,
    /// The columns before those along which it is cut.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) chunk_by: Vec<OrderColumn>,
    /// The name of the hidden row number, where the table has one.
    pub(super) row_number: Option<String>,
    /// Whether a look at one value of the first column that it is cut along is cheap.
    pub(super) indexed: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OrderColumn {
    pub(super) name: String,
    pub(super) nullable: bool,
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

    /// `q."a"` for each column of the order.
    pub(super) fn columns(&self) -> Vec<String> {
        self.order.iter().map(OrderColumn::sql).collect()
    }

    pub(super) fn sections(&self) -> Sections {
        let nullable = |columns: &[OrderColumn]| columns.iter().any(|column| column.nullable);
        Sections {
            parentless: nullable(&self.chunk_by),
            nulls: nullable(&self.order),
        }
    }

    /// Whether records are ordered by their hidden row number.
    pub(super) fn by_row_number(&self, object: &SourceObject) -> bool {
        object.key.is_empty() && !self.order.is_empty()
    }
}

/// What a record without a key is called.
pub(super) fn row_name(number: i64) -> String {
    format!("rowid {number}")
}

/// The row number of such a name.
pub(super) fn row_number(name: &str) -> Option<i64> {
    name.strip_prefix("rowid ")?.parse().ok()
}

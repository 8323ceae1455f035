//! What is asked for a draft of a migration file, and answered.

use std::collections::BTreeMap;

use model::migration::{ConnectionTemplate, Operation};
use model::{Finding, Secret};
use serde::{Deserialize, Serialize, Serializer};

/// `POST /api/init`. Nothing of it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// What the migration is to be called.
    pub migration: String,
    /// As it is to stand under `connections`.
    pub source: ConnectionTemplate,
    /// None where the target is not known yet.
    #[serde(default)]
    pub target: Option<ConnectionTemplate>,
    /// Values for `${NAME}`, before those of the coordinator's own environment. They are used for this one request, and never in its answer.
    #[serde(default, serialize_with = "exposed")]
    pub variables: BTreeMap<String, Secret>,
    /// Only these objects of the source, or files; empty for all.
    #[serde(default)]
    pub only: Vec<String>,
}

/// The one place where a secret travels: from whoever was given it to the coordinator that opens the connection.
fn exposed<S: Serializer>(
    variables: &BTreeMap<String, Secret>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(variables.iter().map(|(name, value)| (name, value.expose())))
}

/// A drafted migration file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drafted {
    pub migration: String,
    /// The file.
    pub text: String,
    pub objects: Vec<DraftedObject>,
    /// What was matched by a guess, what was not matched, and what is at risk.
    pub findings: Vec<Finding>,
    /// Environment variables that the file names.
    pub variables: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DraftedObject {
    pub name: String,
    pub from: String,
    pub to: String,
    /// How the two were matched; none where no target was given.
    #[serde(default)]
    pub matched: Option<String>,
    pub operation: Operation,
    /// The target fields by which its records are found.
    pub external_id: Vec<String>,
    /// Columns of the source, and those of them that fill a field.
    pub columns: u64,
    pub used: u64,
    /// Why it stands in the file as a comment only, where it does.
    #[serde(default)]
    pub put_aside: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_reaches_the_coordinator_and_is_shown_to_nobody() {
        let draft: Draft = serde_json::from_str(
            r#"{"migration":"m","source":{"kind":"postgres","url":"${URL}"},"variables":{"URL":"postgres://u:hunter2@h/d"}}"#,
        )
        .unwrap_or_else(|error| panic!("{error}"));
        assert!(!format!("{draft:?}").contains("hunter2"));
        let sent = serde_json::to_string(&draft).unwrap_or_default();
        assert!(sent.contains("hunter2"));
    }
}

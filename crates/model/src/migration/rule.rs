//! What every record of an object has to fulfil to be moved, whatever the target would take.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An entry of an object's `rules`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Letters, digits, `-` and `_`; unique in the object. Records that are refused for it have the code `rule_<name>`.
    pub name: String,
    /// A condition in SQL over the source's columns, `amount >= 0`. As with a check in SQL, a record for which it is neither true nor false passes.
    pub require: String,
    /// What becomes of a record for which it is false.
    #[serde(default)]
    pub otherwise: Unfulfilled,
}

/// What becomes of a record that does not fulfil a rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unfulfilled {
    #[default]
    Reject,
    /// It is left out on purpose.
    Skip,
}

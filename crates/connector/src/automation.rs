//! What a target does by itself when records are written, and the switches of it.

use async_trait::async_trait;
use model::Failure;
use model::migration::AutomationKind;
use serde_json::Value;

use crate::Intent;

/// The switches of a target's own automation.
///
/// A state is the target's own word for how one item is set, whole; only the target reads it. It is stored before it is changed, so that whoever goes on
/// after a crash can tell by `state` what was done, and bring back what was. Nobody else is asked to wait: others may change an item at any time, and
/// two states are compared by `same_state`.
#[async_trait]
pub trait Automation: Send + Sync {
    /// The system itself, by a name that does not depend on the connection: two runs into one place have its switches in common.
    async fn place(&self) -> Result<String, Failure>;

    /// Whatever acts on records when these intents are carried out, each once, or would if it were active.
    async fn acting(&self, intents: &[Intent]) -> Result<Vec<Acting>, Failure>;

    /// How an item is now; none if it is there no more.
    async fn state(&self, kind: AutomationKind, id: &str) -> Result<Option<Value>, Failure>;

    /// The state that differs from this one only in that the item is switched off.
    fn off(&self, kind: AutomationKind, state: &Value) -> Value;

    /// Sets an item. Doing it twice is doing it once; after an error it is open whether it was done.
    async fn set(&self, kind: AutomationKind, id: &str, state: &Value) -> Result<(), Failure>;
}

/// One thing that a target does by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acting {
    pub kind: AutomationKind,
    /// As migration files name it: `Account.Must_Have_Name`; a flow by its API name.
    pub name: String,
    /// The target's object on whose records it acts, in the target's own spelling.
    pub object: String,
    pub active: bool,
    /// What it does, in a sentence.
    pub what: String,
    pub switch: Switch,
}

/// How something is switched off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Switch {
    /// By `Automation::set`, under this id.
    Api { id: String },
    /// By a person only, in this way.
    Hand { way: String },
}

/// Whether two states are one: what is null in one may be left out of the other.
pub fn same_state(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let covers = |a: &serde_json::Map<String, Value>,
                          b: &serde_json::Map<String, Value>| {
                a.iter()
                    .all(|(name, value)| same_state(value, b.get(name).unwrap_or(&Value::Null)))
            };
            covers(one, other) && covers(other, one)
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| same_state(a, b))
        }
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn states_are_compared_without_their_nulls() {
        let whole = json!({"active": true, "urls": null, "list": [{"a": null}]});
        assert!(same_state(&whole, &json!({"active": true, "list": [{}]})));
        assert!(same_state(&json!({"list": [{}], "active": true}), &whole));
        assert!(!same_state(&whole, &json!({"active": false, "list": [{}]})));
        assert!(!same_state(&whole, &json!({"active": true})));
    }
}

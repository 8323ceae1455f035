//! What a target does by itself when records are written, and what of it a run switches off while it writes.

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Failure;

/// What of the target's own automation is switched off while a run writes, and on again at its end. Left out: nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Automation {
    /// Kinds (`validation_rules`, `workflow_rules`, `flows`), of which all that act on the run's objects are meant, and single ones by name:
    /// `Account.Must_Have_Name`, a flow by its API name.
    #[serde(default)]
    pub switch_off: Vec<String>,
    /// Names of those that stay on all the same.
    #[serde(default)]
    pub except: Vec<String>,
}

/// A kind of what a target does by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AutomationKind {
    Triggers,
    ValidationRules,
    WorkflowRules,
    DuplicateRules,
    Flows,
}

impl AutomationKind {
    pub const ALL: [Self; 5] = [
        Self::Triggers,
        Self::ValidationRules,
        Self::WorkflowRules,
        Self::DuplicateRules,
        Self::Flows,
    ];

    /// As migration files name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Triggers => "triggers",
            Self::ValidationRules => "validation_rules",
            Self::WorkflowRules => "workflow_rules",
            Self::DuplicateRules => "duplicate_rules",
            Self::Flows => "flows",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// One of them, for sentences.
    pub fn one(self) -> &'static str {
        match self {
            Self::Triggers => "trigger",
            Self::ValidationRules => "validation rule",
            Self::WorkflowRules => "workflow rule",
            Self::DuplicateRules => "duplicate rule",
            Self::Flows => "flow",
        }
    }

    /// Whether single ones can be switched off and on without a deployment.
    pub fn can_be_switched(self) -> bool {
        match self {
            Self::ValidationRules | Self::WorkflowRules | Self::Flows => true,
            Self::Triggers | Self::DuplicateRules => false,
        }
    }
}

impl Automation {
    /// Whether anything is to be switched off.
    pub fn asks(&self) -> bool {
        !self.switch_off.is_empty()
    }

    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether this one is to be switched off.
    pub fn chooses(&self, kind: AutomationKind, name: &str) -> bool {
        let named = |entry: &String| entry.eq_ignore_ascii_case(name);
        let meant = |entry: &String| entry == kind.as_str() || named(entry);
        self.switch_off.iter().any(meant) && !self.except.iter().any(named)
    }

    /// The entries that name single ones.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        let off = self.switch_off.iter();
        let off = off.filter(|entry| AutomationKind::parse(entry).is_none());
        off.chain(&self.except)
    }

    /// What is wrong in itself, with the entry at fault.
    pub(super) fn check(&self) -> Result<(), (Failure, String)> {
        let wrong = |entry: &str, code: &str, message: String, hint: &str| {
            let failure = Failure::usage(code, message).hint(hint);
            Err((failure, format!("automation.{entry}")))
        };
        for (list, entries) in [("switch_off", &self.switch_off), ("except", &self.except)] {
            let mut seen = HashSet::new();
            for entry in entries {
                if entry.trim().is_empty() {
                    return wrong(
                        list,
                        "invalid_name",
                        "an entry is empty".to_owned(),
                        "write a kind, such as validation_rules, or a name, such as Account.Must_Have_Name",
                    );
                }
                if !seen.insert(entry.to_lowercase()) {
                    let message = format!("`{entry}` stands there twice");
                    return wrong(list, "duplicate_name", message, "take one of them out");
                }
            }
        }
        for kind in self
            .switch_off
            .iter()
            .filter_map(|e| AutomationKind::parse(e))
        {
            if !kind.can_be_switched() {
                return wrong(
                    "switch_off",
                    "not_switchable",
                    format!(
                        "`{}` can't be switched off by a run: no API does that",
                        kind.as_str()
                    ),
                    "take it out; `stevedore doctor` lists what is to be switched off by hand, and where",
                );
            }
        }
        if let Some(kind) = self
            .except
            .iter()
            .find(|e| AutomationKind::parse(e).is_some())
        {
            return wrong(
                "except",
                "invalid_exception",
                format!("`{kind}` is a kind; exceptions are single ones, by name"),
                "leave the kind out of `switch_off` in its place",
            );
        }
        if !self.except.is_empty() && !self.asks() {
            return wrong(
                "except",
                "nothing_switched_off",
                "there are exceptions, but nothing is switched off".to_owned(),
                "name kinds or single ones under `switch_off`",
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(switch_off: &[&str], except: &[&str]) -> Automation {
        let owned = |list: &[&str]| list.iter().map(|&entry| entry.to_owned()).collect();
        Automation {
            switch_off: owned(switch_off),
            except: owned(except),
        }
    }

    #[test]
    fn kinds_and_names_choose_and_exceptions_stay_on() {
        let chosen = of(&["validation_rules", "Greet"], &["account.must_have_name"]);
        let rules = AutomationKind::ValidationRules;
        assert!(chosen.chooses(rules, "Account.Other"));
        assert!(!chosen.chooses(rules, "Account.Must_Have_Name"));
        assert!(chosen.chooses(AutomationKind::Flows, "greet"));
        assert!(!chosen.chooses(AutomationKind::Flows, "Other"));
        assert!(!chosen.chooses(AutomationKind::WorkflowRules, "validation_rules.x"));
        let names: Vec<_> = chosen.names().collect();
        assert_eq!(names, ["Greet", "account.must_have_name"]);
        assert!(!Automation::default().asks());
    }

    #[test]
    fn what_can_not_be_meant_is_refused() {
        for (automation, code) in [
            (of(&["triggers"], &[]), "not_switchable"),
            (of(&["duplicate_rules"], &[]), "not_switchable"),
            (of(&["flows"], &["flows"]), "invalid_exception"),
            (of(&["flows", "Flows"], &[]), "duplicate_name"),
            (of(&["flows", " "], &[]), "invalid_name"),
            (of(&[], &["Account.X"]), "nothing_switched_off"),
        ] {
            let (failure, _) = automation.check().expect_err("is wrong");
            assert_eq!(failure.code, code, "{failure}");
            assert!(failure.hint.is_some());
        }
        assert!(of(&["flows", "Account.X"], &["Greet"]).check().is_ok());
    }
}

//! What the org does by itself when records of an object are written: triggers, rules and flows that are active, and how each is switched off.
//! Source of the queries: Tooling API guide; flows and duplicate rules are told by the data API.

use std::collections::HashMap;

use model::migration::Operation;
use model::{Failure, Finding};
use serde_json::Value;

use super::{rows, text};
use crate::client::Client;
use crate::describe::Described;
use crate::errors::CallError;
use crate::soql::{escaped, is_name};

const TOOLING: &[&str] = &["tooling", "query"];
const DATA: &[&str] = &["query"];
/// Workflow rules whose metadata is asked for, one by one as the org wants it.
const MOST_WORKFLOWS: usize = 50;

const TRIGGERS: &str = "SELECT Name, TableEnumOrId, NamespacePrefix, UsageBeforeInsert, UsageAfterInsert, UsageBeforeUpdate, UsageAfterUpdate, \
                        UsageBeforeDelete, UsageAfterDelete FROM ApexTrigger WHERE Status='Active'";
const WORKFLOWS: &str = "SELECT Id, Name, TableEnumOrId FROM WorkflowRule";
const FLOWS: &str = "SELECT ApiName, Label, ProcessType, TriggerType, TriggerObjectOrEventLabel FROM FlowDefinitionView WHERE IsActive=true";

/// The org's answers that hold for all objects, asked once.
#[derive(Default)]
pub(super) struct Automation {
    known: HashMap<&'static str, Result<Vec<Value>, Failure>>,
}

/// What an org can do by itself.
struct Kind {
    /// In the plural.
    name: &'static str,
    /// Where a person finds them.
    setup: &'static str,
}

const KINDS: [Kind; 5] = [
    Kind {
        name: "Apex triggers",
        setup: "Setup > Object Manager > Triggers",
    },
    Kind {
        name: "validation rules",
        setup: "Setup > Object Manager > Validation Rules",
    },
    Kind {
        name: "workflow rules",
        setup: "Setup > Workflow Rules",
    },
    Kind {
        name: "duplicate rules",
        setup: "Setup > Duplicate Rules",
    },
    Kind {
        name: "flows and processes",
        setup: "Setup > Flows",
    },
];

impl Automation {
    /// Findings about one object that these operations are done to.
    pub(super) async fn inspect(
        &mut self,
        client: &Client,
        described: &Described,
        operations: &[Operation],
    ) -> Vec<Finding> {
        let object = &described.object.name;
        if !is_name(object) {
            return Vec::new();
        }
        let tables = tables(client, object).await;
        let told = [
            self.triggers(client, &tables, object, operations).await,
            validation_rules(client, object).await,
            self.workflow_rules(client, &tables, object).await,
            duplicate_rules(client, object).await,
            self.flows(client, described, operations).await,
        ];
        let mut findings = Vec::new();
        let mut none = Vec::new();
        let mut refused: Vec<(String, Vec<&Kind>)> = Vec::new();
        for (kind, told) in KINDS.iter().zip(told) {
            match told {
                Ok(found) if found.is_empty() => none.push(kind.name),
                Ok(found) => findings.extend(found),
                Err(failure) => {
                    let reason = last_line(&failure.message).to_owned();
                    match refused.iter_mut().find(|(known, _)| *known == reason) {
                        Some((_, kinds)) => kinds.push(kind),
                        None => refused.push((reason, vec![kind])),
                    }
                }
            }
        }
        for (reason, kinds) in refused {
            let joined = |of: fn(&Kind) -> &'static str| {
                kinds
                    .iter()
                    .map(|kind| of(kind))
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            let what = format!(
                "the org does not tell of its {} on {object}: {reason}",
                joined(|kind| kind.name)
            );
            let hint = format!(
                "the user needs \"View Setup and Configuration\"; or look by hand: {}",
                joined(|kind| kind.setup)
            );
            findings.push(Finding::warning("automation_not_told", what).hint(hint));
        }
        if !none.is_empty() {
            findings.push(Finding::ok(
                "automation",
                format!("{object} has no active {}", none.join(", ")),
            ));
        }
        findings
    }

    async fn all(
        &mut self,
        client: &Client,
        door: &[&str],
        query: &'static str,
    ) -> Result<Vec<Value>, Failure> {
        if let Some(known) = self.known.get(query) {
            return known.clone();
        }
        let told = rows(client, door, query).await.map_err(Failure::from);
        self.known.insert(query, told.clone());
        told
    }

    async fn triggers(
        &mut self,
        client: &Client,
        tables: &[String],
        object: &str,
        operations: &[Operation],
    ) -> Result<Vec<Finding>, Failure> {
        let all = self.all(client, TOOLING, TRIGGERS).await?;
        let ours = all.iter().filter(|row| is_of(row, tables));
        Ok(ours
            .filter_map(|row| {
                let events = events(row, operations);
                if events.is_empty() {
                    return None;
                }
                let (name, package) = (text(row, "Name"), text(row, "NamespacePrefix"));
                let what = format!("the Apex trigger {} acts on {object} ({})", packaged(name, package), events.join(", "));
                let hint = if package.is_empty() {
                    "deploy it with status Inactive for the time of the load (a production org runs its tests then) and put it back after, or use a bypass that it \
                     reads: a custom permission, a custom setting".to_owned()
                } else {
                    format!("it belongs to the package {package} and can't be switched off from outside; look for a setting of the package's own")
                };
                Some(Finding::warning("trigger", what).hint(hint))
            })
            .collect())
    }

    async fn workflow_rules(
        &mut self,
        client: &Client,
        tables: &[String],
        object: &str,
    ) -> Result<Vec<Finding>, Failure> {
        let all = self.all(client, TOOLING, WORKFLOWS).await?;
        let mut findings = Vec::new();
        for row in all
            .iter()
            .filter(|row| is_of(row, tables))
            .take(MOST_WORKFLOWS)
        {
            let (id, name) = (text(row, "Id"), text(row, "Name"));
            // Whether it is active stands in its metadata alone.
            let query = format!(
                "SELECT Metadata FROM WorkflowRule WHERE Id='{}'",
                escaped(id)
            );
            let active = rows(client, TOOLING, &query).await.map_err(Failure::from)?;
            let active = active
                .first()
                .and_then(|row| row.get("Metadata")?.get("active")?.as_bool());
            if active == Some(false) {
                continue;
            }
            findings.push(
                Finding::warning("workflow_rule", format!("the workflow rule {name} acts on {object}")).hint(
                    "deactivate it under Setup > Workflow Rules, or by a PATCH of tooling/sobjects/WorkflowRule with its whole Metadata and active false; \
                     activate it again after the load",
                ),
            );
        }
        Ok(findings)
    }

    async fn flows(
        &mut self,
        client: &Client,
        described: &Described,
        operations: &[Operation],
    ) -> Result<Vec<Finding>, Failure> {
        let all = self.all(client, DATA, FLOWS).await?;
        let object = &described.object.name;
        let deletes = operations.iter().any(|operation| operation.deletes());
        let saves = operations.iter().any(|operation| !operation.deletes());
        let ours = all.iter().filter(|row| {
            let on = text(row, "TriggerObjectOrEventLabel");
            let about =
                !on.is_empty() && (on == described.label || on.eq_ignore_ascii_case(object));
            let acts = match text(row, "TriggerType") {
                "RecordBeforeDelete" => deletes,
                "RecordBeforeSave" | "RecordAfterSave" => saves,
                // A process of Process Builder has no type of trigger.
                _ => text(row, "ProcessType") == "Workflow" && saves,
            };
            about && acts
        });
        Ok(ours
            .map(|row| {
                let kind = match (text(row, "ProcessType"), text(row, "TriggerType")) {
                    ("Workflow", _) => "process",
                    (_, "RecordBeforeSave") => "flow before saving",
                    (_, "RecordBeforeDelete") => "flow before deleting",
                    _ => "flow after saving",
                };
                Finding::warning("flow", format!("the {kind} {} acts on {object}", text(row, "ApiName"))).hint(
                    "deactivate it under Setup > Flows, or by a PATCH of tooling/sobjects/FlowDefinition with Metadata {\"activeVersionNumber\": 0}; note its \
                     version, and activate that again after the load",
                )
            })
            .collect())
    }
}

async fn validation_rules(client: &Client, object: &str) -> Result<Vec<Finding>, Failure> {
    let query = format!(
        "SELECT ValidationName, ErrorMessage, NamespacePrefix FROM ValidationRule WHERE Active=true AND EntityDefinition.QualifiedApiName='{object}'"
    );
    let rules = rows(client, TOOLING, &query).await?;
    Ok(rules
        .iter()
        .map(|rule| {
            let name = packaged(text(rule, "ValidationName"), text(rule, "NamespacePrefix"));
            let message = text(rule, "ErrorMessage");
            Finding::warning(
                "validation_rule",
                format!("the validation rule {name} refuses {object} records (\"{message}\")"),
            )
            .hint(
                "deactivate it under Setup > Object Manager > Validation Rules, or by a PATCH of tooling/sobjects/ValidationRule with its whole Metadata and active \
                 false; activate it again after the load",
            )
        })
        .collect())
}

async fn duplicate_rules(client: &Client, object: &str) -> Result<Vec<Finding>, Failure> {
    let query = format!(
        "SELECT DeveloperName FROM DuplicateRule WHERE IsActive=true AND SobjectType='{object}'"
    );
    let rules = rows(client, DATA, &query).await?;
    Ok(rules
        .iter()
        .map(|rule| {
            let name = text(rule, "DeveloperName");
            Finding::warning("duplicate_rule", format!("the duplicate rule {name} may refuse {object} records")).hint(
                "deactivate it under Setup > Duplicate Rules, or let it allow and report; Bulk API has no way to pass it over; activate it again after the load",
            )
        })
        .collect())
}

/// How the org names an object's table: a standard one by its name, a custom one by an id as well.
async fn tables(client: &Client, object: &str) -> Vec<String> {
    let mut tables = vec![object.to_owned()];
    if object.ends_with("__c") {
        let query =
            format!("SELECT DurableId FROM EntityDefinition WHERE QualifiedApiName='{object}'");
        let told: Result<Vec<Value>, CallError> = rows(client, TOOLING, &query).await;
        let told = told.unwrap_or_default();
        tables.extend(told.iter().map(|row| text(row, "DurableId").to_owned()));
    }
    tables
}

/// Whether a row's `TableEnumOrId` is one of these; ids come with 15 characters or 18.
fn is_of(row: &Value, tables: &[String]) -> bool {
    let table = text(row, "TableEnumOrId");
    let is_id = |text: &str| matches!(text.len(), 15 | 18) && text.starts_with("01I");
    tables
        .iter()
        .filter(|known| !known.is_empty())
        .any(|known| {
            *known == table || (is_id(known) && is_id(table) && known.get(..15) == table.get(..15))
        })
}

/// What sets a trigger off, of that which is done.
fn events(row: &Value, operations: &[Operation]) -> Vec<&'static str> {
    use Operation::{Delete, HardDelete, Insert, Update, Upsert};
    let all: [(&str, &str, &[Operation]); 6] = [
        ("UsageBeforeInsert", "before insert", &[Insert, Upsert]),
        ("UsageAfterInsert", "after insert", &[Insert, Upsert]),
        ("UsageBeforeUpdate", "before update", &[Update, Upsert]),
        ("UsageAfterUpdate", "after update", &[Update, Upsert]),
        ("UsageBeforeDelete", "before delete", &[Delete, HardDelete]),
        ("UsageAfterDelete", "after delete", &[Delete, HardDelete]),
    ];
    all.iter()
        .filter(|(column, _, by)| {
            let on = row
                .get(*column)
                .and_then(Value::as_bool)
                .unwrap_or_default();
            on && by.iter().any(|operation| operations.contains(operation))
        })
        .map(|(_, event, _)| *event)
        .collect()
}

/// A query that is refused comes back with itself before the reason.
fn last_line(message: &str) -> &str {
    message.trim_end().lines().last().unwrap_or_default()
}

fn packaged(name: &str, package: &str) -> String {
    if package.is_empty() {
        name.to_owned()
    } else {
        format!("{package}.{name}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tables_are_known_by_name_and_by_both_forms_of_an_id() {
        let tables = ["Thing__c".to_owned(), "01I000000000001".to_owned()];
        for (table, is) in [
            ("Thing__c", true),
            ("01I000000000001", true),
            ("01I000000000001EAA", true),
            ("01I000000000002EAA", false),
            ("Account", false),
            ("", false),
        ] {
            assert_eq!(
                is_of(&json!({"TableEnumOrId": table}), &tables),
                is,
                "{table}"
            );
        }
        assert!(!is_of(&json!({"TableEnumOrId": null}), &["".to_owned()]));
    }

    #[test]
    fn only_what_the_load_sets_off_counts() {
        let trigger =
            json!({"UsageBeforeInsert": true, "UsageAfterUpdate": true, "UsageAfterDelete": false});
        assert_eq!(events(&trigger, &[Operation::Insert]), ["before insert"]);
        assert_eq!(
            events(&trigger, &[Operation::Upsert]),
            ["before insert", "after update"]
        );
        assert!(events(&trigger, &[Operation::Delete]).is_empty());
    }
}

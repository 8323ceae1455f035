//! What the org does by itself when records of an object are written: triggers, rules and flows, and how each is switched off.
//! Source of the queries: Tooling API guide; flows and duplicate rules are told by the data API.

use std::collections::HashMap;

use connector::{Acting, Switch};
use model::Failure;
use model::migration::{AutomationKind, Operation};
use serde_json::Value;

use crate::client::Client;
use crate::describe::Described;
use crate::errors::CallError;
use crate::query::{rows, text};
use crate::soql::{escaped, is_name};

const TOOLING: &[&str] = &["tooling", "query"];
const DATA: &[&str] = &["query"];

const TRIGGERS: &str = "SELECT Name, TableEnumOrId, NamespacePrefix, UsageBeforeInsert, UsageAfterInsert, UsageBeforeUpdate, UsageAfterUpdate, \
                        UsageBeforeDelete, UsageAfterDelete FROM ApexTrigger WHERE Status='Active'";
const WORKFLOWS: &str = "SELECT Id, Name, TableEnumOrId, NamespacePrefix FROM WorkflowRule";
const FLOWS: &str = "SELECT DurableId, ApiName, ProcessType, TriggerType, TriggerObjectOrEventLabel, IsActive, NamespacePrefix FROM FlowDefinitionView";

/// The org's answers that hold for all objects, asked once.
#[derive(Default)]
pub(crate) struct Listing {
    known: HashMap<&'static str, Result<Vec<Value>, Failure>>,
}

/// What the org tells of one kind.
pub(crate) type Told = (AutomationKind, Result<Vec<Acting>, Failure>);

impl Listing {
    /// What acts on one object when these operations are done to it, or would if it were active, kind by kind.
    pub(crate) async fn of(
        &mut self,
        client: &Client,
        described: &Described,
        operations: &[Operation],
    ) -> Vec<Told> {
        let object = &described.object.name;
        if !is_name(object) {
            return Vec::new();
        }
        let tables = tables(client, object).await;
        vec![
            (
                AutomationKind::Triggers,
                self.triggers(client, &tables, object, operations).await,
            ),
            (
                AutomationKind::ValidationRules,
                validation_rules(client, object).await,
            ),
            (
                AutomationKind::WorkflowRules,
                self.workflow_rules(client, &tables, object).await,
            ),
            (
                AutomationKind::DuplicateRules,
                duplicate_rules(client, object).await,
            ),
            (
                AutomationKind::Flows,
                self.flows(client, described, operations).await,
            ),
        ]
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
    ) -> Result<Vec<Acting>, Failure> {
        let all = self.all(client, TOOLING, TRIGGERS).await?;
        let ours = all.iter().filter(|row| is_of(row, tables));
        Ok(ours
            .filter_map(|row| {
                let events = events(row, operations);
                if events.is_empty() {
                    return None;
                }
                let (name, package) = (text(row, "Name"), text(row, "NamespacePrefix"));
                let name = packaged(name, package);
                let way = if package.is_empty() {
                    "deploy it with status Inactive for the time of the load (a production org runs its tests then) and put it back after, or use a bypass that it \
                     reads: a custom permission, a custom setting".to_owned()
                } else {
                    of_package(package)
                };
                Some(Acting {
                    kind: AutomationKind::Triggers,
                    what: format!("the Apex trigger {name} acts on {object} ({})", events.join(", ")),
                    name,
                    object: object.to_owned(),
                    active: true,
                    switch: Switch::Hand { way },
                })
            })
            .collect())
    }

    async fn workflow_rules(
        &mut self,
        client: &Client,
        tables: &[String],
        object: &str,
    ) -> Result<Vec<Acting>, Failure> {
        let all = self.all(client, TOOLING, WORKFLOWS).await?;
        let mut acting = Vec::new();
        for row in all.iter().filter(|row| is_of(row, tables)) {
            let (id, name) = (text(row, "Id"), text(row, "Name"));
            // Whether it is active stands in its metadata alone, and the org gives one rule's metadata at a time.
            let query = format!(
                "SELECT Metadata FROM WorkflowRule WHERE Id='{}'",
                escaped(id)
            );
            let told = rows(client, TOOLING, &query).await.map_err(Failure::from)?;
            let active = told
                .first()
                .and_then(|row| row.get("Metadata")?.get("active")?.as_bool());
            acting.push(Acting {
                kind: AutomationKind::WorkflowRules,
                name: format!("{object}.{name}"),
                object: object.to_owned(),
                // One that does not tell is taken for active.
                active: active != Some(false),
                what: format!("the workflow rule {name} acts on {object}"),
                switch: switch(row, id),
            });
        }
        Ok(acting)
    }

    async fn flows(
        &mut self,
        client: &Client,
        described: &Described,
        operations: &[Operation],
    ) -> Result<Vec<Acting>, Failure> {
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
                let word = match (text(row, "ProcessType"), text(row, "TriggerType")) {
                    ("Workflow", _) => "process",
                    (_, "RecordBeforeSave") => "flow before saving",
                    (_, "RecordBeforeDelete") => "flow before deleting",
                    _ => "flow after saving",
                };
                let name = text(row, "ApiName").to_owned();
                Acting {
                    kind: AutomationKind::Flows,
                    what: format!("the {word} {name} acts on {object}"),
                    name,
                    object: object.clone(),
                    active: is_set(row, "IsActive"),
                    switch: switch(row, text(row, "DurableId")),
                }
            })
            .collect())
    }
}

async fn validation_rules(client: &Client, object: &str) -> Result<Vec<Acting>, Failure> {
    let query = format!(
        "SELECT Id, ValidationName, Active, ErrorMessage, NamespacePrefix FROM ValidationRule WHERE EntityDefinition.QualifiedApiName='{object}'"
    );
    let rules = rows(client, TOOLING, &query).await?;
    Ok(rules
        .iter()
        .map(|rule| {
            let name = packaged(text(rule, "ValidationName"), text(rule, "NamespacePrefix"));
            let message = text(rule, "ErrorMessage");
            Acting {
                kind: AutomationKind::ValidationRules,
                what: format!(
                    "the validation rule {name} refuses {object} records (\"{message}\")"
                ),
                name: format!("{object}.{name}"),
                object: object.to_owned(),
                active: is_set(rule, "Active"),
                switch: switch(rule, text(rule, "Id")),
            }
        })
        .collect())
}

async fn duplicate_rules(client: &Client, object: &str) -> Result<Vec<Acting>, Failure> {
    let query = format!(
        "SELECT DeveloperName FROM DuplicateRule WHERE IsActive=true AND SobjectType='{object}'"
    );
    let rules = rows(client, DATA, &query).await?;
    Ok(rules
        .iter()
        .map(|rule| {
            let name = text(rule, "DeveloperName");
            let way = "deactivate it under Setup > Duplicate Rules, or let it allow and report; Bulk API has no way to pass it over; activate it again after the \
                       load";
            Acting {
                kind: AutomationKind::DuplicateRules,
                name: format!("{object}.{name}"),
                object: object.to_owned(),
                active: true,
                what: format!("the duplicate rule {name} may refuse {object} records"),
                switch: Switch::Hand { way: way.to_owned() },
            }
        })
        .collect())
}

/// What belongs to a package is not ours to set.
fn switch(row: &Value, id: &str) -> Switch {
    match text(row, "NamespacePrefix") {
        "" => Switch::Api { id: id.to_owned() },
        package => Switch::Hand {
            way: of_package(package),
        },
    }
}

fn of_package(package: &str) -> String {
    format!(
        "it belongs to the package {package} and can't be switched off from outside; look for a setting of the package's own"
    )
}

fn is_set(row: &Value, name: &str) -> bool {
    row.get(name).and_then(Value::as_bool).unwrap_or_default()
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
            is_set(row, column) && by.iter().any(|operation| operations.contains(operation))
        })
        .map(|(_, event, _)| *event)
        .collect()
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

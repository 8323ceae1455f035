//! Writes what the org tells of itself when it begins: its objects and fields, and the declared rules.

use serde_json::json;

use crate::desk::Desk;
use crate::ids::id_text;
use crate::schema::automation::{Automation, Flow, Trigger, ValidationRule};
use crate::schema::catalogue::Object;
use crate::schema::tooling::USAGES;

/// How the platform names an object where it isn't by its id: standard ones by name, custom ones by this.
pub(crate) fn durable_id(object: &Object) -> String {
    match object.custom {
        true => id_text(*b"01I", u64::from(object.index) + 1),
        false => object.name.clone(),
    }
}

/// Adds everything; the records of rules are numbered as they are declared. What says of which object they are depends
/// on its place in the schema, and is renewed.
pub(crate) fn seed(desk: &mut Desk<'_>, automation: &Automation) {
    entities(desk);
    for rule in &automation.validation_rules {
        validation_rule(desk, rule);
    }
    for rule in &automation.workflow_rules {
        let metadata = json!({
            "active": rule.active, "actions": [], "fullName": rule.name, "triggerType": "onCreateOrTriggeringUpdate",
        });
        let table = table(desk, &rule.object);
        desk.add(
            "WorkflowRule",
            &[
                ("Name", &rule.name),
                ("FullName", &format!("{}.{}", rule.object, rule.name)),
                ("Metadata", &metadata.to_string()),
            ],
        );
        desk.renew("WorkflowRule", &[("TableEnumOrId", &table)]);
    }
    for declared in &automation.triggers {
        trigger(desk, declared);
    }
    let mut version = 0;
    for (place, declared) in automation.flows.iter().enumerate() {
        flow(desk, declared, place as u32 + 1, version);
        version += declared.versions;
    }
    for rule in &automation.duplicate_rules {
        desk.add(
            "DuplicateRule",
            &[
                ("DeveloperName", &rule.name),
                ("MasterLabel", rule.label.as_ref().unwrap_or(&rule.name)),
                ("SobjectType", &rule.object),
                ("IsActive", flag(rule.active)),
            ],
        );
    }
}

fn flag(on: bool) -> &'static str {
    if on { "true" } else { "false" }
}

fn table(desk: &Desk<'_>, object: &str) -> String {
    let found = desk.catalogue.any_object(object);
    found.map_or_else(|| object.to_owned(), durable_id)
}

/// One record per object in the order of the catalogue, so that an object's number is its record's.
fn entities(desk: &mut Desk<'_>) {
    let catalogue = desk.catalogue;
    for object in &catalogue.objects {
        let prefix: String = object.prefix.iter().copied().map(char::from).collect();
        let bare = object.name.strip_suffix("__c").unwrap_or(&object.name);
        desk.tell(
            "EntityDefinition",
            &[
                ("DurableId", &durable_id(object)),
                ("QualifiedApiName", &object.name),
                ("DeveloperName", bare),
                ("Label", &object.label),
                ("PluralLabel", &object.plural),
                ("KeyPrefix", &prefix),
                ("IsCustomizable", flag(object.writable)),
            ],
        );
    }
    for object in catalogue.objects.iter().filter(|o| o.writable) {
        let entity = desk.id("EntityDefinition", u32::from(object.index) + 1);
        for field in &object.fields {
            let name = field.name();
            desk.tell(
                "FieldDefinition",
                &[
                    ("DurableId", &format!("{}.{name}", durable_id(object))),
                    ("EntityDefinitionId", &entity),
                    ("QualifiedApiName", name),
                    ("DeveloperName", name.strip_suffix("__c").unwrap_or(name)),
                    ("Label", &field.label),
                    ("DataType", &format!("{:?}", field.kind())),
                    ("Length", &field.schema.length.to_string()),
                    ("IsNillable", flag(field.nillable())),
                    ("IsPolymorphicForeignKey", flag(field.references.len() > 1)),
                ],
            );
        }
    }
}

/// The formula that says what the rule does, as an administrator would have written it.
fn formula(rule: &ValidationRule) -> String {
    match &rule.when {
        Some(when) => format!(
            "AND({} = \"{}\", ISBLANK({}))",
            when.field, when.is, rule.required
        ),
        None => format!("ISBLANK({})", rule.required),
    }
}

fn validation_rule(desk: &mut Desk<'_>, rule: &ValidationRule) {
    let Some(object) = desk.catalogue.any_object(&rule.object) else {
        return;
    };
    let entity = desk.id("EntityDefinition", u32::from(object.index) + 1);
    let display = if rule.on_field {
        rule.required.as_str()
    } else {
        ""
    };
    let metadata = json!({
        "active": rule.active,
        "description": null,
        "errorConditionFormula": formula(rule),
        "errorDisplayField": if rule.on_field { Some(&rule.required) } else { None },
        "errorMessage": rule.message,
        "shouldEvaluateOnClient": null,
        "urls": null,
    });
    desk.add(
        "ValidationRule",
        &[
            ("ValidationName", &rule.name),
            ("FullName", &format!("{}.{}", object.name, rule.name)),
            ("Active", flag(rule.active)),
            ("ErrorMessage", &rule.message),
            ("ErrorDisplayField", display),
            ("Metadata", &metadata.to_string()),
        ],
    );
    desk.renew("ValidationRule", &[("EntityDefinitionId", &entity)]);
}

fn trigger(desk: &mut Desk<'_>, trigger: &Trigger) {
    let usages = USAGES.map(|usage| {
        let set_off = |event: &String| {
            let joined: String = event.split_whitespace().collect();
            usage[5..].eq_ignore_ascii_case(&joined)
        };
        (usage, flag(trigger.events.iter().any(set_off)))
    });
    let table = table(desk, &trigger.object);
    let mut values = vec![
        ("Name", trigger.name.as_str()),
        (
            "NamespacePrefix",
            trigger.namespace.as_deref().unwrap_or_default(),
        ),
        ("Status", if trigger.active { "Active" } else { "Inactive" }),
        ("IsValid", "true"),
    ];
    values.extend(usages);
    desk.add("ApexTrigger", &values);
    desk.renew("ApexTrigger", &[("TableEnumOrId", &table)]);
}

/// A definition, its versions (numbered after `before` others), and its line in the view of the data API.
fn flow(desk: &mut Desk<'_>, flow: &Flow, number: u32, before: u32) {
    let definition = desk.id("FlowDefinition", number);
    let version = |n: u32| match n {
        0 => String::new(),
        n => desk.id("Flow", before + n),
    };
    let (active, latest) = (version(flow.active_version), version(flow.versions));
    let label = flow.label.as_ref().unwrap_or(&flow.name);
    let metadata = json!({"activeVersionNumber": flow.active_version, "description": null, "masterLabel": label});
    desk.add(
        "FlowDefinition",
        &[
            ("DeveloperName", &flow.name),
            ("MasterLabel", label),
            ("ActiveVersionId", &active),
            ("LatestVersionId", &latest),
            ("FullName", &flow.name),
            ("Metadata", &metadata.to_string()),
        ],
    );
    for n in 1..=flow.versions {
        let status = if n == flow.active_version {
            "Active"
        } else {
            "Obsolete"
        };
        desk.add(
            "Flow",
            &[
                ("MasterLabel", label),
                ("DefinitionId", &definition),
                ("VersionNumber", &n.to_string()),
                ("Status", status),
                ("ProcessType", &flow.process_type),
            ],
        );
    }
    let shown = if flow.active_version > 0 {
        flow.active_version
    } else {
        flow.versions
    };
    desk.add(
        "FlowDefinitionView",
        &[
            ("DurableId", &definition),
            ("ApiName", &flow.name),
            ("Label", label),
            ("ProcessType", &flow.process_type),
            (
                "TriggerType",
                flow.trigger_type.as_deref().unwrap_or_default(),
            ),
            (
                "TriggerObjectOrEventLabel",
                flow.object.as_deref().unwrap_or_default(),
            ),
            ("IsActive", flag(flow.active_version > 0)),
            ("ActiveVersionId", &active),
            ("LatestVersionId", &latest),
            ("VersionNumber", &shown.to_string()),
        ],
    );
}

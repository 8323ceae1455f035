//! What stands in the way of a load, as an org tells it: rights, keys, limits, and whatever acts on what is loaded.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use connector::Intent;
use model::migration::Operation;
use model::{Finding, Grade};
use rehearsal_org::{FieldSchema, ObjectSchema, Schema};
use support::{Bed, bed_of};

async fn bed() -> Bed {
    let mut schema = Schema::standard();
    let contact = schema.object_mut("Contact").unwrap();
    let mut loose = FieldSchema::external_id("Loose_Id__c");
    loose.unique = false;
    contact.fields.push(loose);
    let thing = ObjectSchema::new("Thing__c", "a9T");
    schema
        .objects
        .push(thing.with([FieldSchema::external_id("Key__c")]));
    schema.automation = serde_json::from_value(serde_json::json!({
        "validation_rules": [
            {"object": "Contact", "name": "Phone_needed", "required": "Phone", "message": "Give a phone"},
            {"object": "Contact", "name": "Old_rule", "required": "Phone", "message": "x", "active": false},
            {"object": "Account", "name": "Not_ours", "required": "Phone", "message": "x"}],
        "triggers": [
            {"object": "Contact", "name": "ContactTrigger", "events": ["before insert", "after delete"]},
            {"object": "Contact", "name": "Packaged", "events": ["after update"], "namespace": "npsp"},
            {"object": "Contact", "name": "OnlyDelete", "events": ["before delete"]},
            {"object": "Thing__c", "name": "ThingTrigger", "events": ["before insert"]},
            {"object": "Contact", "name": "Asleep", "events": ["before insert"], "active": false}],
        "flows": [
            {"name": "Greet", "object": "Contact", "trigger_type": "RecordAfterSave", "versions": 3, "active_version": 2},
            {"name": "Off", "object": "Contact", "trigger_type": "RecordAfterSave", "active_version": 0}],
        "workflow_rules": [
            {"object": "Contact", "name": "Tell everybody"},
            {"object": "Contact", "name": "Quiet", "active": false}],
        "duplicate_rules": [{"object": "Contact", "name": "Same_contact"}],
    }))
    .unwrap();
    bed_of(schema).await
}

fn intent(object: &str, to: &str, operation: Operation, key: &str) -> Intent {
    Intent {
        object: object.to_owned(),
        to: to.to_owned(),
        operation,
        key: vec![key.to_owned()],
        fields: vec![key.to_owned(), "LastName".to_owned(), "Account".to_owned()],
        records: Some(100),
    }
}

const KEY: &str = "Contact_External_Id__c";

fn of<'a>(findings: &'a [Finding], code: &str) -> Vec<&'a Finding> {
    findings
        .iter()
        .filter(|finding| finding.code == code)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_acts_on_records_is_listed_with_a_way_to_switch_it_off() {
    let bed = bed().await;
    let upsert = intent("contacts", "Contact", Operation::Upsert, KEY);
    let again = intent("managers", "contact", Operation::Upsert, KEY);
    let findings = bed.target.inspect(&[upsert, again]).await;
    for (code, names) in [
        ("trigger", &["ContactTrigger", "npsp.Packaged"] as &[&str]),
        ("validation_rule", &["Phone_needed"]),
        ("workflow_rule", &["Tell everybody"]),
        ("duplicate_rule", &["Same_contact"]),
        ("flow", &["Greet"]),
    ] {
        let found = of(&findings, code);
        // Once, although two objects of the file go there.
        assert_eq!(found.len(), names.len(), "{code}: {findings:?}");
        for name in names {
            let found = found.iter().find(|finding| finding.what.contains(name));
            let found = found.unwrap_or_else(|| panic!("{name}: {findings:?}"));
            assert_eq!(
                (found.grade, found.object.as_deref()),
                (Grade::Warning, Some("contacts"))
            );
            assert!(found.hint.is_some());
        }
    }
    assert!(
        findings
            .iter()
            .all(|finding| finding.grade < Grade::Problem),
        "{findings:?}"
    );
    for code in [
        "login",
        "api_calls",
        "data_storage",
        "rights",
        "key",
        "index",
    ] {
        assert_eq!(
            of(&findings, code)[0].grade,
            Grade::Ok,
            "{code}: {findings:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_without_automation_is_told_so() {
    let bed = bed().await;
    let insert = intent(
        "deals",
        "Opportunity",
        Operation::Insert,
        "Opportunity_External_Id__c",
    );
    let findings = bed.target.inspect(&[insert]).await;
    let automation = of(&findings, "automation");
    assert!(
        automation[0]
            .what
            .contains("no active Apex triggers, validation rules"),
        "{findings:?}"
    );
    // It has no last name.
    assert!(
        of(&findings, "missing_fields")[0]
            .what
            .ends_with("LastName"),
        "{findings:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_do_not_name_one_record_are_problems() {
    let bed = bed().await;
    for (key, word) in [
        ("Loose_Id__c", "not unique"),
        ("LastName", "no External ID"),
        ("Gone__c", "no field"),
    ] {
        let findings = bed
            .target
            .inspect(&[intent("contacts", "Contact", Operation::Upsert, key)])
            .await;
        let found = of(&findings, "key");
        assert_eq!(found[0].grade, Grade::Problem, "{key}");
        assert!(
            found[0].what.contains(word) && found[0].hint.is_some(),
            "{found:?}"
        );
    }
    let findings = bed
        .target
        .inspect(&[intent("x", "No_Such__c", Operation::Upsert, KEY)])
        .await;
    assert_eq!(
        of(&findings, "unknown_object")[0].object.as_deref(),
        Some("x")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_that_does_not_let_us_in_is_one_finding() {
    let bed = bed().await;
    bed.org.expire_all_sessions();
    let findings = bed
        .target
        .inspect(&[intent("contacts", "Contact", Operation::Upsert, KEY)])
        .await;
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(
        (findings[0].grade, findings[0].code.as_str()),
        (Grade::Problem, "login_refused")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_run_out_are_told() {
    let bed = bed().await;
    bed.org.faults().limit_daily_calls(Some(1_000));
    let findings = bed
        .target
        .inspect(&[intent("contacts", "Contact", Operation::Upsert, KEY)])
        .await;
    assert_eq!(
        of(&findings, "api_calls")[0].grade,
        Grade::Warning,
        "{findings:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn triggers_of_custom_objects_are_found_by_their_ids() {
    let bed = bed().await;
    let findings = bed
        .target
        .inspect(&[intent("things", "Thing__c", Operation::Upsert, "Key__c")])
        .await;
    let found = of(&findings, "trigger");
    assert_eq!(found.len(), 1, "{findings:?}");
    assert!(found[0].what.contains("ThingTrigger"), "{found:?}");
}

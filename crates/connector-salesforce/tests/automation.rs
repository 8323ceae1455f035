//! The switches of an org's automation: what is told of each item, and setting it off and back without changing anything else.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use connector::{Acting, Intent, Switch, same_state};
use model::migration::{AutomationKind, Operation};
use rehearsal_org::Schema;
use serde_json::json;
use support::{Bed, bed_of};

async fn bed() -> Bed {
    let mut schema = Schema::standard();
    schema.automation = serde_json::from_value(json!({
        "validation_rules": [
            {"object": "Contact", "name": "Phone_needed", "required": "Phone", "message": "Give a phone"},
            {"object": "Contact", "name": "Old_rule", "required": "Phone", "message": "x", "active": false},
            {"object": "Account", "name": "Not_ours", "required": "Phone", "message": "x"}],
        "triggers": [{"object": "Contact", "name": "Packaged", "events": ["after update"], "namespace": "npsp"}],
        "flows": [
            {"name": "Greet", "object": "Contact", "trigger_type": "RecordAfterSave", "versions": 3, "active_version": 2},
            {"name": "Part", "object": "Contact", "trigger_type": "RecordBeforeDelete"}],
        "workflow_rules": [{"object": "Contact", "name": "Tell everybody"}],
        "duplicate_rules": [{"object": "Contact", "name": "Same_contact"}],
    }))
    .unwrap();
    bed_of(schema).await
}

async fn acting(bed: &Bed) -> Vec<Acting> {
    let intent = |to: &str| Intent {
        object: "contacts".to_owned(),
        to: to.to_owned(),
        operation: Operation::Upsert,
        key: Vec::new(),
        fields: Vec::new(),
        records: None,
    };
    let switches = bed.target.automation().unwrap();
    let intents = [intent("Contact"), intent("contact")];
    switches.acting(&intents).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_acts_is_told_once_with_its_switch() {
    let bed = bed().await;
    let told: Vec<_> = acting(&bed)
        .await
        .into_iter()
        .map(|one| {
            let by_api = matches!(one.switch, Switch::Api { .. });
            (one.kind, one.name, one.active, by_api)
        })
        .collect();
    let is = |kind, name: &str, active, by_api| (kind, name.to_owned(), active, by_api);
    assert_eq!(
        told,
        [
            is(AutomationKind::Triggers, "npsp.Packaged", true, false),
            is(
                AutomationKind::ValidationRules,
                "Contact.Phone_needed",
                true,
                true
            ),
            is(
                AutomationKind::ValidationRules,
                "Contact.Old_rule",
                false,
                true
            ),
            is(
                AutomationKind::WorkflowRules,
                "Contact.Tell everybody",
                true,
                true
            ),
            is(
                AutomationKind::DuplicateRules,
                "Contact.Same_contact",
                true,
                false
            ),
            is(AutomationKind::Flows, "Greet", true, true),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_is_switched_off_and_back_to_what_it_was() {
    let bed = bed().await;
    let switches = bed.target.automation().unwrap();
    let mut switched = 0;
    for one in acting(&bed).await {
        let Switch::Api { id } = &one.switch else {
            continue;
        };
        let was = switches.state(one.kind, id).await.unwrap().unwrap();
        let off = switches.off(one.kind, &was);
        assert_eq!(same_state(&was, &off), !one.active, "{one:?}");
        for state in [&off, &off, &was] {
            switches.set(one.kind, id, state).await.unwrap();
            let now = switches.state(one.kind, id).await.unwrap().unwrap();
            assert!(same_state(&now, state), "{now} is not {state}");
        }
        switched += 1;
    }
    assert_eq!(switched, 4);
    let flow = acting(&bed).await.pop().unwrap();
    let Switch::Api { id } = &flow.switch else {
        panic!("{flow:?}")
    };
    let greet = switches.state(AutomationKind::Flows, id).await.unwrap();
    assert_eq!(greet, Some(json!({"activeVersionNumber": 2})));
    let gone = switches.state(AutomationKind::Flows, "300000000000999");
    assert_eq!(gone.await.unwrap(), None);
    assert!(!switches.place().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_that_tells_nothing_is_a_failure_not_an_empty_list() {
    let bed = bed().await;
    bed.org.expire_all_sessions();
    let switches = bed.target.automation().unwrap();
    assert_eq!(switches.place().await.unwrap_err().code, "login_refused");
}

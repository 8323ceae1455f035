//! Projects of SFDMU: the file that comes of each, whole; what is told; and a run of one, from its files into a rehearsal org.

use std::collections::BTreeMap;

use model::migration::Migration;
use rehearsal_org::{RehearsalOrg, Settings};
use serde_json::{Value, json};

use crate::{Desk, document, kept};

/// Imports a project and compares the file with the one that is kept beside it.
fn imported(project: &str) -> Value {
    let desk = Desk::with(project);
    let file = format!("{project}.yaml");
    let (exit, told) = desk.import(&[project]);
    assert_eq!(exit, 0, "{told}");
    assert_eq!(told["file"], file);
    let (text, wanted) = (desk.read(&file), kept(project).with_extension("yaml"));
    if std::env::var_os("STEVEDORE_TEST_KEEP").is_some() {
        std::fs::write(&wanted, &text).expect("kept");
    }
    let wanted = std::fs::read_to_string(wanted).expect("the wanted file");
    assert_eq!(
        text, wanted,
        "STEVEDORE_TEST_KEEP=1 keeps the new one; then read the difference"
    );
    told_at_its_place(&text, &told);
    told
}

/// Whatever is told is in the file too, the object's name apart.
fn told_at_its_place(text: &str, told: &Value) {
    let words = |text: &str| {
        text.replace('#', " ")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    let text = words(text);
    for loss in told["not_carried_over"].as_array().expect("a list") {
        let part = |key: &str| loss[key].as_str().expect("a text");
        let comment = format!(
            "NOT CARRIED OVER: {}: {}. Way out: {}.",
            part("what"),
            part("why"),
            part("way_out")
        );
        assert!(text.contains(&words(&comment)), "{comment}");
    }
}

/// Object and thing of every loss.
fn losses(told: &Value) -> Vec<(&str, &str)> {
    told["not_carried_over"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|loss| {
            (
                loss["object"].as_str().unwrap_or_default(),
                loss["what"].as_str().unwrap_or_default(),
            )
        })
        .collect()
}

#[test]
fn a_sandbox_is_seeded_from_an_org() {
    let told = imported("sandbox-seed");
    assert_eq!(
        told["objects"][1],
        json!({ "name": "Contact", "from": "Contact", "to": "Contact", "operation": "upsert", "fields": 5 })
    );
    assert_eq!(
        losses(&told),
        [
            ("", "bulkThreshold"),
            ("", "concurrencyMode"),
            ("", "promptOnMissingParentObjects"),
            ("", "allOrNone"),
            ("", "orgs, prod@rhinefreight.example: accessToken"),
            ("Account", "ORDER BY Name"),
            ("Account", "CreatedDate"),
            ("Contact", "master"),
            ("Opportunity", "ORDER BY CloseDate LIMIT 500"),
            ("Opportunity", "Owner.Name"),
            ("Task", "operation: Insert"),
        ]
    );
    let text =
        std::fs::read_to_string(kept("sandbox-seed").with_extension("yaml")).expect("a file");
    for told in [told.to_string(), text] {
        assert!(!told.contains("NOT.A.REAL.TOKEN"), "{told}");
    }
}

#[test]
fn lookups_in_a_circle_get_a_second_pass() {
    let told = imported("circle");
    let file = std::fs::read_to_string(kept("circle").with_extension("yaml")).expect("a file");
    let migration = Migration::parse(&file, "circle.yaml").expect("a migration file");
    let names: Vec<_> = migration
        .objects
        .iter()
        .map(|object| object.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "Account",
            "Ship__c",
            "Cargo__c",
            "Berth__c",
            "Berth__c-links"
        ]
    );
    let links = migration.object("Berth__c-links").expect("a second pass");
    assert_eq!(links.second_pass_of.as_deref(), Some("Berth__c"));
    assert_eq!(losses(&told), [("Account", "externalId: Name")]);
}

#[test]
fn fields_and_objects_are_called_anew() {
    let told = imported("moved-house");
    assert_eq!(told["objects"][0]["to"], "Customer__c");
    assert_eq!(
        losses(&told),
        [
            ("", "sfdxHardisLabel"),
            ("", "orgs, new: alias"),
            ("Account", "fieldMapping, an entry with sourceField"),
            ("Order", "externalId, left out and so OrderNumber"),
        ]
    );
}

#[test]
fn made_up_values_become_sql_or_are_left_out() {
    let told = imported("masked");
    assert_eq!(
        losses(&told),
        [
            ("Account", "externalId: Name"),
            (
                "Account",
                "mockFields, Name: c_seq_number('Account ', 1, 1)"
            ),
            ("Account", "mockFields, Phone: phone"),
            ("Contact", "mockFields, LastName: last_name"),
            (
                "Contact",
                "mockFields, Birthdate: c_seq_date('1980-01-01', 'd')"
            ),
            ("Contact", "mockFields, Note__c: c_set_value('gone')"),
            ("Case", "operation: Update by Case_Key__c"),
        ]
    );
}

#[test]
fn what_is_left_is_told_and_no_secret_with_it() {
    let told = imported("leftovers");
    let desk = Desk::with("leftovers");
    let output = desk
        .stevedore(&["import", "sfdmu", "leftovers", "--out", "m.yaml"])
        .output()
        .expect("it runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(
        text.contains("not carried over: 18\n") && text.contains("  Depot__c, colour\n"),
        "{text}"
    );
    for text in [told.to_string(), text, desk.read("m.yaml")] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}

/// From the project's own files into an org: imported, and run as it is.
#[tokio::test(flavor = "multi_thread")]
async fn files_arrive_as_their_project_says() {
    let desk = Desk::with("price-lists");
    let (exit, told) = desk.import(&["price-lists", "--out", "price-lists/migration.yaml"]);
    assert_eq!(exit, 0, "{told}");
    let text = desk.read("price-lists/migration.yaml");
    let wanted = kept("price-lists").with_extension("yaml");
    if std::env::var_os("STEVEDORE_TEST_KEEP").is_some() {
        std::fs::write(&wanted, &text).expect("kept");
    }
    assert_eq!(
        text,
        std::fs::read_to_string(wanted).expect("the wanted file")
    );
    told_at_its_place(&text, &told);

    let org = an_org().await;
    let (code, run) = run(&desk, "price-lists/migration.yaml", &[("TARGET", &org)]).await;
    // One contact's account is not among the files.
    assert_eq!(code, Some(3), "{run}");
    assert_eq!(
        (&run["status"], &run["balanced"]),
        (&json!("completed"), &json!(true)),
        "{run}"
    );
    let fields = ["External_Id__c", "Name", "Industry", "Rating", "Phone"];
    assert_eq!(
        held(&org, "Account", &fields),
        [
            "K-100|Möller & Söhne|Transportation|Hot|030 111",
            "K-101|Nordsee; Fracht|Energy|Cold|",
            "K-102|O'Hara Lines|Shipping||040 333",
        ]
    );
    assert_eq!(
        held(
            &org,
            "Contact",
            &[
                "Legacy_Key__c",
                "LastName",
                "FirstName",
                "Department",
                "Email",
                "Birthdate"
            ]
        ),
        [
            "C1|Möller||Chef|test.jens@moeller.example|1980-01-01",
            "C2|Petersen||Disponent|ute@rhinefreight.example|",
        ]
    );
    org.stop().await;
}

/// From one org into another: lookups by external ids, owners by their names, a parent of its own kind in a second pass.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_org_holds_arrives_in_the_next() {
    imported("next-org");
    let desk = Desk::with("price-lists");
    let next = Desk::with("next-org");
    for (desk, project) in [(&desk, "price-lists"), (&next, "next-org")] {
        let (exit, told) = desk.import(&[project]);
        assert_eq!(exit, 0, "{told}");
    }
    let (old, new) = (an_org().await, an_org().await);
    run(&desk, "price-lists.yaml", &[("TARGET", &old)]).await;
    let (code, run) = run(
        &next,
        "next-org.yaml",
        &[("SOURCE", &old), ("TARGET", &new)],
    )
    .await;
    assert_eq!(code, Some(0), "{run}");
    assert_eq!(
        held(
            &new,
            "Account",
            &["External_Id__c", "Name", "Phone", "Rating"]
        ),
        [
            "K-100|Möller & Söhne|+49 0|Warm",
            "K-101|Nordsee; Fracht||Cold",
            "K-102|O'Hara Lines|+49 0|Cold",
        ]
    );
    assert_eq!(
        held(&new, "Contact", &["Legacy_Key__c", "LastName"]),
        ["C1|Möller", "C2|Petersen"]
    );
    let accounts = held(&new, "Account", &["Id"]);
    let parents = held(&new, "Contact", &["AccountId"]);
    assert!(
        parents.iter().all(|parent| accounts.contains(parent)),
        "{parents:?}"
    );
    old.stop().await;
    new.stop().await;
}

#[test]
fn lookups_to_several_objects_are_told_apart_where_they_can_be() {
    let told = imported("attachments");
    assert_eq!(
        losses(&told),
        [
            ("Note", "ParentId, to Solution"),
            ("Ship__c", "externalId: Imo_Number__c;Name"),
            ("Event", "WhoId"),
            ("Event", "WhatId, to Campaign"),
            ("EmailMessage", "ReplyToEmailMessageId"),
            ("Attachment", "ParentId"),
        ]
    );
}

/// Who and what each task and event of an org is about, by our keys.
fn about(org: &RehearsalOrg, object: &str) -> Vec<String> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or("-").to_owned();
    let mut keys = BTreeMap::from([("-".to_owned(), "-".to_owned())]);
    for parent in ["Account", "Contact", "Opportunity"] {
        let key = match parent {
            "Contact" => "Contact_External_Id__c",
            _ => "External_Id__c",
        };
        for record in org.records(parent) {
            keys.insert(text(record.get("Id")), text(record.get(key)));
        }
    }
    let records = org.records(object);
    let mut about: Vec<String> = records
        .iter()
        .map(|record| {
            let key = |field: &str| keys[&text(record.get(field))].clone();
            let own = text(record.get("External_Id__c"));
            format!("{own} {} {}", key("WhoId"), key("WhatId"))
        })
        .collect();
    about.sort();
    about
}

/// Activities about people, accounts and opportunities: from files into an org, and from there into another.
#[tokio::test(flavor = "multi_thread")]
async fn activities_arrive_at_what_they_are_about() {
    assert_eq!(losses(&imported("logbook")), [("Event", "WhatId")]);
    assert_eq!(losses(&imported("activities")), []);
    let (desk, next) = (Desk::with("logbook"), Desk::with("activities"));
    let file = "logbook/migration.yaml";
    let (exit, told) = desk.import(&["logbook", "--out", file]);
    assert_eq!(exit, 0, "{told}");
    let (exit, told) = next.import(&["activities"]);
    assert_eq!(exit, 0, "{told}");
    let (old, new) = (an_org().await, an_org().await);
    let (code, told) = run(&desk, file, &[("TARGET", &old)]).await;
    // One task is about a campaign, and those are not moved.
    assert_eq!(code, Some(3), "{told}");
    assert_eq!(told["balanced"], true, "{told}");
    let tasks = ["T1 C1 A1", "T2 - O1", "T3 C2 -"];
    assert_eq!(about(&old, "Task"), tasks);
    assert_eq!(about(&old, "Event"), ["E1 C2 -"]);
    let orgs = [("SOURCE", &old), ("TARGET", &new)];
    let (code, told) = run(&next, "activities.yaml", &orgs).await;
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(about(&new, "Task"), tasks);
    old.stop().await;
    new.stop().await;
}

async fn an_org() -> RehearsalOrg {
    let settings = Settings {
        port: 0,
        ..Settings::default()
    };
    RehearsalOrg::start(settings).await.expect("an org")
}

/// Runs a migration file with its orgs in place: exit code and document.
async fn run(desk: &Desk, file: &str, orgs: &[(&str, &RehearsalOrg)]) -> (Option<i32>, Value) {
    let mut command = desk.stevedore(&["run", file, "--json"]);
    for (name, org) in orgs {
        command.env(format!("{name}_URL"), org.url());
        command.env(format!("{name}_TOKEN"), org.access_token());
    }
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.expect("joined").expect("it runs");
    (output.status.code(), document(&output))
}

/// Records as an org holds them, sorted; nulls are empty.
fn held(org: &RehearsalOrg, object: &str, fields: &[&str]) -> Vec<String> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut held: Vec<String> = org
        .records(object)
        .iter()
        .map(|record| {
            fields
                .iter()
                .map(|field| text(record.get(*field)))
                .collect::<Vec<_>>()
                .join("|")
        })
        .collect();
    held.sort();
    held
}

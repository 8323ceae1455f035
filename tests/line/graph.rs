//! Records that refer to one another in every way: to themselves, in a cycle, to one of several objects, to owners that are there already.

use std::collections::BTreeMap;

use model::RunStatus;
use rehearsal_org::{FieldSchema, RehearsalOrg, Schema, Settings};
use serde_json::Value;

use crate::stage::{self, Stage, migration_into_org};

/// Companies have parents and a main person; people have a company and a boss; notes are about a company, a deal, or nothing.
pub(crate) const SOURCE: &str = "
    create table companies (id bigint primary key, name text, parent bigint, main_person bigint, login text);
    insert into companies values (1, 'Acme', 2, 11, 'rehearsal@stevedore.invalid'), (2, 'Globex', null, 12, null), (3, 'Initech', 3, null, null);
    create table people (id bigint primary key, name text, company bigint, boss bigint);
    insert into people values (11, 'Ann', 1, 12), (12, 'Bob', 2, 13), (13, 'Cy', 1, 11), (14, null, 1, 11), (15, 'Eve', 2, 14);
    create table deals (id bigint primary key, name text, company bigint);
    insert into deals values (21, 'Sale', 3);
    create table notes (id bigint primary key, title text, about text, about_id bigint, person bigint);
    insert into notes values (31, 'Call', 'company', 2, 11), (32, 'Visit', 'deal', 21, null), (33, 'Think', null, null, 13), (34, 'Lost', 'planet', 9, 12)";

pub(crate) const OBJECTS: &str = "
  - name: companies
    from: { table: companies }
    to: Account
    operation: OPERATION
    external_id: External_Id__c
    fields:
      External_Id__c: \"'ACC' || id\"
      Name: name
      Parent: { lookup: companies, by: parent }
      Main_Person__r: { lookup: people, by: main_person }
      Owner: { reference: User.Username, by: \"coalesce(login, 'rehearsal@stevedore.invalid')\" }
  - name: people
    from: { table: people }
    to: Contact
    operation: OPERATION
    external_id: Contact_External_Id__c
    fields:
      Contact_External_Id__c: \"'PER' || id\"
      LastName: name
      Account: { lookup: companies, by: company }
      ReportsTo: { lookup: people, by: boss }
  - name: deals
    from: { table: deals }
    to: Opportunity
    operation: OPERATION
    external_id: External_Id__c
    fields:
      External_Id__c: \"'DEAL' || id\"
      Name: name
      StageName: \"'Prospecting'\"
      CloseDate: \"date '2026-01-31'\"
      Account: { lookup: companies, by: company }
  - name: notes
    from: { table: notes }
    to: Task
    operation: OPERATION
    external_id: External_Id__c
    fields:
      External_Id__c: \"'NOTE' || id\"
      Subject: title
      Status: \"'Completed'\"
      Priority: \"'Normal'\"
      Who: { lookup: people, by: person }
      What: { lookup: [companies, deals], which: \"case about when 'company' then 'companies' when 'deal' then 'deals' else about end\", by: about_id }
phases:
  master data: [companies, people]
  transactions: [deals]
  history: [notes]
";

fn file(operation: &str) -> String {
    file_of(&OBJECTS.replace("OPERATION", operation))
}

pub(crate) fn file_of(objects: &str) -> String {
    migration_into_org(stage::SOURCE, objects)
}

fn graph(org: &RehearsalOrg) -> Vec<String> {
    graph_by(org, |object| match object {
        "Contact" => "Contact_External_Id__c",
        _ => "External_Id__c",
    })
}

/// The graph, by our keys: each record with what it refers to.
pub(crate) fn graph_by(org: &RehearsalOrg, key: fn(&str) -> &'static str) -> Vec<String> {
    let objects = [
        (
            "Account",
            "Name",
            vec!["ParentId", "Main_Person__c", "OwnerId"],
        ),
        ("Contact", "LastName", vec!["AccountId", "ReportsToId"]),
        ("Opportunity", "Name", vec!["AccountId"]),
        ("Task", "Subject", vec!["WhoId", "WhatId"]),
    ]
    .map(|(object, name, references)| (object, key(object), name, references));
    let text = |record: &BTreeMap<String, Value>, field: &str| {
        record[field].as_str().unwrap_or_default().to_owned()
    };
    let mut keys = BTreeMap::from([(String::new(), "-".to_owned())]);
    for user in org.records("User") {
        keys.insert(text(&user, "Id"), text(&user, "Username"));
    }
    for (object, key, _, _) in &objects {
        for record in org.records(object) {
            keys.insert(text(&record, "Id"), text(&record, key));
        }
    }
    let mut graph = Vec::new();
    for (object, key, name, references) in &objects {
        for record in org.records(object) {
            let parents: Vec<_> = references
                .iter()
                .map(|field| keys[&text(&record, field)].clone())
                .collect();
            graph.push(format!(
                "{} {} -> {}",
                text(&record, key),
                text(&record, name),
                parents.join(" ")
            ));
        }
    }
    graph.sort();
    graph
}

/// Person 14 has no name, which the org wants, so nobody is linked to it; note 34 is about something that is none of the objects.
pub(crate) const EXPECTED: [&str; 11] = [
    "ACC1 Acme -> ACC2 PER11 rehearsal@stevedore.invalid",
    "ACC2 Globex -> - PER12 rehearsal@stevedore.invalid",
    "ACC3 Initech -> ACC3 - rehearsal@stevedore.invalid",
    "DEAL21 Sale -> ACC3",
    "NOTE31 Call -> PER11 ACC2",
    "NOTE32 Visit -> - DEAL21",
    "NOTE33 Think -> PER13 -",
    "PER11 Ann -> ACC1 PER12",
    "PER12 Bob -> ACC2 PER13",
    "PER13 Cy -> ACC1 PER11",
    "PER15 Eve -> ACC2 -",
];

/// An org whose objects `plain` have a field `Old_Key__c` besides, which is unique and no external id.
pub(crate) async fn org_with(stage: &mut Stage, plain: &[&str]) -> RehearsalOrg {
    let mut schema = Schema::standard();
    let account = schema.object_mut("Account").expect("accounts");
    account.fields.push(FieldSchema::reference(
        "Main_Person__c",
        "Main_Person__r",
        &["Contact"],
    ));
    for object in plain {
        let mut field = FieldSchema::string("Old_Key__c", 80);
        field.unique = true;
        schema.object_mut(object).expect(object).fields.push(field);
    }
    let settings = Settings {
        schema,
        ..Settings::default()
    };
    stage.org(settings).await
}

async fn org(stage: &mut Stage) -> RehearsalOrg {
    org_with(stage, &[]).await
}

async fn arrives(operation: &str) {
    let mut stage = Stage::new().await;
    stage.execute("source", SOURCE).await;
    let org = org(&mut stage).await;
    stage.start_all();
    let run = stage.run(&file(operation)).await;
    let view = stage.until_status(&run, RunStatus::Completed).await;
    assert!(view.balanced, "{view:?}");
    assert_eq!(graph(&org), EXPECTED);
    let order: Vec<_> = view
        .objects
        .iter()
        .map(|object| object.name.as_str())
        .collect();
    assert_eq!(
        order,
        [
            "companies",
            "people",
            "companies-links",
            "people-links",
            "deals",
            "notes"
        ]
    );
    let sql = "select object || ' ' || record_key || ' ' || fate || ' ' || error_code from failed_records where fate <> 'skipped' order by 1";
    assert_eq!(
        stage.texts("control", sql).await,
        [
            "notes 34 rejected unmapped_value",
            "people 14 rejected required_field_missing",
            "people-links 14 rejected not_moved",
            "people-links 15 failed INVALID_FIELD",
        ]
    );
    org.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graph_arrives_whole_by_insert() {
    arrives("insert").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graph_arrives_whole_by_upsert() {
    arrives("upsert").await;
}

/// All fields that two orgs share, and the references by way of the ids in the first.
pub(crate) const FROM_ORG: &str = "migration: line-test
connections:
  old: { kind: salesforce, instance_url: \"${ORG_URL}\", access_token: \"${ORG_TOKEN}\" }
  new: { kind: salesforce, instance_url: \"${NEW_URL}\", access_token: \"${NEW_TOKEN}\" }
source: old
target: new
objects:
  - name: accounts
    from: { table: Account }
    to: Account
    operation: upsert
    external_id: Legacy_Key__c
    fields:
      \"*\": same
      Legacy_Key__c: Id
      Parent: { lookup: accounts, by: ParentId }
      Main_Person__r: { lookup: contacts, by: Main_Person__c }
  - name: contacts
    from: { table: Contact }
    to: Contact
    operation: upsert
    external_id: Legacy_Key__c
    fields:
      \"*\": same
      Legacy_Key__c: Id
      Account: { lookup: accounts, by: AccountId }
      ReportsTo: { lookup: contacts, by: ReportsToId }
  - name: opportunities
    from: { query: \"SELECT Id, Name, StageName, CloseDate, External_Id__c, AccountId FROM Opportunity\" }
    to: Opportunity
    operation: upsert
    external_id: Legacy_Key__c
    fields:
      \"*\": same
      Legacy_Key__c: Id
      Account: { lookup: accounts, by: AccountId }
  - name: tasks
    from: { table: Task }
    to: Task
    operation: upsert
    external_id: Legacy_Key__c
    fields:
      \"*\": same
      Legacy_Key__c: Id
      Who: { lookup: contacts, by: WhoId }
      What: { lookup: [accounts, opportunities], which: \"case substr(WhatId, 1, 3) when '001' then 'accounts' when '006' then 'opportunities' end\", by: WhatId }
";

#[tokio::test(flavor = "multi_thread")]
async fn a_graph_goes_from_org_to_org() {
    let mut stage = Stage::new().await;
    stage.execute("source", SOURCE).await;
    let old = org(&mut stage).await;
    let (url, token) = (old.url(), old.access_token().to_owned());
    let new = org(&mut stage).await;
    stage.set("NEW_URL", &new.url());
    stage.set("NEW_TOKEN", new.access_token());
    stage.set("ORG_URL", &url);
    stage.set("ORG_TOKEN", &token);
    stage.start_all();
    let run = stage.run(&file("insert")).await;
    stage.until_status(&run, RunStatus::Completed).await;
    assert_eq!(graph(&old), EXPECTED);
    let run = stage.run(FROM_ORG).await;
    let view = stage.until_status(&run, RunStatus::Completed).await;
    assert!(view.balanced && !view.over_limit, "{view:?}");
    assert_eq!(graph(&new), EXPECTED);
    let legacy =
        |record: &BTreeMap<String, Value>| record["Legacy_Key__c"].as_str().map(str::to_owned);
    let mut keys: Vec<_> = new.records("Account").iter().filter_map(legacy).collect();
    let id = |record: &BTreeMap<String, Value>| record["Id"].as_str().map(str::to_owned);
    let mut ids: Vec<_> = old.records("Account").iter().filter_map(id).collect();
    keys.sort();
    ids.sort();
    assert_eq!(keys, ids, "each record keeps the id that it had");
    old.stop().await;
    new.stop().await;
}

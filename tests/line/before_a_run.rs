//! What is looked at before a run, through a coordinator alone: nothing of it needs the other services, and nothing is moved.

use api::{Known, PlanQuery, StartRun};
use model::Grade;
use rehearsal_org::{RehearsalOrg, Schema, Settings};

use crate::stage::{SOURCE, Stage, migration, migration_into_org, request};

async fn org(stage: &mut Stage, schema: Schema) -> RehearsalOrg {
    let settings = Settings {
        schema,
        ..Settings::default()
    };
    stage.org(settings).await
}

fn into_org(objects: &str) -> StartRun {
    request(&migration_into_org(SOURCE, objects))
}

async fn answering(stage: &mut Stage) -> api::Client {
    stage.start("coordinator");
    stage.ready().await
}

const ACCOUNTS: &str = "  - { name: accounts, from: { table: accounts }, to: Account, operation: upsert, external_id: External_Id__c, \
    fields: { External_Id__c: \"'K' || id\", Name: name } }\n";
const CONTACTS: &str = "  - { name: contacts, from: { query: \"select * from contacts\" }, key: id, to: Contact, operation: upsert, \
    external_id: Contact_External_Id__c, fields: { Contact_External_Id__c: \"'C' || id\", LastName: name, Account: { lookup: accounts, by: account_id } } }\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_into_an_org_counts_jobs_and_calls() {
    let mut stage = Stage::new().await;
    stage
        .execute(
            "source",
            "create table accounts (id bigint primary key, name text);
             insert into accounts select n, 'Account ' || n from generate_series(1, 1000) n; analyze accounts;
             create table contacts (id bigint primary key, name text, account_id bigint);
             insert into contacts select n, 'Contact ' || n, n from generate_series(1, 50) n; analyze contacts",
        )
        .await;
    let org = org(&mut stage, Schema::standard()).await;
    let client = answering(&mut stage).await;
    // Written children first: the plan has them behind their parents.
    let request = into_org(&(CONTACTS.to_owned() + ACCOUNTS));
    let plan = client.plan(&request, PlanQuery::default()).await;
    let plan = plan.unwrap_or_else(|failure| panic!("{failure}"));
    let names: Vec<_> = plan
        .phases
        .iter()
        .map(|phase| (phase.phase, phase.objects[0].name.as_str()))
        .collect();
    assert_eq!(names, [(1, "accounts"), (2, "contacts")]);
    let accounts = &plan.phases[0].objects[0];
    assert_eq!(
        (accounts.records, accounts.records_are),
        (1_000, Known::Estimated)
    );
    // The stage's chunks have 200 records, about.
    assert_eq!(accounts.chunks_are, Known::Counted);
    assert!((5..10).contains(&accounts.chunks), "{accounts:?}");
    assert_eq!(accounts.key, ["External_Id__c"]);
    let jobs = accounts.jobs.as_ref().expect("an org writes by jobs");
    assert_eq!(jobs.jobs, 1);
    assert_eq!(jobs.calls, jobs.calls_by_kind.values().sum::<u64>());
    assert_eq!(jobs.calls_by_kind["results"], 3);
    // `K1,Account 1` and the like.
    assert!((15_000..25_000).contains(&jobs.bytes), "{jobs:?}");
    assert!(accounts.seconds > 0.0 && !accounts.rests_on.is_empty());
    assert!(
        accounts
            .lasting
            .iter()
            .any(|what| what.contains("triggers"))
    );
    let contacts = &plan.phases[1].objects[0];
    let few = contacts.jobs.as_ref().expect("an org writes by jobs");
    assert_eq!(
        (few.jobs, few.calls, few.calls_by_kind["collections"]),
        (0, 2, 1),
        "so few take fewer calls by collections"
    );
    assert_eq!(
        (contacts.records, contacts.records_are),
        (50, Known::Estimated)
    );
    assert!(
        contacts.key_pass,
        "nothing says that a query's key is unique"
    );
    assert_eq!(contacts.lookups[0].parent, "accounts");
    assert_eq!(plan.totals.records, 1_050);
    assert_eq!(plan.totals.jobs, 1, "the contacts need none");
    assert_eq!(org.count("Account"), 0);
    let counted = client.plan(&request, PlanQuery { count: true }).await;
    let counted = counted.unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(counted.phases[0].objects[0].records_are, Known::Counted);
    org.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_into_a_table_tells_what_stays() {
    let mut stage = Stage::new().await;
    stage
        .execute("source", "create table things (id bigint primary key, name text); insert into things select n, 'x' from generate_series(1, 10) n")
        .await;
    stage
        .execute(
            "target",
            "create table keyed (id bigint primary key, name text); insert into keyed values (7, 'old');
             create table keyless (id bigint, name text)",
        )
        .await;
    let client = answering(&mut stage).await;
    let request = request(&migration(
        "  - { name: keyed, from: { table: things }, to: keyed, operation: upsert }
  - { name: keyless, from: { table: things }, to: keyless, operation: insert }
",
    ));
    let plan = client.plan(&request, PlanQuery { count: true }).await;
    let plan = plan.unwrap_or_else(|failure| panic!("{failure}"));
    let [keyed, keyless] = plan.phases[0].objects.as_slice() else {
        panic!("two objects in one phase: {plan:?}")
    };
    assert_eq!((keyed.records, keyed.target_records), (10, 1));
    assert!(keyed.jobs.is_none() && plan.totals.calls == 0);
    assert!(keyed.lasting[0].contains("overwritten"), "{keyed:?}");
    assert!(keyless.lasting[0].contains("no key"), "{keyless:?}");
    assert_eq!(stage.rows("target", "keyed").await, ["(7,old)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_schemas_are_compared_although_no_run_would_start() {
    let mut stage = Stage::new().await;
    stage
        .execute(
            "source",
            "create table accounts (id bigint primary key, name varchar(300), old_code varchar(20), spend numeric(14,2), state text, unused int);
             insert into accounts select n, case n when 3 then repeat('x', 290) when 4 then null else 'Account ' || n end, 'C' || n, n * 1.5,
                case n when 5 then 'Gone' else 'A' end from generate_series(1, 50) n; analyze accounts",
        )
        .await;
    let org = org(&mut stage, Schema::standard()).await;
    let client = answering(&mut stage).await;
    let request = into_org(
        "  - { name: accounts, from: { table: accounts }, to: Account, operation: upsert, external_id: Legacy_Id__c, fields: { \
         Legacy_Id__c: \"'K' || id\", Name: name, Old_Code__c: old_code, NumberOfEmployees: name, Spend__c: spend, \
         State__c: { from: state, values: { A: \"A & B\" } }, Nmae: name, Wrong__c: nmae } }
  - { name: nowhere, from: { table: no_such_table }, to: No_Such_Object__c, operation: upsert, external_id: X__c, fields: { X__c: id } }\n",
    );
    let refused = client
        .check(&request)
        .await
        .expect_err("fields are missing");
    assert_eq!(refused.code, "unknown_field");
    let report = client.compare(&request).await;
    let report = report.unwrap_or_else(|failure| panic!("{failure}"));
    let accounts = &report.objects[0];
    let unused: Vec<_> = accounts
        .unused_columns
        .iter()
        .map(|column| column.column.as_str())
        .collect();
    assert_eq!(unused, ["unused"]);
    let looked_at = accounts.looked_at.expect("records were looked at");
    assert_eq!((looked_at.records, looked_at.all), (50, true));
    let missing = |name: &str| {
        let found = accounts
            .missing_fields
            .iter()
            .find(|field| field.field == name);
        found.unwrap_or_else(|| panic!("{name} is missing: {accounts:?}"))
    };
    let xml = |name: &str| {
        missing(name)
            .metadata
            .as_ref()
            .expect("a description")
            .content
            .clone()
    };
    let key = missing("Legacy_Id__c")
        .metadata
        .as_ref()
        .expect("a description");
    assert_eq!(
        key.path,
        "force-app/main/default/objects/Account/fields/Legacy_Id__c.field-meta.xml"
    );
    assert!(xml("Legacy_Id__c").contains("<externalId>true</externalId>"));
    assert!(xml("Old_Code__c").contains("<length>20</length>"));
    assert!(xml("Spend__c").contains("<scale>2</scale>"));
    assert!(xml("State__c").contains("<fullName>A &amp; B</fullName>"));
    assert!(missing("Nmae").metadata.is_none() && missing("Nmae").hint.is_some());
    // The column that it reads is not there: that is told, and the field is missing all the same.
    assert!(
        accounts
            .not_compared
            .iter()
            .any(|finding| finding.code == "unknown_column")
    );
    assert!(missing("Wrong__c").data_type.is_none());
    let length = &accounts.lengths[0];
    assert_eq!(
        (length.field.as_str(), length.source, length.target),
        ("Name", Some(300), 255)
    );
    assert_eq!((length.longest, length.too_long), (Some(290), 1));
    let number = &accounts.types[0];
    assert_eq!(
        (number.field.as_str(), number.never, number.lost),
        ("NumberOfEmployees", false, 49)
    );
    assert_eq!(
        (accounts.nulls[0].field.as_str(), accounts.nulls[0].nulls),
        ("Name", 1)
    );
    let gap = &accounts.values[0];
    assert_eq!(
        (gap.field.as_str(), gap.by.as_str(), gap.records),
        ("State__c", "map", 1)
    );
    assert_eq!(gap.values, ["Gone"]);
    let nowhere = &report.objects[1];
    let codes: Vec<_> = nowhere
        .not_compared
        .iter()
        .map(|finding| finding.code.as_str())
        .collect();
    assert_eq!(codes, ["unknown_table", "unknown_object"]);
    org.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_compared_column_by_column() {
    let mut stage = Stage::new().await;
    stage
        .execute("source", "create table things (id bigint primary key, name varchar(50), mood text); insert into things values (1, 'a long name', 'sad')")
        .await;
    stage
        .execute(
            "target",
            "create type mood as enum ('glad'); create table things (id bigint primary key, name varchar(5), mood mood, needed int not null, other int)",
        )
        .await;
    let client = answering(&mut stage).await;
    let request = request(&migration(
        "  - { name: things, from: { table: things }, to: things, operation: upsert }\n",
    ));
    let report = client.compare(&request).await;
    let report = report.unwrap_or_else(|failure| panic!("{failure}"));
    let things = &report.objects[0];
    let unfilled: Vec<_> = things
        .unfilled_fields
        .iter()
        .map(|field| (field.field.as_str(), field.required))
        .collect();
    assert_eq!(unfilled, [("needed", true), ("other", false)]);
    assert_eq!(things.lengths[0].too_long, 1);
    assert_eq!(things.values[0].values, ["sad"]);
    assert_eq!(things.values[0].by, "target");
    assert!(things.missing_fields.is_empty() && things.unused_columns.is_empty());
}

fn about<'a>(report: &'a api::DoctorReport, object: &str, code: &str) -> Vec<&'a model::Finding> {
    let of = |finding: &&model::Finding| {
        finding.code == code && finding.object.as_deref().unwrap_or_default() == object
    };
    report.findings.iter().filter(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doctor_looks_at_both_ends_and_goes_on_after_a_problem() {
    let mut stage = Stage::new().await;
    stage
        .execute(
            "source",
            "create table accounts (id bigint primary key, name text); insert into accounts values (1, 'One'); analyze accounts",
        )
        .await;
    let mut schema = Schema::standard();
    schema.automation = serde_json::from_value(serde_json::json!({
        "triggers": [{"object": "Account", "name": "AccountTrigger", "events": ["before insert"]}],
    }))
    .expect("automation");
    let org = org(&mut stage, schema).await;
    let client = answering(&mut stage).await;
    let fine = client.doctor(&into_org(ACCOUNTS)).await;
    let fine = fine.unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(fine.problems, 0, "{fine:?}");
    assert_eq!(about(&fine, "accounts", "trigger").len(), 1, "{fine:?}");
    assert_eq!(about(&fine, "accounts", "key")[0].grade, Grade::Ok);
    assert_eq!(
        about(&fine, "", "login")[0].connection.as_deref(),
        Some("target")
    );
    assert!(!about(&fine, "", "api_calls").is_empty() && !about(&fine, "", "disk").is_empty());
    // Contacts are not there to be read: what else is wrong is told all the same.
    let bad = client
        .doctor(&into_org(&(CONTACTS.to_owned() + ACCOUNTS)))
        .await;
    let bad = bad.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(
        bad.problems > 0 && !about(&bad, "accounts", "source").is_empty(),
        "{bad:?}"
    );
    assert!(!about(&bad, "contacts", "rights").is_empty(), "{bad:?}");
    org.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doctor_of_tables_tells_keys_triggers_and_rights() {
    let mut stage = Stage::new().await;
    stage
        .execute(
            "source",
            "create table things (id bigint primary key, name text)",
        )
        .await;
    stage
        .execute(
            "target",
            "create table keyed (id bigint primary key, name text); create table keyless (id bigint, name text);
             create function f() returns trigger language plpgsql as 'begin return new; end';
             create trigger on_insert before insert on keyed for each row execute function f();
             create trigger on_delete before delete on keyed for each row execute function f();
             create trigger disabled before insert on keyed for each row execute function f();
             alter table keyed disable trigger disabled",
        )
        .await;
    let client = answering(&mut stage).await;
    let request = request(&migration(
        "  - { name: keyed, from: { table: things }, to: keyed, operation: upsert }
  - { name: keyless, from: { table: things }, to: keyless, operation: upsert, external_id: id }
  - { name: nowhere, from: { table: things }, to: nowhere, operation: insert }
",
    ));
    let report = client.doctor(&request).await;
    let report = report.unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(about(&report, "keyed", "key")[0].grade, Grade::Ok);
    let triggers = about(&report, "keyed", "trigger");
    assert_eq!(triggers.len(), 1, "{triggers:?}");
    assert!(triggers[0].what.contains("on_insert"), "{triggers:?}");
    let keyless = about(&report, "keyless", "key");
    assert_eq!(keyless[0].grade, Grade::Problem);
    assert!(
        keyless[0]
            .hint
            .as_ref()
            .is_some_and(|hint| hint.contains("create unique index"))
    );
    assert_eq!(
        about(&report, "nowhere", "unknown_target")[0].grade,
        Grade::Problem
    );
    assert!(!about(&report, "", "connections").is_empty());
    assert!(
        about(&report, "", "disk").is_empty(),
        "tables need no temporary files"
    );
    assert_eq!(report.problems, 2, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctors_exit_code_is_its_verdict() {
    let stage = Stage::new().await;
    stage
        .execute("source", "create table things (id bigint primary key)")
        .await;
    let file = |name: &str, to: &str| {
        let object = format!(
            "  - {{ name: things, from: {{ table: things }}, to: {to}, operation: upsert }}\n"
        );
        std::fs::write(stage.file(name), migration(&object)).expect("a file");
    };
    stage
        .execute("target", "create table things (id bigint primary key)")
        .await;
    file("fine.yaml", "things");
    file("bad.yaml", "nothing");
    std::fs::write(stage.file("broken.yaml"), "migration: x").expect("a file");
    for (name, code) in [("fine.yaml", 0), ("bad.yaml", 1), ("broken.yaml", 2)] {
        let mut command = stage.embedded(&["doctor", name, "--json"]);
        let done = command.output().expect("it runs");
        assert_eq!(done.status.code(), Some(code), "{name}");
        let printed: serde_json::Value =
            serde_json::from_slice(&done.stdout).expect("one document");
        assert_eq!(printed.get("findings").is_some(), code < 2, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_fields_are_written_as_files() {
    let mut stage = Stage::new().await;
    stage
        .execute(
            "source",
            "create table accounts (id bigint primary key, old_code varchar(20))",
        )
        .await;
    let org = org(&mut stage, Schema::standard()).await;
    let object = "  - { name: accounts, from: { table: accounts }, to: Account, operation: upsert, external_id: External_Id__c, \
                  fields: { External_Id__c: \"'K' || id\", Old_Code__c: old_code } }\n";
    std::fs::write(stage.file("m.yaml"), into_org(object).file).expect("a file");
    let mut command = stage.embedded(&["compare", "m.yaml", "--metadata", "out", "--json"]);
    let done = command.output().expect("it runs");
    assert_eq!(done.status.code(), Some(0));
    let report: api::CompareReport = serde_json::from_slice(&done.stdout).expect("one document");
    assert_eq!(report.objects[0].missing_fields[0].field, "Old_Code__c");
    let path = "out/force-app/main/default/objects/Account/fields/Old_Code__c.field-meta.xml";
    let written = std::fs::read_to_string(stage.file(path)).expect("the field is written");
    assert!(written.contains("<length>20</length>"), "{written}");
    org.stop().await;
}

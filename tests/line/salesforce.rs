//! Into a Salesforce org, the rehearsal org: by bulk jobs, whatever happens to the loader that filled them.

use std::path::Path;
use std::time::Duration;

use model::RunStatus;
use rehearsal_org::{Pace, RehearsalOrg, Settings};
use serde_json::Value;

use crate::stage::{SOURCE, Stage, migration_into_org};
use crate::{accounts, chinook};

/// The file's objects between SQLite or PostgreSQL and the org, stamped.
pub(crate) fn into_org(source: &str, objects: &str) -> String {
    migration_into_org(source, objects) + "stamp: { Migration_Id__c: run_id }\n"
}

pub(crate) async fn org(stage: &mut Stage, pace: Duration) -> RehearsalOrg {
    let settings = Settings {
        pace: Pace::of(pace),
        ..Settings::default()
    };
    stage.org(settings).await
}

/// Key and values of every record of an object, as the org holds it: sorted, repetitions kept.
pub(crate) fn held(org: &RehearsalOrg, object: &str, fields: &[&str]) -> Vec<String> {
    let text = |value: Option<&Value>| match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let mut held: Vec<_> = org
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

#[tokio::test(flavor = "multi_thread")]
async fn chinooks_people_arrive_in_the_org() {
    let Some(folder) = chinook::data() else {
        eprintln!("skipped: Chinook's files are not beside this checkout (../shared/data/chinook)");
        return;
    };
    let mut stage = Stage::new().await;
    let copy = stage.file("chinook.sqlite");
    std::fs::copy(folder.join("Chinook_Sqlite.sqlite"), &copy).expect("copied");
    let org = org(&mut stage, Duration::from_millis(50)).await;
    stage.start_all();
    let object = |table: &str, key: &str, prefix: &str| {
        format!(
            "  - {{ name: {table}, from: {{ table: {table} }}, to: Contact, operation: upsert, external_id: Contact_External_Id__c, fields: {{ \
             Contact_External_Id__c: \"'{prefix}' || {key}\", FirstName: FirstName, LastName: LastName, Email: Email, MailingCity: City }} }}\n"
        )
    };
    let objects =
        object("Customer", "CustomerId", "CUS_") + &object("Employee", "EmployeeId", "EMP_");
    let source = format!("{{ kind: sqlite, url: \"sqlite://{}\" }}", copy.display());
    let run = stage.run(&into_org(&source, &objects)).await;
    let view = stage.until_status(&run, RunStatus::Completed).await;
    assert!(view.balanced, "{view:?}");
    // One customer's address has letters that no org takes.
    let sql = "select object || ' ' || record_key || ' ' || error_code from failed_records";
    let failed = stage.texts("control", sql).await;
    assert_eq!(failed, ["Customer 49 INVALID_EMAIL_ADDRESS"]);
    let found = held(
        &org,
        "Contact",
        &["Contact_External_Id__c", "FirstName", "LastName", "Email"],
    );
    assert_eq!(found, people(&copy).await);
    org.stop().await;
}

async fn people(sqlite: &Path) -> Vec<String> {
    use sqlx::Connection;
    let url = format!("sqlite://{}?mode=ro", sqlite.display());
    let mut database = sqlx::SqliteConnection::connect(&url)
        .await
        .expect("Chinook");
    let sql = "select 'CUS_' || CustomerId || '|' || FirstName || '|' || LastName || '|' || Email from Customer where CustomerId <> 49
               union all select 'EMP_' || EmployeeId || '|' || FirstName || '|' || LastName || '|' || Email from Employee";
    let mut people: Vec<String> = sqlx::query_scalar(sql)
        .fetch_all(&mut database)
        .await
        .expect("people");
    people.sort();
    people
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_an_org_takes_for_null_is_rejected_alone() {
    let mut stage = Stage::new().await;
    stage
        .execute(
            "source",
            "create table accounts (id bigint primary key, name text);
             insert into accounts values (1, 'One'), (2, '#N/A'), (3, 'Three')",
        )
        .await;
    let org = org(&mut stage, Duration::from_millis(50)).await;
    stage.start_all();
    let run = stage.run(&into_org(SOURCE, accounts::INSERT)).await;
    let view = stage.until_status(&run, RunStatus::Completed).await;
    assert!(view.balanced && view.over_limit, "{view:?}");
    let sql = "select record_key || ' ' || fate || ' ' || error_code || ' ' || error_fields from failed_records";
    let rejected = stage.texts("control", sql).await;
    assert_eq!(rejected, ["2 rejected unsendable_value Name"]);
    assert_eq!(
        held(&org, "Account", &["Legacy_Key__c", "Name"]),
        ["K1|One", "K3|Three"]
    );
    org.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_followed_to_its_end_by_another_loader() {
    let mut stage = Stage::new().await;
    accounts::fill(&stage, 6_000).await;
    let org = org(&mut stage, Duration::from_secs(2)).await;
    stage.start_all();
    let run = stage.run(&into_org(SOURCE, accounts::INSERT)).await;
    let uploaded = async || {
        let jobs = stage
            .texts(
                "control",
                "select count(*)::text from jobs where state = 'uploaded'",
            )
            .await;
        jobs[0] != "0"
    };
    stage.until("a job is uploaded", uploaded).await;
    stage.kill("loader");
    stage.start("loader");
    let view = stage.until_status(&run, RunStatus::Completed).await;
    assert!(view.balanced, "{view:?}");
    assert_eq!(view.objects[0].books.created, 6_000, "{view:?}");
    accounts::assert_arrived(&stage, &org, 6_000).await;
    org.stop().await;
}

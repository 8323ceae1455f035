//! New records without a field that the target requires of them: a dry run foretells their failure, record by record as the run then has it.

use std::time::Duration;

use model::RunStatus;

use crate::dry_run::{books, dry_run, refused};
use crate::salesforce::{into_org, org};
use crate::stage::{Stage, migration};

/// Runs a file dry and then for good, and gives what was refused in both by this code: key, code and fields.
async fn foretells(stage: &Stage, file: &str, code: &str) -> Vec<String> {
    let foretold = dry_run(stage, file, None).await;
    let dry = foretold.summary.run.clone();
    let run = stage.run(file).await;
    let done = stage.until_status(&run, RunStatus::Completed).await;
    assert!(done.balanced, "{done:?}");
    assert_eq!(books(&foretold), books(&done));
    assert_eq!(stage.fates(&dry).await, stage.fates(&run).await);
    let told = told(stage, &dry, code).await;
    let said = self::told(stage, &run, code).await;
    for ((key, foretold), (again, message)) in told.iter().zip(&said) {
        assert_eq!(key, again);
        let target_s_own = message.split(": Failing row").next().unwrap_or_default();
        assert!(foretold.starts_with(target_s_own), "{foretold} {message}");
    }
    let of_code = |lines: Vec<String>| {
        let of_code = lines.into_iter().filter(|line| line.ends_with(code));
        of_code.collect::<Vec<_>>()
    };
    let refused = (
        of_code(refused(stage, &dry).await),
        of_code(refused(stage, &run).await),
    );
    assert_eq!(refused.0, refused.1);
    refused.0
}

/// Which record lacks which fields, and the message.
async fn told(stage: &Stage, run: &str, code: &str) -> Vec<(String, String)> {
    let told = |what: &str| {
        format!(
            "select {what} from failed_records where run_id = '{run}' and error_code = '{code}' order by object, record_key"
        )
    };
    let keys = told("object || ' ' || record_key || ' ' || error_fields");
    let messages = told("error_message");
    let keys = stage.texts("control", &keys).await;
    let messages = stage.texts("control", &messages).await;
    keys.into_iter().zip(messages).collect()
}

/// Every tenth person has no name, which it must have; each tenth after that has such a one for a boss.
const PEOPLE: &str = "
    create table people (id bigint primary key, name text, nick text, boss bigint);
    insert into people select n, case when n % 10 <> 0 then 'Person ' || n end, case when n % 3 <> 0 then 'Nick ' || n end, nullif(n - 1, 0)
        from generate_series(1, 300) n;
    create table newcomers (id bigint primary key, nick text);
    insert into newcomers values (5, null), (6, 'Six'), (901, 'Nine'), (902, null);
    analyze;";

/// First everybody, then everybody's boss, as an object of its own: those that were refused would be made anew by it.
const INTO_ORG: &str = "
  - name: people
    from: { table: people }
    to: Contact
    operation: upsert
    external_id: Contact_External_Id__c
    fields: { Contact_External_Id__c: \"'P' || id\", LastName: name }
  - name: bosses
    from: { query: \"select id, boss from people where boss is not null\" }
    key: id
    to: Contact
    operation: upsert
    external_id: Contact_External_Id__c
    after: people
    fields: { Contact_External_Id__c: \"'P' || id\", ReportsTo: { lookup: people, by: boss } }
  - name: newcomers
    from: { table: newcomers }
    to: Contact
    operation: upsert
    external_id: Contact_External_Id__c
    after: bosses
    fields: { Contact_External_Id__c: \"'P' || id\", LastName: { from: nick, on_null: keep } }
limits: { accept_failed: 1000 }
";

#[tokio::test(flavor = "multi_thread")]
async fn an_org_wants_them_of_records_that_an_upsert_makes() {
    let mut stage = Stage::new().await;
    stage.execute("source", PEOPLE).await;
    let org = org(&mut stage, Duration::from_millis(20)).await;
    stage.start_all();
    let source = "{ kind: postgres, url: \"${SOURCE_URL}\" }";
    let lacking = foretells(
        &stage,
        &into_org(source, INTO_ORG),
        "REQUIRED_FIELD_MISSING",
    )
    .await;
    // Newcomer 5 is there, and keeps its name.
    let mut expected: Vec<String> = (1..=30)
        .map(|n| format!("bosses {} failed REQUIRED_FIELD_MISSING", n * 10))
        .collect();
    expected.push("newcomers 902 failed REQUIRED_FIELD_MISSING".to_owned());
    expected.sort();
    assert_eq!(lacking, expected);
    org.stop().await;
}

const TABLES: &str = "
    create table people (id bigint primary key, name text not null, nick varchar(80) not null default 'none');
    insert into people values (7, 'Seven', 'VII');";

const INTO_TABLES: &str = "
  - { name: people, from: { table: people }, to: people, operation: OPERATION, external_id: id, fields: { id: id, name: name, nick: { from: nick, on_null: keep } } }
limits: { accept_failed: 1000 }
";

async fn into_tables(operation: &str) -> Vec<String> {
    let mut stage = Stage::new().await;
    stage.execute("source", PEOPLE).await;
    stage.execute("target", TABLES).await;
    stage.start_all();
    let file = migration(&INTO_TABLES.replace("OPERATION", operation));
    foretells(&stage, &file, "23502").await
}

/// Of a person that has a name, and no nickname.
fn without_nick() -> Vec<String> {
    let without = (1..=300).filter(|n| n % 3 == 0 && n % 10 != 0);
    let mut lines: Vec<String> = without
        .map(|n| format!("people {n} failed 23502"))
        .collect();
    lines.sort();
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_wants_them_of_records_that_are_inserted() {
    assert_eq!(into_tables("insert").await, without_nick());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_wants_them_of_records_that_are_upserted() {
    assert_eq!(into_tables("upsert").await, without_nick());
}

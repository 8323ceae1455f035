//! Dry runs: what would become of every record is told, by the target as it is, and nothing is written to it.

use std::collections::BTreeMap;
use std::time::Duration;

use api::{RunView, StartRun};
use model::{Books, RunKind, RunStatus};
use serde_json::Value;

use crate::salesforce::{into_org, org};
use crate::stage::{SOURCE, Stage, migration, request};

const TABLES: &str = "
    create table companies (id bigint primary key, name text);
    insert into companies select n, 'Company ' || n from generate_series(1, 450) n;
    insert into companies values (900, repeat('x', 300));
    create table people (id bigint primary key, name text, company bigint, boss bigint);
    insert into people select n, 'Person ' || n, n, nullif(n - 1, 0) from generate_series(1, 430) n;
    insert into people values (800, 'Lost', 777, null), (801, 'Of none', 900, null), (802, 'Free', null, 803), (803, null, 1, null);
    analyze;";

/// Starts a dry run of a file, as soon as the coordinator answers, and gives its end.
pub(crate) async fn dry_run(stage: &Stage, file: &str, id: Option<&str>) -> RunView {
    let request = StartRun {
        dry_run: true,
        id: id.map(str::to_owned),
        ..request(file)
    };
    let client = stage.ready().await;
    let started = client
        .start(&request)
        .await
        .unwrap_or_else(|failure| panic!("{failure}"));
    let view = stage.until_status(&started.run, RunStatus::Completed).await;
    assert_eq!(view.summary.kind, RunKind::DryRun);
    assert!(view.balanced, "{view:?}");
    view
}

pub(crate) fn books(view: &RunView) -> BTreeMap<&str, Books> {
    let books = view.objects.iter();
    books
        .map(|object| (object.name.as_str(), object.books))
        .collect()
}

/// The keys that were refused, with the code, sorted.
pub(crate) async fn refused(stage: &Stage, run: &str) -> Vec<String> {
    let sql = format!(
        "select object || ' ' || record_key || ' ' || fate || ' ' || error_code from failed_records where run_id = '{run}'"
    );
    let mut refused = stage.texts("control", &sql).await;
    refused.sort();
    refused
}

const CRM: &str = "
  - name: companies
    from: { table: companies }
    to: Account
    operation: upsert
    external_id: External_Id__c
    fields: { External_Id__c: \"'Acc' || id\", Name: name }
  - name: people
    from: { table: people }
    to: Contact
    operation: upsert
    external_id: Contact_External_Id__c
    fields:
      Contact_External_Id__c: \"'Per' || id\"
      LastName: name
      Account: { lookup: companies, by: company }
      ReportsTo: { lookup: people, by: boss }
";

/// Those without their codes: the org and a database have codes of their own.
fn keys(refused: &[String]) -> Vec<&str> {
    refused
        .iter()
        .filter_map(|line| line.rsplit_once(' ').map(|(key, _)| key))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn into_an_org_it_says_what_a_run_then_does() {
    let mut stage = Stage::new().await;
    let org = org(&mut stage, Duration::from_millis(20)).await;
    stage.execute("source", TABLES).await;
    stage.start_all();
    // Some are there before; to an org, the case of letters does not tell keys apart.
    let before = "  - { name: before, from: { query: 'select id from companies where id in (1, 2)' }, key: id, to: Account, operation: upsert, \
         external_id: External_Id__c, fields: { External_Id__c: \"'ACC' || id\", Name: \"'Old'\" } }\n";
    let before = stage.run(&into_org(SOURCE, before)).await;
    stage.until_status(&before, RunStatus::Completed).await;
    let everything = || (org.records("Account"), org.records("Contact"));
    let (held, calls) = (everything(), org.api_calls());

    let file = into_org(SOURCE, CRM);
    let view = dry_run(&stage, &file, Some("nightly")).await;
    assert_eq!(everything(), held, "nothing is written");
    let calls = org.api_calls() - calls;
    assert!(calls < 60, "some 1,300 records took {calls} calls");
    let jobs = "select count(*)::text from jobs j where j.run_id <> ";
    let jobs = stage.texts("control", &format!("{jobs}'{before}'")).await;
    assert_eq!(jobs, ["0"], "no bulk job is made");
    let foretold = books(&view);
    let companies = foretold["companies"];
    let counts = (companies.created, companies.updated, companies.rejected);
    assert_eq!(counts, (448, 2, 1), "{companies:?}");
    let run = view.summary.run.clone();
    let told = refused(&stage, &run).await;
    for lost in [
        "people 800 failed parent_not_found",
        "people 801 failed parent_not_found",
        "people-links 802 failed parent_not_found",
    ] {
        assert!(told.contains(&lost.to_owned()), "{lost}: {told:?}");
    }
    let plain =
        format!("select count(*)::text from audit_log where run_id = '{run}' and not dry_run");
    assert_eq!(stage.texts("control", &plain).await, ["0"]);
    let checks = view.reconciliation.iter().map(|check| check.check.as_str());
    assert!(
        checks.clone().all(|check| check == "source_count"),
        "{view:?}"
    );

    // The key belongs to the dry run.
    let request = StartRun {
        id: Some("nightly".to_owned()),
        ..request(&file)
    };
    let refusal = stage
        .client()
        .start(&request)
        .await
        .expect_err("of another kind");
    assert_eq!(refusal.code, "other_run", "{refusal}");
    // The run itself does what was foretold.
    let full = stage.run(&file).await;
    let done = stage.until_status(&full, RunStatus::Completed).await;
    assert_eq!(books(&done), foretold);
    assert_eq!(keys(&refused(&stage, &full).await), keys(&told));
    assert_eq!(org.count("Account"), 450);
    org.stop().await;
}

const TARGET: &str = "
    create table companies (id bigint primary key, name varchar(80));
    create table people (id bigint primary key, name text not null, company bigint references companies (id), boss integer references people (id));
    create table log (id bigint primary key, name text);
    create table gone (id bigint primary key, name text);
    insert into companies values (1, 'Old'), (2, 'Old');
    insert into log values (5, 'there');
    insert into gone select n, 'x' from generate_series(1, 10) n;";

const INTO_TABLES: &str = "  - { name: companies, from: { table: companies }, to: companies, operation: upsert, external_id: id }
  - name: people
    from: { table: people }
    to: people
    operation: upsert
    external_id: id
    fields: { id: id, name: name, company: { lookup: companies, by: company }, boss: { lookup: people, by: boss } }
  - { name: log, from: { query: 'select id, name from companies where id < 20' }, key: id, to: log, operation: insert }
  - { name: changed, from: { query: 'select id, name from companies where id < 20' }, key: id, to: gone, operation: update, external_id: id }
  - { name: gone, after: changed, from: { query: 'select id, name from companies where id in (3, 4, 15)' }, key: id, to: gone, operation: delete, external_id: id }
";

/// Every row of every table of the target, and the tables' names.
async fn everything(stage: &Stage) -> Vec<Vec<String>> {
    let names = "select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace \
                 where n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') order by 1";
    let mut everything = vec![stage.texts("target", names).await];
    for table in ["companies", "people", "log", "gone"] {
        everything.push(stage.rows("target", table).await);
    }
    everything
}

#[tokio::test(flavor = "multi_thread")]
async fn into_tables_it_says_what_a_run_then_does_and_leaves_no_claims() {
    let mut stage = Stage::new().await;
    stage.execute("source", TABLES).await;
    stage.execute("target", TARGET).await;
    stage.start_all();
    let held = everything(&stage).await;
    let file = migration(INTO_TABLES);
    let view = dry_run(&stage, &file, None).await;
    assert_eq!(
        everything(&stage).await,
        held,
        "nothing is written, and no table made"
    );
    let foretold = books(&view);
    let log = foretold["log"];
    assert_eq!((log.created, log.failed), (18, 1), "{log:?}");
    let (changed, gone) = (foretold["changed"], foretold["gone"]);
    assert_eq!((changed.updated, changed.failed), (10, 9), "{changed:?}");
    assert_eq!((gone.deleted, gone.failed), (2, 1), "{gone:?}");
    let told = refused(&stage, &view.summary.run).await;
    assert!(
        told.contains(&"people 801 failed parent_not_found".to_owned()),
        "{told:?}"
    );

    let full = stage.run(&file).await;
    let done = stage.until_status(&full, RunStatus::Completed).await;
    assert_eq!(books(&done), foretold);
    assert_eq!(keys(&refused(&stage, &full).await), keys(&told));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_line_names_its_counts_for_what_they_are() {
    let stage = Stage::new().await;
    stage.execute("source", TABLES).await;
    stage.execute("target", TARGET).await;
    std::fs::write(stage.file("m.yaml"), migration(INTO_TABLES)).expect("written");
    let held = everything(&stage).await;
    let said = |args: &[&str]| {
        let output = stage.embedded(args).output().expect("it runs");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    let (code, text) = said(&["run", "m.yaml", "--dry-run", "--json"]);
    assert_eq!(code, Some(3), "records would be refused: {text}");
    let document: Value = serde_json::from_str(&text).expect("one document");
    assert_eq!(document["kind"], "dry_run");
    assert_eq!(document["objects"][0]["would_create"], 448, "{text}");
    assert_eq!(document["objects"][0]["would_update"], 2);
    assert_eq!(document["objects"][0]["would_reject"], 1);
    assert!(document["objects"][0].get("created").is_none(), "{text}");
    let run = document["run"].as_str().expect("a run");
    let (_, text) = said(&["status", run, "--json"]);
    let document: Value = serde_json::from_str(&text).expect("one document");
    assert_eq!(document["objects"][0]["would_create"], 448, "{text}");
    assert!(document["objects"][0].get("created").is_none(), "{text}");
    let (_, text) = said(&["status", run]);
    assert!(
        text.starts_with("DRY RUN") && text.contains("would create"),
        "{text}"
    );
    assert_eq!(everything(&stage).await, held);
}

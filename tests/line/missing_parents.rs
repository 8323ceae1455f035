//! Children whose parents are not there: rejected, moved without them, or given placeholders, by an org and by tables with and without foreign keys; and what
//! becomes of a placeholder when the real parent comes.

use std::time::Duration;

use api::{FailuresQuery, RunView};
use model::RunStatus;
use rehearsal_org::RehearsalOrg;

use crate::dry_run::{books, dry_run};
use crate::salesforce::{held, into_org, org};
use crate::stage::{Stage, migration};

/// Every tenth company has no name, which it must have; people refer to those, to some that are nowhere, or to none.
pub(crate) const SOURCE: &str = "
    create table companies (id bigint primary key, name text);
    insert into companies select n, case when n % 10 <> 0 then 'Company ' || n end from generate_series(1, 300) n;
    create table people (id bigint primary key, name text, company bigint);
    insert into people select n, 'Person ' || n, nullif(n % 330, 0) from generate_series(1, 2000) n;
    analyze companies; analyze people;";

/// Of a person `p`: that its company is not moved.
const MISSING: &str = "(p.company % 10 = 0 or p.company > 300)";

pub(crate) const INTO_ORG: &str = "
  - name: companies
    from: { table: companies }
    key: id
    to: Account
    operation: upsert
    external_id: External_Id__c
    fields: { External_Id__c: \"'C' || id\", Name: name }
    placeholder: { Industry: \"'Retail'\" }
  - name: people
    from: { table: people }
    key: id
    to: Contact
    operation: OPERATION
    external_id: Contact_External_Id__c
    fields:
      Contact_External_Id__c: \"'P' || id\"
      LastName: name
      Account: { lookup: companies, by: company }
    on_missing_parent: POLICY
limits: { accept_failed: 10000 }
";

pub(crate) const INTO_TABLES: &str = "
  - name: companies
    from: { table: companies }
    key: id
    to: companies
    operation: upsert
    external_id: key
    fields: { key: \"'C' || id\", name: name }
    placeholder: { kind: 7 }
  - name: people
    from: { table: people }
    key: id
    to: people
    operation: OPERATION
    external_id: id
    fields:
      id: id
      name: name
      company: { lookup: companies, by: company }
    on_missing_parent: POLICY
limits: { accept_failed: 10000 }
";

pub(crate) const TABLES: &str = "
    create table companies (key text primary key, name text not null, kind integer, note text default 'new');
    create table people (id bigint primary key, name text, company text REFERENCES)";

pub(crate) fn filled(objects: &str, operation: &str, policy: &str) -> String {
    objects
        .replace("OPERATION", operation)
        .replace("POLICY", policy)
}

pub(crate) async fn sorted(stage: &Stage, database: &str, sql: &str) -> Vec<String> {
    let mut rows = stage.texts(database, sql).await;
    rows.sort();
    rows
}

/// Every person that is to be there, with its company, as the policy has it.
async fn expected_people(stage: &Stage, policy: &str) -> Vec<String> {
    let (company, which) = match policy {
        "reject" => (
            "coalesce('C' || p.company, '')",
            format!("p.company is null or not {MISSING}"),
        ),
        "null" => ("", "true".to_owned()),
        _ => ("coalesce('C' || p.company, '')", "true".to_owned()),
    };
    let company = match company {
        "" => format!("case when p.company is null or {MISSING} then '' else 'C' || p.company end"),
        company => company.to_owned(),
    };
    let sql =
        format!("select p.id || '|' || p.name || '|' || {company} from people p where {which}");
    sorted(stage, "source", &sql).await
}

/// Every company that is to be there, with its name.
async fn expected_companies(stage: &Stage, policy: &str) -> Vec<String> {
    let real = "select 'C' || id || '|' || name from companies where name is not null";
    let placeholders = format!(
        "select distinct 'C' || p.company || '|C' || p.company from people p where {MISSING}
         and not exists (select 1 from companies c where c.id = p.company and c.name is not null)"
    );
    let sql = match policy {
        "placeholder" => format!("{real} union all {placeholders}"),
        _ => real.to_owned(),
    };
    sorted(stage, "source", &sql).await
}

/// People and companies that are to be there.
async fn expected(stage: &Stage, policy: &str) -> (Vec<String>, Vec<String>) {
    (
        expected_people(stage, policy).await,
        expected_companies(stage, policy).await,
    )
}

/// A run does what a dry run foretells, and what is told of it fits. `lookup` is what the target calls a person's company.
async fn moved(stage: &Stage, file: &str, policy: &str, lookup: &str) -> String {
    let foretold = dry_run(stage, file, None).await;
    let run = stage.run(file).await;
    let view = stage.until_status(&run, RunStatus::Completed).await;
    assert_eq!(books(&foretold), books(&view));
    assert_told(stage, &view, policy, lookup).await;
    run
}

async fn assert_told(stage: &Stage, view: &RunView, policy: &str, lookup: &str) {
    assert!(view.balanced, "{view:?}");
    assert!(
        view.reconciliation.iter().all(|check| check.passed),
        "{view:?}"
    );
    let orphans = format!("select count(*)::text from people p where {MISSING}");
    let orphans: u64 = stage.texts("source", &orphans).await[0]
        .parse()
        .expect("a number");
    let (companies, people) = (&view.objects[0], &view.objects[1]);
    let none_or = |wanted: &str, count| if policy == wanted { count } else { 0 };
    assert_eq!(people.books.failed, none_or("reject", orphans), "{view:?}");
    assert_eq!(people.changed, none_or("null", orphans), "{view:?}");
    assert_eq!(
        companies.placeholders,
        none_or("placeholder", 59),
        "{view:?}"
    );
    let told = sorted(
        stage,
        "control",
        "select object || ' ' || record_key || ' ' || field || ' ' || code || ' ' || was from changed_records",
    )
    .await;
    let sql = format!(
        "select 'people ' || p.id || ' {lookup} missing_parent C' || p.company from people p where {MISSING}"
    );
    let expected = match policy {
        "null" => sorted(stage, "source", &sql).await,
        _ => Vec::new(),
    };
    assert_eq!(told, expected);
    let listed = stage
        .client()
        .placeholders(&view.summary.run, &FailuresQuery::default())
        .await
        .expect("placeholders");
    assert_eq!(listed.records.len() as u64, companies.placeholders);
    for record in &listed.records {
        assert!(
            record.made_at.is_some() && record.target_id.is_some(),
            "{record:?}"
        );
        assert_eq!(
            (record.object.as_str(), record.child_object.as_str()),
            ("companies", "people")
        );
    }
}

pub(crate) fn people_held(org: &RehearsalOrg) -> Vec<String> {
    let keys: std::collections::HashMap<_, _> = org
        .records("Account")
        .iter()
        .map(|account| (account["Id"].clone(), account["External_Id__c"].clone()))
        .collect();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let mut people: Vec<_> = org
        .records("Contact")
        .iter()
        .map(|contact| {
            let company = keys
                .get(&contact["AccountId"])
                .map(text)
                .unwrap_or_default();
            let key = text(&contact["Contact_External_Id__c"]);
            format!("{}|{}|{company}", &key[1..], text(&contact["LastName"]))
        })
        .collect();
    people.sort();
    people
}

async fn into_an_org(operation: &str, policy: &str) {
    let mut stage = Stage::new().await;
    stage.execute("source", SOURCE).await;
    let org = org(&mut stage, Duration::from_millis(50)).await;
    stage.start_all();
    stage.start("loader-2");
    let source = "{ kind: postgres, url: \"${SOURCE_URL}\" }";
    let file = into_org(source, &filled(INTO_ORG, operation, policy));
    let run = moved(&stage, &file, policy, "Account").await;
    let found = || {
        let companies = held(&org, "Account", &["External_Id__c", "Name"]);
        (people_held(&org), companies)
    };
    assert_eq!(found(), expected(&stage, policy).await);
    if policy == "placeholder" {
        the_real_ones_come(&stage, &run).await;
        assert_eq!(found(), expected(&stage, policy).await);
        let stamped = held(&org, "Account", &["Migration_Id__c", "Industry"]);
        let placeholder = format!("{run}|Retail");
        let placeholders = stamped.iter().filter(|held| **held == placeholder);
        assert_eq!(placeholders.count(), 59);
        assert!(
            stamped.iter().all(|held| held.starts_with(&run)),
            "{stamped:?}"
        );
    }
    org.stop().await;
}

/// What was wrong in the source is put right by a statement there, and sent again until nothing of it fails.
pub(crate) async fn mended(stage: &Stage, run: &str, statement: &str) -> RunView {
    stage.execute("source", statement).await;
    stage.ask(run, "retry").await;
    let left = format!(
        "select count(*)::text from failed_records where run_id = '{run}' and not resolved"
    );
    stage
        .until("nothing fails any more", async || {
            stage.texts("control", &left).await == ["0"]
        })
        .await;
    let view = stage.until_status(run, RunStatus::Completed).await;
    assert!(view.balanced, "{view:?}");
    assert!(
        view.reconciliation.iter().all(|check| check.passed),
        "{view:?}"
    );
    view
}

/// The companies without a name get one, and are sent again: placeholders become the real ones.
async fn the_real_ones_come(stage: &Stage, run: &str) {
    let named = "update companies set name = 'At last ' || id where name is null";
    let view = mended(stage, run, named).await;
    let books = view.objects[0].books;
    assert_eq!(
        (books.created, books.updated, books.rejected),
        (270, 30, 0),
        "{view:?}"
    );
    let listed = stage
        .client()
        .placeholders(run, &FailuresQuery::default())
        .await;
    let listed = listed.expect("placeholders");
    assert_eq!((listed.groups[0].made, listed.groups[0].standing), (59, 29));
    let replaced = listed
        .records
        .iter()
        .filter(|record| record.replaced_at.is_some());
    let mut replaced: Vec<u32> = replaced
        .map(|record| record.key[1..].parse().expect("a number"))
        .collect();
    replaced.sort_unstable();
    assert_eq!(replaced, (1..=30).map(|n| n * 10).collect::<Vec<_>>());
    let said = |more: &[&str]| {
        let server = format!("http://{}", stage.address);
        let verb = ["failures", run, "--placeholders", "--server", &server];
        let output = stage.command(&[&verb, more].concat()).output();
        let output = output.expect("it runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let text = said(&[]);
    assert!(text.contains("C310"), "{text}");
    let file = stage.file("placeholders.csv");
    said(&["--csv", file.to_str().expect("a path")]);
    let written = std::fs::read_to_string(&file).expect("a file");
    assert_eq!(written.lines().count(), 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_rejects_children_without_a_parent() {
    into_an_org("upsert", "reject").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_takes_children_without_a_parent_by_insert() {
    into_an_org("insert", "null").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_takes_children_without_a_parent_by_upsert() {
    into_an_org("upsert", "null").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_gets_placeholders_for_children_that_are_inserted() {
    into_an_org("insert", "placeholder").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_gets_placeholders_for_children_that_are_upserted() {
    into_an_org("upsert", "placeholder").await;
}

async fn into_tables(operation: &str, policy: &str, references: &str) {
    let mut stage = Stage::new().await;
    stage.execute("source", SOURCE).await;
    stage
        .execute("target", &TABLES.replace("REFERENCES", references))
        .await;
    stage.start_all();
    stage.start("loader-2");
    let file = migration(&filled(INTO_TABLES, operation, policy));
    let run = moved(&stage, &file, policy, "company").await;
    let found = async || {
        let people = "select id || '|' || name || '|' || coalesce(company, '') from people";
        let companies = "select key || '|' || name from companies";
        (
            sorted(&stage, "target", people).await,
            sorted(&stage, "target", companies).await,
        )
    };
    assert_eq!(found().await, expected(&stage, policy).await);
    if policy == "placeholder" {
        the_real_ones_come(&stage, &run).await;
        assert_eq!(found().await, expected(&stage, policy).await);
        let given = "select key from companies where kind = 7";
        assert_eq!(stage.texts("target", given).await.len(), 59);
    }
}

const FOREIGN_KEY: &str = "references companies (key)";

#[tokio::test(flavor = "multi_thread")]
async fn a_table_rejects_children_without_a_parent() {
    into_tables("insert", "reject", FOREIGN_KEY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_takes_children_without_a_parent_by_insert() {
    into_tables("insert", "null", FOREIGN_KEY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_foreign_keys_takes_children_without_a_parent_by_upsert() {
    into_tables("upsert", "null", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_gets_placeholders_for_children_that_are_inserted() {
    into_tables("insert", "placeholder", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_gets_placeholders_for_children_that_are_upserted() {
    into_tables("upsert", "placeholder", FOREIGN_KEY).await;
}

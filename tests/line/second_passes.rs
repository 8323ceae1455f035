//! Second passes whose parents are not there: lookups of an object to itself and in a cycle, rejected, set to null, or given placeholders, by an org and by tables.

use api::RunView;
use model::RunStatus;
use rehearsal_org::RehearsalOrg;

use crate::dry_run::dry_run;
use crate::graph::{file_of, graph_by, org_with};
use crate::missing_parents::{filled, mended, sorted};
use crate::stage::{Stage, migration};

/// Company 4 and person 14 have no name, which they must have; company 9 and the people 88 and 99 are nowhere.
const SOURCE: &str = "
    create table companies (id bigint primary key, name text, parent bigint, main_person bigint);
    insert into companies values (1, 'Acme', 2, 11), (2, 'Globex', 9, 14), (3, 'Initech', 4, 99), (4, null, 1, 11);
    create table people (id bigint primary key, name text, company bigint, boss bigint);
    insert into people values (11, 'Ann', 1, 12), (12, 'Bob', 2, 14), (13, 'Cy', 4, 11), (14, null, 1, 11), (15, 'Eve', null, 88);
    analyze;";

const INTO_ORG: &str = "
  - name: companies
    from: { table: companies }
    to: Account
    operation: OPERATION
    external_id: External_Id__c
    fields:
      External_Id__c: \"'C' || id\"
      Name: name
      Parent: { lookup: companies, by: parent }
      Main_Person__r: { lookup: people, by: main_person }
    on_missing_parent: POLICY
  - name: people
    from: { table: people }
    to: Contact
    operation: OPERATION
    external_id: Contact_External_Id__c
    fields:
      Contact_External_Id__c: \"'P' || id\"
      LastName: name
      Account: { lookup: companies, by: company }
      ReportsTo: { lookup: people, by: boss }
    on_missing_parent: POLICY
limits: { accept_failed: 100 }
";

const INTO_TABLES: &str = "
  - name: companies
    from: { table: companies }
    to: companies
    operation: OPERATION
    external_id: key
    fields: { key: \"'C' || id\", name: name, parent: { lookup: companies, by: parent }, main_person: { lookup: people, by: main_person } }
    on_missing_parent: POLICY
  - name: people
    from: { table: people }
    to: people
    operation: OPERATION
    external_id: key
    fields: { key: \"'P' || id\", name: name, company: { lookup: companies, by: company }, boss: { lookup: people, by: boss } }
    on_missing_parent: POLICY
limits: { accept_failed: 100 }
";

const TABLES: &str = "
    create table companies (key text primary key, name text not null, parent text references companies (key), main_person text);
    create table people (key text primary key, name text not null, company text references companies (key), boss text references people (key));
    alter table companies add foreign key (main_person) references people (key)";

/// Each record with what it refers to, in both targets' words.
fn expected_graph(policy: &str) -> &'static [&'static str] {
    match policy {
        // A link to one parent waits for the record's other one.
        "reject" => &[
            "C1 Acme -> C2 P11",
            "C2 Globex -> - -",
            "C3 Initech -> - -",
            "P11 Ann -> C1 P12",
            "P12 Bob -> C2 -",
            "P15 Eve -> - -",
        ],
        "null" => &[
            "C1 Acme -> C2 P11",
            "C2 Globex -> - -",
            "C3 Initech -> - -",
            "P11 Ann -> C1 P12",
            "P12 Bob -> C2 -",
            "P13 Cy -> - P11",
            "P15 Eve -> - -",
        ],
        _ => &[
            "C1 Acme -> C2 P11",
            "C2 Globex -> C9 P14",
            "C3 Initech -> C4 P99",
            "C4 C4 -> - -",
            "C9 C9 -> - -",
            "P11 Ann -> C1 P12",
            "P12 Bob -> C2 P14",
            "P13 Cy -> C4 P11",
            "P14 P14 -> - -",
            "P15 Eve -> - P88",
            "P88 P88 -> - -",
            "P99 P99 -> - -",
        ],
    }
}

/// Of each object: created, updated, rejected, failed, values changed, placeholders made.
fn expected_books(policy: &str) -> [[u64; 6]; 4] {
    match policy {
        "reject" => [
            [3, 0, 1, 0, 0, 0],
            [3, 0, 1, 1, 0, 0],
            [0, 1, 1, 2, 0, 0],
            [0, 1, 2, 2, 0, 0],
        ],
        "null" => [
            [3, 0, 1, 0, 0, 0],
            [4, 0, 1, 0, 1, 0],
            [0, 3, 1, 0, 2, 0],
            [0, 4, 1, 0, 2, 0],
        ],
        _ => [
            [3, 0, 1, 0, 0, 2],
            [4, 0, 1, 0, 0, 3],
            [0, 3, 1, 0, 0, 0],
            [0, 4, 1, 0, 0, 0],
        ],
    }
}

/// The lookups that became null, with the source's keys of the parents that they held.
const CLEARED: [&str; 7] = [
    "companies-links 2 Main_Person__r 14",
    "companies-links 2 Parent 9",
    "companies-links 3 Main_Person__r 99",
    "companies-links 3 Parent 4",
    "people 13 Account 4",
    "people-links 12 ReportsTo 14",
    "people-links 15 ReportsTo 88",
];

fn counts(view: &RunView) -> Vec<[u64; 6]> {
    let objects = view.objects.iter();
    objects
        .map(|object| {
            let books = object.books;
            [
                books.created,
                books.updated,
                books.rejected,
                books.failed,
                object.changed,
                object.placeholders,
            ]
        })
        .collect()
}

/// Runs the file dry and for good: it does what was foretold, and what is expected.
async fn run(stage: &Stage, file: &str, policy: &str) -> String {
    let foretold = dry_run(stage, file, None).await;
    let run = moved(stage, file, policy, expected_books(policy)).await;
    let dry = stage.fates(&foretold.summary.run).await;
    assert_eq!(dry, stage.fates(&run).await);
    run
}

async fn moved(stage: &Stage, file: &str, policy: &str, expected: [[u64; 6]; 4]) -> String {
    let run = stage.run(file).await;
    let view = stage.until_status(&run, RunStatus::Completed).await;
    assert!(view.balanced, "{view:?}");
    assert!(
        view.reconciliation.iter().all(|check| check.passed),
        "{view:?}"
    );
    let names = view.objects.iter().map(|object| object.name.as_str());
    assert_eq!(
        names.collect::<Vec<_>>(),
        ["companies", "people", "companies-links", "people-links"]
    );
    assert_eq!(counts(&view), expected, "{view:?}");
    let cleared = "select object || ' ' || record_key || ' ' || field || ' ' || ltrim(was, 'CP') from changed_records where code = 'missing_parent'";
    let cleared = format!("{cleared} and run_id = '{run}'");
    let expected: &[&str] = if policy == "null" { &CLEARED } else { &[] };
    let cleared = in_the_orgs_words(sorted(stage, "control", &cleared).await);
    assert_eq!(cleared, expected);
    run
}

/// Tables call the lookups otherwise, and an org the fields that take its own ids.
fn in_the_orgs_words(lines: Vec<String>) -> Vec<String> {
    let names = [
        (" main_person ", " Main_Person__r "),
        (" parent ", " Parent "),
        (" company ", " Account "),
        (" boss ", " ReportsTo "),
        (" Main_Person__c ", " Main_Person__r "),
        (" ParentId ", " Parent "),
        (" AccountId ", " Account "),
        (" ReportsToId ", " ReportsTo "),
    ];
    let translated = lines.into_iter().map(|line| {
        names
            .iter()
            .fold(line, |line, (table, org)| line.replace(table, org))
    });
    let mut lines: Vec<String> = translated.collect();
    lines.sort();
    lines
}

/// Company 4 and person 14 get their names: they come, in the place of what stood for them, with all that refers to them and to which they refer.
async fn the_real_ones_come(stage: &Stage, run: &str) {
    let named = "update companies set name = 'Hooli' where id = 4; update people set name = 'Dee' where id = 14";
    mended(stage, run, named).await;
    let standing = format!(
        "select target_key from placeholders where run_id = '{run}' and replaced_at is null"
    );
    assert_eq!(
        sorted(stage, "control", &standing).await,
        ["C9", "P88", "P99"]
    );
}

fn with_the_real_ones() -> Vec<String> {
    let graph = expected_graph("placeholder").iter();
    graph
        .map(|line| match *line {
            "C4 C4 -> - -" => "C4 Hooli -> C1 P11".to_owned(),
            "P14 P14 -> - -" => "P14 Dee -> C1 P11".to_owned(),
            other => other.to_owned(),
        })
        .collect()
}

async fn into_an_org(operation: &str, policy: &str) {
    let mut stage = Stage::new().await;
    stage.execute("source", SOURCE).await;
    let org = org_with(&mut stage, &[]).await;
    stage.start_all();
    let file = file_of(&filled(INTO_ORG, operation, policy));
    let run = run(&stage, &file, policy).await;
    assert_eq!(in_org(&org), expected_graph(policy));
    if policy == "placeholder" {
        the_real_ones_come(&stage, &run).await;
        assert_eq!(in_org(&org), with_the_real_ones());
    }
    org.stop().await;
}

/// Parents without an external id, found by the ids that the org gave them.
async fn by_ids(policy: &str) {
    let mut stage = Stage::new().await;
    stage.execute("source", SOURCE).await;
    let org = org_with(&mut stage, &["Account", "Contact"]).await;
    stage.start_all();
    let objects = filled(INTO_ORG, "insert", policy)
        .replace("Contact_External_Id__c", "Old_Key__c")
        .replace("External_Id__c", "Old_Key__c");
    // That no id is known is found before anything is sent: it is we who reject.
    let expected = expected_books(policy).map(
        |[created, updated, rejected, failed, changed, placeholders]| {
            [
                created,
                updated,
                rejected + failed,
                0,
                changed,
                placeholders,
            ]
        },
    );
    moved(&stage, &file_of(&objects), policy, expected).await;
    let graph = graph_by(&org, |object| match object {
        "Account" | "Contact" => "Old_Key__c",
        _ => "External_Id__c",
    });
    assert_eq!(without_owners(graph), expected_graph(policy));
    org.stop().await;
}

fn in_org(org: &RehearsalOrg) -> Vec<String> {
    without_owners(graph_by(org, |object| match object {
        "Contact" => "Contact_External_Id__c",
        _ => "External_Id__c",
    }))
}

fn without_owners(graph: Vec<String>) -> Vec<String> {
    let owner = " rehearsal@stevedore.invalid";
    let lines = graph.into_iter();
    lines.map(|line| line.replace(owner, "")).collect()
}

async fn into_tables(operation: &str, policy: &str) {
    let mut stage = Stage::new().await;
    stage.execute("source", SOURCE).await;
    stage.execute("target", TABLES).await;
    stage.start_all();
    let file = migration(&filled(INTO_TABLES, operation, policy));
    let run = run(&stage, &file, policy).await;
    assert_eq!(in_tables(&stage).await, expected_graph(policy));
    if policy == "placeholder" {
        the_real_ones_come(&stage, &run).await;
        assert_eq!(in_tables(&stage).await, with_the_real_ones());
    }
}

async fn in_tables(stage: &Stage) -> Vec<String> {
    let sql = "select key || ' ' || name || ' -> ' || coalesce(parent, '-') || ' ' || coalesce(main_person, '-') from companies
        union all select key || ' ' || name || ' -> ' || coalesce(company, '-') || ' ' || coalesce(boss, '-') from people";
    sorted(stage, "target", sql).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_links_nobody_to_parents_that_are_missing() {
    into_an_org("upsert", "reject").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_links_to_none_in_the_place_of_parents_that_are_missing() {
    into_an_org("upsert", "null").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_links_what_was_inserted_to_none_in_the_place_of_parents_that_are_missing() {
    into_an_org("insert", "null").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_links_to_placeholders_and_to_the_real_ones_when_these_come() {
    into_an_org("upsert", "placeholder").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_link_nobody_to_parents_that_are_missing() {
    into_tables("upsert", "reject").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_link_to_none_in_the_place_of_parents_that_are_missing() {
    into_tables("upsert", "null").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_link_what_was_inserted_to_none_in_the_place_of_parents_that_are_missing() {
    into_tables("insert", "null").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_link_to_placeholders_and_to_the_real_ones_when_these_come() {
    into_tables("upsert", "placeholder").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_links_nobody_to_parents_without_an_id() {
    by_ids("reject").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_links_to_none_in_the_place_of_parents_without_an_id() {
    by_ids("null").await;
}

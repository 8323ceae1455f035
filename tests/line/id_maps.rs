//! Parents without an external id: their children find them by the ids that the target gave them, in the run that moved them and in later ones.

use std::process::Stdio;

use model::RunStatus;
use rehearsal_org::RehearsalOrg;
use serde_json::Value;

use crate::dry_run::{books, dry_run};
use crate::graph::{EXPECTED, FROM_ORG, OBJECTS, SOURCE, file_of, graph_by, org_with};
use crate::stage::{Stage, migration};

const ALL: [&str; 4] = ["Account", "Contact", "Opportunity", "Task"];

/// The graph's objects by insert, each with a field for its key that no lookup goes by.
fn by_plain_keys() -> String {
    let objects = OBJECTS
        .replace("OPERATION", "insert")
        .replace("Contact_External_Id__c", "Old_Key__c")
        .replace("External_Id__c", "Old_Key__c");
    file_of(&objects)
}

fn graph(org: &RehearsalOrg) -> Vec<String> {
    graph_by(org, |_| "Old_Key__c")
}

async fn failed(stage: &Stage) -> Vec<String> {
    let sql =
        "select object || ' ' || record_key || ' ' || fate || ' ' || error_code from failed_records
        where not resolved and run_id in (select id from runs where kind = 'full') order by 1";
    stage.texts("control", sql).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graph_without_external_ids_arrives_whole_over_several_runs() {
    let mut stage = Stage::new().await;
    stage.execute("source", SOURCE).await;
    let org = org_with(&mut stage, &ALL).await;
    stage.start_all();
    let file = by_plain_keys() + "limits: { accept_failed: 10 }\n";
    // Ids that nobody has given yet are foreseen.
    let foretold = dry_run(&stage, &file, None).await;
    assert_eq!(graph(&org), Vec::<String>::new());
    let parents = ["companies", "people", "deals"];
    let run = stage.run_only(&file, &parents).await;
    let view = stage.until_status(&run, RunStatus::Completed).await;
    for object in parents {
        assert_eq!(books(&foretold)[object], books(&view)[object], "{object}");
    }
    assert!(view.balanced, "{view:?}");
    assert_eq!(
        failed(&stage).await,
        [
            "people 14 rejected required_field_missing",
            "people-links 14 rejected not_moved",
            "people-links 15 rejected missing_parent",
        ]
    );
    // The children come later, in a run of their own.
    let later = stage.run_only(&file, &["notes"]).await;
    stage.until_status(&later, RunStatus::Completed).await;
    assert_eq!(graph(&org), EXPECTED);

    // What is mended is linked as well, and who waited for it.
    let mend = "update people set name = 'Dee' where id = 14";
    stage.execute("source", mend).await;
    stage.ask(&run, "retry").await;
    stage
        .until("14 and 15 are linked", async || {
            failed(&stage).await == ["notes 34 rejected unmapped_value"]
        })
        .await;
    stage.until_status(&run, RunStatus::Completed).await;
    let mut linked: Vec<String> = EXPECTED.iter().map(|line| (*line).to_owned()).collect();
    linked.retain(|line| !line.starts_with("PER15"));
    linked.extend(["PER14 Dee -> ACC1 PER11", "PER15 Eve -> ACC2 PER14"].map(str::to_owned));
    linked.sort();
    assert_eq!(graph(&org), linked);
    org.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graph_goes_from_org_to_org_by_the_ids_of_the_new_one() {
    let mut stage = Stage::new().await;
    stage.execute("source", SOURCE).await;
    let old = org_with(&mut stage, &ALL).await;
    let (url, token) = (old.url(), old.access_token().to_owned());
    let new = org_with(&mut stage, &ALL).await;
    stage.set("NEW_URL", &new.url());
    stage.set("NEW_TOKEN", new.access_token());
    stage.set("ORG_URL", &url);
    stage.set("ORG_TOKEN", &token);
    stage.start_all();
    let run = stage.run(&by_plain_keys()).await;
    stage.until_status(&run, RunStatus::Completed).await;
    assert_eq!(graph(&old), EXPECTED);
    // The old id has no external id to go to: what is unique there is the old key, which is carried over.
    let file = FROM_ORG
        .replace("      Legacy_Key__c: Id\n", "")
        .replace("Legacy_Key__c", "Old_Key__c")
        .replace("operation: upsert", "operation: insert")
        .replace("External_Id__c, AccountId", "Old_Key__c, AccountId");
    let run = stage.run(&file).await;
    let view = stage.until_status(&run, RunStatus::Completed).await;
    assert!(view.balanced && !view.over_limit, "{view:?}");
    assert_eq!(graph(&new), EXPECTED);
    old.stop().await;
    new.stop().await;
}

/// Teams have members, and members a boss; the target numbers both by itself.
const TEAMS: &str = "
    create table teams (code text primary key, name text);
    insert into teams select 'T' || n, 'Team ' || n from generate_series(1, 500) n;
    create table members (id bigint primary key, name text, team text, boss bigint);
    insert into members select n, 'Member ' || n, 'T' || (n % 501), nullif(n / 2, 0) from generate_series(1, 3000) n;
    analyze teams; analyze members;";

const NUMBERED: &str = "
    create table teams (id bigint generated always as identity (start 1000000) primary key, legacy text unique not null, name text);
    create table members (id uuid primary key default gen_random_uuid(), legacy bigint, name text,
        team_id bigint references teams (id), boss_id uuid references members (id))";

const INTO_NUMBERED: &str = "
  - { name: teams, from: { table: teams }, key: code, to: teams, operation: OPERATION, external_id: legacy, fields: { legacy: code, name: name } }
  - name: members
    from: { table: members }
    key: id
    to: members
    operation: insert
    fields:
      legacy: id
      name: name
      team_id: { lookup: teams, by: team }
      boss_id: { lookup: members, by: boss }
limits: { accept_failed: 10 }
";

/// Every member with its team and its boss, by our keys.
const LINKED: &str =
    "select m.legacy || ' ' || m.name || ' ' || t.legacy || ' ' || coalesce(b.legacy::text, '-')
    from members m join teams t on t.id = m.team_id left join members b on b.id = m.boss_id";
/// Members 501, 1002, … have a team that does not exist, and are not moved; so who has one of them for a boss has none.
const EXPECTED_LINKED: &str = "select id || ' ' || name || ' ' || team || ' ' || case when boss % 501 = 0 then '-' else coalesce(boss::text, '-') end
    from members where id % 501 <> 0";

async fn sorted(stage: &Stage, database: &str, sql: &str) -> Vec<String> {
    let mut rows = stage.texts(database, sql).await;
    rows.sort();
    rows
}

async fn numbered(stage: &Stage) {
    stage.execute("source", TEAMS).await;
    stage.execute("target", NUMBERED).await;
}

async fn assert_linked(stage: &Stage) {
    let (found, expected) = (
        sorted(stage, "target", LINKED).await,
        sorted(stage, "source", EXPECTED_LINKED).await,
    );
    assert_eq!(found.len(), 2_995);
    assert_eq!(found, expected);
}

async fn arrives_numbered(operation: &str) {
    let mut stage = Stage::new().await;
    numbered(&stage).await;
    stage.start_all();
    let objects = INTO_NUMBERED.replace("OPERATION", operation);
    let run = stage.run(&migration(&objects)).await;
    stage.until_done(&run, 2).await;
    for role in ["auditor", "transformer", "loader"] {
        stage.kill(role);
        stage.start(role);
    }
    let view = stage.until_status(&run, RunStatus::Completed).await;
    assert!(view.balanced, "{view:?}");
    assert_linked(&stage).await;
    let sql = "select object || ' ' || fate || ' ' || error_code || ' ' || count(*) from failed_records group by object, fate, error_code order by 1";
    assert_eq!(
        stage.texts("control", sql).await,
        [
            "members rejected missing_parent 5",
            "members-links rejected missing_parent 2",
            "members-links rejected not_moved 5",
        ]
    );

    // Later files of the same migration find the records by the kept ids, to change and to delete them.
    let later = "
  - { name: teams, from: { table: teams }, key: code, to: teams, operation: insert, external_id: legacy, id_map: true, fields: { legacy: code, name: name } }
  - { name: members, from: { table: members }, key: id, to: members, operation: insert, id_map: true, fields: { legacy: id, name: name } }
  - { name: renamed, from: { query: \"select id, name || '!' as name from members where id <= 250\" }, key: id, to: members, operation: update, external_id: \"@id\",
      fields: { \"@id\": { lookup: members, by: id }, name: name } }
  - { name: gone, from: { query: \"select id from members where id > 2900\" }, key: id, to: members, operation: delete, external_id: \"@id\", after: renamed,
      fields: { \"@id\": { lookup: members, by: id } } }
limits: { accept_failed: 10 }
";
    let run = stage
        .run_only(&migration(later), &["renamed", "gone"])
        .await;
    let view = stage.until_status(&run, RunStatus::Completed).await;
    let books: Vec<_> = view.objects.iter().map(|object| object.books).collect();
    assert_eq!((books[0].updated, books[1].deleted), (250, 100), "{view:?}");
    let expected = "select id || ' ' || name || case when id <= 250 then '!' else '' end from members where id % 501 <> 0 and id <= 2900";
    assert_eq!(
        sorted(
            &stage,
            "target",
            "select legacy || ' ' || name from members"
        )
        .await,
        sorted(&stage, "source", expected).await
    );
    let left = "select count(*)::text from id_map where object = 'members'";
    assert_eq!(stage.texts("control", left).await, ["2895"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_the_target_numbers_are_found_by_what_it_gave_them_after_inserts() {
    arrives_numbered("insert").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_the_target_numbers_are_found_by_what_it_gave_them_after_upserts() {
    arrives_numbered("upsert").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_line_keeps_ids_as_well() {
    let stage = Stage::new().await;
    numbered(&stage).await;
    let file = migration(&INTO_NUMBERED.replace("OPERATION", "upsert"));
    std::fs::write(stage.file("m.yaml"), file).expect("written");
    let mut command = stage.embedded(&["run", "m.yaml", "--json"]);
    command.stderr(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.expect("joined").expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let document: Value = serde_json::from_str(&text).expect("one document");
    assert_eq!(document["status"], "completed", "{text}");
    assert_linked(&stage).await;
}

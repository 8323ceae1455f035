//! Values that the target would refuse, moved as the file says: what the target holds then, and that each change is on record, once.

use std::time::Duration;

use api::{FailuresQuery, ObjectView, RunView};
use model::RunStatus;

use crate::salesforce::{held, into_org, org};
use crate::stage::{Stage, migration};

/// Every kind of bad value is of other records, and some records have two.
const PEOPLE: &str =
    "create table people (id bigint primary key, last_name text, first_name text, status text,
         born date, consent boolean, amount numeric, email text, boss bigint);
     insert into people select n,
         case n % 50 when 7 then null when 8 then '' else 'Last ' || n end,
         case n % 40 when 3 then repeat('long ', 10) || n when 4 then repeat('😀', 30) else 'First ' || n end,
         case when n % 30 = 1 then 'Gone' when n % 2 = 0 then 'Active' else 'Inactive' end,
         case when n % 60 = 2 then date '1066-10-14' else date '1980-01-01' + n::int end,
         n % 25 <> 0,
         case n % 70 when 9 then -1 when 10 then null else n end,
         case when n % 43 = 7 then 'no address' end,
         case when n % 100 = 6 then n - 1 end
     from generate_series(1, 600) n;
     analyze people;";

const INTO_ORG: &str = "
  - name: people
    from: { table: people }
    to: Contact
    operation: upsert
    external_id: Contact_External_Id__c
    rules:
      - { name: consent, require: consent, otherwise: skip }
      - { name: not_negative, require: \"amount >= 0\" }
    fields:
      Contact_External_Id__c: \"'P' || id\"
      LastName: { from: last_name, on_invalid: { default: \"'Unknown'\" } }
      FirstName: { from: first_name, on_invalid: truncate }
      Status__c: { from: status, on_invalid: null }
      Birthdate: { from: born, on_invalid: { default: \"date '1900-01-01'\" } }
      Email: email
      ReportsTo: { lookup: people, by: boss }
limits: { accept_failed: 1000 }
";

/// What is on record, sorted.
async fn recorded(stage: &Stage) -> Vec<String> {
    let sql = "select object || ' ' || record_key || ' ' || field || ' ' || code || ' ' || coalesce(was, 'null') from changed_records";
    let mut recorded = stage.texts("control", sql).await;
    recorded.sort();
    recorded
}

/// What a statement over the source says, sorted.
async fn expected(stage: &Stage, sql: &str) -> Vec<String> {
    let mut expected = stage.texts("source", sql).await;
    expected.sort();
    expected
}

async fn number(stage: &Stage, database: &str, sql: &str) -> u64 {
    stage.texts(database, sql).await[0]
        .parse()
        .expect("a number")
}

fn object<'a>(view: &'a RunView, name: &str) -> &'a ObjectView {
    let found = view.objects.iter().find(|object| object.name == name);
    found.expect("an object")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_gets_what_it_takes_and_every_change_is_told() {
    let mut stage = Stage::new().await;
    stage.execute("source", PEOPLE).await;
    let org = org(&mut stage, Duration::from_millis(50)).await;
    stage.start_all();
    let source = "{ kind: postgres, url: \"${SOURCE_URL}\" }";
    let run = stage.run(&into_org(source, INTO_ORG)).await;
    let view = stage.until_status(&run, RunStatus::Completed).await;
    assert!(view.balanced, "{view:?}");

    let moved = "from people where consent and coalesce(amount, 0) >= 0 and email is null";
    let values = format!(
        "select 'P' || id || '|' || coalesce(nullif(last_name, ''), 'Unknown')
             || '|' || case id % 40 when 4 then repeat('😀', 20) else left(first_name, 40) end
             || '|' || case when status = 'Gone' then '' else status end
             || '|' || case when born < date '1700-01-01' then date '1900-01-01' else born end {moved}"
    );
    let fields = [
        "Contact_External_Id__c",
        "LastName",
        "FirstName",
        "Status__c",
        "Birthdate",
    ];
    assert_eq!(
        held(&org, "Contact", &fields),
        expected(&stage, &values).await
    );

    let changed = [
        ("LastName required_field_missing", "last_name", "coalesce(last_name, '') = ''"),
        ("FirstName too_long", "first_name", "id % 40 in (3, 4)"),
        ("Status__c value_not_allowed", "status", "status = 'Gone'"),
        ("Birthdate out_of_range", "born", "born < date '1700-01-01'"),
    ]
    .map(|(what, column, which)| {
        format!("select 'people ' || id || ' {what} ' || coalesce({column}::text, 'null') {moved} and {which}")
    });
    let told = recorded(&stage).await;
    assert_eq!(told, expected(&stage, &changed.join(" union all ")).await);

    let people = object(&view, "people");
    let any = format!(
        "select count(*)::text {moved} and (coalesce(last_name, '') = '' or id % 40 in (3, 4) or status = 'Gone' or born < date '1700-01-01')"
    );
    assert_eq!(people.changed, number(&stage, "source", &any).await);
    let count = async |which: &str| {
        number(
            &stage,
            "source",
            &format!("select count(*)::text from people where {which}"),
        )
        .await
    };
    assert_eq!(people.books.skipped, count("not consent").await);
    assert_eq!(people.books.rejected, count("consent and amount < 0").await);
    assert_eq!(object(&view, "people-links").changed, 0);
    let rejected = "select distinct error_code from failed_records where object = 'people' and fate = 'rejected'";
    assert_eq!(
        stage.texts("control", rejected).await,
        ["rule_not_negative"]
    );
    commands(&stage, &run, told.len()).await;
    org.stop().await;
}

/// The same by the command line.
async fn commands(stage: &Stage, run: &str, values: usize) {
    let listed = stage.client().changes(run, &FailuresQuery::default()).await;
    let listed = listed.expect("changes");
    assert_eq!(listed.values.len(), values);
    let sum: u64 = listed.groups.iter().map(|group| group.values).sum();
    assert_eq!((listed.groups.len(), sum), (4, values as u64));
    let server = format!("http://{}", stage.address);
    let said = |args: &[&str]| {
        let output = stage
            .command(args)
            .args(["--server", &server])
            .output()
            .expect("it runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    assert!(said(&["status", run]).contains("changed"));
    let groups = said(&["failures", run, "--changed"]);
    assert!(
        groups.contains("value_not_allowed") && groups.contains("Gone"),
        "{groups}"
    );
    let file = stage.file("changed.csv");
    let path = file.to_str().expect("a path");
    said(&["failures", run, "--changed", "--csv", path]);
    let written = std::fs::read_to_string(&file).expect("a file");
    assert_eq!(written.lines().count(), values + 1);
    assert!(
        written.starts_with("object,key,field,code,was\n"),
        "{written}"
    );
}

const INTO_TABLE: &str = "
  - name: things
    from: { table: things }
    to: things
    operation: upsert
    fields:
      id: id
      name: { from: name, on_invalid: { default: \"'unnamed'\" } }
      nick: { from: name, on_invalid: truncate }
      grade: { from: grade, on_invalid: null }
      amount: { from: amount, on_invalid: { default: 0 } }
limits: { accept_failed: 1 }
";

#[tokio::test(flavor = "multi_thread")]
async fn a_table_gets_what_it_takes_and_changes_are_told_once_whatever_crashes() {
    let mut stage = Stage::new().await;
    stage
        .execute(
            "source",
            "create table things (id bigint primary key, name text, grade integer, amount text);
             insert into things select n,
                 case n % 20 when 1 then null when 2 then 'a very long name ' || n else 'n' || n end,
                 case when n % 15 = 3 then 70000 else n % 5 end,
                 case n % 9 when 4 then 'free' when 5 then '1.005' when 6 then '123456' else n || '.50' end
             from generate_series(1, 3000) n;
             analyze things;",
        )
        .await;
    stage
        .execute(
            "target",
            "create table things (id bigint primary key, name varchar(8) not null, nick varchar(3), grade smallint, amount numeric(6, 2),
                 constraint not_this check (id <> 77))",
        )
        .await;
    stage.start_all();
    let run = stage.run(&migration(INTO_TABLE)).await;
    stage.until_done(&run, 2).await;
    for role in ["auditor", "transformer", "loader"] {
        stage.kill(role);
        stage.start(role);
    }
    let view = stage.until_status(&run, RunStatus::Completed).await;
    assert!(view.balanced && !view.over_limit, "{view:?}");
    let of_77 = "select count(*)::text from changed_records where record_key = '77'";
    assert_eq!(
        number(&stage, "control", of_77).await,
        0,
        "the target refused it"
    );

    // Sent again, it is taken, as it is changed again.
    stage
        .execute("target", "alter table things drop constraint not_this")
        .await;
    stage.ask(&run, "retry").await;
    stage
        .until("the record is taken", async || {
            stage.texts("control", of_77).await == ["1"]
        })
        .await;
    let view = stage.until_status(&run, RunStatus::Completed).await;
    assert!(view.balanced, "{view:?}");
    let moved = "select row(id, case when name is null or length(name) > 8 then 'unnamed' else name end, left(name, 3),
            case when grade < 40000 then grade end, case when id % 9 in (4, 5, 6) then 0.00 else amount::numeric end)::text from things";
    assert_eq!(
        stage.rows("target", "things").await,
        expected(&stage, moved).await
    );
    let changed = [
        ("name required_field_missing", "name", "name is null"),
        ("name too_long", "name", "length(name) > 8"),
        ("nick too_long", "name", "length(name) > 3"),
        ("grade invalid_value", "grade", "grade > 40000"),
        ("amount invalid_value", "amount", "id % 9 in (4, 5, 6)"),
    ];
    let sql = changed.map(|(what, column, which)| {
        format!("select 'things ' || id || ' {what} ' || coalesce({column}::text, 'null') from things where {which}")
    });
    assert_eq!(
        recorded(&stage).await,
        expected(&stage, &sql.join(" union all ")).await
    );
    let any: Vec<_> = changed.iter().map(|(_, _, which)| *which).collect();
    let sql = format!(
        "select count(*)::text from things where {}",
        any.join(" or ")
    );
    assert_eq!(
        object(&view, "things").changed,
        number(&stage, "source", &sql).await
    );
}

//! Samples and chosen keys: some records with all their parents, always the same ones, and after a sample the rest, each record once.

use std::time::Duration;

use api::{RunView, StartRun};
use model::{Failure, RunStatus};

use crate::dry_run::books;
use crate::salesforce::{held, into_org, org};
use crate::stage::{SOURCE, Stage, migration, request};

/// Everybody but the first twenty has a boss among them or one before; nobody's company is missing, but for person 7's.
const TABLES: &str = "
    create table companies (id bigint primary key, name text, owner bigint);
    insert into companies select n, 'Company ' || n, null from generate_series(1, 900) n;
    create table people (id bigint primary key, name text, company bigint, boss bigint);
    insert into people select n, 'Person ' || n, case n when 7 then 7777 else n % 900 + 1 end, case when n > 20 then n - 17 end
        from generate_series(1, 1500) n;
    create table keyless (name text);
    insert into keyless values ('a'), ('b');
    analyze;";

const TARGET: &str = "
    create table companies (id bigint primary key, name text);
    create table people (id bigint primary key, name text, company bigint, boss bigint);
    create table keyless (name text);";

const OBJECTS: &str = "  - { name: companies, from: { table: companies }, to: companies, operation: insert, external_id: id, fields: { id: id, name: name } }
  - name: people
    from: { table: people }
    to: people
    operation: insert
    external_id: id
    fields: { id: id, name: name, company: { lookup: companies, by: company }, boss: { lookup: people, by: boss } }
";

/// The line with these tables at both ends.
async fn prepared() -> Stage {
    let mut stage = Stage::new().await;
    stage.execute("source", TABLES).await;
    stage.execute("target", TARGET).await;
    stage.start_all();
    stage.ready().await;
    stage
}

async fn completed(stage: &Stage, request: &StartRun) -> RunView {
    let started = stage.client().start(request).await;
    let started = started.unwrap_or_else(|failure| panic!("{failure}"));
    let view = stage.until_status(&started.run, RunStatus::Completed).await;
    assert!(view.balanced, "{view:?}");
    view
}

async fn refused(stage: &Stage, request: &StartRun) -> Failure {
    stage.client().start(request).await.expect_err("refused")
}

async fn count(stage: &Stage, sql: &str) -> u64 {
    let text = stage
        .texts("target", &format!("select ({sql})::text"))
        .await;
    text[0].parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_brings_its_parents_and_the_rest_follows_each_record_once() {
    let stage = prepared().await;
    let file = migration(OBJECTS);
    let sample = StartRun {
        sample: Some("2%".to_owned()),
        id: Some("nightly".to_owned()),
        ..request(&file)
    };
    let foreseen = completed(
        &stage,
        &StartRun {
            dry_run: true,
            id: None,
            ..sample.clone()
        },
    )
    .await;
    assert_eq!(count(&stage, "select count(*) from companies").await, 0);
    // The one whose company the source does not have either fails there, if it is picked.
    let foretold = books(&foreseen);

    let picked = completed(&stage, &sample).await;
    let moved = books(&picked);
    assert_eq!(
        moved["companies"].extracted, foretold["companies"].extracted,
        "the same sample is picked again"
    );
    assert_eq!(moved["people"].extracted, foretold["people"].extracted);
    let people = moved["people"].extracted;
    assert!((10..1_000).contains(&people), "{people}");
    assert_eq!(moved["people"].created, people);
    assert_eq!(moved["people-links"].extracted, people, "all are linked");
    let orphans = "select count(*) from people p where p.id <> 7 and (not exists (select from companies c where c.id = p.company)
                   or (p.id > 20 and not exists (select from people b where b.id = p.boss)))";
    assert_eq!(count(&stage, orphans).await, 0, "every parent came along");

    let full = StartRun {
        sample: None,
        ..sample.clone()
    };
    let rest = completed(&stage, &full).await;
    assert_eq!(rest.summary.follows.as_ref(), Some(&picked.summary.run));
    assert_eq!(books(&rest)["people"].extracted, 1_500 - people);
    assert_eq!(books(&rest)["people"].created, 1_500 - people);
    stage.assert_equal("people", "people").await;
    let companies = "select id::text || ' ' || name from companies order by id";
    let (expected, found) = (
        stage.texts("source", companies).await,
        stage.texts("target", companies).await,
    );
    assert_eq!(expected, found);
    // The key is the full run's now.
    let joined = stage.client().start(&full).await.expect("joined");
    assert!(joined.joined && joined.run == rest.summary.run);
    let failure = refused(&stage, &sample).await;
    assert_eq!(failure.code, "other_run", "{failure}");
    assert!(failure.message.contains("--sample"), "{failure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn chosen_records_come_with_their_parents_and_what_can_not_be_is_refused() {
    let stage = prepared().await;
    let file = migration(OBJECTS);
    let keys = |keys: &[&str]| StartRun {
        keys: vec![(
            "people".to_owned(),
            keys.iter().map(|key| (*key).to_owned()).collect(),
        )],
        ..request(&file)
    };
    let failure = refused(&stage, &keys(&["55", "99999", "x"])).await;
    assert_eq!(failure.code, "unknown_key", "{failure}");
    assert!(
        failure.message.contains("99999") && !failure.message.contains("55,"),
        "{failure}"
    );

    let pilot = StartRun {
        id: Some("pilot".to_owned()),
        ..keys(&["55", "3"])
    };
    completed(&stage, &pilot).await;
    let people = stage
        .texts("target", "select id || ' ' || coalesce(boss::text, '-') || ' ' || company from people order by id")
        .await;
    assert_eq!(
        people,
        ["3 - 4", "4 - 5", "21 4 22", "38 21 39", "55 38 56"]
    );
    let companies = "select c.id::text from companies c order by c.id";
    assert_eq!(
        stage.texts("target", companies).await,
        ["4", "5", "22", "39", "56"]
    );

    for (request, code, says) in [
        (
            StartRun {
                sample: Some("101%".to_owned()),
                ..request(&file)
            },
            "invalid_sample",
            "101%",
        ),
        (
            StartRun {
                sample: Some("1%".to_owned()),
                ..pilot.clone()
            },
            "invalid_scope",
            "--keys",
        ),
        (
            StartRun {
                id: Some("pilot".to_owned()),
                ..keys(&["55"])
            },
            "other_run",
            "--keys people=3,55",
        ),
        (
            StartRun {
                id: Some("pilot".to_owned()),
                dry_run: true,
                ..keys(&["55", "3"])
            },
            "other_run",
            "--dry-run",
        ),
        (
            StartRun {
                sample: Some("5".to_owned()),
                ..request(&migration(
                    "  - { name: keyless, from: { table: keyless }, to: keyless }\n",
                ))
            },
            "no_key",
            "keyless",
        ),
    ] {
        let failure = refused(&stage, &request).await;
        assert_eq!(failure.code, code, "{failure}");
        assert!(failure.to_string().contains(says), "{failure}");
        assert!(failure.hint.is_some(), "{failure}");
    }
    // So many records of each object, with their parents.
    let five = StartRun {
        sample: Some("5".to_owned()),
        only: vec!["companies".to_owned()],
        dry_run: true,
        ..request(&file)
    };
    assert_eq!(
        books(&completed(&stage, &five).await)["companies"].extracted,
        5
    );
}

/// Keys that differ only in case are one key to an org, so a pass over all keys comes first.
const CRM: &str = "
  - name: companies
    from: { table: companies }
    to: Account
    operation: insert
    external_id: External_Id__c
    fields: { External_Id__c: \"'Acc' || id\", Name: name }
  - name: people
    from: { query: 'select id, name, company, boss, lower(name) as code from people where id <> 7 and coalesce(boss, 0) <> 7' }
    key: id
    to: Contact
    operation: insert
    external_id: Contact_External_Id__c
    fields:
      Contact_External_Id__c: \"'Per' || id\"
      LastName: name
      Account: { lookup: companies, by: company }
";

#[tokio::test(flavor = "multi_thread")]
async fn into_an_org_the_rest_follows_on_the_sample() {
    let mut stage = Stage::new().await;
    let org = org(&mut stage, Duration::from_millis(20)).await;
    stage.execute("source", TABLES).await;
    stage.start_all();
    stage.ready().await;
    let file = into_org(SOURCE, CRM);
    let sample = StartRun {
        sample: Some("40".to_owned()),
        id: Some("k".to_owned()),
        ..request(&file)
    };
    let picked = completed(&stage, &sample).await;
    let moved = books(&picked);
    assert_eq!(moved["people"].created, 40, "{moved:?}");
    assert!(moved["companies"].created >= 40, "{moved:?}");
    assert_eq!(org.count("Contact"), 40);
    completed(
        &stage,
        &StartRun {
            sample: None,
            ..sample
        },
    )
    .await;
    let companies = "select 'Acc' || id || '|' || name from companies";
    let people =
        "select 'Per' || id || '|' || name from people where id <> 7 and coalesce(boss, 0) <> 7";
    for (object, key, name, sql) in [
        ("Account", "External_Id__c", "Name", companies),
        ("Contact", "Contact_External_Id__c", "LastName", people),
    ] {
        let mut expected = stage.texts("source", sql).await;
        expected.sort();
        assert_eq!(held(&org, object, &[key, name]), expected);
    }
    assert!(
        org.records("Contact")
            .iter()
            .all(|contact| !contact["AccountId"].is_null())
    );
    org.stop().await;
}

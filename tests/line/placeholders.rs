//! Placeholders that can't be made, and those that are made while loaders are killed: once each, and counted.

use std::time::Duration;

use model::RunStatus;

use crate::missing_parents::{INTO_ORG, INTO_TABLES, SOURCE, TABLES, filled, people_held, sorted};
use crate::salesforce::{held, into_org, org};
use crate::stage::{Stage, migration, request};

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_done_about_missing_parents_is_refused() {
    let mut stage = Stage::new().await;
    stage.execute("source", SOURCE).await;
    stage
        .execute("target", &TABLES.replace("REFERENCES", "not null"))
        .await;
    stage.start("coordinator");
    let client = stage.ready().await;
    let placeholders = filled(INTO_TABLES, "insert", "placeholder");
    let cases = [
        (filled(INTO_TABLES, "insert", "null"), "required_parent"),
        (
            placeholders.replace("kind: 7", "kind: \"'x'\""),
            "invalid_placeholder",
        ),
        (
            placeholders.replace("kind: 7", "sort: 7"),
            "invalid_placeholder",
        ),
        (
            placeholders.replacen("operation: upsert", "operation: insert", 1),
            "no_placeholder",
        ),
        (
            placeholders.replacen("external_id: key", "external_id: key\n    id_map: true", 1),
            "no_placeholder",
        ),
    ];
    for (objects, code) in cases {
        let request = request(&migration(&objects));
        let failure = client.check(&request).await.expect_err(code);
        assert_eq!(failure.code, code, "{failure}");
        assert!(
            failure.hint.is_some() && failure.place.line.is_some(),
            "{failure}"
        );
    }
    let request = request(&migration(&placeholders));
    client.check(&request).await.expect("in order");
}

/// Each of many people misses a company of its own.
const LONELY: &str = "
    create table companies (id bigint primary key, name text);
    create table people (id bigint primary key, name text, company bigint);
    insert into people select n, 'Person ' || n, 1000 + n % 3000 from generate_series(1, 6000) n;
    analyze companies; analyze people;";

#[tokio::test(flavor = "multi_thread")]
async fn placeholders_are_made_once_whatever_happens_to_the_loaders() {
    let mut stage = Stage::new().await;
    stage.execute("source", LONELY).await;
    let org = org(&mut stage, Duration::from_millis(200)).await;
    stage.start_all();
    stage.start("loader-2");
    let source = "{ kind: postgres, url: \"${SOURCE_URL}\" }";
    let run = stage
        .run(&into_org(
            source,
            &filled(INTO_ORG, "insert", "placeholder"),
        ))
        .await;
    for made in [1, 900, 2_000] {
        let sql = format!("select (count(*) >= {made})::text from placeholders");
        stage
            .until(&format!("{made} placeholders are under way"), async || {
                stage.texts("control", &sql).await == ["true"]
            })
            .await;
        for loader in ["loader", "loader-2"] {
            stage.kill(loader);
            stage.start(loader);
        }
    }
    let view = stage.until_status(&run, RunStatus::Completed).await;
    assert!(view.balanced, "{view:?}");
    assert!(
        view.reconciliation.iter().all(|check| check.passed),
        "{view:?}"
    );
    let (companies, people) = (&view.objects[0], &view.objects[1]);
    assert_eq!(
        (people.books.created, companies.placeholders),
        (6_000, 3_000),
        "{view:?}"
    );
    let mut expected: Vec<_> = (1_000..4_000)
        .map(|n| format!("C{n}|C{n}|Retail"))
        .collect();
    expected.sort();
    assert_eq!(
        held(&org, "Account", &["External_Id__c", "Name", "Industry"]),
        expected
    );
    let sql = "select id || '|' || name || '|C' || company from people";
    assert_eq!(people_held(&org), sorted(&stage, "source", sql).await);
    let keys = sorted(&stage, "control", "select target_key || '|' || target_key || '|Retail' from placeholders where made_at is not null").await;
    assert_eq!(keys, expected);
    org.stop().await;
}

//! Records that would go to the same target record: over the whole object, whatever chunk they are in, and also where the source key repeats.

use model::RunStatus;

use crate::stage::{Stage, migration};

/// Some 1,300 codes for 4,200 records, far apart from one another; 200 source keys occur twice, with one code.
const PEOPLE: &str = "create table people (id bigint, code text, changed bigint);
    insert into people select n, 'C' || (n * 7919) % 1300, (n * 104729::bigint) % 1000003 from generate_series(1, 4000) n;
    insert into people select n, 'C' || (n * 7919) % 1300, (n * 15485863::bigint) % 1000003 from generate_series(1, 4000, 20) n;
    insert into people select n, 'ALONE' || n, n from generate_series(4001, 4100) n;
    analyze people;";

#[tokio::test(flavor = "multi_thread")]
async fn one_record_of_each_target_key_is_moved() {
    let mut stage = Stage::new().await;
    stage.execute("source", PEOPLE).await;
    let objects: String = ["reject", "skip", "keep_latest"]
        .map(|policy| {
            format!(
                "  - {{ name: {policy}, from: {{ table: people }}, key: id, watermark: changed, to: {policy}, operation: upsert, external_id: code,
      on_duplicate_key: {policy}, fields: {{ code: code, id: id, changed: changed }} }}\n"
            )
        })
        .concat();
    stage
        .execute(
            "target",
            &["reject", "skip", "keep_latest"]
                .map(|table| {
                    format!(
                        "create table {table} (code text primary key, id bigint, changed bigint);"
                    )
                })
                .concat(),
        )
        .await;
    stage.start_all();
    let file = migration(&objects) + "limits: { accept_failed: 5000 }\n";
    let run = stage.run(&file).await;
    let view = stage.until_status(&run, RunStatus::Completed).await;
    assert!(view.balanced, "{view:?}");
    let rows = async |table: &str| stage.rows("target", table).await;
    let expected = async |sql: &str| {
        let sql = format!("select row(code, id, changed)::text from ({sql}) p order by 1");
        let mut rows = stage.texts("source", &sql).await;
        rows.sort();
        rows
    };
    let alone = "select * from people p where not exists (select 1 from people o where o.code = p.code and o.ctid <> p.ctid)";
    assert_eq!(rows("reject").await, expected(alone).await);
    let latest = "select distinct on (code) * from people order by code, changed desc";
    let kept = rows("keep_latest").await;
    assert_eq!(kept, expected(latest).await);
    assert_eq!(rows("skip").await.len(), kept.len());
    let first = "select code || ' ' || id from";
    let mut skipped = stage.texts("target", &format!("{first} skip")).await;
    skipped.sort();
    let lowest = "(select code, min(id) as id from people group by code) p";
    let mut lowest = stage.texts("source", &format!("{first} {lowest}")).await;
    lowest.sort();
    assert_eq!(skipped, lowest, "the first in the order of the source key");
    let fates = |name: &str| {
        let object = view.objects.iter().find(|object| object.name == name);
        let books = object.expect("an object").books;
        (books.created, books.rejected, books.skipped)
    };
    let (all, kept) = (4_300, kept.len() as u64);
    assert_eq!(fates("reject"), (100, all - 100, 0));
    assert_eq!(fates("skip"), (kept, 0, all - kept));
    assert_eq!(fates("keep_latest"), (kept, 0, all - kept));
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_one_target_key_are_merged_across_chunks() {
    let mut stage = Stage::new().await;
    // Each code has three records, far apart; each of them has a value that another lacks.
    stage
        .execute(
            "source",
            "create table people (id bigint primary key, code text, changed bigint, name text, phone text, city text);
             insert into people select n, 'C' || n % 500, (n * 7919) % 100003, case when n % 3 = 0 then 'name ' || n end,
                 case when n % 3 = 1 then 'phone ' || n end, case when n % 7 < 3 then 'city ' || n end from generate_series(1, 1500) n;
             insert into people values (2000, 'ALONE', 1, null, 'a', null);
             analyze people",
        )
        .await;
    let table = "create table people (code text primary key, id bigint, name text not null, phone text, city text)";
    stage.execute("target", table).await;
    stage.start_all();
    let objects = "  - { name: people, from: { table: people }, watermark: changed, to: people, operation: upsert, external_id: code,
      on_duplicate_key: merge, fields: { code: code, id: id, name: name, phone: phone, city: city } }\n";
    let file = migration(objects) + "limits: { accept_failed: 1001 }\n";
    let run = stage.run(&file).await;
    let view = stage.until_status(&run, RunStatus::Completed).await;
    assert!(view.balanced && !view.over_limit, "{view:?}");
    let latest = |column: &str| {
        format!(
            "(array_agg({column} order by changed desc) filter (where {column} is not null))[1]"
        )
    };
    let sql = format!(
        "select row(code, (array_agg(id order by changed desc))[1], {}, {}, {})::text from people where code <> 'ALONE' group by code",
        latest("name"),
        latest("phone"),
        latest("city")
    );
    let mut expected = stage.texts("source", &sql).await;
    expected.sort();
    assert_eq!(stage.rows("target", "people").await, expected);
    let books = view.objects[0].books;
    assert_eq!(
        (books.created, books.skipped, books.rejected),
        (500, 1_000, 1)
    );
    let refused =
        "select record_key || ' ' || error_code from failed_records where fate = 'rejected'";
    assert_eq!(
        stage.texts("control", refused).await,
        ["2000 required_field_missing"]
    );
}

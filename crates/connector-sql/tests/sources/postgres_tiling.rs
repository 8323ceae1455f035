//! Whatever the keys, every record is read once: planned by planners that die, read with budgets that are too small.

use std::sync::Arc;

use connector::SourceObject;
use rand::Rng;

use crate::support::{Database, object, plan, read, with_database};

const RECORDS: i64 = 3_000;

/// Reads an object as the line does, and compares the records with those of the table.
async fn tiles(database: &Database, described: &SourceObject, what: &str) -> (usize, usize) {
    let source = database.source().await;
    let expected = source.count(described).await.unwrap();
    let slices = plan(&source, described, 150).await;
    let planned = slices.len();
    let whole = read(&source, described, slices.clone(), 64 << 20).await;
    let numbers: Vec<i64> = (1..=i64::try_from(expected).unwrap()).collect();
    assert_eq!(whole.numbers(), numbers, "{what}");
    assert_eq!(whole.cut, 0, "{what}");
    // Records of one key must fit sixteen times into it.
    let fitting = usize::try_from(expected).unwrap() * 2 / 3;
    let small = rand::rng().random_range(1_500..6_000).max(fitting);
    let cut = read(&source, described, slices, small).await;
    assert_eq!(cut.numbers(), numbers, "{what} by {small} bytes");
    (planned, cut.cut)
}

/// A table `t` of `n` and key columns, as `select`ed from `generate_series(1, RECORDS) i`.
async fn table(database: &Database, columns: &str, select: &str) {
    database
        .run(&format!(
            "drop table if exists t; create table t (n int, {columns}); \
             insert into t select i, {select} from generate_series(1, {RECORDS}) i order by random()"
        ))
        .await;
}

/// Tiles with and without index, with and without statistics.
async fn tiles_in_every_state(database: Arc<Database>, columns: &str, select: &str, key: &[&str]) {
    table(&database, columns, select).await;
    let object = object(("table", "t"), key);
    let mut planned = vec![];
    for (state, sql) in [
        ("bare", "select 1"),
        ("analysed", "analyze t"),
        (
            "indexed",
            &*format!("create index on t ({})", key.join(",")),
        ),
    ] {
        database.run(sql).await;
        let described = database.describe(&object).await;
        assert_eq!(described.key, key);
        let what = format!("{state} {columns} as {select}");
        planned.push(tiles(&database, &described, &what).await.0);
    }
    // Grown beyond what the statistics know.
    database
        .run(&format!(
            "insert into t select i + {RECORDS}, {select} from generate_series(1, {RECORDS}) i"
        ))
        .await;
    let described = database.describe(&object).await;
    tiles(&database, &described, &format!("grown {select}")).await;
    println!("{columns}: {planned:?} slices");
}

macro_rules! tiles {
    ($($name:ident: $columns:expr, $select:expr, $key:expr;)*) => {$(
        #[tokio::test]
        async fn $name() {
            with_database(|database| tiles_in_every_state(database, $columns, $select, &$key)).await;
        }
    )*};
}

tiles! {
    dense_integers: "k bigint not null", "i", ["k"];
    sparse_integers: "k bigint not null", "(random() * 9e18)::bigint * sign(random() - 0.5)::bigint", ["k"];
    skewed_integers: "k int not null", "case when i % 10 = 0 then i * 700000 else i end", ["k"];
    duplicate_integers: "k int not null", "i % 7", ["k"];
    one_value: "k int not null", "5", ["k"];
    nullable_integers: "k smallint", "nullif(i % 40, 0)", ["k"];
    only_nulls: "k int", "null::int", ["k"];
    numerics: "k numeric", "case when i = 7 then 'NaN' else (random() * 1e6)::numeric end", ["k"];
    floats: "k double precision", "case i % 50 when 0 then 'NaN' when 1 then '-Infinity' when 2 then '-0' else random() * 1e30 end", ["k"];
    text_by_bytes: "k text collate \"C\" not null", "md5(i::text) || E'\\\\ '''", ["k"];
    text_in_german: "k text collate \"de-x-icu\" not null", "(array['ä','a','Z','ß','é','_',''])[1 + i % 7] || md5((i % 900)::text)", ["k"];
    text_as_the_database_has_it: "k varchar(60)", "nullif(repeat(chr(97 + i % 26), i % 50), '')", ["k"];
    padded_text: "k char(12) not null", "case when i % 5 = 0 then 'a b' else 'x' || i end", ["k"];
    uuids: "k uuid not null", "gen_random_uuid()", ["k"];
    timestamps: "k timestamptz not null", "case when i % 500 = 0 then 'infinity' else now() - (random() * 1e8) * interval '1 second' end", ["k"];
    local_timestamps: "k timestamp", "nullif('2020-02-29'::timestamp + (i / 3) * interval '1.5 minute', '2020-02-29'::timestamp)", ["k"];
    dates: "k date not null", "'2000-01-01'::date + (i % 400)", ["k"];
    two_columns: "a int not null, b text not null", "i % 3, md5(i::text)", ["a", "b"];
    two_nullable_columns: "a int, b timestamp", "nullif(i % 5, 0), nullif('2020-01-01'::timestamp + i % 300 * interval '1 hour', '2020-01-01'::timestamp)", ["a", "b"];
    three_columns: "a text collate \"de-x-icu\" not null, b uuid not null, c numeric not null", "'k' || i % 2, gen_random_uuid(), i", ["a", "b", "c"];
    truth: "k boolean", "case i % 3 when 0 then true when 1 then false end", ["k"];
    bytes: "k bytea not null", "decode(md5((i % 1000)::text), 'hex')", ["k"];
    addresses: "k inet not null", "'10.0.0.0'::inet + i * 77", ["k"];
}

#[tokio::test]
async fn a_collation_to_which_cases_are_alike() {
    with_database(|database| async move {
        database
            .run("create collation alike (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
            .await;
        let select = "case when i % 2 = 0 then upper('key' || i % 11) else 'key' || i % 11 end";
        tiles_in_every_state(database, "k text collate alike not null", select, &["k"]).await;
    })
    .await;
}

#[tokio::test]
async fn enums_and_domains() {
    with_database(|database| async move {
        database
            .run("create type mood as enum ('sad', 'ok', 'a''b'); create domain code as text check (value <> 'x')")
            .await;
        let select = "(array['sad','ok','a''b'])[1 + i % 3]::mood, 'c' || i % 100";
        tiles_in_every_state(database, "a mood not null, b code not null", select, &["a", "b"]).await;
    })
    .await;
}

#[tokio::test]
async fn an_empty_table_and_one_without_a_key() {
    with_database(|database| async move {
        database.run("create table t (n int primary key)").await;
        let described = database.describe(&object(("table", "t"), &[])).await;
        assert_eq!(described.key, ["n"]);
        assert_eq!(described.estimated_records, Some(0));
        assert!(described.key_is_unique);
        assert_eq!(tiles(&database, &described, "empty").await, (1, 0));
        table(&database, "x int", "i % 3").await;
        let described = database.describe(&object(("table", "t"), &[])).await;
        assert!(described.key.is_empty() && !described.key_is_unique);
        let source = database.source().await;
        let slices = plan(&source, &described, 10).await;
        assert_eq!(slices.len(), 1);
        let all = read(&source, &described, slices, 1 << 20).await;
        assert_eq!(all.numbers().len(), 3_000);
    })
    .await;
}

#[tokio::test]
async fn queries_views_and_partitions() {
    with_database(|database| async move {
        table(&database, "k text not null", "md5(i::text)").await;
        database.run("create view v as select * from t; analyze").await;
        let query = object(("query", "select n, k || 'x' as \"K\" from t -- all of it\n;"), &["k"]);
        let view = object(("table", "V"), &["k"]);
        for object in [query, view] {
            let described = database.describe(&object).await;
            let (planned, cut) = tiles(&database, &described, "by query").await;
            assert_eq!(planned, 2, "an open slice, and one of nulls");
            assert!(cut >= 1);
        }
        database
            .run(
                "create table p (n int not null, k int not null) partition by range (k); \
                 create table p1 partition of p for values from (minvalue) to (1000); \
                 create table p2 partition of p for values from (1000) to (maxvalue); \
                 create unique index on p (k); insert into p select i, i * 2 from generate_series(1, 3000) i",
            )
            .await;
        for sql in ["select 1", "analyze p"] {
            database.run(sql).await;
            let described = database.describe(&object(("table", "p"), &["k"])).await;
            assert!(described.key_is_unique);
            let (planned, _) = tiles(&database, &described, "partitions").await;
            assert!(planned > 5, "{planned}");
        }
    })
    .await;
}

#[tokio::test]
async fn slices_are_about_as_large_as_wanted() {
    with_database(|database| async move {
        // A dense start, a far and sparse end, and an island: what plain arithmetic from first to last key gets wrong.
        let select = "case when i <= 2000 then i when i <= 2900 then 1000000000 + i * 3 else i * 1000000000000 end";
        table(&database, "k bigint not null", select).await;
        for (state, sql) in [
            ("sampled", "create unique index on t (k)"),
            ("analysed", "analyze t"),
        ] {
            database.run(sql).await;
            let described = database.describe(&object(("table", "t"), &["k"])).await;
            let source = database.source().await;
            let slices = plan(&source, &described, 150).await;
            let all = read(&source, &described, slices, 64 << 20).await;
            let largest = all.batches.iter().map(|batch| batch.num_rows()).max().unwrap();
            assert!(largest <= 600, "{state}: {largest} in one slice");
            assert!(all.batches.len() <= 60, "{state}: {} slices", all.batches.len());
            assert!(all.batches.len() >= 10, "{state}: {} slices", all.batches.len());
        }
    })
    .await;
}

#[tokio::test]
async fn a_slice_is_cut_flat_and_not_one_by_one() {
    with_database(|database| async move {
        table(&database, "k text not null", "md5(i::text)").await;
        let described = database
            .describe(&object(("query", "select * from t"), &["k"]))
            .await;
        let source = database.source().await;
        let slices = plan(&source, &described, 150).await;
        let all = read(&source, &described, slices, 4_000).await;
        assert!(all.batches.len() > 30);
        assert!(all.cut <= 3, "{} slices were read for nothing", all.cut);
    })
    .await;
}

#[tokio::test]
async fn records_are_read_again_by_their_keys() {
    with_database(|database| async move {
        for (columns, select, key) in [
            ("k int not null", "i", &["k"][..]),
            ("k int", "nullif(i % 100, 0)", &["k"]),
            (
                "k text",
                "case i % 4 when 0 then 'null' when 1 then null else 'a''\\' || i end",
                &["k"],
            ),
            (
                "k timestamptz",
                "'2024-01-01'::timestamptz + i * interval '1.000001 s'",
                &["k"],
            ),
            ("k bytea", "decode(md5(i::text), 'hex')", &["k"]),
            ("k float8", "random() * 1e20", &["k"]),
            (
                "k interval",
                "make_interval(months => i % 14, days => i % 40, secs => i + 0.5)",
                &["k"],
            ),
            ("k numeric(12,3)", "i / 8.0", &["k"]),
            (
                "a int, b char(4)",
                "nullif(i % 10, 3), nullif('b' || i % 30, 'b7')",
                &["a", "b"],
            ),
        ] {
            table(&database, columns, select).await;
            let described = database.describe(&object(("table", "t"), key)).await;
            let source = database.source().await;
            let slices = plan(&source, &described, 500).await;
            let all = read(&source, &described, slices, 1 << 20).await;
            let mut wanted = vec![];
            let mut expected = vec![];
            for batch in &all.batches {
                let keys = record::key_texts(batch, &described.key).unwrap();
                wanted.extend(keys.iter().flatten().step_by(37).map(str::to_owned));
            }
            for batch in &all.batches {
                let keys = record::key_texts(batch, &described.key).unwrap();
                let numbers = crate::support::texts(batch, "n");
                for (key, n) in keys.iter().flatten().zip(numbers) {
                    if wanted.iter().any(|wanted| wanted == key) {
                        expected.push(n.unwrap().parse::<i64>().unwrap());
                    }
                }
            }
            expected.sort_unstable();
            let slice = source.slice_of_keys(&described, &wanted).unwrap();
            for budget in [1 << 20, 900] {
                let again = read(&source, &described, vec![slice.clone()], budget).await;
                assert_eq!(again.numbers(), expected, "{columns} by {budget} bytes");
            }
        }
    })
    .await;
}

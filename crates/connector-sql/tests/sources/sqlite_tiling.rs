//! Whatever the keys of a SQLite table, every record is read once: planned by planners that die, read with budgets that are too small.

use connector::SourceObject;
use rand::Rng;

use crate::support::{File, object, plan, read, texts};

const RECORDS: i64 = 3_000;

async fn tiles(file: &File, described: &SourceObject, what: &str) -> (usize, usize) {
    let source = file.source();
    let expected = source.count(described).await.unwrap();
    let slices = plan(&source, described, 150).await;
    let planned = slices.len();
    let whole = read(&source, described, slices.clone(), 64 << 20).await;
    let numbers: Vec<i64> = (1..=i64::try_from(expected).unwrap()).collect();
    assert_eq!(whole.numbers(), numbers, "{what}");
    assert_eq!(whole.cut, 0, "{what}");
    // Records of one key must fit sixteen times into it.
    let small = rand::rng().random_range(5_000..9_000);
    let cut = read(&source, described, slices, small).await;
    assert_eq!(cut.numbers(), numbers, "{what} by {small} bytes");
    (planned, cut.cut)
}

/// Tiles without and with an index; returns how many slices were planned.
async fn tiles_in_every_state(columns: &str, select: &str, key: &[&str]) -> Vec<usize> {
    let file = File::new(&format!(
        "create table t (n int, {columns}); \
         with recursive s(i) as (select 1 union all select i + 1 from s where i < {RECORDS}) \
         insert into t select i, {select} from s order by random()"
    ))
    .await;
    let object = object(("table", "T"), key);
    let mut planned = vec![];
    for sql in [
        "select 1",
        &*format!("create index x on t ({})", key.join(",")),
        "analyze",
    ] {
        file.run(sql).await;
        let described = file.describe(&object).await;
        planned.push(
            tiles(&file, &described, &format!("{sql} {columns} as {select}"))
                .await
                .0,
        );
    }
    planned
}

macro_rules! tiles {
    ($($name:ident: $columns:expr, $select:expr, $key:expr, $least:expr;)*) => {$(
        #[tokio::test]
        async fn $name() {
            let planned = tiles_in_every_state($columns, $select, &$key).await;
            assert!(planned.iter().all(|slices| *slices >= $least), "{planned:?}");
        }
    )*};
}

tiles! {
    dense_integers: "k integer not null", "i", ["k"], 7;
    the_row_number_itself: "k integer primary key", "i * 3 - 5000", ["k"], 7;
    sparse_integers: "k integer not null", "random()", ["k"], 7;
    skewed_integers: "k integer not null", "case when i % 10 = 0 then i * 70000000000 else i end", ["k"], 7;
    duplicate_integers: "k integer not null", "i % 40", ["k"], 3;
    nullable_integers: "k integer", "nullif(i % 90, 0)", ["k"], 3;
    only_nulls: "k integer", "null", ["k"], 1;
    mixed_values: "k", "case i % 5 when 0 then i when 1 then i + 0.5 when 2 then 't' || i when 3 then cast('b' || i as blob) end", ["k"], 2;
    integers_with_strangers: "k integer", "case i % 50 when 0 then 'text' || i when 1 then 0.5 + i when 2 then x'00ff' || i else i end", ["k"], 2;
    reals: "k real not null", "random() / 1e10", ["k"], 5;
    text: "k text not null", "hex(randomblob(8)) || '''' || char(0x0e01)", ["k"], 5;
    text_of_any_case: "k text collate nocase not null", "case when i % 2 then 'key' else 'KEY' end || (i % 300)", ["k"], 5;
    empty_and_null_text: "k varchar(20)", "case i % 30 when 0 then '' when 1 then null else 'x' || i end", ["k"], 5;
    bytes: "k blob not null", "randomblob(6)", ["k"], 5;
    dates: "k date", "date('2000-01-01', (i % 900) || ' days')", ["k"], 5;
    two_columns: "a integer not null, b text not null", "i % 3, hex(randomblob(4))", ["a", "b"], 5;
    two_nullable_columns: "a text, b integer", "nullif('g' || (i % 5), 'g1'), nullif(i % 77, 0)", ["a", "b"], 3;
}

#[tokio::test]
async fn tables_without_a_key_go_by_their_row_numbers() {
    let file = File::new(
        "create table t (n int, x text, rowid text); \
         with recursive s(i) as (select 1 union all select i + 1 from s where i < 3000) \
         insert into t select i, case i when 7 then x'ff' else 'x' end, 'mine' from s; \
         delete from t where n > 2000; \
         create table plain (n int); insert into plain select n from t",
    )
    .await;
    for name in ["t", "plain"] {
        let described = file.describe(&object(("table", name), &[])).await;
        assert!(described.key.is_empty() && !described.key_is_unique);
        let (planned, _) = tiles(&file, &described, name).await;
        assert!(planned >= 5, "{planned}");
    }
    let described = file.describe(&object(("table", "t"), &[])).await;
    let source = file.source();
    let slices = plan(&source, &described, 150).await;
    let all = read(&source, &described, slices, 1 << 20).await;
    assert_eq!(all.rejected.len(), 1);
    assert_eq!(all.rejected[0].key, "rowid 7");
    let again = source
        .slice_of_keys(&described, &["rowid 7".into()])
        .unwrap();
    let again = read(&source, &described, vec![again], 1 << 20).await;
    assert_eq!(again.rejected, all.rejected);
    assert!(again.batches.iter().all(|batch| batch.num_rows() == 0));
    let refused = source
        .slice_of_keys(&described, &["#1".into()])
        .unwrap_err();
    assert_eq!(refused.code, "no_key");
}

#[tokio::test]
async fn keys_without_row_numbers_queries_and_views_are_cut_by_reading() {
    let file = File::new(
        "create table w (k text, l integer, n int, primary key (k, l)) without rowid; \
         with recursive s(i) as (select 1 union all select i + 1 from s where i < 3000) \
         insert into w select 'k' || (i % 9), i, i from s; \
         create view v as select n, k || l as kl from w; create table e (n integer primary key)",
    )
    .await;
    let described = file.describe(&object(("table", "w"), &[])).await;
    assert_eq!(described.key, ["k", "l"]);
    assert!(described.key_is_unique);
    let (_, cut) = tiles(&file, &described, "without rowid").await;
    assert!((1..=3).contains(&cut), "{cut}");
    let query = object(
        ("query", "select n, k || l as \"KL\" from w -- all\n;"),
        &["kl"],
    );
    for object in [query, object(("table", "V"), &["kl"])] {
        let described = file.describe(&object).await;
        let (planned, cut) = tiles(&file, &described, "query").await;
        assert_eq!(planned, 2);
        assert!((1..=3).contains(&cut), "{cut}");
    }
    let described = file.describe(&object(("table", "e"), &[])).await;
    assert!(described.key_is_unique);
    assert_eq!(tiles(&file, &described, "empty").await, (1, 0));
}

#[tokio::test]
async fn slices_are_about_as_large_as_wanted() {
    let file = File::new(
        "create table t (n int, k integer primary key); \
         with recursive s(i) as (select 1 union all select i + 1 from s where i < 30000) \
         insert into t select i, case when i <= 20000 then i when i <= 29000 then 1000000000 + i * 3 else i * 100000000000000 end from s",
    )
    .await;
    let described = file.describe(&object(("table", "t"), &[])).await;
    let source = file.source();
    let slices = plan(&source, &described, 500).await;
    let all = read(&source, &described, slices, 64 << 20).await;
    let mut sizes: Vec<usize> = all.batches.iter().map(|batch| batch.num_rows()).collect();
    sizes.sort_unstable();
    assert!(sizes.last().is_some_and(|most| *most <= 3_000), "{sizes:?}");
    assert!((25..=150).contains(&sizes.len()), "{sizes:?}");
}

#[tokio::test]
async fn records_are_read_again_by_their_keys() {
    let file = File::new(
        "create table t (n int, i integer, s text collate nocase, d datetime, f double, b blob, m decimal(9,2)); \
         with recursive s(i) as (select 1 union all select i + 1 from s where i < 1500) \
         insert into t select i, nullif(i % 100, 0), case i % 6 when 0 then 'null' when 1 then null when 2 then 'a' || (i % 50) else 'A' || (i % 50) end, \
           datetime('2020-01-01', i || ' minutes'), i / 7.0, randomblob(3), i / 4.0 from s",
    )
    .await;
    for key in [
        &["i"][..],
        &["s"],
        &["d"],
        &["f"],
        &["b"],
        &["m"],
        &["i", "s"],
    ] {
        let described = file.describe(&object(("table", "t"), key)).await;
        let source = file.source();
        let slices = plan(&source, &described, 300).await;
        let all = read(&source, &described, slices, 1 << 20).await;
        let mut keyed = vec![];
        for batch in &all.batches {
            let keys = record::key_texts(batch, &described.key).unwrap();
            let numbers = texts(batch, "n");
            keyed.extend(keys.iter().flatten().map(str::to_owned).zip(numbers));
        }
        let wanted: Vec<String> = keyed
            .iter()
            .step_by(31)
            .map(|(key, _)| key.clone())
            .collect();
        let mut expected: Vec<i64> = keyed
            .iter()
            .filter(|(key, _)| wanted.contains(key))
            .map(|(_, n)| n.as_ref().unwrap().parse().unwrap())
            .collect();
        expected.sort_unstable();
        let slice = source.slice_of_keys(&described, &wanted).unwrap();
        for budget in [1 << 20, 3_000] {
            let again = read(&source, &described, vec![slice.clone()], budget).await;
            assert_eq!(again.numbers(), expected, "{key:?} by {budget} bytes");
        }
    }
}

//! Objects that are cut along their parents: every record is read once, and a parent's records are in one slice as long as they fit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::RecordBatch;
use connector::{Source, SourceObject};
use model::Slice;
use model::migration::Object;

use crate::support::{All, Database, File, object, plan, read, texts, with_database};

const RECORDS: usize = 1_500;
/// Records of a slice, as planned; the planner asks for half to twice as many.
const WANTED: u64 = 120;

fn cut_by(chunk_by: &[&str], key: &[&str], from: (&str, &str)) -> Object {
    Object {
        chunk_by: chunk_by.iter().map(|name| (*name).to_owned()).collect(),
        ..object(from, key)
    }
}

type Parent = Option<Vec<String>>;

/// The parent of each record, none where a part of it is null.
fn parents(batch: &RecordBatch, chunk_by: &[String]) -> Vec<Parent> {
    let columns: Vec<_> = chunk_by.iter().map(|name| texts(batch, name)).collect();
    (0..batch.num_rows())
        .map(|row| columns.iter().map(|column| column[row].clone()).collect())
        .collect()
}

/// The slices but that of null keys.
fn keyed<'a>(all: &'a All, described: &'a SourceObject) -> impl Iterator<Item = &'a RecordBatch> {
    let is_whole = |batch: &&RecordBatch| {
        let mut parts = described.key.iter().map(|name| texts(batch, name));
        parts.all(|part| part.iter().all(Option::is_some))
    };
    all.batches.iter().filter(is_whole)
}

/// In how many slices each parent is, and how many records it has.
fn spread(all: &All, described: &SourceObject) -> BTreeMap<Parent, (usize, usize)> {
    let mut spread = BTreeMap::new();
    for batch in keyed(all, described) {
        let parents = parents(batch, &described.chunk_by);
        for parent in parents.iter().collect::<BTreeSet<_>>() {
            spread.entry(parent.clone()).or_insert((0, 0)).0 += 1;
        }
        for parent in parents {
            spread.entry(parent).or_insert((0, 0)).1 += 1;
        }
    }
    spread
}

/// Parents with so few records are never in two slices, and records without a parent never with others.
fn assert_together(all: &All, described: &SourceObject, most: usize, what: &str) {
    for (parent, (slices, records)) in spread(all, described) {
        if parent.is_some() && records <= most {
            assert_eq!(slices, 1, "{what}: {records} records of {parent:?}");
        }
    }
    for batch in keyed(all, described) {
        let parents = parents(batch, &described.chunk_by);
        assert!(
            parents.iter().all(Option::is_none) || parents.iter().all(Option::is_some),
            "{what}"
        );
        // Children of one parent behind one another, and of one parent by their key.
        let changes = parents.windows(2).filter(|two| two[0] != two[1]).count();
        let different: BTreeSet<_> = parents.iter().collect();
        assert_eq!(changes + 1, different.len().max(1), "{what}: {parents:?}");
    }
}

/// Plans and reads as the line does, with budgets that are large and far too small.
async fn holds(source: &Arc<dyn Source>, described: &SourceObject, records: usize, what: &str) {
    let expected: Vec<i64> = (1..=i64::try_from(records).unwrap()).collect();
    let slices = plan(source, described, WANTED).await;
    let whole = read(source, described, slices.clone(), 64 << 20).await;
    assert_eq!(whole.numbers(), expected, "{what}");
    assert_eq!(whole.cut, 0, "{what}");
    assert_together(&whole, described, 20, what);
    let cut = read(source, described, slices, 2_000).await;
    assert_eq!(cut.numbers(), expected, "{what}, cut");
    assert_together(&cut, described, 12, &format!("{what}, cut"));
    // One slice, as a view is.
    let one = plan(source, described, 1_000_000).await;
    let cut = read(source, described, one, 2_000).await;
    assert_eq!(cut.numbers(), expected, "{what}, cut from one");
    assert_together(&cut, described, 12, &format!("{what}, cut from one"));
    assert!(
        cut.batches.len() > 10,
        "{what}: {} slices",
        cut.batches.len()
    );
    assert_identity(source, described, &whole, what).await;
}

/// Records are read again by their key alone.
async fn assert_identity(
    source: &Arc<dyn Source>,
    described: &SourceObject,
    whole: &All,
    what: &str,
) {
    let mut wanted = vec![];
    let mut expected = vec![];
    for batch in keyed(whole, described) {
        let keys = record::key_texts(batch, &described.key).unwrap();
        let numbers = texts(batch, "n");
        for (key, n) in keys.iter().flatten().zip(numbers).step_by(41) {
            wanted.push(key.to_owned());
            expected.push(n.unwrap().parse::<i64>().unwrap());
        }
    }
    expected.sort_unstable();
    let slice = source.slice_of_keys(described, &wanted).unwrap();
    for budget in [1 << 20, 900] {
        let again = read(source, described, vec![slice.clone()], budget).await;
        assert_eq!(again.numbers(), expected, "{what} by {budget} bytes");
    }
}

/// A third of the records has one parent, some have none, the others some eight siblings.
const HOT: &str = "case when i % 20 = 0 then null when i % 3 = 0 then 7 else 1000 + i % 175 end";

async fn in_every_state(
    database: Arc<Database>,
    columns: &str,
    select: &str,
    chunk_by: &[&str],
    key: &[&str],
) {
    database
        .run(&format!(
            "create table t (n int not null, {columns}); \
             insert into t select i, {select} from generate_series(1, {RECORDS}) i order by random()"
        ))
        .await;
    let object = cut_by(chunk_by, key, ("table", "t"));
    let source = database.source().await;
    for (state, sql) in [
        ("bare", "select 1".to_owned()),
        ("analysed", "analyze t".to_owned()),
        (
            "indexed",
            format!("create index on t ({})", chunk_by.join(",")),
        ),
    ] {
        database.run(&sql).await;
        let described = database.describe(&object).await;
        assert_eq!(described.key, key);
        assert_eq!(described.chunk_by, chunk_by);
        assert_eq!(source.inspect(&described).is_empty(), state == "indexed");
        holds(&source, &described, RECORDS, &format!("{state} {columns}")).await;
    }
    // Grown beyond what the statistics know.
    database
        .run(&format!(
            "insert into t select i, {select} from generate_series({RECORDS} + 1, 2 * {RECORDS}) i"
        ))
        .await;
    let described = database.describe(&object).await;
    holds(
        &source,
        &described,
        2 * RECORDS,
        &format!("grown {columns}"),
    )
    .await;
    let view = cut_by(chunk_by, key, ("query", "select * from t"));
    let described = database.describe(&view).await;
    assert!(source.inspect(&described).is_empty());
    holds(
        &source,
        &described,
        2 * RECORDS,
        &format!("query {columns}"),
    )
    .await;
}

macro_rules! holds {
    ($($name:ident: $columns:expr, $select:expr, $chunk_by:expr, $key:expr;)*) => {$(
        #[tokio::test]
        async fn $name() {
            with_database(|database| async move {
                in_every_state(database, $columns, &$select, &$chunk_by, &$key).await;
            })
            .await;
        }
    )*};
}

holds! {
    parents_by_number: "id bigint not null, parent bigint", format!("i * 3, {HOT}"), ["parent"], ["id"];
    parents_by_text: "id bigint not null, parent text collate \"de-x-icu\"", format!("i, 'Ä_' || ({HOT})"), ["parent"], ["id"];
    parents_by_uuid: "id uuid not null, parent uuid", format!("md5(i::text)::uuid, md5(({HOT})::text)::uuid"), ["parent"], ["id"];
    every_record_has_a_parent: "id text collate \"C\" not null, parent numeric not null", format!("md5(i::text), coalesce({HOT}, 5) / 8.0"), ["parent"], ["id"];
    two_columns_and_a_composite_key: "a text not null, b int not null, region text, parent int", format!("'k' || i % 7, i, nullif('r' || i % 3, 'r2'), {HOT}"), ["region", "parent"], ["a", "b"];
    keys_may_be_null: "id int, parent int", format!("nullif(i, 0) + case when i % 50 = 0 then null else 0 end, {HOT}"), ["parent"], ["id"];
    nobody_has_a_parent: "id int not null, parent int", "i, null::int", ["parent"], ["id"];
    one_parent_has_all: "id int not null, parent int not null", "i, 5", ["parent"], ["id"];
}

#[tokio::test]
async fn parents_whose_cases_are_alike() {
    with_database(|database| async move {
        database
            .run("create collation alike (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
            .await;
        let parent = "case when i % 2 = 0 then upper('key' || i % 11) else 'key' || i % 11 end";
        database
            .run(&format!(
                "create table t (n int primary key, parent text collate alike not null); \
                 insert into t select i, {parent} from generate_series(1, {RECORDS}) i; analyze t"
            ))
            .await;
        let source = database.source().await;
        let described = database.describe(&cut_by(&["parent"], &[], ("table", "t"))).await;
        for records in [WANTED, 1_000_000] {
            let slices = plan(&source, &described, records).await;
            let all = read(&source, &described, slices, 3_000).await;
            let expected: Vec<i64> = (1..=RECORDS as i64).collect();
            assert_eq!(all.numbers(), expected);
        }
    })
    .await;
}

/// Planned as finely as asked for: the large parent in many slices, which have no other's records.
fn assert_fine(all: &All, described: &SourceObject) {
    let hot = Some(vec!["7".to_owned()]);
    let (slices, records) = spread(all, described)[&hot];
    assert!(
        records > 400 && (2..=30).contains(&slices),
        "{slices} of {records}"
    );
    for batch in &all.batches {
        let parents = parents(batch, &described.chunk_by);
        let alone = parents.iter().all(|parent| *parent == hot);
        assert!(alone || !parents.contains(&hot), "{parents:?}");
        assert!(batch.num_rows() <= 600, "{} records", batch.num_rows());
    }
    assert!(
        (5..=100).contains(&all.batches.len()),
        "{}",
        all.batches.len()
    );
}

#[tokio::test]
async fn a_parent_with_many_records_is_cut_by_the_plan() {
    with_database(|database| async move {
        database
            .run(&format!(
                "create table t (id int primary key, parent int); \
                 insert into t select i, {HOT} from generate_series(1, {RECORDS}) i; analyze t"
            ))
            .await;
        let source = database.source().await;
        let described = database
            .describe(&cut_by(&["parent"], &[], ("table", "t")))
            .await;
        let slices = plan(&source, &described, WANTED).await;
        assert_fine(
            &read(&source, &described, slices, 64 << 20).await,
            &described,
        );
        database.run("update t set parent = null").await;
        let slices = plan(&source, &described, WANTED).await;
        assert!((5..=100).contains(&slices.len()), "{} slices", slices.len());
    })
    .await;
}

async fn file(columns: &str, select: &str) -> File {
    File::new(&format!(
        "create table t (n integer not null, {columns}); \
         with recursive numbers(i) as (select 1 union all select i + 1 from numbers where i < {RECORDS}) \
         insert into t select i, {select} from numbers order by random()"
    ))
    .await
}

#[tokio::test]
async fn sqlite_is_cut_along_parents_too() {
    let parent = HOT;
    for (columns, select, chunk_by, key) in [
        (
            "id integer primary key, parent integer",
            format!("i * 3, {parent}"),
            &["parent"][..],
            &[][..],
        ),
        (
            "id integer primary key, parent text",
            format!("i, 'p' || ({parent})"),
            &["parent"],
            &[],
        ),
        (
            "id integer primary key, parent text collate nocase",
            format!("i, case when i % 2 then 'P' else 'p' end || ({parent})"),
            &["parent"],
            &[],
        ),
        (
            "id text not null unique, parent text not null",
            format!("printf('%04d_%d', i * 7919 % 3001, i), coalesce({parent}, 'none')"),
            &["parent"],
            &["id"],
        ),
        (
            "a text not null, b integer not null, region text, parent integer, primary key (a, b)",
            format!("'k' || (i % 7), i, nullif('r' || (i % 3), 'r2'), {parent}"),
            &["region", "parent"],
            &[],
        ),
        (
            "a text not null, b integer not null, parent integer, primary key (a, b)) without rowid; create table unused (x",
            format!("'k' || (i % 7), i, {parent}"),
            &["parent"],
            &[],
        ),
        (
            "id integer, parent integer",
            format!("nullif(i % 50, 0) + i * 50, {parent}"),
            &["parent"],
            &["id"],
        ),
        (
            "id integer primary key, parent integer",
            "i, null".to_owned(),
            &["parent"],
            &[],
        ),
        (
            "id integer primary key, parent integer not null",
            "i, 5".to_owned(),
            &["parent"],
            &[],
        ),
    ] {
        let file = file(columns, &select).await;
        let object = cut_by(chunk_by, key, ("table", "t"));
        let source = file.source();
        for sql in [
            "select 1",
            &format!(
                "create index by_parent on t ({}); analyze",
                chunk_by.join(",")
            ),
        ] {
            file.run(sql).await;
            let described = file.describe(&object).await;
            assert_eq!(described.chunk_by, chunk_by);
            assert_eq!(source.inspect(&described).is_empty(), sql != "select 1");
            if columns.contains("nocase") {
                let slices = plan(&source, &described, WANTED).await;
                let all = read(&source, &described, slices, 2_000).await;
                assert_eq!(all.numbers(), (1..=RECORDS as i64).collect::<Vec<_>>());
            } else {
                holds(&source, &described, RECORDS, &format!("{sql} {columns}")).await;
            }
        }
        let view = cut_by(chunk_by, &["n"], ("query", "select * from t"));
        let described = file.describe(&view).await;
        if !columns.contains("nocase") {
            holds(&source, &described, RECORDS, &format!("query {columns}")).await;
        }
    }
}

#[tokio::test]
async fn sqlite_cuts_a_parent_with_many_records_by_the_plan() {
    let file = file(
        "id integer primary key, parent integer",
        // The records that are looked at lie evenly, and the parents are not to.
        &format!("i, {}", HOT.replace("i %", "(i * 7919 % 3001) %")),
    )
    .await;
    let described = file
        .describe(&cut_by(&["parent"], &[], ("table", "t")))
        .await;
    let source = file.source();
    let slices = plan(&source, &described, WANTED).await;
    assert_fine(
        &read(&source, &described, slices, 64 << 20).await,
        &described,
    );
}

#[tokio::test]
async fn parents_of_any_kind_of_value_are_read_once() {
    let parent = "case i % 5 when 0 then 'x' || (i % 9) when 1 then i % 9 + 0.5 when 2 then x'00ff' when 3 then null else i % 90 end";
    let file = file(
        "id integer primary key, parent integer",
        &format!("i, {parent}"),
    )
    .await;
    let described = file
        .describe(&cut_by(&["parent"], &[], ("table", "t")))
        .await;
    let source = file.source();
    for records in [WANTED, 1_000_000] {
        let slices: Vec<Slice> = plan(&source, &described, records).await;
        let all = read(&source, &described, slices, 2_000).await;
        assert_eq!(all.numbers(), (1..=RECORDS as i64).collect::<Vec<_>>());
        assert_eq!(all.rejected.len(), RECORDS * 3 / 5);
    }
}

#[tokio::test]
async fn what_can_not_be_cut_so_is_refused() {
    let sql = "create table t (id int not null primary key, parent int, note json); create table keyless (parent int)";
    let code = |described: Result<SourceObject, model::Failure>| {
        let failure = described.unwrap_err();
        assert!(failure.hint.is_some(), "{failure}");
        (failure.code, failure.place.field.unwrap_or_default())
    };
    let cases = [
        (
            cut_by(&["nowhere"], &[], ("table", "t")),
            "unknown_column",
            "nowhere",
        ),
        (
            cut_by(&["ID"], &[], ("table", "t")),
            "repeated_column",
            "id",
        ),
        (
            cut_by(&["parent", "PARENT"], &[], ("table", "t")),
            "repeated_column",
            "parent",
        ),
        (
            cut_by(&["parent"], &[], ("table", "keyless")),
            "no_chunk_by",
            "parent",
        ),
    ];
    let file = File::new(sql).await;
    for (object, wanted, column) in &cases {
        let found = code(file.source().describe(object).await);
        assert_eq!(found, ((*wanted).to_owned(), (*column).to_owned()));
    }
    with_database(|database| async move {
        database.run(sql).await;
        let source = database.source().await;
        for (object, wanted, column) in &cases {
            let found = code(source.describe(object).await);
            assert_eq!(found, ((*wanted).to_owned(), (*column).to_owned()));
        }
        let json = source
            .describe(&cut_by(&["note"], &[], ("table", "t")))
            .await;
        assert_eq!(
            code(json),
            ("unsplittable_key".to_owned(), "note".to_owned())
        );
    })
    .await;
}

//! Every value of SQLite is carried as its column's type, or rejects its record alone; and what can't be read says so.

use std::collections::BTreeMap;

use arrow::datatypes::{DataType, TimeUnit};
use connector::Read;
use connector_sql::sqlite_source;
use model::FailureKind;

use crate::support::{File, object, read, settings, texts, type_of};

async fn whole(file: &File, name: &str) -> (connector::SourceObject, crate::support::All) {
    let described = file.describe(&object(("table", name), &["id"])).await;
    let source = file.source();
    let slices = crate::support::plan(&source, &described, 1_000_000).await;
    let all = read(&source, &described, slices, 1 << 20).await;
    (described, all)
}

#[tokio::test]
async fn values_of_their_columns_types_are_carried() {
    let file = File::new(
        "create table t (id integer primary key, i int, r real, m numeric(10,2), big numeric, s nvarchar(20), b blob, \
           yes boolean, d date, c time, dt datetime, z timestamp with time zone, u uuid, any_, g int generated always as (id + 1)); \
         insert into t (id, i, r, m, big, s, b, yes, d, c, dt, z, u, any_) values \
           (1, 9223372036854775807, 0.1, 0.99, 123456789012345, 'it''s ไทย', x'00ff', 1, '2024-02-29', '23:59:59.5', '2009-01-01 00:00:00', '2024-01-01T12:00:00+02:00', 'a-b', 1), \
           (2, null, null, null, null, null, null, null, null, null, null, null, null, null), \
           (3, -1, 5, 7, 0.1, '', x'', 0, '0001-01-01', '00:00', '9999-12-31T23:59:59.999999Z', '2024-01-01', 123, 2)",
    )
    .await;
    let (described, all) = whole(&file, "t").await;
    assert!(all.rejected.is_empty(), "{:?}", all.rejected);
    let batch = &all.batches[0];
    let schema = &described.schema;
    assert_eq!(type_of(schema, "m"), DataType::Decimal128(10, 2));
    assert_eq!(type_of(schema, "any_"), DataType::Int64);
    assert_eq!(
        type_of(schema, "dt"),
        DataType::Timestamp(TimeUnit::Microsecond, None)
    );
    assert_eq!(
        type_of(schema, "z"),
        DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()))
    );
    assert!(record::meta::is_number(
        schema.field_with_name("big").unwrap()
    ));
    assert_eq!(
        record::meta::native(schema.field_with_name("s").unwrap()),
        Some("nvarchar(20)")
    );
    for (column, first, third) in [
        ("i", "9223372036854775807", "-1"),
        ("r", "0.1", "5.0"),
        ("m", "0.99", "7.00"),
        ("big", "123456789012345", "0.1"),
        ("s", "it's ไทย", ""),
        ("b", "00ff", ""),
        ("yes", "true", "false"),
        ("d", "2024-02-29", "0001-01-01"),
        ("c", "23:59:59.500", "00:00:00"),
        ("dt", "2009-01-01T00:00:00", "9999-12-31T23:59:59.999999"),
        ("z", "2024-01-01T10:00:00Z", "2024-01-01T00:00:00Z"),
        ("u", "a-b", "123"),
        ("any_", "1", "2"),
    ] {
        let expected = [Some(first.to_owned()), None, Some(third.to_owned())];
        assert_eq!(texts(batch, column), expected, "{column}");
    }
    assert_eq!(texts(batch, "g")[2].as_deref(), Some("4"));
}

#[tokio::test]
async fn a_value_of_another_kind_rejects_its_record_alone() {
    let file = File::new(
        "create table t (id int not null, i int, m numeric(4,2), s text, b blob, yes boolean, d date, dt datetime, big decimal); \
         insert into t (id, i) values (1, 'abc'), (2, 1.5), (3, x'00'); \
         insert into t (id, m) values (4, 0.1 + 0.2), (5, 100), (6, 'x'); \
         insert into t (id, s) values (7, x'ff'), (8, cast(x'ff' as text)); \
         insert into t (id, b) values (9, 'text'); insert into t (id, yes) values (10, 2), (11, 'true'); \
         insert into t (id, d) values (12, '2023-02-30'), (13, '2023-01-01 12:00'), (14, 45000); \
         insert into t (id, dt) values (15, 1700000000), (16, '2023-01-01 12:00:00.1234567'); \
         insert into t (id, big) values (17, 9e999); insert into t (id, i, s) values (18, 1, 'good'), (19, 2, 'good'); \
         insert into t (id) values ('mine')",
    )
    .await;
    let (_, all) = whole(&file, "t").await;
    let codes: BTreeMap<&str, (&str, &str)> = all
        .rejected
        .iter()
        .map(|refusal| {
            (
                refusal.key.as_str(),
                (refusal.code.as_str(), refusal.fields[0].as_str()),
            )
        })
        .collect();
    let expected = BTreeMap::from([
        ("1", ("not_an_integer", "i")),
        ("2", ("not_an_integer", "i")),
        ("3", ("not_an_integer", "i")),
        ("4", ("decimal_out_of_range", "m")),
        ("5", ("decimal_out_of_range", "m")),
        ("6", ("not_a_number", "m")),
        ("7", ("not_text", "s")),
        ("8", ("invalid_utf8", "s")),
        ("9", ("not_bytes", "b")),
        ("10", ("not_a_boolean", "yes")),
        ("11", ("not_a_boolean", "yes")),
        ("12", ("not_a_date", "d")),
        ("13", ("not_a_date", "d")),
        ("14", ("not_a_date", "d")),
        ("15", ("not_a_timestamp", "dt")),
        ("16", ("too_precise", "dt")),
        ("17", ("not_a_number", "big")),
        ("mine", ("not_an_integer", "id")),
    ]);
    assert_eq!(codes, expected);
    let carried: usize = all.batches.iter().map(|batch| batch.num_rows()).sum();
    assert_eq!(carried, 2);
    let first = all
        .rejected
        .iter()
        .find(|refusal| refusal.key == "1")
        .unwrap();
    assert_eq!(first.data["i"], "abc");
    assert_eq!(first.data["id"], 1);
    assert!(
        first.message.contains("abc") && first.message.contains("query"),
        "{}",
        first.message
    );
}

#[tokio::test]
async fn queries_have_the_kinds_of_their_values() {
    let file = File::new(
        "create table t (id integer primary key, s text, price numeric(10,2)); \
         insert into t values (1, 'a', 1.25), (2, 'b', 2)",
    )
    .await;
    let query = "select id, count(*) over () as n, upper(s) as s, price * 2 as twice, price, cast(id as text) as t, null as none from t";
    let described = file.describe(&object(("query", query), &["id"])).await;
    let schema = &described.schema;
    assert_eq!(type_of(schema, "n"), DataType::Int64);
    assert_eq!(type_of(schema, "s"), DataType::Utf8);
    assert_eq!(type_of(schema, "twice"), DataType::Float64);
    assert_eq!(type_of(schema, "price"), DataType::Decimal128(10, 2));
    assert_eq!(type_of(schema, "t"), DataType::Utf8);
    let source = file.source();
    let slices = crate::support::plan(&source, &described, 10).await;
    let all = read(&source, &described, slices, 1 << 20).await;
    assert_eq!(all.numbers(), [2, 2]);
}

#[tokio::test]
async fn what_can_not_be_read_says_so() {
    let file = File::new(
        "create table things (id integer primary key, name text); create table \"a.b\" (x int)",
    )
    .await;
    let source = file.source();
    let failed = async |from: (&str, &str), key: &[&str]| {
        let failure = source.describe(&object(from, key)).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Usage, "{failure}");
        assert_eq!(failure.place.connection.as_deref(), Some("legacy"));
        assert_eq!(failure.place.object.as_deref(), Some("things"));
        (
            failure.code.clone(),
            format!("{failure} {}", failure.hint.clone().unwrap_or_default()),
        )
    };
    let (code, text) = failed(("table", "thigns"), &[]).await;
    assert_eq!(code, "unknown_table");
    assert!(text.contains("`things`"), "{text}");
    let (code, text) = failed(("table", "things"), &["nmae"]).await;
    assert_eq!(code, "unknown_column");
    assert!(text.contains("nmae") && text.contains("`name`"), "{text}");
    assert_eq!(
        failed(("query", "select nope from things"), &[]).await.0,
        "invalid_query"
    );
    assert_eq!(
        failed(("query", "select 1; drop table things"), &[])
            .await
            .0,
        "invalid_query"
    );
    assert_eq!(failed(("file", "x.csv"), &[]).await.0, "unfit_source");
    assert!(
        source
            .describe(&object(("table", "A.B"), &[]))
            .await
            .is_ok()
    );

    let missing = sqlite_source("legacy", &settings("sqlite:///nowhere/none.db")).unwrap();
    let failure = missing
        .describe(&object(("table", "t"), &[]))
        .await
        .unwrap_err();
    assert_eq!(
        (failure.kind, failure.code.as_str()),
        (FailureKind::PauseRun, "unreachable")
    );
    assert!(failure.message.contains("/nowhere/none.db"));

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("not.db");
    std::fs::write(
        &path,
        "this is no database, though it is long enough to be taken for one at first sight "
            .repeat(20),
    )
    .unwrap();
    let other =
        sqlite_source("legacy", &settings(&format!("sqlite://{}", path.display()))).unwrap();
    let failure = other
        .describe(&object(("table", "t"), &[]))
        .await
        .unwrap_err();
    assert_eq!(failure.code, "source_damaged", "{failure}");

    for url in ["postgres://x", "sqlite::memory:", "sqlite:///x?mode=never"] {
        let failure = sqlite_source("legacy", &settings(url)).err().unwrap();
        assert_eq!(failure.code, "invalid_url");
    }

    let wide = File::new("pragma encoding = 'UTF-16le'; create table t (x text)").await;
    let failure = wide
        .source()
        .describe(&object(("table", "t"), &[]))
        .await
        .unwrap_err();
    assert_eq!(failure.code, "unsupported_encoding");
}

#[tokio::test]
async fn a_source_that_changed_or_is_too_large_is_noticed() {
    let file = File::new(
        "create table t (id integer primary key, k int, s text); \
         with recursive s(i) as (select 1 union all select i + 1 from s where i < 50) insert into t select i, 7, hex(zeroblob(1000)) from s",
    )
    .await;
    let described = file.describe(&object(("table", "t"), &["k"])).await;
    let source = file.source();
    let slices = crate::support::plan(&source, &described, 1_000).await;
    let failure = source
        .read(&described, &slices[0], 2_000)
        .await
        .unwrap_err();
    assert_eq!(
        (failure.kind, failure.code.as_str()),
        (FailureKind::FailChunk, "chunk_too_large")
    );
    assert_eq!(failure.place.key.as_deref(), Some("7"));
    assert!(failure.hint.is_some());
    assert!(matches!(
        source.read(&described, &slices[0], 1 << 20).await.unwrap(),
        Read::Whole { .. }
    ));
    file.run("alter table t rename column s to other").await;
    let failure = source
        .read(&described, &slices[0], 1 << 20)
        .await
        .unwrap_err();
    assert_eq!(
        (failure.kind, failure.code.as_str()),
        (FailureKind::PauseRun, "schema_changed")
    );
}

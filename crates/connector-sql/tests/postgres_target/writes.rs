//! What becomes of records by each operation, and of those that the database refuses.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array,
    Int64Array, ListArray, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Int32Type};
use model::Fate;
use model::migration::Operation;
use record::{Outcome, meta};

use crate::database::{Database, mapped, things};

fn fates(outcome: &Outcome) -> Vec<(String, Fate)> {
    let mut fates: Vec<_> = outcome
        .ledger
        .rows
        .iter()
        .map(|row| (row.key.clone(), row.fate))
        .collect();
    fates.sort_by(|a, b| a.0.cmp(&b.0));
    fates
}

fn codes(outcome: &Outcome) -> Vec<(&str, &str)> {
    let mut codes: Vec<_> = outcome
        .refusals
        .iter()
        .map(|refusal| (refusal.key.as_str(), refusal.code.as_str()))
        .collect();
    codes.sort_unstable();
    codes
}

#[tokio::test]
async fn an_upsert_tells_created_from_updated() {
    let database = Database::new("create table things (id bigint primary key, name text); insert into things values (2, 'old'), (3, 'kept')").await;
    let plan = database
        .plan("things", Operation::Upsert, &["id"], &["id", "name"])
        .await
        .unwrap();
    let outcome = database
        .written(&plan, 1, things(&[(Some(1), Some("new")), (Some(2), None)]))
        .await;
    assert_eq!(
        fates(&outcome),
        [("0".into(), Fate::Created), ("1".into(), Fate::Updated)]
    );
    assert_eq!(
        database.rows("things").await,
        ["(1,new)", "(2,)", "(3,kept)"]
    );
}

#[tokio::test]
async fn a_null_is_kept_out_where_the_file_says_so() {
    let database = Database::new("create table things (id bigint primary key, name text); insert into things values (1, 'old')").await;
    let plan = database
        .plan("things", Operation::Upsert, &["id"], &["id", "name"])
        .await
        .unwrap();
    let keep = meta::with_keep_on_null(Field::new("name", DataType::Utf8, true));
    let batch = mapped(vec![
        (
            Field::new("id", DataType::Int64, true),
            Arc::new(Int64Array::from(vec![1])),
        ),
        (keep, Arc::new(StringArray::from(vec![None::<&str>]))),
    ]);
    database.written(&plan, 1, batch).await;
    assert_eq!(database.rows("things").await, ["(1,old)"]);
}

#[tokio::test]
async fn updates_and_deletes_miss_what_is_not_there() {
    let database = Database::new("create table things (id bigint primary key, name text); insert into things values (1, 'a'), (2, 'b')").await;
    let update = database
        .plan("things", Operation::Update, &["id"], &["id", "name"])
        .await
        .unwrap();
    let outcome = database
        .written(
            &update,
            1,
            things(&[(Some(1), Some("x")), (Some(9), Some("y"))]),
        )
        .await;
    assert_eq!(codes(&outcome), [("1", "not_found")]);
    assert_eq!(database.rows("things").await, ["(1,x)", "(2,b)"]);
    let delete = database
        .plan("things", Operation::Delete, &["id"], &["id"])
        .await
        .unwrap();
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![2, 9]));
    let outcome = database
        .written(
            &delete,
            2,
            mapped(vec![(Field::new("id", DataType::Int64, true), ids)]),
        )
        .await;
    assert_eq!(
        fates(&outcome),
        [("0".into(), Fate::Deleted), ("1".into(), Fate::Failed)]
    );
    assert_eq!(database.rows("things").await, ["(1,x)"]);
}

#[tokio::test]
async fn a_record_that_is_refused_is_refused_alone() {
    let database = Database::new(
        "create table parents (id bigint primary key); insert into parents values (1);
         create table things (id bigint primary key references parents deferrable initially deferred, name text check (name <> 'bad'));
         create table open (id bigint unique, name varchar(5) not null); insert into open values (7, 'there')",
    )
    .await;
    let upsert = database
        .plan("things", Operation::Upsert, &["id"], &["id", "name"])
        .await
        .unwrap();
    let batch = things(&[
        (Some(1), Some("good")),
        (Some(2), Some("orphan")),
        (Some(1_000), Some("bad")),
    ]);
    let outcome = database.written(&upsert, 1, batch).await;
    assert_eq!(codes(&outcome), [("1", "23503"), ("2", "23514")]);
    assert_eq!(database.rows("things").await, ["(1,good)"]);
    let refused = &outcome.refusals[0];
    assert!(
        !refused.message.is_empty() && refused.data.contains_key("name"),
        "{refused:?}"
    );

    let insert = database
        .plan("open", Operation::Insert, &[], &["id", "name"])
        .await
        .unwrap();
    let batch = things(&[
        (Some(1), Some("one")),
        (Some(7), Some("twice")),
        (Some(2), None),
        (Some(3), Some("too long")),
        (Some(4), Some("nul\0")),
        (Some(5), Some("five")),
    ]);
    let outcome = database.written(&insert, 2, batch).await;
    let expected = [
        ("1", "23505"),
        ("2", "23502"),
        ("3", "22001"),
        ("4", "invalid_value"),
    ];
    assert_eq!(codes(&outcome), expected);
    assert_eq!(
        database.rows("open").await,
        ["(1,one)", "(5,five)", "(7,there)"]
    );
}

#[tokio::test]
async fn twins_in_one_chunk_are_both_refused() {
    let database = Database::new("create table things (id bigint primary key, name text)").await;
    let plan = database
        .plan("things", Operation::Upsert, &["id"], &["id", "name"])
        .await
        .unwrap();
    let outcome = database
        .written(
            &plan,
            1,
            things(&[
                (Some(1), Some("a")),
                (Some(1), Some("b")),
                (Some(2), Some("c")),
            ]),
        )
        .await;
    assert_eq!(
        codes(&outcome),
        [("0", "duplicate_key"), ("1", "duplicate_key")]
    );
    assert_eq!(database.rows("things").await, ["(2,c)"]);
}

#[tokio::test]
async fn what_can_not_work_is_refused_before_anything_is_sent() {
    let database = Database::new(
        "create table things (id bigint, name text not null, n int generated always as identity)",
    )
    .await;
    let code = async |operation, key: &[&str], fields: &[&str]| {
        database
            .plan("things", operation, key, fields)
            .await
            .map_err(|failure| failure.code)
    };
    assert_eq!(
        code(Operation::Upsert, &["id"], &["id", "name"]).await,
        Err("no_unique_key".into())
    );
    assert_eq!(
        code(Operation::Insert, &[], &["id"]).await,
        Err("required_fields_unmapped".into())
    );
    assert_eq!(
        code(Operation::Insert, &[], &["name", "n"]).await,
        Err("generated_field".into())
    );
    assert_eq!(
        code(Operation::Insert, &[], &["name", "x"]).await,
        Err("unknown_field".into())
    );
    let unknown = database
        .target
        .describe("thinks")
        .await
        .map_err(|failure| failure.code);
    assert_eq!(unknown.map(|_| ()), Err("unknown_target".into()));
}

/// One record of every type, and how PostgreSQL shows it.
fn every_type() -> (Vec<(&'static str, ArrayRef)>, &'static str) {
    let text = |value: &str| -> ArrayRef { Arc::new(StringArray::from(vec![value])) };
    let decimal = Decimal128Array::from(vec![-12_345_678_901_i128])
        .with_precision_and_scale(16, 4)
        .unwrap();
    let at = TimestampMicrosecondArray::from(vec![1_709_210_096_123_456]);
    let list =
        ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None, Some(3)])]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("b", Arc::new(BooleanArray::from(vec![true]))),
        ("i", Arc::new(Int32Array::from(vec![i32::MIN]))),
        ("f", Arc::new(Float64Array::from(vec![0.1]))),
        ("n", Arc::new(decimal)),
        (
            "big",
            text("-98765432109876543210987654321098765432109876543210.000100"),
        ),
        ("d", Arc::new(Date32Array::from(vec![-1]))),
        ("ts", Arc::new(at.clone())),
        ("z", Arc::new(at.with_timezone("+00:00"))),
        ("x", Arc::new(BinaryArray::from(vec![&b"\x00\xff"[..]]))),
        ("u", text("00000000-0000-0000-0000-00000000000a")),
        ("j", text(r#"{"b": 1}"#)),
        ("e", text("happy")),
        ("net", text("10.0.0.0/8")),
        ("l", Arc::new(list)),
    ];
    let shown = "(t,-2147483648,0.1,-1234567.8901,-98765432109876543210987654321098765432109876543210.000100,1969-12-31,\"2024-02-29 12:34:56.123456\",\"2024-02-29 12:34:56.123456\",\"\\\\x00ff\",00000000-0000-0000-0000-00000000000a,\"{\"\"b\"\": 1}\",happy,10.0.0.0/8,\"{1,NULL,3}\")";
    (columns, shown)
}

#[tokio::test]
async fn values_arrive_as_they_were_sent() {
    let columns = "b boolean, i int, f float8, n numeric(16,4), big numeric, d date, ts timestamp, z timestamptz, x bytea, u uuid, j jsonb, e mood, net cidr, l int[]";
    let database = Database::new(&format!(
        "create type mood as enum ('sad', 'happy'); create table straight ({columns}); create table staged ({columns}, primary key (i));"
    ))
    .await;
    let without = |columns: &[(&'static str, ArrayRef)], leave: &str| -> RecordBatch {
        let kept = columns.iter().filter(|(name, _)| *name != leave);
        mapped(
            kept.map(|(name, array)| {
                (
                    Field::new(*name, array.data_type().clone(), true),
                    array.clone(),
                )
            })
            .collect(),
        )
    };
    let (columns, shown) = every_type();
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let upsert = database
        .plan("staged", Operation::Upsert, &["i"], &names)
        .await
        .unwrap();
    database.written(&upsert, 1, without(&columns, "")).await;
    assert_eq!(
        database
            .rows("(select b,i,f,n,big,d,ts,z at time zone 'UTC' z,x,u,j,e,net,l from staged)")
            .await,
        [shown]
    );
    // Without the one type that the database has to parse from text itself, everything goes straight in.
    let insert = database
        .plan("straight", Operation::Insert, &[], &names)
        .await
        .unwrap();
    database.written(&insert, 2, without(&columns, "net")).await;
    let shown = shown.replace(",10.0.0.0/8,", ",,");
    assert_eq!(
        database
            .rows("(select b,i,f,n,big,d,ts,z at time zone 'UTC' z,x,u,j,e,net,l from straight)")
            .await,
        [shown]
    );
}

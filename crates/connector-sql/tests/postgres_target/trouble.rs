//! Tables that take not everything, and servers that go away: records are refused alone, nothing is cut off or rounded in silence, nothing is half-written.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field, TimeUnit};
use connector::Loaded;
use model::migration::Operation;
use model::{FailureKind, Fate};
use record::Outcome;

use crate::database::{Database, claim, mapped, things};

fn texts(values: &[Option<&str>]) -> arrow::array::RecordBatch {
    let ids = Int64Array::from_iter_values((1..).take(values.len()));
    let values: ArrayRef = Arc::new(StringArray::from(values.to_vec()));
    mapped(vec![
        (Field::new("id", DataType::Int64, true), Arc::new(ids)),
        (Field::new("v", DataType::Utf8, true), values),
    ])
}

/// Loads texts into a column of a type, by each operation that creates; gives what is stored and the codes of what is refused.
async fn stored(column: &str, values: &[Option<&str>]) -> (Vec<String>, Vec<String>) {
    let mut all = Vec::new();
    for operation in [Operation::Insert, Operation::Upsert] {
        let database = Database::new(&format!(
            "create table things (id bigint primary key, v {column})"
        ))
        .await;
        let plan = database
            .plan("things", operation, &["id"], &["id", "v"])
            .await
            .unwrap();
        let outcome = database.written(&plan, 1, texts(values)).await;
        let refused = outcome
            .refusals
            .iter()
            .map(|refusal| format!("{} {}", refusal.key, refusal.code));
        all.push((database.rows("things").await, refused.collect()));
    }
    assert_eq!(all[0], all[1], "{column}");
    all.remove(0)
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_not_cut_off() {
    let cases: [(&str, [&str; 3], &str); 7] = [
        ("varchar(3)", ["abc", "abcd", "x"], "1 22001"),
        ("bit(3)", ["101", "1010", "000"], "1 22026"),
        ("varbit(3)", ["101", "1010", "1"], "1 22001"),
        ("inet", ["10.0.0.1", "10.0.0.300", "::1"], "1 22P02"),
        ("text check (v <> 'bad')", ["a", "bad", "c"], "1 23514"),
        ("text unique", ["a", "a", "b"], "1 23505"),
        ("text", ["a", "nul\0", "c"], "1 invalid_value"),
    ];
    for (column, values, refusal) in cases {
        let (rows, refused) = stored(column, &values.map(Some)).await;
        assert_eq!(refused, [refusal], "{column}");
        let kept = [format!("(1,{})", values[0]), format!("(3,{})", values[2])];
        assert_eq!(rows, kept, "{column}");
    }
    let (rows, refused) = stored("text not null", &[Some("a"), None, Some("c")]).await;
    assert_eq!((rows.len(), refused), (2, vec!["1 23502".to_owned()]));
}

#[tokio::test]
async fn a_deferred_constraint_finds_its_record_before_the_commit() {
    let parents =
        "create table parents (id text primary key); insert into parents values ('a'), ('c');";
    for operation in [Operation::Insert, Operation::Upsert] {
        let database = Database::new(&format!(
            "{parents} create table things (id bigint primary key, v text references parents deferrable initially deferred)"
        ))
        .await;
        let plan = database
            .plan("things", operation, &["id"], &["id", "v"])
            .await
            .unwrap();
        let batch = texts(&[Some("a"), Some("nobody"), Some("c")]);
        let outcome = database.written(&plan, 1, batch).await;
        assert_eq!(outcome.refusals.len(), 1, "{operation:?}");
        assert_eq!(outcome.refusals[0].code, "23503");
        assert_eq!(database.rows("things").await, ["(1,a)", "(3,c)"]);
    }
}

#[tokio::test]
async fn times_with_fewer_digits_say_so() {
    let database = Database::new(
        "create domain stamp as timestamp(3); create table things (id bigint primary key, a timestamp(3), b timestamptz(0), c time(0), d stamp, e timestamp, f \"char\")",
    )
    .await;
    let described = database.target.describe("things").await.unwrap();
    let type_of = |name: &str| described.field(name).unwrap().data_type.clone();
    let (seconds, millis, micros) = (
        TimeUnit::Second,
        TimeUnit::Millisecond,
        TimeUnit::Microsecond,
    );
    assert_eq!(type_of("a"), DataType::Timestamp(millis, None));
    assert!(matches!(
        type_of("b"),
        DataType::Timestamp(TimeUnit::Second, Some(_))
    ));
    assert_eq!(type_of("c"), DataType::Time32(seconds));
    assert_eq!(type_of("d"), DataType::Timestamp(millis, None));
    assert_eq!(type_of("e"), DataType::Timestamp(micros, None));
    assert_eq!(described.field("f").unwrap().max_length, Some(1));
}

fn fates(outcome: &Outcome) -> Vec<(&str, Fate)> {
    let mut fates: Vec<_> = outcome
        .ledger
        .rows
        .iter()
        .map(|row| (row.key.as_str(), row.fate))
        .collect();
    fates.sort_by_key(|fate| fate.0);
    fates
}

#[tokio::test]
async fn a_trigger_that_drops_a_row_is_no_creation() {
    let trigger = "create function drops() returns trigger language plpgsql as $$ begin if new.name = 'drop me' then return null; end if; return new; end $$;
        create trigger drops before insert on things for each row execute function drops();";
    for (operation, key) in [(Operation::Insert, None), (Operation::Upsert, Some("id"))] {
        let database = Database::new(&format!(
            "create table things (id bigint primary key, name text); {trigger}"
        ))
        .await;
        let key: Vec<&str> = key.into_iter().collect();
        let plan = database
            .plan("things", operation, &key, &["id", "name"])
            .await
            .unwrap();
        let batch = things(&[
            (Some(1), Some("a")),
            (Some(2), Some("drop me")),
            (Some(3), None),
        ]);
        let outcome = database.written(&plan, 1, batch).await;
        assert_eq!(database.rows("things").await, ["(1,a)", "(3,)"]);
        let expected = [
            ("0", Fate::Created),
            ("1", Fate::Failed),
            ("2", Fate::Created),
        ];
        assert_eq!(fates(&outcome), expected, "{operation:?}");
        assert_eq!(outcome.refusals[0].code, "not_written");
    }
}

#[tokio::test]
async fn a_connection_that_is_ended_writes_nothing_and_the_next_attempt_does() {
    let database = Database::new("create table things (id bigint primary key, name text)").await;
    let plan = database
        .plan("things", Operation::Upsert, &["id"], &["id", "name"])
        .await
        .unwrap();
    let batch = || things(&[(Some(1), Some("a"))]);
    // Somebody locks the table; the load waits, and its connection is ended.
    let locked = database.lock("things").await;
    let (first, second) = (claim(1, 1, &[]), claim(1, 2, &[]));
    let load = database.load(&plan, &first, batch());
    let end = async {
        database
            .until("select count(pg_terminate_backend(pid)) > 0 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")
            .await;
    };
    let (loaded, ()) = tokio::join!(load, end);
    drop(locked);
    assert_eq!(
        loaded.map_err(|failure| failure.kind),
        Err(FailureKind::Retry)
    );
    assert!(database.rows("stevedore_claims").await.is_empty());
    let again = database.load(&plan, &second, batch()).await;
    assert!(matches!(again, Ok(Loaded::Written(_))), "{again:?}");
    assert_eq!(database.rows("things").await, ["(1,a)"]);
}

//! The first committed claim of a chunk stands, whoever comes later and however late.

use async_trait::async_trait;
use connector::{Gate, Loaded, Writing};
use model::migration::Operation;
use model::{ChunkNumber, Failure, FailureKind};

use crate::database::{Database, claim, payload, things};

const TABLE: &str = "create table things (id bigint, name text)";

#[tokio::test]
async fn a_second_attempt_says_what_the_first_did_and_writes_nothing() {
    let database = Database::new(TABLE).await;
    let plan = database
        .plan("things", Operation::Insert, &[], &["id", "name"])
        .await
        .unwrap();
    let first = database
        .written(&plan, 1, things(&[(Some(1), Some("a"))]))
        .await;
    let again = database
        .load(&plan, &claim(1, 2, &[]), things(&[(Some(1), Some("a"))]))
        .await;
    assert_eq!(again, Ok(Loaded::Replayed(first)));
    assert_eq!(database.rows("things").await, ["(1,a)"]);
}

#[tokio::test]
async fn two_attempts_at_once_write_once() {
    let database = Database::new(TABLE).await;
    let plan = database
        .plan("things", Operation::Insert, &[], &["id", "name"])
        .await
        .unwrap();
    let batch = || things(&[(Some(1), Some("a")), (Some(2), Some("b"))]);
    let (one, two) = (claim(1, 1, &[]), claim(1, 2, &[]));
    let (one, two) = tokio::join!(
        database.load(&plan, &one, batch()),
        database.load(&plan, &two, batch())
    );
    let written = |loaded: &Result<Loaded, Failure>| matches!(loaded, Ok(Loaded::Written(_)));
    let replayed = |loaded: &Result<Loaded, Failure>| matches!(loaded, Ok(Loaded::Replayed(_)));
    assert!(
        written(&one) && replayed(&two) || written(&two) && replayed(&one),
        "{one:?} {two:?}"
    );
    assert_eq!(database.rows("things").await, ["(1,a)", "(2,b)"]);
}

#[tokio::test]
async fn a_zombie_of_a_chunk_that_was_split_writes_nothing() {
    let database = Database::new(TABLE).await;
    let plan = database
        .plan("things", Operation::Insert, &[], &["id", "name"])
        .await
        .unwrap();
    let part = claim(2, 1, &[1]);
    let loaded = database
        .load(&plan, &part, things(&[(Some(1), Some("a"))]))
        .await;
    assert!(matches!(loaded, Ok(Loaded::Written(_))));
    let zombie = database
        .load(
            &plan,
            &claim(1, 1, &[]),
            things(&[(Some(1), Some("a")), (Some(2), Some("b"))]),
        )
        .await;
    assert_eq!(zombie, Ok(Loaded::WasSplit));
    assert_eq!(database.rows("things").await, ["(1,a)"]);
}

#[tokio::test]
async fn a_part_of_a_chunk_that_was_written_whole_is_covered() {
    let database = Database::new(TABLE).await;
    let plan = database
        .plan("things", Operation::Insert, &[], &["id", "name"])
        .await
        .unwrap();
    let whole = database
        .written(
            &plan,
            1,
            things(&[(Some(1), Some("a")), (Some(2), Some("b"))]),
        )
        .await;
    let part = database
        .load(
            &plan,
            &claim(5, 1, &[3, 1]),
            things(&[(Some(1), Some("a"))]),
        )
        .await;
    let covered = Loaded::Covered {
        ancestor: ChunkNumber(1),
        outcome: whole,
    };
    assert_eq!(part, Ok(covered));
    assert_eq!(database.rows("things").await, ["(1,a)", "(2,b)"]);
}

struct ShutGate;

#[async_trait]
impl Gate for ShutGate {
    async fn pass(&self) -> Result<(), Failure> {
        Err(Failure::halted())
    }
}

#[tokio::test]
async fn a_stop_right_before_the_commit_leaves_nothing_behind() {
    let database = Database::new(TABLE).await;
    let plan = database
        .plan("things", Operation::Insert, &[], &["id", "name"])
        .await
        .unwrap();
    let Writing::Transactions(transactions) = database.target.writing() else {
        panic!("transactions")
    };
    let records = payload(things(&[(Some(1), Some("a"))]));
    let halted = transactions
        .load(&plan, &claim(1, 1, &[]), records, &ShutGate)
        .await;
    assert_eq!(
        halted.map_err(|failure| failure.kind),
        Err(FailureKind::Halted)
    );
    assert!(database.rows("things").await.is_empty());
    assert!(database.rows("stevedore_claims").await.is_empty());
    database
        .written(&plan, 1, things(&[(Some(1), Some("a"))]))
        .await;
    assert_eq!(database.rows("things").await, ["(1,a)"]);
}

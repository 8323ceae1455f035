//! A loader that froze in the middle of its transaction does not hold up whoever comes after it.

use async_trait::async_trait;
use connector::{Claim, Gate, Loaded, Writing};
use model::migration::Operation;
use model::{Failure, FailureKind};
use tokio::sync::Notify;

use crate::database::{Database, claim, payload, things};

const TABLE: &str = "create table things (id bigint, name text)";

/// Holds a load right before its commit.
#[derive(Default)]
struct Frozen {
    reached: Notify,
    thawed: Notify,
}

#[async_trait]
impl Gate for Frozen {
    async fn pass(&self) -> Result<(), Failure> {
        self.reached.notify_one();
        self.thawed.notified().await;
        Ok(())
    }
}

/// `zombie` freezes with its transaction open, `later` loads meanwhile, `zombie` wakes up.
async fn overtaken(zombie: Claim, later: Claim) -> (Result<Loaded, Failure>, Vec<String>) {
    let database = Database::new(TABLE).await;
    let plan = database
        .plan("things", Operation::Insert, &[], &["id", "name"])
        .await
        .unwrap();
    let Writing::Transactions(transactions) = database.target.writing() else {
        panic!("transactions")
    };
    let frozen = Frozen::default();
    let both = things(&[(Some(1), Some("a")), (Some(2), Some("b"))]);
    let first = transactions.load(&plan, &zombie, payload(both), &frozen);
    let second = async {
        frozen.reached.notified().await;
        let one = things(&[(Some(1), Some("a"))]);
        let loaded = database.load(&plan, &later, one).await;
        assert!(matches!(loaded, Ok(Loaded::Written(_))), "{loaded:?}");
        frozen.thawed.notify_one();
    };
    let (first, ()) = tokio::join!(first, second);
    (first, database.rows("things").await)
}

#[tokio::test]
async fn a_later_attempt_ends_an_earlier_ones_transaction() {
    let (woken, rows) = overtaken(claim(1, 1, &[]), claim(1, 2, &[])).await;
    assert_eq!(
        woken.map_err(|failure| failure.kind),
        Err(FailureKind::Retry)
    );
    assert_eq!(rows, ["(1,a)"]);
}

#[tokio::test]
async fn a_part_ends_the_transaction_of_the_chunk_it_was_split_from() {
    let (woken, rows) = overtaken(claim(1, 7, &[]), claim(3, 1, &[2, 1])).await;
    assert_eq!(
        woken.map_err(|failure| failure.kind),
        Err(FailureKind::Retry)
    );
    assert_eq!(rows, ["(1,a)"]);
}

//! Jobs side by side whose records share parents, in an org that locks these: in the order of their parents they get in one another's way less.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use arrow::array::RecordBatch;
use connector::{LoadPlan, Verdict};
use model::migration::Operation;
use rehearsal_org::Pace;
use support::{accounts, batch, bed, count, created};

const ACCOUNTS: usize = 50;
const JOBS: usize = 3;
/// Of each job.
const CONTACTS: usize = 2_000;

/// Contacts of one job, each with another account than the one before.
fn contacts(job: usize, ids: &[String]) -> RecordBatch {
    let each = |text: &dyn Fn(usize) -> String| (0..CONTACTS).map(|n| Some(text(n))).collect();
    batch(&[
        (
            "Contact_External_Id__c",
            each(&|n| format!("C{}", job * CONTACTS + n)),
        ),
        ("LastName", each(&|n| format!("Contact {n}"))),
        ("AccountId", each(&|n| ids[n * 7 % ACCOUNTS].clone())),
    ])
}

/// Loads the contacts by jobs side by side; returns how many rows found their parent locked.
async fn contended(in_parent_order: bool) -> usize {
    let bed = bed().await;
    let parents = bed.accounts(Operation::Upsert).await;
    bed.load(&parents, &accounts(ACCOUNTS)).await;
    let ids = bed.account_ids();
    let fields = ["LastName", "AccountId"];
    let mut plan = bed.contacts(Operation::Insert, &fields).await;
    if !in_parent_order {
        // Nothing says that the field names a parent.
        plan.target.relations.clear();
    }
    bed.org.faults().lock_shared_parents(true);
    bed.org.faults().pace_jobs(Some(Pace {
        queued: Duration::from_millis(200),
        per_chunk: Duration::from_millis(20),
        finishing: Duration::ZERO,
    }));
    let load = |job: usize| {
        let (bed, plan, ids): (_, &LoadPlan, _) = (&bed, &plan, &ids);
        async move { bed.load(plan, &contacts(job, ids)).await }
    };
    let results = tokio::join!(load(0), load(1), load(2));
    let results: [BTreeMap<_, _>; JOBS] = results.into();
    let locked = |verdict: &Verdict| matches!(verdict, Verdict::Contended { code, .. } if code == "UNABLE_TO_LOCK_ROW");
    let contended = results.iter().map(|job| count(job, locked)).sum();
    let written: usize = results.iter().map(|job| count(job, created)).sum();
    assert_eq!(contended + written, JOBS * CONTACTS);
    assert_eq!(bed.org.count("Contact"), written);
    contended
}

#[tokio::test(flavor = "multi_thread")]
async fn children_in_the_order_of_their_parents_meet_fewer_locks() {
    let (source, parents) = (contended(false).await, contended(true).await);
    println!(
        "of {} rows, {source} found their parent locked in the source's order, {parents} in that of parents",
        JOBS * CONTACTS
    );
    assert!(source > 0, "the order of the source is contended");
    assert!(parents * 2 < source, "{parents} against {source}");
}

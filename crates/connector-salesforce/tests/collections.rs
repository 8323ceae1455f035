//! Small sets by sObject collections: the same verdicts as by a job, values and lookups as a job would write them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use connector::{Gate, JobBody, LoadPlan, OpenGate, Sent, SmallSets, Verdict};
use model::migration::Operation;
use model::{Failure, FailureKind};
use rehearsal_org::CallFault;
use support::{Bed, accounts, assert_held, batch, bed, count, created, duplicate, text, updated};

fn small(bed: &Bed) -> &dyn SmallSets {
    bed.jobs().small_sets().expect("an org has collections")
}

/// Writes all records by calls, each of no more than are allowed.
async fn write(bed: &Bed, plan: &LoadPlan, records: &RecordBatch) -> BTreeMap<String, Sent> {
    let small = small(bed);
    let encoded = bed.jobs().encode(plan, records).unwrap();
    let rows = small.rows(plan, &encoded).unwrap();
    assert_eq!(rows.len(), records.num_rows());
    let keys: Vec<_> = rows.iter().map(|row| row.key.clone()).collect();
    assert_eq!(keys, bed.jobs().keys(plan, records).unwrap());
    let mut all = BTreeMap::new();
    for rows in rows.chunks(small.at_once()) {
        for sent in small.write(plan, rows, &OpenGate).await.unwrap() {
            assert!(all.insert(sent.key.clone(), sent).is_none());
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upsert_creates_and_then_updates_with_few_calls() {
    let bed = bed().await;
    let plan = bed.accounts(Operation::Upsert).await;
    bed.target.prepare(&plan).await.unwrap();
    let before = bed.org.api_calls();
    assert_eq!(
        count(&write(&bed, &plan, &accounts(450)).await, created),
        450
    );
    assert_eq!(bed.org.api_calls() - before, 3);
    let second = write(&bed, &plan, &accounts(500)).await;
    assert_eq!(
        (count(&second, updated), count(&second, created)),
        (450, 50)
    );
    assert_held(&bed.org, &second);
    let small = small(&bed);
    let there = small.there(&plan, &["A0", "a7", "A9999"]).await.unwrap();
    let a7 = &second["A7"].verdict;
    let known: Vec<_> = there.keys().map(String::as_str).collect();
    assert_eq!(known, ["A0", "a7"], "keys that differ in case are one");
    assert!(matches!(a7, Verdict::Updated { id } if *id == there["a7"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_verdict_is_the_one_that_a_job_would_have() {
    let bed = bed().await;
    let parents = bed.accounts(Operation::Upsert).await;
    bed.load(&parents, &accounts(2)).await;
    let fields = ["LastName", "Account.External_Id__c"];
    let plan = bed.contacts(Operation::Insert, &fields).await;
    let contacts = |prefix: &str| {
        let column = |of: &dyn Fn(usize) -> Option<String>| (0..60).map(of).collect();
        batch(&[
            (
                "Contact_External_Id__c",
                column(&|n| text(format_args!("{prefix}{n}"))),
            ),
            (
                "LastName",
                column(&|n| match n % 5 {
                    1 => Some("x".repeat(81)),
                    2 => None,
                    _ => text(format_args!("นาย, \"{n}\"")),
                }),
            ),
            (
                "Account.External_Id__c",
                column(&|n| match n % 5 {
                    3 => text("NOBODY"),
                    4 => None,
                    _ => text("A1"),
                }),
            ),
        ])
    };
    let by_job = bed.load(&plan, &contacts("J")).await;
    let by_calls = write(&bed, &plan, &contacts("C")).await;
    for n in 0..60 {
        let (job, call) = (&by_job[&format!("J{n}")], &by_calls[&format!("C{n}")]);
        match (&job.verdict, &call.verdict) {
            (Verdict::Created { .. }, Verdict::Created { .. }) => assert!(n % 5 == 0 || n % 5 == 4),
            (Verdict::Failed { .. }, Verdict::Failed { .. }) => {
                assert_eq!(job.verdict, call.verdict, "{n}");
                let fields = |sent: &Sent| (sent.fields.len(), sent.fields["LastName"].clone());
                assert_eq!(fields(job), fields(call), "as it was sent");
            }
            other => panic!("{n}: {other:?}"),
        }
    }
    let again = write(&bed, &plan, &contacts("C")).await;
    assert_eq!(count(&again, duplicate), 24);
    bed.org.faults().lock_rows(3);
    let locked = |v: &Verdict| matches!(v, Verdict::Contended { .. });
    assert_eq!(count(&write(&bed, &plan, &contacts("L")).await, locked), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_updated_cleared_and_deleted_by_id() {
    let bed = bed().await;
    let fields = ["External_Id__c", "Name", "Phone", "AnnualRevenue"];
    let plan = bed
        .plan("Account", Operation::Upsert, "External_Id__c", &fields)
        .await;
    let three = |phone: Option<&str>, revenue: Option<&str>| {
        batch(&[
            ("External_Id__c", (0..3).map(text).collect()),
            ("Name", vec![text("n"); 3]),
            ("Phone", vec![phone.map(str::to_owned); 3]),
            ("AnnualRevenue", vec![revenue.map(str::to_owned); 3]),
        ])
    };
    write(&bed, &plan, &three(Some("1"), Some("1200"))).await;
    let account = &bed.org.records("Account")[0];
    assert_eq!(
        (&account["Phone"], account["AnnualRevenue"].as_f64()),
        (&"1".into(), Some(1200.0))
    );
    write(&bed, &plan, &three(None, None)).await;
    let account = &bed.org.records("Account")[0];
    assert!(account["Phone"].is_null() && account["AnnualRevenue"].is_null());
    let ids: Vec<_> = bed.account_ids().into_iter().map(Some).collect();
    let update = bed
        .plan("Account", Operation::Update, "Id", &["Id", "Name"])
        .await;
    let records = batch(&[("Id", ids.clone()), ("Name", vec![text("new"); 3])]);
    assert_eq!(count(&write(&bed, &update, &records).await, updated), 3);
    let new = |record: &BTreeMap<String, serde_json::Value>| record["Name"] == "new";
    assert!(bed.org.records("Account").iter().all(new));
    let delete = bed.plan("Account", Operation::Delete, "Id", &["Id"]).await;
    let deleted = write(&bed, &delete, &batch(&[("Id", ids)])).await;
    assert_eq!(count(&deleted, |v| matches!(v, Verdict::Deleted { .. })), 3);
    assert_eq!(bed.org.count("Account"), 0);
    let hard = bed
        .plan("Account", Operation::HardDelete, "Id", &["Id"])
        .await;
    assert!(!small(&bed).is_small(&hard, 3, 100));
}

struct Closed;

#[async_trait]
impl Gate for Closed {
    async fn pass(&self) -> Result<(), Failure> {
        Err(Failure::halted())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_past_a_closed_gate_and_nothing_twice() {
    let bed = bed().await;
    let plan = bed.accounts(Operation::Insert).await;
    let small = small(&bed);
    let encoded = bed.jobs().encode(&plan, &accounts(20)).unwrap();
    let rows = small.rows(&plan, &encoded).unwrap();
    let halted = small.write(&plan, &rows, &Closed).await.unwrap_err();
    assert_eq!(halted.kind, FailureKind::Halted);
    assert_eq!(bed.org.count("Account"), 0);
    // The org acts, and its answer is lost: the caller looks what is there, and nobody sends again by himself.
    bed.org
        .faults()
        .fail_calls("POST", "/composite/sobjects", 1, CallFault::DropAfter);
    let lost = small.write(&plan, &rows, &OpenGate).await.unwrap_err();
    assert_eq!(lost.kind, FailureKind::Retry, "{lost}");
    let keys: Vec<_> = rows.iter().map(|row| row.key.as_str()).collect();
    assert_eq!(small.there(&plan, &keys).await.unwrap().len(), 20);
    assert_eq!(bed.org.count("Account"), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn small_is_what_takes_fewer_calls_than_a_job() {
    let bed = bed().await;
    let plan = bed.accounts(Operation::Upsert).await;
    let small = small(&bed);
    for (records, bytes, is_small) in [
        (1, 10, true),
        (800, 100_000, true),
        (801, 100_000, false),
        (10, 2 << 20, false),
    ] {
        assert_eq!(small.is_small(&plan, records, bytes), is_small, "{records}");
        let calls = small.calls(&plan, records).total();
        assert_eq!(calls < bed.jobs().calls(1, 0.0).total(), records <= 800);
    }
    let all = accounts(3);
    let parts = [bed.jobs().encode(&plan, &all).unwrap()];
    let body = JobBody::of(&parts).unwrap();
    let rows = small.rows(&plan, &body.part(0).unwrap()).unwrap();
    assert_eq!(
        rows.iter().map(|row| row.row.len() as u64).sum::<u64>(),
        body.len()
    );
}

//! A job found by a loader that did not start it: open, running, failed half-way, aborted, gone.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use connector::{JobBody, JobStatus, Sent};
use model::migration::Operation;
use support::{
    accounts, bed, by_token, count, created, ended, jobs, processed, results, unprocessed, updated,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_open_job_is_aborted_and_has_written_nothing() {
    let bed = bed().await;
    let plan = bed.accounts(Operation::Upsert).await;
    let job = bed.jobs().create(&plan).await.unwrap();
    let part = bed.jobs().encode(&plan, &accounts(5)).unwrap();
    bed.jobs()
        .upload(&plan, &job, JobBody::of(&[part]).unwrap())
        .await
        .unwrap();

    let other = by_token(&bed.org).await;
    let other = jobs(&other);
    assert_eq!(other.status(&job).await, Ok(JobStatus::Open));
    other.abort(&job).await.unwrap();
    other.abort(&job).await.unwrap();
    assert_eq!(
        ended(other, &job).await,
        None,
        "an abort is no fault of the target"
    );
    let told = results(other, &plan, &job, 5).await.unwrap();
    assert_eq!(count(&told, unprocessed), 5);
    assert_eq!(bed.org.count("Account"), 0);
    let failure = bed.jobs().close(&job).await.unwrap_err();
    assert_eq!(failure.code, "job_aborted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_job_is_followed_by_another_to_its_end() {
    let bed = bed().await;
    bed.org.faults().hold_jobs_after(200);
    let plan = bed.accounts(Operation::Upsert).await;
    let job = bed.jobs().create(&plan).await.unwrap();
    let part = bed.jobs().encode(&plan, &accounts(500)).unwrap();
    bed.jobs()
        .upload(&plan, &job, JobBody::of(&[part]).unwrap())
        .await
        .unwrap();
    bed.jobs().close(&job).await.unwrap();
    // Closed once more, as by one that did not learn that it had been.
    bed.jobs().close(&job).await.unwrap();

    let other = by_token(&bed.org).await;
    let other = jobs(&other);
    processed(other, &job, 200).await;
    bed.org.faults().release_jobs();
    assert_eq!(ended(other, &job).await, None);
    let told = results(other, &plan, &job, 500).await.unwrap();
    assert_eq!(count(&told, created), 500);
    // One that has ended is left alone.
    other.abort(&job).await.unwrap();
    assert_eq!(ended(other, &job).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_aborted_job_did_not_come_to_is_sent_again() {
    let bed = bed().await;
    bed.org.faults().hold_jobs_after(400);
    let plan = bed.accounts(Operation::Upsert).await;
    let jobs = bed.jobs();
    let job = jobs.create(&plan).await.unwrap();
    let part = jobs.encode(&plan, &accounts(1000)).unwrap();
    jobs.upload(&plan, &job, JobBody::of(&[part]).unwrap())
        .await
        .unwrap();
    jobs.close(&job).await.unwrap();
    processed(jobs, &job, 400).await;
    jobs.abort(&job).await.unwrap();
    assert_eq!(
        ended(jobs, &job).await,
        None,
        "an abort is no fault of the target"
    );
    let told = results(jobs, &plan, &job, 1000).await.unwrap();
    assert_eq!(
        (count(&told, created), count(&told, unprocessed)),
        (400, 600)
    );
    assert_eq!(bed.org.count("Account"), 400);

    bed.org.faults().clear();
    let rest: Vec<Sent> = told
        .into_values()
        .filter(|sent| unprocessed(&sent.verdict))
        .collect();
    let part = jobs.encode_again(&plan, &rest).unwrap();
    let job = jobs.create(&plan).await.unwrap();
    jobs.upload(&plan, &job, JobBody::of(&[part]).unwrap())
        .await
        .unwrap();
    jobs.close(&job).await.unwrap();
    ended(jobs, &job).await;
    let told = results(jobs, &plan, &job, 600).await.unwrap();
    assert_eq!(count(&told, created), 600);
    assert_eq!(bed.org.count("Account"), 1000);
    // What was sent again is what was sent first.
    let third = bed.load(&plan, &accounts(1000)).await;
    assert_eq!(count(&third, updated), 1000);
    assert!(bed.org.records("Account").iter().all(|record| {
        record["Name"]
            .as_str()
            .is_some_and(|name| name.ends_with("\",\nLtd"))
    }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_half_way_says_why_and_what_is_left() {
    let bed = bed().await;
    bed.org.faults().fail_job_after(200);
    let plan = bed.accounts(Operation::Insert).await;
    let jobs = bed.jobs();
    let job = jobs.create(&plan).await.unwrap();
    let part = jobs.encode(&plan, &accounts(450)).unwrap();
    jobs.upload(&plan, &job, JobBody::of(&[part]).unwrap())
        .await
        .unwrap();
    jobs.close(&job).await.unwrap();
    let reason = ended(jobs, &job).await.expect("it failed");
    assert!(!reason.is_empty());
    let told = results(jobs, &plan, &job, 450).await.unwrap();
    assert_eq!(
        (count(&told, created), count(&told, unprocessed)),
        (200, 250)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_nobody_knows_is_unknown() {
    let bed = bed().await;
    let job = "750000000000001AAA";
    assert_eq!(bed.jobs().status(job).await, Ok(JobStatus::Unknown));
    bed.jobs().abort(job).await.unwrap();
    assert!(bed.jobs().close(job).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn results_that_do_not_add_up_are_never_handed_over() {
    let bed = bed().await;
    let plan = bed.accounts(Operation::Upsert).await;
    let jobs = bed.jobs();
    let job = jobs.create(&plan).await.unwrap();
    let part = jobs.encode(&plan, &accounts(3)).unwrap();
    jobs.upload(&plan, &job, JobBody::of(&[part]).unwrap())
        .await
        .unwrap();
    jobs.close(&job).await.unwrap();
    ended(jobs, &job).await;
    let mut told = 0;
    let mut each = |_: Sent| told += 1;
    let failure = jobs.results(&plan, &job, 4, &mut each).await.unwrap_err();
    assert_eq!(failure.code, "results_incomplete");
    assert!(
        failure.message.contains("4 records") && failure.message.contains("tell of 3"),
        "{failure}"
    );
    assert_eq!(failure.place.object.as_deref(), Some("account"));
    assert_eq!(told, 0);
}

//! What calls do when the session ends, the org is busy, or the connection drops before or after the org acted.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::time::Duration;

use connector::{CountScope, JobBody, JobStatus, Target};
use connector_salesforce::salesforce_target;
use model::migration::{Operation, SalesforceSettings};
use model::{Failure, FailureKind, Secret};
use rehearsal_org::{CallFault, RehearsalOrg, Settings};
use support::{accounts, bed, by_app, count, created, ended, jobs, results, settings};

async fn ask(target: &dyn Target) -> Result<u64, Failure> {
    target.count("Account", &CountScope::All).await
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_that_find_the_session_ended_log_in_together() {
    let bed = bed().await;
    let target = by_app(&bed.org).await;
    for _ in 0..5 {
        bed.org.expire_sessions();
        let calls = (0..20).map(|_| ask(target.as_ref()));
        for answer in futures::future::join_all(calls).await {
            assert_eq!(answer, Ok(0));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_login_pauses_and_shows_no_secret() {
    let org = RehearsalOrg::start(Settings::default()).await.unwrap();
    let wrong = [
        SalesforceSettings {
            access_token: Some(Secret::new("00Dx!hunter2")),
            ..settings(&org)
        },
        SalesforceSettings {
            client_id: Some(org.client_id().to_owned()),
            client_secret: Some(Secret::new("hunter2")),
            ..settings(&org)
        },
    ];
    for settings in wrong {
        let target = salesforce_target("crm", &settings).await.unwrap();
        let failure = ask(target.as_ref()).await.unwrap_err();
        assert_eq!(
            (failure.kind, failure.code.as_str()),
            (FailureKind::PauseRun, "login_refused")
        );
        assert_eq!(failure.place.connection.as_deref(), Some("crm"));
        assert!(failure.hint.is_some());
        assert!(!format!("{failure:?}").contains("hunter2"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_org_that_is_busy_for_a_moment_is_asked_again() {
    let bed = bed().await;
    for status in [503, 429, 500] {
        bed.org
            .faults()
            .fail_calls("GET", "query", 2, CallFault::Status(status));
        assert_eq!(ask(bed.target.as_ref()).await, Ok(0), "{status}");
    }
    bed.org
        .faults()
        .fail_calls("GET", "query", 100, CallFault::Status(503));
    let failure = ask(bed.target.as_ref()).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Retry, "{failure}");
    assert!(bed.org.faults().calls_left() >= 90);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daily_limit_pauses_at_once() {
    let bed = bed().await;
    bed.org
        .faults()
        .fail_calls("GET", "query", 1, CallFault::Status(403));
    let failure = ask(bed.target.as_ref()).await.unwrap_err();
    assert_eq!(
        (failure.kind, failure.code.as_str()),
        (FailureKind::PauseRun, "api_limit")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_connections_leave_one_job_that_writes_once() {
    for fault in [
        CallFault::DropBefore,
        CallFault::DropAfter,
        CallFault::Status(503),
    ] {
        let bed = bed().await;
        let plan = bed.accounts(Operation::Insert).await;
        let jobs = bed.jobs();
        let part = jobs.encode(&plan, &accounts(20)).unwrap();
        bed.org.faults().fail_calls("POST", "jobs/ingest", 1, fault);
        let job = jobs.create(&plan).await.unwrap();
        jobs.upload(&plan, &job, JobBody::of(&[part]).unwrap())
            .await
            .unwrap();
        bed.org
            .faults()
            .fail_calls("PATCH", "jobs/ingest", 1, fault);
        match jobs.close(&job).await {
            Ok(()) => assert_eq!(fault, CallFault::DropAfter),
            Err(failure) => {
                // It is known that nothing began, so that the kill switch can be asked again.
                assert_eq!(
                    (failure.kind, failure.code.as_str()),
                    (FailureKind::Retry, "not_closed")
                );
                assert_eq!(jobs.status(&job).await, Ok(JobStatus::Open));
                jobs.close(&job).await.unwrap();
            }
        }
        ended(jobs, &job).await;
        bed.org
            .faults()
            .fail_calls("GET", "successfulResults", 1, fault);
        let told = results(jobs, &plan, &job, 20).await.unwrap();
        assert_eq!(count(&told, created), 20);
        assert_eq!(bed.org.count("Account"), 20);
        assert_eq!(bed.org.faults().calls_left(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_whose_answer_is_lost_is_not_sent_twice() {
    let bed = bed().await;
    let plan = bed.accounts(Operation::Insert).await;
    let jobs = bed.jobs();
    let part = jobs.encode(&plan, &accounts(20)).unwrap();
    let job = jobs.create(&plan).await.unwrap();
    bed.org
        .faults()
        .fail_calls("PUT", "batches", 1, CallFault::DropAfter);
    let failure = jobs
        .upload(&plan, &job, JobBody::of(&[part]).unwrap())
        .await
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::Retry);
    assert_eq!(jobs.status(&job).await, Ok(JobStatus::Open));
    jobs.abort(&job).await.unwrap();
    assert_eq!(bed.org.count("Account"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abort_whose_answer_is_lost_has_aborted() {
    let bed = bed().await;
    let plan = bed.accounts(Operation::Insert).await;
    let jobs = bed.jobs();
    let job = jobs.create(&plan).await.unwrap();
    bed.org
        .faults()
        .fail_calls("PATCH", "jobs/ingest", 1, CallFault::DropAfter);
    jobs.abort(&job).await.unwrap();
    assert!(matches!(
        jobs.status(&job).await,
        Ok(JobStatus::Ended { .. })
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_not_there_pauses() {
    let org = RehearsalOrg::start(Settings::default()).await.unwrap();
    let settings = SalesforceSettings {
        access_token: Some(Secret::new("x")),
        ..settings(&org)
    };
    org.stop().await;
    let target = salesforce_target("crm", &settings).await.unwrap();
    let failure = tokio::time::timeout(Duration::from_secs(60), ask(target.as_ref()));
    let failure = failure.await.expect("in time").unwrap_err();
    assert_eq!(
        (failure.kind, failure.code.as_str()),
        (FailureKind::PauseRun, "unreachable")
    );
    assert!(failure.message.contains("127.0.0.1"), "{failure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_speaks_no_tls_pauses_at_once() {
    let org = RehearsalOrg::start(Settings::default()).await.unwrap();
    let settings = SalesforceSettings {
        instance_url: Some(org.url().replace("http:", "https:")),
        access_token: Some(Secret::new("x")),
        ..settings(&org)
    };
    let target = salesforce_target("crm", &settings).await.unwrap();
    let failure = ask(target.as_ref()).await.unwrap_err();
    assert_eq!(
        (failure.kind, failure.code.as_str()),
        (FailureKind::PauseRun, "tls"),
        "{failure}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_seen_alike_by_every_client() {
    let bed = bed().await;
    let plan = bed.accounts(Operation::Upsert).await;
    let other = by_app(&bed.org).await;
    let job = bed.jobs().create(&plan).await.unwrap();
    assert_eq!(jobs(&other).status(&job).await, Ok(JobStatus::Open));
}

//! An org's API calls and how far a connection may use them up: work stops in time, and what has begun is still brought to its end.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use connector::{CountScope, JobBody, JobStatus, Target};
use connector_salesforce::salesforce_target;
use model::migration::{Operation, SalesforceSettings, Threshold};
use model::{Failure, FailureKind, Secret};
use support::script::{Line, Server, line, serve};
use support::{Bed, accounts, bed, by_token, count, created, ended, results, settings};

/// An org of which only so many further calls may be used.
async fn bed_with(further: u64) -> Bed {
    let bed = bed().await;
    // The first answer tells the count, and the first call is let through for it.
    ask(by_token(&bed.org).await.as_ref()).await.unwrap();
    let settings = SalesforceSettings {
        access_token: Some(Secret::new(bed.org.access_token())),
        api_budget: Some(Threshold::Records(bed.org.api_calls() + further)),
        ..settings(&bed.org)
    };
    let target = salesforce_target("crm", &settings).await.unwrap();
    Bed { target, ..bed }
}

async fn ask(target: &dyn Target) -> Result<u64, Failure> {
    target.count("Account", &CountScope::All).await
}

fn over(failure: &Failure) {
    assert_eq!(
        (failure.kind, failure.code.as_str()),
        (FailureKind::PauseRun, "api_budget"),
        "{failure}"
    );
    assert_eq!(failure.place.connection.as_deref(), Some("crm"));
    assert!(failure.message.contains("`api_budget"), "{failure}");
    assert!(failure.hint.as_deref().unwrap().contains("24-hour"));
}

#[tokio::test(flavor = "multi_thread")]
async fn work_stops_at_the_budget_and_asks_the_org_no_more() {
    let bed = bed_with(3).await;
    for _ in 0..3 {
        assert_eq!(ask(bed.target.as_ref()).await, Ok(0));
    }
    let calls = bed.org.api_calls();
    for _ in 0..5 {
        over(&ask(bed.target.as_ref()).await.unwrap_err());
    }
    let many = (0..20).map(|_| ask(bed.target.as_ref()));
    for answer in futures::future::join_all(many).await {
        over(&answer.unwrap_err());
    }
    assert_eq!(bed.org.api_calls(), calls);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_began_is_followed_to_its_end_beyond_the_budget() {
    // Describe, create, upload, close.
    let bed = bed_with(4).await;
    let plan = bed.accounts(Operation::Upsert).await;
    let jobs = bed.jobs();
    let part = jobs.encode(&plan, &accounts(5)).unwrap();
    let job = jobs.create(&plan).await.unwrap();
    jobs.upload(&plan, &job, JobBody::of(&[part]).unwrap())
        .await
        .unwrap();
    jobs.close(&job).await.unwrap();
    over(&jobs.create(&plan).await.unwrap_err());
    ended(jobs, &job).await;
    let told = results(jobs, &plan, &job, 5).await.unwrap();
    assert_eq!(count(&told, created), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_may_not_be_closed_any_more_is_not_begun() {
    // Describe; of create, upload and close only two.
    let bed = bed_with(3).await;
    let plan = bed.accounts(Operation::Upsert).await;
    let calls = bed.org.api_calls();
    over(&bed.jobs().create(&plan).await.unwrap_err());
    assert_eq!(bed.org.api_calls(), calls);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_others_left_no_room_for_can_still_be_aborted() {
    let bed = bed_with(4).await;
    let plan = bed.accounts(Operation::Upsert).await;
    let jobs = bed.jobs();
    let part = jobs.encode(&plan, &accounts(5)).unwrap();
    let job = jobs.create(&plan).await.unwrap();
    let others = by_token(&bed.org).await;
    for _ in 0..2 {
        ask(others.as_ref()).await.unwrap();
    }
    // Its answer tells of the others' calls.
    jobs.upload(&plan, &job, JobBody::of(&[part]).unwrap())
        .await
        .unwrap();
    over(&jobs.close(&job).await.unwrap_err());
    assert_eq!(jobs.status(&job).await, Ok(JobStatus::Open));
    jobs.abort(&job).await.unwrap();
    assert_eq!(bed.org.count("Account"), 0);
}

fn counted(used: u64) -> Line {
    let mut line = line(
        "query",
        "200 OK",
        r#"{"totalSize":7,"done":true,"records":[]}"#,
    );
    line.answer = line.answer.replacen(
        "\r\n",
        &format!("\r\nSforce-Limit-Info: api-usage={used}/1000; api-bursts=1/750\r\n"),
        1,
    );
    line
}

async fn reserved(server: &Server) -> std::sync::Arc<dyn Target> {
    let settings = SalesforceSettings {
        instance_url: Some(server.url.clone()),
        access_token: Some(Secret::new("00Dx!token")),
        api_budget: Some(Threshold::Percent(99.0)),
        api_reserve: Some(100),
        ..SalesforceSettings::default()
    };
    salesforce_target("crm", &settings).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reserve_is_left_to_others_until_none_is_left_to_anybody() {
    let server = serve(vec![counted(899), counted(900), counted(5)]).await;
    let target = reserved(&server).await;
    for _ in 0..2 {
        assert_eq!(ask(target.as_ref()).await, Ok(7));
    }
    let failure = ask(target.as_ref()).await.unwrap_err();
    assert_eq!(failure.code, "api_budget");
    for word in ["900 of its 1000", "last 100", "`api_reserve`"] {
        assert!(failure.message.contains(word), "{word}: {failure}");
    }
    // Unknown to the script: it was asked all the same.
    let jobs = support::jobs(&target);
    assert_eq!(jobs.status("750").await, Ok(JobStatus::Unknown));
    assert_eq!((server.calls("query"), server.calls("ingest")), (2, 1));

    let server = serve(vec![counted(1000)]).await;
    let target = reserved(&server).await;
    ask(target.as_ref()).await.unwrap();
    let failure = support::jobs(&target).status("750").await.unwrap_err();
    assert_eq!(failure.code, "api_budget");
    assert_eq!(server.calls("ingest"), 0);
}

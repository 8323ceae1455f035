//! The knobs for misbehaviour do what they say.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::client::{start, start_with};
use rehearsal_org::{CallFault, Pace, RehearsalOrg, Settings};

#[tokio::test]
async fn calls_fail_as_often_as_told() {
    let client = start().await;
    let faults = client.org.faults();
    faults.fail_calls("GET", "/limits", 2, CallFault::Status(503));
    faults.fail_calls("", "/sobjects", 1, CallFault::Status(403));
    let (status, body) = client.send(Method::GET, "limits", None).await;
    assert_eq!(status, 503);
    assert!(body.as_str().unwrap().starts_with("<html>"));
    assert_eq!(client.send(Method::GET, "limits", None).await.0, 503);
    assert_eq!(client.send(Method::GET, "limits", None).await.0, 200);
    let (status, body) = client
        .send(Method::POST, "sobjects/Account", Some(json!({"Name": "x"})))
        .await;
    assert_eq!(status, 403);
    assert_eq!(
        body,
        json!([{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}])
    );
    assert_eq!((client.org.count("Account"), faults.calls_left()), (0, 0));
    faults.fail_calls("GET", "/limits", 9, CallFault::Status(401));
    faults.clear();
    assert_eq!(client.send(Method::GET, "limits", None).await.0, 200);
}

#[tokio::test]
async fn a_dropped_connection_may_have_acted() {
    let client = start().await;
    let create = || {
        client
            .request(Method::POST, "sobjects/Account")
            .json(&json!({"Name": "x"}))
            .send()
    };
    client
        .org
        .faults()
        .fail_calls("POST", "/sobjects/Account", 1, CallFault::DropBefore);
    assert!(create().await.is_err());
    assert_eq!(client.org.count("Account"), 0);
    client
        .org
        .faults()
        .fail_calls("POST", "/sobjects/Account", 1, CallFault::DropAfter);
    assert!(create().await.is_err());
    assert_eq!(client.org.count("Account"), 1);
    assert_eq!(create().await.unwrap().status(), 201);
}

#[tokio::test]
async fn an_upload_that_is_refused_may_be_sent_again() {
    let client = start().await;
    let job = client.open_job("Account", "insert", None).await;
    client
        .org
        .faults()
        .fail_calls("PUT", "/batches", 1, CallFault::Status(503));
    let big = format!("Name\n{}", "some name\n".repeat(200_000));
    let path = format!("jobs/ingest/{job}/batches");
    let put = client
        .request(Method::PUT, &path)
        .header("content-type", "text/csv")
        .body(big);
    assert_eq!(put.send().await.unwrap().status(), 503);
    client.upload(&job, "Name\nx\n").await;
}

#[tokio::test]
async fn locked_rows() {
    let client = start().await;
    client
        .create("Account", json!({"Name": "Parent", "External_Id__c": "P"}))
        .await;
    client.org.faults().lock_rows(2);
    let csv = "LastName,Account.External_Id__c\na,P\nb,P\nc,P\n";
    let done = client.ingest("Contact", "insert", None, csv).await;
    assert_eq!((done.successful.len(), done.failed.len()), (1, 2));
    let parent = client.org.records("Account")[0]["Id"]
        .as_str()
        .unwrap()
        .to_owned();
    for row in &done.failed {
        assert_eq!(
            row["sf__Error"],
            format!(
                "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record or 1 records: {parent}:--"
            )
        );
    }
    client.org.faults().lock_rows(1);
    let body = json!({"records": [{"attributes": {"type": "Account"}, "Name": "x"}, {"attributes": {"type": "Account"}, "Name": "y"}]});
    let (_, results) = client
        .send(Method::POST, "composite/sobjects", Some(body))
        .await;
    assert_eq!(results[0]["errors"][0]["statusCode"], "UNABLE_TO_LOCK_ROW");
    assert_eq!(results[1]["success"], true);
}

#[tokio::test]
async fn a_job_that_fails_half_way() {
    let client = start().await;
    client.org.faults().fail_job_after(300);
    let csv = format!("Name\n{}", "x\n".repeat(1000));
    let done = client.ingest("Account", "insert", None, &csv).await;
    assert_eq!(done.job["state"], "Failed");
    assert!(done.job["errorMessage"].is_string());
    assert_eq!(done.counts(), (400, 0, 600));
    assert_eq!(client.org.count("Account"), 400);
    assert_eq!(
        client.ingest("Account", "insert", None, &csv).await.job["state"],
        "JobComplete"
    );
}

#[tokio::test]
async fn slow_states_can_be_seen() {
    let client = start().await;
    let forever = Duration::from_secs(600);
    let slow = Pace {
        queued: forever,
        per_chunk: Duration::ZERO,
        finishing: forever,
    };
    client.org.faults().pace_jobs(Some(slow));
    let job = client.open_job("Account", "insert", None).await;
    client.upload(&job, "Name\nx\n").await;
    client.set_state(&job, "UploadComplete").await;
    assert_eq!(client.job(&job).await["state"], "UploadComplete");
    client.org.faults().pace_jobs(Some(Pace {
        queued: Duration::ZERO,
        ..slow
    }));
    let job = client.open_job("Account", "insert", None).await;
    client.upload(&job, "Name\nx\n").await;
    client.set_state(&job, "UploadComplete").await;
    client
        .wait(&job, |job| {
            job["state"] == "InProgress" && job["numberRecordsProcessed"] == 1
        })
        .await;
    client.set_state(&job, "Aborted").await;
    assert_eq!(client.finish(&job).await.successful.len(), 1);
}

#[tokio::test]
async fn empty_result_files_may_be_no_content() {
    let client = start().await;
    let done = client.ingest("Account", "insert", None, "Name\nx\n").await;
    let path = format!(
        "jobs/ingest/{}/failedResults",
        done.job["id"].as_str().unwrap()
    );
    let text = client
        .request(Method::GET, &path)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert_eq!(text, "\"sf__Id\",\"sf__Error\",Name\n");
    client.org.faults().empty_results_as_204(true);
    assert_eq!(
        client
            .request(Method::GET, &path)
            .send()
            .await
            .unwrap()
            .status(),
        204
    );
}

#[tokio::test]
async fn stopping_refuses_calls_and_frees_the_port() {
    let client = start().await;
    client.org.faults().hold_jobs_after(0);
    let job = client.open_job("Account", "insert", None).await;
    client.upload(&job, "Name\nx\n").await;
    client.set_state(&job, "UploadComplete").await;
    let url = client.org.url();
    let port = url.rsplit_once(':').unwrap().1.parse().unwrap();
    client.org.stop().await;
    assert!(
        client
            .http
            .get(format!("{url}/services/data"))
            .send()
            .await
            .is_err()
    );
    let again = start_with(Settings {
        port,
        access_token: Some("00Dfixed!token".to_owned()),
        ..Settings::default()
    })
    .await;
    assert_eq!(
        (again.org.url(), again.org.access_token()),
        (url, "00Dfixed!token")
    );
    assert!(
        RehearsalOrg::start(Settings {
            port,
            ..Settings::default()
        })
        .await
        .is_err()
    );
    let odd = Settings {
        access_token: Some("two words".to_owned()),
        ..Settings::default()
    };
    assert!(RehearsalOrg::start(odd).await.is_err());
}

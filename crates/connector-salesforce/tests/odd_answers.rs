//! Answers that no well-behaved org gives, word for word: cut off in the middle, redirects, pages, a slow login.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::DataType;
use connector::{CountScope, JobStatus, LoadPlan, OpenGate, Target, TargetField, TargetObject};
use connector_salesforce::salesforce_target;
use model::migration::{Operation, SalesforceSettings};
use model::{FailureKind, RunId, Secret};
use support::script::{Server, line, serve};
use support::{count, created, jobs, results};

/// The org that the script plays, by a token.
async fn target(server: &Server) -> Arc<dyn Target> {
    let settings = SalesforceSettings {
        instance_url: Some(server.url.clone()),
        access_token: Some(Secret::new("00Dx!token")),
        ..SalesforceSettings::default()
    };
    salesforce_target("org", &settings).await.unwrap()
}

fn plan() -> LoadPlan {
    let key = TargetField {
        name: "Key__c".to_owned(),
        data_type: DataType::Utf8,
        native: "string".to_owned(),
        nullable: true,
        required: false,
        createable: true,
        updateable: true,
        max_length: None,
        counts_utf16: true,
        empty_is_null: true,
        range: None,
        values: None,
        finds_records: true,
        case_sensitive: false,
    };
    LoadPlan {
        run: RunId::new("run"),
        object: "things".to_owned(),
        to: "Thing__c".to_owned(),
        operation: Operation::Upsert,
        key: vec![key.name.clone()],
        fields: vec![key.name.clone()],
        missing: Vec::new(),
        system: String::new(),
        keeps_ids: false,
        target: TargetObject {
            name: "Thing__c".to_owned(),
            fields: vec![key],
            relations: Vec::new(),
            keys: Vec::new(),
            carries_columns: false,
        },
    }
}

const WRITTEN: &str =
    "\"sf__Id\",\"sf__Created\",Key__c\n\"a01\",\"true\",\"1\"\n\"a02\",\"true\",\"2\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_cut_off_is_downloaded_again_and_told_once() {
    let mut cut = line("successfulResults", "200 OK", WRITTEN);
    cut.answer.truncate(cut.answer.len() - 12);
    let server = serve(vec![cut, line("successfulResults", "200 OK", WRITTEN)]).await;
    let target = target(&server).await;
    let told = results(jobs(&target), &plan(), "750", 2).await.unwrap();
    assert_eq!(count(&told, created), 2);
    assert_eq!(server.calls("successfulResults"), 2);
    assert_eq!(server.calls("failedResults"), 0, "nothing is left to tell");
}

#[tokio::test(flavor = "multi_thread")]
async fn results_that_come_late_are_waited_for() {
    let server = serve(vec![
        line("successfulResults", "200 OK", ""),
        line("failedResults", "200 OK", ""),
        line("unprocessedrecords", "200 OK", ""),
        line("successfulResults", "200 OK", WRITTEN),
    ])
    .await;
    let target = target(&server).await;
    let told = results(jobs(&target), &plan(), "750", 2).await.unwrap();
    assert_eq!(count(&told, created), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed() {
    let server = serve(vec![line("query", "302 Found", "")]).await;
    let target = target(&server).await;
    let failure = target.count("Account", &CountScope::All).await.unwrap_err();
    assert_eq!(
        (failure.kind, failure.code.as_str()),
        (FailureKind::Usage, "wrong_instance_url")
    );
    assert_eq!(server.calls(""), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_place_of_json_is_told_as_what_it_is() {
    let page = "<html><head><title>Maintenance</title></head></html>";
    let server = serve(
        (0..5)
            .map(|_| line("query", "503 Service Unavailable", page))
            .chain([line("query", "200 OK", page)])
            .collect(),
    )
    .await;
    let target = target(&server).await;
    let ask = || target.count("Account", &CountScope::All);
    let failure = ask().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Retry);
    assert!(failure.message.contains("\"Maintenance\""), "{failure}");
    assert_eq!(ask().await.unwrap_err().code, "unreadable_answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_of_the_future_is_not_taken_for_one_we_know() {
    let server = serve(vec![
        line("jobs/ingest/750", "200 OK", r#"{"id":"750","state":"Resting"}"#),
        line(
            "jobs/ingest/750",
            "200 OK",
            r#"{"id":"750","state":"Failed","errorMessage":"InvalidBatch : Field name not found : X","apiVersion":66.0}"#,
        ),
    ])
    .await;
    let target = target(&server).await;
    let status = || jobs(&target).status("750");
    assert_eq!(status().await.unwrap_err().code, "unknown_state");
    let reason = Some("InvalidBatch : Field name not found : X".to_owned());
    assert_eq!(status().await, Ok(JobStatus::Ended { reason }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_that_had_to_log_in_for_too_long_is_not_sent() {
    let mut slow = line("oauth2/token", "200 OK", r#"{"access_token":"00Dx!new"}"#);
    slow.after = Duration::from_millis(1_100);
    let expired = r#"[{"errorCode":"INVALID_SESSION_ID","message":"Session expired or invalid"}]"#;
    let server = serve(vec![
        line("PATCH", "401 Unauthorized", expired),
        slow,
        line("PATCH", "200 OK", "{}"),
    ])
    .await;
    let settings = SalesforceSettings {
        instance_url: Some(server.url.clone()),
        access_token: Some(Secret::new("00Dx!old")),
        client_id: Some("app".to_owned()),
        client_secret: Some(Secret::new("secret")),
        ..SalesforceSettings::default()
    };
    let target = salesforce_target("org", &settings).await.unwrap();
    let failure = jobs(&target).close("750").await.unwrap_err();
    assert_eq!(
        (failure.kind, failure.code.as_str()),
        (FailureKind::Retry, "too_late")
    );
    assert_eq!(server.calls("PATCH"), 1);
    // The login is kept, so that the next try is in time.
    jobs(&target).close("750").await.unwrap();
    assert_eq!(server.calls("oauth2"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_for_another_number_of_records_are_bound_to_none() {
    let one = r#"[{"id":"a01","success":true,"created":true,"errors":[]}]"#;
    let server = serve(vec![line("composite/sobjects", "200 OK", one)]).await;
    let target = target(&server).await;
    let small = jobs(&target).small_sets().unwrap();
    let plan = plan();
    let rows = small.rows(&plan, b"1\n2\n").unwrap();
    let failure = small.write(&plan, &rows, &OpenGate).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Bug);
    assert!(
        failure.message.contains("2 records") && failure.message.contains("answered for 1"),
        "{failure}"
    );
    assert_eq!(server.calls("composite/sobjects"), 1);
}

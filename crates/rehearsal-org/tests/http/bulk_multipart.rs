//! Ingest jobs created together with their rows.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Client, read, start};

async fn create(client: &Client, job: &Value, content: Option<&str>) -> (u16, Value) {
    let mut body = format!(
        "--XX\r\nContent-Type: application/json\r\nContent-Disposition: form-data; name=\"job\"\r\n\r\n{job}\r\n"
    );
    if let Some(content) = content {
        body.push_str(&format!(
            "--XX\r\nContent-Type: text/csv\r\nContent-Disposition: form-data; name=\"content\"; filename=\"content\"\
             \r\n\r\n{content}\r\n"
        ));
    }
    body.push_str("--XX--\r\n");
    let request = client
        .request(Method::POST, "jobs/ingest")
        .header("content-type", "multipart/form-data; boundary=\"XX\"");
    read(request.body(body).send().await.unwrap()).await
}

#[tokio::test]
async fn the_job_is_under_way_at_once() {
    let client = start().await;
    let job = json!({
        "object": "Account", "operation": "upsert", "externalIdFieldName": "External_Id__c", "contentType": "CSV",
        "lineEnding": "CRLF",
    });
    let rows = "External_Id__c,Name\r\nA1,\"two\r\nlines\"\r\nA2,\r\n";
    let (status, created) = create(&client, &job, Some(rows)).await;
    assert_eq!((status, &created["state"]), (200, &json!("UploadComplete")));
    assert!(created.get("contentUrl").is_none());
    let done = client.finish(created["id"].as_str().unwrap()).await;
    assert_eq!(
        (&done.job["state"], &done.job["numberRecordsProcessed"]),
        (&json!("JobComplete"), &json!(2))
    );
    assert_eq!(done.successful[0]["Name"], "two\r\nlines");
    assert!(done.errors("External_Id__c")["A2"].contains("REQUIRED_FIELD_MISSING"));
}

#[tokio::test]
async fn what_is_wrong_with_it_is_told_at_once() {
    let client = start().await;
    let job = json!({"object": "Account", "operation": "insert"});
    let large = format!("Name\n{}", "A\n".repeat(50_000));
    let unknown = json!({"object": "Nope__c", "operation": "insert"});
    for (job, content, code) in [
        (&job, None, "INVALIDJOB"),
        (&job, Some(large.as_str()), "INVALIDJOB"),
        (&unknown, Some("Name\nA\n"), "INVALIDENTITY"),
        (&json!("text"), Some("Name\nA\n"), "JSON_PARSER_ERROR"),
    ] {
        let (status, reply) = create(&client, job, content).await;
        assert_eq!(
            (status, reply[0]["errorCode"].as_str()),
            (400, Some(code)),
            "{reply}"
        );
    }
    assert_eq!(client.get("jobs/ingest").await["records"], json!([]));
    let (_, created) = create(&client, &job, Some("Nope\nA\n")).await;
    let done = client.finish(created["id"].as_str().unwrap()).await;
    assert_eq!(
        done.job["errorMessage"],
        "InvalidBatch : Field name not found : Nope"
    );
}

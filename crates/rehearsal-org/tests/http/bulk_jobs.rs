//! Ingest jobs as a whole: creation, upload, states, result files, aborts, deletes.

use std::collections::HashSet;
use std::io::Write as _;

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{rows, start};

fn accounts(from: usize, to: usize) -> String {
    let mut csv = String::from("External_Id__c,Name\n");
    for n in from..to {
        csv.push_str(&format!("K{n},\"Account, \"\"{n}\"\"\"\n"));
    }
    csv
}

#[tokio::test]
async fn job_info_along_its_way() {
    let client = start().await;
    let body = json!({"object": "Account", "operation": "upsert", "externalIdFieldName": "External_Id__c", "lineEnding": "LF"});
    let (status, created) = client.send(Method::POST, "jobs/ingest/", Some(body)).await;
    assert_eq!(status, 200);
    let id = created["id"].as_str().unwrap();
    assert!(id.starts_with("750") && id.len() == 18);
    assert_eq!(created["state"], "Open");
    assert_eq!(created["apiVersion"], json!(66.0));
    assert_eq!(
        created["contentUrl"],
        format!("services/data/v66.0/jobs/ingest/{id}/batches")
    );
    assert_eq!(
        (&created["columnDelimiter"], &created["lineEnding"]),
        (&json!("COMMA"), &json!("LF"))
    );
    assert!(created["createdDate"].as_str().unwrap().ends_with("+0000"));
    assert!(created.get("jobType").is_none());
    client.upload(id, accounts(0, 3)).await;
    let (_, closed) = client.set_state(id, "UploadComplete").await;
    assert_eq!(closed["state"], "UploadComplete");
    assert!(closed.get("lineEnding").is_none() && closed.get("contentUrl").is_none());
    let done = client.finish(id).await;
    assert_eq!(done.job["state"], "JobComplete");
    assert_eq!(
        (
            &done.job["jobType"],
            &done.job["numberRecordsProcessed"],
            &done.job["numberRecordsFailed"]
        ),
        (&json!("V2Ingest"), &json!(3), &json!(0))
    );
    assert!(done.job.get("errorMessage").is_none());
    let (status, body) = client.set_state(id, "Aborted").await;
    assert_eq!(status, 400);
    assert_eq!(
        body[0],
        json!({"errorCode": "INVALIDJOBSTATE", "message": "Aborting already Completed Job not allowed"})
    );
    let list = client.get("jobs/ingest?jobType=V2Ingest").await;
    assert_eq!(
        (&list["done"], &list["records"][0]["id"]),
        (&json!(true), &json!(id))
    );
    let path = format!("jobs/ingest/{id}");
    assert_eq!(
        client.send(Method::DELETE, &path, None).await,
        (204, json!(""))
    );
    assert_eq!(client.send(Method::GET, &path, None).await.0, 404);
}

#[tokio::test]
async fn upsert_creates_then_updates_and_results_come_in_another_order() {
    let client = start().await;
    let csv = accounts(0, 700);
    let first = client
        .ingest("Account", "upsert", Some("External_Id__c"), &csv)
        .await;
    assert!(first.failed.is_empty() && first.unprocessed.is_empty());
    assert!(
        first
            .successful
            .iter()
            .all(|row| row["sf__Created"] == "true")
    );
    let sent: Vec<String> = rows(&csv)
        .iter()
        .map(|row| row["External_Id__c"].clone())
        .collect();
    let told: Vec<String> = first
        .successful
        .iter()
        .map(|row| row["External_Id__c"].clone())
        .collect();
    assert_ne!(sent, told);
    assert_eq!(
        sent.iter().collect::<HashSet<_>>(),
        told.iter().collect::<HashSet<_>>()
    );
    for row in &first.successful {
        let number = row["External_Id__c"].strip_prefix('K').unwrap();
        assert_eq!(row["Name"], format!("Account, \"{number}\""));
    }
    let again = client
        .ingest("Account", "upsert", Some("External_Id__c"), &csv)
        .await;
    assert!(
        again
            .successful
            .iter()
            .all(|row| row["sf__Created"] == "false")
    );
    assert_eq!(client.org.count("Account"), 700);
    let text = client.request(
        Method::GET,
        &format!(
            "jobs/ingest/{}/successfulResults",
            again.job["id"].as_str().unwrap()
        ),
    );
    let text = text.send().await.unwrap().text().await.unwrap();
    assert!(
        text.starts_with("\"sf__Id\",\"sf__Created\",External_Id__c,Name\n\"001"),
        "{}",
        &text[..80]
    );
}

#[tokio::test]
async fn empty_cells_are_left_and_not_available_clears() {
    let client = start().await;
    let csv = "External_Id__c,Name,BillingCity,Phone\nA,One,Paris,1\n";
    client
        .ingest("Account", "upsert", Some("External_Id__c"), csv)
        .await;
    let csv = "External_Id__c,BillingCity,Phone\nA,,#N/A\n";
    let done = client
        .ingest("Account", "upsert", Some("External_Id__c"), csv)
        .await;
    assert_eq!(done.successful.len(), 1, "{:?}", done.failed);
    let record = &client.org.records("Account")[0];
    assert_eq!(
        (&record["BillingCity"], &record["Phone"], &record["Name"]),
        (&json!("Paris"), &Value::Null, &json!("One"))
    );
}

#[tokio::test]
async fn parents_record_types_and_polymorphic_references() {
    let client = start().await;
    client
        .ingest("Account", "insert", None, "Name,External_Id__c\nAcme,A1\n")
        .await;
    let csv = "Contact_External_Id__c,LastName,Account.External_Id__c,RecordType.DeveloperName\nC1,Boss,a1,Vendor_Contact\n";
    let done = client
        .ingest("Contact", "upsert", Some("Contact_External_Id__c"), csv)
        .await;
    assert_eq!(done.successful.len(), 1, "{:?}", done.failed);
    let csv = "Contact_External_Id__c,LastName,ReportsTo.Contact_External_Id__c,Account.External_Id__c\nC2,Staff,C1,A1\nC1,Boss,,#N/A\n";
    let done = client
        .ingest("Contact", "upsert", Some("Contact_External_Id__c"), csv)
        .await;
    assert_eq!(done.successful.len(), 2, "{:?}", done.failed);
    let contacts = client.query("SELECT Name, ReportsTo.Name, RecordType.DeveloperName, AccountId FROM Contact ORDER BY Name").await;
    let contacts = &contacts["records"];
    assert_eq!(contacts[0]["RecordType"]["DeveloperName"], "Vendor_Contact");
    assert_eq!(
        (&contacts[0]["AccountId"], &contacts[1]["ReportsTo"]["Name"]),
        (&Value::Null, &json!("Boss"))
    );
    let csv =
        "Subject,Contact:Who.Contact_External_Id__c,Account:What.External_Id__c\nCall,C2,A1\n";
    let done = client.ingest("Task", "insert", None, csv).await;
    assert_eq!(done.successful.len(), 1, "{:?}", done.failed);
    let task = client
        .query("SELECT Who.Name, What.Name, Status FROM Task")
        .await;
    let task = &task["records"][0];
    assert_eq!(
        (&task["Who"]["Name"], &task["What"]["Name"], &task["Status"]),
        (&json!("Staff"), &json!("Acme"), &json!("Not Started"))
    );
    // Of whichever object a record is, `Type` says it; an account's own `Type` is another thing.
    let task = client
        .query("SELECT Who.Type, What.Type, Owner.Type FROM Task WHERE What.Type IN ('Account', 'Opportunity')")
        .await;
    let kind = |relation: &str| task["records"][0][relation]["Type"].clone();
    assert_eq!(
        ["Who", "What", "Owner"].map(kind),
        ["Contact", "Account", "User"].map(Value::from)
    );
}

#[tokio::test]
async fn update_and_delete_by_id() {
    let client = start().await;
    let made = client
        .ingest("Account", "insert", None, "Name\nOne\nTwo\nThree\n")
        .await;
    let id =
        |name: &str| made.successful.iter().find(|r| r["Name"] == name).unwrap()["sf__Id"].clone();
    let csv = format!(
        "Id,Name\n{},Uno\nnonsense,X\n001000000000000AAA,X\n,X\n",
        id("One")
    );
    let done = client.ingest("Account", "update", None, &csv).await;
    assert_eq!(done.successful[0]["sf__Created"], "false");
    let errors = done.errors("Id");
    assert!(
        errors["nonsense"].starts_with("MALFORMED_ID:"),
        "{errors:?}"
    );
    assert!(
        errors["001000000000000AAA"]
            .starts_with("INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:"),
        "{errors:?}"
    );
    assert!(
        errors[""].starts_with("MISSING_ARGUMENT:Id not specified in an update call:Id --"),
        "{errors:?}"
    );
    assert!(done.failed.iter().all(|row| row["sf__Id"] == row["Id"]));
    let csv = format!("Id\n{}\nbad\n{}\n", id("One"), id("One"));
    let done = client.ingest("Account", "delete", None, &csv).await;
    assert_eq!((done.successful.len(), done.failed.len()), (1, 2));
    let errors: Vec<&String> = done.failed.iter().map(|row| &row["sf__Error"]).collect();
    assert!(
        errors.contains(&&"MALFORMED_ID:bad id bad:Id --".to_owned()),
        "{errors:?}"
    );
    assert!(
        errors.contains(&&"ENTITY_IS_DELETED:entity is deleted:--".to_owned()),
        "{errors:?}"
    );
    let done = client
        .ingest(
            "Account",
            "hardDelete",
            None,
            &format!("Id\n{}\n{}\n", id("One"), id("Two")),
        )
        .await;
    assert_eq!(done.successful.len(), 2, "{:?}", done.failed);
    let all = client.get("queryAll?q=SELECT+Name+FROM+Account").await;
    assert_eq!(
        (all["totalSize"].as_u64(), &all["records"][0]["Name"]),
        (Some(1), &json!("Three"))
    );
    let csv = format!("Id,Name\n{},Tres\n,Four\n", id("Three"));
    let done = client.ingest("Account", "upsert", Some("Id"), &csv).await;
    assert_eq!(done.successful.len(), 2, "{:?}", done.failed);
    assert_eq!(client.org.count("Account"), 2);
}

#[tokio::test]
async fn uploads_may_be_chunked_and_compressed_but_come_once() {
    let client = start().await;
    let job = client.open_job("Account", "insert", None).await;
    let pieces: Vec<Result<&str, std::io::Error>> = vec![Ok("Name\nOn"), Ok("e\nTwo"), Ok("\n")];
    client
        .upload(
            &job,
            reqwest::Body::wrap_stream(futures::stream::iter(pieces)),
        )
        .await;
    let path = format!("jobs/ingest/{job}/batches");
    let again = client
        .request(Method::PUT, &path)
        .header("content-type", "text/csv")
        .body("Name\nX\n");
    assert_eq!(again.send().await.unwrap().status(), 400);
    client.set_state(&job, "UploadComplete").await;
    assert_eq!(client.finish(&job).await.successful.len(), 2);

    let job = client.open_job("Account", "insert", None).await;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all("Name\nสาม\n".as_bytes()).unwrap();
    let request = client
        .request(Method::PUT, &format!("jobs/ingest/{job}/batches"))
        .header("content-type", "text/csv; charset=UTF-8")
        .header("content-encoding", "gzip")
        .body(packed.finish().unwrap());
    assert_eq!(request.send().await.unwrap().status(), 201);
    client.set_state(&job, "UploadComplete").await;
    assert_eq!(client.finish(&job).await.successful[0]["Name"], "สาม");

    let job = client.open_job("Account", "insert", None).await;
    let path = format!("jobs/ingest/{job}/batches");
    let request = client
        .request(Method::PUT, &path)
        .header("content-type", "application/json")
        .body("{}");
    assert_eq!(request.send().await.unwrap().status(), 415);
}

#[tokio::test]
async fn other_delimiters_and_line_endings() {
    let client = start().await;
    let body = json!({"object": "Account", "operation": "insert", "columnDelimiter": "PIPE", "lineEnding": "CRLF"});
    let (_, job) = client.send(Method::POST, "jobs/ingest", Some(body)).await;
    let job = job["id"].as_str().unwrap();
    client
        .upload(job, "Name|Description\r\nOne, two|\"a|b\r\nc\"\r\n")
        .await;
    client.set_state(job, "UploadComplete").await;
    client.wait(job, |job| job["state"] == "JobComplete").await;
    let path = format!("jobs/ingest/{job}/successfulResults");
    let text = client
        .request(Method::GET, &path)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let (header, row) = text.split_once("\r\n").unwrap();
    assert_eq!(header, "\"sf__Id\"|\"sf__Created\"|Name|Description");
    assert!(
        row.ends_with("|\"true\"|\"One, two\"|\"a|b\r\nc\"\r\n"),
        "{row}"
    );
}

#[tokio::test]
async fn an_abort_half_way_keeps_what_was_written() {
    let client = start().await;
    client.org.faults().hold_jobs_after(400);
    let job = client
        .open_job("Account", "upsert", Some("External_Id__c"))
        .await;
    client.upload(&job, accounts(0, 1000)).await;
    client.set_state(&job, "UploadComplete").await;
    client
        .wait(&job, |job| job["numberRecordsProcessed"] == 400)
        .await;
    let path = format!("jobs/ingest/{job}/successfulResults");
    assert_eq!(client.send(Method::GET, &path, None).await.0, 400);
    assert_eq!(
        client
            .send(Method::DELETE, &format!("jobs/ingest/{job}"), None)
            .await
            .0,
        400
    );
    let (status, info) = client.set_state(&job, "Aborted").await;
    assert_eq!((status, info["state"].as_str()), (200, Some("Aborted")));
    client.org.faults().release_jobs();
    let done = client.finish(&job).await;
    assert_eq!(done.counts(), (400, 0, 600));
    assert_eq!(client.org.count("Account"), 400);
    let written: HashSet<_> = done
        .successful
        .iter()
        .map(|r| r["External_Id__c"].clone())
        .collect();
    assert!(
        done.unprocessed
            .iter()
            .all(|row| !written.contains(&row["External_Id__c"]) && row.len() == 2)
    );
    let (status, body) = client.set_state(&job, "UploadComplete").await;
    assert_eq!(
        (status, body[0]["message"].as_str()),
        (400, Some("Closing already Aborted Job not allowed"))
    );
}

#[tokio::test]
async fn an_abort_before_processing_leaves_all_unprocessed() {
    let client = start().await;
    let job = client.open_job("Account", "insert", None).await;
    client.upload(&job, accounts(0, 5)).await;
    client.set_state(&job, "Aborted").await;
    let done = client.finish(&job).await;
    assert_eq!((done.successful.len(), done.unprocessed.len()), (0, 5));
    let path = format!("jobs/ingest/{job}/unprocessedRecords");
    assert_eq!(
        client
            .request(Method::GET, &path)
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    assert_eq!(client.org.count("Account"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tens_of_thousands_of_rows_take_seconds() {
    let client = start().await;
    client
        .ingest(
            "Account",
            "upsert",
            Some("External_Id__c"),
            &accounts(0, 1000),
        )
        .await;
    let mut csv = String::from(
        "Contact_External_Id__c,LastName,FirstName,Email,Account.External_Id__c,MailingCity,Birthdate,Status__c,Migration_Id__c\n",
    );
    for n in 0..30_000 {
        csv.push_str(&format!(
            "C{n},Last {n},\"First, {n}\",c{n}@example.com,K{},กรุงเทพฯ,1990-05-01,Active,run-1\n",
            n % 1000
        ));
    }
    let started = std::time::Instant::now();
    let done = client
        .ingest("Contact", "upsert", Some("Contact_External_Id__c"), &csv)
        .await;
    let took = started.elapsed();
    println!("30,000 rows with their results: {took:?}");
    assert_eq!(done.successful.len(), 30_000);
    // About one second without optimisation; the margin is for a busy machine.
    assert!(took.as_secs() < 60, "{took:?}");
    let started = std::time::Instant::now();
    let active = client
        .query("SELECT COUNT() FROM Contact WHERE Status__c = 'Active' AND Account.Name LIKE 'account%'")
        .await;
    println!("a count over a parent's field: {:?}", started.elapsed());
    assert_eq!(active["totalSize"], 30_000);
}

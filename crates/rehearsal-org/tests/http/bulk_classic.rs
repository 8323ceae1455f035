//! Bulk API 1.0 loads as old clients do them: JSON throughout, or XML around CSV, or XML throughout.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::classic_client::{add, call, element, ended, get, json_call, result, xml_job};
use crate::client::start;

#[tokio::test]
async fn json_throughout() {
    let client = start().await;
    let body = json!({
        "operation": "upsert", "object": "Account", "concurrencyMode": 0, "contentType": "JSON",
        "externalIdFieldName": "External_Id__c",
    });
    let (status, job) = json_call(&client, Method::POST, "job", &body).await;
    assert_eq!((status, &job["state"]), (201, &json!("Open")));
    assert_eq!(
        [
            &job["concurrencyMode"],
            &job["contentType"],
            &job["externalIdFieldName"]
        ],
        ["Parallel", "JSON", "External_Id__c"]
    );
    assert_eq!(job["apiVersion"], json!(66.0));
    assert!(job["createdDate"].as_str().unwrap().ends_with("+0000"));
    let job = job["id"].as_str().unwrap();
    assert!(job.starts_with("750"));
    let rows = json!([
        {"External_Id__c": "A1", "Name": "One", "AnnualRevenue": 12},
        {"External_Id__c": "A2", "Name": null},
        {"External_Id__c": "A3", "Name": "Three", "Parent": {"External_Id__c": "none"}},
    ]);
    let path = format!("job/{job}/batch");
    let (status, batch) = json_call(&client, Method::POST, &path, &rows).await;
    assert_eq!((status, &batch["jobId"]), (201, &json!(job)));
    let id = batch["id"].as_str().unwrap();
    assert!(id.starts_with("751") && id.len() == 18);
    let info = ended(&client, job, id).await;
    assert_eq!(element(&info, "state"), "Completed");
    let path = format!("job/{job}/batch/{id}/result");
    let (_, results) = json_call(&client, Method::GET, &path, &Value::Null).await;
    assert_eq!(
        (
            &results[0]["success"],
            &results[0]["created"],
            &results[0]["errors"]
        ),
        (&json!(true), &json!(true), &json!([]))
    );
    assert!(results[0]["id"].as_str().unwrap().starts_with("001"));
    assert_eq!(
        (&results[1]["success"], &results[1]["id"]),
        (&json!(false), &Value::Null)
    );
    assert_eq!(
        results[1]["errors"][0],
        json!({"statusCode": "REQUIRED_FIELD_MISSING", "message": "Required fields are missing: [Name]", "fields": ["Name"]})
    );
    assert_eq!(results[2]["errors"][0]["statusCode"], "INVALID_FIELD");
    let (_, closed) = json_call(
        &client,
        Method::POST,
        &format!("job/{job}"),
        &json!({"state": "Closed"}),
    )
    .await;
    assert_eq!(
        [
            &closed["state"],
            &closed["numberBatchesTotal"],
            &closed["numberBatchesCompleted"],
            &closed["numberRecordsProcessed"],
            &closed["numberRecordsFailed"],
        ],
        [&json!("Closed"), &json!(1), &json!(1), &json!(3), &json!(2)]
    );
    assert_eq!(client.org.count("Account"), 1);
}

#[tokio::test]
async fn csv_with_xml_around_it() {
    let client = start().await;
    let job = xml_job(
        &client,
        "<operation>insert</operation><object>Account</object><contentType>CSV</contentType>",
    )
    .await;
    let mut csv = String::from("\"Name\",\"External_Id__c\"\r\n");
    for n in 0..450 {
        csv.push_str(&format!("\"Account {n}\",\"K{n}\"\r\n"));
    }
    csv.push_str("\"Again\",\"K0\"\r\n");
    let first = add(&client, &job, "text/csv", &csv).await;
    let second = add(&client, &job, "text/csv", "Name\nOther\n").await;
    let info = ended(&client, &job, &first).await;
    assert_eq!(
        (
            element(&info, "state"),
            element(&info, "numberRecordsProcessed"),
            element(&info, "numberRecordsFailed")
        ),
        ("Completed", "451", "1")
    );
    assert!(element(&info, "createdDate").ends_with(".000Z"));
    ended(&client, &job, &second).await;
    let (content, text) = result(&client, &job, &first).await;
    assert_eq!(content, "text/csv");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 452);
    assert_eq!(lines[0], "\"Id\",\"Success\",\"Created\",\"Error\"");
    // In the order sent.
    for record in client.org.records("Account") {
        let (id, name) = (record["Id"].as_str(), record["Name"].as_str());
        if let Some(number) = name.unwrap().strip_prefix("Account ") {
            let line: usize = number.parse().unwrap();
            let told = format!("\"{}\",\"true\",\"true\",\"\"", id.unwrap());
            assert_eq!(lines[line + 1], told);
        }
    }
    let error = "\"\",\"false\",\"false\",\"DUPLICATE_VALUE:duplicate value found: External_Id__c duplicates value";
    assert!(lines[451].starts_with(error), "{}", lines[451]);
    let path = format!("job/{job}/batch");
    let (_, _, list) = get(&client, &path).await;
    assert_eq!(list.matches("<batchInfo>").count(), 2);
    let (_, list) = json_call(&client, Method::GET, &path, &Value::Null).await;
    assert_eq!(list["batchInfo"].as_array().unwrap().len(), 2);
    let path = format!("job/{job}/batch/{second}/request");
    let (_, _, sent) = call(&client, Method::GET, &path, "text/csv", String::new()).await;
    assert_eq!(sent, "Name\nOther\n");
    assert_eq!(client.org.count("Account"), 451);
}

#[tokio::test]
async fn xml_throughout() {
    let client = start().await;
    client
        .create("Account", json!({"Name": "Acme", "External_Id__c": "A1"}))
        .await;
    let job = xml_job(
        &client,
        "<operation>upsert</operation><object>Contact</object>\
         <externalIdFieldName>Contact_External_Id__c</externalIdFieldName><contentType>XML</contentType>",
    )
    .await;
    let rows = "<?xml version=\"1.0\"?><sObjects xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\" \
                xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\
                <sObject><Contact_External_Id__c>C1</Contact_External_Id__c><LastName>L &amp; R</LastName>\
                <Account><sObject><External_Id__c>A1</External_Id__c></sObject></Account><Email/></sObject>\
                <sObject><Contact_External_Id__c>C2</Contact_External_Id__c><LastName xsi:nil=\"true\"/></sObject>\
                </sObjects>";
    let batch = add(&client, &job, "application/xml", rows).await;
    ended(&client, &job, &batch).await;
    let (content, text) = result(&client, &job, &batch).await;
    assert_eq!(content, "application/xml");
    let (first, second) = text.split_once("</result>").unwrap();
    assert_eq!(
        (element(first, "success"), element(first, "created")),
        ("true", "true")
    );
    assert!(element(first, "id").starts_with("003"));
    assert_eq!(
        (
            element(second, "statusCode"),
            element(second, "fields"),
            element(second, "success")
        ),
        ("REQUIRED_FIELD_MISSING", "LastName", "false")
    );
    let found = client
        .query("SELECT LastName, Account.Name FROM Contact")
        .await;
    assert_eq!(
        (
            &found["records"][0]["LastName"],
            &found["records"][0]["Account"]["Name"]
        ),
        (&json!("L & R"), &json!("Acme"))
    );
}

#[tokio::test]
async fn update_and_delete_by_id_in_every_content_type() {
    let client = start().await;
    let one = client.create("Account", json!({"Name": "One"})).await;
    let two = client.create("Account", json!({"Name": "Two"})).await;
    let job = xml_job(
        &client,
        "<operation>update</operation><object>Account</object><contentType>CSV</contentType>",
    )
    .await;
    let csv = format!("Id,Name,Phone\n{one},Uno,#N/A\n,X,\n");
    let batch = add(&client, &job, "text/csv", &csv).await;
    ended(&client, &job, &batch).await;
    let (_, text) = result(&client, &job, &batch).await;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[1], format!("\"{one}\",\"true\",\"false\",\"\""));
    assert!(lines[2].contains("MISSING_ARGUMENT"), "{text}");
    let body = json!({"operation": "delete", "object": "Account", "contentType": "JSON"});
    let (_, job) = json_call(&client, Method::POST, "job", &body).await;
    let job = job["id"].as_str().unwrap();
    let rows = json!([{"Id": two}, {"Id": "nonsense"}]).to_string();
    let batch = add(&client, job, "application/json", &rows).await;
    ended(&client, job, &batch).await;
    let (content, text) = result(&client, job, &batch).await;
    assert_eq!(content, "application/json");
    let results: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&results[0]["id"], &results[0]["created"]),
        (&json!(two), &json!(false))
    );
    assert_eq!(results[1]["errors"][0]["statusCode"], "MALFORMED_ID");
    let records = client.org.records("Account");
    assert_eq!((records.len(), &records[0]["Name"]), (1, &json!("Uno")));
}

#[tokio::test]
async fn an_upsert_by_a_key_may_have_a_blank_id() {
    let client = start().await;
    let job = xml_job(
        &client,
        "<operation>upsert</operation><object>Account</object>\
         <externalIdFieldName>External_Id__c</externalIdFieldName><contentType>CSV</contentType>",
    )
    .await;
    let csv = "Id,Name,External_Id__c\n,One,A1\n001000000000000AAA,Two,A2\n";
    let batch = add(&client, &job, "text/csv", csv).await;
    ended(&client, &job, &batch).await;
    let (_, text) = result(&client, &job, &batch).await;
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[1].ends_with(",\"true\",\"true\",\"\""), "{text}");
    assert!(lines[2].starts_with("\"\",\"false\",\"false\","), "{text}");
}

#[tokio::test]
async fn batches_that_can_not_be_read_fail_whole() {
    let client = start().await;
    for (kind, content, rows, message) in [
        (
            "text/csv",
            "CSV",
            "Name,Nope__c\nA,1\n",
            "InvalidBatch : Field name not found : Nope__c",
        ),
        (
            "application/json",
            "JSON",
            "[{\"Name\":\"A\",\"Nope__c\":1}]",
            "InvalidBatch : Field name not found : Nope__c",
        ),
        (
            "application/json",
            "JSON",
            "{\"Name\":",
            "InvalidBatch : Failed to parse JSON",
        ),
        (
            "application/xml",
            "XML",
            "<rows/>",
            "InvalidBatch : Failed to parse XML: the root must be sObjects",
        ),
        (
            "application/xml",
            "XML",
            "<sObjects>",
            "InvalidBatch : Failed to parse XML",
        ),
    ] {
        let inner = format!(
            "<operation>insert</operation><object>Account</object><contentType>{content}</contentType>"
        );
        let job = xml_job(&client, &inner).await;
        let batch = add(&client, &job, kind, rows).await;
        let info = ended(&client, &job, &batch).await;
        assert_eq!(element(&info, "state"), "Failed");
        let told = element(&info, "stateMessage");
        assert!(told.starts_with(message), "{told}");
    }
    let job = xml_job(
        &client,
        "<operation>insert</operation><object>Account</object><contentType>CSV</contentType>",
    )
    .await;
    let csv = format!("Name\n{}", "A\n".repeat(10_001));
    let batch = add(&client, &job, "text/csv", &csv).await;
    let info = ended(&client, &job, &batch).await;
    assert!(element(&info, "stateMessage").contains("more than 10000"));
    assert_eq!(client.org.count("Account"), 0);
}

#[tokio::test]
async fn refusals_in_both_languages() {
    let client = start().await;
    let refused = async |path: &str, inner: &str| {
        let body = format!("<jobInfo>{inner}</jobInfo>");
        let (status, _, text) = call(&client, Method::POST, path, "application/xml", body).await;
        assert_eq!(status, 400, "{text}");
        (
            element(&text, "exceptionCode").to_owned(),
            element(&text, "exceptionMessage").to_owned(),
        )
    };
    for (inner, code, message) in [
        (
            "<object>Account</object>",
            "InvalidJob",
            "No operation was specified",
        ),
        (
            "<operation>insert</operation><object>Nope__c</object>",
            "InvalidEntity",
            "Entity 'Nope__c' is not supported by the Bulk API.",
        ),
        (
            "<operation>upsert</operation><object>Account</object>",
            "InvalidJob",
            "External ID was blank",
        ),
        (
            "<operation>merge</operation><object>Account</object>",
            "InvalidOperation",
            "merge is not supported",
        ),
        (
            "<operation>insert</operation><object>Account</object><contentType>ZIP_CSV</contentType>",
            "InvalidJob",
            "Content type ZIP_CSV",
        ),
    ] {
        let (found, text) = refused("job", inner).await;
        assert_eq!(found, code, "{inner}");
        assert!(text.starts_with(message), "{text}");
    }
    let (code, _) = refused("job/750000000000000AAA", "<state>Closed</state>").await;
    assert_eq!(code, "InvalidJob");
    let (status, error) =
        json_call(&client, Method::GET, "job/750000000000000AAA", &Value::Null).await;
    assert_eq!(
        (status, &error["exceptionCode"]),
        (400, &json!("InvalidJob"))
    );
    let base = format!("{}/services/async", client.org.url());
    let expired = client
        .http
        .get(format!("{base}/66.0/job/x"))
        .header("X-SFDC-Session", "00Dx!y")
        .send()
        .await
        .unwrap();
    assert_eq!(expired.status(), 400);
    let text = expired.text().await.unwrap();
    assert!(
        text.contains("<exceptionCode>InvalidSessionId</exceptionCode>"),
        "{text}"
    );
    let old = client
        .http
        .get(format!("{base}/29.0/job/x"))
        .bearer_auth(client.org.access_token())
        .send()
        .await
        .unwrap();
    assert!(old.text().await.unwrap().contains("InvalidVersion"));
}

#[tokio::test]
async fn closed_and_aborted_jobs_take_no_more() {
    let client = start().await;
    let inner = "<operation>insert</operation><object>Account</object><concurrencyMode>Serial</concurrencyMode>\
                 <contentType>CSV</contentType>";
    let job = xml_job(&client, inner).await;
    client.org.faults().hold_jobs_after(0);
    let first = add(&client, &job, "text/csv", "Name\nOne\n").await;
    let second = add(&client, &job, "text/csv", "Name\nTwo\n").await;
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let path = format!("job/{job}/batch/{first}");
        let (_, _, info) = get(&client, &path).await;
        if element(&info, "state") == "InProgress" {
            break;
        }
        assert!(Instant::now() < deadline, "{info}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let path = format!("job/{job}/batch/{first}/result");
    let (status, _, text) = get(&client, &path).await;
    assert_eq!(
        (status, element(&text, "exceptionCode")),
        (400, "InvalidBatch")
    );
    let body = "<jobInfo><state>Aborted</state></jobInfo>".to_owned();
    let path = format!("job/{job}");
    let (status, _, text) = call(&client, Method::POST, &path, "application/xml", body).await;
    assert_eq!((status, element(&text, "state")), (200, "Aborted"));
    let info = ended(&client, &job, &second).await;
    assert_eq!(element(&info, "state"), "NotProcessed");
    client.org.faults().release_jobs();
    // The one under way goes to its end.
    let info = ended(&client, &job, &first).await;
    assert_eq!(element(&info, "state"), "Completed");
    assert_eq!(client.org.count("Account"), 1);
    let path = format!("job/{job}/batch");
    let (status, _, text) =
        call(&client, Method::POST, &path, "text/csv", "Name\nX\n".into()).await;
    assert_eq!(
        (status, element(&text, "exceptionCode")),
        (400, "InvalidJobState")
    );
}

#[tokio::test]
async fn a_batch_that_fails_half_way_tells_of_every_row() {
    let client = start().await;
    let inner =
        "<operation>insert</operation><object>Account</object><contentType>CSV</contentType>";
    let job = xml_job(&client, inner).await;
    client.org.faults().lock_rows(1);
    client.org.faults().fail_job_after(200);
    let csv = format!("Name\n{}", "A\n".repeat(300));
    let batch = add(&client, &job, "text/csv", &csv).await;
    let info = ended(&client, &job, &batch).await;
    assert_eq!(
        (
            element(&info, "state"),
            element(&info, "numberRecordsProcessed")
        ),
        ("Failed", "200")
    );
    let (_, text) = result(&client, &job, &batch).await;
    let lines: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(lines.len(), 300);
    assert!(lines[0].contains("UNABLE_TO_LOCK_ROW"), "{}", lines[0]);
    assert!(lines[299].contains("not processed"), "{}", lines[299]);
    assert_eq!(client.org.count("Account"), 199);
}

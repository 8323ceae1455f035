//! Bulk API 1.0 queries: results in CSV, JSON and XML, cut by ids, and what fails them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::classic_client::{add, element, ended, get, json_call, result, xml_job};
use crate::client::{Client, rows, start};

async fn furnished() -> Client {
    let client = start().await;
    client
        .ingest(
            "Account",
            "insert",
            None,
            "Name,External_Id__c,AnnualRevenue\n\"A, \"\"B\"\" & <C>\",A1,300\n",
        )
        .await;
    let contacts = "LastName,Birthdate,Account.External_Id__c\nLee,1990-05-01,A1\nSolo,,\n";
    let done = client.ingest("Contact", "insert", None, contacts).await;
    assert_eq!(done.successful.len(), 2, "{:?}", done.failed);
    client
}

const SOQL: &str = "SELECT Id, LastName, Account.Name, Account.AnnualRevenue, Birthdate, CreatedDate FROM Contact ORDER BY LastName";

async fn query(client: &Client, content: &str, kind: &str, soql: &str) -> (String, String) {
    let inner = format!(
        "<operation>query</operation><object>Contact</object><contentType>{content}</contentType>"
    );
    let job = xml_job(client, &inner).await;
    let batch = add(client, &job, kind, soql).await;
    (job, batch)
}

/// The rows of a batch's one result.
async fn fetched(client: &Client, job: &str, batch: &str) -> (String, String) {
    let info = ended(client, job, batch).await;
    assert_eq!(element(&info, "state"), "Completed", "{info}");
    let (content, list) = result(client, job, batch).await;
    let id = if content == "application/json" {
        let list: Value = serde_json::from_str(&list).unwrap();
        list[0].as_str().unwrap().to_owned()
    } else {
        assert!(list.contains("<result-list"), "{list}");
        element(&list, "result").to_owned()
    };
    assert!(id.starts_with("752"));
    let path = format!("job/{job}/batch/{batch}/result/{id}");
    let (status, content, text) = get(client, &path).await;
    assert_eq!(status, 200, "{text}");
    (content, text)
}

#[tokio::test]
async fn rows_in_csv() {
    let client = furnished().await;
    let (job, batch) = query(&client, "CSV", "text/csv", SOQL).await;
    let (content, text) = fetched(&client, &job, &batch).await;
    assert_eq!(content, "text/csv");
    let header = "\"Id\",\"LastName\",\"Account.Name\",\"Account.AnnualRevenue\",\"Birthdate\",\"CreatedDate\"\n";
    assert!(text.starts_with(header), "{text}");
    let found = rows(&text);
    assert_eq!(
        [
            &found[0]["Account.Name"],
            &found[0]["Account.AnnualRevenue"],
            &found[0]["Birthdate"],
            &found[1]["Account.Name"],
        ],
        ["A, \"B\" & <C>", "300.0", "1990-05-01", ""]
    );
    assert!(found[0]["CreatedDate"].ends_with(".000Z"));
    let none = "SELECT Id FROM Contact WHERE LastName = 'Nobody'";
    let (job, batch) = query(&client, "CSV", "text/csv", none).await;
    let (_, text) = fetched(&client, &job, &batch).await;
    assert_eq!(text, "Records not found for this query\n");
}

#[tokio::test]
async fn rows_in_json_with_moments_in_milliseconds() {
    let client = furnished().await;
    let body = json!({"operation": "query", "object": "Contact", "concurrencyMode": 0, "contentType": "JSON"});
    let (_, job) = json_call(&client, Method::POST, "job", &body).await;
    let job = job["id"].as_str().unwrap();
    let batch = add(&client, job, "application/json", SOQL).await;
    let (content, text) = fetched(&client, job, &batch).await;
    assert_eq!(content, "application/json");
    let found: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(found.as_array().unwrap().len(), 2);
    assert_eq!(found[0]["attributes"]["type"], "Contact");
    assert_eq!(found[0]["Account"]["Name"], "A, \"B\" & <C>");
    assert_eq!(found[1]["Account"], Value::Null);
    assert_eq!(found[0]["Birthdate"], json!(641_520_000_000_u64));
    let created = found[0]["CreatedDate"].as_u64().unwrap();
    assert!(created > 1_600_000_000_000 && created.is_multiple_of(1000));
    let none = "SELECT Id FROM Contact WHERE LastName = 'Nobody'";
    let batch = add(&client, job, "application/json", none).await;
    let (_, text) = fetched(&client, job, &batch).await;
    assert_eq!(text, "[]");
}

#[tokio::test]
async fn rows_in_xml() {
    let client = furnished().await;
    let (job, batch) = query(&client, "XML", "application/xml", SOQL).await;
    let (content, text) = fetched(&client, &job, &batch).await;
    assert_eq!(content, "application/xml");
    let (first, second) = text.split_once("</records>").unwrap();
    assert!(first.contains("<records xsi:type=\"sObject\"><type>Contact</type><Id>003"));
    assert!(
        first.contains(
            "<Account xsi:type=\"sObject\"><type>Account</type><Name>A, &quot;B&quot; &amp; &lt;C&gt;</Name>\
             <AnnualRevenue>300.0</AnnualRevenue></Account>"
        ),
        "{first}"
    );
    assert!(element(first, "CreatedDate").ends_with(".000Z"));
    assert!(second.contains("<Account xsi:nil=\"true\"/><Birthdate xsi:nil=\"true\"/>"));
    assert!(text.ends_with("</queryResult>"));
}

#[tokio::test]
async fn long_results_come_whole_and_queries_are_kept() {
    let client = start().await;
    let csv = format!("LastName\n{}", "A\n".repeat(1234));
    client.ingest("Contact", "insert", None, &csv).await;
    let soql = "SELECT Id FROM Contact";
    let (job, batch) = query(&client, "CSV", "text/csv", soql).await;
    let (_, text) = fetched(&client, &job, &batch).await;
    assert_eq!(rows(&text).len(), 1234);
    let (job, batch) = query(&client, "JSON", "application/json", soql).await;
    let (_, text) = fetched(&client, &job, &batch).await;
    let found: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(found.as_array().unwrap().len(), 1234);
    let path = format!("job/{job}/batch/{batch}/request");
    let (_, _, sent) = get(&client, &path).await;
    assert_eq!(sent, soql);
    let path = format!("job/{job}/batch/{batch}/result/752000000000000AAA");
    let (status, _, _) = get(&client, &path).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn deleted_records_are_for_query_all() {
    let client = furnished().await;
    let id = client.org.records("Contact")[0]["Id"]
        .as_str()
        .unwrap()
        .to_owned();
    client
        .send(Method::DELETE, &format!("sobjects/Contact/{id}"), None)
        .await;
    for (operation, count) in [("query", 1), ("queryAll", 2)] {
        let inner = format!(
            "<operation>{operation}</operation><object>Contact</object><contentType>CSV</contentType>"
        );
        let job = xml_job(&client, &inner).await;
        let batch = add(&client, &job, "text/csv", "SELECT Id FROM Contact").await;
        let (_, text) = fetched(&client, &job, &batch).await;
        assert_eq!(rows(&text).len(), count, "{operation}");
    }
}

#[tokio::test]
async fn queries_that_fail_say_why() {
    let client = furnished().await;
    for (soql, message) in [
        (
            "SELECT Id FROM",
            "InvalidBatch : Failed to process query: MALFORMED_QUERY: ",
        ),
        (
            "SELECT Nope FROM Contact",
            "InvalidBatch : Failed to process query: INVALID_FIELD: ",
        ),
        (
            "SELECT MailingAddress FROM Contact",
            "InvalidBatch : Failed to process query: FUNCTIONALITY_NOT_ENABLED: Selecting compound data not \
             supported in Bulk Query",
        ),
    ] {
        let (job, batch) = query(&client, "CSV", "text/csv", soql).await;
        let info = ended(&client, &job, &batch).await;
        assert_eq!(element(&info, "state"), "Failed");
        let told = element(&info, "stateMessage");
        assert!(told.starts_with(message), "{told}");
        let (_, list) = result(&client, &job, &batch).await;
        assert!(!list.contains("<result>"), "{list}");
    }
}

#[tokio::test]
async fn results_are_cut_by_ids_when_asked() {
    let client = start().await;
    let csv = format!("LastName\n{}", "A\n".repeat(250));
    client.ingest("Contact", "insert", None, &csv).await;
    let created = async |chunking: &str| {
        let url = format!("{}/services/async/66.0/job", client.org.url());
        let body = "<jobInfo><operation>query</operation><object>Contact</object><contentType>CSV</contentType></jobInfo>";
        let request = client
            .http
            .post(url)
            .header("X-SFDC-Session", client.org.access_token())
            .header("Content-Type", "application/xml")
            .header("Sforce-Enable-PKChunking", chunking);
        let response = request.body(body).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let (status, text) = created("chunkSize=100; parent=Contact").await;
    assert_eq!(status, 201);
    let job = element(&text, "id");
    let first = add(&client, job, "text/csv", "SELECT Id FROM Contact").await;
    let info = ended(&client, job, &first).await;
    assert_eq!(element(&info, "state"), "NotProcessed");
    let path = format!("job/{job}/batch");
    let (_, list) = json_call(&client, Method::GET, &path, &Value::Null).await;
    let mut sizes = Vec::new();
    for batch in &list["batchInfo"].as_array().unwrap()[1..] {
        let (_, text) = fetched(&client, job, batch["id"].as_str().unwrap()).await;
        sizes.push(rows(&text).len());
    }
    assert_eq!(sizes, [100, 100, 50]);
    assert_eq!(created("chunkSize=0").await.0, 400);
    assert_eq!(created("false").await.0, 201);
}

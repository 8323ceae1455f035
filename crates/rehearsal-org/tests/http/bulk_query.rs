//! Query jobs: what they refuse at once, their states, their pages of CSV.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use rehearsal_org::{Pace, Settings};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Client, read, rows, start, start_with};

async fn open(client: &Client, body: Value) -> (u16, Value) {
    client.send(Method::POST, "jobs/query", Some(body)).await
}

async fn query(client: &Client, soql: &str) -> String {
    let (status, job) = open(client, json!({"operation": "query", "query": soql})).await;
    assert_eq!(status, 200, "{job}");
    complete(client, job["id"].as_str().unwrap()).await
}

async fn wait(client: &Client, id: &str, state: &str) -> Value {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let job = client.get(&format!("jobs/query/{id}")).await;
        if job["state"] == state {
            return job;
        }
        assert!(Instant::now() < deadline, "{job}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn complete(client: &Client, id: &str) -> String {
    wait(client, id, "JobComplete").await;
    id.to_owned()
}

struct Page {
    text: String,
    locator: String,
    records: usize,
}

async fn page(client: &Client, path: &str) -> Page {
    let response = client.request(Method::GET, path).send().await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    let header = |name| response.headers()[name].to_str().unwrap().to_owned();
    assert!(header("content-type").starts_with("text/csv"));
    Page {
        locator: header("Sforce-Locator"),
        records: header("Sforce-NumberOfRecords").parse().unwrap(),
        text: response.text().await.unwrap(),
    }
}

async fn accounts(client: &Client, count: usize) {
    let mut csv = String::from("External_Id__c,Name\n");
    for n in 0..count {
        csv.push_str(&format!("K{n},Account {n}\n"));
    }
    let done = client
        .ingest("Account", "upsert", Some("External_Id__c"), &csv)
        .await;
    assert_eq!(done.successful.len(), count, "{:?}", done.failed);
}

#[tokio::test]
async fn a_job_from_creation_to_deletion() {
    let client = start().await;
    accounts(&client, 3).await;
    let body = json!({"operation": "query", "query": "select id, name from account"});
    let (status, created) = open(&client, body).await;
    assert_eq!((status, &created["state"]), (200, &json!("UploadComplete")));
    let id = created["id"].as_str().unwrap();
    assert!(id.starts_with("750") && id.len() == 18);
    assert_eq!(
        [
            &created["object"],
            &created["operation"],
            &created["apiVersion"]
        ],
        [&json!("Account"), &json!("query"), &json!(66.0)]
    );
    assert_eq!(
        [&created["columnDelimiter"], &created["lineEnding"]],
        ["COMMA", "LF"]
    );
    let done = wait(&client, id, "JobComplete").await;
    assert_eq!(
        (&done["jobType"], &done["numberRecordsProcessed"]),
        (&json!("V2Query"), &json!(3))
    );
    let found = page(&client, &format!("jobs/query/{id}/results")).await;
    assert!(
        found.text.starts_with("\"Id\",\"Name\"\n\"001"),
        "{}",
        found.text
    );
    assert_eq!((found.records, found.locator.as_str()), (3, "null"));
    let list = client.get("jobs/query?jobType=V2Query").await;
    assert_eq!(list["records"][0]["id"], id);
    let classic = client.get("jobs/query?jobType=Classic").await;
    assert_eq!(classic["records"], json!([]));
    let abort = client
        .send(
            Method::PATCH,
            &format!("jobs/query/{id}"),
            Some(json!({"state": "Aborted"})),
        )
        .await;
    assert_eq!(abort.1[0]["errorCode"], "INVALIDJOBSTATE");
    let path = format!("jobs/query/{id}");
    assert_eq!(client.send(Method::DELETE, &path, None).await.0, 204);
    assert_eq!(client.send(Method::GET, &path, None).await.0, 404);
    let limits = client.get("limits").await;
    assert_eq!(limits["DailyBulkV2QueryJobs"]["Remaining"], 9999);
    let other = format!("jobs/ingest/{id}");
    assert_eq!(client.send(Method::GET, &other, None).await.0, 404);
}

#[tokio::test]
async fn values_are_quoted_and_written_as_bulk_does() {
    let client = start().await;
    let csv = "External_Id__c,Name,AnnualRevenue,NumberOfEmployees,Description\n\
               A1,\"Say \"\"Hi\"\", all\",300,5,\"two\nlines\"\n";
    client
        .ingest("Account", "upsert", Some("External_Id__c"), csv)
        .await;
    let csv = "Contact_External_Id__c,LastName,Birthdate,Account.External_Id__c\nC1,Lee,1990-05-01,A1\nC2,Solo,,\n";
    client
        .ingest("Contact", "upsert", Some("Contact_External_Id__c"), csv)
        .await;
    let soql = "SELECT LastName, Account.Name, Account.AnnualRevenue, Account.NumberOfEmployees, Account.Description, \
                Birthdate, IsDeleted, CreatedDate FROM Contact ORDER BY LastName";
    let id = query(&client, soql).await;
    let found = page(&client, &format!("jobs/query/{id}/results")).await;
    let header = "\"LastName\",\"Account.Name\",\"Account.AnnualRevenue\",\"Account.NumberOfEmployees\",\
                  \"Account.Description\",\"Birthdate\",\"IsDeleted\",\"CreatedDate\"\n";
    let rest = found.text.strip_prefix(header).unwrap();
    let first = "\"Lee\",\"Say \"\"Hi\"\", all\",\"300.0\",\"5\",\"two\nlines\",\"1990-05-01\",\"false\",\"2";
    assert!(rest.starts_with(first), "{rest}");
    let parsed = rows(&found.text);
    assert!(parsed[0]["CreatedDate"].ends_with(".000Z"));
    assert_eq!(
        (
            parsed[1]["Account.Name"].as_str(),
            parsed[1]["Birthdate"].as_str()
        ),
        ("", "")
    );
    assert!(
        rest.contains("\n\"Solo\",\"\",\"\",\"\",\"\",\"\",\"false\","),
        "{rest}"
    );
}

#[tokio::test]
async fn pages_are_cut_by_locator_and_cover_everything_once() {
    let client = start().await;
    accounts(&client, 1234).await;
    let id = query(&client, "SELECT External_Id__c FROM Account").await;
    let mut seen = Vec::new();
    let mut sizes = Vec::new();
    let mut path = format!("jobs/query/{id}/results?maxRecords=500");
    loop {
        let found = page(&client, &path).await;
        sizes.push(found.records);
        let keys = rows(&found.text);
        assert_eq!(keys.len(), found.records);
        seen.extend(keys.into_iter().map(|row| row["External_Id__c"].clone()));
        if found.locator == "null" {
            break;
        }
        path = format!(
            "jobs/query/{id}/results?locator={}&maxRecords=500",
            found.locator
        );
    }
    assert_eq!(sizes, [500, 500, 234]);
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), 1234);
    let in_order: Vec<String> = (0..1234).map(|n| format!("K{n}")).collect();
    assert_ne!(seen, in_order, "nobody may lean on an order");
    let whole = page(&client, &format!("jobs/query/{id}/results")).await;
    assert_eq!((whole.records, whole.locator.as_str()), (1234, "null"));
    for wrong in ["locator=nonsense", "maxRecords=0", "maxRecords=x"] {
        let path = format!("jobs/query/{id}/results?{wrong}");
        assert_eq!(
            client.send(Method::GET, &path, None).await.0,
            400,
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn result_pages_name_five_at_a_time() {
    let client = start().await;
    accounts(&client, 610).await;
    let id = query(&client, "SELECT External_Id__c FROM Account").await;
    let first = client
        .get(&format!("jobs/query/{id}/resultPages?maxRecords=100"))
        .await;
    let urls = |reply: &Value| -> Vec<String> {
        let pages = reply["resultPages"].as_array().unwrap();
        pages
            .iter()
            .map(|p| p["resultUrl"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!((urls(&first).len(), &first["done"]), (5, &json!(false)));
    let second = client.get(first["nextRecordsUrl"].as_str().unwrap()).await;
    assert_eq!((urls(&second).len(), &second["done"]), (2, &json!(true)));
    let mut seen = HashSet::new();
    for url in urls(&first).into_iter().chain(urls(&second)) {
        for row in rows(&page(&client, &url).await.text) {
            assert!(seen.insert(row["External_Id__c"].clone()));
        }
    }
    assert_eq!(seen.len(), 610);
}

#[tokio::test]
async fn delimiters_line_endings_and_no_rows() {
    let client = start().await;
    accounts(&client, 1).await;
    let body = json!({
        "operation": "query", "query": "SELECT External_Id__c, Name FROM Account",
        "contentType": "CSV", "columnDelimiter": "PIPE", "lineEnding": "CRLF",
    });
    let (_, job) = open(&client, body).await;
    let id = complete(&client, job["id"].as_str().unwrap()).await;
    let found = page(&client, &format!("jobs/query/{id}/results")).await;
    assert_eq!(
        found.text,
        "\"External_Id__c\"|\"Name\"\r\n\"K0\"|\"Account 0\"\r\n"
    );
    let id = query(&client, "SELECT Id FROM Account WHERE Name = 'none'").await;
    let found = page(&client, &format!("jobs/query/{id}/results")).await;
    assert_eq!(
        (found.text.as_str(), found.records, found.locator.as_str()),
        ("\"Id\"\n", 0, "null")
    );
    for wrong in [
        json!({"columnDelimiter": "SPACE"}),
        json!({"lineEnding": "CR"}),
        json!({"contentType": "JSON"}),
    ] {
        let mut body = json!({"operation": "query", "query": "SELECT Id FROM Account"});
        body.as_object_mut()
            .unwrap()
            .extend(wrong.as_object().unwrap().clone());
        let (status, reply) = open(&client, body).await;
        assert_eq!(
            (status, &reply[0]["errorCode"]),
            (400, &json!("INVALIDJOB"))
        );
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_when_the_job_is_created() {
    let client = start().await;
    let refused = async |soql: &str| {
        let (status, reply) = open(&client, json!({"operation": "query", "query": soql})).await;
        assert_eq!(status, 400, "{soql}: {reply}");
        let text = |key: &str| reply[0][key].as_str().unwrap().to_owned();
        (text("errorCode"), text("message"))
    };
    for (soql, code) in [
        ("SELECT Id FROM", "MALFORMED_QUERY"),
        ("SELECT Nope FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Nothing__c", "INVALID_TYPE"),
        ("", "INVALIDJOB"),
    ] {
        assert_eq!(refused(soql).await.0, code, "{soql}");
    }
    let (_, message) = refused("SELECT Id, BillingAddress FROM Account").await;
    assert_eq!(
        message,
        "Selecting compound data not supported in Bulk Query"
    );
    for soql in [
        "SELECT COUNT() FROM Account",
        "SELECT COUNT(Id) FROM Account",
        "SELECT Industry FROM Account GROUP BY Industry",
        "SELECT Id FROM Account LIMIT 5 OFFSET 2",
    ] {
        let (code, message) = refused(soql).await;
        assert_eq!(code, "API_ERROR");
        assert!(
            message.ends_with("not supported in Bulk Query"),
            "{message}"
        );
    }
    let body = json!({"operation": "insert", "query": "SELECT Id FROM Account"});
    assert_eq!(
        open(&client, body).await.1[0]["errorCode"],
        "INVALIDOPERATION"
    );
    assert_eq!(client.get("jobs/query").await["records"], json!([]));
    let old = client
        .send(Method::GET, "/services/data/v46.0/jobs/query", None)
        .await;
    assert_eq!(old.0, 404);
}

#[tokio::test]
async fn deleted_records_are_for_query_all() {
    let client = start().await;
    accounts(&client, 2).await;
    let id = client.org.records("Account")[0]["Id"]
        .as_str()
        .unwrap()
        .to_owned();
    client
        .send(Method::DELETE, &format!("sobjects/Account/{id}"), None)
        .await;
    let job = query(&client, "SELECT Id FROM Account").await;
    let live = page(&client, &format!("jobs/query/{job}/results")).await;
    assert_eq!(live.records, 1);
    let body = json!({"operation": "queryAll", "query": "SELECT Id, IsDeleted FROM Account ORDER BY IsDeleted"});
    let (_, job) = open(&client, body).await;
    let job = complete(&client, job["id"].as_str().unwrap()).await;
    let all = rows(
        &page(&client, &format!("jobs/query/{job}/results"))
            .await
            .text,
    );
    assert_eq!(
        [&all[0]["IsDeleted"], &all[1]["IsDeleted"]],
        ["false", "true"]
    );
}

#[tokio::test]
async fn who_matched_is_settled_when_the_query_runs() {
    let client = start().await;
    accounts(&client, 3).await;
    let id = query(
        &client,
        "SELECT Name FROM Account WHERE Name LIKE 'Account%'",
    )
    .await;
    accounts(&client, 6).await;
    let found = page(&client, &format!("jobs/query/{id}/results")).await;
    assert_eq!(found.records, 3);
    let path = format!("/services/data/v65.0/jobs/query/{id}/results");
    let response = client.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(read(response).await.0, 409);
}

#[tokio::test]
async fn a_job_under_way_can_be_aborted_and_a_failing_one_says_so() {
    let pace = Pace::of(Duration::from_millis(4));
    let client = start_with(Settings {
        pace,
        ..Settings::default()
    })
    .await;
    client.org.faults().hold_jobs_after(0);
    let body = json!({"operation": "query", "query": "SELECT Id FROM Account"});
    let (_, job) = open(&client, body.clone()).await;
    let id = job["id"].as_str().unwrap();
    wait(&client, id, "InProgress").await;
    let path = format!("jobs/query/{id}");
    let early = client
        .send(Method::GET, &format!("{path}/results"), None)
        .await;
    assert_eq!(
        (early.0, &early.1[0]["errorCode"]),
        (400, &json!("INVALIDJOBSTATE"))
    );
    assert_eq!(client.send(Method::DELETE, &path, None).await.0, 400);
    let state = json!({"state": "Aborted"});
    let (status, aborted) = client.send(Method::PATCH, &path, Some(state)).await;
    assert_eq!((status, &aborted["state"]), (200, &json!("Aborted")));
    let other = json!({"state": "UploadComplete"});
    assert_eq!(
        client.send(Method::PATCH, &path, Some(other)).await.1[0]["errorCode"],
        "INVALIDJOB"
    );
    client.org.faults().release_jobs();
    client.org.faults().fail_job_after(0);
    let (_, job) = open(&client, body).await;
    let failed = wait(&client, job["id"].as_str().unwrap(), "Failed").await;
    assert!(
        failed["errorMessage"]
            .as_str()
            .unwrap()
            .contains("could not be completed")
    );
}

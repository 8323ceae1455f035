//! Faults ordered by HTTP, and those that last: limits, expiry, chance, shared parents, latency.

use std::time::{Duration, Instant};

use rehearsal_org::{CallFault, FaultPlan, Share};
use reqwest::Method;
use serde_json::{Value, json};

use crate::classic_client::{add, call, element, ended, result, xml_job};
use crate::client::{Client, read, start};

impl Client {
    async fn order(&self, method: Method, plan: Value) -> Value {
        let (status, body) = self.send(method, "/rehearsal/faults", Some(plan)).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    async fn status(&self, path: &str) -> u16 {
        self.send(Method::GET, path, None).await.0
    }
}

#[tokio::test]
async fn faults_are_ordered_shown_and_cleared_by_http() {
    let client = start().await;
    assert_eq!(client.get("/rehearsal/faults").await, json!({}));
    let shown = client
        .order(
            Method::POST,
            json!({"lock_rows": 2, "calls": [{"fault": 503, "path": "/limits", "times": 2}]}),
        )
        .await;
    assert_eq!(
        shown,
        json!({"lock_rows": 2, "calls": [{"fault": 503, "path": "/limits", "times": 2}]})
    );
    let shown = client.order(Method::POST, json!({"lock_rows": 1})).await;
    assert_eq!(shown["lock_rows"], 3);
    assert_eq!(client.status("limits").await, 503);
    assert_eq!(
        client.get("/rehearsal/faults").await["calls"][0]["times"],
        1
    );
    let shown = client.order(Method::PUT, json!({"daily_limit": 5})).await;
    assert_eq!(shown, json!({"daily_limit": 5}));
    let (status, shown) = client.send(Method::DELETE, "/rehearsal/faults", None).await;
    assert_eq!((status, shown), (200, json!({})));
    assert_eq!(client.status("limits").await, 200);
    for wrong in [
        json!({"lock_row": 1}),
        json!({"calls": [{"fault": 200, "times": 1}]}),
        json!([]),
    ] {
        let (status, body) = client
            .send(Method::POST, "/rehearsal/faults", Some(wrong))
            .await;
        assert_eq!(
            (status, &body[0]["errorCode"]),
            (400, &json!("JSON_PARSER_ERROR"))
        );
    }
    assert_eq!(client.get("/rehearsal/faults").await, json!({}));
}

#[tokio::test]
async fn ordering_needs_a_token_and_is_not_an_api_call() {
    let client = start().await;
    let url = format!("{}/rehearsal/faults", client.org.url());
    let response = client
        .http
        .put(&url)
        .json(&json!({"lock_rows": 1}))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(client.org.faults().ordered(), FaultPlan::default());
    client
        .order(
            Method::POST,
            json!({"calls": [{"fault": "drop-before", "share": "100%"}]}),
        )
        .await;
    client.get("/rehearsal/faults").await;
    assert_eq!(client.org.api_calls(), 0);
    assert!(client.request(Method::GET, "limits").send().await.is_err());
}

#[tokio::test]
async fn a_throttled_call_says_when_to_come_again() {
    let client = start().await;
    client
        .order(
            Method::POST,
            json!({"calls": [{"fault": 429, "retry_after": 7, "times": 1}]}),
        )
        .await;
    let response = client.request(Method::GET, "limits").send().await.unwrap();
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "7");
    assert_eq!(client.status("limits").await, 200);
    client
        .org
        .faults()
        .fail_calls("", "", 1, CallFault::ConcurrentLimit);
    let (status, body) = client.send(Method::GET, "limits", None).await;
    assert_eq!(
        (status, &body[0]["errorCode"]),
        (403, &json!("REQUEST_LIMIT_EXCEEDED"))
    );
    assert!(
        body[0]["message"]
            .as_str()
            .unwrap()
            .starts_with("ConcurrentRequests")
    );
}

#[tokio::test]
async fn a_daily_limit_runs_out_and_shows() {
    let client = start().await;
    client.order(Method::POST, json!({"daily_limit": 2})).await;
    let response = client.request(Method::GET, "limits").send().await.unwrap();
    assert_eq!(
        response.headers()["sforce-limit-info"],
        "api-usage=999999/1000000"
    );
    let (_, body) = read(response).await;
    assert_eq!(
        body["DailyApiRequests"],
        json!({"Max": 1_000_000, "Remaining": 1})
    );
    assert_eq!(client.status("sobjects").await, 200);
    let response = client.request(Method::GET, "limits").send().await.unwrap();
    assert_eq!(
        response.headers()["sforce-limit-info"],
        "api-usage=1000000/1000000"
    );
    let (status, body) = read(response).await;
    assert_eq!(status, 403);
    assert_eq!(
        body,
        json!([{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}])
    );
    assert_eq!(client.status("/services/data").await, 200);
    client.org.faults().limit_daily_calls(None);
    assert_eq!(client.status("limits").await, 200);
}

#[tokio::test]
async fn only_so_many_calls_at_the_same_time() {
    let client = start().await;
    client
        .order(Method::POST, json!({"concurrent_limit": 1}))
        .await;
    // A call whose body has not all come is being answered.
    let (send, body) = tokio::sync::mpsc::unbounded_channel::<Result<String, std::io::Error>>();
    let body = futures::stream::unfold(body, |mut body| async { Some((body.recv().await?, body)) });
    let slow = client
        .request(Method::POST, "sobjects/Account")
        .header("content-type", "application/json")
        .body(reqwest::Body::wrap_stream(body))
        .send();
    let slow = tokio::spawn(slow);
    send.send(Ok("{\"Name\":".to_owned())).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while client.status("limits").await != 403 {
        assert!(
            Instant::now() < deadline,
            "the second call was never refused"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    send.send(Ok("\"x\"}".to_owned())).unwrap();
    drop(send);
    assert_eq!(slow.await.unwrap().unwrap().status(), 201);
    assert_eq!(client.status("limits").await, 200);
}

#[tokio::test]
async fn sessions_expire_in_the_middle() {
    let client = start().await;
    client
        .order(
            Method::POST,
            json!({"expire_sessions": {"after_calls": 1, "tokens": "all"}}),
        )
        .await;
    assert_eq!(client.status("limits").await, 200);
    let (status, body) = client.send(Method::GET, "limits", None).await;
    assert_eq!(
        (status, &body[0]["errorCode"]),
        (401, &json!("INVALID_SESSION_ID"))
    );
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", client.org.client_id()),
        ("client_secret", client.org.client_secret()),
    ];
    let token = client
        .http
        .post(format!("{}/services/oauth2/token", client.org.url()))
        .form(&form);
    let (_, token) = read(token.send().await.unwrap()).await;
    let token = token["access_token"].as_str().unwrap().to_owned();
    let limits = || {
        client
            .http
            .get(format!("{}/services/data/v66.0/limits", client.org.url()))
            .bearer_auth(&token)
    };
    assert_eq!(limits().send().await.unwrap().status(), 200);
    client
        .order(Method::POST, json!({"expire_sessions": {"after_calls": 0}}))
        .await;
    assert_eq!(limits().send().await.unwrap().status(), 401);
    // The fixed token still orders faults, and is valid again once they are cleared.
    assert_eq!(client.status("limits").await, 401);
    client.send(Method::DELETE, "/rehearsal/faults", None).await;
    assert_eq!(client.status("limits").await, 200);
    client.org.expire_all_sessions();
    assert_eq!(client.status("limits").await, 401);
    client.org.clear_faults();
    assert_eq!(client.status("limits").await, 200);
}

#[tokio::test]
async fn chance_falls_the_same_way_for_the_same_seed() {
    let client = start().await;
    let mut runs = Vec::new();
    for seed in [1, 1, 2] {
        client
            .order(
                Method::PUT,
                json!({"seed": seed, "calls": [{"fault": 500, "share": "30%", "path": "/limits"}]}),
            )
            .await;
        let mut run = Vec::new();
        for _ in 0..60 {
            run.push(client.status("limits").await);
        }
        runs.push(run);
    }
    let failed = runs[0].iter().filter(|s| **s == 500).count();
    assert!((5..35).contains(&failed), "{failed} of 60");
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}

#[tokio::test]
async fn a_share_of_rows_is_locked_wherever_they_stand() {
    let client = start().await;
    let csv = format!(
        "Name\n{}",
        (0..1000).map(|n| format!("n{n}\n")).collect::<String>()
    );
    let mut runs = Vec::new();
    for _ in 0..2 {
        client.org.faults().lock_share(Share::new(0.1).unwrap(), 9);
        let done = client.ingest("Account", "insert", None, &csv).await;
        let mut failed: Vec<String> = done.failed.iter().map(|row| row["Name"].clone()).collect();
        failed.sort();
        runs.push(failed);
    }
    assert!((50..200).contains(&runs[0].len()), "{}", runs[0].len());
    assert_eq!(runs[0], runs[1]);
    client.org.faults().clear();
    let ids: Vec<String> = client
        .org
        .records("Account")
        .iter()
        .map(|r| r["Id"].as_str().unwrap().to_owned())
        .collect();
    client.org.faults().lock_share(Share::new(0.5).unwrap(), 1);
    let csv = format!("Id\n{}\n", ids[..100].join("\n"));
    let done = client.ingest("Account", "delete", None, &csv).await;
    assert_eq!(done.successful.len() + done.failed.len(), 100);
    assert!(
        (20..80).contains(&done.failed.len()),
        "{}",
        done.failed.len()
    );
    assert_eq!(
        client.org.count("Account"),
        ids.len() - done.successful.len()
    );
}

#[tokio::test]
async fn two_jobs_that_write_children_of_one_parent() {
    let client = start().await;
    for key in ["P", "Q"] {
        client
            .create("Account", json!({"Name": key, "External_Id__c": key}))
            .await;
    }
    client.org.faults().lock_shared_parents(true);
    client.org.faults().hold_jobs_after(2);
    let first = client.open_job("Contact", "insert", None).await;
    client
        .upload(&first, "LastName,Account.External_Id__c\na,P\nb,P\n")
        .await;
    client.set_state(&first, "UploadComplete").await;
    client
        .wait(&first, |job| job["numberRecordsProcessed"] == 2)
        .await;
    let second = client.open_job("Contact", "insert", None).await;
    client
        .upload(&second, "LastName,Account.External_Id__c\nc,P\nd,Q\ne,\n")
        .await;
    client.set_state(&second, "UploadComplete").await;
    client
        .wait(&second, |job| job["numberRecordsProcessed"] == 3)
        .await;
    let call = json!({"LastName": "f", "Account": {"External_Id__c": "P"}});
    let (status, body) = client
        .send(Method::POST, "sobjects/Contact", Some(call.clone()))
        .await;
    assert_eq!(
        (status, &body[0]["errorCode"]),
        (400, &json!("UNABLE_TO_LOCK_ROW"))
    );
    client.org.faults().release_jobs();
    assert_eq!(client.finish(&first).await.failed.len(), 0);
    let done = client.finish(&second).await;
    assert_eq!(done.errors("LastName").keys().collect::<Vec<_>>(), ["c"]);
    // Both jobs have ended: nobody holds the parent any more.
    let (status, body) = client
        .send(Method::POST, "sobjects/Contact", Some(call))
        .await;
    assert_eq!(status, 201, "{body}");
}

#[tokio::test]
async fn calls_may_be_slow() {
    let client = start().await;
    client
        .order(Method::POST, json!({"latency": "150ms"}))
        .await;
    let begun = Instant::now();
    assert_eq!(client.status("limits").await, 200);
    assert!(begun.elapsed() >= Duration::from_millis(150));
    client.org.faults().slow_calls(None);
    client.order(Method::POST, json!({"fail_jobs": [{"after_rows": 0, "message": "TooManyLockFailure : Too many lock failure 200 Trying again later."}]})).await;
    let done = client.ingest("Account", "insert", None, "Name\nx\n").await;
    assert_eq!(done.job["state"], "Failed");
    assert_eq!(
        done.job["errorMessage"],
        "TooManyLockFailure : Too many lock failure 200 Trying again later."
    );
    assert_eq!(done.unprocessed.len(), 1);
}

#[tokio::test]
async fn batches_and_trees_meet_locks_as_other_writes_do() {
    let client = start().await;
    for key in ["P", "Q"] {
        client
            .create("Account", json!({"Name": key, "External_Id__c": key}))
            .await;
    }
    let faults = client.org.faults();
    faults.lock_shared_parents(true);
    faults.hold_jobs_after(1);
    let inner =
        "<operation>insert</operation><object>Contact</object><contentType>CSV</contentType>";
    let job = xml_job(&client, inner).await;
    let mut batches = Vec::new();
    for rows in ["a,P\n", "b,P\nc,Q\n"] {
        let csv = format!("LastName,Account.External_Id__c\n{rows}");
        let batch = add(&client, &job, "text/csv", &csv).await;
        let deadline = Instant::now() + Duration::from_secs(30);
        let path = format!("job/{job}/batch/{batch}");
        let written = rows.lines().count().to_string();
        loop {
            let (_, _, info) = call(&client, Method::GET, &path, "text/csv", String::new()).await;
            if element(&info, "numberRecordsProcessed") == written {
                break;
            }
            assert!(Instant::now() < deadline, "{info}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        batches.push(batch);
    }
    faults.release_jobs();
    let failed = async |batch: &str| {
        let info = ended(&client, &job, batch).await;
        element(&info, "numberRecordsFailed").to_owned()
    };
    // The second batch's row of the same parent met the first's, though they are of one job.
    assert_eq!(failed(&batches[0]).await, "0");
    assert_eq!(failed(&batches[1]).await, "1");
    let (_, text) = result(&client, &job, &batches[1]).await;
    assert!(
        text.lines().nth(1).unwrap().contains("UNABLE_TO_LOCK_ROW"),
        "{text}"
    );
    // Nothing is held any more; rows ordered to be locked are so in a tree too, which is taken back.
    faults.lock_rows(1);
    let tree = json!({"records": [{"attributes": {"type": "Account", "referenceId": "r"}, "Name": "Tree"}]});
    let path = "composite/tree/Account";
    let (status, body) = client.send(Method::POST, path, Some(tree.clone())).await;
    assert_eq!(
        (status, &body["results"][0]["errors"][0]["statusCode"]),
        (400, &json!("UNABLE_TO_LOCK_ROW"))
    );
    let (status, body) = client.send(Method::POST, path, Some(tree)).await;
    assert_eq!(status, 201, "{body}");
    assert_eq!(client.org.count("Account"), 3);
    // Deletes meet them as well.
    let found = client.query("SELECT Id FROM Account ORDER BY Name").await;
    let ids: Vec<&str> = (0..2)
        .map(|n| found["records"][n]["Id"].as_str().unwrap())
        .collect();
    let all = format!("composite/sobjects?ids={}", ids.join(","));
    let codes = async |path: &str| {
        faults.lock_rows(1);
        let (_, body) = client.send(Method::DELETE, path, None).await;
        let code = |of: &Value| {
            of["errors"][0]["statusCode"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        [code(&body[0]), code(&body[1])]
    };
    let none = codes(&format!("{all}&allOrNone=true")).await;
    assert_eq!(
        none,
        ["UNABLE_TO_LOCK_ROW", "ALL_OR_NONE_OPERATION_ROLLED_BACK"]
    );
    assert_eq!(client.org.count("Account"), 3);
    assert_eq!(codes(&all).await, ["UNABLE_TO_LOCK_ROW", ""]);
    faults.lock_rows(1);
    let one = format!("sobjects/Account/{}", ids[0]);
    let (status, body) = client.send(Method::DELETE, &one, None).await;
    assert_eq!(
        (status, &body[0]["errorCode"]),
        (400, &json!("UNABLE_TO_LOCK_ROW"))
    );
    assert_eq!(client.org.count("Account"), 2);
}

#[tokio::test]
async fn bulk_api_one_is_refused_in_its_own_words() {
    let client = start().await;
    let create = async |format: &str| {
        let request = client
            .request(Method::POST, "/services/async/60.0/job")
            .header("content-type", format)
            .body(r#"{"operation": "insert", "object": "Account", "contentType": "CSV"}"#);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let faults = client.org.faults();
    for (fault, status, code) in [
        (CallFault::Status(401), 400, "InvalidSessionId"),
        (CallFault::Status(403), 403, "ExceededQuota"),
        (CallFault::ConcurrentLimit, 403, "ExceededQuota"),
        (CallFault::Throttled(1), 429, "Unknown"),
        (CallFault::Status(500), 500, "Unknown"),
    ] {
        faults.fail_calls("POST", "/job", 1, fault);
        let (answered, body) = create("application/json; charset=UTF-8").await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((answered, &body["exceptionCode"]), (status, &json!(code)));
    }
    faults.fail_calls("POST", "/job", 1, CallFault::Status(401));
    let (_, body) = create("application/xml").await;
    assert!(
        body.contains("<exceptionCode>InvalidSessionId</exceptionCode>"),
        "{body}"
    );
    faults.fail_calls("POST", "/job", 1, CallFault::Status(503));
    assert!(create("application/json").await.1.starts_with("<html>"));
    assert_eq!(create("application/json").await.0, 201);
}

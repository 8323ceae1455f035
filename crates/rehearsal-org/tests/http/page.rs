//! The pages for people: what they show, that they escape it, and whom they answer.

use reqwest::Method;
use serde_json::json;

use crate::client::{Client, start};
use rehearsal_org::CallFault;

async fn page(client: &Client, path: &str) -> String {
    let response = client
        .http
        .get(format!("{}{path}", client.org.url()))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200, "{path}");
    assert_eq!(
        response.headers()["content-type"],
        "text/html; charset=UTF-8"
    );
    response.text().await.unwrap()
}

async fn status(client: &Client, method: Method, path: &str) -> u16 {
    let url = format!("{}{path}", client.org.url());
    client
        .http
        .request(method, url)
        .send()
        .await
        .unwrap()
        .status()
        .as_u16()
}

#[tokio::test]
async fn objects_jobs_calls_and_faults_are_shown() {
    let client = start().await;
    assert!(page(&client, "/").await.contains("No bulk job yet."));
    let csv = format!("Name\n{}", "x\n".repeat(1_234));
    client.ingest("Account", "insert", None, &csv).await;
    client
        .ingest(
            "Contact",
            "insert",
            None,
            "LastName,Email\na,not an address\nb,b@example.com\n",
        )
        .await;
    client.ingest("Lead", "insert", None, "Nope__c\nx\n").await;
    client.org.faults().lock_rows(1_500);
    client
        .org
        .faults()
        .fail_calls("GET", "", 3, CallFault::Status(503));
    let shown = page(&client, "/").await;
    for text in [
        "<a href=\"/objects/Account\">Account</a></td><td class=n>1,234</td>",
        "<a href=\"/objects/Case\">Case</a>",
        "insert Contact</a>",
        "<span class=error>InvalidBatch : Field name not found : Nope__c</span>",
        "API calls used of 1,000,000",
        "The next 1,500 rows of any write fail for want of a lock",
        "The next 3 calls by GET are answered by 503",
    ] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    assert!(!shown.contains("ValidationRule") && !shown.contains("http-equiv"));
    let job = shown
        .split("/jobs/")
        .nth(2)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let shown = page(&client, &format!("/jobs/{job}")).await;
    assert!(
        shown.contains("<td class=n>1</td><td><code>INVALID_EMAIL_ADDRESS</code>"),
        "{shown}"
    );
    assert!(shown.contains("Email: invalid email address: not an address:Email --"));
}

#[tokio::test]
async fn records_are_shown_page_by_page_and_one_by_one() {
    let client = start().await;
    assert!(
        page(&client, "/objects/Account")
            .await
            .contains("There is none yet.")
    );
    let csv = format!(
        "Name,External_Id__c\n{}",
        (1..=120)
            .map(|n| format!("Name {n},X{n}\n"))
            .collect::<String>()
    );
    client.ingest("Account", "insert", None, &csv).await;
    let parent = client
        .query("SELECT Id FROM Account WHERE External_Id__c = 'X1'")
        .await["records"][0]["Id"]
        .clone();
    let first = page(&client, "/objects/account").await;
    assert!(
        first.contains("<td>X1</td>")
            && first.contains("<td>X50</td>")
            && !first.contains("<td>X51</td>")
    );
    assert!(
        first.contains("Page 1 of 3")
            && first.contains("href=\"/objects/Account?page=2\"")
            && !first.contains("Earlier")
    );
    let last = page(&client, "/objects/Account?page=9").await;
    assert!(
        last.contains("<td>X120</td>") && last.contains("Page 3 of 3") && !last.contains("Later")
    );
    let evil = "<script>alert(\"1\")</script> & 'co'";
    let id = client
        .create(
            "Account",
            json!({"Name": evil, "ParentId": parent, "BillingCity": "Bonn"}),
        )
        .await;
    let one = page(&client, &format!("/records/{id}")).await;
    assert!(
        one.contains("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;co&#39;")
            && !one.contains("<script")
    );
    assert!(one.contains(&format!(
        "<a href=\"/records/{0}\">{0}</a>",
        parent.as_str().unwrap()
    )));
    assert!(
        one.contains("<td>BillingCity</td><td>Bonn</td>") && one.contains("fields without a value")
    );
    assert!(
        !page(&client, "/objects/Account?page=3")
            .await
            .contains("<script")
    );
    client
        .send(Method::DELETE, &format!("sobjects/Account/{id}"), None)
        .await;
    assert_eq!(
        status(&client, Method::GET, &format!("/records/{id}")).await,
        404
    );
}

#[tokio::test]
async fn a_page_with_a_job_under_way_loads_itself_again() {
    let client = start().await;
    client.org.faults().hold_jobs_after(0);
    let job = client.open_job("Account", "insert", None).await;
    client.upload(&job, "Name\nx\n").await;
    assert!(!page(&client, "/").await.contains("http-equiv=refresh"));
    client.set_state(&job, "UploadComplete").await;
    assert!(page(&client, "/").await.contains("http-equiv=refresh"));
    assert!(
        page(&client, &format!("/jobs/{job}"))
            .await
            .contains("http-equiv=refresh")
    );
}

#[tokio::test]
async fn only_browsers_of_this_machine_may_read_and_nobody_write() {
    let client = start().await;
    let url = client.org.url();
    for (host, expected) in [("evil.example", 403), ("localhost:1", 200)] {
        let response = client
            .http
            .get(&url)
            .header("host", host)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), expected, "{host}");
        let policy = response.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(
            response
                .headers()
                .get("access-control-allow-origin")
                .is_none()
        );
        assert_eq!(
            response.text().await.unwrap().contains("Objects"),
            expected == 200
        );
    }
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        assert_eq!(status(&client, method, "/").await, 405);
    }
    for path in [
        "/objects/Nope",
        "/objects/ValidationRule",
        "/records/001",
        "/jobs/750",
        "/objects/Account/x",
    ] {
        assert_eq!(status(&client, Method::GET, path).await, 404, "{path}");
    }
    // They are no API calls, and no fault touches them.
    client
        .org
        .faults()
        .fail_calls("", "", 1, CallFault::DropBefore);
    page(&client, "/").await;
    assert_eq!(
        (client.org.api_calls(), client.org.faults().calls_left()),
        (0, 1)
    );
}

#[tokio::test]
async fn jobs_of_bulk_api_one_are_shown_too() {
    let client = start().await;
    let send = async |path: &str, kind: &str, body: &str| {
        let request = client
            .request(Method::POST, &format!("/services/async/60.0/job{path}"))
            .header("content-type", kind)
            .body(body.to_owned());
        let response = request.send().await.unwrap();
        assert!(response.status().is_success());
        response.json::<serde_json::Value>().await
    };
    let job = r#"{"operation": "insert", "object": "Account", "contentType": "JSON"}"#;
    let job = send("", "application/json", job).await.unwrap();
    let id = job["id"].as_str().unwrap().to_owned();
    let rows = r#"[{"Name": "x"}, {"Industry": "Retail"}]"#;
    send(&format!("/{id}/batch"), "application/json", rows)
        .await
        .unwrap();
    send(
        &format!("/{id}"),
        "application/json",
        r#"{"state": "Closed"}"#,
    )
    .await
    .unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !page(&client, "/")
        .await
        .contains("<span class=\"pill good\">Closed</span>")
    {
        assert!(std::time::Instant::now() < deadline, "the job did not end");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let shown = page(&client, &format!("/jobs/{id}")).await;
    assert!(shown.contains("insert Account"));
    assert!(
        shown.contains("<td class=n>1</td><td><code>REQUIRED_FIELD_MISSING</code>"),
        "{shown}"
    );
}

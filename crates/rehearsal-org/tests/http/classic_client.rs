//! Calls of Bulk API 1.0 as old clients make them, for its tests.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::Value;

use crate::client::Client;

/// A call of this API: its own session header, a content type, an answer as text.
pub(crate) async fn call(
    client: &Client,
    method: Method,
    path: &str,
    kind: &str,
    body: String,
) -> (u16, String, String) {
    let url = format!("{}/services/async/66.0/{path}", client.org.url());
    let request = client
        .http
        .request(method, url)
        .header("X-SFDC-Session", client.org.access_token())
        .header("Content-Type", kind);
    let response = request.body(body).send().await.unwrap();
    let content = response.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    (
        response.status().as_u16(),
        content,
        response.text().await.unwrap(),
    )
}

/// What is at a path, without saying in which language.
pub(crate) async fn get(client: &Client, path: &str) -> (u16, String, String) {
    call(client, Method::GET, path, "application/xml", String::new()).await
}

pub(crate) async fn json_call(
    client: &Client,
    method: Method,
    path: &str,
    body: &Value,
) -> (u16, Value) {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let (status, content, text) = call(client, method, path, "application/json", body).await;
    assert_eq!(content, "application/json", "{text}");
    (status, serde_json::from_str(&text).unwrap())
}

/// The text of an element that is there once.
pub(crate) fn element<'a>(text: &'a str, name: &str) -> &'a str {
    let (_, rest) = text
        .split_once(&format!("<{name}>"))
        .unwrap_or_else(|| panic!("no {name} in {text}"));
    rest.split_once(&format!("</{name}>")).unwrap().0
}

pub(crate) async fn xml_job(client: &Client, inner: &str) -> String {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><jobInfo xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\">\
         {inner}</jobInfo>"
    );
    let (status, content, reply) = call(
        client,
        Method::POST,
        "job",
        "application/xml; charset=UTF-8",
        body,
    )
    .await;
    assert_eq!(status, 201, "{reply}");
    assert_eq!(content, "application/xml");
    assert_eq!(element(&reply, "state"), "Open");
    element(&reply, "id").to_owned()
}

pub(crate) async fn add(client: &Client, job: &str, kind: &str, body: &str) -> String {
    let path = format!("job/{job}/batch");
    let (status, _, reply) = call(client, Method::POST, &path, kind, body.to_owned()).await;
    assert_eq!(status, 201, "{reply}");
    if kind.contains("json") {
        let reply: Value = serde_json::from_str(&reply).unwrap();
        return reply["id"].as_str().unwrap().to_owned();
    }
    assert_eq!(element(&reply, "jobId"), job);
    element(&reply, "id").to_owned()
}

/// Waits for a batch's end, and gives its info.
pub(crate) async fn ended(client: &Client, job: &str, batch: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let path = format!("job/{job}/batch/{batch}");
        let (_, _, info) = get(client, &path).await;
        if !matches!(element(&info, "state"), "Queued" | "InProgress") {
            return info;
        }
        assert!(Instant::now() < deadline, "{info}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) async fn result(client: &Client, job: &str, batch: &str) -> (String, String) {
    let path = format!("job/{job}/batch/{batch}/result");
    let (status, content, text) = get(client, &path).await;
    assert_eq!(status, 200, "{text}");
    (content, text)
}

//! What clients do with HTTP itself: compressed bodies, methods told in the address, heads, conditions.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{read, start};

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn every_body_may_be_compressed() {
    let client = start().await;
    let name = "long ".repeat(40);
    let body = json!({"Name": name.trim_end(), "External_Id__c": "Z1"}).to_string();
    let request = client
        .request(Method::POST, "sobjects/Account")
        .header("content-type", "application/json")
        .header("content-encoding", "gzip");
    let (status, reply) = read(request.body(packed(&body)).send().await.unwrap()).await;
    assert_eq!(status, 201, "{reply}");
    let read_back = client.get("sobjects/Account/External_Id__c/Z1").await;
    assert_eq!(read_back["Name"], name.trim_end());

    let url = format!("{}/services/oauth2/token", client.org.url());
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        client.org.client_id(),
        client.org.client_secret()
    );
    let request = client.http.post(url).header("content-encoding", "gzip");
    let (status, reply) = read(request.body(packed(&form)).send().await.unwrap()).await;
    assert_eq!(status, 200, "{reply}");

    let mut cut = packed(&body);
    cut.truncate(cut.len() / 2);
    let request = client
        .request(Method::POST, "sobjects/Account")
        .header("content-encoding", "gzip");
    let (status, reply) = read(request.body(cut).send().await.unwrap()).await;
    assert!((400..500).contains(&status), "{status} {reply}");
    assert!(reply[0]["errorCode"].is_string(), "{reply}");
}

#[tokio::test]
async fn a_post_may_mean_another_method() {
    let client = start().await;
    let id = client.create("Account", json!({"Name": "before"})).await;
    let path = format!("sobjects/Account/{id}?_HttpMethod=PATCH");
    let (status, _) = client
        .send(Method::POST, &path, Some(json!({"Name": "after"})))
        .await;
    assert_eq!(status, 204);
    let read_back = client.get(&format!("sobjects/Account/{id}")).await;
    assert_eq!(read_back["Name"], "after");
    // Nothing that is got deletes.
    let path = format!("sobjects/Account/{id}?_HttpMethod=DELETE");
    assert_eq!(client.get(&path).await["Name"], "after");
    let (status, _) = client.send(Method::POST, &path, None).await;
    assert_eq!(status, 204);
}

#[tokio::test]
async fn the_head_of_what_can_be_got() {
    let client = start().await;
    let id = client.create("Account", json!({"Name": "x"})).await;
    for path in [
        "".to_owned(),
        "sobjects".to_owned(),
        "sobjects/Account/describe".to_owned(),
        format!("sobjects/Account/{id}"),
        "query?q=SELECT%20Id%20FROM%20Account".to_owned(),
        "limits".to_owned(),
        "composite".to_owned(),
    ] {
        let response = client.request(Method::HEAD, &path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.text().await.unwrap(), "");
    }
}

#[tokio::test]
async fn a_describe_that_is_known_is_not_told_again() {
    let client = start().await;
    for path in ["sobjects", "sobjects/Account/describe"] {
        let first = client.request(Method::GET, path).send().await.unwrap();
        let since = first.headers()["last-modified"].clone();
        let ask = async |since: &str| {
            let request = client.request(Method::GET, path);
            let reply = request.header("if-modified-since", since).send().await;
            reply.unwrap().status().as_u16()
        };
        assert_eq!(ask(since.to_str().unwrap()).await, 304);
        assert_eq!(ask("Wed, 03 Jul 2013 19:43:31 GMT").await, 200);
        assert_eq!(ask("no date").await, 200);
    }
}

#[tokio::test]
async fn versions_are_listed_from_the_first_that_is_answered() {
    let client = start().await;
    let url = format!("{}/services/data", client.org.url());
    let (_, all) = read(client.http.get(url).send().await.unwrap()).await;
    let all = all.as_array().unwrap();
    let labels = |version: &str| {
        let found = all.iter().find(|v| v["version"] == version);
        found.map(|v| v["label"].clone()).unwrap_or_default()
    };
    assert_eq!(labels("31.0"), "Summer '14");
    assert_eq!(labels("41.0"), "Winter '18");
    assert_eq!(labels("60.0"), "Spring '24");
    for version in all {
        let url = format!(
            "{}{}/limits",
            client.org.url(),
            version["url"].as_str().unwrap()
        );
        let token = client.org.access_token();
        let reply = client.http.get(url).bearer_auth(token).send().await;
        assert_eq!(reply.unwrap().status(), 200, "{version}");
    }
    // What came later is not there before.
    for (path, since) in [("jobs/ingest", 41), ("jobs/query", 47)] {
        for (version, expected) in [(since - 1, 404), (since, 200)] {
            let url = format!("{}/services/data/v{version}.0/{path}", client.org.url());
            let token = client.org.access_token();
            let reply = client.http.get(url).bearer_auth(token).send().await;
            assert_eq!(reply.unwrap().status(), expected, "{path} {version}");
        }
    }
}

#[tokio::test]
async fn a_token_is_looked_into() {
    let client = start().await;
    let url = format!("{}/services/oauth2/introspect", client.org.url());
    let (id, secret) = (client.org.client_id(), client.org.client_secret());
    let ask = async |token: &str, secret: &str| -> (u16, Value) {
        let form = [
            ("token", token),
            ("client_id", id),
            ("client_secret", secret),
        ];
        read(client.http.post(&url).form(&form).send().await.unwrap()).await
    };
    let (status, valid) = ask(client.org.access_token(), secret).await;
    assert_eq!((status, &valid["active"]), (200, &json!(true)));
    assert_eq!(valid["username"], rehearsal_org::USERNAME);
    assert_eq!(ask("00Dx!y", secret).await, (200, json!({"active": false})));
    assert_eq!(ask(client.org.access_token(), "wrong").await.0, 400);
}

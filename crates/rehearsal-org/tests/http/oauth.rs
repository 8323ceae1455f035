//! Tokens, refusals, and the calls clients make to join an org.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Client, read, start};

async fn token(client: &Client, form: &[(&str, &str)]) -> (u16, Value) {
    let url = format!("{}/services/oauth2/token", client.org.url());
    read(client.http.post(url).form(form).send().await.unwrap()).await
}

async fn as_bearer(client: &Client, token: &str) -> (u16, Value) {
    let url = format!("{}/services/data/v66.0/limits", client.org.url());
    read(
        client
            .http
            .get(url)
            .bearer_auth(token)
            .send()
            .await
            .unwrap(),
    )
    .await
}

#[tokio::test]
async fn client_credentials_give_a_token_that_works_until_it_expires() {
    let client = start().await;
    let (id, secret) = (client.org.client_id(), client.org.client_secret());
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", id),
        ("client_secret", secret),
    ];
    let (status, reply) = token(&client, &form).await;
    assert_eq!(status, 200);
    assert_eq!(reply["token_type"], "Bearer");
    assert_eq!(reply["instance_url"], client.org.url());
    assert!(reply["issued_at"].as_str().unwrap().parse::<u64>().is_ok());
    let access = reply["access_token"].as_str().unwrap();
    assert!(
        access.starts_with("00D") && access.contains('!'),
        "{access}"
    );
    assert_eq!(as_bearer(&client, access).await.0, 200);
    client.org.expire_sessions();
    let (status, body) = as_bearer(&client, access).await;
    assert_eq!(status, 401);
    assert_eq!(
        body,
        json!([{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}])
    );
    assert_eq!(as_bearer(&client, client.org.access_token()).await.0, 200);
}

#[tokio::test]
async fn wrong_credentials_are_told_apart() {
    let client = start().await;
    let (id, secret) = (client.org.client_id(), client.org.client_secret());
    let cases: [(&[(&str, &str)], &str); 4] = [
        (
            &[
                ("grant_type", "client_credentials"),
                ("client_id", "x"),
                ("client_secret", secret),
            ],
            "invalid_client_id",
        ),
        (
            &[
                ("grant_type", "client_credentials"),
                ("client_id", id),
                ("client_secret", "x"),
            ],
            "invalid_client",
        ),
        (
            &[
                ("grant_type", "device"),
                ("client_id", id),
                ("client_secret", secret),
            ],
            "unsupported_grant_type",
        ),
        (&[("grant_type", "client_credentials")], "invalid_request"),
    ];
    for (form, error) in cases {
        let (status, body) = token(&client, form).await;
        assert_eq!(
            (status, body["error"].as_str()),
            (400, Some(error)),
            "{body}"
        );
    }
}

#[tokio::test]
async fn credentials_may_come_as_basic() {
    let client = start().await;
    let url = format!("{}/services/oauth2/token", client.org.url());
    let request = client
        .http
        .post(url)
        .basic_auth(client.org.client_id(), Some(client.org.client_secret()))
        .form(&[("grant_type", "client_credentials")]);
    assert_eq!(read(request.send().await.unwrap()).await.0, 200);
}

#[tokio::test]
async fn no_token_and_a_wrong_one_are_refused_in_an_array() {
    let client = start().await;
    let url = format!("{}/services/data/v66.0/sobjects", client.org.url());
    let (status, body) = read(client.http.get(&url).send().await.unwrap()).await;
    assert_eq!(
        (status, body[0]["errorCode"].as_str()),
        (401, Some("INVALID_SESSION_ID"))
    );
    assert_eq!(as_bearer(&client, "00Dxx!nope").await.0, 401);
    let url = format!("{}/services/data", client.org.url());
    let (status, versions) = read(client.http.get(url).send().await.unwrap()).await;
    assert_eq!(status, 200);
    assert_eq!(
        versions[0],
        json!({"label": "Summer '14", "url": "/services/data/v31.0", "version": "31.0"})
    );
    assert_eq!(
        versions.as_array().unwrap().last().unwrap()["label"],
        "Summer '26"
    );
}

#[tokio::test]
async fn joining_calls() {
    let client = start().await;
    let who = client.get("/services/oauth2/userinfo").await;
    let user = client
        .get(&format!(
            "sobjects/User/{}",
            who["user_id"].as_str().unwrap()
        ))
        .await;
    assert_eq!(user["Username"], who["preferred_username"]);
    assert_eq!(user["Name"], "Rehearsal User");
    let organization = client
        .query("SELECT Id, OrganizationType, IsSandbox FROM Organization")
        .await;
    assert_eq!(organization["records"][0]["IsSandbox"], true);
    assert_eq!(
        organization["records"][0]["OrganizationType"],
        "Developer Edition"
    );
    assert_eq!(organization["records"][0]["Id"], who["organization_id"]);
    assert!(client.get("").await.get("identity").is_some());
    assert_eq!(
        client.get("/services/data/v66.0//limits/").await["DailyApiRequests"]["Max"],
        1_000_000
    );
}

#[tokio::test]
async fn slashes_versions_and_methods() {
    let client = start().await;
    for path in [
        "/services/data/v66.0/sobjects/",
        "//services//data/v41.0/sobjects",
        "/services/data/v67.0/query/?q=SELECT+COUNT()+FROM+User",
    ] {
        let response = client.request(Method::GET, path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let limit = response.headers()["sforce-limit-info"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(limit.starts_with("api-usage="), "{limit}");
    }
    let status = async |method, path: &str| client.send(method, path, None).await;
    assert_eq!(
        status(Method::GET, "/services/data/v30.0/sobjects").await.0,
        410
    );
    assert_eq!(
        status(Method::GET, "/services/data/v99.0/sobjects").await.0,
        404
    );
    assert_eq!(status(Method::GET, "nowhere").await.0, 404);
    let (code, body) = status(Method::DELETE, "limits").await;
    assert_eq!(
        (code, body[0]["errorCode"].as_str()),
        (405, Some("METHOD_NOT_ALLOWED"))
    );
    assert!(client.org.api_calls() >= 7);
}

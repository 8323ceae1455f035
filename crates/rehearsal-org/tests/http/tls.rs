//! The org over TLS: who trusts its authority is served, and nobody else.

use std::time::Duration;

use rehearsal_org::{RehearsalOrg, Settings};
use reqwest::Method;
use serde_json::json;
use tokio::io::AsyncReadExt as _;

use crate::client::{Client, start};

async fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let settings = Settings {
        tls: true,
        ..Settings::default()
    };
    let org = RehearsalOrg::start(settings).await.unwrap();
    let authority = reqwest::Certificate::from_pem(org.authority().unwrap().as_bytes()).unwrap();
    let http = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([authority])
        .build()
        .unwrap();
    Client { org, http }
}

#[tokio::test]
async fn who_trusts_the_authority_is_served() {
    let client = client().await;
    assert!(client.org.url().starts_with("https://127.0.0.1:"));
    let done = client.ingest("Account", "insert", None, "Name\nx\n").await;
    assert_eq!(done.successful.len(), 1);
    let token = client
        .http
        .post(format!("{}/services/oauth2/token", client.org.url()))
        .form(&[
            ("grant_type", "client_credentials"),
            ("client_id", client.org.client_id()),
            ("client_secret", client.org.client_secret()),
        ]);
    let token: serde_json::Value = token.send().await.unwrap().json().await.unwrap();
    assert_eq!(token["instance_url"], json!(client.org.url()));
    let by_name = client.org.url().replace("127.0.0.1", "localhost");
    let answer = client
        .http
        .get(format!("{by_name}/services/data"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let page = client.http.get(client.org.url()).send().await.unwrap();
    assert_eq!(page.status(), 200);
}

#[tokio::test]
async fn who_does_not_is_not() {
    let client = client().await;
    let stranger = reqwest::Client::builder().no_proxy().build().unwrap();
    assert!(stranger.get(client.org.url()).send().await.is_err());
    let plain = client.org.url().replace("https:", "http:");
    assert!(stranger.get(plain).send().await.is_err());
    assert!(start().await.org.authority().is_none());
}

#[tokio::test]
async fn a_client_that_never_greets_holds_up_nobody() {
    let client = client().await;
    let address = client.org.url().replace("https://", "");
    let mut silent = tokio::net::TcpStream::connect(&address).await.unwrap();
    let (status, _) = client.send(Method::GET, "limits", None).await;
    assert_eq!(status, 200);
    // Stopping lets go of it, too.
    client.org.stop().await;
    let mut nothing = [0; 1];
    let read = tokio::time::timeout(Duration::from_secs(15), silent.read(&mut nothing));
    assert!(matches!(read.await.unwrap(), Ok(0) | Err(_)));
    assert!(tokio::net::TcpStream::connect(&address).await.is_err());
}

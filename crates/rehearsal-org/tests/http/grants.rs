//! Every way to a token besides client credentials: assertions, refresh tokens, username and password.

use std::time::{SystemTime, UNIX_EPOCH};

use rehearsal_org::{RehearsalOrg, Settings, USERNAME};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use crate::client::{Client, read, start, start_with};

const JWT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Of nothing but these tests.
const SIGNING: &[u8] = include_bytes!("keys/signing.der");

async fn token(client: &Client, form: &[(&str, &str)]) -> (u16, Value) {
    let url = format!("{}/services/oauth2/token", client.org.url());
    read(client.http.post(url).form(form).send().await.unwrap()).await
}

/// A token that was granted works.
async fn granted(client: &Client, form: &[(&str, &str)]) -> Value {
    let (status, reply) = token(client, form).await;
    assert_eq!(status, 200, "{reply}");
    let access = reply["access_token"].as_str().unwrap();
    let url = format!("{}/services/oauth2/userinfo", client.org.url());
    let who = client.http.get(url).bearer_auth(access).send().await;
    let (status, who) = read(who.unwrap()).await;
    assert_eq!(
        (status, &who["preferred_username"]),
        (200, &json!(USERNAME))
    );
    let id = reply["id"].as_str().unwrap();
    assert!(id.ends_with(who["user_id"].as_str().unwrap()), "{id}");
    reply
}

async fn refused(client: &Client, form: &[(&str, &str)]) -> (String, String) {
    let (status, reply) = token(client, form).await;
    assert_eq!(status, 400, "{reply}");
    let text = |key: &str| reply[key].as_str().unwrap().to_owned();
    (text("error"), text("error_description"))
}

fn base64_url(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0u32, |bits, b| bits << 8 | u32::from(*b));
        let bits = bits << (8 * (3 - group.len()));
        for place in 0..=group.len() {
            let six = bits >> (18 - 6 * place) & 63;
            out.push(char::from(LETTERS[six as usize]));
        }
    }
    out
}

fn assertion(claims: &Value, signed: bool) -> String {
    let part = |value: &Value| base64_url(value.to_string().as_bytes());
    let text = format!("{}.{}", part(&json!({"alg": "RS256"})), part(claims));
    let key = RsaKeyPair::from_der(SIGNING).unwrap();
    let mut signature = vec![0; key.public().modulus_len()];
    let random = SystemRandom::new();
    key.sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature)
        .unwrap();
    if !signed {
        signature[0] ^= 1;
    }
    format!("{text}.{}", base64_url(&signature))
}

fn soon() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs() + 180
}

fn claims(client: &Client) -> Value {
    json!({
        "iss": client.org.client_id(), "sub": USERNAME,
        "aud": "https://login.salesforce.com", "exp": soon(),
    })
}

#[tokio::test]
async fn assertions_are_read_as_clients_write_them() {
    let client = start().await;
    for exp in [
        json!(soon()),
        json!(soon().to_string()),
        json!(soon() * 1000),
    ] {
        let mut claims = claims(&client);
        claims["exp"] = exp;
        let reply = granted(
            &client,
            &[
                ("grant_type", JWT),
                ("assertion", &assertion(&claims, false)),
            ],
        )
        .await;
        assert!(reply.get("refresh_token").is_none() && reply.get("issued_at").is_none());
    }
    for (key, value, error, text) in [
        (
            "iss",
            json!("other"),
            "invalid_client_id",
            "client identifier invalid",
        ),
        (
            "sub",
            json!("who@example.com"),
            "invalid_grant",
            "user hasn't approved this consumer",
        ),
        (
            "exp",
            json!(1_600_000_000),
            "invalid_grant",
            "expired authorization code",
        ),
        ("exp", Value::Null, "invalid_grant", "invalid assertion"),
    ] {
        let mut claims = claims(&client);
        claims[key] = value;
        let form = [
            ("grant_type", JWT),
            ("assertion", &assertion(&claims, true)),
        ];
        assert_eq!(refused(&client, &form).await, (error.into(), text.into()));
    }
    for wrong in ["", "no.jwt", "e30.e30.AA"] {
        let form = [("grant_type", JWT), ("assertion", wrong)];
        assert_eq!(refused(&client, &form).await.1, "invalid assertion");
    }
    assert_eq!(
        refused(&client, &[("grant_type", JWT)]).await.0,
        "invalid_request"
    );
}

#[tokio::test]
async fn signatures_are_verified_with_a_key() {
    for pem in [
        include_str!("keys/public.pem"),
        include_str!("keys/certificate.pem"),
    ] {
        let client = start_with(Settings {
            jwt_key: Some(pem.to_owned()),
            ..Settings::default()
        })
        .await;
        let claims = claims(&client);
        let good = assertion(&claims, true);
        granted(&client, &[("grant_type", JWT), ("assertion", &good)]).await;
        let forged = assertion(&claims, false);
        let form = [("grant_type", JWT), ("assertion", forged.as_str())];
        assert_eq!(
            refused(&client, &form).await,
            ("invalid_grant".into(), "invalid assertion".into())
        );
    }
    let settings = Settings {
        jwt_key: Some("nonsense".to_owned()),
        ..Settings::default()
    };
    let error = RehearsalOrg::start(settings).await.err().unwrap();
    assert!(error.to_string().contains("JWT key"), "{error}");
}

#[tokio::test]
async fn refresh_tokens_work_until_they_are_revoked() {
    let client = start().await;
    let refresh = client.org.refresh_token();
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", client.org.client_id()),
        ("refresh_token", refresh),
    ];
    let reply = granted(&client, &form).await;
    assert!(reply["issued_at"].is_string() && reply.get("refresh_token").is_none());
    client.org.expire_sessions();
    granted(&client, &form).await;
    let wrong = [form[0], form[1], ("refresh_token", "x")];
    let expired: (String, String) = (
        "invalid_grant".into(),
        "expired access/refresh token".into(),
    );
    assert_eq!(refused(&client, &wrong).await, expired);
    let other = [form[0], ("client_id", "x"), form[2]];
    assert_eq!(refused(&client, &other).await.0, "invalid_client_id");
    let url = format!("{}/services/oauth2/revoke", client.org.url());
    let revoked = client.http.post(url).form(&[("token", refresh)]).send();
    assert_eq!(revoked.await.unwrap().status(), 200);
    assert_eq!(refused(&client, &form).await, expired);
}

#[tokio::test]
async fn username_and_password() {
    let client = start_with(Settings {
        password: "secret+token".to_owned(),
        ..Settings::default()
    })
    .await;
    let form = |password| {
        [
            ("grant_type", "password"),
            ("client_id", client.org.client_id()),
            ("client_secret", client.org.client_secret()),
            ("username", USERNAME),
            ("password", password),
        ]
    };
    let reply = granted(&client, &form("secret+token")).await;
    assert_eq!(reply["instance_url"], client.org.url());
    let failed: (String, String) = ("invalid_grant".into(), "authentication failure".into());
    assert_eq!(refused(&client, &form("secret")).await, failed);
    let mut who = form("secret+token");
    who[3].1 = "somebody@example.com";
    assert_eq!(refused(&client, &who).await, failed);
    let bare = [who[0], who[1], who[3], who[4]];
    assert_eq!(refused(&client, &bare).await.0, "invalid_request");
}

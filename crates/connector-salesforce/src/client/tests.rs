//! Whole clients with what only tests set: the Salesforce CLI's program, and how long a count of calls serves.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::{FailureKind, Secret};
use rehearsal_org::{RehearsalOrg, Settings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::testing::FakeSf;

#[test]
fn segments_and_queries_are_escaped() {
    let call = Call::get(&["sobjects", "../A b", "describe"]).query("q", "a='b+c'&d");
    assert_eq!(
        call.path,
        "/sobjects/..%2FA%20b/describe?q=a%3D%27b%2Bc%27%26d"
    );
}

#[test]
fn pauses_grow_and_end() {
    for tries in 1..40 {
        assert!(pause_after(tries, None) <= LONGEST_PAUSE);
    }
    let asked = Duration::from_secs(3);
    assert!(pause_after(1, Some(asked)) >= asked);
}

/// A session of an org, as some client got it.
async fn session(org: &RehearsalOrg) -> String {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", org.client_id()),
        ("refresh_token", org.refresh_token()),
    ];
    let http = Client::new("org", &by_token(&org.url())).unwrap().http;
    let url = format!("{}/services/oauth2/token", org.url());
    let answer = http.post(url).form(&form).send().await.unwrap();
    let granted: serde_json::Value = answer.json().await.unwrap();
    granted["access_token"].as_str().unwrap().to_owned()
}

fn by_token(url: &str) -> SalesforceSettings {
    SalesforceSettings {
        instance_url: Some(url.to_owned()),
        access_token: Some(Secret::new("00Dx!token")),
        ..SalesforceSettings::default()
    }
}

fn by_cli(sf: &FakeSf) -> Client {
    let settings = SalesforceSettings {
        target_org: Some("dev".to_owned()),
        ..SalesforceSettings::default()
    };
    Client::build("org", &settings, sf.program()).unwrap()
}

async fn ask(client: &Client) -> Result<(), Failure> {
    Ok(client.done(Call::get(&["limits"])).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cli_tells_the_session_and_the_org_and_is_asked_again_when_it_ends() {
    let org = RehearsalOrg::start(Settings::default()).await.unwrap();
    let sf = FakeSf::new()
        .token(&session(&org).await)
        .display("[REDACTED] Use …", &org.url());
    let client = by_cli(&sf);
    for _ in 0..3 {
        assert_eq!(ask(&client).await, Ok(()));
    }
    assert_eq!(sf.calls().len(), 2, "{:?}", sf.calls());
    org.expire_sessions();
    let sf = sf.token(&session(&org).await);
    let calls = (0..10).map(|_| ask(&client));
    for answer in futures::future::join_all(calls).await {
        assert_eq!(answer, Ok(()));
    }
    assert_eq!(sf.calls().len(), 4, "{:?}", sf.calls());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_the_cli_can_not_renew_pauses() {
    let org = RehearsalOrg::start(Settings::default()).await.unwrap();
    let token = session(&org).await;
    let sf = FakeSf::new().token(&token).display(&token, &org.url());
    let client = by_cli(&sf);
    assert_eq!(ask(&client).await, Ok(()));
    org.expire_sessions();
    let failure = ask(&client).await.unwrap_err();
    assert_eq!(
        (failure.kind, failure.code.as_str()),
        (FailureKind::PauseRun, "login_refused")
    );
    assert!(failure.message.contains("can't renew"), "{failure}");
    assert!(failure.hint.clone().unwrap().contains("sf org login web"));
    assert!(!format!("{failure:?}").contains(&token));
    assert_eq!(sf.calls().len(), 4, "asked again once");
}

/// An org that says with each answer how many calls were used, as the list has it; the last again and again. Where the list has none the session has ended.
async fn counting(counts: &'static [Option<u64>]) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answers = Arc::new(AtomicUsize::new(0));
    let answered = Arc::clone(&answers);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).await;
            let place = answered.fetch_add(1, Ordering::Relaxed);
            let used = counts[place.min(counts.len() - 1)];
            let (status, body, header) = match used {
                Some(used) => (
                    "200 OK",
                    r#"{"access_token":"00Dx!new"}"#,
                    format!("Sforce-Limit-Info: api-usage={used}/100\r\n"),
                ),
                None => (
                    "401 Unauthorized",
                    r#"[{"errorCode":"INVALID_SESSION_ID","message":"Session expired or invalid"}]"#,
                    String::new(),
                ),
            };
            let answer = format!(
                "HTTP/1.1 {status}\r\nConnection: close\r\n{header}Content-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (url, answers)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_count_is_asked_for_anew_before_it_forbids_anything() {
    // The call itself; a look that finds the window moved on, and the call; a look that does not, twice.
    let (url, _) = counting(&[Some(50), Some(10), Some(60), Some(61), Some(62)]).await;
    let client = impatient(&url);
    assert_eq!(ask(&client).await, Ok(()));
    assert_eq!(ask(&client).await, Ok(()));
    for used in [61, 62] {
        let failure = ask(&client).await.unwrap_err();
        assert_eq!(failure.code, "api_budget");
        let told = format!("{used} of its 100");
        assert!(failure.message.contains(&told), "{failure}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ended_while_the_run_was_paused_keeps_no_old_count_alive() {
    // The call; a look and a call without a session; a login, and the call.
    let (url, _) = counting(&[Some(50), None, None, Some(0), Some(3), Some(4)]).await;
    let client = impatient(&url);
    assert_eq!(ask(&client).await, Ok(()));
    assert_eq!(ask(&client).await, Ok(()));
    assert_eq!(client.budget.said().as_deref(), Some("api-usage=3/100"));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_find_the_count_old_together_wait_for_one_look() {
    let (url, answers) = counting(&[Some(50), Some(10)]).await;
    let mut client = impatient(&url);
    assert_eq!(ask(&client).await, Ok(()));
    client.budget.set_stale(Duration::from_millis(50));
    tokio::time::sleep(Duration::from_millis(60)).await;
    let calls = (0..20).map(|_| ask(&client));
    for answer in futures::future::join_all(calls).await {
        assert_eq!(answer, Ok(()));
    }
    assert_eq!(answers.load(Ordering::Relaxed), 22);
}

/// Half of the calls may be used, and a count is old at once.
fn impatient(url: &str) -> Client {
    let settings = SalesforceSettings {
        api_budget: Some(model::migration::Threshold::Percent(50.0)),
        client_id: Some("app".to_owned()),
        client_secret: Some(Secret::new("secret")),
        ..by_token(url)
    };
    let mut client = Client::new("org", &settings).unwrap();
    client.budget.set_stale(Duration::ZERO);
    client
}

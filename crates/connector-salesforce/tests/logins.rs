//! Every login that goes over HTTP: what it needs, its renewal in the middle of the work, and what refuses it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use connector::{CountScope, Target};
use connector_salesforce::salesforce_target;
use model::migration::{Operation, SalesforceSettings};
use model::{Failure, FailureKind, Secret};
use rehearsal_org::{RehearsalOrg, Settings, USERNAME};
use support::script::{HERE, Server, line, serve};
use support::{Bed, accounts, app, count, created, ended, results};

/// Of nothing but these tests, as all in that folder.
const PRIVATE: &str = include_str!("keys/private.pem");
const PUBLIC: &str = include_str!("keys/public.pem");
const EXPIRED: &str =
    r#"[{"errorCode":"INVALID_SESSION_ID","message":"Session expired or invalid"}]"#;
const COUNTED: &str = r#"{"totalSize":7,"done":true,"records":[]}"#;

async fn org() -> RehearsalOrg {
    let settings = Settings {
        jwt_key: Some(PUBLIC.to_owned()),
        ..Settings::default()
    };
    RehearsalOrg::start(settings).await.unwrap()
}

/// No address of the org: the login has to tell it.
fn by_jwt(org: &RehearsalOrg) -> SalesforceSettings {
    SalesforceSettings {
        login_url: Some(org.url()),
        client_id: Some(org.client_id().to_owned()),
        username: Some(USERNAME.to_owned()),
        private_key: Some(Secret::new(PRIVATE)),
        ..SalesforceSettings::default()
    }
}

fn by_refresh(org: &RehearsalOrg) -> SalesforceSettings {
    SalesforceSettings {
        login_url: Some(org.url()),
        client_id: Some(org.client_id().to_owned()),
        refresh_token: Some(Secret::new(org.refresh_token())),
        ..SalesforceSettings::default()
    }
}

async fn open(settings: &SalesforceSettings) -> Arc<dyn Target> {
    salesforce_target("crm", settings).await.unwrap()
}

async fn ask(settings: &SalesforceSettings) -> Result<u64, Failure> {
    open(settings)
        .await
        .count("Account", &CountScope::All)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_login_finds_the_org_and_survives_the_end_of_its_sessions() {
    let org = org().await;
    let with_secret = SalesforceSettings {
        client_secret: Some(Secret::new(org.client_secret())),
        ..by_refresh(&org)
    };
    let from_file = SalesforceSettings {
        private_key: None,
        private_key_file: Some(
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/private.pem").into(),
        ),
        ..by_jwt(&org)
    };
    let credentials = SalesforceSettings {
        login_url: Some(org.url()),
        client_id: Some(org.client_id().to_owned()),
        client_secret: Some(Secret::new(org.client_secret())),
        ..SalesforceSettings::default()
    };
    // Where only the org's own address is given, the login is granted there.
    let at_home = SalesforceSettings {
        login_url: None,
        instance_url: Some(org.url()),
        ..by_jwt(&org)
    };
    for settings in [
        by_jwt(&org),
        by_refresh(&org),
        with_secret,
        from_file,
        credentials,
        at_home,
    ] {
        let target = open(&settings).await;
        for _ in 0..3 {
            assert_eq!(target.count("Account", &CountScope::All).await, Ok(0));
            org.expire_sessions();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_goes_on_while_its_sessions_end() {
    for login in [app, by_jwt, by_refresh] {
        let org = org().await;
        let target = open(&login(&org)).await;
        let bed = Bed { org, target };
        let plan = bed.accounts(Operation::Upsert).await;
        let jobs = bed.jobs();
        let part = jobs.encode(&plan, &accounts(5)).unwrap();
        // It ends before every step, the upload included.
        bed.org.expire_sessions();
        let job = jobs.create(&plan).await.unwrap();
        bed.org.expire_sessions();
        jobs.upload(&plan, &job, connector::JobBody::of(&[part]).unwrap())
            .await
            .unwrap();
        bed.org.expire_sessions();
        jobs.close(&job).await.unwrap();
        bed.org.expire_sessions();
        ended(jobs, &job).await;
        bed.org.expire_sessions();
        let told = results(jobs, &plan, &job, 5).await.unwrap();
        assert_eq!(count(&told, created), 5);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_is_meant_for_the_login_address_and_soon_over() {
    let server = serve(vec![line("oauth2/token", "400 Bad Request", "{}")]).await;
    let settings = SalesforceSettings {
        login_url: Some(format!("{}/", server.url)),
        client_id: Some("app\n".to_owned()),
        username: Some("ann@acme.example".to_owned()),
        private_key: Some(Secret::new(PRIVATE)),
        ..SalesforceSettings::default()
    };
    ask(&settings).await.unwrap_err();
    let body = server.bodies("oauth2").remove(0);
    let (grant, assertion) = body.split_once("&assertion=").unwrap();
    assert_eq!(
        grant,
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"
    );
    let claims = assertion.split('.').nth(1).unwrap();
    let claims = URL_SAFE_NO_PAD.decode(claims).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["aud"], server.url);
    assert_eq!(claims["iss"], "app");
    assert_eq!(claims["sub"], "ann@acme.example");
    let left = claims["exp"].as_i64().unwrap() - chrono::Utc::now().timestamp();
    assert!((100..180).contains(&left), "{left} seconds");
}

fn pauses(failure: &Failure, code: &str, hint: &str) {
    assert_eq!(
        (failure.kind, failure.code.as_str()),
        (FailureKind::PauseRun, code),
        "{failure}"
    );
    assert_eq!(failure.place.connection.as_deref(), Some("crm"));
    let told = failure.hint.as_deref().unwrap_or_default();
    assert!(told.contains(hint), "{told}");
    let shown = format!("{failure:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("PRIVATE KEY"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_login_says_what_to_mend() {
    let org = org().await;
    let other_user = SalesforceSettings {
        username: Some("nobody@acme.example".to_owned()),
        ..by_jwt(&org)
    };
    let other_app = SalesforceSettings {
        client_id: Some("another".to_owned()),
        ..by_jwt(&org)
    };
    let other_token = SalesforceSettings {
        refresh_token: Some(Secret::new("hunter2")),
        ..by_refresh(&org)
    };
    // Signed by another key than the app holds the certificate of.
    let certificate = include_str!("../../rehearsal-org/tests/http/keys/certificate.pem");
    let settings = Settings {
        jwt_key: Some(certificate.to_owned()),
        ..Settings::default()
    };
    let strict = RehearsalOrg::start(settings).await.unwrap();
    for (settings, hint) in [
        (other_user, "pre-authorized"),
        (other_app, "consumer key"),
        (other_token, "log in anew"),
        (by_jwt(&strict), "certificate"),
    ] {
        pauses(&ask(&settings).await.unwrap_err(), "login_refused", hint);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_that_is_refused_pauses() {
    let server = serve(vec![
        line("oauth2/token", "200 OK", r#"{"access_token":"00Dx!a"}"#),
        line("query", "401 Unauthorized", EXPIRED),
        line(
            "oauth2/token",
            "400 Bad Request",
            r#"{"error":"invalid_grant","error_description":"expired access/refresh token"}"#,
        ),
    ])
    .await;
    let failure = ask(&refreshed_at(&server)).await.unwrap_err();
    pauses(&failure, "login_refused", "refresh token");
    assert_eq!((server.calls("query"), server.calls("oauth2")), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_given_token_that_ends_pauses() {
    let server = serve(vec![line("query", "401 Unauthorized", EXPIRED)]).await;
    let settings = SalesforceSettings {
        instance_url: Some(server.url.clone()),
        access_token: Some(Secret::new("00Dx!hunter2")),
        ..SalesforceSettings::default()
    };
    pauses(
        &ask(&settings).await.unwrap_err(),
        "login_refused",
        "give a new one",
    );
}

fn refreshed_at(server: &Server) -> SalesforceSettings {
    SalesforceSettings {
        instance_url: Some(server.url.clone()),
        client_id: Some("app".to_owned()),
        refresh_token: Some(Secret::new("first")),
        ..SalesforceSettings::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_was_replaced_is_used_no_more() {
    let granted = |n: u8| {
        let answer = format!(r#"{{"access_token":"00Dx!{n}","refresh_token":"next-{n}"}}"#);
        line("oauth2/token", "200 OK", &answer)
    };
    let server = serve(vec![
        granted(1),
        line("query", "401 Unauthorized", EXPIRED),
        granted(2),
        line("query", "401 Unauthorized", EXPIRED),
        line("query", "200 OK", COUNTED),
    ])
    .await;
    let target = open(&refreshed_at(&server)).await;
    let again = target.count("Account", &CountScope::All).await;
    // Renewed once within a call; the second end is told.
    assert_eq!(again.unwrap_err().code, "login_refused");
    assert_eq!(target.count("Account", &CountScope::All).await, Ok(7));
    let tokens: Vec<_> = server
        .bodies("oauth2")
        .iter()
        .map(|body| body.rsplit_once('=').unwrap().1.to_owned())
        .collect();
    assert_eq!(tokens, ["first", "next-1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_that_a_login_tells_is_looked_at() {
    let told = |url: &str| {
        let answer = format!(r#"{{"access_token":"00Dx!hunter2","instance_url":"{url}"}}"#);
        line("oauth2/token", "200 OK", &answer)
    };
    for wrong in [
        "http://acme.my.salesforce.com",
        "https://user:hunter2@acme.my.salesforce.com",
        "https://acme.my.salesforce.com/services",
        "acme",
    ] {
        let server = serve(vec![told(wrong)]).await;
        let settings = SalesforceSettings {
            instance_url: None,
            login_url: Some(server.url.clone()),
            ..refreshed_at(&server)
        };
        pauses(
            &ask(&settings).await.unwrap_err(),
            "wrong_instance_url",
            "`instance_url`",
        );
    }
    let server = serve(vec![told(HERE), line("query", "200 OK", COUNTED)]).await;
    let settings = SalesforceSettings {
        instance_url: None,
        login_url: Some(server.url.clone()),
        ..refreshed_at(&server)
    };
    assert_eq!(ask(&settings).await, Ok(7));
    // No address at all.
    let server = serve(vec![line(
        "oauth2/token",
        "200 OK",
        r#"{"access_token":"00Dx!a"}"#,
    )])
    .await;
    let settings = SalesforceSettings {
        instance_url: None,
        login_url: Some(server.url.clone()),
        ..refreshed_at(&server)
    };
    pauses(
        &ask(&settings).await.unwrap_err(),
        "login_refused",
        "`instance_url`",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incomplete_login_is_refused_before_anything_is_sent() {
    let settings = SalesforceSettings {
        username: Some(USERNAME.to_owned()),
        ..SalesforceSettings::default()
    };
    let failure = salesforce_target("crm", &settings).await.err().unwrap();
    assert_eq!(
        (failure.kind, failure.code.as_str()),
        (FailureKind::Usage, "incomplete_login")
    );
    assert_eq!(failure.place.connection.as_deref(), Some("crm"));
    assert!(failure.message.contains("`client_id`"), "{failure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_names_the_cli() {
    const PROGRAM: &str = "/nowhere/of/the/environment";
    if std::env::var("STEVEDORE_SF").as_deref() != Ok(PROGRAM) {
        // The environment of a running process can't be changed: this test again, in one of its own.
        let mut test = tokio::process::Command::new(std::env::current_exe().unwrap());
        test.args(["the_environment_names_the_cli", "--exact"]);
        let output = test.env("STEVEDORE_SF", PROGRAM).output().await.unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && told.contains("1 passed"),
            "{told}"
        );
        return;
    }
    let settings = SalesforceSettings {
        target_org: Some("dev".to_owned()),
        ..SalesforceSettings::default()
    };
    let failure = ask(&settings).await.unwrap_err();
    pauses(&failure, "sf_not_found", "STEVEDORE_SF");
    assert!(failure.message.contains(PROGRAM), "{failure}");
}

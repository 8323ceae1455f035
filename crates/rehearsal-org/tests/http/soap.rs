//! The SOAP login of old clients, in the two ways they write it, and its faults.

use rehearsal_org::{Settings, USERNAME};

use crate::client::{Client, read, start, start_with};

async fn post(client: &Client, path: &str, body: String) -> (u16, String) {
    let request = client
        .http
        .post(format!("{}{path}", client.org.url()))
        .header("content-type", "text/xml")
        .header("soapaction", "\"\"");
    let response = request.body(body).send().await.unwrap();
    let content = response.headers()["content-type"].to_str().unwrap();
    assert!(content.starts_with("text/xml"), "{content}");
    (response.status().as_u16(), response.text().await.unwrap())
}

/// As jsforce writes it: the namespace by default.
fn plain(username: &str, password: &str) -> String {
    format!(
        "<se:Envelope xmlns:se=\"http://schemas.xmlsoap.org/soap/envelope/\"><se:Header/><se:Body>\
         <login xmlns=\"urn:partner.soap.sforce.com\"><username>{username}</username>\
         <password>{password}</password></login></se:Body></se:Envelope>"
    )
}

/// As simple-salesforce writes it: the namespace by prefix, with a header.
fn prefixed(username: &str, password: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\" ?>\n<env:Envelope xmlns:env=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:urn=\"urn:partner.soap.sforce.com\">\n<env:Header><urn:CallOptions><urn:client>x</urn:client>\
         <urn:defaultNamespace>sf</urn:defaultNamespace></urn:CallOptions></env:Header>\n<env:Body>\n\
         <n1:login xmlns:n1=\"urn:partner.soap.sforce.com\"><n1:username>{username}</n1:username>\
         <n1:password>{password}</n1:password></n1:login></env:Body></env:Envelope>"
    )
}

fn between<'a>(text: &'a str, name: &str) -> &'a str {
    let (_, rest) = text.split_once(&format!("<{name}>")).expect(name);
    rest.split_once(&format!("</{name}>")).expect(name).0
}

#[tokio::test]
async fn both_ways_of_writing_give_a_session() {
    let client = start_with(Settings {
        password: "a<b&\"c\"".to_owned(),
        ..Settings::default()
    })
    .await;
    let password = "a&lt;b&amp;\"c\"";
    for (path, body) in [
        ("/services/Soap/u/50.0", plain(USERNAME, password)),
        ("/services/Soap/u/59.0/", prefixed(USERNAME, password)),
        ("/services/Soap/c/64.0", plain(USERNAME, password)),
    ] {
        let (status, reply) = post(&client, path, body).await;
        assert_eq!(status, 200, "{reply}");
        let server = between(&reply, "serverUrl");
        let path = path.trim_end_matches('/');
        assert!(
            server.starts_with(&format!("{}{path}/00D", client.org.url())),
            "{server}"
        );
        assert_eq!(between(&reply, "passwordExpired"), "false");
        let session = between(&reply, "sessionId");
        assert!(session.starts_with("00D") && session.contains('!'));
        let info = format!("{}/services/oauth2/userinfo", client.org.url());
        let who = client.http.get(info).bearer_auth(session).send().await;
        let (status, who) = read(who.unwrap()).await;
        assert_eq!(status, 200);
        assert_eq!(who["user_id"], between(&reply, "userId"));
        assert_eq!(who["organization_id"], between(&reply, "organizationId"));
    }
}

#[tokio::test]
async fn wrong_credentials_are_a_fault() {
    let client = start().await;
    let good = client.org.password();
    for body in [
        plain(USERNAME, "x"),
        prefixed("somebody@example.com", good),
        plain(USERNAME, ""),
    ] {
        let (status, reply) = post(&client, "/services/Soap/u/59.0", body).await;
        assert_eq!(status, 500);
        let message = "Invalid username, password, security token; or user locked out.";
        assert_eq!(between(&reply, "faultcode"), "sf:INVALID_LOGIN");
        assert_eq!(
            between(&reply, "faultstring"),
            format!("INVALID_LOGIN: {message}")
        );
        assert_eq!(between(&reply, "sf:exceptionCode"), "INVALID_LOGIN");
        assert_eq!(between(&reply, "sf:exceptionMessage"), message);
        assert!(!reply.contains("sessionId"));
    }
}

#[tokio::test]
async fn other_versions_and_operations_are_faults() {
    let client = start().await;
    let body = plain(USERNAME, client.org.password());
    for version in ["30.0", "65.0", "x"] {
        let path = format!("/services/Soap/u/{version}");
        let (status, reply) = post(&client, &path, body.clone()).await;
        assert_eq!(status, 500);
        assert_eq!(between(&reply, "faultcode"), "sf:UNSUPPORTED_API_VERSION");
    }
    let other = body.replace("login", "sendEmail");
    for (body, text) in [
        (other, "No operation available for request sendEmail"),
        ("<a/>".to_owned(), "The envelope has no body"),
        ("not xml".to_owned(), "text outside the root element"),
    ] {
        let (status, reply) = post(&client, "/services/Soap/u/59.0", body).await;
        assert_eq!(status, 500);
        assert!(between(&reply, "faultstring").contains(text), "{reply}");
    }
}

#[tokio::test]
async fn a_logout_ends_the_session() {
    let client = start().await;
    let body = plain(USERNAME, client.org.password());
    let (_, reply) = post(&client, "/services/Soap/u/50.0", body).await;
    let session = between(&reply, "sessionId").to_owned();
    let logout = format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Header \
         xmlns=\"urn:partner.soap.sforce.com\"><SessionHeader><sessionId>{session}</sessionId></SessionHeader>\
         </s:Header><s:Body><logout xmlns=\"urn:partner.soap.sforce.com\"/></s:Body></s:Envelope>"
    );
    let (status, reply) = post(&client, "/services/Soap/u/50.0", logout.clone()).await;
    assert_eq!(status, 200, "{reply}");
    let url = format!("{}/services/oauth2/userinfo", client.org.url());
    let who = client.http.get(url).bearer_auth(session).send().await;
    assert_eq!(who.unwrap().status(), 401);
    let (status, reply) = post(&client, "/services/Soap/u/50.0", logout).await;
    assert_eq!(
        (status, between(&reply, "faultcode")),
        (500, "sf:INVALID_SESSION_ID")
    );
}

//! What changed and what was deleted in a span of time, and records reached through others.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Client, start};

/// A span from two hours ago, or this many minutes, to the next minute.
fn span(from: i64) -> String {
    let text = |minutes| {
        let moment = chrono::Utc::now() + chrono::Duration::minutes(minutes);
        moment.format("%Y-%m-%dT%H:%M:%S%%2B00:00").to_string()
    };
    format!("start={}&end={}", text(from), text(1))
}

#[tokio::test]
async fn records_are_told_as_updated_until_they_are_deleted() {
    let client = start().await;
    let kept = client.create("Account", json!({"Name": "kept"})).await;
    let gone = client.create("Account", json!({"Name": "gone"})).await;
    let (status, _) = client
        .send(Method::DELETE, &format!("sobjects/Account/{gone}"), None)
        .await;
    assert_eq!(status, 204);
    let span = span(-120);
    let updated = client
        .get(&format!("sobjects/Account/updated/?{span}"))
        .await;
    assert_eq!(updated["ids"], json!([kept]));
    assert!(
        updated["latestDateCovered"]
            .as_str()
            .unwrap()
            .ends_with(":00.000+0000")
    );
    let deleted = client
        .get(&format!("sobjects/Account/deleted?{span}"))
        .await;
    let records = deleted["deletedRecords"].as_array().unwrap();
    assert_eq!(records.len(), 1, "{deleted}");
    assert_eq!(records[0]["id"], gone.as_str());
    assert!(records[0]["deletedDate"].is_string() && deleted["earliestDateAvailable"].is_string());
    let others = client
        .get(&format!("sobjects/Contact/updated?{span}"))
        .await;
    assert_eq!(others["ids"], json!([]));
}

#[tokio::test]
async fn spans_that_can_not_be_are_refused() {
    let client = start().await;
    let long_ago = span(-60 * 24 * 31);
    for (query, code) in [
        ("", "MISSING_ARGUMENT"),
        ("start=2026-01-01T00:00:00Z", "MISSING_ARGUMENT"),
        ("start=yesterday&end=today", "INVALID_FIELD"),
        (long_ago.as_str(), "INVALID_REPLICATION_DATE"),
        (
            "start=2026-01-02T00:00:10Z&end=2026-01-02T00:00:50Z",
            "INVALID_REPLICATION_DATE",
        ),
    ] {
        let path = format!("sobjects/Account/updated?{query}");
        let (status, body) = client.send(Method::GET, &path, None).await;
        assert_eq!(
            (status, &body[0]["errorCode"]),
            (400, &json!(code)),
            "{query}"
        );
    }
    let (status, _) = client
        .send(
            Method::GET,
            &format!("sobjects/Nope__c/deleted?{}", span(-5)),
            None,
        )
        .await;
    assert_eq!(status, 404);
}

async fn family(client: &Client) -> (String, String) {
    let account = client
        .create(
            "Account",
            json!({"Name": "Parent", "BillingCity": "Bangkok"}),
        )
        .await;
    let contact = json!({"LastName": "Child", "AccountId": account});
    (account, client.create("Contact", contact).await)
}

#[tokio::test]
async fn a_relationship_leads_to_the_parent_and_to_the_children() {
    let client = start().await;
    let (account, contact) = family(&client).await;
    let parent = format!("sobjects/Contact/{contact}/Account");
    let read = client.get(&format!("{parent}?fields=Name")).await;
    assert_eq!(
        (&read["attributes"]["type"], &read["Name"]),
        (&json!("Account"), &json!("Parent"))
    );
    let (status, _) = client
        .send(Method::PATCH, &parent, Some(json!({"Name": "Renamed"})))
        .await;
    assert_eq!(status, 204);
    let read = client.get(&format!("sobjects/Account/{account}")).await;
    assert_eq!(read["Name"], "Renamed");
    let children = client
        .get(&format!("sobjects/Account/{account}/Contacts"))
        .await;
    assert_eq!(
        (&children["totalSize"], &children["done"]),
        (&json!(1), &json!(true))
    );
    assert_eq!(children["records"][0]["Id"], contact.as_str());
    assert_eq!(children["records"][0]["LastName"], "Child");
    let path = format!("sobjects/Account/{account}/Contacts?fields=Id");
    let few = client.get(&path).await;
    let keys: Vec<&String> = few["records"][0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["Id", "attributes"]);
}

#[tokio::test]
async fn a_relationship_that_leads_nowhere_is_not_found() {
    let client = start().await;
    let (account, contact) = family(&client).await;
    let none: [(Method, String, Option<Value>, u16); 5] = [
        (
            Method::GET,
            format!("sobjects/Contact/{contact}/ReportsTo"),
            None,
            404,
        ),
        (
            Method::GET,
            format!("sobjects/Account/{account}/Nothings__r"),
            None,
            404,
        ),
        (
            Method::GET,
            format!("sobjects/Contact/{account}/Account"),
            None,
            404,
        ),
        (
            Method::GET,
            format!("sobjects/Account/{account}/Contacts?fields=Nope"),
            None,
            400,
        ),
        (
            Method::POST,
            format!("sobjects/Account/{account}/Contacts"),
            Some(json!({})),
            405,
        ),
    ];
    for (method, path, body, expected) in none {
        let (status, reply) = client.send(method, &path, body).await;
        assert_eq!(status, expected, "{path}: {reply}");
    }
}

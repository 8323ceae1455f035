//! Text search, by statement and by parameters.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Client, read, start};

async fn furnished() -> Client {
    let client = start().await;
    for (key, name, phone) in [
        ("S1", "Zenith Rockets", "555-0100"),
        ("S2", "Acme Rockets of Köln", "555-0199"),
        ("S3", "Plain", ""),
    ] {
        let account = json!({"External_Id__c": key, "Name": name, "Phone": phone, "Description": "made of paper"});
        client.create("Account", account).await;
    }
    let contact = json!({"LastName": "Rockets", "Email": "zenith@example.com", "Account": {"External_Id__c": "S1"}});
    client.create("Contact", contact).await;
    client
}

async fn search(client: &Client, sosl: &str) -> (u16, Value) {
    let request = client.request(Method::GET, "search").query(&[("q", sosl)]);
    read(request.send().await.unwrap()).await
}

/// What was found, by type and one field, sorted.
fn found(reply: &Value, field: &str) -> Vec<String> {
    let records = reply["searchRecords"].as_array().unwrap();
    let mut found: Vec<String> = records
        .iter()
        .map(|r| format!("{}:{}", r["attributes"]["type"].as_str().unwrap(), r[field]))
        .collect();
    found.sort();
    found
}

#[tokio::test]
async fn a_statement_finds_words_in_the_fields_it_names() {
    let client = furnished().await;
    let cases = [
        (
            "FIND {rockets} RETURNING Account(Id, Name WHERE Phone != null ORDER BY Name), Contact(Name, Account.Name)",
            vec![
                "Account:\"Acme Rockets of Köln\"",
                "Account:\"Zenith Rockets\"",
                "Contact:\"Rockets\"",
            ],
        ),
        (
            "FIND {zenith} IN NAME FIELDS RETURNING Account(Name), Contact(Name)",
            vec!["Account:\"Zenith Rockets\""],
        ),
        (
            "FIND {zenith} IN EMAIL FIELDS RETURNING Account(Name), Contact(Name)",
            vec!["Contact:\"Rockets\""],
        ),
        (
            "FIND {\"555-0199\"} IN PHONE FIELDS RETURNING Account(Name)",
            vec!["Account:\"Acme Rockets of Köln\""],
        ),
        (
            "FIND {paper AND NOT rock*} RETURNING Account(Name)",
            vec!["Account:\"Plain\""],
        ),
        (
            "FIND {paper} RETURNING Account(Name ORDER BY Name DESC LIMIT 1 OFFSET 1)",
            vec!["Account:\"Plain\""],
        ),
        ("FIND {rocket} RETURNING Account(Name)", vec![]),
    ];
    for (sosl, expected) in cases {
        let (status, reply) = search(&client, sosl).await;
        assert_eq!(status, 200, "{sosl}: {reply}");
        assert_eq!(found(&reply, "Name"), expected, "{sosl}");
    }
    let (_, everywhere) = search(&client, "FIND {rockets}").await;
    assert_eq!(everywhere["searchRecords"].as_array().unwrap().len(), 3);
    assert!(everywhere["searchRecords"][0]["Id"].is_string());
    let (_, few) = search(&client, "FIND {rockets} LIMIT 2").await;
    assert_eq!(few["searchRecords"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_search_that_can_not_be_read_is_told() {
    let client = start().await;
    for (sosl, code) in [
        ("", "MALFORMED_SEARCH"),
        ("FIND {}", "MALFORMED_SEARCH"),
        ("FIND {x} RETURNING Nothing__c(Id)", "INVALID_TYPE"),
        ("FIND {x} RETURNING Account(Nope__c)", "INVALID_FIELD"),
        ("FIND {x} RETURNING Account(COUNT())", "MALFORMED_SEARCH"),
    ] {
        let (status, reply) = search(&client, sosl).await;
        assert_eq!(
            (status, &reply[0]["errorCode"]),
            (400, &json!(code)),
            "{sosl}"
        );
    }
}

#[tokio::test]
async fn parameters_ask_the_same() {
    let client = furnished().await;
    let path = "parameterizedSearch?q=rockets&sobject=Account&sobject=Contact&Account.fields=id,Name&Account.limit=1\
                &Contact.fields=Name&Account.where=Name%20LIKE%20'Z%25'";
    let in_address = client.get(path).await;
    let asked = json!({
        "q": "rockets", "in": "ALL", "fields": ["Name"],
        "sobjects": [{"name": "Account", "where": "Name LIKE 'Z%'", "limit": 1}, {"name": "Contact"}],
    });
    let (status, in_body) = client
        .send(Method::POST, "parameterizedSearch", Some(asked))
        .await;
    assert_eq!(status, 200, "{in_body}");
    for reply in [in_address, in_body] {
        assert_eq!(
            found(&reply, "Name"),
            ["Account:\"Zenith Rockets\"", "Contact:\"Rockets\""]
        );
    }
    let (status, reply) = client
        .send(Method::GET, "parameterizedSearch?q=x&in=SOME", None)
        .await;
    assert_eq!(
        (status, &reply[0]["errorCode"]),
        (400, &json!("MALFORMED_SEARCH"))
    );
}

#[tokio::test]
async fn old_versions_get_the_records_alone() {
    let client = furnished().await;
    let url = format!("{}/services/data/v36.0/search", client.org.url());
    let request = client
        .http
        .get(url)
        .bearer_auth(client.org.access_token())
        .query(&[("q", "FIND {zenith} RETURNING Account")]);
    let (status, reply) = read(request.send().await.unwrap()).await;
    assert_eq!(status, 200);
    assert_eq!(reply[0]["attributes"]["type"], "Account");
}

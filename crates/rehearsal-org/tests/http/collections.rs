//! Up to 200 records in one call.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::start;

fn account(name: Value, key: &str) -> Value {
    json!({"attributes": {"type": "Account"}, "Name": name, "External_Id__c": key})
}

#[tokio::test]
async fn each_record_has_its_own_outcome_in_order() {
    let client = start().await;
    let records = json!([
        account(json!("One"), "1"),
        account(Value::Null, "2"),
        account(json!("Three"), "1")
    ]);
    let (status, results) = client
        .send(
            Method::POST,
            "composite/sobjects",
            Some(json!({"allOrNone": false, "records": records})),
        )
        .await;
    assert_eq!(status, 200);
    let id = results[0]["id"].as_str().unwrap();
    assert_eq!(results[0]["success"], true);
    assert_eq!(
        results[1]["errors"][0],
        json!({"statusCode": "REQUIRED_FIELD_MISSING", "message": "Required fields are missing: [Name]", "fields": ["Name"]})
    );
    assert_eq!(
        results[2]["errors"][0]["message"],
        format!("duplicate value found: External_Id__c duplicates value on record with id: {id}")
    );
    let update = json!({"records": [{"attributes": {"type": "Account"}, "id": id, "Name": "Changed"},
                                    {"attributes": {"type": "Account"}, "Name": "No id"}]});
    let (_, results) = client
        .send(Method::PATCH, "composite/sobjects", Some(update))
        .await;
    assert_eq!(results[0]["success"], true);
    assert_eq!(results[1]["errors"][0]["statusCode"], "MISSING_ARGUMENT");
    let (_, read) = client
        .send(
            Method::POST,
            "composite/sobjects/Account",
            Some(json!({"ids": [id, "001000000000000AAA"], "fields": ["Name"]})),
        )
        .await;
    assert_eq!(
        (&read[0]["Name"], &read[1]),
        (&json!("Changed"), &Value::Null)
    );
    let path = format!("composite/sobjects?ids={id},001000000000000AAA&allOrNone=false");
    let (_, results) = client.send(Method::DELETE, &path, None).await;
    assert_eq!(
        (&results[0]["success"], &results[1]["success"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(client.org.count("Account"), 0);
}

#[tokio::test]
async fn upsert_says_what_was_created() {
    let client = start().await;
    let path = "composite/sobjects/Account/External_Id__c";
    let body =
        |name: &str| json!({"records": [account(json!(name), "K1"), account(json!(name), "K2")]});
    let (_, first) = client.send(Method::PATCH, path, Some(body("a"))).await;
    let (_, again) = client.send(Method::PATCH, path, Some(body("b"))).await;
    assert_eq!(
        (&first[0]["created"], &again[0]["created"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(first[1]["id"], again[1]["id"]);
    assert_eq!(client.org.count("Account"), 2);
}

#[tokio::test]
async fn all_or_none_takes_everything_back() {
    let client = start().await;
    let kept = client
        .create("Account", json!({"Name": "Kept", "External_Id__c": "K"}))
        .await;
    let before = client.org.records("Account");
    let records = json!([
        account(json!("Changed"), "K"),
        account(json!("New"), "N"),
        account(Value::Null, "X")
    ]);
    let body = json!({"allOrNone": true, "records": records});
    let (_, results) = client
        .send(
            Method::PATCH,
            "composite/sobjects/Account/External_Id__c",
            Some(body),
        )
        .await;
    assert_eq!(
        results[0]["errors"][0]["statusCode"],
        "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    );
    assert_eq!(
        results[2]["errors"][0]["statusCode"],
        "REQUIRED_FIELD_MISSING"
    );
    assert_eq!(client.org.records("Account"), before);
    let body = json!({"records": [account(json!("New"), "N")]});
    let (_, results) = client
        .send(
            Method::PATCH,
            "composite/sobjects/Account/External_Id__c",
            Some(body),
        )
        .await;
    assert_eq!(results[0]["created"], true);
    let path = format!("composite/sobjects?ids={kept},001000000000000AAA&allOrNone=true");
    client.send(Method::DELETE, &path, None).await;
    assert_eq!(client.org.count("Account"), 2);
}

#[tokio::test]
async fn two_hundred_and_no_more() {
    let client = start().await;
    let records: Vec<Value> = (0..201)
        .map(|n| account(json!("x"), &n.to_string()))
        .collect();
    let (status, body) = client
        .send(
            Method::POST,
            "composite/sobjects",
            Some(json!({"records": records})),
        )
        .await;
    assert_eq!(
        (status, body[0]["errorCode"].as_str()),
        (400, Some("EXCEEDED_ID_LIMIT"))
    );
    let (status, _) = client
        .send(
            Method::POST,
            "composite/sobjects",
            Some(json!({"records": &records[1..]})),
        )
        .await;
    assert_eq!((status, client.org.count("Account")), (200, 200));
}

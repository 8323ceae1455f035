//! One record at a time.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{read, start};

#[tokio::test]
async fn a_record_from_birth_to_death() {
    let client = start().await;
    let account = client
        .create("Account", json!({"Name": "Acme", "External_Id__c": "A1"}))
        .await;
    assert_eq!(account.len(), 18);
    assert!(account.starts_with("001"));
    let contact = client
        .create(
            "Contact",
            json!({"LastName": "Lee", "Account": {"External_Id__c": "A1"}, "DoNotCall": true}),
        )
        .await;
    let read = client.get(&format!("sobjects/Contact/{contact}")).await;
    assert_eq!(read["AccountId"], account.as_str());
    assert_eq!(
        (&read["DoNotCall"], &read["HasOptedOutOfEmail"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(read["attributes"]["type"], "Contact");
    let path = format!("sobjects/Contact/{contact}");
    let (status, body) = client
        .send(
            Method::PATCH,
            &path,
            Some(json!({"FirstName": "Ann", "AccountId": null})),
        )
        .await;
    assert_eq!((status, body), (204, json!("")));
    let read = client.get(&format!("{path}?fields=Name,AccountId")).await;
    assert_eq!(
        (&read["Name"], &read["AccountId"]),
        (&json!("Ann Lee"), &Value::Null)
    );
    assert_eq!(read.as_object().unwrap().len(), 3);
    assert_eq!(client.send(Method::DELETE, &path, None).await.0, 204);
    let (status, body) = client.send(Method::GET, &path, None).await;
    assert_eq!(
        (status, body[0]["errorCode"].as_str()),
        (404, Some("ENTITY_IS_DELETED"))
    );
    assert_eq!(
        client
            .send(Method::GET, "sobjects/Contact/003000000000000AAA", None)
            .await
            .0,
        404
    );
}

#[tokio::test]
async fn upsert_by_key() {
    let client = start().await;
    let path = "sobjects/Account/External_Id__c/A%2F1";
    let (status, body) = client
        .send(Method::PATCH, path, Some(json!({"Name": "One"})))
        .await;
    assert_eq!((status, &body["created"]), (201, &json!(true)));
    let (status, body) = client
        .send(Method::PATCH, path, Some(json!({"Name": "Two"})))
        .await;
    assert_eq!((status, &body["created"]), (200, &json!(false)));
    let old = "/services/data/v45.0/sobjects/Account/External_Id__c/A%2F1";
    assert_eq!(
        client
            .send(Method::PATCH, old, Some(json!({"Name": "Three"})))
            .await
            .0,
        204
    );
    assert_eq!(client.get(path).await["Name"], "Three");
    assert_eq!(client.get(path).await["External_Id__c"], "A/1");
    let (status, body) = client
        .send(Method::PATCH, "sobjects/Account/Website/x", Some(json!({})))
        .await;
    assert_eq!(status, 404);
    assert_eq!(
        body[0]["message"],
        "Provided external ID field does not exist or is not accessible: Website"
    );
    let body = json!({"External_Id__c": "other"});
    assert_eq!(client.send(Method::PATCH, path, Some(body)).await.0, 400);
    for name in ["a", "b"] {
        client
            .create(
                "Contact",
                json!({"LastName": name, "Email": "same@example.com"}),
            )
            .await;
    }
    let (status, body) = client
        .send(Method::GET, "sobjects/Contact/Email/same@example.com", None)
        .await;
    assert_eq!((status, body.as_array().unwrap().len()), (300, 2));
}

#[tokio::test]
async fn errors_have_code_message_and_fields() {
    let client = start().await;
    let refused = async |object: &str, body: Value| {
        let (status, body) = client
            .send(Method::POST, &format!("sobjects/{object}"), Some(body))
            .await;
        assert_eq!(status, 400, "{body}");
        body[0].clone()
    };
    assert_eq!(
        refused("Opportunity", json!({"Name": "x"})).await,
        json!({"message": "Required fields are missing: [StageName, CloseDate]", "errorCode": "REQUIRED_FIELD_MISSING",
               "fields": ["StageName", "CloseDate"]})
    );
    let unknown = refused("Account", json!({"Name": "x", "Nope": 1})).await;
    assert_eq!(
        unknown["message"],
        "No such column 'Nope' on sobject of type Account"
    );
    let read_only = refused(
        "Account",
        json!({"Name": "x", "CreatedDate": "2024-01-01T00:00:00Z"}),
    )
    .await;
    assert_eq!(read_only["errorCode"], "INVALID_FIELD_FOR_INSERT_UPDATE");
    let parent = refused(
        "Contact",
        json!({"LastName": "x", "Account": {"External_Id__c": "nope"}}),
    )
    .await;
    assert_eq!(
        parent["message"],
        "Foreign key external ID: nope not found for field External_Id__c in entity Account"
    );
    let request = client
        .request(Method::POST, "sobjects/Account")
        .body("{not json");
    let (status, body) = read(request.send().await.unwrap()).await;
    assert_eq!(
        (status, body[0]["errorCode"].as_str()),
        (400, Some("JSON_PARSER_ERROR"))
    );
    let (status, body) = client
        .send(Method::POST, "sobjects/Profile", Some(json!({})))
        .await;
    assert_eq!(
        (status, body[0]["errorCode"].as_str()),
        (400, Some("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"))
    );
}

#[tokio::test]
async fn deleting_an_account_takes_its_contacts_and_frees_its_key() {
    let client = start().await;
    let parent = client
        .create("Account", json!({"Name": "Parent", "External_Id__c": "P"}))
        .await;
    let child = client
        .create("Account", json!({"Name": "Child", "ParentId": parent}))
        .await;
    let boss = client
        .create("Contact", json!({"LastName": "Boss", "AccountId": parent}))
        .await;
    client
        .create("Contact", json!({"LastName": "Staff", "ReportsToId": boss}))
        .await;
    assert_eq!(
        client
            .send(Method::DELETE, &format!("sobjects/Account/{parent}"), None)
            .await
            .0,
        204
    );
    assert_eq!(
        client.get(&format!("sobjects/Account/{child}")).await["ParentId"],
        Value::Null
    );
    let left = client.org.records("Contact");
    assert_eq!(left.len(), 1);
    assert_eq!(
        (&left[0]["LastName"], &left[0]["ReportsToId"]),
        (&json!("Staff"), &Value::Null)
    );
    client
        .create("Account", json!({"Name": "Again", "External_Id__c": "P"}))
        .await;
}

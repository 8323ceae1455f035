//! The standard objects beside accounts and contacts: hierarchies, activities, products, campaigns, people.

use reqwest::Method;
use serde_json::json;

use crate::client::{Client, start};

async fn refused(client: &Client, object: &str, record: serde_json::Value) -> (String, String) {
    let (status, body) = client
        .send(Method::POST, &format!("sobjects/{object}"), Some(record))
        .await;
    assert_eq!(status, 400, "{body}");
    let text = |key: &str| body[0][key].as_str().unwrap().to_owned();
    (text("errorCode"), text("message"))
}

#[tokio::test]
async fn what_each_object_requires() {
    let client = start().await;
    for (object, missing) in [
        ("Product2", "[Name]"),
        ("Pricebook2", "[Name]"),
        ("PricebookEntry", "[Pricebook2Id, Product2Id, UnitPrice]"),
        (
            "OpportunityLineItem",
            "[OpportunityId, PricebookEntryId, Quantity]",
        ),
        ("OpportunityContactRole", "[OpportunityId, ContactId]"),
        ("Campaign", "[Name]"),
        ("CampaignMember", "[CampaignId]"),
        ("CaseComment", "[ParentId]"),
        ("User", "[Username, LastName, Email, Alias, ProfileId]"),
        ("Group", "[Name]"),
        ("GroupMember", "[GroupId, UserOrGroupId]"),
        ("UserRole", "[Name]"),
    ] {
        let (code, message) = refused(&client, object, json!({})).await;
        assert_eq!(code, "REQUIRED_FIELD_MISSING", "{object}");
        assert_eq!(
            message,
            format!("Required fields are missing: {missing}"),
            "{object}"
        );
    }
    for (object, record) in [
        ("Case", json!({})),
        ("Event", json!({})),
        ("Task", json!({})),
    ] {
        client.create(object, record).await;
    }
    assert_eq!(client.org.records("Case")[0]["CaseNumber"], "00000001");
}

#[tokio::test]
async fn products_prices_and_lines() {
    let client = start().await;
    let standard = client
        .query("SELECT Id FROM Pricebook2 WHERE IsStandard = true")
        .await;
    let standard = standard["records"][0]["Id"].as_str().unwrap().to_owned();
    let product = client
        .create("Product2", json!({"Name": "Crane", "External_Id__c": "CR"}))
        .await;
    let entry = client
        .create("PricebookEntry", json!({"Pricebook2Id": standard, "Product2Id": product, "UnitPrice": 10, "IsActive": true}))
        .await;
    client
        .create("Opportunity", json!({"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-01-01", "External_Id__c": "D"}))
        .await;
    let csv = format!(
        "Opportunity.External_Id__c,PricebookEntryId,Quantity,UnitPrice\nD,{entry},2,9.50\n"
    );
    let done = client
        .ingest("OpportunityLineItem", "insert", None, &csv)
        .await;
    assert_eq!(done.failed.len(), 0, "{:?}", done.failed);
    let line = client
        .query("SELECT UnitPrice, PricebookEntry.Product2.Name FROM OpportunityLineItem")
        .await;
    assert_eq!(
        line["records"][0]["PricebookEntry"]["Product2"]["Name"],
        "Crane"
    );
    let (status, body) = client
        .send(
            Method::DELETE,
            &format!("sobjects/Product2/{product}"),
            None,
        )
        .await;
    assert_eq!(status, 204, "{body}");
    assert_eq!(client.org.count("PricebookEntry"), 0);
}

#[tokio::test]
async fn activities_point_to_people_and_things() {
    let client = start().await;
    client
        .create(
            "Lead",
            json!({"LastName": "L", "Company": "C", "External_Id__c": "L1"}),
        )
        .await;
    client
        .create("Case", json!({"Subject": "Leak", "External_Id__c": "C1"}))
        .await;
    let csv =
        "Subject,Lead:Who.External_Id__c,Case:What.External_Id__c,Group:Owner.Id\nCall,L1,C1,\n";
    let done = client.ingest("Task", "insert", None, csv).await;
    assert_eq!(done.failed.len(), 0, "{:?} {}", done.failed, done.job);
    let event = "Subject,StartDateTime,DurationInMinutes,Lead:Who.External_Id__c\nMeet,2026-01-01T10:00:00Z,30,L1\n";
    assert_eq!(
        client
            .ingest("Event", "insert", None, event)
            .await
            .successful
            .len(),
        1
    );
    let task = client.get("sobjects/Task/describe").await.to_string();
    assert!(
        task.contains(r#""referenceTo":["Account","Opportunity","Case","Campaign","Product2"]"#)
    );
    let member = json!({"CampaignId": client.create("Campaign", json!({"Name": "Fair"})).await, "Lead": {"External_Id__c": "L1"}});
    client.create("CampaignMember", member).await;
}

#[tokio::test]
async fn owners_are_found_by_user_name_and_queues_by_id() {
    let client = start().await;
    assert!(client.org.count("User") >= 5);
    let csv = "Name,Owner.Username\nx,ada.sales@stevedore.invalid\ny,nobody@stevedore.invalid\n";
    let done = client.ingest("Account", "insert", None, csv).await;
    assert_eq!((done.successful.len(), done.failed.len()), (1, 1));
    let owner = client
        .query("SELECT Owner.Name, Owner.Profile.Name FROM Account")
        .await;
    assert_eq!(owner["records"][0]["Owner"]["Name"], "Ada Sales");
    let queue = client
        .query("SELECT Id FROM Group WHERE Type = 'Queue' AND DeveloperName = 'Support_Queue'")
        .await;
    let queue = queue["records"][0]["Id"].as_str().unwrap().to_owned();
    client
        .create("Case", json!({"Subject": "x", "OwnerId": queue}))
        .await;
    let (code, _) = refused(&client, "Account", json!({"Name": "x", "OwnerId": queue})).await;
    assert_eq!(code, "MALFORMED_ID");
}

#[tokio::test]
async fn users_are_created_and_never_deleted() {
    let client = start().await;
    let profile = client
        .query("SELECT Id FROM Profile WHERE Name = 'Standard User'")
        .await;
    let record = json!({
        "Username": "new@stevedore.invalid", "LastName": "New", "Email": "new@example.com", "Alias": "new",
        "ProfileId": profile["records"][0]["Id"],
    });
    let id = client.create("User", record.clone()).await;
    let user = client.get(&format!("sobjects/User/{id}")).await;
    assert_eq!(
        (&user["IsActive"], &user["UserType"], &user["LocaleSidKey"]),
        (&json!(true), &json!("Standard"), &json!("en_US"))
    );
    assert_eq!(refused(&client, "User", record).await.0, "DUPLICATE_VALUE");
    let (status, body) = client
        .send(Method::DELETE, &format!("sobjects/User/{id}"), None)
        .await;
    assert_eq!(
        (status, &body[0]["errorCode"]),
        (400, &json!("INVALID_TYPE_FOR_OPERATION"))
    );
    assert_eq!(
        client.get("sobjects/User/describe").await["deletable"],
        false
    );
    let (status, _) = client
        .send(
            Method::PATCH,
            &format!("sobjects/User/{id}"),
            Some(json!({"IsActive": false})),
        )
        .await;
    assert_eq!(status, 204);
}

#[tokio::test]
async fn hierarchies_are_walked() {
    let client = start().await;
    client
        .ingest("Account", "insert", None, "Name,External_Id__c\nTop,T\n")
        .await;
    let done = client
        .ingest(
            "Account",
            "insert",
            None,
            "Name,Parent.External_Id__c\nBelow,T\n",
        )
        .await;
    assert_eq!(done.successful.len(), 1);
    client
        .create(
            "Contact",
            json!({"LastName": "Boss", "Email": "boss@example.com"}),
        )
        .await;
    let csv = "LastName,ReportsTo.Email\nClerk,boss@example.com\n";
    assert_eq!(
        client
            .ingest("Contact", "insert", None, csv)
            .await
            .successful
            .len(),
        1
    );
    let below = client
        .query("SELECT Parent.Name FROM Account WHERE Parent.Name = 'Top'")
        .await;
    assert_eq!(below["totalSize"], 1);
    let clerk = client
        .query("SELECT ReportsTo.Name FROM Contact WHERE ReportsToId != null")
        .await;
    assert_eq!(clerk["records"][0]["ReportsTo"]["Name"], "Boss");
}

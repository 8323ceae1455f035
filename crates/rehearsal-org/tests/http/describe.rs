//! Describe, global and of an object, and schemas given by the caller.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{start, start_with};
use rehearsal_org::{Error, FieldKind, FieldSchema, ObjectSchema, RehearsalOrg, Schema, Settings};

fn field<'a>(describe: &'a Value, name: &str) -> &'a Value {
    let fields = describe["fields"].as_array().unwrap();
    fields
        .iter()
        .find(|f| f["name"] == name)
        .unwrap_or_else(|| panic!("no field {name}"))
}

#[tokio::test]
async fn global_lists_objects_with_their_prefixes() {
    let client = start().await;
    let global = client.get("sobjects").await;
    assert_eq!(global["maxBatchSize"], 200);
    let prefix = |name: &str| {
        let all = global["sobjects"].as_array().unwrap();
        all.iter().find(|o| o["name"] == name).unwrap()["keyPrefix"].clone()
    };
    assert_eq!(prefix("Account"), "001");
    assert_eq!(prefix("Contact"), "003");
    assert_eq!(prefix("Opportunity"), "006");
    assert_eq!(prefix("User"), "005");
    assert_eq!(prefix("RecordType"), "012");
    let (status, body) = client
        .send(Method::GET, "sobjects/Nope/describe", None)
        .await;
    assert_eq!(
        (status, body[0]["errorCode"].as_str()),
        (404, Some("NOT_FOUND"))
    );
}

#[tokio::test]
async fn fields_have_every_key_that_clients_read() {
    let client = start().await;
    let contact = client.get("sobjects/contact/describe").await;
    assert_eq!(contact["name"], "Contact");
    for (name, expected) in [
        (
            "Id",
            json!({"type": "id", "idLookup": true, "createable": false, "defaultedOnCreate": true, "nillable": false, "length": 18}),
        ),
        (
            "LastName",
            json!({"type": "string", "length": 80, "byteLength": 240, "nillable": false, "createable": true, "defaultedOnCreate": false}),
        ),
        (
            "Name",
            json!({"createable": false, "updateable": false, "nameField": true}),
        ),
        (
            "Email",
            json!({"type": "email", "idLookup": true, "externalId": false, "unique": false, "length": 80}),
        ),
        (
            "AccountId",
            json!({"type": "reference", "referenceTo": ["Account"], "relationshipName": "Account", "polymorphicForeignKey": false}),
        ),
        (
            "ReportsToId",
            json!({"referenceTo": ["Contact"], "relationshipName": "ReportsTo"}),
        ),
        (
            "RecordTypeId",
            json!({"referenceTo": ["RecordType"], "relationshipName": "RecordType", "nillable": true}),
        ),
        (
            "External_Id__c",
            json!({"externalId": true, "unique": true, "idLookup": true, "caseSensitive": false, "length": 80, "custom": true}),
        ),
        (
            "Contact_External_Id__c",
            json!({"externalId": true, "unique": true}),
        ),
        (
            "Legacy_Key__c",
            json!({"externalId": true, "unique": true, "length": 80}),
        ),
        (
            "Migration_Id__c",
            json!({"externalId": false, "unique": false, "length": 80}),
        ),
        (
            "Status__c",
            json!({"type": "picklist", "restrictedPicklist": true}),
        ),
        (
            "MailingAddress",
            json!({"type": "address", "createable": false, "filterable": false}),
        ),
        (
            "MailingCity",
            json!({"compoundFieldName": "MailingAddress"}),
        ),
        (
            "HasOptedOutOfEmail",
            json!({"type": "boolean", "nillable": false, "defaultedOnCreate": true}),
        ),
        (
            "SystemModstamp",
            json!({"type": "datetime", "createable": false}),
        ),
        (
            "OwnerId",
            json!({"nillable": false, "defaultedOnCreate": true, "referenceTo": ["User"]}),
        ),
    ] {
        let described = field(&contact, name);
        for (key, value) in expected.as_object().unwrap() {
            assert_eq!(&described[key], value, "{name}.{key}");
        }
    }
    let keys = field(&contact, "Id").as_object().unwrap().len();
    assert!(
        contact["fields"]
            .as_array()
            .unwrap()
            .iter()
            .all(|f| f.as_object().unwrap().len() == keys)
    );
    assert_eq!(keys, 57);
    let values: Vec<&str> = field(&contact, "Status__c")["picklistValues"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v["value"].as_str().unwrap())
        .collect();
    assert_eq!(values, ["Active", "Inactive"]);
    let types: Vec<&str> = contact["recordTypeInfos"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["developerName"].as_str().unwrap())
        .collect();
    assert_eq!(types, ["Customer_Contact", "Vendor_Contact", "Master"]);
    let opportunity = client.get("sobjects/Opportunity/describe").await;
    let amount = field(&opportunity, "Amount");
    assert_eq!(
        (&amount["precision"], &amount["scale"]),
        (&json!(16), &json!(2))
    );
}

#[tokio::test]
async fn a_schema_of_the_callers_own_from_json() {
    let text = json!({"objects": [{
        "name": "Invoice__c",
        "key_prefix": "a01",
        "fields": [
            {"name": "Name", "type": "string", "length": 80, "required": true},
            {"name": "Number__c", "type": "double", "precision": 10, "scale": 0, "external_id": true, "unique": true},
            {"name": "Parent__c", "type": "reference", "reference_to": ["Invoice__c"], "relationship": "Parent__r"},
        ],
    }]});
    let schema = Schema::from_json(&text.to_string()).unwrap();
    let client = start_with(Settings {
        schema,
        ..Settings::default()
    })
    .await;
    let csv = "Name,Number__c,Parent__r.Number__c\nfirst,7,\n";
    let done = client
        .ingest("Invoice__c", "upsert", Some("Number__c"), csv)
        .await;
    assert_eq!(done.successful.len(), 1, "{:?}", done.failed);
    let csv = "Name,Number__c,Parent__r.Number__c\nsecond,8,7\n";
    let done = client
        .ingest("Invoice__c", "upsert", Some("Number__c"), csv)
        .await;
    assert_eq!(done.successful.len(), 1, "{:?}", done.failed);
    let rows = client
        .query("SELECT Parent__r.Name FROM Invoice__c WHERE Number__c = 8")
        .await;
    assert_eq!(rows["records"][0]["Parent__r"]["Name"], "first");
}

#[tokio::test]
async fn a_schema_that_contradicts_itself_does_not_start() {
    let start = |change: fn(&mut Schema)| {
        let mut schema = Schema::standard();
        change(&mut schema);
        RehearsalOrg::start(Settings {
            schema,
            ..Settings::default()
        })
    };
    let message = async |change: fn(&mut Schema)| match start(change).await {
        Err(Error::Schema(message)) => message,
        _ => panic!("it started"),
    };
    let twice = message(|s| {
        s.object_mut("Account")
            .unwrap()
            .fields
            .push(FieldSchema::string("name", 80))
    })
    .await;
    assert_eq!(twice, "field Account.name is there twice");
    let nowhere = message(|s| {
        let field = FieldSchema::reference("X__c", "X__r", &["Nope__c"]);
        s.object_mut("Contact").unwrap().fields.push(field);
    })
    .await;
    assert_eq!(
        nowhere,
        "Contact.X__c refers to Nope__c, which is no object"
    );
    let prefix = message(|s| s.objects.push(ObjectSchema::new("Other__c", "001"))).await;
    assert!(prefix.contains("key prefix 001"), "{prefix}");
    let key = message(|s| {
        let field = FieldSchema {
            unique: true,
            ..FieldSchema::new("When__c", FieldKind::Date)
        };
        s.object_mut("Contact").unwrap().fields.push(field);
    })
    .await;
    assert!(key.contains("can be keys"), "{key}");
    assert!(matches!(
        Schema::from_json("{\"objects\":[],\"more\":1}"),
        Err(Error::SchemaJson(_))
    ));
}

#[tokio::test]
async fn replies_are_compressed_for_those_who_ask() {
    let client = start().await;
    let plain = reqwest::Client::builder()
        .no_proxy()
        .gzip(false)
        .build()
        .unwrap();
    let url = format!(
        "{}/services/data/v66.0/sobjects/Contact/describe",
        client.org.url()
    );
    let get = || plain.get(&url).bearer_auth(client.org.access_token());
    let packed = get()
        .header("accept-encoding", "gzip, deflate")
        .send()
        .await
        .unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    let packed = packed.bytes().await.unwrap();
    let whole = get().send().await.unwrap();
    assert!(whole.headers().get("content-encoding").is_none());
    let whole = whole.bytes().await.unwrap();
    let unpacked: Value =
        serde_json::from_reader(flate2::read::GzDecoder::new(&packed[..])).unwrap();
    assert_eq!(unpacked, serde_json::from_slice::<Value>(&whole).unwrap());
    assert!(packed.len() < whole.len());
}

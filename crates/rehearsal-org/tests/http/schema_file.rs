//! A schema file adds objects, fields and record types, and its mistakes are told with file, object and field.

use rehearsal_org::{Schema, Settings};
use reqwest::Method;
use serde_json::json;

use crate::client::start_with;

const FILE: &str = r#"{
  "objects": [
    {
      "name": "Account",
      "fields": [
        {"name": "Region__c", "type": "picklist", "picklist": ["EMEA", "APAC"], "restricted": true},
        {"name": "Tags__c", "type": "multipicklist", "picklist": ["A", "B", "C"], "restricted": true},
        {"name": "Industry", "type": "picklist", "picklist": ["Shipping"], "restricted": true}
      ],
      "record_types": [{"developer_name": "Partner", "name": "Partner"}]
    },
    {
      "name": "Invoice__c",
      "label": "Bill",
      "fields": [
        {"name": "Number__c", "type": "string", "length": 20, "external_id": true, "unique": true},
        {"name": "Account__c", "type": "reference", "reference_to": ["Account"], "relationship": "Account__r",
         "required": true, "on_delete": "cascade"},
        {"name": "Total__c", "type": "currency", "precision": 10, "scale": 2}
      ]
    },
    {"name": "Parcel__c", "fields": [{"name": "Name", "type": "string", "auto_number": "P-{0000}"}]},
    {"name": "User", "fields": [{"name": "Badge__c", "type": "string", "length": 10}]}
  ]
}"#;

fn with(text: &str) -> Result<Settings, String> {
    let mut schema = Schema::standard();
    schema
        .add_json("org.json", text)
        .map_err(|e| e.to_string())?;
    Ok(Settings {
        schema,
        ..Settings::default()
    })
}

#[tokio::test]
async fn objects_fields_and_record_types_are_added() {
    let client = start_with(with(FILE).unwrap()).await;
    let account = client.get("sobjects/Account/describe").await;
    let field = |name: &str| {
        let all = account["fields"].as_array().unwrap();
        all.iter().find(|f| f["name"] == name).unwrap().clone()
    };
    assert_eq!(field("Region__c")["picklistValues"][1]["value"], "APAC");
    assert_eq!(field("Tags__c")["type"], "multipicklist");
    assert_eq!(
        field("Industry")["picklistValues"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(field("BillingCity")["type"], "string");
    assert_eq!(account["recordTypeInfos"][0]["developerName"], "Partner");
    let invoice = client.get("sobjects/Invoice__c/describe").await;
    assert_eq!(
        (&invoice["label"], &invoice["custom"]),
        (&json!("Bill"), &json!(true))
    );
    assert_eq!(invoice["keyPrefix"], "a00");
    assert_eq!(
        client.get("sobjects/Parcel__c/describe").await["keyPrefix"],
        "a01"
    );
    assert!(
        client
            .get("sobjects/User/describe")
            .await
            .to_string()
            .contains("Badge__c")
    );

    let (status, body) = client
        .send(
            Method::POST,
            "sobjects/Account",
            Some(json!({"Name": "x", "Tags__c": "A;D"})),
        )
        .await;
    assert_eq!(
        (status, &body[0]["errorCode"]),
        (400, &json!("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"))
    );
    let id = client
        .create(
            "Account",
            json!({"Name": "x", "Tags__c": "A;C", "External_Id__c": "X"}),
        )
        .await;
    let csv = "Number__c,Account__r.External_Id__c,Total__c\n1,X,12.50\n2,Y,1\n";
    let done = client
        .ingest("Invoice__c", "upsert", Some("Number__c"), csv)
        .await;
    assert_eq!((done.successful.len(), done.failed.len()), (1, 1));
    let invoice = &client
        .query("SELECT Id, Name, Account__r.Name, Total__c FROM Invoice__c")
        .await["records"][0];
    assert_eq!(
        (&invoice["Account__r"]["Name"], &invoice["Total__c"]),
        (&json!("x"), &json!(12.5))
    );
    // A custom record without a name is called by its id.
    assert_eq!(invoice["Name"], invoice["Id"]);
    client
        .send(Method::DELETE, &format!("sobjects/Account/{id}"), None)
        .await;
    assert_eq!(client.org.count("Invoice__c"), 0);

    client.create("Parcel__c", json!({})).await;
    client.create("Parcel__c", json!({})).await;
    assert_eq!(client.org.records("Parcel__c")[1]["Name"], "P-0002");
    let (status, body) = client
        .send(
            Method::POST,
            "sobjects/Parcel__c",
            Some(json!({"Name": "mine"})),
        )
        .await;
    assert_eq!(
        (status, &body[0]["errorCode"]),
        (400, &json!("INVALID_FIELD_FOR_INSERT_UPDATE"))
    );
}

#[test]
fn mistakes_name_file_object_and_field() {
    let field =
        |field: &str| format!(r#"{{"objects": [{{"name": "Bill__c", "fields": [{field}]}}]}}"#);
    for (text, expected) in [
        ("{", "schema file org.json: EOF while parsing"),
        ("[]", "schema file org.json: invalid type: sequence"),
        (r#"{"object": []}"#, r#"unknown key "object""#),
        (r#"{"objects": {}}"#, "objects must be a list"),
        (
            r#"{"objects": [1]}"#,
            "objects: each is an object with a name",
        ),
        (
            r#"{"objects": [{"fields": []}]}"#,
            "objects: one has no name",
        ),
        (
            r#"{"objects": [{"name": "Bill__c", "feilds": []}]}"#,
            r#"Bill__c: unknown key "feilds""#,
        ),
        (
            r#"{"objects": [{"name": "Bill__c", "owned": "no"}]}"#,
            "Bill__c: owned: invalid type: string",
        ),
        (
            r#"{"objects": [{"name": "Bill", "fields": []}]}"#,
            "Bill: an object that is not custom needs a key_prefix",
        ),
        (
            r#"{"objects": [{"name": "Bill__c", "key_prefix": "001"}]}"#,
            "key prefix 001 of object Bill__c is taken",
        ),
        (
            r#"{"objects": [{"name": "Bill__c", "record_types": [{"name": "x"}]}]}"#,
            "Bill__c, record type: missing field `developer_name`",
        ),
        (
            &field(r#"{"type": "string"}"#),
            "Bill__c.(a field without name): missing field `name`",
        ),
        (
            &field(r#"{"name": "A__c", "type": "text"}"#),
            "Bill__c.A__c: unknown variant `text`",
        ),
        (
            &field(r#"{"name": "A__c", "type": "string", "lenght": 5}"#),
            "Bill__c.A__c: unknown field `lenght`",
        ),
        (
            &field(r#"{"name": "A__c", "type": "string"}"#),
            "schema file org.json: Bill__c.A__c: text needs a length",
        ),
        (
            &field(r#"{"name": "A", "type": "boolean"}"#),
            "Bill__c.A: a field of a custom object is called Name or ends in __c",
        ),
        (
            &field(r#"{"name": "A__c", "type": "string", "length": 5, "picklist": ["x"]}"#),
            "Bill__c.A__c: only a picklist",
        ),
        (
            &field(r#"{"name": "A__c", "type": "picklist", "restricted": true}"#),
            "Bill__c.A__c: a restricted picklist needs its values",
        ),
        (
            &field(r#"{"name": "A__c", "type": "reference"}"#),
            "Bill__c.A__c: a reference needs reference_to",
        ),
        (
            &field(r#"{"name": "A__c", "type": "reference", "reference_to": ["Nope"]}"#),
            "Bill__c.A__c refers to Nope, which is no object",
        ),
        (
            &field(r#"{"name": "A__c", "type": "string", "auto_number": "{x}"}"#),
            "Bill__c.A__c: an auto number is",
        ),
        (
            &field(r#"{"name": "A__c", "type": "int", "default": "many"}"#),
            "default of Bill__c.A__c",
        ),
    ] {
        let error = with(text).map(|_| ()).unwrap_err();
        assert!(
            error.starts_with("schema file org.json: ") && error.contains(expected),
            "{text}: {error}"
        );
    }
    let error = Schema::standard()
        .add_file("/nowhere/org.json".as_ref())
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("schema file /nowhere/org.json: can't be read"),
        "{error}"
    );
}

#[test]
fn what_an_org_serialises_can_be_read_as_a_file() {
    let mut schema = Schema::standard();
    schema.add_json("a", FILE).unwrap();
    let text = serde_json::to_string(&schema).unwrap();
    let mut again = Schema::standard();
    again.add_json("b", &text).unwrap();
    assert_eq!(again, schema);
    assert_eq!(Schema::from_json(&text).unwrap(), schema);
}

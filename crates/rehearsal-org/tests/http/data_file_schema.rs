//! An org kept in a file whose schema changes between two starts: what the org tells of itself follows, what was set
//! up and switched stays, and what can't be told from another schema's is refused and left as it was.

use std::path::Path;

use rehearsal_org::{Error, ObjectSchema, RehearsalOrg, Schema, Settings};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Client, read, start_with};

const RULE: &str = r#"{"automation": {
    "validation_rules": [{"object": "Account", "name": "Phone_needed", "required": "Phone", "message": "Give a phone"}],
    "triggers": [{"object": "Invoice__c", "name": "InvoiceTrigger", "events": ["after delete"]}]
}}"#;

fn schema(parts: &[&str]) -> Schema {
    let mut schema = Schema::standard();
    for part in parts {
        schema.add_json("org.json", part).unwrap();
    }
    schema
}

fn settings(file: &Path, schema: Schema) -> Settings {
    Settings {
        data: Some(file.to_owned()),
        schema,
        ..Settings::default()
    }
}

impl Client {
    async fn told(&self, soql: &str) -> Value {
        let request = self
            .request(Method::GET, "tooling/query")
            .query(&[("q", soql)]);
        let (status, body) = read(request.send().await.unwrap()).await;
        assert_eq!((status, &body["size"]), (200, &json!(1)), "{soql}: {body}");
        body["records"][0].clone()
    }
}

#[tokio::test]
async fn a_schema_that_grew_is_told_anew_and_rules_stay_switched() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("org.db");
    let invoice = r#"{"objects": [{"name": "Invoice__c", "fields": []}]}"#;
    let before = schema(&[invoice, RULE]);
    let client = start_with(settings(&file, before.clone())).await;
    let rule = "SELECT Id, Metadata, Active, EntityDefinition.QualifiedApiName FROM ValidationRule";
    let told = client.told(rule).await;
    let mut metadata = told["Metadata"].clone();
    metadata["active"] = json!(false);
    let url = told["attributes"]["url"].as_str().unwrap().to_owned();
    let body = json!({"Metadata": metadata});
    assert_eq!(client.send(Method::PATCH, &url, Some(body)).await.0, 204);
    client.create("Account", json!({"Name": "Acme"})).await;
    client.org.stop().await;

    let grown = r#"{"objects": [{"name": "Account", "fields": [{"name": "Region__c", "type": "string", "length": 40}]}]}"#;
    let mut after = schema(&[invoice, grown, RULE]);
    // Every object has another place now.
    let early = ObjectSchema::new("Early__c", "a77");
    after.objects.insert(0, early);
    let client = start_with(settings(&file, after)).await;
    let told = client.told(rule).await;
    assert_eq!(
        (
            &told["Active"],
            &told["EntityDefinition"]["QualifiedApiName"]
        ),
        (&json!(false), &json!("Account"))
    );
    for field in ["Account.Region__c", "Contact.LastName"] {
        let soql = format!(
            "SELECT EntityDefinition.QualifiedApiName FROM FieldDefinition WHERE DurableId = '{field}'"
        );
        let told = client.told(&soql).await;
        let object = field.split('.').next().unwrap();
        assert_eq!(told["EntityDefinition"]["QualifiedApiName"], object);
    }
    let invoice_id = "SELECT DurableId FROM EntityDefinition WHERE QualifiedApiName = 'Invoice__c'";
    let invoice_id = client.told(invoice_id).await["DurableId"].clone();
    let trigger = client.told("SELECT TableEnumOrId FROM ApexTrigger").await;
    assert_eq!(trigger["TableEnumOrId"], invoice_id);
    let acme = client.query("SELECT Name FROM Account").await;
    assert_eq!(acme["records"][0]["Name"], "Acme");
}

#[tokio::test]
async fn other_rules_are_refused_and_the_file_is_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("org.db");
    let invoice = r#"{"objects": [{"name": "Invoice__c", "fields": []}]}"#;
    let ours = schema(&[invoice, RULE]);
    start_with(settings(&file, ours.clone()))
        .await
        .org
        .stop()
        .await;
    let other = RULE.replace("Phone_needed", "Site_needed");
    let refused = RehearsalOrg::start(settings(&file, schema(&[invoice, &other]))).await;
    assert!(matches!(refused, Err(Error::Data { .. })));
    let client = start_with(settings(&file, ours)).await;
    let rule = client
        .told("SELECT ValidationName FROM ValidationRule")
        .await;
    assert_eq!(rule["ValidationName"], "Phone_needed");
}

#[tokio::test]
async fn what_was_erased_for_good_is_not_furnished_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("org.db");
    let client = start_with(settings(&file, Schema::standard())).await;
    let book = client.query("SELECT Id FROM Pricebook2").await["records"][0]["Id"].clone();
    let csv = format!("Id\n{}\n", book.as_str().unwrap());
    let done = client.ingest("Pricebook2", "hardDelete", None, &csv).await;
    assert_eq!(done.successful.len(), 1, "{:?}", done.failed);
    client.org.stop().await;
    let client = start_with(settings(&file, Schema::standard())).await;
    assert_eq!(client.org.count("Pricebook2"), 0);
    let next = client.create("Pricebook2", json!({"Name": "Mine"})).await;
    assert_ne!(json!(next), book);
}

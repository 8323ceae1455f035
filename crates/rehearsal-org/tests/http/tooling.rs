//! What is set up in the org is listed and switched; an active validation rule refuses records however they come.

use rehearsal_org::{Schema, Settings};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Client, read, start, start_with};

const AUTOMATION: &str = r#"{
  "objects": [{"name": "Invoice__c", "fields": []}],
  "automation": {
    "validation_rules": [
      {"object": "Account", "name": "Phone_needed", "required": "Phone", "message": "Give a phone: always"},
      {"object": "Contact", "name": "Title_of_the_active", "required": "Title", "on_field": false,
       "when": {"field": "Status__c", "is": "Active"}, "message": "Who is active has a title", "active": false}
    ],
    "workflow_rules": [{"object": "Account", "name": "Tell everybody"}],
    "triggers": [
      {"object": "Account", "name": "AccountTrigger", "events": ["before insert", "after update"]},
      {"object": "Invoice__c", "name": "InvoiceTrigger", "events": ["after delete"], "active": false, "namespace": "pkg"}
    ],
    "flows": [
      {"name": "Greet", "label": "Greet them", "object": "Contact", "trigger_type": "RecordAfterSave", "versions": 3, "active_version": 2},
      {"name": "Off", "process_type": "Workflow", "active_version": 0}
    ],
    "duplicate_rules": [{"object": "Contact", "name": "Same_contact", "label": "Same contact"}]
  }
}"#;

async fn client() -> Client {
    let mut schema = Schema::standard();
    schema.add_json("org.json", AUTOMATION).unwrap();
    start_with(Settings {
        schema,
        ..Settings::default()
    })
    .await
}

impl Client {
    async fn tooling(&self, soql: &str) -> (u16, Value) {
        let request = self
            .request(Method::GET, "tooling/query")
            .query(&[("q", soql)]);
        read(request.send().await.unwrap()).await
    }

    /// The one record that a query finds.
    async fn one(&self, soql: &str) -> Value {
        let (status, body) = self.tooling(soql).await;
        assert_eq!(
            (status, &body["totalSize"]),
            (200, &json!(1)),
            "{soql}: {body}"
        );
        body["records"][0].clone()
    }

    async fn patch(&self, record: &Value, metadata: &Value) -> (u16, Value) {
        let url = record["attributes"]["url"].as_str().unwrap();
        self.send(Method::PATCH, url, Some(json!({"Metadata": metadata})))
            .await
    }
}

#[tokio::test]
async fn rules_are_listed_as_documented() {
    let client = client().await;
    let trigger = client
        .one("SELECT Id, Name, TableEnumOrId, Status, UsageBeforeInsert, UsageAfterInsert FROM ApexTrigger WHERE TableEnumOrId='Account' AND Status='Active'")
        .await;
    assert_eq!(
        (&trigger["UsageBeforeInsert"], &trigger["UsageAfterInsert"]),
        (&json!(true), &json!(false))
    );
    assert!(trigger["Id"].as_str().unwrap().starts_with("01q"));
    let invoice = client
        .one("SELECT DurableId FROM EntityDefinition WHERE QualifiedApiName = 'Invoice__c'")
        .await;
    let invoice = invoice["DurableId"].as_str().unwrap().to_owned();
    assert!(invoice.starts_with("01I"), "{invoice}");
    let managed = client.one(&format!("SELECT Name, NamespacePrefix, Status FROM ApexTrigger WHERE TableEnumOrId = '{invoice}'")).await;
    assert_eq!(
        (&managed["NamespacePrefix"], &managed["Status"]),
        (&json!("pkg"), &json!("Inactive"))
    );
    let rule = client
        .one("SELECT Id, ValidationName, Active, EntityDefinitionId, EntityDefinition.QualifiedApiName, ErrorMessage FROM ValidationRule WHERE Active=true AND EntityDefinition.QualifiedApiName='Account'")
        .await;
    assert_eq!(rule["ValidationName"], "Phone_needed");
    assert_eq!(rule["EntityDefinitionId"], "Account");
    assert_eq!(rule["EntityDefinition"]["QualifiedApiName"], "Account");
    let same = client
        .one("SELECT Id FROM ValidationRule WHERE EntityDefinitionId = 'Account'")
        .await;
    assert_eq!(same["Id"], rule["Id"]);
    let workflow = client
        .one("SELECT Id, Name, TableEnumOrId FROM WorkflowRule")
        .await;
    assert_eq!(workflow["TableEnumOrId"], "Account");
    let workflow = client
        .one(&format!(
            "SELECT Metadata FROM WorkflowRule WHERE Id = '{}'",
            workflow["Id"].as_str().unwrap()
        ))
        .await;
    assert_eq!(workflow["Metadata"]["active"], true);
    let flows = client.query("SELECT ApiName, Label, ProcessType, TriggerType, TriggerObjectOrEventLabel, IsActive FROM FlowDefinitionView ORDER BY ApiName").await;
    assert_eq!(flows["records"][0]["Label"], "Greet them");
    assert_eq!(
        (
            &flows["records"][0]["IsActive"],
            &flows["records"][1]["IsActive"]
        ),
        (&json!(true), &json!(false))
    );
    let rule = client
        .query("SELECT Id, DeveloperName, MasterLabel, SobjectType, IsActive FROM DuplicateRule")
        .await;
    assert_eq!(rule["records"][0]["SobjectType"], "Contact");
}

#[tokio::test]
async fn each_api_shows_its_own_objects() {
    let client = client().await;
    for object in ["ValidationRule", "WorkflowRule", "FlowDefinition", "Flow"] {
        let (status, body) = client.try_query(&format!("SELECT Id FROM {object}")).await;
        assert_eq!(
            (status, &body[0]["errorCode"]),
            (400, &json!("INVALID_TYPE")),
            "{object}"
        );
        assert_eq!(
            client
                .send(Method::GET, &format!("sobjects/{object}/describe"), None)
                .await
                .0,
            404
        );
        client
            .get(&format!("tooling/sobjects/{object}/describe"))
            .await;
    }
    for object in ["Account", "DuplicateRule", "FlowDefinitionView"] {
        let (status, body) = client.tooling(&format!("SELECT Id FROM {object}")).await;
        assert_eq!(
            (status, &body[0]["errorCode"]),
            (400, &json!("INVALID_TYPE")),
            "{object}"
        );
    }
    let global = client.get("tooling/sobjects").await.to_string();
    assert!(global.contains("\"ValidationRule\"") && !global.contains("\"Account\""));
    assert!(
        !client
            .get("sobjects")
            .await
            .to_string()
            .contains("\"ValidationRule\"")
    );
    let fields = client.query("SELECT QualifiedApiName FROM FieldDefinition WHERE EntityDefinitionId = 'Task' AND IsPolymorphicForeignKey = true ORDER BY QualifiedApiName").await;
    let names: Vec<&str> = fields["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["QualifiedApiName"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["OwnerId", "WhatId", "WhoId"]);
}

#[tokio::test]
async fn metadata_comes_one_row_at_a_time() {
    let client = client().await;
    let (status, body) = client
        .tooling("SELECT Id, Metadata FROM ValidationRule")
        .await;
    assert_eq!(
        (status, &body[0]["errorCode"]),
        (400, &json!("MALFORMED_QUERY"))
    );
    assert!(
        body[0]["message"]
            .as_str()
            .unwrap()
            .ends_with("Result size: 2"),
        "{body}"
    );
    let rule = client.one("SELECT Id, FullName, Metadata FROM ValidationRule WHERE ValidationName = 'Phone_needed'").await;
    assert_eq!(rule["FullName"], "Account.Phone_needed");
    assert_eq!(rule["Metadata"]["errorConditionFormula"], "ISBLANK(Phone)");
    let url = rule["attributes"]["url"].as_str().unwrap();
    assert!(
        url.starts_with("/services/data/v66.0/tooling/sobjects/ValidationRule/03d"),
        "{url}"
    );
    assert_eq!(client.get(url).await["Metadata"], rule["Metadata"]);
}

#[tokio::test]
async fn an_active_rule_refuses_and_an_inactive_one_does_not() {
    let client = client().await;
    let record = json!({"attributes": {"type": "Account"}, "Name": "x", "External_Id__c": "X"});
    let ways = [
        (Method::POST, "sobjects/Account", json!({"Name": "x"})),
        (
            Method::PATCH,
            "sobjects/Account/External_Id__c/X",
            json!({"Name": "x"}),
        ),
    ];
    for (method, path, body) in ways.clone() {
        let (status, body) = client.send(method, path, Some(body)).await;
        let error = json!([{"errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "Give a phone: always", "fields": ["Phone"]}]);
        assert_eq!((status, body), (400, error), "{path}");
    }
    let many = json!({"records": [record, {"attributes": {"type": "Account"}, "Name": "y", "Phone": "1"}]});
    let (_, results) = client
        .send(Method::POST, "composite/sobjects", Some(many))
        .await;
    assert_eq!(
        results[0]["errors"][0]["statusCode"],
        "FIELD_CUSTOM_VALIDATION_EXCEPTION"
    );
    assert_eq!(results[1]["success"], true);
    let csv = "Name,Phone\nx,\ny,2\n";
    let done = client.ingest("Account", "insert", None, csv).await;
    assert_eq!(
        done.errors("Name")["x"],
        "FIELD_CUSTOM_VALIDATION_EXCEPTION:Give a phone: always:Phone --"
    );
    assert_eq!((done.successful.len(), client.org.count("Account")), (1, 2));
    // An update is looked at with what the record has already, and what it clears.
    let id = done.successful[0]["sf__Id"].clone();
    let path = format!("sobjects/Account/{id}");
    assert_eq!(
        client
            .send(Method::PATCH, &path, Some(json!({"Name": "z"})))
            .await
            .0,
        204
    );
    assert_eq!(
        client
            .send(Method::PATCH, &path, Some(json!({"Phone": null})))
            .await
            .0,
        400
    );

    let rule = client
        .one("SELECT Id, Metadata FROM ValidationRule WHERE ValidationName = 'Phone_needed'")
        .await;
    let mut metadata = rule["Metadata"].clone();
    metadata["active"] = json!(false);
    let (status, body) = client.patch(&rule, &metadata).await;
    assert_eq!((status, body), (204, json!("")));
    for (method, path, body) in ways {
        let (status, body) = client.send(method, path, Some(body)).await;
        assert_eq!(status, 201, "{body}");
    }
    assert_eq!(
        client
            .ingest("Account", "insert", None, csv)
            .await
            .failed
            .len(),
        0
    );
    assert_eq!(
        client
            .tooling("SELECT Id FROM ValidationRule WHERE Active = true")
            .await
            .1["totalSize"],
        0
    );
    metadata["active"] = json!(true);
    metadata["errorMessage"] = json!("Once more");
    client.patch(&rule, &metadata).await;
    let done = client.ingest("Account", "insert", None, csv).await;
    assert!(done.errors("Name")["x"].contains("Once more"));
}

#[tokio::test]
async fn a_rule_may_apply_to_some_records_only() {
    let client = client().await;
    let rule = client
        .one("SELECT Id, Metadata FROM ValidationRule WHERE ValidationName = 'Title_of_the_active'")
        .await;
    client
        .create("Contact", json!({"LastName": "a", "Status__c": "Active"}))
        .await;
    let mut metadata = rule["Metadata"].clone();
    metadata["active"] = json!(true);
    client.patch(&rule, &metadata).await;
    let csv = "LastName,Status__c,Title\nb,Active,\nc,Active,Boss\nd,Inactive,\n";
    let done = client.ingest("Contact", "insert", None, csv).await;
    assert_eq!(done.errors("LastName").keys().collect::<Vec<_>>(), ["b"]);
    assert_eq!(
        done.failed[0]["sf__Error"],
        "FIELD_CUSTOM_VALIDATION_EXCEPTION:Who is active has a title:--"
    );
}

#[tokio::test]
async fn switches_want_the_whole_metadata() {
    let client = client().await;
    let rule = client
        .one("SELECT Id, Metadata FROM ValidationRule WHERE ValidationName = 'Phone_needed'")
        .await;
    for (metadata, code) in [
        (json!({"active": false}), "REQUIRED_FIELD_MISSING"),
        (
            json!({"errorMessage": "x", "errorConditionFormula": "ISBLANK(Phone)"}),
            "REQUIRED_FIELD_MISSING",
        ),
        (
            json!({"active": "no", "errorMessage": "x", "errorConditionFormula": "ISBLANK(Phone)"}),
            "JSON_PARSER_ERROR",
        ),
        (
            json!({"active": false, "errorMessage": "x", "errorConditionFormula": "TRUE"}),
            "FIELD_INTEGRITY_EXCEPTION",
        ),
        (json!(null), "INVALID_FIELD"),
    ] {
        let (status, body) = client.patch(&rule, &metadata).await;
        assert_eq!(
            (status, &body[0]["errorCode"]),
            (400, &json!(code)),
            "{metadata}"
        );
    }
    let url = rule["attributes"]["url"].as_str().unwrap();
    assert_eq!(client.send(Method::DELETE, url, None).await.0, 405);
    assert_eq!(client.get(url).await["Active"], true);
    let trigger = client
        .one("SELECT Id FROM ApexTrigger WHERE Name = 'AccountTrigger'")
        .await;
    assert_eq!(
        client.patch(&trigger, &json!({"active": false})).await.0,
        400
    );
}

#[tokio::test]
async fn flows_and_workflow_rules_are_switched() {
    let client = client().await;
    let flow = client.one("SELECT Id, ActiveVersion.VersionNumber, LatestVersion.VersionNumber FROM FlowDefinition WHERE DeveloperName = 'Greet'").await;
    assert_eq!(
        (
            &flow["ActiveVersion"]["VersionNumber"],
            &flow["LatestVersion"]["VersionNumber"]
        ),
        (&json!(2), &json!(3))
    );
    let active = async || {
        let view = client
            .query("SELECT IsActive, VersionNumber FROM FlowDefinitionView WHERE ApiName = 'Greet'")
            .await;
        let versions = client
            .tooling("SELECT VersionNumber FROM Flow WHERE Status = 'Active'")
            .await
            .1;
        (
            view["records"][0]["IsActive"].clone(),
            versions["records"][0]["VersionNumber"].clone(),
        )
    };
    assert_eq!(active().await, (json!(true), json!(2)));
    assert_eq!(
        client
            .patch(&flow, &json!({"activeVersionNumber": 0}))
            .await
            .0,
        204
    );
    assert_eq!(active().await, (json!(false), json!(null)));
    assert_eq!(
        client
            .patch(&flow, &json!({"activeVersionNumber": 4}))
            .await
            .0,
        400
    );
    assert_eq!(
        client.patch(&flow, &json!({"description": "x"})).await.0,
        400
    );
    assert_eq!(
        client
            .patch(&flow, &json!({"activeVersionNumber": 3}))
            .await
            .0,
        204
    );
    assert_eq!(active().await, (json!(true), json!(3)));
    let rule = client.one("SELECT Id, Metadata FROM WorkflowRule").await;
    let mut metadata = rule["Metadata"].clone();
    metadata["active"] = json!(false);
    assert_eq!(client.patch(&rule, &metadata).await.0, 204);
    assert_eq!(
        client.one("SELECT Metadata FROM WorkflowRule").await["Metadata"]["active"],
        false
    );
}

#[tokio::test]
async fn nothing_is_given_to_those_who_have_left() {
    let client = start().await;
    let csv =
        "Name,Owner.Username\nx,former.employee@stevedore.invalid\ny,ada.sales@stevedore.invalid\n";
    let done = client.ingest("Account", "insert", None, csv).await;
    assert_eq!(done.successful.len(), 1);
    assert!(
        done.errors("Name")["x"]
            .starts_with("INACTIVE_OWNER_OR_USER:operation performed with inactive user [005")
    );
}

#[test]
fn rules_about_nothing_are_refused() {
    for (rules, expected) in [
        (
            r#""validation_rules": [{"object": "Nope", "name": "R", "required": "X", "message": "m"}]"#,
            "validation rule R: Nope is no object",
        ),
        (
            r#""validation_rules": [{"object": "Account", "name": "R", "required": "Nope", "message": "m"}]"#,
            "validation rule R: Account.Nope is no field",
        ),
        (
            r#""validation_rules": [{"object": "Account", "name": "R", "required": "Phone", "message": ""}]"#,
            "validation rule R: its message",
        ),
        (
            r#""validation_rules": [{"object": "Account", "name": "R", "message": "m"}]"#,
            "automation: missing field `required`",
        ),
        (
            r#""triggers": [{"object": "Account", "name": "T", "events": ["on insert"]}]"#,
            "trigger T: \"on insert\" is no event",
        ),
        (
            r#""flows": [{"name": "F", "active_version": 2}]"#,
            "flow F: its active version is 2, it has 1",
        ),
        (
            r#""workflow_rules": [{"object": "Nope", "name": "W"}]"#,
            "workflow rule W: Nope is no object",
        ),
        (r#""flow": []"#, "automation: unknown field `flow`"),
    ] {
        let text = format!(r#"{{"automation": {{{rules}}}}}"#);
        let error = Schema::standard()
            .add_json("org.json", &text)
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("schema file org.json: ") && error.contains(expected),
            "{error}"
        );
    }
}

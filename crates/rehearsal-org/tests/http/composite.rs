//! Several calls in one: composite with references and all-or-none, trees, batches.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Client, start};

async fn composite(client: &Client, all_or_none: bool, requests: Value) -> Vec<Value> {
    let body = json!({"allOrNone": all_or_none, "compositeRequest": requests});
    let (status, reply) = client.send(Method::POST, "composite", Some(body)).await;
    assert_eq!(status, 200, "{reply}");
    reply["compositeResponse"].as_array().unwrap().clone()
}

fn call(method: &str, path: &str, name: &str, body: Value) -> Value {
    let url = format!("/services/data/v66.0/{path}");
    let mut call = json!({"method": method, "url": url, "referenceId": name});
    if !body.is_null() {
        call["body"] = body;
    }
    call
}

fn statuses(answers: &[Value]) -> Vec<u64> {
    let status = |answer: &Value| answer["httpStatusCode"].as_u64().unwrap();
    answers.iter().map(status).collect()
}

#[tokio::test]
async fn later_calls_refer_to_earlier_ones() {
    let client = start().await;
    let answers = composite(
        &client,
        true,
        json!([
            call(
                "POST",
                "sobjects/Account",
                "acct",
                json!({"Name": "Acme", "External_Id__c": "A1"})
            ),
            call(
                "POST",
                "sobjects/Contact",
                "person",
                json!({"LastName": "Lee", "AccountId": "@{acct.id}"})
            ),
            call(
                "GET",
                "query/?q=SELECT Id, Account.Name FROM Contact WHERE AccountId = '@{acct.id}'",
                "found",
                Value::Null
            ),
            call(
                "PATCH",
                "sobjects/Account/@{found.records[0].Account.attributes.type}",
                "wrong",
                Value::Null
            ),
        ]),
    )
    .await;
    // The last fails, and with it everything.
    assert_eq!(statuses(&answers), [400, 400, 400, 404]);
    assert_eq!(answers[0]["body"][0]["errorCode"], "PROCESSING_HALTED");
    assert_eq!(client.org.count("Account"), 0);
    assert_eq!(client.org.count("Contact"), 0);
    let answers = composite(
        &client,
        true,
        json!([
            call("POST", "sobjects/Account", "acct", json!({"Name": "Acme", "External_Id__c": "A1"})),
            call("POST", "composite/sobjects", "people", json!({"records": [
                {"attributes": {"type": "Contact"}, "LastName": "Lee", "AccountId": "@{acct.id}"},
                {"attributes": {"type": "Contact"}, "LastName": "Ray", "AccountId": "@{acct.id}"},
            ]})),
            call("PATCH", "sobjects/Contact/@{people[1].id}", "changed", json!({"FirstName": "Bob"})),
            call("GET", "query?q=SELECT+FirstName,+Account.Name+FROM+Contact+WHERE+Id+=+'@{people[1].id}'", "found", Value::Null),
        ]),
    )
    .await;
    assert_eq!(statuses(&answers), [201, 200, 204, 200]);
    let id = answers[0]["body"]["id"].as_str().unwrap();
    assert_eq!(
        answers[0]["httpHeaders"]["Location"],
        format!("/services/data/v66.0/sobjects/Account/{id}")
    );
    assert_eq!(answers[0]["referenceId"], "acct");
    assert_eq!(answers[2]["body"], Value::Null);
    let record = &answers[3]["body"]["records"][0];
    assert_eq!(
        (&record["FirstName"], &record["Account"]["Name"]),
        (&json!("Bob"), &json!("Acme"))
    );
    assert_eq!(client.org.count("Contact"), 2);
}

#[tokio::test]
async fn without_all_or_none_only_what_depends_on_a_failure_fails() {
    let client = start().await;
    let answers = composite(
        &client,
        false,
        json!([
            call("POST", "sobjects/Account", "bad", json!({"Phone": "1"})),
            call(
                "POST",
                "sobjects/Contact",
                "child",
                json!({"LastName": "Lee", "AccountId": "@{bad.id}"})
            ),
            call("POST", "sobjects/Account", "good", json!({"Name": "Acme"})),
        ]),
    )
    .await;
    assert_eq!(statuses(&answers), [400, 400, 201]);
    assert_eq!(answers[0]["body"][0]["errorCode"], "REQUIRED_FIELD_MISSING");
    assert_eq!(answers[1]["body"][0]["errorCode"], "PROCESSING_HALTED");
    assert!(
        answers[1]["body"][0]["message"]
            .as_str()
            .unwrap()
            .starts_with("Invalid reference specified. No value for id found in bad"),
        "{answers:?}"
    );
    assert_eq!(client.org.count("Account"), 1);
    assert_eq!(client.org.count("Contact"), 0);
}

#[tokio::test]
async fn updates_and_deletes_are_taken_back_too() {
    let client = start().await;
    let account = client.create("Account", json!({"Name": "Before"})).await;
    let contact = json!({"LastName": "Lee", "AccountId": account});
    let contact = client.create("Contact", contact).await;
    let failing = call("POST", "sobjects/Account", "bad", json!({}));
    let answers = composite(
        &client,
        true,
        json!([
            call(
                "PATCH",
                &format!("sobjects/Account/{account}"),
                "named",
                json!({"Name": "After"})
            ),
            call(
                "PATCH",
                "sobjects/Account/External_Id__c/N1",
                "made",
                json!({"Name": "New"})
            ),
            call(
                "DELETE",
                &format!("sobjects/Account/{account}"),
                "gone",
                Value::Null
            ),
            failing,
        ]),
    )
    .await;
    assert_eq!(statuses(&answers), [400; 4]);
    let records = client.org.records("Account");
    assert_eq!((records.len(), &records[0]["Name"]), (1, &json!("Before")));
    let left = client.get(&format!("sobjects/Contact/{contact}")).await;
    assert_eq!(left["AccountId"], account);
    let again = json!([call(
        "PATCH",
        "sobjects/Account/External_Id__c/N1",
        "made",
        json!({"Name": "New"})
    )]);
    assert_eq!(statuses(&composite(&client, true, again).await), [201]);
}

#[tokio::test]
async fn composite_has_its_limits() {
    let client = start().await;
    let many = |count: usize, path: &str| -> Value {
        let one = |n| call("GET", path, &format!("r{n}"), Value::Null);
        (0..count).map(one).collect()
    };
    let twice = json!([
        call("GET", "limits", "a", Value::Null),
        call("GET", "limits", "a", Value::Null)
    ]);
    for requests in [
        many(26, "limits"),
        many(6, "query?q=SELECT Id FROM Account"),
        twice,
        json!([call("GET", "limits", "a-b", Value::Null)]),
    ] {
        let body = json!({"compositeRequest": requests});
        let (status, reply) = client.send(Method::POST, "composite", Some(body)).await;
        assert_eq!(
            (status, &reply[0]["errorCode"]),
            (400, &json!("INVALID_INPUT"))
        );
    }
    let answers = composite(&client, false, many(25, "limits")).await;
    assert_eq!(statuses(&answers), [200; 25]);
    let answers = composite(
        &client,
        false,
        json!([
            call("POST", "composite", "inner", json!({"compositeRequest": []})),
            call("GET", "jobs/ingest", "jobs", Value::Null),
            call("GET", "tooling/sobjects", "tooling", Value::Null),
            call("GET", "nowhere", "none", Value::Null),
            {"method": "GET", "url": "/elsewhere", "referenceId": "other"},
        ]),
    )
    .await;
    assert_eq!(statuses(&answers), [400, 400, 400, 404, 404]);
    let (status, _) = client
        .send(Method::POST, "composite", Some(json!({"requests": []})))
        .await;
    assert_eq!(status, 400);
    assert!(client.get("composite").await["tree"].is_string());
}

#[tokio::test]
async fn a_tree_is_written_whole_or_not_at_all() {
    let client = start().await;
    let tree = |last_name: Value| {
        json!({"records": [
            {
                "attributes": {"type": "Account", "referenceId": "a1"}, "Name": "Acme", "External_Id__c": "A1",
                "Contacts": {"records": [
                    {"attributes": {"type": "Contact", "referenceId": "c1"}, "LastName": "Lee"},
                    {"attributes": {"type": "Contact", "referenceId": "c2"}, "LastName": last_name},
                ]},
                "ChildAccounts": {"records": [
                    {"attributes": {"type": "Account", "referenceId": "a3"}, "Name": "Acme Child"},
                ]},
            },
            {"attributes": {"type": "Account", "referenceId": "a2"}, "Name": "Zenith", "Parent": {"External_Id__c": "T1"}},
        ]})
    };
    client
        .create("Account", json!({"Name": "Top", "External_Id__c": "T1"}))
        .await;
    let body = tree(Value::Null);
    let (status, reply) = client
        .send(Method::POST, "composite/tree/Account", Some(body))
        .await;
    assert_eq!(status, 400, "{reply}");
    assert_eq!(reply["hasErrors"], true);
    assert_eq!(reply["results"].as_array().unwrap().len(), 1);
    assert_eq!(
        (
            &reply["results"][0]["referenceId"],
            &reply["results"][0]["errors"][0]["statusCode"]
        ),
        (&json!("c2"), &json!("REQUIRED_FIELD_MISSING"))
    );
    assert_eq!(client.org.count("Account"), 1);
    assert_eq!(client.org.count("Contact"), 0);
    let body = tree(json!("Ray"));
    let (status, reply) = client
        .send(Method::POST, "composite/tree/Account/", Some(body))
        .await;
    assert_eq!(status, 201, "{reply}");
    assert_eq!(reply["hasErrors"], false);
    let names: Vec<&str> = reply["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["referenceId"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["a1", "a3", "c1", "c2", "a2"]);
    let reply = client
        .query("SELECT Name, Parent.Name, (SELECT LastName FROM Contacts) FROM Account WHERE ParentId != null ORDER BY Name")
        .await;
    assert_eq!(
        [
            &reply["records"][0]["Parent"]["Name"],
            &reply["records"][1]["Parent"]["Name"]
        ],
        ["Acme", "Top"]
    );
    let reply = client
        .query("SELECT (SELECT Id FROM Contacts) FROM Account WHERE External_Id__c = 'A1'")
        .await;
    assert_eq!(reply["records"][0]["Contacts"]["totalSize"], 2);
}

#[tokio::test]
async fn trees_have_their_limits() {
    let client = start().await;
    let record =
        |name: String| json!({"attributes": {"type": "Account", "referenceId": name}, "Name": "x"});
    let many: Vec<Value> = (0..201).map(|n| record(format!("r{n}"))).collect();
    let mut deep = record("r0".into());
    for level in 1..6 {
        let mut above = record(format!("r{level}"));
        above["ChildAccounts"] = json!({"records": [deep]});
        deep = above;
    }
    for (records, code) in [
        (json!(many), "EXCEEDED_ID_LIMIT"),
        (json!([deep]), "INVALID_INPUT"),
        (
            json!([record("a".into()), record("a".into())]),
            "INVALID_INPUT",
        ),
        (json!([{"Name": "no attributes"}]), "INVALID_INPUT"),
        (
            json!([{"attributes": {"type": "Contact", "referenceId": "c"}}]),
            "INVALID_INPUT",
        ),
        (json!("none"), "JSON_PARSER_ERROR"),
    ] {
        let body = json!({"records": records});
        let (status, reply) = client
            .send(Method::POST, "composite/tree/Account", Some(body))
            .await;
        assert_eq!((status, reply[0]["errorCode"].as_str()), (400, Some(code)));
    }
    assert_eq!(client.org.count("Account"), 0);
    let body = json!({"records": []});
    let (status, _) = client
        .send(Method::POST, "composite/tree/Nothing__c", Some(body))
        .await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn a_batch_goes_on_or_halts() {
    let client = start().await;
    let requests = json!([
        {"method": "POST", "url": "v66.0/sobjects/Account", "richInput": {"Name": "One"}},
        {"method": "GET", "url": "v66.0/sobjects/Account/001000000000000AAA"},
        {"method": "PATCH", "url": "/services/data/v66.0/sobjects/Account/External_Id__c/B1", "richInput": {"Name": "Two"}},
    ]);
    let body = json!({"batchRequests": requests, "haltOnError": true});
    let (status, reply) = client
        .send(Method::POST, "composite/batch", Some(body))
        .await;
    assert_eq!((status, &reply["hasErrors"]), (200, &json!(true)));
    let codes = |reply: &Value| -> Vec<u64> {
        let results = reply["results"].as_array().unwrap();
        results
            .iter()
            .map(|r| r["statusCode"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(codes(&reply), [201, 404, 412]);
    assert_eq!(
        reply["results"][2]["result"][0]["errorCode"],
        "BATCH_PROCESSING_HALTED"
    );
    assert_eq!(client.org.count("Account"), 1);
    let body = json!({"batchRequests": requests});
    let (_, reply) = client
        .send(Method::POST, "composite/batch", Some(body))
        .await;
    assert_eq!(codes(&reply), [201, 404, 201]);
    assert_eq!(reply["results"][2]["result"]["created"], true);
    let many = vec![json!({"method": "GET", "url": "v66.0/limits"}); 26];
    let body = json!({"batchRequests": many});
    let (status, _) = client
        .send(Method::POST, "composite/batch", Some(body))
        .await;
    assert_eq!(status, 400);
}

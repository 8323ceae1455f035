//! Queries whose select list holds more than fields: children of each record, groups of fields; what is refused, and what its columns are.

use rehearsal_org::{FieldSchema, ObjectSchema, Schema, Settings};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Client, read, start, start_with};

async fn furnished() -> Client {
    let client = start().await;
    let accounts = "External_Id__c,Name\nA1,Acme\nA2,Zenith\nA3,Empty\n";
    client
        .ingest("Account", "upsert", Some("External_Id__c"), accounts)
        .await;
    let contacts = "Contact_External_Id__c,FirstName,LastName,Account.External_Id__c\n\
                    C1,Ann,Lee,A1\nC2,Bob,Ray,A1\nC3,Cid,Lee,A2\nC4,,Solo,\n";
    let done = client
        .ingest(
            "Contact",
            "upsert",
            Some("Contact_External_Id__c"),
            contacts,
        )
        .await;
    assert_eq!(done.successful.len(), 4, "{:?}", done.failed);
    client
}

fn names(list: &Value) -> Vec<&str> {
    let records = list["records"].as_array().unwrap();
    records
        .iter()
        .map(|r| r["LastName"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn children_of_each_record() {
    let client = furnished().await;
    let soql = "SELECT Name, (SELECT Id, LastName FROM Contacts ORDER BY LastName DESC), External_Id__c \
                FROM Account ORDER BY Name";
    let reply = client.query(soql).await;
    let [acme, empty, zenith] = reply["records"].as_array().unwrap().as_slice() else {
        panic!("{reply}");
    };
    assert_eq!(names(&acme["Contacts"]), ["Ray", "Lee"]);
    assert_eq!(
        (&acme["Contacts"]["totalSize"], &acme["Contacts"]["done"]),
        (&json!(2), &json!(true))
    );
    assert_eq!(
        acme["Contacts"]["records"][0]["attributes"]["type"],
        "Contact"
    );
    assert_eq!(empty["Contacts"], Value::Null);
    assert_eq!(names(&zenith["Contacts"]), ["Lee"]);
    let text = client
        .request(Method::GET, "query")
        .query(&[("q", soql)])
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let place = |key: &str| text.find(key).unwrap();
    assert!(place("\"Name\"") < place("\"Contacts\""), "{text}");
    assert!(
        place("\"Contacts\"") < place("\"External_Id__c\""),
        "{text}"
    );
}

#[tokio::test]
async fn children_are_filtered_sorted_and_cut_per_parent() {
    let client = furnished().await;
    let soql = "SELECT a.Name, (SELECT LastName FROM a.Contacts WHERE LastName != 'None' ORDER BY LastName LIMIT 1) \
                FROM Account a WHERE Id IN (SELECT AccountId FROM Contact) ORDER BY a.Name";
    let reply = client.query(soql).await;
    assert_eq!(reply["totalSize"], 2);
    assert_eq!(names(&reply["records"][0]["Contacts"]), ["Lee"]);
    assert_eq!(names(&reply["records"][1]["Contacts"]), ["Lee"]);
    let none = client
        .query("SELECT (SELECT Id FROM Contacts WHERE LastName = 'Nobody') FROM Account LIMIT 1")
        .await;
    assert_eq!(none["records"][0]["Contacts"], Value::Null);
}

#[tokio::test]
async fn children_of_children_and_parents_of_children() {
    let schema = Schema {
        objects: Schema::standard()
            .objects
            .into_iter()
            .chain([
                ObjectSchema::new("Invoice__c", "a01").with([
                    FieldSchema::string("Number__c", 20),
                    FieldSchema::reference("Account__c", "Account__r", &["Account"]),
                ]),
                ObjectSchema::new("Line__c", "a02").with([
                    FieldSchema::string("Text__c", 20),
                    FieldSchema::reference("Invoice__c", "Invoice__r", &["Invoice__c"])
                        .children("Details__r"),
                ]),
            ])
            .collect(),
        ..Schema::standard()
    };
    let client = start_with(Settings {
        schema,
        ..Settings::default()
    })
    .await;
    let account = client.create("Account", json!({"Name": "Acme"})).await;
    let invoice = json!({"Number__c": "1", "Account__c": account});
    let invoice = client.create("Invoice__c", invoice).await;
    client
        .create("Line__c", json!({"Text__c": "a", "Invoice__c": invoice}))
        .await;
    let soql = "SELECT Name, (SELECT Number__c, Account__r.Name, (SELECT Text__c FROM Details__r) FROM Invoices__r) \
                FROM Account";
    let reply = client.query(soql).await;
    let invoice = &reply["records"][0]["Invoices__r"]["records"][0];
    assert_eq!(invoice["Account__r"]["Name"], "Acme");
    assert_eq!(invoice["Details__r"]["records"][0]["Text__c"], "a");
    let describe = client.get("sobjects/Invoice__c/describe").await;
    assert_eq!(
        describe["childRelationships"][0]["relationshipName"],
        "Details__r"
    );
}

#[tokio::test]
async fn a_long_list_of_children_has_pages() {
    let client = start().await;
    client
        .ingest("Account", "insert", None, "Name,External_Id__c\nAcme,A1\n")
        .await;
    let mut csv = String::from("LastName,Account.External_Id__c\n");
    for n in 0..250 {
        csv.push_str(&format!("Person {n},A1\n"));
    }
    client.ingest("Contact", "insert", None, &csv).await;
    let request = client
        .request(Method::GET, "query")
        .query(&[("q", "SELECT (SELECT LastName FROM Contacts) FROM Account")])
        .header("sforce-query-options", "batchSize=200");
    let reply: Value = request.send().await.unwrap().json().await.unwrap();
    let list = &reply["records"][0]["Contacts"];
    assert_eq!(
        (&list["totalSize"], &list["done"], names(list).len()),
        (&json!(250), &json!(false), 200)
    );
    let rest = client.get(list["nextRecordsUrl"].as_str().unwrap()).await;
    assert_eq!((names(&rest).len(), &rest["done"]), (50, &json!(true)));
    assert_eq!(names(&rest)[49], "Person 249");
}

#[tokio::test]
async fn groups_of_fields() {
    let client = furnished().await;
    let keys =
        |record: &Value| -> Vec<String> { record.as_object().unwrap().keys().cloned().collect() };
    let all = client
        .query("SELECT FIELDS(ALL) FROM Account LIMIT 1")
        .await;
    let all = keys(&all["records"][0]);
    for name in [
        "Id",
        "Name",
        "BillingAddress",
        "External_Id__c",
        "CreatedDate",
    ] {
        assert!(all.iter().any(|k| k == name), "{name}");
    }
    let custom = client
        .query("SELECT Name, FIELDS(CUSTOM) FROM Account LIMIT 200")
        .await;
    let custom = keys(&custom["records"][0]);
    assert!(
        custom
            .iter()
            .all(|k| k.ends_with("__c") || k == "Name" || k == "attributes")
    );
    let standard = client
        .query(
            "SELECT fields(standard), (SELECT FIELDS(CUSTOM) FROM Contacts LIMIT 5) FROM Account",
        )
        .await;
    let standard = keys(&standard["records"][0]);
    assert!(!standard.iter().any(|k| k.ends_with("__c")));
    assert!(standard.len() + custom.len() - 2 > all.len());
    for (soql, text) in [
        (
            "SELECT FIELDS(ALL) FROM Account",
            "The SOQL FIELDS function must have a LIMIT of at most 200",
        ),
        (
            "SELECT FIELDS(CUSTOM) FROM Account LIMIT 201",
            "The SOQL FIELDS function must have a LIMIT of at most 200",
        ),
        (
            "SELECT Id, FIELDS(ALL) FROM Account LIMIT 1",
            "duplicate field selected: Id",
        ),
        (
            "SELECT FIELDS(CUSTOM) FROM Organization LIMIT 1",
            "The SOQL FIELDS function must resolve to at least one field",
        ),
        (
            "SELECT FIELDS(STANDARD), COUNT(Id) FROM Account GROUP BY Name",
            "The SOQL FIELDS function is not supported with aggregate expressions",
        ),
        (
            "SELECT FIELDS(SOME) FROM Account LIMIT 1",
            "unexpected token: 'SOME'",
        ),
    ] {
        let (_, message) = client.refused(soql).await;
        assert!(message.ends_with(text), "{soql}: {message}");
    }
}

#[tokio::test]
async fn what_lists_may_not_hold() {
    let client = furnished().await;
    for (soql, code, text) in [
        (
            "SELECT TYPEOF What WHEN Account THEN Name END FROM Task",
            "MALFORMED_QUERY",
            "TYPEOF is not supported",
        ),
        (
            "SELECT (SELECT Id FROM Nothings) FROM Account",
            "INVALID_TYPE",
            "Didn't understand relationship 'Nothings' in FROM part of query call",
        ),
        (
            "SELECT (SELECT COUNT() FROM Contacts) FROM Account",
            "MALFORMED_QUERY",
            "only root queries support aggregate expressions",
        ),
        (
            "SELECT (SELECT Id FROM Contacts), (SELECT Name FROM Contacts) FROM Account",
            "INVALID_FIELD",
            "duplicate relationship selected: Contacts",
        ),
        (
            "SELECT Id FROM Account WHERE Id IN (SELECT AccountId, (SELECT Id FROM Tasks) FROM Contact)",
            "MALFORMED_QUERY",
            "an inner query of IN selects one field",
        ),
        (
            "SELECT COUNT(Id), (SELECT Id FROM Contacts) FROM Account",
            "MALFORMED_QUERY",
            "only aggregate expressions",
        ),
    ] {
        let (found, message) = client.refused(soql).await;
        assert_eq!(found, code, "{soql}");
        assert!(message.contains(text), "{soql}: {message}");
    }
    let deep = format!(
        "SELECT Id FROM Account WHERE {}Name = 'a'{}",
        "(".repeat(5000),
        ")".repeat(5000)
    );
    let body = json!({"operation": "query", "query": deep});
    let (status, reply) = client.send(Method::POST, "jobs/query", Some(body)).await;
    assert_eq!(
        (status, &reply[0]["errorCode"]),
        (400, &json!("QUERY_TOO_COMPLICATED"))
    );
    let body =
        json!({"operation": "query", "query": "SELECT (SELECT Id FROM Contacts) FROM Account"});
    let (_, reply) = client.send(Method::POST, "jobs/query", Some(body)).await;
    assert!(
        reply[0]["message"]
            .as_str()
            .unwrap()
            .starts_with("Aggregate Relationships not supported"),
        "{reply}"
    );
    let body = json!({"operation": "query", "query": "SELECT FIELDS(ALL) FROM Account LIMIT 10"});
    let (status, _) = client.send(Method::POST, "jobs/query", Some(body)).await;
    assert_eq!(status, 400);
    let body = json!({"operation": "query", "query": "SELECT FIELDS(STANDARD) FROM Account"});
    let (status, _) = client.send(Method::POST, "jobs/query", Some(body)).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn columns_are_told_without_records() {
    let client = furnished().await;
    let columns = async |soql: &str| {
        let request = client
            .request(Method::GET, "query")
            .query(&[("q", soql), ("columns", "true")]);
        read(request.send().await.unwrap()).await
    };
    let (_, told) = columns(
        "SELECT Id, Owner.Name, AnnualRevenue, (SELECT LastName FROM Contacts), External_Id__c FROM Account",
    )
    .await;
    assert_eq!(
        (&told["entityName"], &told["idSelected"], &told["keyPrefix"]),
        (&json!("Account"), &json!(true), &json!("001"))
    );
    let all = told["columnMetadata"].as_array().unwrap();
    let names: Vec<&Value> = all.iter().map(|c| &c["columnName"]).collect();
    assert_eq!(
        names,
        ["Id", "Owner", "AnnualRevenue", "Contacts", "External_Id__c"]
    );
    assert_eq!(
        (
            &all[1]["foreignKeyName"],
            &all[1]["joinColumns"][0]["columnName"]
        ),
        (&json!("OwnerId"), &json!("Name"))
    );
    assert_eq!(all[2]["numberType"], true);
    assert_eq!(
        (&all[3]["aggregate"], &all[3]["joinColumns"][0]["apexType"]),
        (&json!(true), &json!("String"))
    );
    assert_eq!(
        (
            &all[4]["custom"],
            &all[4]["textType"],
            &all[4]["insertable"]
        ),
        (&json!(true), &json!(true), &json!(true))
    );
    for (soql, shown, named) in [
        (
            "SELECT LastName, COUNT(Id), MAX(Birthdate) latest FROM Contact GROUP BY LastName",
            ["LastName", "count(Id)", "max(Birthdate)"],
            ["expr0", "latest"],
        ),
        (
            "SELECT Industry, COUNT(Id), MAX(AnnualRevenue) top FROM Account GROUP BY Industry",
            ["Industry", "count(Id)", "max(AnnualRevenue)"],
            ["expr0", "top"],
        ),
    ] {
        let (_, told) = columns(soql).await;
        let all = told["columnMetadata"].as_array().unwrap();
        let found: Vec<&Value> = all.iter().map(|c| &c["displayName"]).collect();
        assert_eq!(found, shown);
        assert_eq!([&all[1]["columnName"], &all[2]["columnName"]], named);
        assert_eq!(told["groupBy"], true);
    }
    let (status, told) = columns("SELECT Nope FROM Account").await;
    assert_eq!(
        (status, &told[0]["errorCode"]),
        (400, &json!("INVALID_FIELD"))
    );
}

/// Deleted children are in no index, so that those of `queryAll` are found by a look at all.
#[tokio::test]
async fn children_found_by_index_are_those_found_by_a_look_at_all() {
    let client = furnished().await;
    for children in [
        "SELECT LastName FROM Contacts",
        "SELECT LastName FROM Contacts WHERE LastName = 'Lee' OR FirstName = 'Bob'",
        "SELECT LastName FROM Contacts WHERE Account.Name = 'Acme' ORDER BY LastName DESC LIMIT 1",
        "SELECT LastName FROM Contacts ORDER BY FirstName NULLS LAST LIMIT 5 OFFSET 1",
    ] {
        let soql = format!("SELECT Name, ({children}) FROM Account ORDER BY Name");
        let indexed = client.query(&soql).await;
        let request = client
            .request(Method::GET, "queryAll")
            .query(&[("q", &soql)]);
        let all: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(indexed, all, "{children}");
        assert!(indexed["records"][0]["Contacts"]["totalSize"].is_u64());
    }
}

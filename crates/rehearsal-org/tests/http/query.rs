//! Every form of query, its pages, and its errors.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Client, read, start};

/// Four accounts and five contacts, one without an account.
async fn furnished() -> Client {
    let client = start().await;
    let accounts = "External_Id__c,Name,Industry,AnnualRevenue,NumberOfEmployees,Annual_Spend__c,BillingCity\n\
        A1,Acme Corp,Retail,1000,10,1234.50,Bangkok\n\
        A2,acme limited,Retail,3000,30,0.25,\n\
        A3,Zenith,Energy,,,999999999999.99,Paris\n\
        A4,O'Brien & Söhne,,500,5,,Köln\n";
    let done = client
        .ingest("Account", "upsert", Some("External_Id__c"), accounts)
        .await;
    assert_eq!(done.successful.len(), 4, "{:?}", done.failed);
    let contacts = "Contact_External_Id__c,FirstName,LastName,Email,Birthdate,Status__c,Account.External_Id__c\n\
        C1,Ann,Lee,ann@example.com,1990-05-01,Active,A1\n\
        C2,Bob,Ray,bob@example.com,1985-12-31,Inactive,A1\n\
        C3,Cid,Lee,,,Active,A2\n\
        C4,,Solo,,2001-01-01,,A3\n\
        C5,Eve,None,,,Active,\n";
    let done = client
        .ingest(
            "Contact",
            "upsert",
            Some("Contact_External_Id__c"),
            contacts,
        )
        .await;
    assert_eq!(done.successful.len(), 5, "{:?}", done.failed);
    client
}

fn column(reply: &Value, name: &str) -> Vec<String> {
    let records = reply["records"].as_array().unwrap();
    records
        .iter()
        .map(|r| match &r[name] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
        .collect()
}

#[tokio::test]
async fn counts_and_aggregates() {
    let client = furnished().await;
    let count = client.query("SELECT COUNT() FROM Account").await;
    assert_eq!(count, json!({"totalSize": 4, "done": true, "records": []}));
    assert_eq!(
        client
            .query("SELECT COUNT() FROM Contact WHERE Status__c = 'Active'")
            .await["totalSize"],
        3
    );
    let sums = client
        .query(
            "SELECT COUNT(Id), COUNT(Industry) filled, SUM(Annual_Spend__c), AVG(AnnualRevenue) mean, \
             MIN(Name), MAX(NumberOfEmployees), SUM(NumberOfEmployees), COUNT_DISTINCT(Industry) FROM Account",
        )
        .await;
    assert_eq!(
        sums["records"][0],
        json!({
            "attributes": {"type": "AggregateResult"},
            "expr0": 4, "filled": 3, "expr1": 1_000_000_001_234.74, "mean": 1500.0,
            "expr2": "Acme Corp", "expr3": 30, "expr4": 45, "expr5": 2,
        })
    );
    let none = client
        .query("SELECT COUNT(Id) n, SUM(Amount) FROM Opportunity")
        .await;
    assert_eq!(
        (&none["records"][0]["n"], &none["records"][0]["expr0"]),
        (&json!(0), &Value::Null)
    );
}

#[tokio::test]
async fn groups() {
    let client = furnished().await;
    let reply = client
        .query("SELECT Industry, COUNT(Id) n FROM Account GROUP BY Industry ORDER BY COUNT(Id) DESC, Industry NULLS LAST")
        .await;
    assert_eq!(column(&reply, "Industry"), ["Retail", "Energy", "null"]);
    assert_eq!(column(&reply, "n"), ["2", "1", "1"]);
    let reply = client
        .query("SELECT LastName, COUNT(Id) FROM Contact GROUP BY LastName HAVING COUNT(Id) > 1")
        .await;
    assert_eq!(column(&reply, "LastName"), ["Lee"]);
    let reply = client.query("SELECT Account.Name, MAX(Birthdate) latest FROM Contact WHERE AccountId != null GROUP BY Account.Name ORDER BY Account.Name").await;
    assert_eq!(
        column(&reply, "Name"),
        ["Acme Corp", "acme limited", "Zenith"]
    );
    assert_eq!(
        column(&reply, "latest"),
        ["1990-05-01", "null", "2001-01-01"]
    );
}

#[tokio::test]
async fn fields_and_parents_in_the_order_asked() {
    let client = furnished().await;
    let soql = "SELECT Id, c.Name, Account.Name, Account.Id, Account.Owner.Username, Birthdate, AccountId FROM Contact c \
                WHERE Contact_External_Id__c = 'c1'";
    let text = client
        .request(Method::GET, "query")
        .query(&[("q", soql)])
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let account = &client.org.records("Account")[0]["Id"];
    let contact = &client.org.records("Contact")[0]["Id"];
    let expected = format!(
        "{{\"totalSize\":1,\"done\":true,\"records\":[{{\"attributes\":{{\"type\":\"Contact\",\"url\":\
         \"/services/data/v66.0/sobjects/Contact/{c}\"}},\"Id\":{contact},\"Name\":\"Ann Lee\",\"Account\":\
         {{\"attributes\":{{\"type\":\"Account\",\"url\":\"/services/data/v66.0/sobjects/Account/{a}\"}},\
         \"Name\":\"Acme Corp\",\"Id\":{account},\"Owner\":",
        a = account.as_str().unwrap(),
        c = contact.as_str().unwrap()
    );
    assert!(text.starts_with(&expected), "{text}\n{expected}");
    assert!(
        text.contains("\"Birthdate\":\"1990-05-01\",\"AccountId\":\"001"),
        "{text}"
    );
    let orphan = client
        .query("SELECT Account.Name FROM Contact WHERE LastName = 'None'")
        .await;
    assert_eq!(orphan["records"][0]["Account"], Value::Null);
    let account = client.query("SELECT Annual_Spend__c, AnnualRevenue, NumberOfEmployees, BillingAddress, CreatedDate FROM Account WHERE Name LIKE 'Acme c%'").await;
    let account = &account["records"][0];
    assert_eq!(account["Annual_Spend__c"], json!(1234.5));
    assert_eq!(account["AnnualRevenue"].to_string(), "1000.0");
    assert_eq!(account["NumberOfEmployees"].to_string(), "10");
    assert_eq!(account["BillingAddress"]["city"], "Bangkok");
    assert!(
        account["CreatedDate"]
            .as_str()
            .unwrap()
            .ends_with(".000+0000")
    );
}

#[tokio::test]
async fn conditions() {
    let client = furnished().await;
    let id = client.org.records("Account")[0]["Id"]
        .as_str()
        .unwrap()
        .to_owned();
    let short = &id[..15];
    for (condition, expected) in [
        ("Name = 'ACME CORP'", "A1"),
        ("Name != 'Acme Corp'", "A2 A3 A4"),
        ("Industry != 'Retail'", "A3 A4"),
        ("Industry = null", "A4"),
        ("Industry <> NULL", "A1 A2 A3"),
        ("Name LIKE 'acme%'", "A1 A2"),
        ("NOT Name LIKE 'acme%'", "A3 A4"),
        ("Name = 'O\\'Brien & Söhne'", "A4"),
        ("Name LIKE '%söhne'", "A4"),
        ("AnnualRevenue > 500", "A1 A2"),
        ("AnnualRevenue >= 500.00", "A1 A2 A4"),
        ("AnnualRevenue < 1000", "A4"),
        ("Annual_Spend__c = 0.25", "A2"),
        ("Annual_Spend__c = 999999999999.99", "A3"),
        ("NumberOfEmployees IN (10, 5)", "A1 A4"),
        ("External_Id__c IN ('a2','A3','nope')", "A2 A3"),
        ("External_Id__c NOT IN ('A2','A3')", "A1 A4"),
        (
            "(Industry = 'Retail' AND AnnualRevenue > 2000) OR BillingCity = 'paris'",
            "A2 A3",
        ),
        ("Industry = 'Retail' AND (NOT (Name = 'Acme Corp'))", "A2"),
        ("IsDeleted = false AND External_Id__c = 'A1'", "A1"),
        (
            "CreatedDate >= 2020-01-01T00:00:00Z AND CreatedDate = TODAY",
            "A1 A2 A3 A4",
        ),
        ("CreatedDate < LAST_N_DAYS:3", ""),
        (
            "Owner.Username = 'rehearsal@stevedore.invalid' AND Name > 'b'",
            "A3 A4",
        ),
        (
            "Id IN (SELECT AccountId FROM Contact WHERE LastName = 'Lee')",
            "A1 A2",
        ),
        ("Id NOT IN (SELECT AccountId FROM Contact)", "A4"),
        (&format!("Id = '{id}'"), "A1"),
        (&format!("Id = '{short}'"), "A1"),
        (
            &format!("Id IN ('{}', '001000000000000AAA')", id.to_lowercase()),
            "A1",
        ),
    ] {
        let reply = client
            .query(&format!(
                "SELECT External_Id__c FROM Account WHERE {condition} ORDER BY External_Id__c"
            ))
            .await;
        assert_eq!(
            column(&reply, "External_Id__c").join(" "),
            expected,
            "{condition}"
        );
    }
    let reply = client.query("SELECT Contact_External_Id__c FROM Contact WHERE Birthdate > 1985-12-31 AND Account.Name = 'zenith'").await;
    assert_eq!(column(&reply, "Contact_External_Id__c"), ["C4"]);
}

#[tokio::test]
async fn order_limit_and_offset() {
    let client = furnished().await;
    let names = async |clause: &str| {
        let reply = client
            .query(&format!(
                "SELECT External_Id__c FROM Account ORDER BY {clause}"
            ))
            .await;
        column(&reply, "External_Id__c").join(" ")
    };
    assert_eq!(names("Name").await, "A1 A2 A4 A3");
    assert_eq!(names("AnnualRevenue").await, "A3 A4 A1 A2");
    assert_eq!(names("AnnualRevenue DESC").await, "A3 A2 A1 A4");
    assert_eq!(names("AnnualRevenue DESC NULLS LAST").await, "A2 A1 A4 A3");
    assert_eq!(
        names("Industry NULLS LAST, Name DESC LIMIT 2").await,
        "A3 A2"
    );
    assert_eq!(names("Name LIMIT 2 OFFSET 1").await, "A2 A4");
    assert_eq!(
        client.query("SELECT COUNT() FROM Account LIMIT 3").await["totalSize"],
        3
    );
}

#[tokio::test]
async fn pages_of_two_thousand() {
    let client = start().await;
    let mut csv = String::from("Name,External_Id__c\n");
    for n in 0..4500 {
        csv.push_str(&format!("Account {n},K{n}\n"));
    }
    let done = client.ingest("Account", "insert", None, &csv).await;
    assert_eq!(done.successful.len(), 4500);
    let mut reply = client
        .query("SELECT External_Id__c FROM Account ORDER BY External_Id__c")
        .await;
    let mut seen = Vec::new();
    let mut pages = 0;
    loop {
        pages += 1;
        seen.extend(column(&reply, "External_Id__c"));
        assert_eq!(reply["totalSize"], 4500);
        let Some(next) = reply["nextRecordsUrl"].as_str() else {
            break;
        };
        assert_eq!(reply["done"], false);
        assert!(next.starts_with("/services/data/v66.0/query/01g"), "{next}");
        reply = client.get(next).await;
    }
    assert_eq!((pages, seen.len()), (3, 4500));
    assert!(seen.is_sorted());
    let request = client
        .request(Method::GET, "query")
        .query(&[("q", "SELECT Id FROM Account")]);
    let (_, small) = read(
        request
            .header("Sforce-Query-Options", "batchSize=250")
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert_eq!(small["records"].as_array().unwrap().len(), 250);
    let (status, body) = client
        .send(Method::GET, "query/01gRh0000000099AAA-2000", None)
        .await;
    assert_eq!(
        (status, body[0]["errorCode"].as_str()),
        (400, Some("INVALID_QUERY_LOCATOR"))
    );
    let request = client
        .request(Method::GET, "query")
        .query(&[("q", "SELECT Name, COUNT(Id) FROM Account GROUP BY Name")]);
    let (status, body) = read(request.send().await.unwrap()).await;
    assert_eq!(
        (status, body[0]["errorCode"].as_str()),
        (400, Some("EXCEEDED_ID_LIMIT"))
    );
}

#[tokio::test]
async fn deleted_records_are_in_query_all_only() {
    let client = furnished().await;
    let id = client.org.records("Contact")[4]["Id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        client
            .send(Method::DELETE, &format!("sobjects/Contact/{id}"), None)
            .await
            .0,
        204
    );
    assert_eq!(
        client.query("SELECT COUNT() FROM Contact").await["totalSize"],
        4
    );
    let all = client
        .get("queryAll?q=SELECT+Id+FROM+Contact+WHERE+IsDeleted=true")
        .await;
    assert_eq!(column(&all, "Id"), [id]);
}

#[tokio::test]
async fn errors_say_what_and_where() {
    let client = start().await;
    for (soql, code, text) in [
        (
            "SELECT Idd FROM Account",
            "INVALID_FIELD",
            "\nSELECT Idd FROM Account\n       ^\nERROR at Row:1:Column:8\nNo such column 'Idd' on entity 'Account'.",
        ),
        (
            "SELECT Id FROM Acount",
            "INVALID_TYPE",
            "sObject type 'Acount' is not supported.",
        ),
        (
            "SELECT Id FROM Account WHERE",
            "MALFORMED_QUERY",
            "unexpected token: '<EOF>'",
        ),
        (
            "SELECT Boss.Name FROM Account",
            "INVALID_FIELD",
            "Didn't understand relationship 'Boss' in field path.",
        ),
        (
            "SELECT Id FROM Account WHERE Description = 'x'",
            "INVALID_FIELD",
            "field 'Description' can not be filtered in query call",
        ),
        (
            "SELECT Id FROM Account ORDER BY Description",
            "INVALID_FIELD",
            "field 'Description' can not be sorted in query call",
        ),
        (
            "SELECT Id FROM Account WHERE Id = 'xyz'",
            "INVALID_QUERY_FILTER_OPERATOR",
            "invalid ID field: xyz",
        ),
        (
            "SELECT Id FROM Account WHERE AnnualRevenue = 'x'",
            "INVALID_FIELD",
            "must be of type number",
        ),
        (
            "SELECT Id FROM Account WHERE CreatedDate > '2024-01-01'",
            "INVALID_FIELD",
            "must be of type dateTime",
        ),
        (
            "SELECT Name, COUNT(Id) FROM Account",
            "MALFORMED_QUERY",
            "Field must be grouped or aggregated: Name",
        ),
        (
            "SELECT SUM(Name) FROM Account",
            "MALFORMED_QUERY",
            "does not support aggregate operator SUM",
        ),
        (
            "SELECT Id, Id FROM Account",
            "INVALID_FIELD",
            "duplicate field selected: Id",
        ),
        ("", "MALFORMED_QUERY", "unexpected token"),
    ] {
        let (found, message) = client.refused(soql).await;
        assert_eq!(found, code, "{soql}");
        assert!(message.contains(text), "{soql}: {message}");
    }
    let (status, _) = client.send(Method::GET, "query", None).await;
    assert_eq!(status, 400);
}

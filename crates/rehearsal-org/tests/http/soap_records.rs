//! The SOAP partner API with a session: records written and read, pages, searches, describes, and its faults.

use serde_json::json;

use crate::client::{Client, read, start};

/// Sends a call with the org's token, and more headers.
async fn send(client: &Client, headers: &str, call: &str) -> (u16, String) {
    let token = client.org.access_token();
    let body = format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns=\"urn:partner.soap.sforce.com\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><s:Header><SessionHeader><sessionId>{token}</sessionId>\
         </SessionHeader>{headers}</s:Header><s:Body>{call}</s:Body></s:Envelope>"
    );
    let url = format!("{}/services/Soap/u/66.0", client.org.url());
    let request = client.http.post(url).header("content-type", "text/xml");
    let response = request.body(body).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

async fn good(client: &Client, call: &str) -> String {
    let (status, reply) = send(client, "", call).await;
    assert_eq!(status, 200, "{call}: {reply}");
    reply
}

/// The texts of all elements of a name.
fn all<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let parts = text.split(&open).skip(1);
    parts
        .map(|part| part.split(&close).next().unwrap())
        .collect()
}

#[tokio::test]
async fn records_are_created_updated_upserted_and_deleted() {
    let client = start().await;
    let created = good(
        &client,
        "<create><sObjects><type>Account</type><Name>A &amp; B</Name><External_Id__c>P1</External_Id__c><Industry>Retail</Industry>\
         </sObjects><sObjects><type>Account</type><Industry>Retail</Industry></sObjects><sObjects><type>Contact</type>\
         <LastName>Lee</LastName></sObjects></create>",
    )
    .await;
    assert_eq!(all(&created, "success"), ["true", "false", "true"]);
    assert_eq!(all(&created, "statusCode"), ["REQUIRED_FIELD_MISSING"]);
    assert_eq!(all(&created, "fields"), ["Name"]);
    assert_eq!(created.matches("<id xsi:nil=\"true\"/>").count(), 1);
    let ids = all(&created, "id");
    let (account, contact) = (ids[0], ids[1]);
    let updated = good(
        &client,
        &format!(
            "<update><sObjects><type>Account</type><fieldsToNull>Industry</fieldsToNull><Id>{account}</Id><Phone>1</Phone></sObjects>\
             <sObjects><type>Contact</type><Id>{contact}</Id><Account><type>Account</type><External_Id__c>P1</External_Id__c>\
             </Account></sObjects></update>"
        ),
    )
    .await;
    assert_eq!(all(&updated, "success"), ["true", "true"], "{updated}");
    let held = client.get(&format!("sobjects/Account/{account}")).await;
    assert_eq!(
        (&held["Name"], &held["Industry"], &held["Phone"]),
        (&json!("A & B"), &json!(null), &json!("1"))
    );
    let held = client.get(&format!("sobjects/Contact/{contact}")).await;
    assert_eq!(held["AccountId"], account);
    let upserted = good(
        &client,
        "<upsert><externalIDFieldName>External_Id__c</externalIDFieldName><sObjects><type>Account</type>\
         <External_Id__c>P1</External_Id__c><Name>again</Name></sObjects><sObjects><type>Account</type><Id xsi:nil=\"true\"/>\
         <External_Id__c>P2</External_Id__c><Name>new</Name></sObjects></upsert>",
    )
    .await;
    assert_eq!(all(&upserted, "created"), ["false", "true"], "{upserted}");
    assert_eq!(all(&upserted, "id")[0], account);
    let deleted = good(
        &client,
        &format!("<delete><ids>{contact}</ids><id>{contact}</id></delete>"),
    )
    .await;
    assert_eq!(all(&deleted, "success"), ["true", "false"]);
    assert_eq!(
        (client.org.count("Account"), client.org.count("Contact")),
        (2, 0)
    );
    let none = "<create><sObjects><type>Account</type><Name>x</Name></sObjects><sObjects><type>Account</type></sObjects></create>";
    let headers = "<AllOrNoneHeader><allOrNone>true</allOrNone></AllOrNoneHeader>";
    let (_, reply) = send(&client, headers, none).await;
    assert_eq!(all(&reply, "success"), ["false", "false"]);
    assert_eq!(client.org.count("Account"), 2);
}

#[tokio::test]
async fn queries_give_pages_parents_children_and_groups() {
    let client = start().await;
    let mut csv = String::from("External_Id__c,Name,Industry\n");
    for n in 0..450 {
        csv.push_str(&format!("Q{n},Account {n},{}\n", ["Retail", ""][n % 2]));
    }
    client
        .ingest("Account", "upsert", Some("External_Id__c"), &csv)
        .await;
    let contact =
        json!({"LastName": "<Lee>", "Account": {"External_Id__c": "Q7"}, "MailingCity": "Bangkok"});
    client.create("Contact", contact).await;
    let headers = "<QueryOptions><batchSize>200</batchSize></QueryOptions>";
    let query = "<query><queryString>SELECT Name FROM Account ORDER BY Name</queryString></query>";
    let (_, mut page) = send(&client, headers, query).await;
    let mut names: Vec<String> = Vec::new();
    let mut pages = 1;
    loop {
        assert_eq!(all(&page, "size"), ["450"]);
        names.extend(all(&page, "sf:Name").into_iter().map(str::to_owned));
        if all(&page, "done") == ["true"] {
            break;
        }
        let more = format!(
            "<queryMore><queryLocator>{}</queryLocator></queryMore>",
            all(&page, "queryLocator")[0]
        );
        (_, page) = send(&client, headers, &more).await;
        pages += 1;
    }
    assert_eq!((pages, names.len()), (3, 450));
    names.dedup();
    assert_eq!(names.len(), 450);
    let joined = good(
        &client,
        "<query><queryString>SELECT Id, LastName, Account.Name, ReportsTo.Name, MailingAddress, CreatedDate FROM Contact\
         </queryString></query>",
    )
    .await;
    assert_eq!(all(&joined, "sf:LastName"), ["&lt;Lee&gt;"]);
    assert!(joined.contains("<sf:Account xsi:type=\"sf:sObject\"><sf:type>Account</sf:type>"));
    assert!(joined.contains("<sf:ReportsTo xsi:nil=\"true\"/>"));
    assert!(joined.contains(
        "<sf:MailingAddress xsi:type=\"address\"><city>Bangkok</city></sf:MailingAddress>"
    ));
    assert!(all(&joined, "sf:CreatedDate")[0].ends_with("Z"));
    let children = good(
        &client,
        "<queryAll><queryString>SELECT Name, (SELECT LastName FROM Contacts) FROM Account WHERE External_Id__c IN ('Q7', 'Q8') \
         ORDER BY Name</queryString></queryAll>",
    )
    .await;
    assert!(children.contains("<sf:Contacts xsi:type=\"QueryResult\"><done>true</done>"));
    assert!(children.contains("<sf:Contacts xsi:nil=\"true\"/>"));
    let groups = good(
        &client,
        "<query><queryString>SELECT Industry i, COUNT(Id) FROM Account GROUP BY Industry</queryString></query>",
    )
    .await;
    assert_eq!(all(&groups, "sf:expr0"), ["225", "225"]);
    assert_eq!(
        all(&groups, "sf:type"),
        ["AggregateResult", "AggregateResult"]
    );
    let count = good(
        &client,
        "<query><queryString>SELECT COUNT() FROM Account</queryString></query>",
    )
    .await;
    assert_eq!(all(&count, "size"), ["450"]);
}

#[tokio::test]
async fn records_are_retrieved_in_the_order_of_their_ids() {
    let client = start().await;
    let one = client.create("Account", json!({"Name": "one"})).await;
    let two = client.create("Account", json!({"Name": "two"})).await;
    let reply = good(
        &client,
        &format!(
            "<retrieve><fieldList>Id, Name</fieldList><sObjectType>Account</sObjectType><ids>{two}</ids><ids>001000000000099</ids>\
             <ids>{one}</ids></retrieve>"
        ),
    )
    .await;
    assert_eq!(all(&reply, "sf:Name"), ["two", "one"]);
    assert_eq!(reply.matches("<result xsi:nil=\"true\"/>").count(), 1);
    let found = good(
        &client,
        "<search><searchString>FIND {two} RETURNING Account(Name), Contact</searchString></search>",
    )
    .await;
    assert_eq!(all(&found, "sf:Name"), ["two"]);
}

#[tokio::test]
async fn the_org_is_described() {
    let client = start().await;
    let all_objects = good(&client, "<describeGlobal/>").await;
    assert!(all(&all_objects, "name").contains(&"Account"));
    let two = good(
        &client,
        "<describeSObjects><sObjectType>Account</sObjectType><sObjectType>Contact</sObjectType></describeSObjects>",
    )
    .await;
    assert_eq!(two.matches("<result>").count(), 2);
    assert!(two.contains("<referenceTo>Account</referenceTo>"));
    let info = good(&client, "<getUserInfo/>").await;
    assert_eq!(all(&info, "userName"), [rehearsal_org::USERNAME]);
    let time = good(&client, "<getServerTimestamp/>").await;
    let time = all(&time, "timestamp")[0].to_owned();
    let id = client.create("Account", json!({"Name": "new"})).await;
    let span = |start: &str| {
        format!(
            "<getUpdated><sObjectType>Account</sObjectType><startDate>{start}</startDate><endDate>2999-01-01T00:00:00Z</endDate>\
             </getUpdated>"
        )
    };
    let updated = good(&client, &span(&time)).await;
    assert_eq!(all(&updated, "ids"), [id]);
}

#[tokio::test]
async fn what_is_wrong_is_a_fault() {
    let client = start().await;
    let many = "<sObjects><type>Account</type><Name>x</Name></sObjects>".repeat(201);
    for (call, code) in [
        (
            "<query><queryString>SELECT</queryString></query>".to_owned(),
            "sf:MALFORMED_QUERY",
        ),
        (
            "<query><queryString>SELECT Nope FROM Account</queryString></query>".to_owned(),
            "sf:INVALID_FIELD",
        ),
        (
            "<queryMore><queryLocator>x</queryLocator></queryMore>".to_owned(),
            "sf:INVALID_QUERY_LOCATOR",
        ),
        (
            "<create><sObjects><type>Nope__c</type></sObjects></create>".to_owned(),
            "sf:INVALID_TYPE",
        ),
        (format!("<create>{many}</create>"), "sf:EXCEEDED_ID_LIMIT"),
        (
            "<search><searchString>x</searchString></search>".to_owned(),
            "sf:MALFORMED_SEARCH",
        ),
        ("<query/>".to_owned(), "soapenv:Client"),
    ] {
        let (status, reply) = send(&client, "", &call).await;
        assert_eq!((status, all(&reply, "faultcode")), (500, vec![code]));
    }
    assert_eq!(client.org.count("Account"), 0);
    let url = format!("{}/services/Soap/u/66.0", client.org.url());
    let nobody = "<e:Envelope xmlns:e=\"x\"><e:Body><describeGlobal/></e:Body></e:Envelope>";
    let (status, reply) = read(client.http.post(url).body(nobody).send().await.unwrap()).await;
    let reply = reply.as_str().unwrap();
    assert_eq!(
        (status, all(reply, "faultcode")),
        (500, vec!["sf:INVALID_SESSION_ID"])
    );
}

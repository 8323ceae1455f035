//! What goes wrong with jobs: at creation, as a whole, and row by row.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::start;

#[tokio::test]
async fn creation_errors_come_at_once() {
    let client = start().await;
    for (body, code, text) in [
        (
            json!({"object": "Nope", "operation": "insert"}),
            "INVALIDENTITY",
            "Entity 'Nope' is not supported by the Bulk API.",
        ),
        (
            json!({"object": "Profile", "operation": "insert"}),
            "INVALIDENTITY",
            "Entity 'Profile'",
        ),
        (
            json!({"object": "Account", "operation": "merge"}),
            "INVALIDOPERATION",
            "merge",
        ),
        (
            json!({"object": "Account", "operation": "upsert"}),
            "INVALIDJOB",
            "External ID was blank for Account",
        ),
        (
            json!({"object": "Account", "operation": "upsert", "externalIdFieldName": "website"}),
            "INVALIDJOB",
            "InvalidJob : Field name provided, website does not match an External ID, Salesforce Id, or indexed field for Account",
        ),
        (
            json!({"object": "Account", "operation": "upsert", "externalIdFieldName": "Name"}),
            "INVALIDJOB",
            "Name does not match",
        ),
        (
            json!({"object": "Account", "operation": "insert", "contentType": "XML"}),
            "INVALIDJOB",
            "XML",
        ),
        (
            json!({"object": "Account", "operation": "insert", "lineEnding": "CR"}),
            "INVALIDJOB",
            "CR",
        ),
        (
            json!({"object": "Account", "operation": "insert", "columnDelimiter": "DOT"}),
            "INVALIDJOB",
            "DOT",
        ),
        (json!({"operation": "insert"}), "INVALIDJOB", "object"),
        (
            json!({"object": "Account", "operation": "insert", "nope": 1}),
            "JSON_PARSER_ERROR",
            "nope",
        ),
    ] {
        let (status, reply) = client
            .send(Method::POST, "jobs/ingest", Some(body.clone()))
            .await;
        assert_eq!(
            (status, reply[0]["errorCode"].as_str()),
            (400, Some(code)),
            "{body}: {reply}"
        );
        assert!(
            reply[0]["message"].as_str().unwrap().contains(text),
            "{reply}"
        );
    }
    let (status, reply) = client
        .send(Method::GET, "jobs/ingest/7500000000000000AA", None)
        .await;
    assert_eq!(
        (status, reply[0]["errorCode"].as_str()),
        (404, Some("NOT_FOUND"))
    );
}

#[tokio::test]
async fn some_faults_fail_the_job_as_a_whole() {
    let client = start().await;
    let upsert = ("upsert", Some("External_Id__c"));
    for ((operation, key), csv, message) in [
        (
            upsert,
            "External_Id__c,Nope__c\nA,1\n",
            "InvalidBatch : Field name not found : Nope__c",
        ),
        (
            upsert,
            "\u{feff}External_Id__c,Name\nA,1\n",
            "InvalidBatch : Field name not found : \u{feff}External_Id__c",
        ),
        (
            upsert,
            "External_Id__c,Boss.External_Id__c\nA,1\n",
            "InvalidBatch : Unable to find relationship: Boss",
        ),
        (
            upsert,
            "External_Id__c,Account:Parent.External_Id__c\nA,1\n",
            "InvalidBatch : type is not needed for non polymorphic foreign key references: Parent",
        ),
        (
            upsert,
            "External_Id__c,Name\r\nA,1\r\n",
            "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF",
        ),
        (
            upsert,
            "Name\nOne\n",
            "InvalidBatch : Field name not found : External_Id__c",
        ),
        (
            ("update", None),
            "Name\nOne\n",
            "InvalidBatch : Id must be specified in an update",
        ),
        (
            ("delete", None),
            "Id,Name\n1,One\n",
            "InvalidBatch : A delete takes the column Id alone",
        ),
        (
            upsert,
            "External_Id__c,Name\nA\n",
            "InvalidBatch : Failed to parse CSV: row 1 has 1 columns, the header 2",
        ),
        (
            upsert,
            "External_Id__c,Name\nA,\"x\n",
            "InvalidBatch : Failed to parse CSV: misplaced or unclosed quote in row 1",
        ),
    ] {
        let done = client.ingest("Account", operation, key, csv).await;
        assert_eq!(done.job["state"], "Failed", "{csv}");
        assert_eq!(done.job["errorMessage"], message);
        assert_eq!(done.job["numberRecordsProcessed"], 0);
        assert!(done.successful.is_empty() && done.failed.is_empty());
    }
    let job = client.open_job("Account", "insert", None).await;
    client.set_state(&job, "UploadComplete").await;
    assert_eq!(client.finish(&job).await.job["state"], "Failed");
    assert_eq!(client.org.count("Account"), 0);
}

/// A row's key, its other cells, and the error it gets.
type Case = (&'static str, Vec<(&'static str, &'static str)>, String);

#[tokio::test]
async fn every_kind_of_row_error() {
    let client = start().await;
    client
        .ingest(
            "Account",
            "insert",
            None,
            "Name,External_Id__c,Legacy_Key__c\nAcme,A1,L1\n",
        )
        .await;
    let account = client.org.records("Account")[0]["Id"]
        .as_str()
        .unwrap()
        .to_owned();
    let long: &'static str = Box::leak("x".repeat(81).into_boxed_str());
    let columns = "External_Id__c,LastName,Email,Status__c,Birthdate,DoNotCall,AccountId,Account.External_Id__c,RecordType.DeveloperName,CreatedDate";
    let header: Vec<&str> = columns.split(',').collect();
    let row = |key: &str, cells: &[(&str, &str)]| {
        let cell = |name: &str| match name {
            "External_Id__c" => key,
            _ => cells
                .iter()
                .find(|(n, _)| *n == name)
                .map_or("", |(_, value)| value),
        };
        header
            .iter()
            .map(|name| cell(name))
            .collect::<Vec<_>>()
            .join(",")
            + "\n"
    };
    let last = ("LastName", "Lee");
    let cases: Vec<Case> = vec![
        ("none", vec![], "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --".into()),
        ("nulled", vec![("LastName", "#N/A")], "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --".into()),
        ("long", vec![("LastName", long)], format!("STRING_TOO_LONG:Last Name: data value too large: {long} (max length=80):LastName --")),
        ("email", vec![last, ("Email", "nope")], "INVALID_EMAIL_ADDRESS:Email: invalid email address: nope:Email --".into()),
        (
            "picklist",
            vec![last, ("Status__c", "Gone")],
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST:Status: bad value for restricted picklist field: Gone:Status__c --".into(),
        ),
        ("date", vec![last, ("Birthdate", "31/12/1999")], "INVALID_TYPE_ON_FIELD_IN_RECORD:Birthdate: value not of required type: 31/12/1999:Birthdate --".into()),
        ("year", vec![last, ("Birthdate", "1500-01-01")], "INVALID_TYPE_ON_FIELD_IN_RECORD:Birthdate: value not of required type: 1500-01-01:Birthdate --".into()),
        ("boolean", vec![last, ("DoNotCall", "maybe")], "INVALID_TYPE_ON_FIELD_IN_RECORD:Do Not Call: value not of required type: maybe:DoNotCall --".into()),
        ("id", vec![last, ("AccountId", "not an id")], "MALFORMED_ID:Account ID: id value of incorrect type: not an id:AccountId --".into()),
        ("noid", vec![last, ("AccountId", "001000000000000AAA")], "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:AccountId --".into()),
        (
            "parent",
            vec![last, ("Account.External_Id__c", "A9")],
            "INVALID_FIELD:Foreign key external ID: A9 not found for field External_Id__c in entity Account:--".into(),
        ),
        (
            "type",
            vec![last, ("RecordType.DeveloperName", "Nope")],
            "INVALID_FIELD:Foreign key external ID: Nope not found for field DeveloperName in entity RecordType:--".into(),
        ),
        (
            "system",
            vec![last, ("CreatedDate", "2020-01-01T00:00:00Z")],
            "INVALID_FIELD_FOR_INSERT_UPDATE:Unable to create/update fields: CreatedDate. Please check the security settings of this \
             field and verify that it is read/write for your profile or permission set.:CreatedDate --"
                .into(),
        ),
        (
            "two",
            vec![("LastName", long), ("Email", "nope")],
            format!(
                "STRING_TOO_LONG:Last Name: data value too large: {long} (max length=80):LastName --\
                 INVALID_EMAIL_ADDRESS:Email: invalid email address: nope:Email --"
            ),
        ),
    ];
    let mut csv = format!("{columns}\n");
    csv.push_str(&row(
        "good",
        &[
            last,
            ("Account.External_Id__c", "A1"),
            ("DoNotCall", "TRUE"),
            ("Birthdate", "1999-12-31"),
        ],
    ));
    csv.push_str(&row(
        "fine",
        &[last, ("AccountId", &account), ("DoNotCall", "1")],
    ));
    for (key, cells, _) in &cases {
        csv.push_str(&row(key, cells));
    }
    csv.push_str(&row("", &[last]));
    let done = client
        .ingest("Contact", "upsert", Some("External_Id__c"), &csv)
        .await;
    assert_eq!(done.job["state"], "JobComplete");
    assert_eq!(done.job["numberRecordsProcessed"], 3 + cases.len());
    assert_eq!(done.job["numberRecordsFailed"], 1 + cases.len());
    let mut good: Vec<&str> = done
        .successful
        .iter()
        .map(|r| r["External_Id__c"].as_str())
        .collect();
    good.sort_unstable();
    assert_eq!(good, ["fine", "good"]);
    let errors = done.errors("External_Id__c");
    for (key, _, expected) in &cases {
        assert_eq!(&errors[*key], expected, "{key}");
    }
    assert_eq!(
        errors[""],
        "MISSING_ARGUMENT:External_Id__c not specified:External_Id__c --"
    );
}

#[tokio::test]
async fn numbers_and_moments_are_checked() {
    let client = start().await;
    let columns = "Name,NumberOfEmployees,Annual_Spend__c";
    let csv = format!(
        "{columns}\nok,12,1e3\nrounded,,1.005\nint,250.0,\nwords,many,\nbig,99999999999,\nmoney,,100000000000000\nsign,,$5\n"
    );
    let done = client.ingest("Account", "insert", None, &csv).await;
    let errors = done.errors("Name");
    assert_eq!(
        errors["int"],
        "INVALID_TYPE_ON_FIELD_IN_RECORD:Number Of Employees: value not of required type: 250.0:NumberOfEmployees --"
    );
    assert!(errors["words"].starts_with("INVALID_TYPE_ON_FIELD_IN_RECORD:"));
    assert_eq!(
        errors["big"],
        "NUMBER_OUTSIDE_VALID_RANGE:Number Of Employees: value outside of valid range on numeric field: 99999999999:NumberOfEmployees --"
    );
    assert!(errors["money"].starts_with("NUMBER_OUTSIDE_VALID_RANGE:Annual Spend: "));
    assert!(errors["sign"].starts_with("INVALID_TYPE_ON_FIELD_IN_RECORD:Annual Spend: "));
    let spend = |name: &str| {
        let all = client.org.records("Account");
        all.into_iter().find(|r| r["Name"] == name).unwrap()["Annual_Spend__c"].clone()
    };
    assert_eq!(
        (spend("ok"), spend("rounded")),
        (json!(1000.0), json!(1.01))
    );
    let csv =
        "Subject,ReminderDateTime\nzone,2024-05-01T07:00:00+07:00\nnone,2024-05-01T07:00:00\n";
    let done = client.ingest("Task", "insert", None, csv).await;
    assert!(done.errors("Subject")["none"].starts_with("INVALID_TYPE_ON_FIELD_IN_RECORD:"));
    assert_eq!(
        client.org.records("Task")[0]["ReminderDateTime"],
        "2024-05-01T00:00:00.000+0000"
    );
}

#[tokio::test]
async fn one_key_twice_in_a_chunk_fails_both_and_in_two_chunks_updates() {
    let client = start().await;
    let mut csv = String::from("External_Id__c,Name\nD,first\n");
    for n in 0..198 {
        csv.push_str(&format!("K{n},x\n"));
    }
    csv.push_str("d,second\nD,third\n");
    let done = client
        .ingest("Account", "upsert", Some("External_Id__c"), &csv)
        .await;
    assert_eq!((done.successful.len(), done.failed.len()), (199, 2));
    for row in &done.failed {
        let expected = format!(
            "DUPLICATE_VALUE:Duplicate external id specified: {}:External_Id__c --",
            row["External_Id__c"]
        );
        assert_eq!(row["sf__Error"], expected);
    }
    let third = done
        .successful
        .iter()
        .find(|r| r["Name"] == "third")
        .unwrap();
    assert_eq!(third["sf__Created"], "true");
}

#[tokio::test]
async fn unique_values_stay_unique() {
    let client = start().await;
    let csv = "Name,External_Id__c,Legacy_Key__c\none,A,L1\ntwo,B,l1\nthree,C,\nfour,D,\n";
    let done = client.ingest("Account", "insert", None, csv).await;
    assert_eq!((done.successful.len(), done.failed.len()), (3, 1));
    let holder = &done.successful.iter().find(|r| r["Name"] == "one").unwrap()["sf__Id"];
    assert_eq!(
        done.failed[0]["sf__Error"],
        format!(
            "DUPLICATE_VALUE:duplicate value found: Legacy_Key__c duplicates value on record with id: {holder}:Legacy_Key__c --"
        )
    );
    let done = client
        .ingest(
            "Account",
            "upsert",
            Some("External_Id__c"),
            "External_Id__c,Name,Legacy_Key__c\nA,uno,L1\n",
        )
        .await;
    assert_eq!(done.successful.len(), 1, "{:?}", done.failed);
    client
        .ingest(
            "Contact",
            "insert",
            None,
            "LastName,Email\na,x@example.com\nb,x@example.com\n",
        )
        .await;
    let done = client
        .ingest(
            "Contact",
            "upsert",
            Some("Email"),
            "Email,LastName\nx@example.com,c\n",
        )
        .await;
    assert!(
        done.failed[0]["sf__Error"].starts_with(
            "DUPLICATE_EXTERNAL_ID:Email: more than one record found for external id field: [003"
        ),
        "{:?}",
        done.failed
    );
    let done = client
        .ingest(
            "Contact",
            "insert",
            None,
            "LastName,ReportsTo.Email\nd,x@example.com\n",
        )
        .await;
    assert!(done.failed[0]["sf__Error"].starts_with("DUPLICATE_EXTERNAL_ID:"));
}

#[tokio::test]
async fn a_parent_in_the_same_chunk_is_not_found_yet() {
    let client = start().await;
    let csv = "External_Id__c,LastName,ReportsTo.External_Id__c\nboss,Boss,\nstaff,Staff,boss\n";
    let done = client
        .ingest("Contact", "upsert", Some("External_Id__c"), csv)
        .await;
    assert_eq!((done.successful.len(), done.failed.len()), (1, 1));
    assert!(
        done.failed[0]["sf__Error"]
            .starts_with("INVALID_FIELD:Foreign key external ID: boss not found")
    );
    let again = client
        .ingest("Contact", "upsert", Some("External_Id__c"), csv)
        .await;
    assert_eq!(again.successful.len(), 2);
}

#[tokio::test]
async fn upsert_by_an_external_id_shows_the_id_columns_only_where_known() {
    let client = start().await;
    let done = client
        .ingest("Account", "insert", None, "Name,Nothing\n")
        .await;
    assert_eq!(done.job["state"], "Failed");
    let done = client
        .ingest("Account", "insert", None, "Name\n#N/A\n")
        .await;
    assert_eq!(done.failed[0]["sf__Id"], "");
    assert_eq!(done.job["numberRecordsFailed"], Value::from(1));
}

#[tokio::test]
async fn an_id_column_beside_another_key_must_be_blank() {
    let client = start().await;
    let csv = "Id,External_Id__c,Name\n,A,a\n,B,b\n";
    let done = client
        .ingest("Account", "upsert", Some("External_Id__c"), csv)
        .await;
    assert_eq!(done.successful.len(), 2, "{}", done.job);
    let csv = "Id,External_Id__c,Name\n,A,a\n001000000000001AAA,B,b\n";
    let done = client
        .ingest("Account", "upsert", Some("External_Id__c"), csv)
        .await;
    assert_eq!(
        done.job["errorMessage"],
        "InvalidBatch : Id must not be specified in an upsert by another key"
    );
}

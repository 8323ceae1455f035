//! An org kept in a file: started again, it has its records and goes on with its ids.

use std::path::Path;

use rehearsal_org::{Error, RehearsalOrg, Settings};
use reqwest::Method;
use serde_json::json;

use crate::client::{Client, start_with};

async fn on(file: &Path) -> Client {
    start_with(Settings {
        data: Some(file.to_owned()),
        ..Settings::default()
    })
    .await
}

#[tokio::test]
async fn a_restart_keeps_records_and_goes_on_with_ids() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("org.db");
    let client = on(&file).await;
    let accounts = "External_Id__c,Name,AnnualRevenue\nA1,Acme,100\nA2,Zenith,200\nA3,Gone,300\n";
    let done = client
        .ingest("Account", "upsert", Some("External_Id__c"), accounts)
        .await;
    assert_eq!(done.successful.len(), 3);
    let contacts = "Contact_External_Id__c,LastName,Account.External_Id__c,RecordType.DeveloperName\n\
        C1,Lee,A1,Customer_Contact\n";
    let done = client
        .ingest(
            "Contact",
            "upsert",
            Some("Contact_External_Id__c"),
            contacts,
        )
        .await;
    assert_eq!(done.successful.len(), 1, "{:?}", done.failed);
    let (status, _) = client
        .send(Method::DELETE, "sobjects/Account/External_Id__c/A3", None)
        .await;
    assert_eq!(status, 204);
    let job = done.job["id"].as_str().unwrap().to_owned();
    let (accounts, contacts) = (client.org.records("Account"), client.org.records("Contact"));
    let users = client.org.records("User");
    client.org.stop().await;

    let client = on(&file).await;
    assert_eq!(client.org.records("Account"), accounts);
    assert_eq!(client.org.records("Contact"), contacts);
    assert_eq!(client.org.records("User"), users, "not furnished twice");
    assert_eq!(client.org.count("RecordType"), 2);
    let found = client
        .query("SELECT Account.Name FROM Contact WHERE Account.External_Id__c = 'a1'")
        .await;
    assert_eq!(found["records"][0]["Account"]["Name"], "Acme");
    let (status, _) = client
        .send(Method::GET, &format!("jobs/ingest/{job}"), None)
        .await;
    assert_eq!(status, 404, "jobs are forgotten");

    let again = "External_Id__c,Name\nA2,Zenith Ltd\nA4,New\n";
    let done = client
        .ingest("Account", "upsert", Some("External_Id__c"), again)
        .await;
    let ids = |name: &str| {
        let row = done.successful.iter().find(|r| r["Name"] == name).unwrap();
        (row["sf__Id"].clone(), row["sf__Created"].clone())
    };
    let (updated, created) = ids("Zenith Ltd");
    assert_eq!(
        (json!(updated), created.as_str()),
        (accounts[1]["Id"].clone(), "false")
    );
    assert_ne!(done.job["id"], job.as_str());
    let (status, _) = client
        .send(Method::GET, &format!("jobs/ingest/{job}"), None)
        .await;
    assert_eq!(status, 404, "no later job is taken for it");
    let (new, created) = ids("New");
    assert_eq!(created, "true");
    // The third was deleted, but its number is not given again.
    assert!(new.starts_with("001Rh0000000004"), "{new}");
    assert_eq!(client.org.count("Account"), 3);
}

#[tokio::test]
async fn a_file_in_use_is_refused_and_a_dropped_org_lets_go() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("org.db");
    let first = on(&file).await;
    let settings = || Settings {
        data: Some(file.clone()),
        ..Settings::default()
    };
    let refused = RehearsalOrg::start(settings()).await;
    assert!(matches!(refused, Err(Error::Data { .. })));
    drop(first);
    on(&file).await;
    let nowhere = Settings {
        data: Some(folder.path().join("missing/org.db")),
        ..Settings::default()
    };
    let refused = RehearsalOrg::start(nowhere).await;
    assert!(matches!(refused, Err(Error::DataFile { .. })));
}

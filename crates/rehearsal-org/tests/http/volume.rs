//! Tens of thousands of records in one job, and what queries say of them.

use std::fmt::Write as _;

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::start;

const ROWS: u64 = 50_000;

#[tokio::test]
async fn sums_over_fifty_thousand_records() {
    let client = start().await;
    let mut csv = String::from("External_Id__c,Name,Industry,Annual_Spend__c,NumberOfEmployees\n");
    for row in 0..ROWS {
        let industry = ["Retail", "Energy", "Banking", ""][row as usize % 4];
        let cents = row % 100;
        let _ = writeln!(
            csv,
            "V{row},Company {row},{industry},{row}.{cents:02},{}",
            row % 7
        );
    }
    let job = client
        .open_job("Account", "upsert", Some("External_Id__c"))
        .await;
    client.upload(&job, csv).await;
    client.set_state(&job, "UploadComplete").await;
    let info = client.wait(&job, |job| job["state"] == "JobComplete").await;
    assert_eq!(info["numberRecordsProcessed"], ROWS);
    assert_eq!(info["numberRecordsFailed"], 0);
    let successful = client.results(&job, "successfulResults").await;
    let mut keys: Vec<&str> = successful
        .iter()
        .map(|r| &r["External_Id__c"][1..])
        .collect();
    assert!(!keys.is_sorted_by_key(|key| key.parse::<u64>().unwrap()));
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len() as u64, ROWS);

    let all = client
        .query(
            "SELECT COUNT(Id) n, SUM(Annual_Spend__c) spend, MAX(Annual_Spend__c) most, SUM(NumberOfEmployees) people, \
             COUNT_DISTINCT(External_Id__c) keys, COUNT(Industry) filled FROM Account",
        )
        .await;
    // Every hundred rows have 49.50 in cents.
    let spend = (ROWS * (ROWS - 1) / 2) as f64 + (ROWS / 100) as f64 * 49.5;
    let people: u64 = (0..ROWS).map(|row| row % 7).sum();
    assert_eq!(
        all["records"][0],
        json!({
            "attributes": {"type": "AggregateResult"}, "n": ROWS, "spend": spend, "most": 49_999.99,
            "people": people, "keys": ROWS, "filled": ROWS / 4 * 3,
        })
    );
    let groups = client
        .query("SELECT Industry, COUNT(Id) n, SUM(Annual_Spend__c) spend FROM Account GROUP BY Industry ORDER BY Industry")
        .await;
    let counts: Vec<&Value> = groups["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|g| &g["n"])
        .collect();
    assert_eq!(counts, [ROWS / 4; 4]);
    let doubled = client
        .query("SELECT External_Id__c FROM Account GROUP BY External_Id__c HAVING COUNT(Id) > 1")
        .await;
    assert_eq!(doubled["totalSize"], 0);
    let (status, refused) = client
        .try_query("SELECT External_Id__c FROM Account GROUP BY External_Id__c")
        .await;
    assert_eq!(
        (status, &refused[0]["errorCode"]),
        (400, &json!("EXCEEDED_ID_LIMIT"))
    );

    let last = client
        .query("SELECT Name FROM Account ORDER BY Annual_Spend__c DESC LIMIT 2")
        .await;
    assert_eq!(last["records"][0]["Name"], "Company 49999");
    let mut page = client
        .query("SELECT External_Id__c FROM Account ORDER BY Annual_Spend__c DESC")
        .await;
    assert_eq!(page["totalSize"], ROWS);
    let mut expected = (0..ROWS).rev();
    loop {
        for record in page["records"].as_array().unwrap() {
            let key = format!("V{}", expected.next().unwrap());
            assert_eq!(record["External_Id__c"], key);
        }
        let Some(next) = page["nextRecordsUrl"].as_str() else {
            break;
        };
        page = client.send(Method::GET, next, None).await.1;
    }
    assert_eq!(expected.next(), None);
}

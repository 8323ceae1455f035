//! Which keys the org holds: few are asked for by plain queries, many by bulk queries, and the answers are the same.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use connector::conformance;
use model::migration::Operation;
use support::{accounts, bed};

fn keys(keys: impl Iterator<Item = String>) -> ArrayRef {
    Arc::new(keys.map(Some).collect::<StringArray>())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_however_many_keys_there_are() {
    let bed = bed().await;
    let plan = bed.accounts(Operation::Upsert).await;
    bed.load(&plan, &accounts(3_000)).await;
    let held: Vec<String> = bed
        .org
        .records("Account")
        .iter()
        .map(|record| record["External_Id__c"].as_str().unwrap().to_owned())
        .collect();
    for some in [3, 3_000] {
        // To the org the case of letters does not tell keys apart; a quote does not end a text.
        let there = keys(held.iter().take(some).map(|key| key.to_lowercase()));
        let absent = keys((0..some).map(|n| format!("none o'{n}\\")));
        let (to, key) = ("Account", "External_Id__c");
        conformance::tells_which_keys_are_held(bed.target.as_ref(), to, key, there, absent)
            .await
            .unwrap();
    }
    let ids = bed.org.records("Account");
    let ids = ids
        .iter()
        .take(5)
        .map(|record| record["Id"].as_str().unwrap());
    // Ids are known by their first fifteen characters as well.
    let there = keys(ids.map(|id| id[..15].to_owned()));
    let absent = keys(std::iter::once("001000000000000".to_owned()));
    conformance::tells_which_keys_are_held(bed.target.as_ref(), "Account", "Id", there, absent)
        .await
        .unwrap();
    bed.org.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_keys_take_few_calls() {
    let bed = bed().await;
    let all = keys((0..20_000).map(|n| format!("LEGACY_{n}")));
    let batch = RecordBatch::try_from_iter([("External_Id__c", all)]).unwrap();
    bed.target.describe("Account").await.unwrap();
    let before = bed.org.api_calls();
    let held = bed.target.held("Account", &batch).await.unwrap();
    assert!(held.there.iter().all(|there| !there));
    let calls = bed.org.api_calls() - before;
    assert_eq!(held.calls, calls, "it says how many calls it took");
    assert!(calls <= 20, "{calls} calls");
    bed.org.stop().await;
}

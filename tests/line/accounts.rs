//! Accounts that go from the stage into an org under a key of ours: by insert, so that the org refuses what is sent twice.

use rehearsal_org::RehearsalOrg;

use crate::stage::Stage;

pub(crate) const INSERT: &str = "  - { name: accounts, from: { table: accounts }, to: Account, operation: insert, external_id: Legacy_Key__c, \
    fields: { Legacy_Key__c: \"'K' || id\", Name: name } }\n";

/// So many accounts in the source.
pub(crate) async fn fill(stage: &Stage, accounts: usize) {
    let sql = format!(
        "create table accounts (id bigint primary key, name text);
         insert into accounts select n, 'Account ' || n from generate_series(1, {accounts}) n; analyze accounts"
    );
    stage.execute("source", &sql).await;
}

/// The org holds each of them once, and none was refused.
pub(crate) async fn assert_arrived(stage: &Stage, org: &RehearsalOrg, accounts: usize) {
    let failed = "select record_key || ' ' || error_code from failed_records";
    assert_eq!(
        stage.texts("control", failed).await,
        [""; 0],
        "what is sent twice is refused by the org"
    );
    let mut held: Vec<_> = org
        .records("Account")
        .iter()
        .map(|account| format!("{} {}", account["Legacy_Key__c"], account["Name"]))
        .collect();
    held.sort();
    let mut expected: Vec<_> = (1..=accounts)
        .map(|n| format!("\"K{n}\" \"Account {n}\""))
        .collect();
    expected.sort();
    assert_eq!(held.len(), accounts);
    for (held, expected) in held.iter().zip(&expected) {
        assert_eq!(held, expected);
    }
}

//! A loader that is cut off from the broker while it fills a job: what it holds is delivered to it again, and is one chunk all the same.

use std::time::Duration;

use model::RunStatus;

use crate::proxy::Proxy;
use crate::salesforce::{held, into_org, org};
use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn chunks_that_come_again_while_their_job_is_filled_are_sent_once() {
    let mut stage = Stage::new().await;
    stage
        .execute(
            "source",
            "create table accounts (id bigint primary key, name text);
             insert into accounts select n, 'Account ' || n from generate_series(1, 1000) n; analyze accounts",
        )
        .await;
    let org = org(&mut stage, Duration::from_millis(50)).await;
    stage.set("STEVEDORE__CHUNKS__JOB_LINGER_MS", "8000");
    stage.start_all();
    stage.kill("loader");
    let (login, broker) = stage.broker().rsplit_once('@').expect("amqp://user@host");
    let proxy = Proxy::before(broker.trim_end_matches('/').to_owned()).await;
    let behind = format!("{login}@{}", proxy.address());
    stage.set("STEVEDORE__BROKER__URL", &behind);
    stage.start("loader");
    let objects = "  - { name: accounts, from: { table: accounts }, to: Account, operation: insert, external_id: Legacy_Key__c, \
        fields: { Legacy_Key__c: \"'K' || id\", Name: name } }\n";
    let run = stage
        .run(&into_org(
            "{ kind: postgres, url: \"${SOURCE_URL}\" }",
            objects,
        ))
        .await;
    let in_hand = "select case when count(*) > 0 and count(*) = (select count(*) from leases where stage = 'loading') then 'all' else 'not all' end from chunks";
    stage
        .until("the loader holds all chunks", async || {
            stage.texts("control", in_hand).await == ["all"]
        })
        .await;
    proxy.cut();
    let view = stage.until_status(&run, RunStatus::Completed).await;
    assert!(view.balanced, "{view:?}");
    assert!(stage.log("loader").contains("subscribed again"));
    let again = "select chunk || ' ' || state || ' at attempt ' || attempt from chunks where attempt > 1 or state <> 'done'";
    assert_eq!(stage.texts("control", again).await, [""; 0]);
    let jobs = "select state || ' ' || records from jobs";
    assert_eq!(stage.texts("control", jobs).await, ["finished 1000"]);
    let mut expected: Vec<_> = (1..=1000).map(|n| format!("K{n}|Account {n}")).collect();
    expected.sort();
    assert_eq!(held(&org, "Account", &["Legacy_Key__c", "Name"]), expected);
    org.stop().await;
}

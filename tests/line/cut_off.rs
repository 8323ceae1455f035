//! A loader that is cut off from the broker while it fills a job: what it holds is delivered to it again, and is one chunk all the same.

use std::time::Duration;

use model::RunStatus;

use crate::accounts;
use crate::proxy::Proxy;
use crate::salesforce::{into_org, org};
use crate::stage::{SOURCE, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn chunks_that_come_again_while_their_job_is_filled_are_sent_once() {
    let mut stage = Stage::new().await;
    accounts::fill(&stage, 1_000).await;
    let org = org(&mut stage, Duration::from_millis(50)).await;
    stage.set("STEVEDORE__CHUNKS__JOB_LINGER_MS", "8000");
    stage.start_all();
    stage.kill("loader");
    let (login, broker) = stage.broker().rsplit_once('@').expect("amqp://user@host");
    let proxy = Proxy::before(broker.trim_end_matches('/').to_owned()).await;
    let behind = format!("{login}@{}", proxy.address());
    stage.set("STEVEDORE__BROKER__URL", &behind);
    stage.start("loader");
    let run = stage.run(&into_org(SOURCE, accounts::INSERT)).await;
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
    accounts::assert_arrived(&stage, &org, 1_000).await;
    org.stop().await;
}

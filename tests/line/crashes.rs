//! Services that die, and messages that come twice. Whatever happens, the target ends as if each record had been written once.

use std::time::Duration;

use model::{RunStatus, Secret};
use queue::{Broker, Queue, RabbitMq, RabbitSettings};

use crate::stage::{BOTH, ROLES, Stage, fill, migration};

#[tokio::test(flavor = "multi_thread")]
async fn every_service_may_be_killed_in_the_middle_of_a_run() {
    let mut stage = Stage::new().await;
    fill(&stage, 20_000).await;
    stage.start_all();
    let run = stage.run(&migration(BOTH)).await;
    for (turn, role) in ROLES.into_iter().enumerate() {
        stage.until_done(&run, 5 + 12 * turn as u64).await;
        stage.kill(role);
        tokio::time::sleep(Duration::from_millis(300)).await;
        stage.start(role);
    }
    let view = stage.until_status(&run, RunStatus::Completed).await;
    assert!(view.balanced, "{view:?}");
    stage.assert_equal("things", "keyed").await;
    stage.assert_equal("things", "keyless").await;
    // What the killed services had in hand came a second time.
    let again: usize = ROLES
        .iter()
        .map(|role| stage.log(role).matches("delivered again").count())
        .sum();
    let retried = stage
        .texts(
            "control",
            "select count(*)::text from chunks where attempt > 1",
        )
        .await;
    assert!(
        again > 0 || retried[0] != "0",
        "nothing was delivered or dispatched twice"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_come_twice_are_written_once() {
    let mut stage = Stage::new().await;
    fill(&stage, 6_000).await;
    stage.start_all();
    // A neighbour takes commands off the queue and puts each back twice.
    let mut settings = RabbitSettings::new(Secret::new(stage.broker()));
    settings.prefix = stage.prefix().to_owned();
    let broker = RabbitMq::connect(settings).await.expect("the broker");
    let mut commands = broker.consume(&Queue::Extract, 1).await.expect("the queue");
    let run = stage.run(&migration(BOTH)).await;
    for _ in 0..5 {
        let delivery = commands.next().await.expect("a command");
        for _ in 0..2 {
            broker
                .publish(&Queue::Extract, delivery.envelope.clone())
                .await
                .expect("published");
        }
        delivery.ack().await.expect("acknowledged");
    }
    drop(commands);
    let view = stage.until_status(&run, RunStatus::Completed).await;
    assert!(view.balanced);
    stage.assert_equal("things", "keyed").await;
    stage.assert_equal("things", "keyless").await;
    let doubled = stage.log("extractor") + &stage.log("loader") + &stage.log("transformer");
    assert!(
        doubled.contains("outdated")
            || doubled.contains("written before by another attempt")
            || doubled.contains("told again"),
        "no message came twice"
    );
    broker.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_coordinators_one_leads_and_the_other_takes_over() {
    let mut stage = Stage::new().await;
    fill(&stage, 6_000).await;
    stage.start_all();
    let run = stage.run(&migration(BOTH)).await;
    stage.until_done(&run, 5).await;
    stage.move_api();
    stage.start("coordinator-2");
    stage.kill("coordinator");
    let view = stage.until_status(&run, RunStatus::Completed).await;
    assert!(view.balanced);
    stage.assert_equal("things", "keyed").await;
    stage.assert_equal("things", "keyless").await;
    let terms = stage
        .texts("control", "select term::text from leadership")
        .await;
    assert!(
        terms[0].parse::<i64>().expect("a term") > 1,
        "nobody took over"
    );
}

//! Stop, pause and resume: by a foreign client's message, by the flag in SQL, and by the API, with and without a coordinator.

use std::time::{Duration, Instant};

use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Connection, ConnectionProperties};
use model::RunStatus;

use crate::stage::{BOTH, Stage, fill, migration};

/// After a stop is accepted no write starts later than this.
const CEASE: Duration = Duration::from_secs(2);

/// Publishes a plain JSON message, as anyone with broker access may.
async fn publish(stage: &Stage, text: &str) {
    let connection = Connection::connect(stage.broker(), ConnectionProperties::default())
        .await
        .expect("the broker");
    let channel = connection.create_channel().await.expect("a channel");
    let exchange = format!("{}.control", stage.prefix());
    channel
        .basic_publish(
            exchange.as_str().into(),
            "".into(),
            BasicPublishOptions::default(),
            text.as_bytes(),
            BasicProperties::default(),
        )
        .await
        .expect("published");
    let _ = connection.close(0, "done".into()).await;
}

async fn written(stage: &Stage) -> String {
    let sql = "select (select count(*) from keyed) || ' ' || (select count(*) from keyless)";
    stage.texts("target", sql).await.remove(0)
}

/// Waits out the time allowed, then looks whether anything is still written.
async fn assert_silence(stage: &Stage, since: Instant) {
    tokio::time::sleep(CEASE.saturating_sub(since.elapsed())).await;
    let before = written(stage).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(
        written(stage).await,
        before,
        "something was written after the stop"
    );
}

async fn assert_finished(stage: &Stage, run: &str) {
    let view = stage.until_status(run, RunStatus::Completed).await;
    assert!(view.balanced);
    stage.assert_equal("things", "keyed").await;
    stage.assert_equal("things", "keyless").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_clients_message_halts_a_run() {
    let mut stage = Stage::new().await;
    fill(&stage, 15_000).await;
    stage.start_all();
    let run = stage.run(&migration(BOTH)).await;
    stage.until_done(&run, 10).await;
    let message = format!(r#"{{"action":"stop","run":"{run}","by":"ops","reason":"wrong file"}}"#);
    publish(&stage, &message).await;
    let since = Instant::now();
    let view = stage.until_status(&run, RunStatus::Stopped).await;
    assert!(
        view.summary
            .reason
            .expect("a reason")
            .contains("wrong file")
    );
    assert_silence(&stage, since).await;
    assert_ne!(
        written(&stage).await,
        "15000 15000",
        "it had ended before it was stopped"
    );
    stage.ask(&run, "resume").await;
    assert_finished(&stage, &run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_obeyed_while_no_coordinator_runs() {
    let mut stage = Stage::new().await;
    fill(&stage, 15_000).await;
    stage.start_all();
    let run = stage.run(&migration(BOTH)).await;
    stage.until_done(&run, 10).await;
    stage.kill("coordinator");
    publish(&stage, r#"{"action":"stop","run":"*"}"#).await;
    assert_silence(&stage, Instant::now()).await;
    stage.start("coordinator");
    stage.until_status(&run, RunStatus::Stopped).await;
    stage.ask(&run, "resume").await;
    assert_finished(&stage, &run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_flag_in_sql_halts_a_run() {
    let mut stage = Stage::new().await;
    fill(&stage, 15_000).await;
    stage.start_all();
    let run = stage.run(&migration(BOTH)).await;
    stage.until_done(&run, 10).await;
    let sql = format!("update runs set desired_state = 'paused' where id = '{run}'");
    stage.execute("control", &sql).await;
    let since = Instant::now();
    stage.until_status(&run, RunStatus::Paused).await;
    assert_silence(&stage, since).await;
    let sql = format!("update runs set desired_state = 'running' where id = '{run}'");
    stage.execute("control", &sql).await;
    assert_finished(&stage, &run).await;
}

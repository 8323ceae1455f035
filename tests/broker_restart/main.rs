//! The broker restarted in the middle of a run: nothing is lost, nothing written twice. Apart from the other tests of the line, which it would disturb.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../line/stage.rs"]
#[allow(dead_code, reason = "the tests of the line use all of it")]
mod stage;

use model::RunStatus;

use stage::{BOTH, ROLES, Stage, fill, migration};

#[tokio::test(flavor = "multi_thread")]
async fn the_broker_may_be_killed_in_the_middle_of_a_run() {
    let Ok(restart) = std::env::var("STEVEDORE_TEST_RABBITMQ_RESTART") else {
        eprintln!("skipped: only a private broker, as `make test` starts one, may be restarted");
        return;
    };
    let mut stage = Stage::new().await;
    fill(&stage, 15_000).await;
    stage.start_all();
    let run = stage.run(&migration(BOTH)).await;
    // RabbitMQ writes down that a quorum queue is there half a second after it was declared; killed before, it would not know the queue again.
    stage.until_done(&run, 1).await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    for (done, how) in [(10, "hard"), (40, "")] {
        stage.until_done(&run, done).await;
        let mut command = std::process::Command::new(&restart);
        command.args((!how.is_empty()).then_some(how));
        let status = tokio::task::spawn_blocking(move || command.status())
            .await
            .expect("joined")
            .expect("it restarts");
        assert!(status.success());
    }
    let view = stage.until_status(&run, RunStatus::Completed).await;
    assert!(view.balanced);
    stage.assert_equal("things", "keyed").await;
    stage.assert_equal("things", "keyless").await;
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

//! A broker that takes back what is not acknowledged in time: jobs that run longer than that, and chunks that wait for longer until a loader may send one more.
//! By insert, so that anything sent twice shows. Apart from the other tests of the line, as it sets the broker's time-out low.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../line/accounts.rs"]
mod accounts;
#[path = "../line/stage.rs"]
#[allow(dead_code, reason = "the tests of the line use all of it")]
mod stage;

use std::process::Command;
use std::time::{Duration, Instant};

use futures::StreamExt;
use model::RunStatus;
use rehearsal_org::{Pace, RehearsalOrg, Settings};

use stage::{ROLES, SOURCE, Stage, migration_into_org};

/// What the broker gives a message until it is acknowledged.
const TIMEOUT: Duration = Duration::from_secs(10);
const ACCOUNTS: usize = 2_000;

/// A private broker with a low time-out, which it loses again at the end.
struct Impatient(String);

impl Impatient {
    async fn broker() -> Option<Self> {
        let Ok(restart) = std::env::var("STEVEDORE_TEST_RABBITMQ_RESTART") else {
            eprintln!(
                "skipped: only a private broker, as `make test` starts one, may be given another time-out"
            );
            return None;
        };
        let broker = Self(restart);
        let command = broker.0.clone();
        tokio::task::spawn_blocking(move || restarted(&command, TIMEOUT))
            .await
            .expect("it restarts");
        Some(broker)
    }
}

impl Drop for Impatient {
    fn drop(&mut self) {
        restarted(&self.0, Duration::ZERO);
    }
}

fn restarted(command: &str, timeout: Duration) {
    let status = Command::new(command)
        .args(["timeout", &timeout.as_millis().to_string()])
        .status();
    assert!(status.is_ok_and(|status| status.success()), "it restarts");
}

/// The broker does take back what is held for too long, or the rest would show nothing.
async fn is_impatient(stage: &Stage) {
    use lapin::options::{BasicConsumeOptions, BasicPublishOptions, QueueDeclareOptions};
    use lapin::types::FieldTable;
    let connection =
        lapin::Connection::connect(stage.broker(), lapin::ConnectionProperties::default())
            .await
            .expect("the broker");
    let channel = connection.create_channel().await.expect("a channel");
    let options = QueueDeclareOptions {
        exclusive: true,
        ..QueueDeclareOptions::default()
    };
    let queue = channel
        .queue_declare("".into(), options, FieldTable::default())
        .await
        .expect("a queue");
    let name = queue.name().clone();
    channel
        .basic_publish(
            "".into(),
            name.clone(),
            BasicPublishOptions::default(),
            b"held",
            lapin::BasicProperties::default(),
        )
        .await
        .expect("published");
    let mut consumer = channel
        .basic_consume(
            name,
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
        .expect("consumed");
    let _held = consumer.next().await.expect("a message").expect("whole");
    let begun = Instant::now();
    while channel.status().connected() {
        assert!(begun.elapsed() < TIMEOUT * 4, "the broker is patient");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A line whose jobs take as long as `pace`.
async fn started(pace: Duration, settings: &[(&str, &str)]) -> (Stage, RehearsalOrg, String) {
    let mut stage = Stage::new().await;
    is_impatient(&stage).await;
    accounts::fill(&stage, ACCOUNTS).await;
    let settings_of_org = Settings {
        pace: Pace::of(pace),
        ..Settings::default()
    };
    let org = stage.org(settings_of_org).await;
    for (name, value) in settings {
        stage.set(name, value);
    }
    stage.start_all();
    let file = migration_into_org(SOURCE, accounts::INSERT);
    let run = stage.run(&file).await;
    (stage, org, run)
}

/// Everything is there once, and the broker never closed a channel on us.
async fn arrives(stage: &Stage, org: RehearsalOrg, run: &str) {
    let view = stage.until_status(run, RunStatus::Completed).await;
    assert!(view.balanced, "{view:?}");
    accounts::assert_arrived(stage, &org, ACCOUNTS).await;
    let again =
        "select object || ' ' || chunk || ' at attempt ' || attempt from chunks where attempt > 1";
    assert_eq!(stage.texts("control", again).await, [""; 0]);
    for role in ROLES {
        let log = stage.log(role);
        let lost = log.lines().find(|line| {
            line.contains("subscription lost") || line.contains("PRECONDITION_FAILED")
        });
        assert_eq!(lost, None, "{role}");
    }
    org.stop().await;
}

async fn jobs(stage: &Stage, state: &str) -> usize {
    let sql = format!("select id from jobs where state = '{state}'");
    stage.texts("control", &sql).await.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_may_run_longer_than_the_brokers_time_out() {
    let Some(_broker) = Impatient::broker().await else {
        return;
    };
    tokio::join!(
        one_long_job(false),
        one_long_job(true),
        chunks_that_wait_for_long()
    );
}

/// One job, longer than the time-out twice over; `killed`: its loader is killed in the middle of it.
async fn one_long_job(killed: bool) {
    let (mut stage, org, run) =
        started(TIMEOUT * 3, &[("STEVEDORE__CHUNKS__JOB_LINGER_MS", "2000")]).await;
    stage
        .until("the job is uploaded", async || {
            jobs(&stage, "uploaded").await > 0
        })
        .await;
    let begun = Instant::now();
    if killed {
        stage.kill("loader");
        stage.start("loader");
    }
    arrives(&stage, org, &run).await;
    assert!(begun.elapsed() > TIMEOUT * 2, "the job was a short one");
    // Each record in one job, and no second for any.
    let jobs = "select distinct state || ' ' || (select sum(records) from jobs) from jobs";
    let sent = stage.texts("control", jobs).await;
    assert_eq!(sent, [format!("finished {ACCOUNTS}")]);
}

/// Many jobs, of which a loader may have only some on their way at once: the chunks of the others wait longer than the time-out.
async fn chunks_that_wait_for_long() {
    let (stage, org, run) = started(
        TIMEOUT * 3 / 2,
        &[
            ("STEVEDORE__CHUNKS__JOB_BYTES", "5000"),
            ("STEVEDORE__CHUNKS__JOB_LINGER_MS", "300"),
            ("STEVEDORE__CHUNKS__HOLD_SECONDS", "1"),
        ],
    )
    .await;
    arrives(&stage, org, &run).await;
    assert!(jobs(&stage, "finished").await > 8, "they had to wait");
}

//! What goes wrong in the middle of a run stays where it is: the rest of the run goes on, and what was wrong is told with object, key and way out.

use model::{RunStatus, Secret};
use queue::{Broker, Queue, RabbitMq, RabbitSettings};

use crate::stage::{BOTH, Stage, fill, migration};

/// As of a service of a version to come.
const UNKNOWN: u16 = 99;

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_an_unknown_version_becomes_a_dead_letter_and_its_chunk_goes_again() {
    let mut stage = Stage::new().await;
    fill(&stage, 4_000).await;
    let mut settings = RabbitSettings::new(Secret::new(stage.broker()));
    settings.prefix = stage.prefix().to_owned();
    let broker = RabbitMq::connect(settings).await.expect("the broker");
    let mut commands = broker.consume(&Queue::Extract, 1).await.expect("the queue");
    stage.start_all();
    let run = stage.run(&migration(BOTH)).await;
    let delivery = commands.next().await.expect("a command");
    let mut unknown = delivery.envelope.clone();
    unknown.version = UNKNOWN;
    broker
        .publish(&Queue::Extract, unknown)
        .await
        .expect("published");
    delivery.ack().await.expect("acknowledged");
    drop(commands);
    let view = stage.until_status(&run, RunStatus::Completed).await;
    assert!(view.balanced, "{view:?}");
    let letters = broker.dead_letters(10).await.expect("the dead letters");
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert!(
        letters[0].reason.contains("unknown version 99"),
        "{letters:?}"
    );
    let lost = "select object || ' ' || attempt from audit_log where not outcome and error_message like '%lost on the way%'";
    assert_eq!(stage.texts("control", lost).await.len(), 1);
    stage.assert_equal("things", "keyed").await;
    stage.assert_equal("things", "keyless").await;
    broker.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunk_too_large_fails_alone() {
    let mut stage = Stage::new().await;
    fill(&stage, 2_000).await;
    // A table without a key is one chunk; what has a key is cut into chunks that fit.
    stage
        .execute(
            "source",
            "create table unkeyed as select * from things; analyze unkeyed",
        )
        .await;
    stage.set("STEVEDORE__CHUNKS__BODY_LIMIT", "30000");
    stage.start_all();
    let objects = "  - { name: keyed, from: { table: things }, to: keyed, operation: upsert }
  - { name: unkeyed, from: { table: unkeyed }, to: keyless, operation: insert }
";
    let run = stage.run(&migration(objects)).await;
    let view = stage.until_status(&run, RunStatus::Failed).await;
    stage.assert_equal("things", "keyed").await;
    assert!(stage.rows("target", "keyless").await.is_empty());
    let failed = "select object || ': ' || error_code || ', ' || error_hint from chunks where state = 'failed'";
    let failed = stage.texts("control", failed).await;
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(
        failed[0].starts_with("unkeyed: message_too_large, name a `key`"),
        "{failed:?}"
    );
    let reason = view.summary.reason.expect("a reason");
    assert!(reason.contains("unkeyed"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunk_that_grows_too_large_on_the_way_fails_at_once() {
    let mut stage = Stage::new().await;
    let table = "create table numbers (id bigint primary key)";
    let rows = "insert into numbers select generate_series(1, 200)";
    stage
        .execute("source", &format!("{table}; {rows}; analyze numbers"))
        .await;
    stage.execute("target", table).await;
    // Enough for the numbers, and not for the checksums that are added to them.
    stage.set("STEVEDORE__CHUNKS__BODY_LIMIT", "3000");
    stage.start_all();
    let objects =
        "  - { name: numbers, from: { table: numbers }, to: numbers, operation: upsert }\n";
    let run = stage.run(&migration(objects)).await;
    stage.until_status(&run, RunStatus::Failed).await;
    let failed =
        "select error_code || ' at attempt ' || attempt from chunks where state = 'failed'";
    let failed = stage.texts("control", failed).await;
    assert_eq!(failed, ["message_too_large at attempt 1"]);
    assert!(stage.rows("target", "numbers").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_becomes_impossible_on_the_way_is_rejected_alone() {
    let mut stage = Stage::new().await;
    fill(&stage, 6_000).await;
    stage.start_all();
    let run = stage.run(&migration(BOTH)).await;
    stage.until_done(&run, 3).await;
    stage.ask(&run, "pause").await;
    stage.until_status(&run, RunStatus::Paused).await;
    // A year that Arrow's dates can't hold, in the last chunk of all.
    stage
        .execute(
            "source",
            "update things set at = '294276-01-01' where id = 5999; update things set at = 'infinity' where id = 6000",
        )
        .await;
    stage.ask(&run, "resume").await;
    let view = stage.until_status(&run, RunStatus::Completed).await;
    assert!(view.balanced && view.over_limit, "{view:?}");
    for object in &view.objects {
        assert_eq!(
            (object.books.created, object.books.rejected),
            (5_998, 2),
            "{view:?}"
        );
    }
    let rejected =
        "select object || ' ' || record_key || ' ' || error_fields from failed_records order by 1";
    assert_eq!(
        stage.texts("control", rejected).await,
        [
            "keyed 5999 at",
            "keyed 6000 at",
            "keyless 5999 at",
            "keyless 6000 at"
        ]
    );
    stage
        .execute("source", "delete from things where id in (5999, 6000)")
        .await;
    stage.assert_equal("things", "keyed").await;
    stage.assert_equal("things", "keyless").await;
}

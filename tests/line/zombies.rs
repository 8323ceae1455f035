//! Services that freeze in the middle of their work, and wake up when others have done it: they change nothing any more.

use model::RunStatus;

use crate::stage::{Stage, fill, migration};
use crate::wire::Wire;

/// Chunks that a loader works on at once.
const IN_HAND: usize = 2;

/// Where the loader freezes, by what it is about to say to the target, and what is logged of each chunk in its hands.
struct Freeze {
    at: &'static str,
    logged: &'static [&'static str],
}

/// Its transaction is begun, and its chunk not claimed.
const BEFORE_THE_CLAIM: Freeze = Freeze {
    at: "set local datestyle",
    logged: &["split meanwhile, and a part is written: nothing to do"],
};
/// After the claim, the writing and the last look at the kill switch.
const BEFORE_THE_COMMIT: Freeze = Freeze {
    at: "COMMIT",
    logged: &[
        "an earlier attempt still held its claim: its transaction was ended",
        "refused",
    ],
};

async fn wakes_up_late(freeze: Freeze, object: &str) {
    let mut stage = Stage::new().await;
    fill(&stage, 20_000).await;
    let (target, wire) = (stage.url("target"), Wire::to(&stage.url("target")).await);
    stage.set("TARGET_URL", &wire.url(&target));
    stage.start("loader");
    stage.set("TARGET_URL", &target);
    for role in [
        "coordinator",
        "extractor",
        "transformer",
        "auditor",
        "reconciler",
    ] {
        stage.start(role);
    }
    let run = stage.run(&migration(object)).await;
    stage.until_done(&run, 3).await;
    wire.hold_at(freeze.at);
    stage
        .until("the loader has its hands full", async || {
            wire.waiting() == IN_HAND
        })
        .await;
    stage.signal("loader", "STOP");
    let leases = "select chunk::text from leases where stage = 'loading'";
    let in_hand = stage.texts("control", leases).await;
    assert_eq!(in_hand.len(), IN_HAND);

    // Its chunks prove too big for the extractor, and the parts go to another loader.
    stage.kill("extractor");
    stage.set("STEVEDORE__CHUNKS__BYTES", "8000");
    stage.start("extractor");
    stage.start("loader-2");
    let view = stage.until_status(&run, RunStatus::Completed).await;
    assert!(view.balanced, "{view:?}");
    let table = &view.objects[0].name;
    stage.assert_equal("things", table).await;
    for chunk in in_hand {
        let sql = format!("select state from chunks where chunk = {chunk}");
        assert_eq!(stage.texts("control", &sql).await, ["split"]);
    }

    wire.let_go();
    stage.signal("loader", "CONT");
    for logged in freeze.logged {
        stage
            .until("the loader has come to its senses", async || {
                stage.log("loader").matches(logged).count() >= IN_HAND
            })
            .await;
    }
    stage.assert_equal("things", table).await;
    assert!(stage.view(&run).await.expect("a view").balanced);
}

const UPSERT: &str = "  - { name: keyed, from: { table: things }, to: keyed, operation: upsert }\n";
const INSERT: &str =
    "  - { name: keyless, from: { table: things }, to: keyless, operation: insert }\n";

#[tokio::test(flavor = "multi_thread")]
async fn upserting_and_frozen_before_its_claim() {
    wakes_up_late(BEFORE_THE_CLAIM, UPSERT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn upserting_and_frozen_before_its_commit() {
    wakes_up_late(BEFORE_THE_COMMIT, UPSERT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inserting_and_frozen_before_its_claim() {
    wakes_up_late(BEFORE_THE_CLAIM, INSERT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inserting_and_frozen_before_its_commit() {
    wakes_up_late(BEFORE_THE_COMMIT, INSERT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_that_froze_and_woke_changes_nothing() {
    let mut stage = Stage::new().await;
    fill(&stage, 20_000).await;
    stage.start_all();
    let run = stage.run(&migration(UPSERT)).await;
    stage.until_done(&run, 5).await;
    stage.signal("coordinator", "STOP");
    stage.move_api();
    stage.start("coordinator-2");
    let view = stage.until_status(&run, RunStatus::Completed).await;
    assert!(view.balanced, "{view:?}");
    let state = async || {
        let chunks = "select c::text from chunks c";
        let runs = "select r::text from runs r";
        let mut state = stage.texts("control", chunks).await;
        state.extend(stage.texts("control", runs).await);
        state.sort();
        state
    };
    let before = state().await;
    stage.signal("coordinator", "CONT");
    stage
        .until("the first coordinator has come to its senses", async || {
            stage.log("coordinator").contains("leads no more")
        })
        .await;
    assert_eq!(state().await, before);
    stage.assert_equal("things", "keyed").await;
}

//! The embedded line: killed at any moment, a run is finished by the next process under the same key, at once, and each record is written once.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::stage::{BOTH, Stage, fill, migration};

/// More than the line takes, and less than the leases of a dead process would last.
const SOON: Duration = Duration::from_secs(25);

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_run_is_finished_under_its_key() {
    let mut stage = Stage::new().await;
    fill(&stage, 8_000).await;
    stage.set("STEVEDORE__CHUNKS__LEASE_SECONDS", "120");
    std::fs::write(stage.file("m.yaml"), migration(BOTH)).expect("written");
    let command = || stage.embedded(&["run", "m.yaml", "--id", "nightly", "--json"]);
    for written in [1_000, 4_000] {
        let mut child = command()
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let count = "select (select count(*) from keyed) + (select count(*) from keyless) > ";
        let sql = format!("select ({count}{written})::text");
        stage
            .until(&format!("{written} records are written"), async || {
                stage.texts("target", &sql).await[0] == "true"
            })
            .await;
        child.kill().expect("it is killed");
        child.wait().expect("it is gone");
    }
    let began = Instant::now();
    let mut last = command();
    let output = tokio::task::spawn_blocking(move || last.output())
        .await
        .expect("joined")
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(began.elapsed() < SOON, "it took {:?}", began.elapsed());
    let document: Value = serde_json::from_str(&text).expect("one document");
    assert_eq!(document["status"], "completed");
    assert_eq!(document["balanced"], true);
    assert_eq!(document["objects"][1]["created"], 8_000);
    stage.assert_equal("things", "keyed").await;
    stage.assert_equal("things", "keyless").await;
}

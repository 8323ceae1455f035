//! What happened to one record: told by its key, out of all the chunks of its object, and each time that it went down the line.

use std::time::Duration;

use api::{RecordQuery, RecordView};
use model::{Failure, RunStatus};

use crate::salesforce::{into_org, org};
use crate::stage::{SOURCE, Stage, fill, migration};

/// The one that the target does not take.
const REFUSED: &str = "78";

async fn record(stage: &Stage, run: &str, object: &str, key: &str) -> Result<RecordView, Failure> {
    let query = RecordQuery {
        object: object.to_owned(),
        key: key.to_owned(),
    };
    stage.client().record(run, &query).await
}

/// Fate, id and error of each passage.
fn told(record: &RecordView) -> Vec<(&str, Option<&str>, Option<&str>)> {
    let passages = record.passages.iter();
    passages
        .map(|passage| {
            let error = passage.error.as_ref().map(|error| error.code.as_str());
            (passage.fate.as_str(), passage.target_id.as_deref(), error)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_found_among_its_chunks_and_remembers_each_passage() {
    let mut stage = Stage::new().await;
    fill(&stage, 5_000).await;
    let guard = format!(
        "alter table keyed add constraint not_this check (id <> {REFUSED} or name like 'mended%')"
    );
    stage.execute("target", &guard).await;
    stage.set("STEVEDORE__CHUNKS__RECORDS", "500");
    stage.start_all();
    let objects = "  - { name: keyed, from: { table: things }, to: keyed, operation: upsert }
  - { name: pairs, from: { table: things }, key: [id, code], to: keyless, operation: insert }
";
    let file = migration(objects) + "limits: { accept_failed: 10 }\n";
    let run = stage.run(&file).await;
    stage.until_status(&run, RunStatus::Completed).await;

    let sql =
        "select count(distinct chunk)::text from audit_log where outcome and object = 'keyed'";
    let chunks: u64 = stage.texts("control", sql).await[0].parse().unwrap();
    assert!(chunks >= 5, "{chunks}");
    for id in (1..=5_000).step_by(499) {
        let id = id.to_string();
        let found = record(&stage, &run, "keyed", &id).await.unwrap();
        assert_eq!(told(&found), [("created", Some(id.as_str()), None)]);
        // Its chunk is the one that read it: the only one whose slice has it.
        let passage = &found.passages[0];
        let sql = format!(
            "select attempt || ' ' || (ended_at is not null) from audit_log
             where object = 'keyed' and outcome and chunk = {}",
            passage.chunk
        );
        assert_eq!(
            stage.texts("control", &sql).await,
            [format!("{} true", passage.attempt)]
        );
        assert!(passage.checksum.is_some() && passage.at.is_some());
    }
    let pair = "[\"8\",\"c9f0f895-fb98-ab91-59f5-1fd0297e236d\"]";
    let found = record(&stage, &run, "pairs", pair).await.unwrap();
    assert_eq!(told(&found), [("created", None, None)]);

    let found = record(&stage, &run, "keyed", REFUSED).await.unwrap();
    assert_eq!(told(&found), [("failed", None, Some("23514"))]);
    let error = found.passages[0].error.clone().unwrap();
    assert_eq!(error.fields, ["not_this"]);
    assert!(error.message.unwrap().contains("violates check constraint"));

    let mended = format!("update things set name = 'mended' where id = {REFUSED}");
    stage.execute("source", &mended).await;
    stage.ask(&run, "retry").await;
    stage
        .until("the record is sent again", async || {
            let found = record(&stage, &run, "keyed", REFUSED).await.unwrap();
            found.passages.len() == 2
        })
        .await;
    let found = record(&stage, &run, "keyed", REFUSED).await.unwrap();
    let created = ("created", Some(REFUSED), None);
    assert_eq!(told(&found), [("failed", None, Some("23514")), created]);
    stage.until_status(&run, RunStatus::Completed).await;
    stage.assert_equal("things", "keyed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_not_there_is_said_so() {
    let mut stage = Stage::new().await;
    fill(&stage, 100).await;
    stage.start_all();
    let objects = "  - { name: keyed, from: { table: things }, to: keyed, operation: upsert }\n";
    let run = stage.run(&migration(objects)).await;
    stage.until_status(&run, RunStatus::Completed).await;
    for (run, object, key) in [
        (run.as_str(), "keyed", "101"),
        (run.as_str(), "keyed", ""),
        (run.as_str(), "nothing", "1"),
        ("01a00000-0000-7000-8000-000000000000", "keyed", "1"),
    ] {
        let failure = record(&stage, run, object, key).await.unwrap_err();
        assert_eq!(failure.code, "not_found", "{object} {key}: {failure}");
    }
    let server = format!("http://{}", stage.address);
    let output = stage
        .command(&["record", &run, "keyed", "-1", "--server", &server])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("had a record -1") && said.contains("hint: a key is written"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_in_an_org_has_its_job_id_and_changes() {
    let mut stage = Stage::new().await;
    stage
        .execute(
            "source",
            "create table people (id bigint primary key, name text);
             insert into people values (1, 'One'), (2, repeat('long ', 30)), (3, null);
             analyze people",
        )
        .await;
    let org = org(&mut stage, Duration::ZERO).await;
    stage.start_all();
    let objects = "
  - name: people
    from: { table: people }
    to: Contact
    operation: upsert
    external_id: Contact_External_Id__c
    fields:
      Contact_External_Id__c: \"'P' || id\"
      LastName: { from: name, on_invalid: truncate }
limits: { accept_failed: 5 }
";
    let run = stage.run(&into_org(SOURCE, objects)).await;
    stage.until_status(&run, RunStatus::Completed).await;

    let server = format!("http://{}", stage.address);
    let say = |key: &str| {
        let output = stage
            .command(&["record", &run, "people", key, "--server", &server])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let first = record(&stage, &run, "people", "1").await.unwrap();
    let id = first.passages[0].target_id.clone().unwrap();
    assert!(id.starts_with("003"), "{id}");
    assert!(
        say("1").contains(&format!("  created as {id}, ")),
        "{}",
        say("1")
    );
    let cut = say("2");
    assert!(
        cut.contains("    LastName was changed (too_long): it was long long"),
        "{cut}"
    );
    let refused = say("3");
    assert!(refused.contains("  rejected, "), "{refused}");
    assert!(
        refused.contains("    required_field_missing (LastName): "),
        "{refused}"
    );
    org.stop().await;
}

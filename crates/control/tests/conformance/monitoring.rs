//! Every statement that docs/monitoring.md shows works on the engine it is shown for, and finds something.

use control::{Failures, JobChunk, NewChange, NewItem, NewJob, Verdict};
use model::migration::AutomationKind;
use model::{Attempt, ChunkNumber, DesiredState, Failure, Fate};

use crate::bed::{Bed, on_both};
use crate::fixture::{Fixture, MINUTE, books, entry, failed};
use crate::placeholders::placeholder;

on_both!(the_documented_statements_work);

const PAGE: &str = include_str!("../../../../docs/monitoring.md");

struct Block {
    heading: String,
    engine: Option<String>,
    sql: String,
}

/// The fenced blocks whose language is sql; a second word names the one engine they are for.
fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut heading = String::new();
    let mut open: Option<Block> = None;
    for line in PAGE.lines() {
        match &mut open {
            Some(_) if line.starts_with("```") => blocks.extend(open.take()),
            Some(block) => {
                block.sql.push_str(line);
                block.sql.push('\n');
            }
            None if line.starts_with('#') => {
                heading = line.trim_start_matches('#').trim().to_owned()
            }
            None => {
                if let Some(words) = line.strip_prefix("```sql") {
                    let engine = words.split_whitespace().next().map(str::to_owned);
                    open = Some(Block {
                        heading: heading.clone(),
                        engine,
                        sql: String::new(),
                    });
                }
            }
        }
    }
    blocks
}

async fn populated(bed: &Bed) -> Fixture {
    let f = Fixture::planned(bed, 8).await;
    let control = &bed.control;
    f.dispatch(bed, 6).await;
    let mut changed = entry(&f.chunk(1), Attempt(1), books(90, 0, 0));
    changed.changes = vec![NewChange {
        key: "k9".to_owned(),
        field: "Name".to_owned(),
        code: "too_long".to_owned(),
        was: None,
    }];
    changed.placeholders = vec![placeholder("x", Some("1"))];
    control.audit(&changed, &[], None).await.unwrap();
    control.want_automation_off(f.term, &f.run).await.unwrap();
    let rule = NewItem {
        id: "03d".to_owned(),
        kind: AutomationKind::ValidationRules,
        name: "Account.Must_Have_Name".to_owned(),
        object: "Account".to_owned(),
        was: serde_json::json!({"active": true}),
        off: serde_json::json!({"active": false}),
    };
    let none = serde_json::json!([]);
    control
        .plan_automation(f.term, &f.run, "org", &[rule], &none)
        .await
        .unwrap();
    f.finish(bed, 1, books(90, 0, 0), &[], &[]).await;
    f.finish(
        bed,
        2,
        books(8, 1, 1),
        &[failed("k1", Fate::Rejected), failed("k2", Fate::Failed)],
        &[],
    )
    .await;
    control
        .settle(
            f.term,
            &f.chunk(3),
            Attempt(1),
            &Verdict::Failed(Failure::chunk("too_big", "no")),
        )
        .await
        .unwrap();
    let why = Failure::retry("timeout", "no answer");
    control
        .give_back(f.term, &f.chunk(4), Attempt(1), MINUTE, Some(&why))
        .await
        .unwrap();
    control
        .take_lease(&f.chunk(5), Attempt(1), "loader", "p1", MINUTE)
        .await
        .unwrap();
    let job = NewJob {
        id: "j".to_owned(),
        run: f.run.clone(),
        object: "a".to_owned(),
        connection: "org".to_owned(),
        records: 1,
        bytes: 1,
        sent_by: control::SentBy::Job,
    };
    let chunks = [JobChunk {
        chunk: ChunkNumber(6),
        attempt: Attempt(1),
        manifest: vec![],
    }];
    control
        .store_job(&job, &chunks, "p1", MINUTE)
        .await
        .unwrap();
    control
        .heartbeat("p1", "loader", "host", "0.1.0", true, 2)
        .await
        .unwrap();
    control
        .report_room(&control::NewRoom {
            instance: "p1".to_owned(),
            migration: "legacy-crm".to_owned(),
            connection: "org".to_owned(),
            at_most: 4,
            at_once: 2,
            under_way: 2,
            lowered: Some((control::LoweredBy::Locks, MINUTE)),
        })
        .await
        .unwrap();
    control
        .save_reconciliations(&[control::Reconciliation {
            run: f.run.clone(),
            object: "a".to_owned(),
            level: 1,
            check: "count".to_owned(),
            scope: "records of this run".to_owned(),
            source_value: Some("99".to_owned()),
            target_value: Some("98".to_owned()),
            passed: false,
            details: None,
            checked_at: None,
        }])
        .await
        .unwrap();
    // Long ago, for what looks for standstill.
    let ago = match bed.is_postgres() {
        true => "now() - interval '3 hours'",
        false => "strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-3 hours')",
    };
    bed.sql(&format!(
        "update chunks set dispatched_at = {ago}, updated_at = {ago} where chunk in (5, 6)"
    ))
    .await;
    bed.sql(&format!("update services set seen_at = {ago}"))
        .await;
    f
}

async fn the_documented_statements_work(bed: &Bed) {
    let f = populated(bed).await;
    let engine = if bed.is_postgres() {
        "postgres"
    } else {
        "sqlite"
    };
    let (mut tried, mut partial) = (0, 0);
    for block in blocks() {
        if block.engine.as_ref().is_some_and(|only| only != engine) {
            continue;
        }
        let sql = block.sql.replace("<run>", f.run.as_str());
        let rows = bed.sql(&sql).await;
        let reads = sql.trim_start().starts_with("select");
        assert!(
            !reads || !rows.is_empty(),
            "{}: nothing found by\n{sql}",
            block.heading
        );
        tried += 1;
        match block.heading.as_str() {
            "How far is it" => {
                for row in rows.iter().filter(|row| row[1].1 == "PARTIAL") {
                    let wanted = [
                        ("chunks", "1"),
                        ("total_extracted", "10"),
                        ("total_success", "8"),
                        ("total_failed", "1"),
                        ("success_rate", "80"),
                    ];
                    for (column, value) in wanted {
                        let found = row.contains(&(column.to_owned(), value.to_owned()));
                        assert!(found, "{column} in {row:?}");
                    }
                    partial += 1;
                }
            }
            "Stop, pause, resume" => {
                let stopped = bed.control.desired_states().await.unwrap()[0].desired;
                assert!(
                    [
                        DesiredState::Stopped,
                        DesiredState::Paused,
                        DesiredState::Running
                    ]
                    .contains(&stopped)
                );
            }
            "Mark a failed record as settled" => {
                let which = Failures {
                    unresolved_only: true,
                    limit: 9,
                    ..Failures::default()
                };
                assert_eq!(bed.control.failures(&f.run, &which).await.unwrap().len(), 1);
            }
            _ => {}
        }
    }
    assert_eq!(partial, 1);
    assert!(
        tried >= 10,
        "only {tried} statements were found in the page"
    );
}

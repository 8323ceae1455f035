//! The audit log: one outcome per chunk, with all that belongs to it, however often it is delivered.

use control::{Audited, FailedAttempt, Failures, LedgerBlob};
use futures::future::join_all;
use model::{Attempt, ChunkNumber, Failure, Fate, Pass, RunId};

use crate::bed::{Bed, on_both};
use crate::fixture::{Fixture, books, entry, failed};

on_both!(
    an_outcome_is_stored_with_all_that_belongs_to_it,
    an_outcome_is_stored_once,
    an_outcome_delivered_to_eight_at_once_is_stored_once,
    an_outcome_is_stored_whole_or_not_at_all,
    attempts_that_came_to_nothing_have_rows_too,
    texts_come_back_as_they_were,
);

async fn an_outcome_is_stored_with_all_that_belongs_to_it(bed: &Bed) {
    let f = Fixture::planned(bed, 1).await;
    let ledger = LedgerBlob {
        records: 3,
        encoding_version: 1,
        key_filter: Some(vec![7]),
        blob: vec![0, 1, 255],
    };
    let refused = [failed("k1", Fate::Rejected), failed("k2", Fate::Failed)];
    let audited = bed
        .control
        .audit(
            &entry(&f.chunk(1), Attempt(1), books(1, 1, 1)),
            &refused,
            Some(&ledger),
        )
        .await;
    assert_eq!(audited.unwrap(), Audited::Recorded);
    assert_eq!(bed.control.ledger(&f.chunk(1)).await.unwrap(), Some(ledger));
    assert_eq!(bed.control.ledger(&f.chunk(2)).await.unwrap(), None);
    let filters = async |after| {
        let filters = bed.control.key_filters(&f.run, "a", ChunkNumber(after), 9);
        filters.await.unwrap()
    };
    assert_eq!(filters(0).await, [(ChunkNumber(1), Some(vec![7]))]);
    assert_eq!(filters(1).await, []);
    let outcome = bed.control.outcome(&f.chunk(1)).await.unwrap().unwrap();
    assert_eq!((outcome.attempt, outcome.succeeded), (Attempt(1), Some(1)));
    assert_eq!(bed.control.outcome(&f.chunk(2)).await.unwrap(), None);
    let of_key = Failures {
        key: Some("k2"),
        limit: 9,
        ..Failures::default()
    };
    let of_key = bed.control.failures(&f.run, &of_key).await.unwrap();
    let of_key: Vec<_> = of_key.iter().map(|failed| failed.key.as_str()).collect();
    assert_eq!(of_key, ["k2"]);
    let row = bed
        .value(
            "select scheduler_run_id || ' ' || object || ' ' || chunk || ' ' || attempt || ' ' || status || ' ' || source_count || ' ' ||
                extracted_count || ' ' || transformed_count || ' ' || loaded_count || ' ' || success_count || ' ' || failed_count || ' ' ||
                skipped_count || ' ' || created_count || ' ' || rejected_count || ' ' || duration_seconds || ' ' || file_size_mb || ' ' ||
                job_id || ' ' || source_checksum || ' ' || coalesce(target_checksum, 'null') || ' ' || read_epoch || ' ' || bytes
             from audit_log",
        )
        .await;
    let row = row.replace("1.0 ", "1 ");
    assert_eq!(
        row,
        "scheduled__1 a 1 1 PARTIAL 3 3 2 2 1 1 0 1 1 2.5 1 750xx 1:abc null 10:10: 4096"
    );
    let rows = bed.control.audit_rows(&f.run, None, 9).await.unwrap();
    assert_eq!(
        (rows[0].status.as_str(), rows[0].balanced, rows[0].seconds),
        ("PARTIAL", Some(true), Some(2.5))
    );
    assert!(
        rows[0]
            .error_message
            .as_ref()
            .unwrap()
            .contains("1 records rejected")
    );
    let listed = bed
        .control
        .failures(
            &f.run,
            &Failures {
                limit: 9,
                ..Failures::default()
            },
        )
        .await
        .unwrap();
    assert_eq!(listed.len(), 2);
    let first = &listed[0];
    assert_eq!(
        (first.key.as_str(), first.fate, first.retry_count),
        ("k1", Fate::Rejected, 0)
    );
    assert_eq!(
        (&first.code, &first.message),
        (&refused[0].code, &refused[0].message)
    );
    assert_eq!(
        (&first.fields, &first.data),
        (&refused[0].fields, &refused[0].data)
    );
    assert_eq!((first.audit_id, first.resolved), (rows[0].audit_id, false));
}

async fn an_outcome_is_stored_once(bed: &Bed) {
    let f = Fixture::planned(bed, 1).await;
    let first = entry(&f.chunk(1), Attempt(1), books(1, 0, 1));
    bed.control
        .audit(&first, &[failed("k", Fate::Failed)], None)
        .await
        .unwrap();
    let before = bed.content().await;
    // Again, and what a later attempt says.
    for attempt in [1, 2] {
        let again = entry(&f.chunk(1), Attempt(attempt), books(7, 0, 0));
        let audited = bed
            .control
            .audit(&again, &[failed("other", Fate::Failed)], None)
            .await
            .unwrap();
        assert_eq!(
            audited,
            Audited::Already {
                books: books(1, 0, 1)
            }
        );
    }
    assert_eq!(bed.content().await, before);
    let nobody = entry(
        &model::ChunkRef {
            run: RunId::new("x"),
            ..f.chunk(1)
        },
        Attempt(1),
        books(1, 0, 0),
    );
    assert!(matches!(
        bed.control.audit(&nobody, &[], None).await,
        Err(control::Error::NotFound(_))
    ));
}

async fn an_outcome_delivered_to_eight_at_once_is_stored_once(bed: &Bed) {
    let f = Fixture::planned(bed, 1).await;
    let ledger = LedgerBlob {
        records: 1,
        encoding_version: 1,
        key_filter: Some(vec![7]),
        blob: vec![1],
    };
    let audited = join_all((1..=8).map(|attempt| {
        let (control, entry, ledger) = (
            bed.control.clone(),
            entry(&f.chunk(1), Attempt(attempt), books(1, 0, attempt as u64)),
            ledger.clone(),
        );
        tokio::spawn(async move {
            let refused: Vec<_> = (0..attempt)
                .map(|n| failed(&format!("k{n}"), Fate::Failed))
                .collect();
            control
                .audit(&entry, &refused, Some(&ledger))
                .await
                .unwrap()
        })
    }))
    .await;
    let answers: Vec<_> = audited.into_iter().map(|a| a.unwrap()).collect();
    assert_eq!(
        answers.iter().filter(|a| **a == Audited::Recorded).count(),
        1
    );
    let stored: u64 = bed
        .value("select failed_count from audit_log")
        .await
        .parse()
        .unwrap();
    let already = Audited::Already {
        books: books(1, 0, stored),
    };
    assert_eq!(answers.iter().filter(|a| **a == already).count(), 7);
    assert_eq!(
        bed.value("select count(*) from failed_records").await,
        stored.to_string()
    );
}

async fn an_outcome_is_stored_whole_or_not_at_all(bed: &Bed) {
    let f = Fixture::planned(bed, 1).await;
    let ledger = LedgerBlob {
        records: 1,
        encoding_version: 1,
        key_filter: Some(vec![7]),
        blob: vec![1],
    };
    // The ledger's place is taken, so its insert fails after all the others.
    bed.sql(&format!(
        "insert into ledger (run_id, object, chunk, attempt, records, encoding_version, blob)
         select id, 'a', 1, 1, 1, 1, {} from runs",
        if bed.is_postgres() {
            "'\\x00'::bytea"
        } else {
            "x'00'"
        }
    ))
    .await;
    let before = bed.content().await;
    let audited = bed
        .control
        .audit(
            &entry(&f.chunk(1), Attempt(1), books(0, 0, 1)),
            &[failed("k", Fate::Failed)],
            Some(&ledger),
        )
        .await;
    assert!(audited.is_err());
    assert_eq!(bed.content().await, before);
}

async fn attempts_that_came_to_nothing_have_rows_too(bed: &Bed) {
    let f = Fixture::planned(bed, 1).await;
    let attempt = |number| FailedAttempt {
        chunk: f.chunk(1),
        attempt: Attempt(number),
        pass: Pass::Records,
        failure: Failure::retry("timeout", "no answer").object("a"),
        started_at: None,
        ended_at: chrono::Utc::now(),
        created_by: "coordinator".to_owned(),
    };
    for number in [1, 1, 2] {
        bed.control.audit_failure(&attempt(number)).await.unwrap();
    }
    bed.control
        .audit(&entry(&f.chunk(1), Attempt(3), books(2, 0, 0)), &[], None)
        .await
        .unwrap();
    // It has come to something after all.
    bed.control.audit_failure(&attempt(3)).await.unwrap();
    let rows = bed.control.audit_rows(&f.run, None, 9).await.unwrap();
    let shown: Vec<_> = rows
        .iter()
        .map(|r| (r.attempt.0, r.status.as_str(), r.outcome))
        .collect();
    assert_eq!(
        shown,
        [
            (1, "FAILED", false),
            (2, "FAILED", false),
            (3, "SUCCESS", true)
        ]
    );
    assert_eq!(
        rows[0].error_message.as_deref(),
        Some("object a: no answer")
    );
    assert_eq!(
        bed.control
            .audit_rows(&f.run, Some(rows[1].audit_id), 9)
            .await
            .unwrap(),
        rows[2..]
    );
}

async fn texts_come_back_as_they_were(bed: &Bed) {
    let f = Fixture::planned(bed, 1).await;
    for key in ["a\0b", "␀0", "สมชาย", "quote ' \" \\", &"long".repeat(5000)] {
        let mut record = failed(key, Fate::Failed);
        record.data = Some(serde_json::json!({ key: key }));
        let entry = entry(
            &model::ChunkRef {
                chunk: model::ChunkNumber(key.len() as i64),
                ..f.chunk(1)
            },
            Attempt(1),
            books(0, 0, 1),
        );
        bed.control
            .audit(&entry, std::slice::from_ref(&record), None)
            .await
            .unwrap();
        let listed = bed
            .control
            .failures(
                &f.run,
                &Failures {
                    limit: 99,
                    ..Failures::default()
                },
            )
            .await
            .unwrap();
        let last = listed.last().unwrap();
        assert_eq!(
            (&last.key, &last.message, &last.data),
            (&record.key, &record.message, &record.data)
        );
    }
}

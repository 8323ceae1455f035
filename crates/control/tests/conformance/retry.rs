//! Failed records sent again: taken up once, counted where they were read last.

use control::{Failures, RetryChunk, Verdict};
use model::{Attempt, Books, DesiredState, Failure, Fate, ObjectState, RunStatus, Slice};
use serde_json::json;

use crate::bed::{Bed, on_both};
use crate::fixture::{Fixture, books, failed, slices};

on_both!(
    a_retry_is_taken_up_once,
    a_run_that_ended_goes_on,
    retried_records_are_counted_once,
    a_retry_under_way_is_not_asked_for_again,
    an_ordinary_chunk_retries_nothing,
);

fn retry(ids: &[i64]) -> RetryChunk {
    RetryChunk {
        object: "a".to_owned(),
        slice: Slice(json!({"keys": ids})),
        failed_ids: ids.to_vec(),
    }
}

async fn unresolved(bed: &Bed, f: &Fixture) -> Vec<i64> {
    let keys = bed
        .control
        .unresolved_keys(&f.run, "a", None, 99)
        .await
        .unwrap();
    keys.iter().map(|key| key.id).collect()
}

/// Chunk 1 done with two refused records, chunk 2 failed, and the run over.
async fn ended(bed: &Bed) -> Fixture {
    let f = Fixture::planned(bed, 2).await;
    f.dispatch(bed, 2).await;
    f.finish(
        bed,
        1,
        books(8, 1, 1),
        &[failed("k1", Fate::Rejected), failed("k2", Fate::Failed)],
        &["k0", "k1", "k2"],
    )
    .await;
    let failure = Verdict::Failed(Failure::chunk("x", "y"));
    assert!(
        bed.control
            .settle(f.term, &f.chunk(2), Attempt(1), &failure)
            .await
            .unwrap()
    );
    bed.control
        .set_object_state(f.term, &f.run, "a", ObjectState::Moved)
        .await
        .unwrap();
    for (from, to) in [
        (RunStatus::Pending, RunStatus::Running),
        (RunStatus::Running, RunStatus::Failed),
    ] {
        bed.control
            .set_status(f.term, &f.run, from, to, Some("a chunk failed"))
            .await
            .unwrap();
    }
    f
}

async fn a_retry_is_taken_up_once(bed: &Bed) {
    let f = ended(bed).await;
    let ids = unresolved(bed, &f).await;
    assert_eq!(ids.len(), 2);
    let take_up = async || {
        bed.control
            .take_up_retry(f.term, &f.run, &[retry(&ids)])
            .await
            .unwrap()
    };
    assert_eq!(take_up().await, None, "nobody asked");
    bed.control
        .request_retry(&f.run, Some("ops"))
        .await
        .unwrap();
    bed.control
        .request_retry(&f.run, Some("ops"))
        .await
        .unwrap();
    assert_eq!(take_up().await, Some(2));
    assert_eq!(take_up().await, None);
    assert_eq!(f.state(bed, 2).await, "pending 1");
    assert_eq!(f.state(bed, 3).await, "pending 0");
    let sent = f.dispatch(bed, 9).await;
    assert_eq!(
        sent.iter()
            .map(|d| (d.chunk.chunk.0, d.attempt.0))
            .collect::<Vec<_>>(),
        [(2, 2), (3, 1)]
    );
    assert_eq!(sent[1].slice, retry(&ids).slice);
}

async fn a_run_that_ended_goes_on(bed: &Bed) {
    let f = ended(bed).await;
    bed.sql("update runs set desired_state = 'stopped'").await;
    assert_eq!(bed.control.active_runs().await.unwrap(), []);
    bed.control
        .request_retry(&f.run, Some("ops"))
        .await
        .unwrap();
    let run = &bed.control.active_runs().await.unwrap()[0];
    assert_eq!(
        (run.status, run.desired, run.retry_requested_by.as_deref()),
        (RunStatus::Failed, DesiredState::Running, Some("ops"))
    );
    // The switch works on it from now on, and asking again does not undo it.
    bed.control
        .set_desired(Some(&f.run), DesiredState::Paused, None, None, false)
        .await
        .unwrap();
    bed.control
        .request_retry(&f.run, Some("ops"))
        .await
        .unwrap();
    assert_eq!(
        bed.control.desired_states().await.unwrap()[0].desired,
        DesiredState::Paused
    );
    bed.control
        .take_up_retry(f.term, &f.run, &[])
        .await
        .unwrap();
    let run = bed.control.run(&f.run).await.unwrap();
    assert_eq!(
        (
            run.status,
            run.ended_at,
            run.status_reason,
            run.retry_requested_at
        ),
        (RunStatus::Running, None, None, None)
    );
    let object = bed.control.object(&f.run, "a").await.unwrap();
    assert_eq!((object.state, object.ended_at), (ObjectState::Moving, None));
}

async fn retried_records_are_counted_once(bed: &Bed) {
    let f = ended(bed).await;
    bed.control.request_retry(&f.run, None).await.unwrap();
    let ids = unresolved(bed, &f).await;
    bed.control
        .take_up_retry(f.term, &f.run, &[retry(&ids)])
        .await
        .unwrap();
    f.dispatch(bed, 9).await;
    assert_eq!(
        bed.control.books(&f.run).await.unwrap()[0].1,
        books(8, 1, 1)
    );
    // k1 makes it now, k2 fails again.
    f.finish(
        bed,
        3,
        books(1, 0, 1),
        &[failed("k2", Fate::Failed)],
        &["k1", "k2"],
    )
    .await;
    assert_eq!(
        bed.control.books(&f.run).await.unwrap()[0].1,
        books(9, 0, 1)
    );
    let which = Failures {
        limit: 9,
        ..Failures::default()
    };
    let all = bed.control.failures(&f.run, &which).await.unwrap();
    let shown: Vec<_> = all
        .iter()
        .map(|r| {
            (
                r.key.as_str(),
                r.resolved,
                r.retry_count,
                r.retried_by.map(|c| c.0),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("k1", true, 0, Some(3)),
            ("k2", true, 0, Some(3)),
            ("k2", false, 1, None)
        ]
    );
    assert_eq!(
        all[0].resolution_notes.as_deref(),
        Some("retried by chunk 3")
    );
    assert!(all[0].resolved_at.is_some() && all[2].last_retry_at.is_some());
    // And once more, now with success.
    bed.control.request_retry(&f.run, None).await.unwrap();
    let ids = unresolved(bed, &f).await;
    assert_eq!(ids, [all[2].id]);
    bed.control
        .take_up_retry(f.term, &f.run, &[retry(&ids)])
        .await
        .unwrap();
    f.dispatch(bed, 9).await;
    let unchanged = Books {
        extracted: 1,
        unchanged: 1,
        ..Books::default()
    };
    f.finish(bed, 4, unchanged, &[], &["k2"]).await;
    let sum = bed.control.books(&f.run).await.unwrap()[0].1;
    assert_eq!(
        sum,
        Books {
            extracted: 10,
            created: 9,
            unchanged: 1,
            ..Books::default()
        }
    );
    assert_eq!(unresolved(bed, &f).await, [0; 0]);
}

async fn a_retry_under_way_is_not_asked_for_again(bed: &Bed) {
    let f = ended(bed).await;
    bed.control.request_retry(&f.run, None).await.unwrap();
    let ids = unresolved(bed, &f).await;
    bed.control
        .take_up_retry(f.term, &f.run, &[retry(&ids[..1])])
        .await
        .unwrap();
    assert_eq!(unresolved(bed, &f).await, ids[1..], "pending");
    f.dispatch(bed, 9).await;
    assert_eq!(unresolved(bed, &f).await, ids[1..], "dispatched");
    bed.control
        .split(f.term, &f.chunk(3), Attempt(1), &slices(1))
        .await
        .unwrap();
    assert_eq!(unresolved(bed, &f).await, ids[1..], "split");
    f.dispatch(bed, 9).await;
    let failure = Verdict::Failed(Failure::chunk("x", "y"));
    bed.control
        .settle(f.term, &f.chunk(4), Attempt(1), &failure)
        .await
        .unwrap();
    assert_eq!(
        unresolved(bed, &f).await,
        ids[1..],
        "a part of it failed: it is revived, not repeated"
    );
    bed.control.request_retry(&f.run, None).await.unwrap();
    assert_eq!(
        bed.control
            .take_up_retry(f.term, &f.run, &[])
            .await
            .unwrap(),
        Some(1)
    );
    f.dispatch(bed, 9).await;
    // Done without having found the record: it was deleted in the source. It stays unresolved.
    f.finish(bed, 4, Books::default(), &[], &[]).await;
    assert_eq!(unresolved(bed, &f).await, ids);
}

/// Without a key, a record's place in its chunk stands for it, and every chunk has a first one.
async fn an_ordinary_chunk_retries_nothing(bed: &Bed) {
    let f = Fixture::planned(bed, 2).await;
    f.dispatch(bed, 2).await;
    f.finish(
        bed,
        1,
        books(0, 0, 1),
        &[failed("#1", Fate::Failed)],
        &["#1"],
    )
    .await;
    f.finish(bed, 2, books(1, 0, 0), &[], &["#1"]).await;
    assert_eq!(
        bed.control.books(&f.run).await.unwrap()[0].1,
        books(1, 0, 1)
    );
    assert_eq!(unresolved(bed, &f).await.len(), 1);
}

//! Checkpoints: how a chunk's state may end, and that a late word changes nothing.

use control::{Error, Verdict};
use model::{Attempt, Books, ChunkNumber, ChunkState, Failure};

use crate::bed::{Bed, on_both};
use crate::fixture::{Fixture, NOW, books, object, slices};

on_both!(
    the_first_outcome_stands,
    an_earlier_attempt_may_have_been_first,
    a_failure_is_heard_from_the_current_attempt_alone,
    a_chunk_that_was_done_whole_supersedes_its_parts,
    a_part_is_covered_by_what_it_was_split_from,
    a_pass_over_keys_comes_before_the_records,
    a_late_word_on_keys_does_not_settle_the_records,
    books_are_summed_by_object,
);

async fn the_first_outcome_stands(bed: &Bed) {
    let f = Fixture::planned(bed, 1).await;
    f.dispatch(bed, 1).await;
    let settle = async |verdict| {
        bed.control
            .settle(f.term, &f.chunk(1), Attempt(1), &verdict)
            .await
            .unwrap()
    };
    let all = Books {
        extracted: 28,
        created: 1,
        updated: 2,
        unchanged: 3,
        deleted: 4,
        rejected: 5,
        failed: 6,
        skipped: 7,
    };
    assert!(settle(Verdict::Done(all)).await);
    assert!(!settle(Verdict::Done(books(9, 0, 0))).await);
    assert!(!settle(Verdict::Failed(Failure::chunk("x", "y"))).await);
    assert!(
        !bed.control
            .give_back(f.term, &f.chunk(1), Attempt(1), NOW, None)
            .await
            .unwrap()
    );
    let chunk = bed.control.chunk(&f.chunk(1)).await.unwrap();
    assert_eq!(
        (chunk.state, chunk.books, chunk.failure),
        (ChunkState::Done, all, None)
    );
    assert!(chunk.settled_at.is_some());
    assert!(
        !bed.control
            .is_current(&f.chunk(1), Attempt(1))
            .await
            .unwrap()
    );
}

async fn an_earlier_attempt_may_have_been_first(bed: &Bed) {
    let f = Fixture::planned(bed, 3).await;
    f.dispatch(bed, 3).await;
    let done = Verdict::Done(books(1, 0, 0));
    // Pending again, dispatched again, failed: the outcome of attempt 1 counts each time.
    for chunk in [1, 2] {
        assert!(
            bed.control
                .give_back(f.term, &f.chunk(chunk), Attempt(1), NOW, None)
                .await
                .unwrap()
        );
    }
    assert_eq!(f.dispatch(bed, 1).await[0].attempt, Attempt(2));
    let failed = Verdict::Failed(Failure::chunk("x", "y"));
    assert!(
        bed.control
            .settle(f.term, &f.chunk(3), Attempt(1), &failed)
            .await
            .unwrap()
    );
    for chunk in [1, 2, 3] {
        assert!(
            bed.control
                .settle(f.term, &f.chunk(chunk), Attempt(1), &done)
                .await
                .unwrap()
        );
    }
    assert_eq!(bed.control.counts(&f.run).await.unwrap()["a"].done, 3);
    assert_eq!(f.dispatch(bed, 9).await, []);
}

async fn a_failure_is_heard_from_the_current_attempt_alone(bed: &Bed) {
    let f = Fixture::planned(bed, 1).await;
    let failure = Failure::chunk("too_big", "no").hint("smaller").object("a");
    let fail = async |attempt| {
        let verdict = Verdict::Failed(failure.clone());
        bed.control
            .settle(f.term, &f.chunk(1), Attempt(attempt), &verdict)
            .await
            .unwrap()
    };
    assert!(!fail(1).await);
    f.dispatch(bed, 1).await;
    bed.control
        .give_back(f.term, &f.chunk(1), Attempt(1), NOW, None)
        .await
        .unwrap();
    f.dispatch(bed, 1).await;
    assert!(
        bed.control
            .is_current(&f.chunk(1), Attempt(2))
            .await
            .unwrap()
    );
    assert!(!fail(1).await);
    assert_eq!(f.state(bed, 1).await, "dispatched 2");
    assert!(fail(2).await);
    let chunk = bed.control.chunk(&f.chunk(1)).await.unwrap();
    assert_eq!(
        (chunk.state, chunk.failure.as_ref()),
        (ChunkState::Failed, Some(&failure))
    );
    assert_eq!(
        bed.control.chunk_failure(&f.run, "a").await.unwrap(),
        Some(failure.clone())
    );
    assert_eq!(
        bed.value("select error_code || '/' || error_hint from chunks")
            .await,
        "too_big/smaller"
    );
}

async fn a_chunk_that_was_done_whole_supersedes_its_parts(bed: &Bed) {
    let f = Fixture::planned(bed, 1).await;
    let control = &bed.control;
    f.dispatch(bed, 1).await;
    control
        .split(f.term, &f.chunk(1), Attempt(1), &slices(3))
        .await
        .unwrap();
    f.dispatch(bed, 2).await;
    control
        .split(f.term, &f.chunk(2), Attempt(1), &slices(2))
        .await
        .unwrap();
    // 1 split, 2 split into 5 and 6, 3 dispatched, 4 pending.
    assert!(
        control
            .settle(
                f.term,
                &f.chunk(1),
                Attempt(1),
                &Verdict::Done(books(8, 0, 0))
            )
            .await
            .unwrap()
    );
    for (chunk, state) in [
        (1, "done 1"),
        (2, "split 1"),
        (3, "superseded 1"),
        (4, "superseded 0"),
        (5, "superseded 0"),
    ] {
        assert_eq!(f.state(bed, chunk).await, state, "chunk {chunk}");
    }
    assert_eq!(
        control.chunk(&f.chunk(6)).await.unwrap().superseded_by,
        Some(ChunkNumber(1))
    );
    // A part's late word.
    assert!(
        !control
            .settle(
                f.term,
                &f.chunk(3),
                Attempt(1),
                &Verdict::Done(books(3, 0, 0))
            )
            .await
            .unwrap()
    );
    assert_eq!(
        control.books(&f.run).await.unwrap(),
        [("a".to_owned(), books(8, 0, 0))]
    );
    assert_eq!(control.counts(&f.run).await.unwrap()["a"].unsettled(), 0);
}

async fn a_part_is_covered_by_what_it_was_split_from(bed: &Bed) {
    let f = Fixture::planned(bed, 2).await;
    f.dispatch(bed, 1).await;
    bed.control
        .split(f.term, &f.chunk(1), Attempt(1), &slices(1))
        .await
        .unwrap();
    assert!(
        bed.control
            .covered(f.term, &f.chunk(3), ChunkNumber(1))
            .await
            .unwrap()
    );
    assert!(
        !bed.control
            .covered(f.term, &f.chunk(3), ChunkNumber(1))
            .await
            .unwrap()
    );
    assert_eq!(f.state(bed, 3).await, "superseded 0");
    let stranger = bed
        .control
        .covered(f.term, &f.chunk(2), ChunkNumber(1))
        .await;
    assert!(matches!(stranger, Err(Error::Illegal(_))));
}

async fn a_pass_over_keys_comes_before_the_records(bed: &Bed) {
    let mut of_keys = object("a", 0, 0);
    of_keys.needs_key_pass = true;
    let f = Fixture::of(bed, of_keys, 3).await;
    let control = &bed.control;
    let next = async || {
        control
            .next_pass(f.term, &f.run, "a", model::Pass::Records)
            .await
            .unwrap()
    };
    let sent = f.dispatch(bed, 9).await;
    assert!(sent.iter().all(|d| d.pass == model::Pass::Keys));
    let read = async |chunk| {
        control
            .settle(f.term, &f.chunk(chunk), Attempt(1), &Verdict::KeysRead)
            .await
            .unwrap()
    };
    assert!(read(1).await && read(2).await);
    assert!(!next().await);
    let failed = Verdict::Failed(Failure::chunk("x", "y"));
    control
        .settle(f.term, &f.chunk(3), Attempt(1), &failed)
        .await
        .unwrap();
    assert!(!next().await, "a chunk's keys are not known");
    assert!(read(3).await);
    bed.sql("update objects set plan_closed = false").await;
    assert!(!next().await, "there may be more chunks");
    bed.sql("update objects set plan_closed = true").await;
    assert!(next().await && next().await);
    assert_eq!(control.books(&f.run).await.unwrap()[0].1, Books::default());
    let sent = f.dispatch(bed, 9).await;
    assert_eq!(sent.len(), 3);
    assert!(
        sent.iter()
            .all(|d| d.pass == model::Pass::Records && d.attempt == Attempt(2))
    );
}

async fn a_late_word_on_keys_does_not_settle_the_records(bed: &Bed) {
    let mut of_keys = object("a", 0, 0);
    of_keys.needs_key_pass = true;
    let f = Fixture::of(bed, of_keys, 1).await;
    f.dispatch(bed, 1).await;
    let settle = async |verdict| {
        bed.control
            .settle(f.term, &f.chunk(1), Attempt(1), &verdict)
            .await
            .unwrap()
    };
    // Nor the other way round.
    assert!(!settle(Verdict::Done(books(1, 0, 0))).await);
    assert!(settle(Verdict::KeysRead).await);
    bed.control
        .next_pass(f.term, &f.run, "a", model::Pass::Records)
        .await
        .unwrap();
    assert!(!settle(Verdict::KeysRead).await);
    assert_eq!(f.state(bed, 1).await, "pending 1");
}

async fn books_are_summed_by_object(bed: &Bed) {
    let f = Fixture::planned(bed, 3).await;
    assert_eq!(
        bed.control.books(&f.run).await.unwrap(),
        [("a".to_owned(), Books::default())]
    );
    f.dispatch(bed, 3).await;
    f.finish(bed, 1, books(10, 1, 2), &[], &[]).await;
    f.finish(bed, 2, books(5, 0, 1), &[], &[]).await;
    assert_eq!(
        bed.control.books(&f.run).await.unwrap(),
        [("a".to_owned(), books(15, 1, 3))]
    );
}

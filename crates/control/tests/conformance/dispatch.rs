//! Chunks on their way out and back: each attempt is given once, whoever asks.

use std::collections::HashSet;
use std::time::Duration;

use control::{Control, Error, JobChunk, JobState, NewJob, StoredJob, TakenLease, Verdict};
use model::{Attempt, ChunkNumber, Failure};

use crate::bed::{Bed, on_both};
use crate::fixture::{Fixture, MINUTE, NOW, books, eventually, new_run, object, slices};

on_both!(
    chunks_are_dispatched_in_order_and_within_the_limit,
    what_is_handed_back_waits_for_its_delay,
    what_a_dead_process_had_in_hand_is_inherited,
    all_of_a_run_is_handed_back,
    racing_dispatches_give_no_attempt_twice,
    two_racing_leaders_give_no_attempt_twice,
    chunks_nobody_is_at_work_on_are_found,
    loaders_know_when_all_chunks_have_come,
);

async fn chunks_are_dispatched_in_order_and_within_the_limit(bed: &Bed) {
    let control = &bed.control;
    let term = control.lead("leader", MINUTE).await.unwrap().unwrap();
    let run = new_run(vec![
        object("a", 0, 0),
        object("b", 0, 1),
        object("c", 1, 2),
    ]);
    control.create_run(&run).await.unwrap();
    for name in ["a", "b", "c"] {
        control
            .save_plan(term, &run.id, name, 0, &slices(3), None, true)
            .await
            .unwrap();
    }
    let dispatch = async |objects: &[&str], limit| {
        let names: Vec<_> = objects.iter().map(|o| (*o).to_owned()).collect();
        let sent = control
            .dispatch(term, &run.id, &names, limit)
            .await
            .unwrap();
        let text: Vec<_> = sent
            .iter()
            .map(|d| format!("{}{}.{}", d.chunk.object, d.chunk.chunk, d.attempt))
            .collect();
        text.join(" ")
    };
    assert_eq!(dispatch(&[], 9).await, "");
    assert_eq!(dispatch(&["a"], 0).await, "");
    assert_eq!(dispatch(&["b", "a"], 4).await, "b1.1 b2.1 b3.1 a1.1");
    assert_eq!(control.in_flight(&run.id).await.unwrap(), 4);
    assert_eq!(dispatch(&["a", "b"], 9).await, "a2.1 a3.1");
    assert_eq!(dispatch(&["a", "b"], 9).await, "");
    assert_eq!(dispatch(&["unknown", "c"], 9).await, "c1.1 c2.1 c3.1");
    assert_eq!(control.counts(&run.id).await.unwrap()["c"].dispatched, 3);
}

async fn what_is_handed_back_waits_for_its_delay(bed: &Bed) {
    let f = Fixture::planned(bed, 1).await;
    let control = &bed.control;
    f.dispatch(bed, 1).await;
    let why = Failure::retry("timeout", "the target did not answer").hint("wait");
    let back = async |attempt, delay| {
        control
            .give_back(f.term, &f.chunk(1), Attempt(attempt), delay, Some(&why))
            .await
    };
    assert!(!back(2, NOW).await.unwrap());
    assert!(back(1, MINUTE).await.unwrap());
    assert!(!back(1, MINUTE).await.unwrap());
    let chunk = control.chunk(&f.chunk(1)).await.unwrap();
    assert_eq!(chunk.failure, Some(why.clone()));
    assert!(chunk.not_before.unwrap() > chrono::Utc::now());
    assert_eq!(f.dispatch(bed, 1).await.len(), 0);
    bed.sql("update chunks set not_before = created_at").await;
    assert_eq!(f.dispatch(bed, 1).await[0].attempt, Attempt(2));
    assert!(back(2, NOW).await.unwrap());
    assert_eq!(f.dispatch(bed, 1).await[0].attempt, Attempt(3));
}

async fn what_a_dead_process_had_in_hand_is_inherited(bed: &Bed) {
    let f = Fixture::planned(bed, 3).await;
    f.dispatch(bed, 2).await;
    let (chunk, first) = (f.chunk(1), Attempt(1));
    let lease = bed
        .control
        .take_lease(&chunk, first, "loading", "dead", MINUTE);
    assert_eq!(lease.await.unwrap(), TakenLease::Taken);
    assert_eq!(bed.control.lead("next", MINUTE).await.unwrap(), None);
    bed.control.inherit().await.unwrap();
    assert_eq!(bed.value("select count(*) from leases").await, "0");
    assert_eq!(bed.control.in_flight(&f.run).await.unwrap(), 0);
    let term = bed.control.lead("next", MINUTE).await.unwrap().unwrap();
    assert!(term > f.term);
    let late = bed.control.give_back_all(f.term, &f.run).await;
    assert!(matches!(late, Err(Error::Deposed(_))), "{late:?}");
}

async fn all_of_a_run_is_handed_back(bed: &Bed) {
    let f = Fixture::planned(bed, 4).await;
    f.dispatch(bed, 3).await;
    f.finish(bed, 1, books(1, 0, 0), &[], &[]).await;
    assert_eq!(bed.control.give_back_all(f.term, &f.run).await.unwrap(), 2);
    assert_eq!(bed.control.give_back_all(f.term, &f.run).await.unwrap(), 0);
    assert_eq!(bed.control.in_flight(&f.run).await.unwrap(), 0);
    let again = f.dispatch(bed, 9).await;
    let attempts: Vec<_> = again
        .iter()
        .map(|d| (d.chunk.chunk.0, d.attempt.0))
        .collect();
    assert_eq!(attempts, [(2, 2), (3, 2), (4, 1)]);
}

async fn racing_dispatches_give_no_attempt_twice(bed: &Bed) {
    let f = Fixture::planned(bed, 60).await;
    let tasks = (0..6).map(|_| {
        let (control, run, term) = (bed.control.clone(), f.run.clone(), f.term);
        tokio::spawn(async move {
            let mut got = Vec::new();
            loop {
                // Locks of one another may leave a round empty-handed; none is left out in the end.
                let sent = control
                    .dispatch(term, &run, &["a".to_owned()], 7)
                    .await
                    .unwrap();
                if sent.is_empty() && control.counts(&run).await.unwrap()["a"].pending == 0 {
                    return got;
                }
                got.extend(sent.into_iter().map(|d| (d.chunk.chunk, d.attempt)));
            }
        })
    });
    let got: Vec<_> = futures::future::join_all(tasks)
        .await
        .into_iter()
        .flat_map(|t| t.unwrap())
        .collect();
    assert_eq!(got.len(), 60);
    assert_eq!(got.iter().collect::<HashSet<_>>().len(), 60);
}

/// Each on its own connections, as two processes are. The first goes on until it learns that it is deposed.
async fn two_racing_leaders_give_no_attempt_twice(bed: &Bed) {
    const CHUNKS: usize = 120;
    let f = Fixture::planned(bed, CHUNKS).await;
    let leader = |control: Control, mut term, holder: &'static str| {
        let run = f.run.clone();
        tokio::spawn(async move {
            let mut got = Vec::new();
            loop {
                if term == control::Term(0) {
                    match control.lead(holder, MINUTE).await.unwrap() {
                        Some(mine) => term = mine,
                        None => continue,
                    }
                }
                match control.dispatch(term, &run, &["a".to_owned()], 1).await {
                    Ok(sent) if sent.is_empty() => return (got, false),
                    Ok(sent) => got.extend(sent.into_iter().map(|d| (d.chunk.chunk, d.attempt))),
                    Err(Error::Deposed(_)) => return (got, true),
                    Err(error) => panic!("{error:?}"),
                }
            }
        })
    };
    let first = leader(Control::open(&bed.url).await.unwrap(), f.term, "leader");
    let second = leader(
        Control::open(&bed.url).await.unwrap(),
        control::Term(0),
        "other",
    );
    eventually("some dispatches", async || {
        bed.control.in_flight(&f.run).await.unwrap() >= 5
    })
    .await;
    // The first one's time is up without its knowing.
    bed.control.lead("leader", NOW).await.unwrap();
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    assert!(first.1, "the first leader was not deposed");
    let all: Vec<_> = first.0.iter().chain(&second.0).collect();
    assert_eq!(all.len(), CHUNKS);
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), CHUNKS);
    assert!(all.iter().all(|(_, attempt)| *attempt == Attempt(1)));
}

async fn chunks_nobody_is_at_work_on_are_found(bed: &Bed) {
    let f = Fixture::planned(bed, 4).await;
    let control = &bed.control;
    f.dispatch(bed, 3).await;
    let unleased = async |older: Duration| {
        let found = control.unleased(&f.run, older).await.unwrap();
        found
            .iter()
            .map(|(chunk, attempt)| (chunk.chunk.0, attempt.0))
            .collect::<Vec<_>>()
    };
    bed.sql("update chunks set dispatched_at = created_at where state = 'dispatched'")
        .await;
    eventually("a moment's passing", async || {
        unleased(Duration::from_millis(1)).await.len() == 3
    })
    .await;
    assert_eq!(unleased(MINUTE).await, []);
    // One is leased, one is in a job under way.
    control
        .take_lease(&f.chunk(1), Attempt(1), "extractor", "x", MINUTE)
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
        chunk: ChunkNumber(2),
        attempt: Attempt(1),
        manifest: vec![],
    }];
    assert_eq!(
        control.store_job(&job, &chunks, "x", NOW).await.unwrap(),
        StoredJob::Stored
    );
    assert_eq!(unleased(Duration::from_millis(1)).await, [(3, 1)]);
    // The lease ends, and the job is over while its outcome is on its way.
    control.renew_leases("x", NOW).await.unwrap();
    for state in [JobState::Created, JobState::Uploaded, JobState::Finished] {
        assert!(control.set_job_state("j", "x", state).await.unwrap());
    }
    eventually("the end of the lease", async || {
        unleased(Duration::from_millis(1)).await.len() == 3
    })
    .await;
    // A lease of an earlier attempt does not count; what is settled is not looked for.
    control.renew_leases("x", MINUTE).await.unwrap();
    control
        .give_back(f.term, &f.chunk(1), Attempt(1), NOW, None)
        .await
        .unwrap();
    f.dispatch(bed, 1).await;
    bed.sql("update chunks set dispatched_at = created_at where state = 'dispatched'")
        .await;
    control
        .settle(
            f.term,
            &f.chunk(3),
            Attempt(1),
            &Verdict::Done(books(1, 0, 0)),
        )
        .await
        .unwrap();
    let mut left = unleased(Duration::from_millis(1)).await;
    left.sort_unstable();
    assert_eq!(left, [(1, 2), (2, 1)]);
}

async fn loaders_know_when_all_chunks_have_come(bed: &Bed) {
    let f = Fixture::planned(bed, 2).await;
    let control = &bed.control;
    let (one, two, first) = (f.chunk(1), f.chunk(2), Attempt(1));
    let more = async || control.more_to_load(&f.run, "a").await.unwrap();
    let take = async |chunk, stage| {
        let taken = control.take_lease(chunk, first, stage, "x", MINUTE).await;
        assert_eq!(taken.unwrap(), TakenLease::Taken);
    };
    f.dispatch(bed, 1).await;
    take(&one, "loading").await;
    assert!(more().await, "the second is not dispatched");
    let waiting = async || control.waiting_chunks(&f.run, "a").await.unwrap();
    assert_eq!(waiting().await, 1);
    f.dispatch(bed, 1).await;
    take(&two, "transforming").await;
    assert!(more().await, "the second is still being mapped");
    assert_eq!(waiting().await, 0);
    take(&two, "loading").await;
    assert!(!more().await, "both are with a loader");
    bed.sql("update objects set plan_closed = false").await;
    assert!(more().await, "more may be planned");
    bed.sql("update objects set plan_closed = true").await;
    let back = control.give_back(f.term, &one, first, MINUTE, None).await;
    assert!(back.unwrap());
    assert!(more().await, "one comes again");
}

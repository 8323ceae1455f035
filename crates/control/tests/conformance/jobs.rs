//! Bulk jobs: a chunk is in one of them at most, and each has one holder.

use std::time::Duration;

use control::{Job, JobChunk, JobState, LiveJob, NewJob, StoredJob};
use futures::future::join_all;
use model::{Attempt, ChunkNumber};

use crate::bed::{Bed, on_both};
use crate::fixture::{Fixture, MINUTE, NOW, slices};

on_both!(
    a_job_is_stored_with_its_chunks,
    a_chunk_is_in_one_job,
    of_eight_loaders_one_stores_a_chunk,
    stale_chunks_are_refused,
    a_job_goes_on_for_its_holder_alone,
    a_job_sent_by_calls_is_created_nowhere,
    an_abandoned_job_frees_its_chunks,
    a_job_is_adopted_by_one,
    a_job_is_replaced,
);

fn job(f: &Fixture, id: &str) -> NewJob {
    NewJob {
        id: id.to_owned(),
        run: f.run.clone(),
        object: "a".to_owned(),
        connection: "org".to_owned(),
        records: 10,
        bytes: 1000,
        sent_by: control::SentBy::Job,
    }
}

fn chunks(numbers: &[i64]) -> Vec<JobChunk> {
    let chunk = |n: &i64| JobChunk {
        chunk: ChunkNumber(*n),
        attempt: Attempt(1),
        manifest: vec![*n as u8, 0],
    };
    numbers.iter().map(chunk).collect()
}

async fn store(bed: &Bed, f: &Fixture, id: &str, numbers: &[i64]) -> StoredJob {
    bed.control
        .store_job(&job(f, id), &chunks(numbers), "x", MINUTE)
        .await
        .unwrap()
}

fn in_job(chunk: i64, job: &str, state: JobState) -> StoredJob {
    let live = LiveJob {
        chunk: ChunkNumber(chunk),
        job: job.to_owned(),
        state,
    };
    StoredJob::Conflict {
        in_jobs: vec![live],
        stale: vec![],
    }
}

async fn a_job_is_stored_with_its_chunks(bed: &Bed) {
    let f = Fixture::planned(bed, 3).await;
    f.dispatch(bed, 3).await;
    assert_eq!(store(bed, &f, "j", &[2, 1]).await, StoredJob::Stored);
    // Whether it was stored may not be known to its maker.
    assert_eq!(store(bed, &f, "j", &[2, 1]).await, StoredJob::Stored);
    let stored = bed.control.job("j").await.unwrap();
    assert_eq!(
        (
            stored.state,
            stored.remote_id.as_deref(),
            stored.holder.as_deref()
        ),
        (JobState::Stored, None, Some("x"))
    );
    assert_eq!(
        (
            stored.run,
            stored.connection.as_str(),
            stored.records,
            stored.bytes
        ),
        (f.run.clone(), "org", 10, 1000)
    );
    assert_eq!(bed.control.job_chunks("j").await.unwrap(), chunks(&[1, 2]));
    assert_eq!(bed.control.open_jobs(&f.run).await.unwrap().len(), 1);
}

async fn a_chunk_is_in_one_job(bed: &Bed) {
    let f = Fixture::planned(bed, 2).await;
    f.dispatch(bed, 2).await;
    store(bed, &f, "j", &[1]).await;
    let before = bed.content().await;
    assert_eq!(
        store(bed, &f, "k", &[2, 1]).await,
        in_job(1, "j", JobState::Stored)
    );
    assert_eq!(bed.content().await, before);
    // Nor is what it was split into; a later attempt's loader split it while the first's job was under way.
    bed.control
        .split(f.term, &f.chunk(1), Attempt(1), &slices(1))
        .await
        .unwrap();
    f.dispatch(bed, 1).await;
    assert_eq!(
        store(bed, &f, "k", &[3]).await,
        in_job(3, "j", JobState::Stored)
    );
    // It stays so when the job is over.
    for state in [JobState::Created, JobState::Uploaded, JobState::Finished] {
        bed.control.set_job_state("j", "x", state).await.unwrap();
    }
    assert_eq!(
        store(bed, &f, "k", &[3]).await,
        in_job(3, "j", JobState::Finished)
    );
}

async fn of_eight_loaders_one_stores_a_chunk(bed: &Bed) {
    let f = Fixture::planned(bed, 2).await;
    f.dispatch(bed, 2).await;
    let stored = join_all((0..8).map(|n| {
        let (control, job) = (bed.control.clone(), job(&f, &format!("j{n}")));
        let mine = if n % 2 == 0 {
            chunks(&[1, 2])
        } else {
            chunks(&[2, 1])
        };
        tokio::spawn(async move { control.store_job(&job, &mine, "x", MINUTE).await.unwrap() })
    }))
    .await;
    let won = stored
        .into_iter()
        .filter(|s| *s.as_ref().unwrap() == StoredJob::Stored)
        .count();
    assert_eq!(won, 1);
    assert_eq!(bed.value("select count(*) from jobs").await, "1");
    assert_eq!(bed.value("select count(*) from job_chunks").await, "2");
}

async fn stale_chunks_are_refused(bed: &Bed) {
    let f = Fixture::planned(bed, 3).await;
    f.dispatch(bed, 2).await;
    bed.control
        .give_back(f.term, &f.chunk(2), Attempt(1), NOW, None)
        .await
        .unwrap();
    f.dispatch(bed, 1).await;
    let conflict = StoredJob::Conflict {
        in_jobs: vec![],
        stale: vec![ChunkNumber(2), ChunkNumber(3)],
    };
    assert_eq!(store(bed, &f, "j", &[1, 2, 3]).await, conflict);
    assert_eq!(bed.value("select count(*) from jobs").await, "0");
}

async fn a_job_sent_by_calls_is_created_nowhere(bed: &Bed) {
    let f = Fixture::planned(bed, 2).await;
    f.dispatch(bed, 2).await;
    let control = &bed.control;
    store(bed, &f, "j", &[1]).await;
    assert!(!control.begin_calls("j", "x").await.unwrap(), "a real job");
    let few = NewJob {
        sent_by: control::SentBy::Calls,
        ..job(&f, "few")
    };
    let chunks = [JobChunk {
        chunk: ChunkNumber(2),
        attempt: Attempt(1),
        manifest: vec![7],
    }];
    let stored = control.store_job(&few, &chunks, "x", MINUTE).await.unwrap();
    assert_eq!(stored, StoredJob::Stored);
    assert!(!control.begin_calls("few", "y").await.unwrap(), "another's");
    assert!(control.begin_calls("few", "x").await.unwrap());
    assert!(!control.begin_calls("few", "x").await.unwrap(), "once");
    let found = control.job("few").await.unwrap();
    assert_eq!(
        (found.state, found.sent_by, found.remote_id),
        (JobState::Uploaded, control::SentBy::Calls, None)
    );
    assert!(control.finish_job("few", "x").await.unwrap());
}

async fn a_job_goes_on_for_its_holder_alone(bed: &Bed) {
    let f = Fixture::planned(bed, 1).await;
    f.dispatch(bed, 1).await;
    store(bed, &f, "j", &[1]).await;
    let control = &bed.control;
    assert!(
        !control
            .set_job_remote("j", "y", "750", JobState::Created)
            .await
            .unwrap()
    );
    assert!(
        !control
            .set_job_state("j", "x", JobState::Uploaded)
            .await
            .unwrap(),
        "it was not created yet"
    );
    assert!(
        control
            .set_job_remote("j", "x", "750", JobState::Created)
            .await
            .unwrap()
    );
    assert!(!control.renew_job("j", "y", MINUTE).await.unwrap());
    assert!(control.renew_job("j", "x", MINUTE).await.unwrap());
    assert!(
        control
            .set_job_state("j", "x", JobState::Uploaded)
            .await
            .unwrap()
    );
    assert!(control.finish_job("j", "x").await.unwrap());
    assert!(!control.finish_job("j", "x").await.unwrap());
    assert!(!control.renew_job("j", "x", MINUTE).await.unwrap());
    let job = control.job("j").await.unwrap();
    assert_eq!(
        (job.state, job.remote_id.as_deref()),
        (JobState::Finished, Some("750"))
    );
    assert_eq!(control.open_jobs(&f.run).await.unwrap(), []);
    assert!(
        control
            .set_job_state("j", "x", JobState::Stored)
            .await
            .is_err()
    );
}

async fn an_abandoned_job_frees_its_chunks(bed: &Bed) {
    let f = Fixture::planned(bed, 1).await;
    f.dispatch(bed, 1).await;
    store(bed, &f, "j", &[1]).await;
    assert!(!bed.control.abandon_job("j", "y").await.unwrap());
    assert!(bed.control.abandon_job("j", "x").await.unwrap());
    assert!(
        !bed.control
            .set_job_state("j", "x", JobState::Created)
            .await
            .unwrap()
    );
    assert_eq!(store(bed, &f, "k", &[1]).await, StoredJob::Stored);
}

async fn a_job_is_adopted_by_one(bed: &Bed) {
    let f = Fixture::planned(bed, 6).await;
    f.dispatch(bed, 6).await;
    for n in 1..=6 {
        store(bed, &f, &format!("j{n}"), &[n]).await;
    }
    bed.control
        .set_job_state("j6", "x", JobState::Abandoned)
        .await
        .unwrap();
    let ids = |jobs: Vec<Job>| jobs.into_iter().map(|job| job.id).collect::<Vec<_>>();
    let adopt = async |holder: &str, connection, limit| {
        ids(bed
            .control
            .adopt_jobs(connection, holder, MINUTE, limit)
            .await
            .unwrap())
    };
    // They are held by another, and its own are its own.
    assert_eq!(adopt("y", None, 9).await, [""; 0]);
    assert_eq!(adopt("x", None, 2).await, ["j1", "j2"]);
    assert_eq!(adopt("x", Some("elsewhere"), 9).await, [""; 0]);
    // Its time is up: of many that ask, each job goes to one.
    bed.control
        .adopt_jobs(Some("org"), "x", NOW, 9)
        .await
        .unwrap();
    let adopted = join_all((0..6).map(|n| {
        let control = bed.control.clone();
        tokio::spawn(async move {
            control
                .adopt_jobs(None, &format!("y{n}"), Duration::from_secs(60), 2)
                .await
                .unwrap()
        })
    }))
    .await;
    let mut all: Vec<_> = adopted
        .into_iter()
        .flat_map(|jobs| ids(jobs.unwrap()))
        .collect();
    all.sort();
    let unique = {
        let mut u = all.clone();
        u.dedup();
        u
    };
    assert_eq!(all, unique, "a job was adopted twice");
    // Those that came away empty-handed because another was quicker find the rest.
    all.extend(adopt("z", None, 9).await);
    all.sort();
    assert_eq!(all, ["j1", "j2", "j3", "j4", "j5"]);
    assert!(
        !bed.control
            .set_job_state("j1", "x", JobState::Created)
            .await
            .unwrap(),
        "its former holder"
    );
}

async fn a_job_is_replaced(bed: &Bed) {
    let f = Fixture::planned(bed, 2).await;
    f.dispatch(bed, 2).await;
    store(bed, &f, "j", &[1, 2]).await;
    let replace = async |holder| {
        bed.control
            .replace_job("j", holder, &job(&f, "k"), &chunks(&[1, 2]), MINUTE)
            .await
            .unwrap()
    };
    assert!(!replace("y").await);
    assert!(replace("x").await);
    assert!(!replace("x").await);
    assert_eq!(
        bed.control.job("j").await.unwrap().state,
        JobState::Abandoned
    );
    assert_eq!(bed.control.job("k").await.unwrap().state, JobState::Stored);
    assert_eq!(bed.control.job_chunks("k").await.unwrap(), chunks(&[1, 2]));
    assert_eq!(
        store(bed, &f, "l", &[1]).await,
        in_job(1, "k", JobState::Stored)
    );
}

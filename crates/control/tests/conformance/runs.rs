//! Runs and objects: made once, halted by anyone, moved on along what is allowed.

use control::{CreatedRun, Desired, Error, NewRun, Run};
use futures::future::join_all;
use model::{DesiredState, ObjectState, RunId, RunStatus};

use crate::bed::{Bed, on_both};
use crate::fixture::{Fixture, new_run, object};

on_both!(
    a_run_is_stored_as_it_was_given,
    the_same_key_joins_also_at_the_same_time,
    objects_come_in_the_order_of_moving,
    the_kill_switch_is_anyones,
    the_kill_switch_by_hand,
    a_run_that_ended_is_not_switched,
    statuses_move_along_what_is_allowed,
    objects_change_their_state,
    what_is_not_there_is_named,
);

async fn a_run_is_stored_as_it_was_given(bed: &Bed) {
    let mut new = new_run(vec![object("a", 0, 0)]);
    new.idempotency_key = Some("daily".to_owned());
    bed.control.create_run(&new).await.unwrap();
    let run = bed.control.run(&new.id).await.unwrap();
    assert_eq!(
        (&run.id, &run.idempotency_key, &run.migration),
        (&new.id, &new.idempotency_key, &new.migration)
    );
    assert_eq!(
        (&run.file, &run.file_sha256, &run.requested_by),
        (&new.file, &new.file_sha256, &new.requested_by)
    );
    assert_eq!(
        (run.kind, &run.scheduler_run_id),
        (new.kind, &new.scheduler_run_id)
    );
    assert_eq!(
        (run.status, run.desired, run.drain),
        (RunStatus::Pending, DesiredState::Running, false)
    );
    assert_eq!(
        (run.started_at, run.ended_at, run.desired_at),
        (None, None, None)
    );
    assert!((chrono::Utc::now() - run.created_at).num_seconds().abs() < 60);
    assert_eq!(bed.control.run_by_key("daily").await.unwrap(), Some(run));
    assert_eq!(bed.control.run_by_key("hourly").await.unwrap(), None);

    let stored = bed.control.object(&new.id, "a").await.unwrap();
    assert_eq!(
        (&stored.source, &stored.target),
        (&new.objects[0].source, &new.objects[0].target)
    );
    assert_eq!(
        (stored.state, stored.plan_step, stored.plan_closed),
        (ObjectState::Waiting, 0, false)
    );

    new.id = RunId::generate();
    for key in [String::new(), "x".repeat(501)] {
        new.idempotency_key = Some(key);
        assert!(matches!(
            bed.control.create_run(&new).await,
            Err(Error::Illegal(_))
        ));
    }
}

async fn the_same_key_joins_also_at_the_same_time(bed: &Bed) {
    let with_key = || NewRun {
        idempotency_key: Some("daily".to_owned()),
        ..new_run(vec![object("a", 0, 0)])
    };
    let created = join_all((0..8).map(|_| {
        let (control, run) = (bed.control.clone(), with_key());
        tokio::spawn(async move { control.create_run(&run).await.unwrap() })
    }))
    .await;
    let made: Vec<_> = created.iter().map(|c| c.as_ref().unwrap()).collect();
    let [first] = made
        .iter()
        .filter(|c| matches!(c, CreatedRun::Created(_)))
        .collect::<Vec<_>>()[..]
    else {
        panic!("made {made:?}")
    };
    let CreatedRun::Created(id) = first else {
        unreachable!()
    };
    assert_eq!(
        made.iter()
            .filter(|c| **c == &CreatedRun::Joined(id.clone()))
            .count(),
        7
    );
    assert_eq!(bed.value("select count(*) from objects").await, "1");
}

async fn objects_come_in_the_order_of_moving(bed: &Bed) {
    let run = new_run(vec![
        object("late", 1, 0),
        object("b", 0, 2),
        object("a", 0, 1),
    ]);
    bed.control.create_run(&run).await.unwrap();
    let objects = bed.control.objects(&run.id).await.unwrap();
    assert_eq!(
        objects.iter().map(|o| o.name.as_str()).collect::<Vec<_>>(),
        ["a", "b", "late"]
    );
}

async fn the_kill_switch_is_anyones(bed: &Bed) {
    let (one, two) = (new_run(vec![]), new_run(vec![]));
    for run in [&one, &two] {
        bed.control.create_run(run).await.unwrap();
    }
    let control = &bed.control;
    let set = control
        .set_desired(
            Some(&one.id),
            DesiredState::Paused,
            Some("ops"),
            Some("why"),
            false,
        )
        .await
        .unwrap();
    assert_eq!(set, std::slice::from_ref(&one.id));
    let run = control.run(&one.id).await.unwrap();
    assert_eq!(
        (
            run.desired,
            run.desired_by.as_deref(),
            run.desired_reason.as_deref(),
            run.desired_at.is_some()
        ),
        (DesiredState::Paused, Some("ops"), Some("why"), true)
    );
    let all = control
        .set_desired(None, DesiredState::Stopped, None, None, true)
        .await
        .unwrap();
    assert_eq!(all.len(), 2);
    let mut states = control.desired_states().await.unwrap();
    states.sort_by(|a, b| a.run.cmp(&b.run));
    let stopped = |run: &NewRun| Desired {
        run: run.id.clone(),
        desired: DesiredState::Stopped,
        drain: true,
    };
    assert_eq!(states, [stopped(&one), stopped(&two)]);
    let newest: Vec<Run> = control.runs(1).await.unwrap();
    assert_eq!(newest[0].id, two.id);
    assert_eq!(control.runs(9).await.unwrap().len(), 2);
}

async fn the_kill_switch_by_hand(bed: &Bed) {
    let run = new_run(vec![]);
    bed.control.create_run(&run).await.unwrap();
    bed.sql(&format!(
        "update runs set desired_state = 'stopped' where id = '{}'",
        run.id
    ))
    .await;
    assert_eq!(
        bed.control.desired_states().await.unwrap()[0].desired,
        DesiredState::Stopped
    );
}

async fn a_run_that_ended_is_not_switched(bed: &Bed) {
    let f = Fixture::planned(bed, 0).await;
    for (from, to) in [
        (RunStatus::Pending, RunStatus::Running),
        (RunStatus::Running, RunStatus::Failed),
    ] {
        bed.control
            .set_status(f.term, &f.run, from, to, None)
            .await
            .unwrap();
    }
    assert_eq!(bed.control.desired_states().await.unwrap(), []);
    assert_eq!(bed.control.active_runs().await.unwrap(), []);
    let stop = bed
        .control
        .set_desired(Some(&f.run), DesiredState::Stopped, None, None, false)
        .await;
    assert!(
        matches!(&stop, Err(Error::Illegal(text)) if text.contains("failed")),
        "{stop:?}"
    );
    assert_eq!(
        bed.control
            .set_desired(None, DesiredState::Stopped, None, None, false)
            .await
            .unwrap(),
        []
    );
    assert_eq!(
        bed.control.run(&f.run).await.unwrap().desired,
        DesiredState::Running
    );
}

async fn statuses_move_along_what_is_allowed(bed: &Bed) {
    use RunStatus::{Completed, Paused, Pending, Reconciling, Running};
    let f = Fixture::planned(bed, 0).await;
    let set = |from, to, reason| bed.control.set_status(f.term, &f.run, from, to, reason);
    set(Pending, Running, None).await.unwrap();
    let started = bed.control.run(&f.run).await.unwrap().started_at.unwrap();
    set(Running, Paused, Some("quota used up")).await.unwrap();
    // Twice is once.
    set(Running, Paused, Some("quota used up")).await.unwrap();
    assert_eq!(
        bed.control
            .run(&f.run)
            .await
            .unwrap()
            .status_reason
            .as_deref(),
        Some("quota used up")
    );
    // Not a step that is allowed, and not the status it has.
    assert!(matches!(
        set(Paused, Completed, None).await,
        Err(Error::Illegal(_))
    ));
    assert!(matches!(
        set(Running, Reconciling, None).await,
        Err(Error::Illegal(_))
    ));
    set(Paused, Running, None).await.unwrap();
    set(Running, Reconciling, None).await.unwrap();
    set(Reconciling, Completed, None).await.unwrap();
    let run = bed.control.run(&f.run).await.unwrap();
    assert_eq!(
        (run.status, run.status_reason, run.started_at),
        (Completed, None, Some(started))
    );
    assert!(run.ended_at.unwrap() >= started);
    // Taken up again.
    set(Completed, Running, None).await.unwrap();
    assert_eq!(bed.control.run(&f.run).await.unwrap().ended_at, None);
}

async fn objects_change_their_state(bed: &Bed) {
    let f = Fixture::planned(bed, 0).await;
    bed.control
        .set_object_state(f.term, &f.run, "a", ObjectState::Moving)
        .await
        .unwrap();
    let object = bed.control.object(&f.run, "a").await.unwrap();
    assert_eq!((object.state, object.ended_at), (ObjectState::Moving, None));
    bed.control
        .set_object_state(f.term, &f.run, "a", ObjectState::Moved)
        .await
        .unwrap();
    let moved = bed.control.object(&f.run, "a").await.unwrap();
    assert_eq!(
        (moved.started_at, moved.ended_at.is_some()),
        (object.started_at, true)
    );
}

async fn what_is_not_there_is_named(bed: &Bed) {
    let f = Fixture::planned(bed, 0).await;
    let nobody = RunId::new("nobody");
    let missing = [
        bed.control.run(&nobody).await.err(),
        bed.control
            .set_desired(Some(&nobody), DesiredState::Stopped, None, None, false)
            .await
            .err(),
        bed.control
            .set_status(
                f.term,
                &nobody,
                RunStatus::Pending,
                RunStatus::Running,
                None,
            )
            .await
            .err(),
        bed.control.request_retry(&nobody, None).await.err(),
        bed.control.object(&f.run, "zzz").await.err(),
        bed.control
            .set_object_state(f.term, &f.run, "zzz", ObjectState::Moved)
            .await
            .err(),
        bed.control.chunk(&f.chunk(7)).await.err(),
        bed.control.job("j").await.err(),
    ];
    for error in missing {
        let error = error.unwrap();
        assert!(matches!(error, Error::NotFound(_)), "{error:?}");
    }
}

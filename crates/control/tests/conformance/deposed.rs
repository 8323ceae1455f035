//! A leader that froze and woke: each of its writes is refused and changes nothing.

use control::{Error, RetryChunk, Verdict};
use model::{
    Attempt, AutomationState, ChunkNumber, Failure, Fate, ObjectState, RunStatus, Slice,
    SwitchState,
};
use serde_json::json;

use crate::bed::{Bed, on_both};
use crate::fixture::{Fixture, MINUTE, NOW, books, failed, object, slices};

on_both!(every_write_of_a_deposed_leader_is_refused);

async fn every_write_of_a_deposed_leader_is_refused(bed: &Bed) {
    let control = &bed.control;
    let mut of_keys = object("a", 0, 0);
    of_keys.needs_key_pass = true;
    let keyed = Fixture::of(bed, of_keys, 1).await;
    keyed.dispatch(bed, 1).await;
    control
        .settle(keyed.term, &keyed.chunk(1), Attempt(1), &Verdict::KeysRead)
        .await
        .unwrap();

    // Everything that is asked for below would be done for a leader: chunk 1 is done, 2 dispatched, 3 pending, 4 a part of 2's neighbour.
    let f = Fixture::planned(bed, 4).await;
    f.dispatch(bed, 3).await;
    f.finish(bed, 1, books(1, 0, 1), &[failed("k", Fate::Failed)], &[])
        .await;
    control
        .split(f.term, &f.chunk(3), Attempt(1), &slices(2))
        .await
        .unwrap();
    control.request_retry(&f.run, None).await.unwrap();
    let open = Fixture::of(bed, object("a", 0, 0), 0).await;
    bed.sql("update objects set plan_closed = false where plan_closed = true and last_chunk = 0")
        .await;

    control.lead("leader", NOW).await.unwrap();
    let other = control.lead("other", MINUTE).await.unwrap().unwrap();
    assert!(other > f.term);
    let before = bed.content().await;

    let (late, run, two, one) = (f.term, &f.run, f.chunk(2), Attempt(1));
    let failure = Failure::chunk("x", "y");
    let retry = RetryChunk {
        object: "a".to_owned(),
        slice: Slice(json!({})),
        failed_ids: vec![1],
    };
    let names = ["a".to_owned()];
    macro_rules! refused {
        ($($call:expr),+ $(,)?) => {$(
            let answer = $call.await;
            assert!(matches!(answer, Err(Error::Deposed(term)) if term == late), "{}: {answer:?}", stringify!($call));
            assert_eq!(bed.content().await, before, "{} changed something", stringify!($call));
        )+};
    }
    refused!(
        control.set_status(late, run, RunStatus::Pending, RunStatus::Running, None),
        control.set_object_state(late, run, "a", ObjectState::Moving),
        control.save_plan(late, &open.run, "a", 1, &slices(2), None, true),
        control.dispatch(late, run, &names, 5),
        control.give_back(late, &two, one, NOW, None),
        control.give_back_all(late, run),
        control.split(late, &two, one, &slices(2)),
        control.settle(late, &two, one, &Verdict::Done(books(1, 0, 0))),
        control.settle(late, &two, one, &Verdict::Failed(failure.clone())),
        control.settle(late, &f.chunk(3), one, &Verdict::Done(books(1, 0, 0))),
        control.covered(late, &f.chunk(5), ChunkNumber(3)),
        control.next_pass(late, &keyed.run, "a", model::Pass::Records),
        control.fold_keys(late, &keyed.run, "a"),
        control.take_up_retry(late, run, std::slice::from_ref(&retry)),
        control.forget_reconciliations(late, run),
        control.want_automation_off(late, run),
        control.recheck_automation(late, run),
        control.plan_automation(late, run, "org", &[], &json!([])),
        control.set_automation(late, run, AutomationState::Wanted, AutomationState::On),
        control.set_automation_item(late, run, "1", SwitchState::Off, None),
        control.automation_failed(late, run, &failure, NOW),
        control.give_automation_up(late, run, &failure, "x"),
    );

    // The same calls are heard from the leader: it is the term that refused them.
    control
        .set_status(other, run, RunStatus::Pending, RunStatus::Running, None)
        .await
        .unwrap();
    control
        .save_plan(other, &open.run, "a", 1, &slices(2), None, true)
        .await
        .unwrap();
    assert!(
        control
            .covered(other, &f.chunk(5), ChunkNumber(3))
            .await
            .unwrap()
    );
    assert!(
        control
            .settle(other, &f.chunk(3), one, &Verdict::Done(books(1, 0, 0)))
            .await
            .unwrap()
    );
    assert!(control.split(other, &two, one, &slices(2)).await.unwrap());
    assert!(
        control
            .next_pass(other, &keyed.run, "a", model::Pass::Records)
            .await
            .unwrap()
    );
    assert_eq!(
        control.take_up_retry(other, run, &[retry]).await.unwrap(),
        Some(1)
    );
    assert_eq!(
        control.dispatch(other, run, &names, 5).await.unwrap().len(),
        4
    );
}

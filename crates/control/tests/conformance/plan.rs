//! Planning and splitting: slices are stored together with the cursor behind them, once.

use control::{ChunkKind, Error};
use model::{Attempt, ChunkNumber, ChunkState, Pass, Slice};
use serde_json::json;

use crate::bed::{Bed, on_both};
use crate::fixture::{Fixture, MINUTE, new_run, object, slices};

on_both!(
    a_plan_goes_on_step_by_step,
    a_step_is_saved_once,
    slices_and_cursor_are_saved_together_or_not_at_all,
    many_slices_in_one_step,
    a_split_chunk_is_replaced_by_its_parts,
);

async fn a_plan_goes_on_step_by_step(bed: &Bed) {
    let control = &bed.control;
    let term = control.lead("leader", MINUTE).await.unwrap().unwrap();
    let run = new_run(vec![object("a", 0, 0)]);
    control.create_run(&run).await.unwrap();
    let cursor = json!({"after": "x\u{0}y", "n": 9_007_199_254_740_993_i64});
    assert_eq!(
        control
            .save_plan(term, &run.id, "a", 0, &slices(2), Some(&cursor), false)
            .await
            .unwrap(),
        1
    );
    let object = control.object(&run.id, "a").await.unwrap();
    assert_eq!(
        (object.plan_cursor, object.plan_closed, object.plan_step),
        (Some(cursor), false, 1)
    );
    // A step may find no slice, and close the plan.
    assert_eq!(
        control
            .save_plan(term, &run.id, "a", 1, &slices(1), None, false)
            .await
            .unwrap(),
        2
    );
    assert_eq!(
        control
            .save_plan(term, &run.id, "a", 2, &[], None, true)
            .await
            .unwrap(),
        3
    );
    let chunks = control.chunks(&run.id, Some("a")).await.unwrap();
    assert_eq!(
        chunks.iter().map(|c| c.chunk.chunk.0).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert_eq!(chunks[1].slice, slices(2)[1]);
    for chunk in &chunks {
        assert_eq!(
            (chunk.state, chunk.attempt, chunk.pass),
            (ChunkState::Pending, Attempt(0), Pass::Records)
        );
        assert_eq!(
            (chunk.kind, chunk.parent, &chunk.ancestors),
            (ChunkKind::Slice, None, &vec![])
        );
    }
    let after = control
        .save_plan(term, &run.id, "a", 3, &slices(1), None, false)
        .await;
    assert!(
        matches!(&after, Err(Error::Illegal(text)) if text.contains("closed")),
        "{after:?}"
    );
}

async fn a_step_is_saved_once(bed: &Bed) {
    let control = &bed.control;
    let term = control.lead("leader", MINUTE).await.unwrap().unwrap();
    let run = new_run(vec![object("a", 0, 0)]);
    control.create_run(&run).await.unwrap();
    let all = slices(3);
    let save = || control.save_plan(term, &run.id, "a", 0, &all, None, false);
    let (one, two) = futures::future::join(save(), save()).await;
    assert_eq!(
        [&one, &two].iter().filter(|saved| saved.is_ok()).count(),
        1,
        "{one:?} {two:?}"
    );
    let again = save().await;
    assert!(
        matches!(&again, Err(Error::Illegal(text)) if text.contains("step 1")),
        "{again:?}"
    );
    assert_eq!(control.chunks(&run.id, None).await.unwrap().len(), 3);
}

async fn slices_and_cursor_are_saved_together_or_not_at_all(bed: &Bed) {
    let f = Fixture::planned(bed, 2).await;
    bed.sql("update objects set plan_closed = false").await;
    // A chunk that stands in the way of the second slice.
    bed.sql(
        "insert into chunks (run_id, object, chunk, root, kind, pass, slice)
         select run_id, object, 4, 4, kind, pass, slice from chunks where chunk = 1",
    )
    .await;
    let before = bed.content().await;
    let cursor = json!("further");
    let saved = bed
        .control
        .save_plan(f.term, &f.run, "a", 1, &slices(2), Some(&cursor), false)
        .await;
    assert!(matches!(saved, Err(Error::Refused(_))), "{saved:?}");
    assert_eq!(bed.content().await, before);
}

async fn many_slices_in_one_step(bed: &Bed) {
    let f = Fixture::planned(bed, 2_345).await;
    let chunks = bed.control.chunks(&f.run, None).await.unwrap();
    assert_eq!(chunks.len(), 2_345);
    assert_eq!(chunks[2_344].slice, Slice(json!({"from": 2_344})));
    assert_eq!(
        bed.control.counts(&f.run).await.unwrap()["a"].pending,
        2_345
    );
}

async fn a_split_chunk_is_replaced_by_its_parts(bed: &Bed) {
    let f = Fixture::planned(bed, 2).await;
    let control = &bed.control;
    let split = |chunk, attempt, parts| {
        let (f, parts) = (&f, slices(parts));
        async move {
            control
                .split(f.term, &f.chunk(chunk), Attempt(attempt), &parts)
                .await
                .unwrap()
        }
    };
    // It is not under way.
    assert!(!split(1, 0, 2).await);
    assert!(!split(1, 1, 2).await);
    f.dispatch(bed, 1).await;
    assert!(!split(1, 2, 2).await);
    assert!(split(1, 1, 2).await);
    // The same report delivered again.
    assert!(!split(1, 1, 2).await);
    assert_eq!(control.chunks(&f.run, None).await.unwrap().len(), 4);
    // A part that is split again knows all its ancestors, nearest first.
    f.dispatch(bed, 9).await;
    assert!(split(4, 1, 3).await);
    let part = control.chunk(&f.chunk(6)).await.unwrap();
    assert_eq!(
        (part.parent, part.ancestors),
        (Some(ChunkNumber(4)), vec![ChunkNumber(4), ChunkNumber(1)])
    );
    assert_eq!(
        (part.state, part.pass, part.kind),
        (ChunkState::Pending, Pass::Records, ChunkKind::Slice)
    );
    let sent = f.dispatch(bed, 1).await;
    assert_eq!(
        (sent[0].chunk.chunk, &sent[0].ancestors),
        (ChunkNumber(5), &vec![ChunkNumber(4), ChunkNumber(1)])
    );
    let nothing = control.split(f.term, &f.chunk(2), Attempt(1), &[]).await;
    assert!(matches!(nothing, Err(Error::Illegal(_))));
}

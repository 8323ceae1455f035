//! Runs that do not move all records, and what a dry run would have created.

use control::PickedKey;
use model::ObjectState;

use crate::bed::{Bed, on_both};
use crate::fixture::{Fixture, object, slices};

on_both!(
    picks_are_kept_once_and_trimmed_to_the_lowest,
    picking_ends_and_the_plan_begins_anew,
    what_was_moved_is_known_again,
    what_would_be_there_is_known_to_other_objects
);

fn picked(hash: u8, wanted: bool) -> PickedKey {
    PickedKey {
        object: "a".to_owned(),
        hash: [hash; 16],
        key: format!("k{hash}"),
        wanted,
    }
}

async fn hashes(bed: &Bed, f: &Fixture) -> Vec<u8> {
    let picked = bed.control.picked(&f.run, "a", None, 100).await.unwrap();
    picked.iter().map(|picked| picked.hash[0]).collect()
}

async fn picks_are_kept_once_and_trimmed_to_the_lowest(bed: &Bed) {
    let f = Fixture::planned(bed, 1).await;
    let candidates = [9, 3, 200, 7, 3].map(|hash| picked(hash, false));
    bed.control.pick(&f.run, &candidates).await.unwrap();
    // Somebody's parents: one of them a candidate as well.
    let parents = [picked(200, true), picked(250, true)];
    bed.control.pick(&f.run, &parents).await.unwrap();
    assert_eq!(hashes(bed, &f).await, [3, 7, 9, 200, 250]);
    for _ in 0..2 {
        bed.control
            .trim_picked(f.term, &f.run, "a", 2)
            .await
            .unwrap();
        assert_eq!(hashes(bed, &f).await, [3, 7, 200, 250]);
    }
    let after = Some([7; 16]);
    let rest = bed.control.picked(&f.run, "a", after, 1).await.unwrap();
    assert_eq!(rest[0].key, "k200");
    assert!(rest[0].wanted);
}

async fn picking_ends_and_the_plan_begins_anew(bed: &Bed) {
    let f = Fixture::planned(bed, 1).await;
    bed.control
        .pick(&f.run, &[picked(1, true), picked(2, true)])
        .await
        .unwrap();
    bed.control
        .set_object_state(f.term, &f.run, "a", ObjectState::Picking)
        .await
        .unwrap();
    let unread = bed.control.unread_picked(&f.run, "a", 1).await.unwrap();
    assert_eq!(unread, [picked(1, true)]);
    bed.control
        .read_parents(f.term, &f.run, "a", &unread, &slices(1))
        .await
        .unwrap();
    let unread = bed.control.unread_picked(&f.run, "a", 9).await.unwrap();
    assert_eq!(unread, [picked(2, true)]);
    let chunk = bed.control.chunk(&f.chunk(2)).await.unwrap();
    assert_eq!(chunk.pass, model::Pass::Parents);
    for _ in 0..2 {
        bed.control.end_picking(f.term, &f.run).await.unwrap();
        let object = bed.control.object(&f.run, "a").await.unwrap();
        assert_eq!(object.state, ObjectState::Picked);
        assert!(!object.plan_closed && object.plan_cursor.is_none());
    }
}

async fn what_was_moved_is_known_again(bed: &Bed) {
    let f = Fixture::planned(bed, 1).await;
    for _ in 0..2 {
        let moved = [[1; 16], [2; 16], [2; 16]];
        bed.control.note_moved(&f.chunk(1), &moved).await.unwrap();
    }
    let asked = [[2; 16], [3; 16]];
    let moved = bed.control.moved(&f.run, "a", &asked).await.unwrap();
    assert_eq!(moved.into_iter().collect::<Vec<_>>(), [[2; 16]]);
    assert_eq!(bed.control.moved_count(&f.run, "a").await.unwrap(), 2);
    assert_eq!(bed.control.moved_count(&f.run, "b").await.unwrap(), 0);
}

async fn what_would_be_there_is_known_to_other_objects(bed: &Bed) {
    let f = Fixture::of(bed, object("a", 0, 0), 1).await;
    for _ in 0..2 {
        bed.control
            .foresee(&f.chunk(1), "T", &[[1; 16], [2; 16]])
            .await
            .unwrap();
    }
    let asked = [[2; 16], [3; 16]];
    let known = async |target, unless| {
        let known = bed.control.foreseen(&f.run, target, unless, &asked).await;
        known.unwrap().len()
    };
    assert_eq!(known("T", "b").await, 1);
    assert_eq!(
        known("T", "a").await,
        0,
        "a later attempt is not told of its own"
    );
    assert_eq!(known("U", "b").await, 0);
}

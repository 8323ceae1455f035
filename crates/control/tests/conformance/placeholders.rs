//! Placeholders: stored once however many ask for them, counted when they are made, and marked when the real records come.

use control::{Arrived, MapKey, NewPlaceholder, PlaceholderCount};
use model::Attempt;

use crate::bed::{Bed, on_both};
use crate::fixture::{Fixture, books, entry};

on_both!(
    a_placeholder_is_counted_once_and_not_before_it_is_made,
    those_of_a_transaction_come_with_their_chunk,
    the_real_record_takes_its_place,
);

pub(crate) fn placeholder(key: &str, id: Option<&str>) -> NewPlaceholder {
    let mut hash = [0; 16];
    hash[..key.len()].copy_from_slice(key.as_bytes());
    NewPlaceholder {
        object: "parents".to_owned(),
        system: "here".to_owned(),
        to_object: "P".to_owned(),
        key: MapKey {
            hash,
            text: key.to_owned(),
        },
        target_id: id.map(str::to_owned),
        child_object: "a".to_owned(),
        child_key: "7".to_owned(),
    }
}

async fn count(f: &Fixture, bed: &Bed) -> (u64, u64) {
    let counts = bed.control.placeholder_counts(&f.run).await.unwrap();
    let PlaceholderCount { made, standing } = counts.get("parents").copied().unwrap_or_default();
    (made, standing)
}

/// Key, id, and whether it is made and replaced, of each.
async fn listed(f: &Fixture, bed: &Bed) -> Vec<String> {
    let listed = bed
        .control
        .placeholders(&f.run, Some("parents"), None, 99)
        .await;
    let listed = listed.unwrap();
    let other = bed
        .control
        .placeholders(&f.run, Some("others"), None, 99)
        .await;
    assert!(other.unwrap().is_empty());
    if let Some(last) = listed.last() {
        let after = bed
            .control
            .placeholders(&f.run, None, Some(last.id), 99)
            .await;
        assert!(after.unwrap().is_empty());
    }
    let mut told: Vec<_> = listed
        .into_iter()
        .map(|stored| {
            let id = stored.target_id.unwrap_or_default();
            let (made, replaced) = (stored.made_at.is_some(), stored.replaced_at.is_some());
            format!("{} {id} {made} {replaced}", stored.key)
        })
        .collect();
    told.sort();
    told
}

async fn a_placeholder_is_counted_once_and_not_before_it_is_made(bed: &Bed) {
    let f = Fixture::planned(bed, 1).await;
    let control = &bed.control;
    let wanted = [
        placeholder("y", None),
        placeholder("x", None),
        placeholder("z", None),
    ];
    control.ask_placeholders(&f.run, &wanted).await.unwrap();
    assert_eq!(count(&f, bed).await, (0, 0));
    // Another asks for one of them as well, and finds it there.
    control
        .ask_placeholders(&f.run, &wanted[1..2])
        .await
        .unwrap();
    control
        .placeholders_made(&f.run, &[placeholder("x", Some("1"))])
        .await
        .unwrap();
    control
        .placeholders_made(&f.run, &wanted[1..2])
        .await
        .unwrap();
    control
        .placeholders_made(&f.run, &[placeholder("y", Some("2"))])
        .await
        .unwrap();
    let refused = [placeholder("z", None), placeholder("x", None)];
    control.drop_placeholders(&f.run, &refused).await.unwrap();
    assert_eq!(count(&f, bed).await, (2, 2));
    assert_eq!(listed(&f, bed).await, ["x 1 true false", "y 2 true false"]);
}

async fn those_of_a_transaction_come_with_their_chunk(bed: &Bed) {
    let f = Fixture::planned(bed, 2).await;
    for (chunk, attempt) in [(1, 1), (1, 2), (2, 1)] {
        let mut entry = entry(&f.chunk(chunk), Attempt(attempt), books(5, 0, 0));
        let key = format!("k{chunk}{attempt}");
        entry.placeholders = vec![placeholder(&key, Some(&key)), placeholder("x", Some("1"))];
        bed.control.audit(&entry, &[], None).await.unwrap();
    }
    let expected = ["k11 k11 true false", "k21 k21 true false", "x 1 true false"];
    assert_eq!(listed(&f, bed).await, expected);
    assert_eq!(count(&f, bed).await, (3, 3));
}

async fn the_real_record_takes_its_place(bed: &Bed) {
    let f = Fixture::planned(bed, 3).await;
    let mut first = entry(&f.chunk(1), Attempt(1), books(5, 0, 0));
    first.placeholders = vec![placeholder("x", Some("1")), placeholder("y", Some("2"))];
    bed.control.audit(&first, &[], None).await.unwrap();
    for (chunk, system, to_object, ids) in
        [(2, "there", "P", ["1", "2"]), (3, "here", "P", ["2", "3"])]
    {
        let mut real = entry(&f.chunk(chunk), Attempt(1), books(5, 0, 0));
        real.arrived = Some(Arrived {
            system: system.to_owned(),
            to_object: to_object.to_owned(),
            target_ids: ids.map(str::to_owned).to_vec(),
        });
        bed.control.audit(&real, &[], None).await.unwrap();
    }
    assert_eq!(listed(&f, bed).await, ["x 1 true false", "y 2 true true"]);
    assert_eq!(count(&f, bed).await, (2, 1));
}

//! Ids that are kept of records: stored with their chunk's outcome and as often as that, found by key, following records that are made anew or deleted.

use std::collections::BTreeMap;

use control::{Audited, MapKey, MapScope, NewIds};
use model::Attempt;

use crate::bed::{Bed, on_both};
use crate::fixture::{Fixture, books, entry};

on_both!(
    ids_are_kept_once_and_found_by_their_keys,
    a_record_made_anew_takes_its_place_and_a_deleted_one_leaves,
    ids_of_other_systems_migrations_and_objects_are_others,
);

/// Hashes of the tests are as good as others, as long as they differ.
fn key(text: &str) -> MapKey {
    let mut hash = [0; 16];
    for (place, byte) in text.bytes().enumerate() {
        hash[place % 16] ^= byte.rotate_left(place as u32 / 16);
    }
    MapKey {
        hash,
        text: text.to_owned(),
    }
}

fn scope() -> MapScope {
    MapScope {
        migration: "m".to_owned(),
        system: "here".to_owned(),
    }
}

fn ids(moved: &[(&str, &str)], deleted: &[&str]) -> NewIds {
    NewIds {
        scope: scope(),
        to_object: "T".to_owned(),
        moved: moved
            .iter()
            .map(|(text, id)| (key(text), (*id).to_owned()))
            .collect(),
        deleted: deleted.iter().map(|id| (*id).to_owned()).collect(),
    }
}

async fn audit(f: &Fixture, bed: &Bed, chunk: i64, attempt: i64, ids: NewIds) -> Audited {
    let mut entry = entry(&f.chunk(chunk), Attempt(attempt), books(5, 0, 0));
    entry.ids = Some(ids);
    bed.control.audit(&entry, &[], None).await.unwrap()
}

async fn found(
    bed: &Bed,
    scope: &MapScope,
    object: &str,
    keys: &[&str],
) -> BTreeMap<String, String> {
    let keys: Vec<_> = keys.iter().map(|text| key(text)).collect();
    let found = bed.control.target_ids(scope, object, &keys).await.unwrap();
    found.into_iter().collect()
}

fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, id)| ((*key).to_owned(), (*id).to_owned()))
        .collect()
}

async fn ids_are_kept_once_and_found_by_their_keys(bed: &Bed) {
    let f = Fixture::planned(bed, 2).await;
    let odd = format!("naïve\u{0}'{}", "x".repeat(5_000));
    let many: Vec<(String, String)> = (0..1_500)
        .map(|n| (format!("k{n}"), format!("id{n}")))
        .collect();
    let mut first: Vec<(&str, &str)> = many
        .iter()
        .map(|(key, id)| (key.as_str(), id.as_str()))
        .collect();
    first.push((&odd, "odd"));
    assert_eq!(
        audit(&f, bed, 1, 1, ids(&first, &[])).await,
        Audited::Recorded
    );
    let late = audit(&f, bed, 1, 2, ids(&[("k1", "another")], &["id2"])).await;
    assert!(matches!(late, Audited::Already { .. }), "{late:?}");
    let wanted = ["k1", "k2", "nobody", odd.as_str()];
    assert_eq!(
        found(bed, &scope(), "a", &wanted).await,
        texts(&[("k1", "id1"), ("k2", "id2"), (&odd, "odd")])
    );
    let all: Vec<&str> = many.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(found(bed, &scope(), "a", &all).await.len(), 1_500);
}

async fn a_record_made_anew_takes_its_place_and_a_deleted_one_leaves(bed: &Bed) {
    let f = Fixture::planned(bed, 3).await;
    audit(&f, bed, 1, 1, ids(&[("x", "1"), ("y", "2")], &[])).await;
    audit(&f, bed, 2, 1, ids(&[], &["1", "77"])).await;
    assert_eq!(
        found(bed, &scope(), "a", &["x", "y"]).await,
        texts(&[("y", "2")])
    );
    audit(&f, bed, 3, 1, ids(&[("x", "3"), ("y", "4")], &[])).await;
    assert_eq!(
        found(bed, &scope(), "a", &["x", "y"]).await,
        texts(&[("x", "3"), ("y", "4")])
    );
}

async fn ids_of_other_systems_migrations_and_objects_are_others(bed: &Bed) {
    let f = Fixture::planned(bed, 2).await;
    audit(&f, bed, 1, 1, ids(&[("x", "1")], &[])).await;
    let mut there = ids(&[("x", "9")], &["1"]);
    there.scope.system = "there".to_owned();
    audit(&f, bed, 2, 1, there.clone()).await;
    assert_eq!(
        found(bed, &scope(), "a", &["x"]).await,
        texts(&[("x", "1")])
    );
    assert_eq!(
        found(bed, &there.scope, "a", &["x"]).await,
        texts(&[("x", "9")])
    );
    assert!(found(bed, &scope(), "b", &["x"]).await.is_empty());
    let other = MapScope {
        migration: "n".to_owned(),
        ..scope()
    };
    assert!(found(bed, &other, "a", &["x"]).await.is_empty());
}

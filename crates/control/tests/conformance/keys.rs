//! Duplicates of the target key over a whole object.

use control::{KeyRow, Verdict};
use model::{Attempt, ChunkNumber};

use crate::bed::{Bed, on_both};
use crate::fixture::{Fixture, object, slices};

on_both!(
    only_repeated_keys_are_kept,
    keys_are_stored_once_and_in_time,
    parts_do_not_repeat_their_whole,
    many_keys_in_one_chunk
);

async fn reading_keys(bed: &Bed, chunks: usize) -> Fixture {
    let mut of_keys = object("a", 0, 0);
    of_keys.needs_key_pass = true;
    let f = Fixture::of(bed, of_keys, chunks).await;
    f.dispatch(bed, chunks as u32).await;
    f
}

fn key(position: i64, hash: u8, rank: Option<&str>) -> KeyRow {
    KeyRow {
        hash: [hash; 16],
        source_key: format!("s{position}"),
        rank: rank.map(str::to_owned),
        position,
    }
}

async fn places(bed: &Bed, f: &Fixture) -> Vec<(i64, i64)> {
    let found = bed.control.duplicates(&f.run, "a").await.unwrap();
    found.iter().map(|d| (d.chunk.0, d.key.position)).collect()
}

async fn only_repeated_keys_are_kept(bed: &Bed) {
    let f = reading_keys(bed, 3).await;
    let stores = [
        (
            1,
            vec![key(0, 7, Some("2024")), key(1, 255, None), key(2, 1, None)],
        ),
        (2, vec![key(0, 7, None), key(1, 2, None), key(2, 255, None)]),
        (
            3,
            vec![
                key(0, 7, Some("2025")),
                key(1, 7, Some("B")),
                key(2, 7, Some("a")),
            ],
        ),
    ];
    for (chunk, keys) in &stores {
        assert!(
            bed.control
                .store_keys(&f.chunk(*chunk), keys)
                .await
                .unwrap()
        );
    }
    // Hash by hash; the highest rank first, byte by byte, none last; then by place.
    let expected = [(3, 2), (3, 1), (3, 0), (1, 0), (2, 0), (1, 1), (2, 2)];
    assert_eq!(places(bed, &f).await, expected);
    assert_eq!(bed.control.fold_keys(f.term, &f.run, "a").await.unwrap(), 7);
    assert_eq!(bed.control.fold_keys(f.term, &f.run, "a").await.unwrap(), 7);
    assert_eq!(places(bed, &f).await, expected);
    let of_two = bed.control.duplicates_in(&f.chunk(2)).await.unwrap();
    assert_eq!(of_two.len(), 7);
    assert_eq!(
        (of_two[3].chunk, &of_two[3].key),
        (ChunkNumber(1), &stores[0].1[0])
    );
    bed.sql("delete from target_keys where chunk = 2 and position = 2")
        .await;
    assert_eq!(
        bed.control.duplicates_in(&f.chunk(2)).await.unwrap().len(),
        5
    );
}

async fn keys_are_stored_once_and_in_time(bed: &Bed) {
    let f = reading_keys(bed, 1).await;
    let keys = [key(0, 1, None), key(1, 2, None)];
    for _ in 0..2 {
        assert!(bed.control.store_keys(&f.chunk(1), &keys).await.unwrap());
    }
    assert_eq!(places(bed, &f).await, []);
    // A later attempt read something else.
    assert!(
        bed.control
            .store_keys(&f.chunk(1), &keys[..1])
            .await
            .unwrap()
    );
    assert_eq!(bed.value("select count(*) from target_keys").await, "1");
    bed.control
        .settle(f.term, &f.chunk(1), Attempt(1), &Verdict::KeysRead)
        .await
        .unwrap();
    assert!(!bed.control.store_keys(&f.chunk(1), &keys).await.unwrap());
    bed.control.next_pass(f.term, &f.run, "a").await.unwrap();
    assert!(!bed.control.store_keys(&f.chunk(1), &keys).await.unwrap());
    assert_eq!(bed.value("select count(*) from target_keys").await, "1");
}

async fn parts_do_not_repeat_their_whole(bed: &Bed) {
    let f = reading_keys(bed, 1).await;
    let keys = [key(0, 1, None), key(1, 2, None)];
    bed.control.store_keys(&f.chunk(1), &keys).await.unwrap();
    bed.control
        .split(f.term, &f.chunk(1), Attempt(1), &slices(2))
        .await
        .unwrap();
    for (chunk, key) in [(2, &keys[0]), (3, &keys[1])] {
        assert!(
            bed.control
                .store_keys(&f.chunk(chunk), std::slice::from_ref(key))
                .await
                .unwrap()
        );
    }
    assert_eq!(bed.control.fold_keys(f.term, &f.run, "a").await.unwrap(), 0);
    assert_eq!(places(bed, &f).await, []);
}

async fn many_keys_in_one_chunk(bed: &Bed) {
    let f = reading_keys(bed, 2).await;
    let keys: Vec<_> = (0..5_000_i64)
        .map(|n| {
            let mut hash = [0; 16];
            hash[..8].copy_from_slice(&n.to_be_bytes());
            KeyRow {
                hash,
                source_key: n.to_string(),
                rank: None,
                position: n,
            }
        })
        .collect();
    bed.control.store_keys(&f.chunk(1), &keys).await.unwrap();
    bed.control
        .store_keys(&f.chunk(2), &keys[4_990..])
        .await
        .unwrap();
    assert_eq!(
        bed.control.fold_keys(f.term, &f.run, "a").await.unwrap(),
        20
    );
}

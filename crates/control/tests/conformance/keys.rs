//! Duplicates of the target key over a whole object.

use control::{KeyRow, Verdict};
use model::{Attempt, ChunkNumber};

use crate::bed::{Bed, on_both};
use crate::fixture::{Fixture, object, slices};

on_both!(
    only_repeated_keys_are_kept,
    records_with_the_same_source_key_are_told_apart,
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

/// Every hash that these tests use.
fn hashes() -> Vec<[u8; 16]> {
    (0..=255).map(|hash| [hash; 16]).collect()
}

/// Chunk and source key of all duplicates, asked for by chunk 2.
async fn places(bed: &Bed, f: &Fixture) -> Vec<(i64, String)> {
    let found = bed.control.duplicates(&f.chunk(2), &hashes(), 100).await;
    let found = found.unwrap().into_iter();
    found
        .map(|found| (found.chunk.0, found.source_key))
        .collect()
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
    let expected = [(3, 2), (3, 1), (3, 0), (1, 0), (2, 0), (1, 1), (2, 2)]
        .map(|(chunk, position)| (chunk, format!("s{position}")));
    assert_eq!(bed.control.fold_keys(f.term, &f.run, "a").await.unwrap(), 7);
    assert!(bed.control.has_duplicates(&f.run, "a").await.unwrap());
    assert_eq!(places(bed, &f).await, expected);
    assert_eq!(bed.value("select count(*) from read_keys").await, "0");
    assert_eq!(bed.control.fold_keys(f.term, &f.run, "a").await.unwrap(), 7);
    assert_eq!(places(bed, &f).await, expected);
    let asked = [[7; 16], [1; 16], [255; 16]];
    let of_three = bed
        .control
        .duplicates(&f.chunk(3), &asked, 2)
        .await
        .unwrap();
    let seen: Vec<_> = of_three
        .iter()
        .map(|d| (d.hash[0], d.chunk.0, d.is_in_chunk))
        .collect();
    let expected = [(7, 3, true), (7, 3, true), (255, 1, false), (255, 2, false)];
    assert_eq!(seen, expected, "two of each key, and none that occurs once");
    // `s1` has key 255 in chunk 1, and 7 in chunk 3.
    let rivals = bed
        .control
        .rivals(&f.chunk(1), &["s1", "nobody"], 100)
        .await;
    let rivals: Vec<_> = rivals.unwrap().into_iter().collect();
    assert_eq!(rivals, ["s0", "s1", "s2"]);
    let few = bed.control.rivals(&f.chunk(1), &["s1"], 1).await;
    assert_eq!(few.unwrap().len(), 1);
}

async fn records_with_the_same_source_key_are_told_apart(bed: &Bed) {
    let f = reading_keys(bed, 2).await;
    let same = |position, rank| KeyRow {
        source_key: "s".to_owned(),
        ..key(position, 7, rank)
    };
    let first = [same(0, Some("1")), same(1, Some("3"))];
    bed.control.store_keys(&f.chunk(1), &first).await.unwrap();
    let second = [same(0, Some("2"))];
    bed.control.store_keys(&f.chunk(2), &second).await.unwrap();
    bed.control.fold_keys(f.term, &f.run, "a").await.unwrap();
    let found = bed.control.duplicates(&f.chunk(2), &hashes(), 9).await;
    let found: Vec<_> = found
        .unwrap()
        .iter()
        .map(|d| (d.chunk, d.occurrence))
        .collect();
    let (one, two) = (ChunkNumber(1), ChunkNumber(2));
    assert_eq!(found, [(one, 1), (two, 0), (one, 0)]);
}

async fn keys_are_stored_once_and_in_time(bed: &Bed) {
    let f = reading_keys(bed, 1).await;
    let keys = [key(0, 1, None), key(1, 2, None)];
    for _ in 0..2 {
        assert!(bed.control.store_keys(&f.chunk(1), &keys).await.unwrap());
    }
    // A later attempt read something else.
    assert!(
        bed.control
            .store_keys(&f.chunk(1), &keys[..1])
            .await
            .unwrap()
    );
    assert_eq!(bed.value("select count(*) from read_keys").await, "1");
    bed.control
        .settle(f.term, &f.chunk(1), Attempt(1), &Verdict::KeysRead)
        .await
        .unwrap();
    assert!(!bed.control.store_keys(&f.chunk(1), &keys).await.unwrap());
    bed.control
        .next_pass(f.term, &f.run, "a", model::Pass::Records)
        .await
        .unwrap();
    assert!(!bed.control.store_keys(&f.chunk(1), &keys).await.unwrap());
    assert_eq!(bed.value("select count(*) from read_keys").await, "1");
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

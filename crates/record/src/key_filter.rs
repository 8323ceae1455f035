//! Whether a record may be in a chunk: a binary fuse filter over the chunk's source keys, of nine bits for each, that is never wrong about a key that is in,
//! and for one of 256 others. It spares looking through the ledgers of all other chunks.

use std::collections::BTreeSet;

use model::Failure;
use xorf::{BinaryFuse8, BinaryFuse8Ref, DmaSerializable, Filter, FilterRef};

use crate::hash_key;
use crate::wire::unreadable;

/// The filter of these keys; none where there can't be one, and the chunk itself has to be looked at.
pub fn key_filter<'a>(keys: impl Iterator<Item = &'a str>) -> Option<Vec<u8>> {
    let hashes: BTreeSet<u64> = keys.map(hash).collect();
    let hashes: Vec<u64> = hashes.into_iter().collect();
    let filter = BinaryFuse8::try_from(&hashes).ok()?;
    let mut encoded = vec![0; BinaryFuse8::DESCRIPTOR_LEN];
    filter.dma_copy_descriptor_to(&mut encoded);
    encoded.extend_from_slice(filter.dma_fingerprints());
    Some(encoded)
}

/// Whether a key may be among those of an encoded filter.
pub fn may_hold(filter: &[u8], key: &str) -> Result<bool, Failure> {
    let damaged = || unreadable("a filter of keys is damaged");
    let (descriptor, fingerprints) = filter
        .split_at_checked(BinaryFuse8::DESCRIPTOR_LEN)
        .ok_or_else(damaged)?;
    if !fits(descriptor, fingerprints.len()) {
        return Err(damaged());
    }
    Ok(BinaryFuse8Ref::from_dma(descriptor, fingerprints).contains(&hash(key)))
}

/// Whether every place that the descriptor leads to is there.
fn fits(descriptor: &[u8], fingerprints: usize) -> bool {
    let number = |place: usize| {
        let bytes = descriptor.get(place..place + 4)?.try_into().ok()?;
        Some(u64::from(u32::from_le_bytes(bytes)))
    };
    let (Some(segment), Some(mask), Some(segments)) = (number(8), number(12), number(16)) else {
        return false;
    };
    segment.is_power_of_two()
        && mask == segment - 1
        && segments + 2 * segment <= fingerprints as u64
}

fn hash(key: &str) -> u64 {
    // The lower half: both are as good.
    hash_key(&[key]) as u64
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_is_found_and_most_others_are_not() {
        for count in [0, 1, 2, 3, 10, 20_000] {
            let keys: Vec<String> = (0..count).map(|n| format!("k{n}")).collect();
            let filter = key_filter(keys.iter().map(String::as_str)).unwrap();
            assert!(keys.iter().all(|key| may_hold(&filter, key).unwrap()));
            let others = (0..10_000).filter(|n| may_hold(&filter, &format!("other {n}")).unwrap());
            let wrong = others.count();
            assert!(wrong < 100, "{wrong} of 10,000 others among {count} keys");
            assert!(
                filter.len() < 100 + count * 10 / 8,
                "{} bytes for {count}",
                filter.len()
            );
        }
    }

    #[test]
    fn keys_may_repeat() {
        let filter = key_filter(["a", "b", "a", "a"].into_iter()).unwrap();
        assert!(may_hold(&filter, "a").unwrap() && may_hold(&filter, "b").unwrap());
    }

    #[test]
    fn damage_is_noticed() {
        let filter = key_filter((0..500).map(|_| "a").chain(["b", "c"])).unwrap();
        for cut in 0..filter.len() {
            assert!(may_hold(&filter[..cut], "a").is_err(), "cut at {cut}");
        }
        let mut large = filter;
        large[10] = 0xff;
        assert!(may_hold(&large, "a").is_err());
    }
}

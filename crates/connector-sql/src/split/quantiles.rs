//! Cuts from what is known of a key's distribution: points in the key's order, with the number of records between them.
//! Where keys can be counted like numbers, a stretch with many records is cut between its points as well.

/// A key, with the records before it (since the point before) and those that have it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Point<K> {
    pub(crate) key: K,
    pub(crate) before: f64,
    pub(crate) at: f64,
}

/// Cuts in order, so that about `wanted` records lie between two. `inner` cuts a stretch between two keys into a number of parts,
/// where keys can be counted; it may return fewer cuts.
pub(crate) fn candidates<K: Clone>(
    points: &[Point<K>],
    wanted: f64,
    inner: impl Fn(&K, &K, usize) -> Vec<K>,
) -> Vec<K> {
    // Enough for billions of records in slices of thousands; a broken estimate must not fill the memory.
    const MOST: usize = 1_000_000;
    let wanted = wanted.max(1.0);
    let mut cuts = vec![];
    let mut since = 0.0;
    let mut previous: Option<&Point<K>> = None;
    for point in points {
        if let Some(previous) = previous {
            let mut rest = point.before;
            if since >= wanted || since + rest > 1.5 * wanted {
                let parts = ((since + rest) / wanted).ceil().clamp(1.0, MOST as f64) as usize;
                let within = inner(&previous.key, &point.key, parts);
                if !within.is_empty() {
                    rest = (since + rest) / (within.len() + 1) as f64;
                    since = 0.0;
                    cuts.extend(within);
                }
            }
            since += rest;
            if since >= 0.75 * wanted || since + point.at > 1.5 * wanted {
                cuts.push(point.key.clone());
                since = 0.0;
            }
        }
        since += point.at;
        previous = Some(point);
        if cuts.len() >= MOST {
            break;
        }
    }
    cuts
}

/// At most `parts - 1` numbers that cut the stretch from `low` to `high`, both exclusive, evenly.
pub(crate) fn between(low: i128, high: i128, parts: usize) -> Vec<i128> {
    let Some(span) = high.checked_sub(low).filter(|span| *span > 1) else {
        // Too wide to subtract: halves are narrow enough.
        if high > low && high.checked_sub(low).is_none() && parts > 1 {
            let middle = (low >> 1) + (high >> 1);
            let mut cuts = between(low, middle, parts / 2);
            cuts.push(middle);
            cuts.extend(between(middle, high, parts - parts / 2));
            return cuts;
        }
        return vec![];
    };
    let parts = i128::try_from(parts).unwrap_or(i128::MAX).min(span);
    let (step, rest) = (span / parts, span % parts);
    (1..parts)
        .map(|part| low + step * part + rest * part / parts)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(keys: &[i128], before: f64) -> Vec<Point<i128>> {
        keys.iter()
            .map(|key| Point {
                key: *key,
                before,
                at: 0.0,
            })
            .collect()
    }

    #[test]
    fn stretches_are_cut_evenly_and_strictly_inside() {
        assert_eq!(between(0, 10, 5), [2, 4, 6, 8]);
        assert_eq!(between(0, 1, 5), [] as [i128; 0]);
        assert_eq!(between(0, 3, 9), [1, 2]);
        let extremes = between(i128::MIN, i128::MAX, 4);
        assert_eq!(extremes.len(), 3);
        assert!(extremes.is_sorted());
        let wide = between(-5, i128::MAX - 5, 1_000);
        assert_eq!(wide.len(), 999);
        assert!(wide.is_sorted());
    }

    #[test]
    fn many_records_between_two_points_are_cut_by_counting() {
        let cuts = candidates(&points(&[0, 100], 1_000.0), 100.0, |a, b, n| {
            between(*a, *b, n)
        });
        assert_eq!(cuts.len(), 10, "nine inside, and the end");
        let without = candidates(&points(&[0, 100, 200], 1_000.0), 100.0, |_, _, _| vec![]);
        assert_eq!(without, [100, 200]);
    }

    #[test]
    fn few_records_are_joined_and_a_heavy_key_stands_alone() {
        let mut all = points(&[0, 1, 2, 3, 4, 5, 6, 7, 8], 25.0);
        assert_eq!(
            candidates(&all, 100.0, |_, _, _| vec![]),
            [3, 6],
            "about three quarters are enough"
        );
        all[4].at = 5_000.0;
        assert!(candidates(&all, 100.0, |_, _, _| vec![]).starts_with(&[3, 4, 5]));
    }
}

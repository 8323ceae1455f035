//! Ranges of keys, or along `chunk_by` and key, shared by the databases of this crate: what a slice is, how slices tile an object, where planning goes on.
//! What a key is made of, and how keys compare, only the database itself knows.

mod along;
mod cursor;
mod parents;
mod quantiles;
mod section;
mod slice;

pub(crate) use along::{Along, Ordered};
pub(crate) use cursor::{Next, Planning};
pub(crate) use parents::{Crowded, at_parents, bounds, whole_keys};
pub(crate) use quantiles::{Point, between, candidates};
pub(crate) use section::{Section, Sections};
pub(crate) use slice::{KeySlice, cut_keys, keys_slice, tile};

/// A slice that can't be cut is read whole up to this many times the byte budget.
pub(crate) const HARD_LIMIT: usize = 16;
/// The byte budget of a look at the first records; being one slice, they may take `HARD_LIMIT` times as much.
pub(crate) const LOOK: usize = 2 << 20;
/// Slices that one slice is cut into at most; those that prove too big are cut again.
pub(crate) const MOST_PARTS: usize = 1_000;
/// Of a budget, what a slice that was cut is meant to fill, in tenths: records differ in size.
const FILL_TENTHS: usize = 7;

/// How many records a slice should have when `rows` records took `bytes`.
pub(crate) fn rows_per_part(rows: usize, bytes: usize, budget: usize) -> usize {
    let rows = rows as u128 * budget as u128 * FILL_TENTHS as u128 / 10 / bytes.max(1) as u128;
    usize::try_from(rows).unwrap_or(usize::MAX).max(1)
}

/// Keeps at most `most` cuts, evenly.
pub(crate) fn thinned<T>(cuts: Vec<T>, most: usize) -> Vec<T> {
    let step = cuts.len().div_ceil(most.max(1)).max(1);
    cuts.into_iter()
        .enumerate()
        .filter(|(place, _)| (place + 1) % step == 0 || step == 1)
        .map(|(_, cut)| cut)
        .collect()
}

/// The bytes that one slice may take when it can't be cut; Arrow's offsets are 32 bits wide.
pub(crate) fn hard_limit(budget: usize) -> usize {
    const OFFSETS: usize = i32::MAX as usize;
    budget.saturating_mul(HARD_LIMIT).min(OFFSETS)
}

/// A slice that can be neither cut nor read.
pub(crate) fn too_large(
    object: &str,
    key: Option<String>,
    bytes: usize,
    keyed: bool,
) -> model::Failure {
    let failure = model::Failure::chunk(
        "chunk_too_large",
        match &key {
            Some(_) => format!("the records that share one key take more than {bytes} bytes"),
            None => format!("records that no key tells apart take more than {bytes} bytes"),
        },
    )
    .object(object)
    .hint(if keyed {
        "name a `key` in the migration file that tells these records apart and is not null, or leave the large columns out with a `query`"
    } else {
        "name a `key` in the migration file, so that the object can be read in parts"
    });
    match key {
        Some(key) => failure.key(key),
        None => failure,
    }
}

/// Of a table that is cut along columns which no index begins with.
pub(crate) fn without_index(object: &connector::SourceObject) -> Option<model::Finding> {
    let first = object.chunk_by.first()?;
    let table = object.object.from.describe();
    let columns = [object.chunk_by.as_slice(), &object.key]
        .concat()
        .join(", ");
    let finding = model::Finding::warning(
        "chunk_by",
        format!(
            "no index of {table} begins with {first}, along which it is cut: the whole table is gone through for each chunk"
        ),
    );
    Some(finding.hint(format!("create an index on {table} ({columns})")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_fill_most_of_a_budget_and_hold_something() {
        assert_eq!(rows_per_part(100, 1_000, 1_000), 70);
        assert_eq!(rows_per_part(2, 10_000, 10), 1);
    }

    #[test]
    fn thinning_keeps_order_and_stays_below_the_most() {
        for (count, most) in [(10, 20), (10, 10), (11, 10), (100, 7), (0, 3)] {
            let kept = thinned((0..count).collect(), most);
            assert!(kept.len() <= most && kept.is_sorted());
            assert_eq!(kept.is_empty(), count == 0);
        }
    }
}

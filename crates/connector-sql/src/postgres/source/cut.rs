//! Cuts a slice that proved too big, at keys that it really has, where parents begin as long as these are no bigger.
//! One pass over the slice's keys alone finds every cut, so that no chain of ever smaller slices is read for nothing.

use connector::SourceObject;
use model::Failure;

use super::details::Details;
use super::predicate;
use crate::postgres::connections::Connections;
use crate::split::{Crowded, KeySlice, MOST_PARTS, bounds, thinned, tile};

/// Ranges that tile the given one with about `part` records each; none where all its keys are one.
pub(super) async fn ranges(
    connections: &Connections,
    object: &SourceObject,
    details: &Details,
    slice: &KeySlice<String>,
    part: usize,
) -> Result<Option<Vec<KeySlice<String>>>, Failure> {
    let Some((section, from, to)) = slice.range() else {
        return Ok(None);
    };
    let along = details.along(section);
    let condition = predicate::condition(object, details, slice);
    let columns = along.columns();
    let crowded = Crowded {
        relation: &details.relation,
        condition: &condition,
        columns: &columns,
        parents: along.parents,
    };
    let mut session = connections.begin().await?;
    let mut cuts = vec![];
    for sql in crowded.queries(part, |value| format!("{value}::text")) {
        cuts = bounds(session.texts(&sql).await?, along.parents)?;
        if !cuts.is_empty() {
            break;
        }
    }
    session.end().await?;
    if cuts.is_empty() {
        return Ok(None);
    }
    let cuts = thinned(cuts, MOST_PARTS - 1);
    let (from, to) = (from.map(<[_]>::to_vec), to.map(<[_]>::to_vec));
    Ok(Some(tile(section, from, cuts, to)))
}

//! Cuts a slice that proved too big, at keys that it really has, where parents begin as long as these are no bigger.

use model::Failure;

use super::along::Along;
use super::database::Session;
use super::details::Details;
use super::predicate::Condition;
use super::value::Value;
use crate::split::{Crowded, KeySlice, MOST_PARTS, bounds, thinned, tile};

/// Ranges that tile the given one with about `part` records each; none where all its keys are one.
pub(super) async fn ranges(
    session: &mut Session<'_>,
    details: &Details,
    along: &Along<'_>,
    slice: &KeySlice<Value>,
    condition: &Condition,
    part: usize,
) -> Result<Option<Vec<KeySlice<Value>>>, Failure> {
    let Some((section, from, to)) = slice.range() else {
        return Ok(None);
    };
    let (clause, columns) = (condition.clause(), along.columns());
    let crowded = Crowded {
        relation: &details.relation,
        condition: &clause,
        columns: &columns,
        parents: along.parents,
    };
    let mut cuts = vec![];
    for sql in crowded.queries(part, str::to_owned) {
        cuts = bounds(
            session.values(&sql, &condition.values).await?,
            along.parents,
        )?;
        if !cuts.is_empty() {
            break;
        }
    }
    if cuts.is_empty() {
        return Ok(None);
    }
    let cuts = thinned(cuts, MOST_PARTS - 1);
    let (from, to) = (from.map(<[_]>::to_vec), to.map(<[_]>::to_vec));
    Ok(Some(tile(section, from, cuts, to)))
}

//! Cuts a slice that proved too big, at keys that it really has, where parents begin as long as these are no bigger.

use model::Failure;

use super::along::Along;
use super::database::Session;
use super::details::Details;
use super::predicate::Condition;
use super::value::Value;
use crate::split::{Crowded, KeySlice, MOST_PARTS, thinned, tile};

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
    let cuts = if along.parents > 0 {
        at_parents(session, details, along, condition, part).await?
    } else {
        at_keys(session, details, along, condition, part).await?
    };
    if cuts.is_empty() {
        return Ok(None);
    }
    let cuts = thinned(cuts, MOST_PARTS - 1);
    let (from, to) = (from.map(<[_]>::to_vec), to.map(<[_]>::to_vec));
    Ok(Some(tile(section, from, cuts, to)))
}

async fn at_parents(
    session: &mut Session<'_>,
    details: &Details,
    along: &Along<'_>,
    condition: &Condition,
    part: usize,
) -> Result<Vec<Vec<Value>>, Failure> {
    let (clause, columns) = (condition.clause(), along.columns());
    let crowded = Crowded {
        relation: &details.relation,
        condition: &clause,
        columns: &columns,
        parents: along.parents,
    };
    let shown = |value: &str| value.to_owned();
    let sql = crowded.cuts(part, shown);
    let mut rows = session.values(&sql, &condition.values).await?;
    if rows.is_empty() {
        let last = crowded.last(shown);
        rows = session.values(&last, &condition.values).await?;
    }
    for row in &mut rows {
        if row[along.parents..].iter().all(Option::is_none) {
            row.truncate(along.parents);
        }
    }
    let mut cuts = whole_keys(rows)?;
    cuts.dedup();
    Ok(cuts)
}

async fn at_keys(
    session: &mut Session<'_>,
    details: &Details,
    along: &Along<'_>,
    condition: &Condition,
    part: usize,
) -> Result<Vec<Vec<Value>>, Failure> {
    let columns = along.columns();
    let names: Vec<String> = (0..columns.len()).map(|n| format!("s.k{n}")).collect();
    let keys: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(n, column)| format!("{column} as k{n}"))
        .collect();
    let names = names.join(",");
    let mut cuts = vec![];
    // A cut lies above the first key, so that both of its sides hold something.
    for (chosen, limit) in [
        (format!("s.place % {part} = 0 and s.above > 1"), ""),
        ("s.above > 1".to_owned(), "limit 1"),
    ] {
        let sql = format!(
            "select {names} from (select {}, row_number() over w as place, rank() over w as above from {} q {} window w as (order by {})) s \
             where {chosen} group by {names} order by {names} {limit}",
            keys.join(","),
            details.relation,
            condition.clause(),
            along.list(),
        );
        cuts = whole_keys(session.values(&sql, &condition.values).await?)?;
        if !cuts.is_empty() {
            break;
        }
    }
    Ok(cuts)
}

/// Keys, no part of them null.
fn whole_keys(rows: Vec<Vec<Option<Value>>>) -> Result<Vec<Vec<Value>>, Failure> {
    rows.into_iter()
        .map(|row| {
            row.into_iter()
                .collect::<Option<Vec<_>>>()
                .ok_or_else(|| Failure::bug("a null where a key was asked for"))
        })
        .collect()
}

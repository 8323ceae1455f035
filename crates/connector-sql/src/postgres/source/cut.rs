//! Cuts a slice that proved too big, at keys that it really has, where parents begin as long as these are no bigger.
//! One pass over the slice's keys alone finds every cut, so that no chain of ever smaller slices is read for nothing.

use connector::SourceObject;
use model::Failure;

use super::along::Along;
use super::details::Details;
use super::predicate;
use crate::postgres::connections::{Connections, Session};
use crate::split::{Crowded, KeySlice, MOST_PARTS, thinned, tile};

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
    let along = Along::of(details, section);
    let condition = predicate::condition(object, details, slice);
    let mut session = connections.begin().await?;
    let cuts = if along.parents > 0 {
        at_parents(&mut session, details, &along, &condition, part).await?
    } else {
        at_keys(&mut session, details, &along, &condition, part).await?
    };
    session.end().await?;
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
    condition: &str,
    part: usize,
) -> Result<Vec<Vec<String>>, Failure> {
    let columns = along.columns();
    let crowded = Crowded {
        relation: &details.relation,
        condition,
        columns: &columns,
        parents: along.parents,
    };
    let text = |value: &str| format!("{value}::text");
    let mut rows = session.texts(&crowded.cuts(part, text)).await?;
    if rows.is_empty() {
        rows = session.texts(&crowded.last(text)).await?;
    }
    let mut cuts = bounds(rows, along)?;
    cuts.dedup();
    Ok(cuts)
}

async fn at_keys(
    session: &mut Session<'_>,
    details: &Details,
    along: &Along<'_>,
    condition: &str,
    part: usize,
) -> Result<Vec<Vec<String>>, Failure> {
    // A cut lies above the first key, so that both of its sides hold something.
    let chosen = format!("place % {part} = 0 and above > 1");
    let cuts = keys(session, details, along, condition, &chosen, "").await?;
    if cuts.is_empty() {
        return keys(session, details, along, condition, "above > 1", "limit 1").await;
    }
    Ok(cuts)
}

/// Distinct keys of a slice in order, chosen by their place and by how many lie before them.
async fn keys(
    session: &mut Session<'_>,
    details: &Details,
    along: &Along<'_>,
    condition: &str,
    chosen: &str,
    limit: &str,
) -> Result<Vec<Vec<String>>, Failure> {
    let names = along.names();
    let texts: Vec<String> = names.iter().map(|name| format!("s.{name}::text")).collect();
    // With the alias, or `order by` would take the texts.
    let order: Vec<String> = names.iter().map(|name| format!("s.{name}")).collect();
    let sql = format!(
        "select {texts} from (select {named}, row_number() over w as place, rank() over w as above \
         from {relation} q {condition} window w as (order by {keys})) s \
         where {chosen} group by {order} order by {order} {limit}",
        texts = texts.join(","),
        named = along.named(),
        relation = details.relation,
        keys = along.list(),
        order = order.join(","),
    );
    whole_keys(session.texts(&sql).await?)
}

/// Rows of key texts, none of them null.
pub(super) fn whole_keys(rows: Vec<Vec<Option<String>>>) -> Result<Vec<Vec<String>>, Failure> {
    rows.into_iter()
        .map(|row| {
            row.into_iter()
                .collect::<Option<Vec<_>>>()
                .ok_or_else(|| Failure::bug("a null where a key was asked for"))
        })
        .collect()
}

/// Rows of key texts: whole ones, or those of `chunk_by` with nulls behind them.
pub(super) fn bounds(
    rows: Vec<Vec<Option<String>>>,
    along: &Along<'_>,
) -> Result<Vec<Vec<String>>, Failure> {
    let rows = rows.into_iter().map(|mut row| {
        if along.parents > 0 && row[along.parents..].iter().all(Option::is_none) {
            row.truncate(along.parents);
        }
        row
    });
    whole_keys(rows.collect())
}

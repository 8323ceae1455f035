//! Cuts a slice that proved too big, at keys that it really has.
//! One pass over the slice's keys alone finds every cut, so that no chain of ever smaller slices is read for nothing.

use connector::SourceObject;
use model::Failure;

use super::details::Details;
use super::predicate;
use crate::postgres::connections::{Connections, Session};
use crate::split::{KeySlice, MOST_PARTS, thinned, tile};

/// Ranges that tile the given one with about `part` records each; none where all its keys are one.
pub(super) async fn ranges(
    connections: &Connections,
    object: &SourceObject,
    details: &Details,
    slice: &KeySlice<String>,
    part: usize,
) -> Result<Option<Vec<KeySlice<String>>>, Failure> {
    let KeySlice::Range { from, to } = slice else {
        return Ok(None);
    };
    let condition = predicate::condition(object, details, slice);
    let mut session = connections.begin().await?;
    // A cut lies above the first key, so that both of its sides hold something.
    let mut cuts = keys(
        &mut session,
        details,
        &condition,
        &format!("place % {part} = 0 and above > 1"),
        "",
    )
    .await?;
    if cuts.is_empty() {
        cuts = keys(&mut session, details, &condition, "above > 1", "limit 1").await?;
    }
    session.end().await?;
    if cuts.is_empty() {
        return Ok(None);
    }
    let cuts = thinned(cuts, MOST_PARTS - 1);
    Ok(Some(tile(from.clone(), cuts, to.clone())))
}

/// Distinct keys of a slice in order, chosen by their place and by how many lie before them.
async fn keys(
    session: &mut Session<'_>,
    details: &Details,
    condition: &str,
    chosen: &str,
    limit: &str,
) -> Result<Vec<Vec<String>>, Failure> {
    let names: Vec<String> = (0..details.key.len()).map(|n| format!("k{n}")).collect();
    let named: Vec<String> = details
        .columns()
        .iter()
        .zip(&names)
        .map(|(column, name)| format!("{column} as {name}"))
        .collect();
    let texts: Vec<String> = names.iter().map(|name| format!("s.{name}::text")).collect();
    // With the alias, or `order by` would take the texts.
    let order: Vec<String> = names.iter().map(|name| format!("s.{name}")).collect();
    let sql = format!(
        "select {texts} from (select {named}, row_number() over w as place, rank() over w as above \
         from {relation} q {condition} window w as (order by {keys})) s \
         where {chosen} group by {order} order by {order} {limit}",
        texts = texts.join(","),
        named = named.join(","),
        relation = details.relation,
        keys = details.key_list(),
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

//! Cuts an object into slices without reading it: by what is known of its keys, moved to keys that exist where an index makes that cheap.
//! Views and queries are one slice at first; reading cuts it.

use connector::{Sizing, SourceObject, Split};
use model::Failure;

use super::along::Along;
use super::details::{Details, Table};
use super::statistics::Sampled;
use super::{catalog, statistics};
use crate::postgres::connections::{Connections, Session};
use crate::postgres::quote;
use crate::split::{KeySlice, Next, Planning, Section, bounds, whole_keys};

/// What a value takes in a batch beyond its own bytes.
const OVERHEAD: f64 = 5.0;

pub(super) async fn split(
    connections: &Connections,
    object: &SourceObject,
    cursor: Option<&serde_json::Value>,
    sizing: Sizing,
) -> Result<Split, Failure> {
    let details = Details::of(object)?;
    if details.key.is_empty() {
        return Ok(Split {
            slices: vec![KeySlice::<String>::Whole.slice()?],
            cursor: None,
        });
    }
    let mut planning = Planning::resume(cursor, details.sections(), sizing.slices)?;
    while let Some(next) = planning.next() {
        let (cuts, last) = match &details.table {
            Some(table) if table.sampled && next.section != Section::Nulls => {
                cuts(connections, object, &details, table, &next, sizing).await?
            }
            _ => (vec![], true),
        };
        planning.add(cuts, last)?;
    }
    planning.split()
}

/// The next cuts, and whether there are no others.
async fn cuts(
    connections: &Connections,
    object: &SourceObject,
    details: &Details,
    table: &Table,
    next: &Next<String>,
    sizing: Sizing,
) -> Result<(Vec<Vec<String>>, bool), Failure> {
    const NONE: (Vec<Vec<String>>, bool) = (vec![], true);
    let from = next.from.as_deref();
    if object.estimated_records == Some(0) && from.is_none() {
        return Ok(NONE);
    }
    let mut session = connections.begin().await?;
    let estimate = catalog::estimate(&mut session, &details.relation).await?;
    let (records, width) = estimate.unwrap_or((0.0, 0.0));
    let wanted = per_slice(object, width, sizing);
    if records < 1.5 * wanted {
        session.end().await?;
        return Ok(NONE);
    }
    let sampled = Sampled {
        details,
        along: &details.along(next.section),
        table,
        records,
        slices: records / wanted,
    };
    let mut all = statistics::candidates(&mut session, &sampled, wanted).await?;
    if let (Some(ladder), Some(from)) = (statistics::ladder(sampled.along), from)
        && let Some(from) = ladder.rung(&from[0])
    {
        // Only to send fewer: the database itself decides which lie beyond.
        all.retain(|cut| ladder.rung(&cut[0]).is_none_or(|rung| rung >= from));
        all.truncate(next.wanted.saturating_add(1).saturating_mul(4));
    }
    let along = sampled.along;
    let mut cuts = following(&mut session, along, &all, from, next.wanted).await?;
    let last = cuts.len() <= next.wanted;
    // Cuts at parents are where records are already.
    if table.indexed && details.chunk_by.is_empty() && !cuts.is_empty() {
        cuts = existing(&mut session, details, along, &cuts).await?;
        if cuts.is_empty() {
            session.end().await?;
            return Ok(NONE);
        }
    }
    session.end().await?;
    Ok((cuts, last))
}

/// Records of one slice.
fn per_slice(object: &SourceObject, width: f64, sizing: Sizing) -> f64 {
    let width = width + OVERHEAD * object.schema.fields().len() as f64;
    let fitting = sizing.bytes as f64 / width.max(1.0);
    (sizing.records as f64).min(fitting).max(1.0)
}

/// Of the candidates, those after `from`, in order, one more than wanted.
async fn following(
    session: &mut Session<'_>,
    along: &Along<'_>,
    all: &[Vec<String>],
    from: Option<&[String]>,
    wanted: usize,
) -> Result<Vec<Vec<String>>, Failure> {
    if all.is_empty() {
        return Ok(vec![]);
    }
    let names = along.names();
    let texts: Vec<String> = names.iter().map(|name| format!("d.{name}::text")).collect();
    let condition = from.map_or_else(String::new, |from| {
        format!("where {}", beyond(along, &names, from))
    });
    let order: Vec<String> = names
        .iter()
        .map(|name| format!("d.{name} nulls first"))
        .collect();
    let sql = format!(
        "select {} from (select distinct {} from {} u {condition}) d order by {} limit {}",
        texts.join(","),
        names.join(","),
        listed(along, all),
        order.join(","),
        wanted.saturating_add(1),
    );
    bounds(session.texts(&sql).await?, along.parents)
}

/// That a cut lies above a bound. Where one has the values of `chunk_by` alone, the others are null, and it lies below all that begin with these values.
fn beyond(along: &Along<'_>, names: &[String], from: &[String]) -> String {
    let values = format!("({})", along.values(from).join(","));
    let first = names[..from.len().min(names.len())].join(",");
    match names.get(from.len()) {
        None => format!("({first}) > {values}"),
        Some(next) => {
            format!("({first}) >= {values} and (({first}) <> {values} or {next} is not null)")
        }
    }
}

/// For each cut the first key at or after it, so that no slice is planned for a gap.
async fn existing(
    session: &mut Session<'_>,
    details: &Details,
    along: &Along<'_>,
    cuts: &[Vec<String>],
) -> Result<Vec<Vec<String>>, Failure> {
    let names = along.names();
    let texts: Vec<String> = names.iter().map(|name| format!("e.{name}::text")).collect();
    let listed_names: Vec<String> = names.iter().map(|name| format!("u.{name}")).collect();
    let mut conditions = along.conditions.clone();
    conditions.push(format!(
        "({}) >= ({})",
        along.list(),
        listed_names.join(",")
    ));
    let sql = format!(
        "select {} from (select distinct x.* from {} u cross join lateral \
           (select {} from {} q where {} order by {} limit 1) x) e order by {}",
        texts.join(","),
        listed(along, cuts),
        along.named(),
        details.relation,
        conditions.join(" and "),
        along.list(),
        qualified("e", &names),
    );
    whole_keys(session.texts(&sql).await?)
}

/// Without an alias `order by` would take the texts that are selected.
fn qualified(alias: &str, names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("{alias}.{name}")).collect();
    names.join(",")
}

/// Bounds as a relation of the columns' types and collations; null what one has no value of.
fn listed(along: &Along<'_>, bounds: &[Vec<String>]) -> String {
    let names = along.names();
    let arrays: Vec<String> = along
        .columns
        .iter()
        .enumerate()
        .map(|(part, column)| {
            let texts = bounds
                .iter()
                .map(|bound| bound.get(part).map(String::as_str));
            quote::array(texts, &column.cast)
        })
        .collect();
    let columns: Vec<String> = along
        .columns
        .iter()
        .zip(&names)
        .map(|(column, name)| format!("l.{name} {} as {name}", statistics::collate(column)))
        .collect();
    format!(
        "(select {} from unnest({}) as l({}))",
        columns.join(","),
        arrays.join(","),
        names.join(",")
    )
}

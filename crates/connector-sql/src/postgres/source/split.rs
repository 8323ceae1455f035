//! Cuts an object into slices without reading it: by what is known of its keys, moved to keys that exist where an index makes that cheap.
//! Views and queries are one slice at first; reading cuts it.

use connector::{Sizing, SourceObject, Split};
use model::Failure;

use super::cut::whole_keys;
use super::details::{Details, Table};
use super::{catalog, predicate, statistics};
use crate::postgres::connections::{Connections, Session};
use crate::postgres::quote;
use crate::split::{Cursor, KeySlice, candidates, stretch};

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
    let from = match cursor.map(Cursor::<String>::parse).transpose()? {
        Some(Cursor::Nulls) => {
            return Ok(Split {
                slices: vec![KeySlice::<String>::Nulls.slice()?],
                cursor: None,
            });
        }
        Some(Cursor::At(key)) => Some(key),
        None => None,
    };
    let (cuts, last) = match &details.table {
        Some(table) if table.sampled => {
            cuts(
                connections,
                object,
                &details,
                table,
                from.as_deref(),
                sizing,
            )
            .await?
        }
        _ => (vec![], true),
    };
    stretch(from, cuts, last, details.nullable(), sizing.slices)
}

/// The next cuts, and whether there are no others.
async fn cuts(
    connections: &Connections,
    object: &SourceObject,
    details: &Details,
    table: &Table,
    from: Option<&[String]>,
    sizing: Sizing,
) -> Result<(Vec<Vec<String>>, bool), Failure> {
    const NONE: (Vec<Vec<String>>, bool) = (vec![], true);
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
    let slices = records / wanted;
    let points = statistics::points(&mut session, details, table, records, slices).await?;
    let ladder = statistics::ladder(details);
    let mut all = candidates(&points, wanted, |low, high, parts| {
        let inner = ladder.map(|ladder| ladder.between(&low[0], &high[0], parts));
        inner
            .unwrap_or_default()
            .into_iter()
            .map(|key| vec![key])
            .collect()
    });
    if let (Some(ladder), Some(from)) = (ladder, from)
        && let Some(from) = ladder.rung(&from[0])
    {
        // Only to send fewer: the database itself decides which lie beyond.
        all.retain(|cut| ladder.rung(&cut[0]).is_none_or(|rung| rung >= from));
        all.truncate(sizing.slices.saturating_add(1).saturating_mul(4));
    }
    let mut cuts = following(&mut session, details, &all, from, sizing.slices).await?;
    let last = cuts.len() <= sizing.slices;
    if table.indexed && !cuts.is_empty() {
        cuts = existing(&mut session, details, &cuts).await?;
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
    details: &Details,
    all: &[Vec<String>],
    from: Option<&[String]>,
    wanted: usize,
) -> Result<Vec<Vec<String>>, Failure> {
    if all.is_empty() {
        return Ok(vec![]);
    }
    let names = names(details);
    let texts: Vec<String> = names.iter().map(|name| format!("d.{name}::text")).collect();
    let condition = from.map_or_else(String::new, |from| {
        format!(
            "where ({}) > {}",
            names.join(","),
            predicate::values(details, from)
        )
    });
    let sql = format!(
        "select {} from (select distinct {} from {} u {condition}) d order by {} limit {}",
        texts.join(","),
        names.join(","),
        listed(details, all),
        qualified("d", &names),
        wanted.saturating_add(1),
    );
    whole_keys(session.texts(&sql).await?)
}

/// For each cut the first key at or after it, so that no slice is planned for a gap.
async fn existing(
    session: &mut Session<'_>,
    details: &Details,
    cuts: &[Vec<String>],
) -> Result<Vec<Vec<String>>, Failure> {
    let names = names(details);
    let texts: Vec<String> = names.iter().map(|name| format!("e.{name}::text")).collect();
    let keys: Vec<String> = details
        .columns()
        .iter()
        .zip(&names)
        .map(|(column, name)| format!("{column} as {name}"))
        .collect();
    let listed_names: Vec<String> = names.iter().map(|name| format!("u.{name}")).collect();
    let mut conditions = predicate::not_null(details);
    conditions.push(format!(
        "({}) >= ({})",
        details.key_list(),
        listed_names.join(",")
    ));
    let sql = format!(
        "select {} from (select distinct x.* from {} u cross join lateral \
           (select {} from {} q where {} order by {} limit 1) x) e order by {}",
        texts.join(","),
        listed(details, cuts),
        keys.join(","),
        details.relation,
        conditions.join(" and "),
        details.key_list(),
        qualified("e", &names),
    );
    whole_keys(session.texts(&sql).await?)
}

/// Without an alias `order by` would take the texts that are selected.
fn qualified(alias: &str, names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("{alias}.{name}")).collect();
    names.join(",")
}

fn names(details: &Details) -> Vec<String> {
    (0..details.key.len()).map(|n| format!("k{n}")).collect()
}

/// Keys as a relation of the key columns' types and collations.
fn listed(details: &Details, keys: &[Vec<String>]) -> String {
    let names = names(details);
    let arrays: Vec<String> = details
        .key
        .iter()
        .enumerate()
        .map(|(part, column)| quote::array(keys.iter().map(|key| key[part].as_str()), &column.cast))
        .collect();
    let columns: Vec<String> = details
        .key
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

//! What is known of a key's distribution without reading the table: the planner's statistics, or else a sample of a few pages.
//! It may be wrong in any way: slices tile all the same, and those that prove too big are cut when they are read.

use model::Failure;

use super::cut::whole_keys;
use super::details::{Details, KeyColumn, Table};
use super::ladder::Ladder;
use super::predicate;
use crate::postgres::connections::Session;
use crate::postgres::quote;
use crate::split::Point;

/// Pages that a sample reads, at least and at most.
const PAGES: (u64, u64) = (300, 1_000);
const PAGE: u64 = 8_192;

type Points = Vec<Point<Vec<String>>>;

/// Points of the key in its order, with numbers of records, of about `records` in all; `slices` are wanted of them.
pub(super) async fn points(
    session: &mut Session<'_>,
    details: &Details,
    table: &Table,
    records: f64,
    slices: f64,
) -> Result<Points, Failure> {
    if let [key] = details.key.as_slice() {
        let points = from_planner(session, details, table, key, records).await?;
        // Where nothing lies between two points, too few of them make slices too large.
        let fine = ladder(details).is_some() || points.len() as f64 > slices;
        if points.len() > 1 && (fine || !table.sampled) {
            return Ok(points);
        }
    }
    sample(session, details, table, records, slices).await
}

async fn from_planner(
    session: &mut Session<'_>,
    details: &Details,
    table: &Table,
    key: &KeyColumn,
    records: f64,
) -> Result<Points, Failure> {
    let sql = format!(
        "select to_json(s.histogram_bounds::text::text[])::text, to_json(s.most_common_vals::text::text[])::text, \
           to_json(s.most_common_freqs)::text, s.null_frac::text, c.reltuples::text \
         from pg_catalog.pg_stats s \
         join pg_catalog.pg_namespace n on n.nspname = s.schemaname \
         join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = s.tablename \
         where s.schemaname = {} and s.tablename = {} and s.attname = {} order by s.inherited desc limit 1",
        quote::text(&table.schema),
        quote::text(&table.name),
        quote::text(&key.name)
    );
    let rows = session.texts(&sql).await?;
    let Some(row) = rows.first() else {
        return Ok(vec![]);
    };
    let text = |column: usize| {
        row.get(column)
            .and_then(Option::as_deref)
            .unwrap_or_default()
    };
    let bounds: Vec<String> = serde_json::from_str(text(0)).unwrap_or_default();
    let common: Vec<String> = serde_json::from_str(text(1)).unwrap_or_default();
    let shares: Vec<f64> = serde_json::from_str(text(2)).unwrap_or_default();
    let nulls: f64 = text(3).parse().unwrap_or(0.0);
    let analysed: f64 = text(4).parse().unwrap_or(-1.0);
    let then = if analysed > 0.0 {
        analysed.min(records)
    } else {
        records
    };
    let between = (1.0 - nulls - shares.iter().sum::<f64>()).max(0.0)
        / bounds.len().saturating_sub(1).max(1) as f64;
    let mut points: Vec<(String, f64, f64)> = bounds
        .into_iter()
        .enumerate()
        .map(|(place, key)| (key, if place == 0 { 0.0 } else { between * then }, 0.0))
        .collect();
    points.extend(
        common
            .into_iter()
            .zip(shares)
            .map(|(key, share)| (key, 0.0, share * then)),
    );
    // Records that came since lie beyond the last bound if keys ascend.
    if table.indexed
        && points.len() > 1
        && records > then * 1.05
        && let Some(last) = last_key(session, details).await?
    {
        points.push((last, records - then, 0.0));
    }
    ordered(session, key, &points).await
}

async fn last_key(session: &mut Session<'_>, details: &Details) -> Result<Option<String>, Failure> {
    let column = details.key_list();
    session
        .text(&format!(
            "select {column}::text from {} q where {column} is not null order by {column} desc limit 1",
            details.relation
        ))
        .await
}

/// In the order that the database gives them.
async fn ordered(
    session: &mut Session<'_>,
    key: &KeyColumn,
    points: &[(String, f64, f64)],
) -> Result<Points, Failure> {
    if points.is_empty() {
        return Ok(vec![]);
    }
    let numbers = |of: fn(&(String, f64, f64)) -> f64| {
        let list: Vec<String> = points.iter().map(|point| of(point).to_string()).collect();
        format!("array[{}]::float8[]", list.join(","))
    };
    let sql = format!(
        "select p.v::text, sum(before)::text, sum(at)::text from \
           (select u.v {} as v, before, at from unnest({},{},{}) as u(v, before, at)) p group by p.v order by p.v",
        collate(key),
        quote::array(points.iter().map(|point| point.0.as_str()), &key.cast),
        numbers(|point| point.1),
        numbers(|point| point.2),
    );
    let rows = session.texts(&sql).await?;
    Ok(whole_keys(rows)?
        .into_iter()
        .map(|row| Point {
            before: row[1].parse().unwrap_or(0.0),
            at: row[2].parse().unwrap_or(0.0),
            key: row.into_iter().take(1).collect(),
        })
        .collect())
}

pub(super) fn collate(key: &KeyColumn) -> String {
    key.collation
        .as_ref()
        .map(|collation| format!("collate {collation}"))
        .unwrap_or_default()
}

/// The keys of some pages, the same ones at every call.
async fn sample(
    session: &mut Session<'_>,
    details: &Details,
    table: &Table,
    records: f64,
    slices: f64,
) -> Result<Points, Failure> {
    if !table.sampled {
        return Ok(vec![]);
    }
    let size = format!(
        "select coalesce((select sum(pg_catalog.pg_relation_size(relid)) from pg_catalog.pg_partition_tree({table}::regclass)), \
         pg_catalog.pg_relation_size({table}::regclass))::bigint::text",
        table = quote::text(&details.relation)
    );
    let pages = session
        .text(&size)
        .await?
        .and_then(|size| size.parse::<u64>().ok())
        .unwrap_or_default()
        / PAGE;
    let wanted = (slices as u64).saturating_mul(4).clamp(PAGES.0, PAGES.1);
    let percent = (100.0 * wanted as f64 / pages.max(1) as f64).min(100.0);
    let mut conditions = predicate::not_null(details);
    conditions.push("true".to_owned());
    let rows = session
        .texts(&format!(
            "select {} from {} q tablesample system ({percent}) repeatable (7) where {} order by {}",
            details.key_texts(),
            details.relation,
            conditions.join(" and "),
            details.key_list()
        ))
        .await?;
    let keys = whole_keys(rows)?;
    let each = records / keys.len().max(1) as f64;
    let mut points: Points = vec![];
    for key in keys {
        match points.last_mut() {
            Some(last) if last.key == key => last.at += each,
            _ => points.push(Point {
                key,
                before: each,
                at: 0.0,
            }),
        }
    }
    Ok(points)
}

/// How the key can be counted, where it can.
pub(super) fn ladder(details: &Details) -> Option<Ladder> {
    match details.key.as_slice() {
        [key] => Ladder::of(&key.cast),
        _ => None,
    }
}

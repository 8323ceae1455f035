//! What is known of a key's distribution without reading the table: the planner's statistics, or else a sample of a few pages.
//! It may be wrong in any way: slices tile all the same, and those that prove too big are cut when they are read.

use model::Failure;

use super::along::Along;
use super::details::{Details, KeyColumn, Table};
use super::ladder::Ladder;
use crate::postgres::connections::Session;
use crate::postgres::quote;
use crate::split::{self, Point, at_parents, whole_keys};

/// Pages that a sample reads, at least and at most.
const PAGES: (u64, u64) = (300, 1_000);
const PAGE: u64 = 8_192;

type Points = Vec<Point<Vec<String>>>;

/// What a distribution is wanted of.
pub(super) struct Sampled<'a> {
    pub(super) details: &'a Details,
    pub(super) along: &'a Along<'a>,
    pub(super) table: &'a Table,
    /// Of the whole table, about.
    pub(super) records: f64,
    /// Wanted of it.
    pub(super) slices: f64,
}

/// Bounds in order, so that about `wanted` records lie between two.
pub(super) async fn candidates(
    session: &mut Session<'_>,
    of: &Sampled<'_>,
    wanted: f64,
) -> Result<Vec<Vec<String>>, Failure> {
    if of.along.parents > 0 {
        return where_parents_begin(session, of, wanted).await;
    }
    let points = points(session, of).await?;
    let ladder = ladder(of.along);
    Ok(split::candidates(&points, wanted, |low, high, parts| {
        let inner = ladder.map(|ladder| ladder.between(&low[0], &high[0], parts));
        inner
            .unwrap_or_default()
            .into_iter()
            .map(|key| vec![key])
            .collect()
    }))
}

/// Points of the key in its order, with numbers of records.
async fn points(session: &mut Session<'_>, of: &Sampled<'_>) -> Result<Points, Failure> {
    // The planner knows nothing of a part of the table.
    if let ([key], true) = (of.along.columns.as_slice(), of.details.chunk_by.is_empty()) {
        let points = from_planner(session, of, key).await?;
        // Where nothing lies between two points, too few of them make slices too large.
        let fine = ladder(of.along).is_some() || points.len() as f64 > of.slices;
        if points.len() > 1 && (fine || !of.table.sampled) {
            return Ok(points);
        }
    }
    sample(session, of).await
}

async fn from_planner(
    session: &mut Session<'_>,
    of: &Sampled<'_>,
    key: &KeyColumn,
) -> Result<Points, Failure> {
    let (table, records) = (of.table, of.records);
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
        && let Some(last) = last_key(session, of).await?
    {
        points.push((last, records - then, 0.0));
    }
    ordered(session, key, &points).await
}

async fn last_key(session: &mut Session<'_>, of: &Sampled<'_>) -> Result<Option<String>, Failure> {
    let column = of.along.list();
    session
        .text(&format!(
            "select {column}::text from {} q where {column} is not null order by {column} desc limit 1",
            of.details.relation
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

/// The keys of some pages.
async fn sample(session: &mut Session<'_>, of: &Sampled<'_>) -> Result<Points, Failure> {
    if !of.table.sampled {
        return Ok(vec![]);
    }
    let (rows, each) = rows(session, of, "").await?;
    let mut points: Points = vec![];
    for key in whole_keys(rows)? {
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

/// The bounds at which parents begin, and keys within those that have too many records, by some pages.
async fn where_parents_begin(
    session: &mut Session<'_>,
    of: &Sampled<'_>,
    wanted: f64,
) -> Result<Vec<Vec<String>>, Failure> {
    let parents = of.along.columns()[..of.along.parents].join(",");
    let number = format!(",(dense_rank() over (order by {parents}))::text");
    let (rows, each) = rows(session, of, &number).await?;
    let mut keys = whole_keys(rows)?;
    let numbers: Vec<i64> = keys
        .iter_mut()
        .map(|key| key.pop().and_then(|number| number.parse().ok()))
        .map(Option::unwrap_or_default)
        .collect();
    let cuts = at_parents(&numbers, each, wanted).into_iter();
    let bounds = cuts.map(|cut| match cut.within {
        true => keys[cut.row].clone(),
        false => keys[cut.row][..of.along.parents].to_vec(),
    });
    Ok(bounds.collect())
}

/// The section's records on some pages, the same ones at every call: their keys in order with what else is selected, and how many records each of them
/// stands for.
async fn rows(
    session: &mut Session<'_>,
    of: &Sampled<'_>,
    selected: &str,
) -> Result<(Vec<Vec<Option<String>>>, f64), Failure> {
    let relation = &of.details.relation;
    let size = format!(
        "select coalesce((select sum(pg_catalog.pg_relation_size(relid)) from pg_catalog.pg_partition_tree({table}::regclass)), \
         pg_catalog.pg_relation_size({table}::regclass))::bigint::text",
        table = quote::text(relation)
    );
    let pages = session
        .text(&size)
        .await?
        .and_then(|size| size.parse::<u64>().ok())
        .unwrap_or_default()
        / PAGE;
    let wanted = (of.slices as u64).saturating_mul(4).clamp(PAGES.0, PAGES.1);
    let percent = (100.0 * wanted as f64 / pages.max(1) as f64).min(100.0);
    let sampled = format!("{relation} q tablesample system ({percent}) repeatable (7)");
    let mut conditions = of.along.conditions.clone();
    conditions.push("true".to_owned());
    let rows = session
        .texts(&format!(
            "select {}{selected} from {sampled} where {} order by {}",
            of.along.texts(),
            conditions.join(" and "),
            of.along.list()
        ))
        .await?;
    let all = if of.details.chunk_by.is_empty() {
        rows.len() as f64
    } else {
        let count = session
            .text(&format!("select count(*)::text from {sampled}"))
            .await?;
        count.and_then(|count| count.parse().ok()).unwrap_or(1.0)
    };
    Ok((rows, of.records / all.max(1.0)))
}

/// How the key can be counted, where it can.
pub(super) fn ladder(along: &Along<'_>) -> Option<Ladder> {
    match along.columns.as_slice() {
        [key] => Ladder::of(&key.cast),
        _ => None,
    }
}

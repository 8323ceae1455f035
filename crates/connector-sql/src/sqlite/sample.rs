//! Cuts at the keys of records here and there, found by their hidden row numbers.
//! For keys that can't be counted along: text, several columns, or integers without an index.

use std::fmt::Write as _;

use model::Failure;

use super::database::{Session, quoted};
use super::details::Details;
use super::predicate;
use super::value::Value;
use crate::split::{Point, candidates};

/// Records that are looked at, at least and at most.
const LOOKS: (f64, f64) = (200.0, 2_000.0);
/// Places in which the row numbers' density is looked at, and row numbers in each.
const PLACES: i128 = 32;
const NEAR: usize = 17;

/// A sampled key, and whether it lies beyond the place where planning stands.
type Sampled = (Vec<Value>, bool);

pub(super) async fn cuts(
    session: &mut Session<'_>,
    details: &Details,
    row_number: &str,
    from: Option<&[Value]>,
    records: u64,
    wanted: usize,
) -> Result<(Vec<Vec<Value>>, bool), Failure> {
    let number = format!("q.{}", quoted(row_number));
    let table = &details.relation;
    let first = session
        .integer(&format!("select min({number}) from {table} q"))
        .await?;
    let last = session
        .integer(&format!("select max({number}) from {table} q"))
        .await?;
    let (Some(first), Some(last)) = (first, last) else {
        return Ok((vec![], true));
    };
    let total = count(session, table, &number, first, last).await?;
    let slices = total / records as f64;
    if slices < 1.5 {
        return Ok((vec![], true));
    }
    let looks = (slices * 8.0).clamp(LOOKS.0, LOOKS.1) as i128;
    let mut list = String::new();
    let span = i128::from(last) - i128::from(first);
    for look in 0..looks {
        let place = i128::from(first) + span * look / looks;
        let _ = write!(list, "{}({place})", if look == 0 { "" } else { "," });
    }
    let mut conditions = predicate::not_null(details);
    conditions.push("true".to_owned());
    let beyond = from.map_or_else(
        || "1".to_owned(),
        |from| predicate::bound(details, ">", from),
    );
    let columns = details.columns().join(",");
    let sql = format!(
        "with looks(place) as (values {list}), \
         numbers(number) as (select (select {number} from {table} q where {number} >= looks.place order by {number} limit 1) from looks) \
         select {columns}, {beyond} from numbers cross join {table} q on {number} = numbers.number where {} order by {columns}",
        conditions.join(" and ")
    );
    let rows = session.values(&sql, from.unwrap_or_default()).await?;
    let each = total / rows.len().max(1) as f64;
    let mut points: Vec<Point<Sampled>> = vec![];
    for mut row in rows {
        let beyond = row.pop().flatten() == Some(Value::Integer(1));
        let Some(key) = row.into_iter().collect::<Option<Vec<_>>>() else {
            continue;
        };
        match points.last_mut() {
            Some(point) if point.key.0 == key => point.at += each,
            _ => points.push(Point {
                key: (key, beyond),
                before: each,
                at: 0.0,
            }),
        }
    }
    let mut cuts: Vec<Vec<Value>> = candidates(&points, records as f64, |_, _, _| vec![])
        .into_iter()
        .filter(|(_, beyond)| *beyond)
        .map(|(key, _)| key)
        .collect();
    let last = cuts.len() <= wanted;
    cuts.truncate(wanted.saturating_add(1));
    Ok((cuts, last))
}

/// A guess at the number of records, from how close their row numbers lie.
async fn count(
    session: &mut Session<'_>,
    table: &str,
    number: &str,
    first: i64,
    last: i64,
) -> Result<f64, Failure> {
    let span = i128::from(last) - i128::from(first) + 1;
    let mut total = 0.0;
    for place in 0..PLACES {
        let low = i128::from(first) + span * place / PLACES;
        let high = i128::from(first) + span * (place + 1) / PLACES;
        let sql = format!(
            "select {number} from {table} q where {number} >= {low} and {number} < {high} order by {number} limit {NEAR}"
        );
        let rows = session.values(&sql, &[]).await?;
        let numbers: Vec<i64> = rows
            .into_iter()
            .filter_map(|row| match row.first() {
                Some(Some(Value::Integer(number))) => Some(*number),
                _ => None,
            })
            .collect();
        total += match (numbers.first(), numbers.last()) {
            (Some(near), Some(far)) if numbers.len() == NEAR => {
                let gap = (i128::from(*far) - i128::from(*near)) as f64 / (NEAR - 1) as f64;
                (high - i128::from(*near)) as f64 / gap.max(1.0)
            }
            _ => numbers.len() as f64,
        };
    }
    Ok(total)
}

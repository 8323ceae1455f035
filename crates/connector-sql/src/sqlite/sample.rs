//! Cuts at the keys of records here and there, found by their hidden row numbers.
//! For keys that can't be counted along: text, several columns, or integers without an index.

use std::fmt::Write as _;

use model::Failure;

use super::along::Along;
use super::database::{Session, quoted};
use super::details::Details;
use super::value::Value;
use crate::split::{Next, Point, at_parents, candidates};

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
    next: &Next<Value>,
    records: u64,
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
    let along = details.along(next.section);
    let looks = Looks {
        numbers: format!(
            "with looks(place) as (values {list}), \
             numbers(number) as (select (select {number} from {table} q where {number} >= looks.place order by {number} limit 1) from looks)"
        ),
        joined: format!(
            "from numbers cross join {table} q on {number} = numbers.number where {} order by {}",
            [along.conditions.as_slice(), &["true".to_owned()]]
                .concat()
                .join(" and "),
            along.list(),
        ),
        along,
        total,
        from: next.from.as_deref(),
        only_some: !details.chunk_by.is_empty(),
    };
    let mut cuts = if looks.along.parents > 0 {
        looks.where_parents_begin(session, records as f64).await?
    } else {
        looks.between_keys(session, records as f64).await?
    };
    let last = cuts.len() <= next.wanted;
    cuts.truncate(next.wanted.saturating_add(1));
    Ok((cuts, last))
}

/// Records that are looked at.
struct Looks<'a> {
    /// Their row numbers, as what stands before `select`.
    numbers: String,
    /// Those of the section in its order, as what stands behind what is selected.
    joined: String,
    along: Along<'a>,
    /// Records of the table, about.
    total: f64,
    /// Where planning stands.
    from: Option<&'a [Value]>,
    /// The section is but a part of what is looked at.
    only_some: bool,
}

impl Looks<'_> {
    /// Keys with what is selected behind them, and how many records each of them stands for.
    async fn rows(
        &self,
        session: &mut Session<'_>,
        selected: &str,
        values: &[Value],
    ) -> Result<(Vec<Vec<Option<Value>>>, f64), Failure> {
        let (numbers, joined) = (&self.numbers, &self.joined);
        let sql = format!("{numbers} select {}{selected} {joined}", self.along.list());
        let rows = session.values(&sql, values).await?;
        let all = if self.only_some {
            let looks = format!("{numbers} select count(number) from numbers");
            session.integer(&looks).await?.unwrap_or_default() as f64
        } else {
            rows.len() as f64
        };
        Ok((rows, self.total / all.max(1.0)))
    }

    async fn between_keys(
        &self,
        session: &mut Session<'_>,
        wanted: f64,
    ) -> Result<Vec<Vec<Value>>, Failure> {
        let from = self.from.unwrap_or_default();
        let beyond = match from {
            [] => ",1".to_owned(),
            from => format!(",{}", self.along.bound(">", from)),
        };
        let (rows, each) = self.rows(session, &beyond, from).await?;
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
        let cuts = candidates(&points, wanted, |_, _, _| vec![]).into_iter();
        let cuts = cuts.filter(|(_, beyond)| *beyond).map(|(key, _)| key);
        Ok(cuts.collect())
    }

    async fn where_parents_begin(
        &self,
        session: &mut Session<'_>,
        wanted: f64,
    ) -> Result<Vec<Vec<Value>>, Failure> {
        let parents = self.along.parents;
        let mut selected = format!(
            ",dense_rank() over (order by {})",
            self.along.columns()[..parents].join(",")
        );
        let mut values = vec![];
        match self.from {
            None => selected += ",1,1",
            Some(from) => {
                let parent = &from[..parents.min(from.len())];
                // All children of a parent lie above the bound at which it begins.
                let within = if from.len() > parents { ">" } else { ">=" };
                selected += &format!(
                    ",{},{}",
                    self.along.bound(">", parent),
                    self.along.bound(within, from)
                );
                values.extend(parent.iter().chain(from).cloned());
            }
        }
        let (rows, each) = self.rows(session, &selected, &values).await?;
        let is_true = |value: Option<Option<Value>>| value.flatten() == Some(Value::Integer(1));
        let (mut keys, mut numbers, mut beyond) = (vec![], vec![], vec![]);
        for mut row in rows {
            let within = is_true(row.pop());
            let begins = is_true(row.pop());
            if let Some(Some(Value::Integer(number))) = row.pop()
                && let Some(key) = row.into_iter().collect::<Option<Vec<_>>>()
            {
                keys.push(key);
                numbers.push(number);
                beyond.push((begins, within));
            }
        }
        let cuts = at_parents(&numbers, each, wanted).into_iter();
        let cuts = cuts.filter_map(|cut| {
            let (begins, within) = beyond[cut.row];
            match cut.within {
                true => within.then(|| keys[cut.row].clone()),
                false => begins.then(|| keys[cut.row][..parents].to_vec()),
            }
        });
        Ok(cuts.collect())
    }
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

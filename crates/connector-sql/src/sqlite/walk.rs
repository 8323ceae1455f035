//! Cuts along an indexed integer key: from one cut to the next by the distance in which the wanted number of records is expected.
//! The expectation comes from looks at a few keys here and there between the two, so that gaps and crowds are both noticed.

use model::Failure;

use super::along::Along;
use super::database::Session;
use super::details::Details;
use super::value::Value;
use crate::split::Section;

/// Places that are looked at between two cuts.
const LOOKS: i128 = 8;
/// Keys that are looked at in each place.
const KEYS: u64 = 12;
/// How often a distance is corrected.
const CORRECTIONS: usize = 14;

pub(super) async fn cuts(
    session: &mut Session<'_>,
    details: &Details,
    from: Option<&[Value]>,
    records: u64,
    wanted: usize,
) -> Result<(Vec<Vec<Value>>, bool), Failure> {
    let ladder = Ladder {
        details,
        along: details.along(Section::Keyed),
    };
    let first = match from {
        Some([Value::Integer(key)]) => ladder.keys(session, *key, 1).await?,
        Some(_) => vec![],
        None => ladder.keys(session, i64::MIN, 1).await?,
    };
    let (Some(first), Some(last)) = (first.first().copied(), ladder.last(session).await?) else {
        return Ok((vec![], true));
    };
    let mut at = first;
    let mut cuts = vec![];
    while cuts.len() <= wanted {
        let Some(next) = ladder.next(session, at, last, records).await? else {
            return Ok((cuts, true));
        };
        cuts.push(vec![Value::Integer(next)]);
        at = next;
    }
    Ok((cuts, false))
}

struct Ladder<'a> {
    details: &'a Details,
    along: Along<'a>,
}

impl Ladder<'_> {
    /// A key about `records` records after `at`; none where the last key is nearer.
    async fn next(
        &self,
        session: &mut Session<'_>,
        at: i64,
        last: i64,
        records: u64,
    ) -> Result<Option<i64>, Failure> {
        let near = self.keys(session, at, records.min(32) + 1).await?;
        if (near.len() as u64) <= records.min(32) {
            return Ok(None);
        }
        let start = i128::from(at);
        let (last, wanted) = (i128::from(last), records as f64);
        let furthest = near.last().map_or(start, |key| i128::from(*key));
        if records <= 32 && furthest > start {
            return Ok(i64::try_from(furthest).ok());
        }
        let gap = ((furthest - start) as f64 / (near.len() - 1) as f64).max(1.0 / wanted);
        let mut step = (gap * wanted).ceil().max(1.0);
        for _ in 0..CORRECTIONS {
            let reach = start + whole(step).min(last - start + 1);
            let expected = self.expected(session, start, reach).await?;
            if expected > 1.5 * wanted && step > 1.0 {
                step = (step * (wanted / expected).max(0.05)).ceil().max(1.0);
            } else if expected < 0.6 * wanted && reach <= last {
                step *= (wanted / expected.max(1.0)).clamp(1.5, 4.0);
            } else {
                break;
            }
        }
        let cut = start + whole(step).max(1);
        if cut > last {
            return Ok(None);
        }
        let Ok(cut) = i64::try_from(cut) else {
            return Ok(None);
        };
        Ok(self.keys(session, cut, 1).await?.first().copied())
    }

    /// How many records lie in a stretch, by looks into it.
    async fn expected(
        &self,
        session: &mut Session<'_>,
        start: i128,
        end: i128,
    ) -> Result<f64, Failure> {
        let looks = LOOKS.min(end - start).max(1);
        let mut records = 0.0;
        for look in 0..looks {
            let low = start + (end - start) * look / looks;
            let high = start + (end - start) * (look + 1) / looks;
            let Ok(key) = i64::try_from(low) else {
                break;
            };
            let keys = self.keys(session, key, KEYS).await?;
            let within: Vec<i128> = keys
                .iter()
                .map(|key| i128::from(*key))
                .filter(|key| *key < high)
                .collect();
            let (Some(nearest), Some(furthest)) = (within.first(), within.last()) else {
                continue;
            };
            records += if within.len() < keys.len() || (keys.len() as u64) < KEYS {
                within.len() as f64
            } else {
                // As dense to the end of the stretch as at its beginning.
                let gap = (furthest - nearest) as f64 / (within.len() - 1) as f64;
                (high - nearest) as f64 / gap.max(1.0 / KEYS as f64)
            };
        }
        Ok(records)
    }

    /// The next integer keys from one on. Other kinds of values come after all of them, or, real numbers, are passed over.
    async fn keys(
        &self,
        session: &mut Session<'_>,
        from: i64,
        count: u64,
    ) -> Result<Vec<i64>, Failure> {
        let from = [Value::Integer(from)];
        let column = self.along.list();
        let sql = format!(
            "select {column} from {} q where {} order by {column} limit {count}",
            self.details.relation,
            self.along.bound(">=", &from),
        );
        let rows = session.values(&sql, &from).await?;
        Ok(rows
            .into_iter()
            .filter_map(|row| match row.first() {
                Some(Some(Value::Integer(key))) => Some(*key),
                _ => None,
            })
            .collect())
    }

    async fn last(&self, session: &mut Session<'_>) -> Result<Option<i64>, Failure> {
        let column = self.along.list();
        let to = [Value::Integer(i64::MAX)];
        let sql = format!(
            "select {column} from {} q where {} order by {column} desc limit 1",
            self.details.relation,
            self.along.bound("<=", &to),
        );
        let rows = session.values(&sql, &to).await?;
        Ok(match rows.first().and_then(|row| row.first()) {
            Some(Some(Value::Integer(key))) => Some(*key),
            _ => None,
        })
    }
}

/// A distance as a whole number; one that is too far stays far.
fn whole(step: f64) -> i128 {
    step as i128
}

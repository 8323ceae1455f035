//! Cuts along `chunk_by`: where the records of a parent begin, and within one parent only where it has more of them than a slice holds.

use model::Failure;

use super::{Point, candidates};

/// A sampled record before which is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Its place in the sample.
    pub(crate) row: usize,
    /// Or else before all records of its parent.
    pub(crate) within: bool,
}

/// Cuts so that about `wanted` records lie between two. `parents` are the numbers of the sampled records' parents, in order; each sampled record stands
/// for `each` records.
pub(crate) fn at_parents(parents: &[i64], each: f64, wanted: f64) -> Vec<Cut> {
    let mut points: Vec<Point<usize>> = vec![];
    for (row, parent) in parents.iter().enumerate() {
        match points.last_mut() {
            Some(point) if parents[point.key] == *parent => point.at += each,
            _ => points.push(Point {
                key: row,
                before: 0.0,
                at: each,
            }),
        }
    }
    let begins = candidates(&points, wanted, |_, _, _| vec![]);
    let mut cuts: Vec<Cut> = begins
        .into_iter()
        .map(|row| Cut { row, within: false })
        .collect();
    for point in points.iter().filter(|point| point.at > 1.5 * wanted) {
        let rows = (point.at / each).round() as usize;
        let parts = ((point.at / wanted).ceil() as usize).min(rows);
        cuts.extend((1..parts).map(|part| Cut {
            row: point.key + rows * part / parts,
            within: true,
        }));
    }
    cuts.sort_by_key(|cut| cut.row);
    cuts
}

/// A slice that proved too big, as the database is asked for cuts in it. A cut lies above the first record, so that both of its sides hold something.
pub(crate) struct Crowded<'a> {
    /// What stands after `from`, with the alias `q`, and the slice's condition.
    pub(crate) relation: &'a str,
    pub(crate) condition: &'a str,
    /// The columns that it is ordered by, of `q`; the first of them are those of `chunk_by`.
    pub(crate) columns: &'a [String],
    pub(crate) parents: usize,
}

impl Crowded<'_> {
    /// Queries for cuts, of which the first that finds some counts: all of about `part` records, or else a single one. `shown` is what a value is selected as.
    pub(crate) fn queries(&self, part: usize, shown: impl Fn(&str) -> String) -> [String; 2] {
        match self.parents {
            0 => {
                let all = format!("r.place % {part} = 0 and r.above > 1");
                [
                    self.keys(&all, "", &shown),
                    self.keys("r.above > 1", "limit 1", &shown),
                ]
            }
            _ => [self.cuts(part, &shown), self.last(&shown)],
        }
    }

    /// A query for distinct keys in order, chosen by their place and by how many lie before them.
    fn keys(&self, chosen: &str, limit: &str, shown: impl Fn(&str) -> String) -> String {
        // With the alias, or `order by` would take what is shown.
        let names: Vec<String> = (0..self.columns.len()).map(|n| format!("r.k{n}")).collect();
        let values: Vec<String> = names.iter().map(|name| shown(name)).collect();
        format!(
            "select {values} from (select {named}, row_number() over w as place, rank() over w as above \
             from {relation} q {condition} window w as (order by {columns})) r \
             where {chosen} group by {names} order by {names} {limit}",
            values = values.join(","),
            named = self.named(),
            relation = self.relation,
            condition = self.condition,
            columns = self.columns.join(","),
            names = names.join(","),
        )
    }

    /// A query for cuts of about `part` records, in order: the values of `chunk_by` where a parent begins, and those of the key where a parent has more
    /// records than a part; null otherwise. Of each part's length the first parent that begins in it is chosen.
    fn cuts(&self, part: usize, shown: impl Fn(&str) -> String) -> String {
        format!(
            "select {values} from (select r.*, row_number() over (partition by r.place / {part} order by {BEGINS_FIRST}, r.place) as nth \
             from ({places}) r where r.above > 1 and r.place >= {part} and (r.place - r.begins) % {part} = 0) r \
             where r.nth = 1 order by r.place",
            values = self.values(shown),
            places = self.places(),
        )
    }

    /// A query for a single cut: where the last parent begins, or else the last key.
    fn last(&self, shown: impl Fn(&str) -> String) -> String {
        format!(
            "select {} from ({}) r where r.above > 1 order by {BEGINS_FIRST}, r.place desc limit 1",
            self.values(shown),
            self.places()
        )
    }

    fn values(&self, shown: impl Fn(&str) -> String) -> String {
        let values: Vec<String> = (0..self.columns.len())
            .map(|n| match n < self.parents {
                true => shown(&format!("r.k{n}")),
                false => shown(&format!("(case when r.place <> r.begins then r.k{n} end)")),
            })
            .collect();
        values.join(",")
    }

    /// `q."a" as k0` for each column.
    fn named(&self) -> String {
        let named: Vec<String> = self
            .columns
            .iter()
            .enumerate()
            .map(|(n, column)| format!("{column} as k{n}"))
            .collect();
        named.join(",")
    }

    /// Every record's place, the place of the first that has its key, and of the first of its parent.
    fn places(&self) -> String {
        format!(
            "select {named}, row_number() over w as place, rank() over w as above, rank() over p as begins \
             from {relation} q {condition} window w as (order by {columns}), p as (order by {parents})",
            named = self.named(),
            relation = self.relation,
            condition = self.condition,
            columns = self.columns.join(","),
            parents = self.columns[..self.parents].join(","),
        )
    }
}

/// The bounds in rows of key values: whole keys, or those of `chunk_by` with nulls behind them.
pub(crate) fn bounds<K: PartialEq>(
    rows: Vec<Vec<Option<K>>>,
    parents: usize,
) -> Result<Vec<Vec<K>>, Failure> {
    let rows = rows.into_iter().map(|mut row| {
        if parents > 0 && row[parents..].iter().all(Option::is_none) {
            row.truncate(parents);
        }
        row
    });
    let mut bounds = whole_keys(rows.collect())?;
    bounds.dedup();
    Ok(bounds)
}

/// Keys, no part of them null.
pub(crate) fn whole_keys<K>(rows: Vec<Vec<Option<K>>>) -> Result<Vec<Vec<K>>, Failure> {
    rows.into_iter()
        .map(|row| {
            row.into_iter()
                .collect::<Option<Vec<_>>>()
                .ok_or_else(|| Failure::bug("a null where a key was asked for"))
        })
        .collect()
}

const BEGINS_FIRST: &str = "case when r.place = r.begins then 0 else 1 end";

#[cfg(test)]
mod tests {
    use super::*;

    fn cuts(children: &[usize], wanted: f64) -> Vec<(usize, bool)> {
        let parents: Vec<i64> = (0i64..)
            .zip(children)
            .flat_map(|(parent, children)| std::iter::repeat_n(parent, *children))
            .collect();
        at_parents(&parents, 10.0, wanted)
            .iter()
            .map(|cut| (cut.row, cut.within))
            .collect()
    }

    #[test]
    fn small_parents_are_joined_and_never_cut() {
        assert_eq!(cuts(&[2, 2, 2, 2, 2, 2], 40.0), [(4, false), (8, false)]);
        assert_eq!(cuts(&[5, 5], 40.0), [(5, false)]);
        assert!(cuts(&[], 40.0).is_empty());
    }

    #[test]
    fn a_large_parent_stands_alone_and_is_cut_within() {
        assert_eq!(
            cuts(&[1, 12, 1, 1], 40.0),
            [(1, false), (5, true), (9, true), (13, false)]
        );
        assert_eq!(cuts(&[12], 40.0), [(4, true), (8, true)]);
    }
}

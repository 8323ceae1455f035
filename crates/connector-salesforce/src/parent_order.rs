//! Puts the rows of a job in the order of their parents. An org locks a parent while children of it are written: neighbours in one batch lock it once,
//! children scattered over batches that run side by side fight for it.

use std::hash::{BuildHasher as _, RandomState};
use std::io::Read;

use bytes::{Buf as _, Bytes};
use connector::{JobBody, LoadPlan};
use csv::ByteRecord;
use model::Failure;

use crate::columns::{Column, Fills, columns};
use crate::csv_encode::NULL;

/// Parents of a row that count for the order. More would cost memory for each row and hardly change it.
const MOST: usize = 3;
/// Records of these objects are not locked for those that refer to them.
const UNLOCKED: [&str; 3] = ["User", "Group", "RecordType"];

/// A kind of parent that the rows have.
struct Parent<'a> {
    field: &'a str,
    owned: bool,
    /// The columns that name it; several where it may be of several objects.
    columns: Vec<usize>,
}

/// The rows of a body, children of one parent behind one another.
///
/// Of several parents a master comes before a lookup, and of these the one first whose records have the most children in this job. Which parent comes
/// before which differs from job to job: jobs that share parents, side by side, would otherwise come to each at the same time.
/// In memory are some numbers for each row, never the rows.
pub(crate) fn ordered(plan: &LoadPlan, body: &JobBody) -> Result<JobBody, Failure> {
    let columns = columns(plan)?;
    let parents = parents(plan, &columns);
    if parents.is_empty() {
        return Ok(body.clone());
    }
    let (ends, hashes) = read(plan, body, &parents)?;
    let mut places: Vec<usize> = (0..parents.len()).collect();
    let children: Vec<f64> = places.iter().map(|p| children(&hashes, *p)).collect();
    places.sort_by(|a, b| {
        let owned = |place: usize| parents[place].owned;
        let by_children = children[*b].total_cmp(&children[*a]);
        owned(*b).cmp(&owned(*a)).then(by_children)
    });
    let mut rows: Vec<u32> = (0u32..).take(ends.len()).collect();
    // Stable, so that rows without parents stay as they came.
    rows.sort_by_key(|row| {
        let mut key = [0; MOST];
        for (key, place) in key.iter_mut().zip(&places) {
            *key = hashes[*row as usize][*place];
        }
        key
    });
    tracing::debug!(
        object = plan.object,
        by = places.first().map(|place| parents[*place].field),
        rows = rows.len(),
        "in the order of parents"
    );
    let range = |row: &u32| {
        let row = *row as usize;
        let start = row.checked_sub(1).map_or(0, |before| ends[before]);
        start..ends[row]
    };
    Ok(body.rearranged(rows.iter().map(range)))
}

/// The parents that the columns name, masters first, no more than count.
fn parents<'a>(plan: &'a LoadPlan, columns: &[Column<'a>]) -> Vec<Parent<'a>> {
    let mut parents: Vec<Parent<'a>> = Vec::new();
    for (place, column) in columns.iter().enumerate() {
        let relation = match &column.fills {
            Fills::Lookup { relation, .. } => Some(*relation),
            Fills::Field(field) => {
                let mut relations = plan.target.relations.iter();
                relations.find(|relation| relation.field == field.name)
            }
        };
        let Some(relation) = relation else {
            continue;
        };
        if relation.to.iter().all(|to| UNLOCKED.contains(&to.as_str())) {
            continue;
        }
        match parents.iter_mut().find(|p| p.field == relation.field) {
            Some(parent) => parent.columns.push(place),
            None => parents.push(Parent {
                field: &relation.field,
                owned: relation.owned,
                columns: vec![place],
            }),
        }
    }
    parents.sort_by_key(|parent| !parent.owned);
    parents.truncate(MOST);
    parents
}

/// Where each row ends, and a number for each of its parents; 0 for none.
type Index = (Vec<u64>, Vec<[u32; MOST]>);

fn read(plan: &LoadPlan, body: &JobBody, parents: &[Parent<'_>]) -> Result<Index, Failure> {
    let unreadable = |error: csv::Error| {
        Failure::bug(format!("the job's own rows can't be read: {error}")).object(&plan.object)
    };
    let hasher = RandomState::new();
    let (mut ends, mut hashes) = (Vec::new(), Vec::new());
    let mut rows = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(Pieces {
            pieces: body.pieces(),
            piece: Bytes::new(),
        });
    let mut row = ByteRecord::new();
    while rows.read_byte_record(&mut row).map_err(unreadable)? {
        let mut numbers = [0; MOST];
        for (number, parent) in numbers.iter_mut().zip(parents) {
            let named = |column: &&usize| {
                let cell = row.get(**column).unwrap_or_default();
                !cell.is_empty() && cell != NULL.as_bytes()
            };
            if let Some(column) = parent.columns.iter().find(named) {
                // The low half is as good as the whole; two parents with one number only share a place.
                *number = (hasher.hash_one((column, row.get(*column))) as u32).max(1);
            }
        }
        ends.push(rows.position().byte());
        hashes.push(numbers);
    }
    Ok((ends, hashes))
}

/// How many rows name the same parent, on average.
fn children(hashes: &[[u32; MOST]], place: usize) -> f64 {
    let named = hashes.iter().map(|numbers| numbers[place]);
    let mut named: Vec<u32> = named.filter(|number| *number != 0).collect();
    let rows = named.len();
    named.sort_unstable();
    named.dedup();
    rows as f64 / named.len().max(1) as f64
}

/// A body as something to be read from.
struct Pieces<I> {
    pieces: I,
    piece: Bytes,
}

impl<I: Iterator<Item = std::io::Result<Bytes>>> Read for Pieces<I> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.next() {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let length = into.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut into[..length]);
        Ok(length)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use model::migration::Operation;

    use super::*;
    use crate::testing::plan;

    fn lines(plan: &LoadPlan, parts: &[String]) -> Vec<String> {
        let parts: Vec<_> = parts.iter().cloned().map(Bytes::from).collect();
        let body = ordered(plan, &JobBody::of(&parts).unwrap()).unwrap();
        let bytes: Vec<u8> = body.pieces().flat_map(|p| p.unwrap().to_vec()).collect();
        let text = String::from_utf8(bytes).unwrap();
        text.split_inclusive("\"\n").map(str::to_owned).collect()
    }

    /// How often the value changes from one line to the next.
    fn changes(lines: &[String], cell: usize) -> usize {
        let value = |line: &String| line.split(',').nth(cell).unwrap().to_owned();
        lines
            .windows(2)
            .filter(|two| value(&two[0]) != value(&two[1]))
            .count()
    }

    #[test]
    fn children_of_one_parent_become_neighbours_over_all_chunks() {
        let fields = ["External_Id__c", "Account.External_Id__c", "LastName"];
        let plan = plan(Operation::Insert, "External_Id__c", &fields);
        let part = |from: usize| -> String {
            (from..from + 300)
                .map(|n| format!("K{n},A{},\"a \"\"line\n\"\"{n}\"\n", n % 10))
                .collect()
        };
        let parts = [part(0), part(300)];
        let found = lines(&plan, &parts);
        assert_eq!(changes(&found, 1), 9, "each parent once");
        let mut sent: Vec<_> = parts
            .iter()
            .flat_map(|part| part.split_inclusive("\"\n"))
            .map(str::to_owned)
            .collect();
        let mut sorted = found;
        sent.sort();
        sorted.sort();
        assert_eq!(sorted, sent, "the same rows, each once");
    }

    #[test]
    fn the_parent_with_the_most_children_comes_first_and_a_master_before_it() {
        let fields = [
            "External_Id__c",
            "AccountId",
            "Contact:Who.External_Id__c",
            "Lead:Who.External_Id__c",
            "LastName",
        ];
        let mut plan = plan(Operation::Insert, "External_Id__c", &fields);
        let rows: String = (0..600)
            .map(|n| {
                let (account, who) = (n % 100, n % 6);
                let who = if who < 3 {
                    format!("W{who},#N/A")
                } else {
                    format!("#N/A,W{who}")
                };
                format!("K{n},A{account},{who},\"n\"\n")
            })
            .collect();
        let found = lines(&plan, std::slice::from_ref(&rows));
        // A hundred accounts, six others in two columns.
        let others = changes(&found, 2) + changes(&found, 3);
        assert!(others <= 10, "{others}");
        let account = plan.target.relations.iter_mut();
        account
            .filter(|relation| relation.field == "AccountId")
            .for_each(|relation| relation.owned = true);
        assert_eq!(changes(&lines(&plan, &[rows]), 1), 99);
    }

    #[test]
    fn rows_without_parents_and_objects_without_lookups_stay_as_they_are() {
        let fields = ["External_Id__c", "Account.External_Id__c", "LastName"];
        let with = plan(Operation::Insert, "External_Id__c", &fields);
        let rows: String = (0..50)
            .map(|n| format!("K{n},{},\"n\"\n", if n % 2 == 0 { "" } else { NULL }))
            .collect();
        assert_eq!(lines(&with, std::slice::from_ref(&rows)).concat(), rows);
        let without = plan(Operation::Insert, "External_Id__c", &["External_Id__c"]);
        assert_eq!(lines(&without, std::slice::from_ref(&rows)).concat(), rows);
    }
}

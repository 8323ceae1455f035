//! A chunk after the loader: what became of each of its records.
//! An SQL target stores the encoded outcome in the transaction that wrote the records, so that a later attempt can say the same again.

use std::collections::HashSet;

use model::{Books, Failure, Fate};
use serde::{Deserialize, Serialize};

use crate::wire::{decode_batch, encode_batch, join_parts, split_parts, unreadable};
use crate::{Change, Journey, Ledger, Refusal};

#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub journey: Journey,
    /// The bulk job that carried the chunk, in the target's words.
    pub job: Option<String>,
    /// A row for every extracted record.
    pub ledger: Ledger,
    /// The reasons of those rejected, failed or skipped.
    pub refusals: Vec<Refusal>,
    /// Values that were changed, before they were sent or to be sent again, whatever became of their records.
    pub changes: Vec<Change>,
    /// Records that were made in the transaction that wrote the chunk, because children in it miss them.
    pub placeholders: Vec<PlaceholderMade>,
}

/// A record that was made in the place of one that is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceholderMade {
    /// The migration's object whose record it stands for.
    pub parent: String,
    /// The target's object.
    pub to: String,
    /// The key by which the target finds it.
    pub key: String,
    pub id: Option<String>,
    /// The source key of a child that asked for it.
    pub child: String,
}

#[derive(Serialize, Deserialize)]
struct Head {
    journey: Journey,
    job: Option<String>,
    refusals: Vec<Refusal>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    changes: Vec<Change>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    placeholders: Vec<PlaceholderMade>,
}

impl Outcome {
    /// The outcome of a chunk whose records were refused already: the target adds its own.
    pub fn of_refused(journey: Journey, refusals: Vec<Refusal>, changes: Vec<Change>) -> Self {
        let mut ledger = Ledger::default();
        for refusal in &refusals {
            ledger.push_refused(refusal, None);
        }
        Self {
            journey,
            job: None,
            ledger,
            refusals,
            changes,
            placeholders: Vec::new(),
        }
    }

    /// Records that one more record was refused.
    pub fn refuse(&mut self, refusal: Refusal, checksum: Option<crate::Checksum>) {
        self.ledger.push_refused(&refusal, checksum);
        self.refusals.push(refusal);
    }

    /// The changed values that the target holds now: those of records that it took.
    pub fn changes_made(&self) -> impl Iterator<Item = &Change> {
        let taken: HashSet<&str> = match self.changes.is_empty() {
            true => HashSet::new(),
            false => self
                .ledger
                .rows
                .iter()
                .filter(|row| matches!(row.fate, Fate::Created | Fate::Updated | Fate::Unchanged))
                .map(|row| row.key.as_str())
                .collect(),
        };
        self.changes
            .iter()
            .filter(move |change| taken.contains(change.key.as_str()))
    }

    pub fn books(&self) -> Books {
        self.ledger.books(self.journey.extracted)
    }

    pub fn encode(&self) -> Result<Vec<u8>, Failure> {
        let head = serde_json::to_vec(&Head {
            journey: self.journey.clone(),
            job: self.job.clone(),
            refusals: self.refusals.clone(),
            changes: self.changes.clone(),
            placeholders: self.placeholders.clone(),
        })
        .map_err(|error| Failure::bug(format!("an outcome does not encode: {error}")))?;
        Ok(join_parts(&[
            &head,
            &encode_batch(&self.ledger.to_batch()?)?,
        ]))
    }

    pub fn decode(body: &[u8]) -> Result<Self, Failure> {
        let [head, ledger] = split_parts(body)?;
        let Head {
            journey,
            job,
            refusals,
            changes,
            placeholders,
        } = serde_json::from_slice(head).map_err(|error| unreadable(&error.to_string()))?;
        Ok(Self {
            journey,
            job,
            ledger: Ledger::from_batch(&decode_batch(ledger)?)?,
            refusals,
            changes,
            placeholders,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Checksum;

    #[test]
    fn an_outcome_comes_back_as_it_was() {
        let journey = Journey {
            pass: model::Pass::Records,
            ancestors: vec![],
            started_at: chrono::DateTime::from_timestamp(1, 0).unwrap(),
            read_epoch: "10:10:".into(),
            extracted: 3,
            transformed: 2,
            bytes: 99,
            source_checksum: "1:0".into(),
            file: None,
        };
        let rejected = Refusal::rejected(
            "7",
            Failure::reject("too_long", "x").field("Name"),
            serde_json::Map::new(),
        );
        let changes = vec![
            Change::new("8", "Name", "too_long", Some(&"é".repeat(501))),
            Change::new("10", "Name", "required_field_missing", None),
        ];
        let mut outcome = Outcome::of_refused(journey, vec![rejected], changes);
        outcome.ledger.push(
            "8",
            Some("001".into()),
            Fate::Created,
            Some(Checksum(u128::MAX)),
        );
        assert!(!outcome.books().balanced());
        outcome.ledger.push("9", None, Fate::Updated, None);
        assert!(outcome.books().balanced());
        let made: Vec<_> = outcome.changes_made().collect();
        assert_eq!(
            made,
            [&outcome.changes[0]],
            "of the record that the target took"
        );
        assert_eq!(made[0].was, Some(format!("{}…", "é".repeat(500))));
        assert_eq!(
            Outcome::decode(&outcome.encode().unwrap()).unwrap(),
            outcome
        );
    }
}

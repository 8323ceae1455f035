//! A chunk after the loader: what became of each of its records.
//! An SQL target stores the encoded outcome in the transaction that wrote the records, so that a later attempt can say the same again.

use model::{Books, Failure};
use serde::{Deserialize, Serialize};

use crate::wire::{decode_batch, encode_batch, join_parts, split_parts, unreadable};
use crate::{Journey, Ledger, Refusal};

#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub journey: Journey,
    /// The bulk job that carried the chunk, in the target's words.
    pub job: Option<String>,
    /// A row for every extracted record.
    pub ledger: Ledger,
    /// The reasons of those rejected, failed or skipped.
    pub refusals: Vec<Refusal>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    journey: Journey,
    job: Option<String>,
    refusals: Vec<Refusal>,
}

impl Outcome {
    /// The outcome of a chunk whose records were refused already: the target adds its own.
    pub fn of_refused(journey: Journey, refusals: Vec<Refusal>) -> Self {
        let mut ledger = Ledger::default();
        for refusal in &refusals {
            ledger.push(refusal.key.clone(), None, refusal.fate, None);
        }
        Self {
            journey,
            job: None,
            ledger,
            refusals,
        }
    }

    /// Records that one more record was refused.
    pub fn refuse(&mut self, refusal: Refusal, checksum: Option<crate::Checksum>) {
        self.ledger
            .push(refusal.key.clone(), None, refusal.fate, checksum);
        self.refusals.push(refusal);
    }

    pub fn books(&self) -> Books {
        self.ledger.books(self.journey.extracted)
    }

    pub fn encode(&self) -> Result<Vec<u8>, Failure> {
        let head = serde_json::to_vec(&Head {
            journey: self.journey.clone(),
            job: self.job.clone(),
            refusals: self.refusals.clone(),
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
        } = serde_json::from_slice(head).map_err(|error| unreadable(&error.to_string()))?;
        Ok(Self {
            journey,
            job,
            ledger: Ledger::from_batch(&decode_batch(ledger)?)?,
            refusals,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use model::Fate;

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
        let mut outcome = Outcome::of_refused(journey, vec![rejected]);
        outcome.ledger.push(
            "8",
            Some("001".into()),
            Fate::Created,
            Some(Checksum(u128::MAX)),
        );
        assert!(!outcome.books().balanced());
        outcome.ledger.push("9", None, Fate::Updated, None);
        assert!(outcome.books().balanced());
        assert_eq!(
            Outcome::decode(&outcome.encode().unwrap()).unwrap(),
            outcome
        );
    }
}

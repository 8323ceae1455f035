//! One outcome, recorded: books, failed records, changed values and ledger, in one transaction.

use async_trait::async_trait;
use control::{Audited, KeyRow, PickedKey};
use model::{Books, Envelope, Failure, Fate, Kind, Report};
use queue::Queue;
use record::{KeyHashes, Outcome, Picks, pick_hash};
use service::{Handler, Line, Next};

use crate::entry;

pub(crate) struct Auditor {
    pub(crate) line: Line,
}

#[async_trait]
impl Handler for Auditor {
    async fn handle(&self, envelope: &Envelope) -> Result<Vec<Next>, Failure> {
        let report = match envelope.kind {
            Kind::Keys => self.keys(envelope).await?,
            Kind::Picked => self.picks(envelope).await?,
            _ => self.outcome(envelope).await?,
        };
        let report = Envelope::json(
            Kind::Report,
            envelope.chunk.clone(),
            envelope.attempt,
            &report,
        )?;
        Ok(vec![(Queue::Reports, report)])
    }
}

impl Auditor {
    async fn outcome(&self, envelope: &Envelope) -> Result<Report, Failure> {
        let outcome = Outcome::decode(&envelope.body)?;
        let books = outcome.books();
        if !books.balanced() {
            unbalanced(envelope, &books);
        }
        let run = self.line.catalog.run(&envelope.chunk.run).await?;
        let object = run.object(&envelope.chunk.object)?;
        let mut entry = entry::of(envelope, &outcome, &self.line.instance);
        entry.ids = entry::ids(&run, object, &outcome);
        entry.placeholders = entry::placeholders(object, &outcome);
        entry.arrived = entry::arrived(&run, object, &outcome);
        let failed = entry::failed_records(&outcome);
        let ledger = entry::ledger(&outcome)?;
        let audited = self
            .line
            .control
            .audit(&entry, &failed, Some(&ledger))
            .await?;
        self.note_moved(envelope, &outcome).await?;
        Ok(Report::Audited {
            // What was recorded first stands.
            books: match audited {
                Audited::Recorded => books,
                Audited::Already { books } => books,
            },
        })
    }

    /// What a sample has moved, the run that follows on it leaves out.
    async fn note_moved(&self, envelope: &Envelope, outcome: &Outcome) -> Result<(), Failure> {
        let run = self.line.catalog.run(&envelope.chunk.run).await?;
        if run.scope.is_none() || !run.kind.writes() {
            return Ok(());
        }
        let (migration, object) = (&run.migration.migration, &envelope.chunk.object);
        let is_moved = |fate| {
            matches!(
                fate,
                Fate::Created | Fate::Updated | Fate::Unchanged | Fate::Deleted
            )
        };
        let rows = outcome.ledger.rows.iter();
        let moved: Vec<[u8; 16]> = rows
            .filter(|row| is_moved(row.fate))
            .map(|row| pick_hash(migration, object, &row.key).to_be_bytes())
            .collect();
        self.line
            .control
            .note_moved(&envelope.chunk, &moved)
            .await?;
        Ok(())
    }

    async fn picks(&self, envelope: &Envelope) -> Result<Report, Failure> {
        let picks = Picks::decode(&envelope.body)?;
        let run = self.line.catalog.run(&envelope.chunk.run).await?;
        let migration = &run.migration.migration;
        let picked: Vec<PickedKey> = picks
            .picks
            .into_iter()
            .map(|pick| PickedKey {
                hash: pick_hash(migration, &pick.object, &pick.key).to_be_bytes(),
                object: pick.object,
                key: pick.key,
                wanted: pick.wanted,
            })
            .collect();
        self.line.control.pick(&run.id, &picked).await?;
        let pass = self.line.control.chunk(&envelope.chunk).await?.pass;
        Ok(Report::PicksAudited { pass })
    }

    async fn keys(&self, envelope: &Envelope) -> Result<Report, Failure> {
        let hashes = KeyHashes::decode(&envelope.body)?;
        let rows: Vec<_> = (0i64..)
            .zip(hashes.keys)
            .map(|(position, key)| KeyRow {
                hash: key.hash.to_be_bytes(),
                source_key: key.source_key,
                rank: key.rank,
                position,
            })
            .collect();
        self.line.control.store_keys(&envelope.chunk, &rows).await?;
        Ok(Report::KeysAudited {
            records: rows.len() as u64,
        })
    }
}

/// It is recorded all the same, as it is: the run says where its books do not balance and does not call itself complete.
fn unbalanced(envelope: &Envelope, books: &Books) {
    tracing::error!(
        chunk = %envelope.chunk,
        extracted = books.extracted,
        settled = books.settled(),
        "the books of a chunk do not balance"
    );
}

//! One outcome, recorded: books, failed records, changed values and ledger, in one transaction.

use async_trait::async_trait;
use control::{Audited, KeyRow};
use model::{Books, Envelope, Failure, Kind, Report};
use queue::Queue;
use record::{KeyHashes, Outcome};
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
        Ok(Report::Audited {
            // What was recorded first stands.
            books: match audited {
                Audited::Recorded => books,
                Audited::Already { books } => books,
            },
        })
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

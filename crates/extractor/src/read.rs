//! One chunk: its slice read, its records sent to the transformer.

use arrow::array::RecordBatch;
use async_trait::async_trait;
use chrono::Utc;
use connector::Read;
use connectors::Connections;
use model::migration::OnDuplicateKey;
use model::{ChunkCommand, Envelope, Failure, Kind, Pass, Report};
use queue::Queue;
use record::{Journey, Payload, checksums, total};
use service::{Handler, Line, Next};

use crate::{moved_before, pick, rivals};

pub(crate) struct Extractor {
    pub(crate) line: Line,
    pub(crate) connections: Connections,
}

#[async_trait]
impl Handler for Extractor {
    async fn handle(&self, envelope: &Envelope) -> Result<Vec<Next>, Failure> {
        let started_at = Utc::now();
        let command: ChunkCommand = envelope.read_json()?;
        let run = self.line.catalog.run(&envelope.chunk.run).await?;
        let pinned = run.object(&envelope.chunk.object)?;
        let object = &pinned.source;
        let source = self.connections.source(&run.migration).await?;
        let budget = self.line.settings.chunks.bytes;
        let (records, rejected, epoch) = match source.read(object, &command.slice, budget).await? {
            Read::Whole {
                records,
                rejected,
                epoch,
            } => (records, rejected, epoch),
            Read::TooBig(slices) => return Ok(vec![split(envelope, slices)?]),
        };
        if command.pass == Pass::Pick {
            let sample = run
                .sample_of(&envelope.chunk.object)
                .ok_or_else(|| Failure::bug("a run without a sample has nothing to pick"))?;
            let migration = &run.migration.migration;
            let picks = pick::picks(migration, object, sample, &records, &rejected)?;
            let (chunk, attempt) = (envelope.chunk.clone(), envelope.attempt);
            let picked = Envelope::new(Kind::Picked, chunk, attempt, picks.encode()?);
            return Ok(vec![(Queue::Audit, picked)]);
        }
        let records = match &run.follows {
            Some(sample) if command.pass == Pass::Records => {
                let (control, migration) = (&self.line.control, &run.migration.migration);
                moved_before::left_out(control, migration, sample, object, records).await?
            }
            _ => records,
        };
        let records = match command.pass {
            Pass::Keys => only(&pinned.key_pass_columns, records)?,
            Pass::Records | Pass::Pick | Pass::Parents => records,
        };
        let mut rivals = None;
        let merges = run
            .migration
            .object(&envelope.chunk.object)
            .is_some_and(|object| object.on_duplicate_key == OnDuplicateKey::Merge);
        if merges && command.pass == Pass::Records {
            let control = &self.line.control;
            rivals =
                rivals::of(control, source.as_ref(), object, &envelope.chunk, &records).await?;
        }
        let payload = Payload {
            journey: Journey {
                pass: command.pass,
                ancestors: command.ancestors,
                started_at,
                read_epoch: epoch,
                extracted: (records.num_rows() + rejected.len()) as u64,
                transformed: 0,
                bytes: records.get_array_memory_size() as u64,
                source_checksum: checksum(command.pass, &records)?,
                file: None,
            },
            records,
            rivals,
            refusals: rejected,
            changes: vec![],
        };
        let body = payload.encode()?;
        let extracted = Envelope::new(
            Kind::Extracted,
            envelope.chunk.clone(),
            envelope.attempt,
            body,
        );
        Ok(vec![(Queue::Transform, extracted)])
    }
}

/// Some of the columns, or all where none is named.
fn only(names: &[String], records: RecordBatch) -> Result<RecordBatch, Failure> {
    if names.is_empty() {
        return Ok(records);
    }
    let places: Result<Vec<usize>, _> = names
        .iter()
        .map(|name| records.schema_ref().index_of(name))
        .collect();
    places
        .and_then(|places| records.project(&places))
        .map_err(|error| Failure::bug(format!("the pass over keys lacks a column: {error}")))
}

/// Of records that are moved; the other passes only look at them.
fn checksum(pass: Pass, records: &RecordBatch) -> Result<String, Failure> {
    Ok(match pass {
        Pass::Records => total(&checksums(records)?).to_string(),
        Pass::Keys | Pass::Pick | Pass::Parents => String::new(),
    })
}

fn split(envelope: &Envelope, slices: Vec<model::Slice>) -> Result<Next, Failure> {
    tracing::info!(parts = slices.len(), "too big: split");
    let report = Report::Split { slices };
    let report = Envelope::json(
        Kind::Report,
        envelope.chunk.clone(),
        envelope.attempt,
        &report,
    )?;
    Ok((Queue::Reports, report))
}

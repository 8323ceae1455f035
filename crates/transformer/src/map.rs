//! One chunk: its records mapped and sent to the loader, or its target keys to the auditor.

use std::sync::Arc;

use async_trait::async_trait;
use mapping::{Duplicates, ParentIds, ParentKeys};
use model::{Envelope, Failure, Kind, Pass};
use queue::Queue;
use record::{KeyHashes, Payload, Pick, Picks};
use service::{Handler, Line, Next};

use crate::duplicates;
use crate::mappers::{Mappers, Mapping};
use crate::not_moved;

pub(crate) struct Transformer {
    pub(crate) line: Line,
    pub(crate) mappers: Mappers,
}

#[async_trait]
impl Handler for Transformer {
    async fn handle(&self, envelope: &Envelope) -> Result<Vec<Next>, Failure> {
        let payload = Arc::new(Payload::decode(&envelope.body)?);
        let mapping = self.mappers.of(&envelope.chunk).await?;
        let next = match payload.journey.pass {
            Pass::Keys => {
                let keys = key_hashes(&mapping, &payload).await?;
                let keys = next(envelope, Kind::Keys, keys.encode()?);
                (Queue::Audit, keys)
            }
            Pass::Parents => {
                let (parents, payload) = (self.mappers.parents(&envelope.chunk).await?, payload);
                let found = aside(move || parents.of(&payload.records)).await?;
                let wanted = |(object, key)| Pick {
                    object,
                    key,
                    wanted: true,
                };
                let picks = found.into_iter().map(wanted).collect();
                let picks = Picks { picks }.encode()?;
                (Queue::Audit, next(envelope, Kind::Picked, picks))
            }
            Pass::Pick => {
                return Err(Failure::bug("a sample is picked before records are sent"));
            }
            Pass::Records => {
                let mut duplicates = Duplicates::none();
                if let Some(policy) = mapping.duplicates {
                    let keys = key_hashes(&mapping, &payload).await?;
                    let (control, chunk) = (&self.line.control, &envelope.chunk);
                    duplicates = duplicates::among(control, chunk, policy, &keys).await?;
                }
                let mut payload = payload;
                if let Some(first) = &mapping.second_pass_of {
                    payload = Arc::new(
                        not_moved::leave_out(
                            &self.line.control,
                            &envelope.chunk,
                            first,
                            &mapping,
                            &payload,
                        )
                        .await?,
                    );
                }
                let queue = mapping.load_queue.clone();
                let mut ids = ParentIds::default();
                let payload = merged(&mapping, payload, &duplicates).await?;
                if mapping.mapper.asks_for_ids() {
                    let keys = parent_keys(&mapping, &payload).await?;
                    ids = mapping.parents.ids(&self.line.control, keys).await?;
                }
                let mapped = aside(move || records(&mapping, &payload, &duplicates, &ids)).await?;
                (queue, next(envelope, Kind::Mapped, mapped.encode()?))
            }
        };
        Ok(vec![next])
    }
}

/// Expressions are work for a processor: other chunks' messages are not kept waiting by it.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Failure::bug("the mapping panicked; its log has the place"))?
}

async fn key_hashes(mapping: &Arc<Mapping>, payload: &Arc<Payload>) -> Result<KeyHashes, Failure> {
    let (mapping, payload) = (mapping.clone(), payload.clone());
    aside(move || mapping.mapper.key_hashes(&payload.records)).await
}

async fn parent_keys(
    mapping: &Arc<Mapping>,
    payload: &Arc<Payload>,
) -> Result<ParentKeys, Failure> {
    let (mapping, payload) = (mapping.clone(), payload.clone());
    aside(move || mapping.mapper.parent_keys(&payload.records)).await
}

/// The payload, its records filled up from their rivals where duplicates are merged.
async fn merged(
    mapping: &Arc<Mapping>,
    payload: Arc<Payload>,
    duplicates: &Duplicates,
) -> Result<Arc<Payload>, Failure> {
    if duplicates.is_empty() {
        return Ok(payload);
    }
    let (mapping, duplicates) = (mapping.clone(), duplicates.clone());
    aside(move || {
        let (records, rivals) = (&payload.records, payload.rivals.as_ref());
        let records = mapping.mapper.merge(records, rivals, &duplicates)?;
        Ok(Arc::new(Payload {
            records,
            ..Payload::clone(&payload)
        }))
    })
    .await
}

fn records(
    mapping: &Mapping,
    payload: &Payload,
    duplicates: &Duplicates,
    ids: &ParentIds,
) -> Result<Payload, Failure> {
    let mapped = mapping.mapper.apply(&payload.records, duplicates, ids)?;
    let mut journey = payload.journey.clone();
    journey.transformed = mapped.records.num_rows() as u64;
    let mut refusals = payload.refusals.clone();
    refusals.extend(mapped.refusals);
    Ok(Payload {
        journey,
        records: mapped.records,
        rivals: None,
        refusals,
        changes: mapped.changes,
    })
}

fn next(envelope: &Envelope, kind: Kind, body: Vec<u8>) -> Envelope {
    Envelope::new(kind, envelope.chunk.clone(), envelope.attempt, body)
}

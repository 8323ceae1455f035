//! One chunk: its records mapped and sent to the loader, or its target keys to the auditor.

use async_trait::async_trait;
use model::{Envelope, Failure, Kind, Pass};
use queue::Queue;
use record::Payload;
use service::{Handler, Next};

use crate::mappers::{Mappers, Mapping};

pub(crate) struct Transformer {
    pub(crate) mappers: Mappers,
}

#[async_trait]
impl Handler for Transformer {
    async fn handle(&self, envelope: &Envelope) -> Result<Vec<Next>, Failure> {
        let payload = Payload::decode(&envelope.body)?;
        let mapping = self.mappers.of(&envelope.chunk).await?;
        let envelope = envelope.clone();
        // Expressions are work for a processor: other chunks' messages are not kept waiting by it.
        tokio::task::spawn_blocking(move || match payload.journey.pass {
            Pass::Keys => keys(&mapping, &envelope, &payload),
            Pass::Records => records(&mapping, &envelope, payload),
        })
        .await
        .map_err(|_| Failure::bug("the mapping panicked; its log has the place"))?
        .map(|next| vec![next])
    }
}

fn keys(mapping: &Mapping, envelope: &Envelope, payload: &Payload) -> Result<Next, Failure> {
    let hashes = mapping.mapper.key_hashes(&payload.records)?;
    let keys = next(envelope, Kind::Keys, hashes.encode()?);
    Ok((Queue::Audit, keys))
}

fn records(mapping: &Mapping, envelope: &Envelope, payload: Payload) -> Result<Next, Failure> {
    let mapped = mapping
        .mapper
        .apply(&payload.records, &mapping.duplicates)?;
    let mut journey = payload.journey;
    journey.transformed = mapped.records.num_rows() as u64;
    let mut refusals = payload.refusals;
    refusals.extend(mapped.refusals);
    let payload = Payload {
        journey,
        records: mapped.records,
        refusals,
    };
    let mapped = next(envelope, Kind::Mapped, payload.encode()?);
    Ok((mapping.load_queue.clone(), mapped))
}

fn next(envelope: &Envelope, kind: Kind, body: Vec<u8>) -> Envelope {
    Envelope::new(kind, envelope.chunk.clone(), envelope.attempt, body)
}

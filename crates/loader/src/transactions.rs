//! One chunk in one transaction of its target.

use async_trait::async_trait;
use connector::{Claim, Loaded, Writing};
use connectors::Connections;
use model::{ChunkRef, Envelope, Failure, Kind, Report};
use queue::Queue;
use record::{Outcome, Payload};
use service::{Handler, Line, Next};

pub(crate) struct Loader {
    pub(crate) line: Line,
    pub(crate) connections: Connections,
}

#[async_trait]
impl Handler for Loader {
    async fn handle(&self, envelope: &Envelope) -> Result<Vec<Next>, Failure> {
        let chunk = &envelope.chunk;
        let payload = Payload::decode(&envelope.body)?;
        let run = self.line.catalog.run(&chunk.run).await?;
        let plan = &run.object(&chunk.object)?.plan;
        let target = self.connections.target(&run.migration).await?;
        let Writing::Transactions(transactions) = target.writing() else {
            return Err(Failure::bug("the target changed its way of writing"));
        };
        let claim = Claim {
            chunk: chunk.clone(),
            attempt: envelope.attempt,
            ancestors: payload.journey.ancestors.clone(),
        };
        let gate = self.line.kill_switch.gate(&chunk.run);
        match transactions.load(plan, &claim, payload, &gate).await? {
            Loaded::Written(outcome) => Ok(vec![outcome_of(envelope, chunk.clone(), &outcome)?]),
            Loaded::Replayed(outcome) => {
                tracing::info!("written before by another attempt: its outcome is told again");
                Ok(vec![outcome_of(envelope, chunk.clone(), &outcome)?])
            }
            Loaded::Covered { ancestor, outcome } => {
                tracing::info!(%ancestor, "written whole before it was split");
                let whole = ChunkRef {
                    chunk: ancestor,
                    ..chunk.clone()
                };
                let report = Report::Superseded { by: ancestor };
                let report =
                    Envelope::json(Kind::Report, chunk.clone(), envelope.attempt, &report)?;
                Ok(vec![
                    outcome_of(envelope, whole, &outcome)?,
                    (Queue::Reports, report),
                ])
            }
            Loaded::WasSplit => {
                tracing::info!("split meanwhile, and a part is written: nothing to do");
                Ok(Vec::new())
            }
        }
    }
}

fn outcome_of(envelope: &Envelope, chunk: ChunkRef, outcome: &Outcome) -> Result<Next, Failure> {
    let body = outcome.encode()?;
    let outcome = Envelope::new(Kind::Outcome, chunk, envelope.attempt, body);
    Ok((Queue::Audit, outcome))
}

//! Takes commands to reconcile, does the checks, stores the results.

use std::time::Duration;

use connectors::Connections;
use control::Reconciliation;
use model::{Envelope, Failure, Kind, ReconcileCommand, Report};
use queue::Queue;
use service::Line;

use crate::counts;

pub(crate) struct Reconciler {
    pub(crate) line: Line,
    pub(crate) connections: Connections,
}

impl Reconciler {
    /// Serves until the process ends. Objects are reconciled one after the other: the two ends are asked for much at a time.
    pub(crate) async fn serve(&self) -> Result<(), Failure> {
        let mut commands = self.line.broker.consume(&Queue::Reconcile, 1).await?;
        loop {
            let delivery = tokio::select! {
                () = self.line.ending.cancelled() => return Ok(()),
                delivery = commands.next() => delivery?,
            };
            let report = match self.reconcile(&delivery.envelope).await {
                Ok(passed) => Report::Reconciled { passed },
                Err(failure) => {
                    tracing::warn!(chunk = %delivery.envelope.chunk, %failure, "could not be read anew");
                    Report::NotReconciled { failure }
                }
            };
            let envelope = &delivery.envelope;
            let report = Envelope::json(
                Kind::Report,
                envelope.chunk.clone(),
                envelope.attempt,
                &report,
            )?;
            let said = self.line.broker.publish(&Queue::Reports, report).await;
            let answered = match said {
                Ok(()) => delivery.ack().await,
                Err(error) => {
                    tracing::warn!(%error, "a result could not be reported");
                    tokio::time::sleep(Duration::from_millis(500)).await;
                    delivery.requeue().await
                }
            };
            if let Err(error) = answered {
                tracing::debug!(%error, "the broker will deliver the command again");
            }
        }
    }

    async fn reconcile(&self, envelope: &Envelope) -> Result<bool, Failure> {
        let command: ReconcileCommand = envelope.read_json()?;
        let (run, object) = (&envelope.chunk.run, &envelope.chunk.object);
        let pinned = self.line.catalog.run(run).await?;
        let source = self.connections.source(&pinned.migration).await?;
        let target = self.connections.target(&pinned.migration).await?;
        let books = self.line.control.books(run).await?.into_iter().collect();
        let placeholders = self.line.control.placeholder_counts(run).await?;
        let moved_before = match &pinned.follows {
            Some(sample) => self.line.control.moved_count(sample, object).await?,
            None => 0,
        };
        let checks = counts::check(
            &pinned,
            object,
            &books,
            &placeholders,
            moved_before,
            source.as_ref(),
            target.as_ref(),
        )
        .await?;
        let results: Vec<_> = checks
            .into_iter()
            .map(|check| Reconciliation {
                run: run.clone(),
                object: object.clone(),
                level: command.level,
                check: check.name.to_owned(),
                scope: check.scope,
                source_value: Some(check.expected.to_string()),
                target_value: Some(check.found.to_string()),
                passed: check.passed,
                details: None,
                checked_at: None,
            })
            .collect();
        self.line.control.save_reconciliations(&results).await?;
        Ok(results.iter().all(|result| result.passed))
    }
}

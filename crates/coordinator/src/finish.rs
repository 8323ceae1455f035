//! The end of a run: both ends read anew, the books looked at, and a word for what came of it.

use std::collections::BTreeMap;
use std::time::Duration;

use control::{ChunkCounts, Reconciliation, Run};
use model::{Attempt, ChunkNumber, ChunkRef, Envelope, Failure, Kind, ReconcileCommand, RunStatus};
use queue::Queue;
use tokio::time::Instant;

use crate::leader::Reign;

/// A reconciliation that has not answered for this long is asked for again.
const PATIENCE: Duration = Duration::from_secs(60);
/// The level of the checks that every run makes.
const COUNTS: u8 = 1;

impl Reign {
    pub(crate) async fn begin_reconciling(&mut self, run: &Run) -> Result<(), Failure> {
        self.asked.retain(|(asked, _), _| *asked != run.id);
        let control = &self.leader.line.control;
        control.forget_reconciliations(self.term, &run.id).await?;
        let reconciling = RunStatus::Reconciling;
        control
            .set_status(self.term, &run.id, RunStatus::Running, reconciling, None)
            .await?;
        tracing::info!(run = %run.id, "reconciling");
        self.leader.line.news.notify_one();
        self.leader.switches.notify_one();
        Ok(())
    }

    /// Asks for what is not checked yet; ends the run when everything is.
    pub(crate) async fn reconcile(&mut self, run: &Run) -> Result<(), Failure> {
        let line = self.leader.line.clone();
        let pinned = line.catalog.run(&run.id).await?;
        let results = line.control.reconciliations(&run.id).await?;
        let mut all = true;
        for name in pinned.objects.keys() {
            let wanted = pinned
                .migration
                .object(name)
                .is_some_and(|object| object.reconcile.counts)
                // Neither end can be counted: not all was read, and nothing was written.
                && (pinned.scope.is_none() || pinned.kind.writes());
            if !wanted || results.iter().any(|result| result.object == *name) {
                continue;
            }
            all = false;
            self.ask(run, name).await?;
        }
        if all && self.automation_is_settled(run).await? {
            self.finish(run, &results).await?;
        }
        Ok(())
    }

    async fn ask(&mut self, run: &Run, object: &str) -> Result<(), Failure> {
        let key = (run.id.clone(), object.to_owned());
        if self
            .asked
            .get(&key)
            .is_some_and(|asked| asked.elapsed() < PATIENCE)
        {
            return Ok(());
        }
        let whole = ChunkRef {
            run: run.id.clone(),
            object: object.to_owned(),
            chunk: ChunkNumber(0),
        };
        let command = ReconcileCommand { level: COUNTS };
        let envelope = Envelope::json(Kind::Reconcile, whole, Attempt(0), &command)?;
        self.leader
            .line
            .broker
            .publish(&Queue::Reconcile, envelope)
            .await?;
        self.asked.insert(key, Instant::now());
        Ok(())
    }

    async fn finish(&self, run: &Run, results: &[Reconciliation]) -> Result<(), Failure> {
        let control = &self.leader.line.control;
        let books = control.books(&run.id).await?;
        let counts = control.counts(&run.id).await?;
        let not_moved = self.not_moved(run, &counts).await?;
        let unbalanced: Vec<_> = books
            .iter()
            .filter(|(_, books)| !books.balanced())
            .map(|(object, _)| object.as_str())
            .collect();
        let differing: Vec<_> = results
            .iter()
            .filter(|result| !result.passed)
            .map(|result| format!("{} {}", result.object, result.check))
            .collect();
        let (status, reason) = if not_moved.is_some() {
            (RunStatus::Failed, not_moved)
        } else if !unbalanced.is_empty() {
            (
                RunStatus::Failed,
                Some(format!(
                    "the books do not balance: {}",
                    unbalanced.join(", ")
                )),
            )
        } else if !differing.is_empty() {
            (
                RunStatus::Mismatched,
                Some(format!("the two ends differ: {}", differing.join(", "))),
            )
        } else {
            (RunStatus::Completed, None)
        };
        control
            .set_status(
                self.term,
                &run.id,
                RunStatus::Reconciling,
                status,
                reason.as_deref(),
            )
            .await?;
        tracing::info!(run = %run.id, reason, "{}", status.as_str());
        Ok(())
    }

    /// How many chunks of which objects failed, each with why the first of them did.
    async fn not_moved(
        &self,
        run: &Run,
        counts: &BTreeMap<String, ChunkCounts>,
    ) -> Result<Option<String>, Failure> {
        let mut failed = Vec::new();
        for (object, counts) in counts.iter().filter(|(_, counts)| counts.failed > 0) {
            let control = &self.leader.line.control;
            let why = control.chunk_failure(&run.id, object).await?;
            let chunks = if counts.failed == 1 {
                "chunk"
            } else {
                "chunks"
            };
            failed.push(match why {
                Some(why) => format!("{} {chunks} of {object}, {why}", counts.failed),
                None => format!("{} {chunks} of {object}", counts.failed),
            });
        }
        Ok((!failed.is_empty()).then(|| {
            format!(
                "not moved: {}; `stevedore retry` tries again",
                failed.join("; ")
            )
        }))
    }
}

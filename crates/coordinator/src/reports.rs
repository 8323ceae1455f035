//! What the other services say of chunks, turned into checkpoints.

use std::time::Duration;

use chrono::Utc;
use control::{FailedAttempt, Term, Verdict as Settled};
use model::{Attempt, ChunkRef, DesiredState, Envelope, Failure, FailureKind, Report};
use queue::Queue;

use crate::leader::{Leader, is_deposed};
use crate::policy::{Verdict, verdict};

/// Reports in hand at once; each is one small write.
const PREFETCH: u16 = 64;

impl Leader {
    /// Stores reports as they come; returns when the term is lost.
    pub(crate) async fn reports(&self, term: Term) -> Failure {
        loop {
            let heard = async {
                let mut reports = self.line.broker.consume(&Queue::Reports, PREFETCH).await?;
                loop {
                    let delivery = reports.next().await?;
                    match self.store_patiently(term, &delivery.envelope).await {
                        Ok(()) => delivery.ack().await?,
                        Err(failure) if is_deposed(&failure) => {
                            delivery.requeue().await?;
                            return Err(failure);
                        }
                        Err(failure) => {
                            tracing::error!(%failure, "a report can't be stored");
                            delivery.reject(&failure.to_string()).await?;
                        }
                    }
                    self.line.news.notify_one();
                }
            };
            let ended: Result<(), Failure> = heard.await;
            match ended {
                Err(failure) if is_deposed(&failure) => return failure,
                Err(failure) => tracing::warn!(%failure, "reports can't be heard"),
                Ok(()) => {}
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Waits out passing trouble with the message in hand: put back, it would count towards the delivery limit.
    async fn store_patiently(&self, term: Term, envelope: &Envelope) -> Result<(), Failure> {
        loop {
            match self.store(term, envelope).await {
                Err(failure) if failure.kind == FailureKind::Retry && !is_deposed(&failure) => {
                    tracing::warn!(%failure, "a report could not be stored yet");
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                stored => return stored,
            }
        }
    }

    async fn store(&self, term: Term, envelope: &Envelope) -> Result<(), Failure> {
        let (chunk, attempt) = (&envelope.chunk, envelope.attempt);
        let control = &self.line.control;
        let changed = match envelope.read_json()? {
            Report::Split { slices } => control.split(term, chunk, attempt, &slices).await?,
            Report::Audited { books } => {
                control
                    .settle(term, chunk, attempt, &Settled::Done(books))
                    .await?
            }
            Report::KeysAudited { .. } => {
                control
                    .settle(term, chunk, attempt, &Settled::KeysRead)
                    .await?
            }
            Report::PicksAudited { pass } => {
                control
                    .settle(term, chunk, attempt, &Settled::Picked(pass))
                    .await?
            }
            Report::Superseded { by } => control.covered(term, chunk, by).await?,
            Report::Refused { failure } => self.refused(term, chunk, attempt, failure).await?,
            // The results are stored; the next look at the run finds them.
            Report::Reconciled { .. } => true,
            Report::NotReconciled { failure } => {
                tracing::warn!(%chunk, %failure, "could not be read anew");
                if failure.kind == FailureKind::PauseRun {
                    self.pause_for(chunk, &failure).await?;
                }
                true
            }
        };
        if !changed {
            tracing::debug!(%chunk, %attempt, "an outdated report changes nothing");
        }
        Ok(())
    }

    /// Decides what becomes of a chunk that an attempt did not get through the line.
    pub(crate) async fn refused(
        &self,
        term: Term,
        chunk: &ChunkRef,
        attempt: Attempt,
        failure: Failure,
    ) -> Result<bool, Failure> {
        let control = &self.line.control;
        let decided = verdict(&failure, attempt, self.line.settings.chunks.attempts);
        let changed = match decided {
            Verdict::Again(delay) => {
                control
                    .give_back(term, chunk, attempt, delay, Some(&failure))
                    .await?
            }
            Verdict::Pause => {
                let back = control
                    .give_back(term, chunk, attempt, Duration::ZERO, Some(&failure))
                    .await?;
                if back {
                    self.pause_for(chunk, &failure).await?;
                }
                back
            }
            Verdict::GiveUp => {
                tracing::error!(%chunk, %failure, "the chunk is given up");
                let settled = Settled::Failed(failure.clone());
                control.settle(term, chunk, attempt, &settled).await?
            }
        };
        if changed {
            let pass = control.chunk(chunk).await?.pass;
            let row = FailedAttempt {
                chunk: chunk.clone(),
                attempt,
                pass,
                failure,
                started_at: None,
                ended_at: Utc::now(),
                created_by: self.line.instance.to_string(),
            };
            control.audit_failure(&row).await?;
        }
        Ok(changed)
    }

    async fn pause_for(&self, chunk: &ChunkRef, failure: &Failure) -> Result<(), Failure> {
        let mut reason = failure.to_string();
        if let Some(hint) = &failure.hint {
            reason = format!("{reason}; {hint}");
        }
        tracing::warn!(run = %chunk.run, reason, "pauses by itself");
        let (paused, by) = (DesiredState::Paused, Some("stevedore"));
        self.line
            .control
            .set_desired(Some(&chunk.run), paused, by, Some(&reason), false)
            .await?;
        Ok(())
    }
}

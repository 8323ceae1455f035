//! One look at one run: the next right thing, by what is stored. Safe to do again at any time.

use control::{Object, Run};
use model::{DesiredState, Failure, FailureKind, ObjectState, Pass, RunStatus};

use crate::leader::Reign;

impl Reign {
    /// Does for a run what can be done now.
    pub(crate) async fn steer(&mut self, run: &Run) -> Result<(), Failure> {
        if run.retry_requested_at.is_some() && (run.status.is_final() || run.desired.may_write()) {
            return self.take_up_retry(run).await;
        }
        match (run.desired, run.status) {
            (DesiredState::Paused, status) => self.halt(run, status, RunStatus::Paused).await,
            (DesiredState::Stopped, status) => self.halt(run, status, RunStatus::Stopped).await,
            (
                DesiredState::Running,
                RunStatus::Pending | RunStatus::Paused | RunStatus::Stopped,
            ) => self.begin(run).await,
            (DesiredState::Running, RunStatus::Running) => self.advance(run).await,
            (DesiredState::Running, RunStatus::Reconciling) => self.reconcile(run).await,
            (
                DesiredState::Running,
                RunStatus::Completed | RunStatus::Failed | RunStatus::Mismatched,
            ) => Ok(()),
        }
    }

    /// What is under way is dropped by whoever holds it; here it only returns to pending.
    async fn halt(&mut self, run: &Run, from: RunStatus, to: RunStatus) -> Result<(), Failure> {
        if from == to {
            return Ok(());
        }
        let reason = match (&run.desired_by, &run.desired_reason) {
            (Some(by), Some(reason)) => Some(format!("{reason} ({by})")),
            (Some(by), None) => Some(format!("by {by}")),
            (None, reason) => reason.clone(),
        };
        let control = &self.leader.line.control;
        control.give_back_all(self.term, &run.id).await?;
        control
            .set_status(self.term, &run.id, from, to, reason.as_deref())
            .await?;
        tracing::info!(run = %run.id, reason, "{}", to.as_str());
        self.leader.switches.notify_one();
        Ok(())
    }

    async fn begin(&mut self, run: &Run) -> Result<(), Failure> {
        let control = &self.leader.line.control;
        // Messages of before were dropped, or will be: their attempts are outdated from here on.
        control.give_back_all(self.term, &run.id).await?;
        control.recheck_automation(self.term, &run.id).await?;
        control
            .set_status(self.term, &run.id, run.status, RunStatus::Running, None)
            .await?;
        tracing::info!(run = %run.id, "running");
        self.leader.line.news.notify_one();
        Ok(())
    }

    async fn advance(&mut self, run: &Run) -> Result<(), Failure> {
        let control = self.leader.line.control.clone();
        let objects = control.objects(&run.id).await?;
        let counts = control.counts(&run.id).await?;
        let pinned = self.leader.line.catalog.run(&run.id).await?;
        if Self::is_picking(&pinned, &objects) {
            return self.pick(run, &pinned, &objects, &counts).await;
        }
        let phase = objects
            .iter()
            .filter(|object| object.state != ObjectState::Moved)
            .map(|object| object.phase)
            .min();
        let Some(phase) = phase else {
            return self.begin_reconciling(run).await;
        };
        if !self.automation_is_off(run).await? {
            return Ok(());
        }
        let mut moving = Vec::new();
        for object in objects.iter().filter(|object| object.phase == phase) {
            let counts = counts.get(&object.name).cloned().unwrap_or_default();
            if self.advance_object(run, object, &counts).await? {
                moving.push(object.name.clone());
            }
        }
        if !self.over_threshold(run).await? {
            self.dispatch(run, &moving).await?;
            self.look_for_lost(run).await?;
        }
        Ok(())
    }

    /// Moves an object on by one step. True while it has chunks to dispatch.
    async fn advance_object(
        &mut self,
        run: &Run,
        object: &Object,
        counts: &control::ChunkCounts,
    ) -> Result<bool, Failure> {
        let control = self.leader.line.control.clone();
        let set = |state| control.set_object_state(self.term, &run.id, &object.name, state);
        if object.state == ObjectState::Moved {
            return Ok(false);
        }
        if object.state == ObjectState::Picked {
            set(ObjectState::Moving).await?;
            tracing::info!(run = %run.id, object = object.name, "begins");
        }
        if object.state == ObjectState::Waiting {
            set(if object.needs_key_pass {
                ObjectState::ReadingKeys
            } else {
                ObjectState::Moving
            })
            .await?;
            tracing::info!(run = %run.id, object = object.name, "begins");
        }
        if !object.plan_closed {
            self.plan(run, object, counts).await?;
            return Ok(true);
        }
        if counts.unsettled() > 0 {
            return Ok(true);
        }
        if object.state == ObjectState::ReadingKeys && counts.failed == 0 {
            control.fold_keys(self.term, &run.id, &object.name).await?;
            control
                .next_pass(self.term, &run.id, &object.name, Pass::Records)
                .await?;
            set(ObjectState::Moving).await?;
            self.leader.line.news.notify_one();
            return Ok(true);
        }
        set(ObjectState::Moved).await?;
        tracing::info!(run = %run.id, object = object.name, failed_chunks = counts.failed, "moved");
        self.leader.line.news.notify_one();
        Ok(false)
    }

    /// Pauses the run when more records were refused than its file allows.
    async fn over_threshold(&self, run: &Run) -> Result<bool, Failure> {
        let line = &self.leader.line;
        let Some(limit) = line
            .catalog
            .run(&run.id)
            .await?
            .migration
            .limits
            .pause_at_failed
        else {
            return Ok(false);
        };
        let books = line.control.books(&run.id).await?;
        let (refused, extracted) = books
            .iter()
            .fold((0, 0), |(refused, extracted), (_, books)| {
                (refused + books.refused(), extracted + books.extracted)
            });
        if !limit.is_exceeded(refused, extracted) {
            return Ok(false);
        }
        let reason = format!(
            "{refused} of {extracted} records were rejected or failed, over `limits.pause_at_failed`"
        );
        self.pause(run, &reason).await?;
        Ok(true)
    }

    /// Sets the kill switch to paused; the reason is shown by `status`.
    pub(crate) async fn pause(&self, run: &Run, reason: &str) -> Result<(), Failure> {
        tracing::warn!(run = %run.id, reason, "pauses by itself");
        let (paused, by) = (DesiredState::Paused, Some("stevedore"));
        let control = &self.leader.line.control;
        control
            .set_desired(Some(&run.id), paused, by, Some(reason), false)
            .await?;
        self.leader.line.news.notify_one();
        Ok(())
    }

    /// A run that can't be steered: passing trouble is looked at again, everything else pauses it, with the reason.
    pub(crate) async fn trouble(&self, run: &Run, failure: Failure) -> Result<(), Failure> {
        match failure.kind {
            FailureKind::Retry | FailureKind::Halted => {
                tracing::warn!(run = %run.id, %failure, "will be looked at again");
                Ok(())
            }
            _ if !run.desired.may_write() => {
                tracing::error!(run = %run.id, %failure, "can't be steered");
                Ok(())
            }
            _ => self.pause(run, &failure.to_string()).await,
        }
    }
}

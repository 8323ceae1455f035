//! The kill switch: whether a run may write, by a reading under a second old.
//! The flag in the control database decides; a stop message closes the gate at once and then sets the flag, with or without a coordinator.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use control::Control;
use model::{ControlAction, ControlMessage, DesiredState, Failure, RunId};
use queue::Broker;
use tokio::time::Instant;

/// A reading older than this is not acted on.
const FRESH: Duration = Duration::from_secs(1);
/// How often the flag is read.
const EVERY: Duration = Duration::from_millis(400);

/// One process's view of every run's kill switch.
#[derive(Clone)]
pub struct KillSwitch {
    control: Control,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// What the last reading said of unfinished runs, and when it was asked for.
    read: Option<(Instant, HashMap<RunId, Flag>)>,
    /// Stop and pause messages that the flag does not show yet.
    heard: Vec<ControlMessage>,
}

/// A run's flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Flag {
    desired: DesiredState,
    drain: bool,
}

impl KillSwitch {
    pub(crate) fn new(control: Control) -> Self {
        Self {
            control,
            state: Arc::default(),
        }
    }

    /// Whether the run may write now. Fails when no reading can be had: then nothing is written.
    pub async fn may_write(&self, run: &RunId) -> Result<bool, Failure> {
        Ok(self
            .flag(run)
            .await?
            .is_some_and(|flag| flag.desired.may_write()))
    }

    /// Whether open jobs of a run that may not write are to be let finish.
    pub async fn drains(&self, run: &RunId) -> Result<bool, Failure> {
        Ok(self.flag(run).await?.is_some_and(|flag| flag.drain))
    }

    /// The kill switch of one run, as a target asks it.
    pub fn gate(&self, run: &RunId) -> RunGate {
        RunGate {
            kill_switch: self.clone(),
            run: run.clone(),
        }
    }

    async fn flag(&self, run: &RunId) -> Result<Option<Flag>, Failure> {
        if let Some(known) = self.fresh(run) {
            return Ok(Some(known));
        }
        self.read().await?;
        Ok(self.fresh(run))
    }

    fn fresh(&self, run: &RunId) -> Option<Flag> {
        let state = self.state();
        if let Some(message) = state
            .heard
            .iter()
            .rev()
            .find(|message| message.concerns(run))
        {
            return Some(Flag {
                desired: DesiredState::Stopped,
                drain: message.drain,
            });
        }
        let (at, flags) = state.read.as_ref()?;
        (at.elapsed() < FRESH)
            .then(|| flags.get(run).copied())
            .flatten()
    }

    async fn read(&self) -> Result<(), Failure> {
        // The reading is as old as the question, not as the answer.
        let asked = Instant::now();
        let flags = self.control.desired_states().await?;
        let flags = flags
            .into_iter()
            .map(|run| {
                let flag = Flag {
                    desired: run.desired,
                    drain: run.drain,
                };
                (run.run, flag)
            })
            .collect();
        let mut state = self.state();
        if state.read.as_ref().is_none_or(|(at, _)| *at < asked) {
            state.read = Some((asked, flags));
        }
        Ok(())
    }

    /// Reads the flag again and again, and obeys stop messages, for ever.
    pub(crate) async fn watch(self, broker: Arc<dyn Broker>) {
        tokio::join!(self.poll(), self.listen(broker));
    }

    async fn poll(&self) {
        loop {
            if let Err(failure) = self.read().await {
                tracing::warn!(%failure, "the kill switch can't be read; nothing is written until it can");
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    async fn listen(&self, broker: Arc<dyn Broker>) {
        loop {
            let heard = async {
                let mut messages = broker.control(None).await?;
                loop {
                    let heard = messages.next().await?;
                    self.obey(heard.message.clone()).await;
                    heard.ack().await?;
                }
            };
            let ended: Result<(), queue::Error> = heard.await;
            if let Err(error) = ended {
                tracing::warn!(%error, "stop messages can't be heard; the flag is still read");
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Closes the gate at once, then sets the flag, until that has worked.
    async fn obey(&self, message: ControlMessage) {
        let (desired, closes) = match message.action {
            ControlAction::Stop => (DesiredState::Stopped, true),
            ControlAction::Pause => (DesiredState::Paused, true),
            ControlAction::Resume => (DesiredState::Running, false),
        };
        tracing::info!(
            run = message.run,
            by = message.by,
            reason = message.reason,
            "heard: {desired:?}"
        );
        if closes {
            self.state().heard.push(message.clone());
        }
        let run = (message.run != "*").then(|| RunId::new(&message.run));
        while let Err(error) = self
            .control
            .set_desired(
                run.as_ref(),
                desired,
                message.by.as_deref(),
                message.reason.as_deref(),
                message.drain,
            )
            .await
        {
            if !error.is_retryable() {
                tracing::warn!(run = message.run, %error, "the message asks what can't be done");
                break;
            }
            tokio::time::sleep(EVERY).await;
        }
        if closes {
            // From here on the flag says it; only a reading asked for after it was set counts.
            while self.read().await.is_err() {
                tokio::time::sleep(EVERY).await;
            }
            self.state().heard.retain(|heard| heard != &message);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The kill switch of one run.
#[derive(Clone)]
pub struct RunGate {
    kill_switch: KillSwitch,
    run: RunId,
}

#[async_trait]
impl connector::Gate for RunGate {
    async fn pass(&self) -> Result<(), Failure> {
        if self.kill_switch.may_write(&self.run).await? {
            Ok(())
        } else {
            Err(Failure::halted())
        }
    }
}

//! What of its target's own automation a run has switched off.

use chrono::{DateTime, Utc};
use model::{AutomationState, Failure, RunStatus, SwitchState};
use serde::{Deserialize, Serialize};

/// `GET /api/runs/{run}/automation`. `POST` asks to have it on again now, and answers the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AutomationView {
    pub state: AutomationState,
    /// Why the last try to set it came to nothing.
    #[serde(default)]
    pub error: Option<Failure>,
    /// When the next try is due, after one that came to nothing.
    #[serde(default)]
    pub try_at: Option<DateTime<Utc>>,
    /// It is wanted on again now, and was not tried since.
    #[serde(default)]
    pub restore_asked: bool,
    /// Jobs of the run that the target still works on: while there are any, a stopped run's automation stays off.
    #[serde(default)]
    pub jobs_under_way: u64,
    pub items: Vec<SwitchedItem>,
    /// What acts on the run's records and no API can switch off.
    pub by_hand: Vec<ByHand>,
}

/// One thing that a run switches off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchedItem {
    pub kind: String,
    pub name: String,
    /// The target's object on whose records it acts.
    pub object: String,
    /// The target's own id of it.
    pub id: String,
    pub state: SwitchState,
    /// Why it failed, was left or was handed on.
    #[serde(default)]
    pub note: Option<String>,
}

/// One thing that only a person can switch off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByHand {
    pub kind: String,
    pub name: String,
    /// The target's object on whose records it acts.
    pub object: String,
    /// What it does, in a sentence.
    pub what: String,
    /// How it is switched off.
    pub way: String,
}

impl AutomationView {
    /// The items that the run has yet to switch on again.
    pub fn owed(&self) -> usize {
        self.items
            .iter()
            .filter(|item| item.state.is_owed())
            .count()
    }

    /// Nothing more becomes of it by itself while its run is like this, or not soon: the last try came to nothing.
    pub fn rests(&self, run: RunStatus) -> bool {
        match self.state {
            AutomationState::On => true,
            _ if self.restore_asked => false,
            AutomationState::Restoring => self.error.is_some() && self.try_at.is_some(),
            _ => run == RunStatus::Paused,
        }
    }
}

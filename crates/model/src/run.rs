//! A run's states, and what its operator wants of it.
//! `DesiredState` is the kill switch; `RunStatus` is what the coordinator has made of it.

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($name:ident { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text)
            }
        }
    };
}

/// What is executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// Every record of every object.
    Full,
    /// The line up to the target, which is only asked: what would become of each record. Nothing is written.
    DryRun,
}

words!(RunKind { Full => "full", DryRun => "dry_run" });

impl RunKind {
    /// Whether it changes anything in the target.
    pub fn writes(self) -> bool {
        self != Self::DryRun
    }
}

/// The kill switch of a run. Anyone may set it; every service obeys it by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DesiredState {
    Running,
    Paused,
    Stopped,
}

words!(DesiredState { Running => "running", Paused => "paused", Stopped => "stopped" });

impl DesiredState {
    pub fn may_write(self) -> bool {
        self == Self::Running
    }
}

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Accepted; no chunk has been dispatched yet.
    Pending,
    Running,
    /// Halted, by a person or by itself; the reason is stored with it.
    Paused,
    Stopped,
    /// Every object is moved; both ends are being read again.
    Reconciling,
    /// Books balance and every check passed.
    Completed,
    /// Everything was tried; chunks failed, or books do not balance.
    Failed,
    /// Moved, but the two ends do not agree.
    Mismatched,
}

words!(RunStatus {
    Pending => "pending",
    Running => "running",
    Paused => "paused",
    Stopped => "stopped",
    Reconciling => "reconciling",
    Completed => "completed",
    Failed => "failed",
    Mismatched => "mismatched",
});

impl RunStatus {
    /// The coordinator has nothing more to do for it unless somebody asks.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Mismatched)
    }

    /// Whether the coordinator may move a run from this status to `next`.
    pub fn may_become(self, next: Self) -> bool {
        use RunStatus::{
            Completed, Failed, Mismatched, Paused, Pending, Reconciling, Running, Stopped,
        };
        match self {
            Pending => matches!(next, Running | Paused | Stopped | Failed),
            Running => matches!(next, Paused | Stopped | Reconciling | Failed),
            Paused | Stopped => matches!(next, Running | Paused | Stopped),
            Reconciling => matches!(
                next,
                Completed | Failed | Mismatched | Paused | Stopped | Running
            ),
            // `retry` takes a run up again.
            Completed | Failed | Mismatched => matches!(next, Running),
        }
    }
}

/// Where one object of a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectState {
    /// Its phase has not begun.
    Waiting,
    /// Its target keys are being read, to find duplicates.
    ReadingKeys,
    /// Of a run that does not move all records: it is being settled which.
    Picking,
    /// That is settled, and its phase has not begun.
    Picked,
    Moving,
    /// Every chunk is settled.
    Moved,
}

words!(ObjectState {
    Waiting => "waiting",
    ReadingKeys => "reading_keys",
    Picking => "picking",
    Picked => "picked",
    Moving => "moving",
    Moved => "moved",
});

/// Where a run is with what its target does by itself, of which it has something switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AutomationState {
    /// Is to be switched off; what that is has to be looked up.
    Wanted,
    /// What it is is stored, and is being switched off.
    Planned,
    /// Switched off, and seen to be.
    Off,
    /// Is being switched on again.
    Restoring,
    /// Nothing that this run has to see to is off.
    On,
}

words!(AutomationState {
    Wanted => "wanted",
    Planned => "planned",
    Off => "off",
    Restoring => "restoring",
    On => "on",
});

/// Where one item of it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SwitchState {
    /// Nothing is known to be sent.
    Planned,
    Off,
    /// The last try was refused.
    Failed,
    /// As it was before the run.
    OnAgain,
    /// Somebody else has changed it since.
    Left,
    /// Another run needs it off, and switches it on.
    HandedOn,
}

words!(SwitchState {
    Planned => "planned",
    Off => "off",
    Failed => "failed",
    OnAgain => "on_again",
    Left => "left",
    HandedOn => "handed_on",
});

impl SwitchState {
    /// The run has to see to it that it is on again.
    pub fn is_owed(self) -> bool {
        matches!(self, Self::Planned | Self::Off | Self::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_final_run_is_only_taken_up_again() {
        for &status in RunStatus::ALL.iter().filter(|status| status.is_final()) {
            for &next in RunStatus::ALL {
                assert_eq!(status.may_become(next), next == RunStatus::Running);
            }
        }
    }

    #[test]
    fn only_running_may_write() {
        let writing: Vec<_> = DesiredState::ALL.iter().filter(|d| d.may_write()).collect();
        assert_eq!(writing, [&DesiredState::Running]);
    }
}

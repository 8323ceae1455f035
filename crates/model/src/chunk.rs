//! A chunk's slice and its states.
//! Only a chunk's source understands the slice; only the coordinator moves the state, and only along `may_become`.

use serde::{Deserialize, Serialize};

/// A part of one object, in words that only its source interprets (a key range, a physical range, a part of a file).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Slice(pub serde_json::Value);

/// What a dispatch of a chunk is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pass {
    /// Only the target keys are computed, so that duplicates over the whole object are known before anything is written.
    Keys,
    /// Of the records, a sample is picked.
    Pick,
    /// Records that were picked are read for what they refer to.
    Parents,
    #[default]
    Records,
}

impl Pass {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Pick => "pick",
            Self::Parents => "parents",
            Self::Records => "records",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Keys, Self::Pick, Self::Parents, Self::Records]
            .into_iter()
            .find(|pass| pass.as_str() == text)
    }
}

/// The stored stage of a chunk: its checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChunkState {
    /// Planned, or handed back: to be dispatched.
    Pending,
    /// Under way somewhere in the line, under the attempt that is stored with it.
    Dispatched,
    /// Its books are audited.
    Done,
    /// It could not be moved; the reason is stored with it.
    Failed,
    /// It was too big; its children carry its records.
    Split,
    /// Its parent was written whole after all, so its own records are the parent's.
    Superseded,
}

impl ChunkState {
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Dispatched,
        Self::Done,
        Self::Failed,
        Self::Split,
        Self::Superseded,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Dispatched => "dispatched",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Split => "split",
            Self::Superseded => "superseded",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Nothing more is to come from it in this pass.
    pub fn is_settled(self) -> bool {
        !matches!(self, Self::Pending | Self::Dispatched)
    }

    /// Whether the coordinator may move a chunk from this state to `next`.
    pub fn may_become(self, next: Self) -> bool {
        use ChunkState::{Dispatched, Done, Failed, Pending, Split, Superseded};
        match self {
            Pending => matches!(next, Dispatched | Done | Superseded),
            Dispatched => matches!(next, Pending | Done | Failed | Split | Superseded),
            // A retry of a failed chunk, or the late word of a zombie that had claimed it first.
            Failed => matches!(next, Pending | Done | Superseded),
            // The unsplit chunk was claimed by an earlier attempt before its children were.
            Split => matches!(next, Done),
            Done | Superseded => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_stays_done() {
        for next in ChunkState::ALL {
            assert!(!ChunkState::Done.may_become(next));
            assert!(!ChunkState::Superseded.may_become(next));
        }
    }

    #[test]
    fn states_are_read_back_from_their_names() {
        for state in ChunkState::ALL {
            assert_eq!(ChunkState::parse(state.as_str()), Some(state));
        }
    }
}

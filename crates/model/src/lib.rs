#![doc = include_str!("../README.md")]

mod books;
mod chunk;
mod failure;
mod finding;
mod ids;
mod message;
pub mod migration;
mod run;
mod scope;
mod secret;

pub use books::{Books, Fate};
pub use chunk::{ChunkState, Pass, Slice};
pub use failure::{Failure, FailureKind, Place};
pub use finding::{Finding, Grade};
pub use ids::{Attempt, ChunkNumber, ChunkRef, RunId};
pub use message::{
    ChunkCommand, ControlAction, ControlMessage, Envelope, Kind, ReconcileCommand, Report,
    WIRE_VERSION,
};
pub use run::{AutomationState, DesiredState, ObjectState, RunKind, RunStatus, SwitchState};
pub use scope::{Sample, Scope};
pub use secret::Secret;

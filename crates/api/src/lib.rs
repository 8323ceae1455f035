#![doc = include_str!("../README.md")]

mod client;
mod error;
mod types;

pub use client::Client;
pub use error::{ErrorBody, ErrorEnvelope};
pub use types::{
    ChangeGroup, ChangedValue, Changes, CheckReport, CheckedObject, FailedRecord, FailureGroup,
    Failures, FailuresQuery, Halt, ObjectView, ReconciliationView, RunList, RunSummary, RunView,
    StartRun, Started,
};

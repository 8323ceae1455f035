#![doc = include_str!("../README.md")]

mod before;
mod client;
mod error;
mod types;

pub use before::{
    CompareReport, ComparedColumn, ComparedObject, DoctorReport, Known, LengthDifference, LookedAt,
    Metadata, MissingField, NullDifference, PlanQuery, PlanReport, PlanTotals, PlannedJobs,
    PlannedLookup, PlannedObject, PlannedPhase, TypeDifference, UnfilledField, ValueGap,
};
pub use client::Client;
pub use error::{ErrorBody, ErrorEnvelope};
pub use types::{
    ChangeGroup, ChangedValue, Changes, CheckReport, CheckedObject, FailedRecord, FailureGroup,
    Failures, FailuresQuery, Halt, JobsView, LoweredView, ObjectView, ReconciliationView, RunList,
    RunSummary, RunView, StartRun, Started,
};

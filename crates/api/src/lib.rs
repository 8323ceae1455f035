#![doc = include_str!("../README.md")]

mod automation;
mod before;
mod client;
mod error;
mod init;
mod record;
mod types;

pub use automation::{AutomationView, ByHand, SwitchedItem};
pub use before::{
    Becomes, CompareReport, ComparedColumn, ComparedObject, DoctorReport, Known, LengthDifference,
    LookedAt, LookedThrough, Metadata, MissingField, NullDifference, PlanQuery, PlanReport,
    PlanTotals, PlannedChange, PlannedJobs, PlannedLookup, PlannedObject, PlannedPhase,
    PlannedRefusal, TypeDifference, UnfilledField, ValueGap,
};
pub use client::Client;
pub use error::{ErrorBody, ErrorEnvelope};
pub use init::{Draft, Drafted, DraftedObject};
pub use record::{Passage, RecordChange, RecordError, RecordQuery, RecordView};
pub use types::{
    ChangeGroup, ChangedValue, Changes, CheckReport, CheckedObject, FailedRecord, FailureGroup,
    Failures, FailuresQuery, Halt, JobsView, LoweredView, ObjectView, PlaceholderGroup,
    PlaceholderView, Placeholders, ReconciliationView, RunList, RunSummary, RunView, StartRun,
    Started,
};

#![doc = include_str!("../README.md")]

mod before;
mod body;
mod gate;
mod jobs;
mod small_sets;
mod source;
mod target;
mod transactions;

pub use before::{Intent, JobCalls, MetadataFile, NewField, Pace};
pub use body::JobBody;
pub use gate::{Gate, OpenGate};
pub use jobs::{JobStatus, Jobs, Sent, THROTTLED, Verdict};
pub use small_sets::{SmallRow, SmallSets};
pub use source::{Read, Sizing, Source, SourceObject, Split};
pub use target::{CountScope, LoadPlan, Relation, Target, TargetField, TargetObject, Writing};
pub use transactions::{Claim, Loaded, Transactions};

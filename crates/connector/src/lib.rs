#![doc = include_str!("../README.md")]

mod before;
mod body;
mod catalogue;
mod gate;
mod jobs;
mod source;
mod target;
mod transactions;

pub use before::{Calls, Intent, MetadataFile, NewField, Pace};
pub use body::JobBody;
pub use catalogue::{Catalogue, Listed, Parent};
pub use gate::{Gate, OpenGate};
pub use jobs::{JobStatus, Jobs, Sent, Verdict};
pub use source::{Read, Reading, Sizing, Source, SourceObject, Split};
pub use target::{CountScope, LoadPlan, Relation, Target, TargetField, TargetObject, Writing};
pub use transactions::{Claim, Loaded, Transactions};

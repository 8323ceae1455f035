#![doc = include_str!("../README.md")]

mod automation;
mod before;
mod body;
mod catalogue;
pub mod conformance;
mod gate;
mod jobs;
mod small_sets;
mod source;
mod target;
mod transactions;

pub use automation::{Acting, Automation, Switch, same_state};
pub use before::{Calls, Intent, MetadataFile, NewField, Pace};
pub use body::JobBody;
pub use catalogue::{Catalogue, Listed, Parent};
pub use gate::{Gate, OpenGate};
pub use jobs::{JobStatus, Jobs, Made, Sent, THROTTLED, Verdict};
pub use small_sets::{SmallRow, SmallSets};
pub use source::{Read, Reading, Sizing, Source, SourceObject, Split};
pub use target::{
    CountScope, Held, LoadPlan, MissingParent, Placeholder, Relation, Target, TargetField,
    TargetObject, Writing,
};
pub use transactions::{Claim, Loaded, Transactions};

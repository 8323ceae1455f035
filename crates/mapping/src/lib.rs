#![doc = include_str!("../README.md")]

mod bounds;
mod by_id;
mod checks;
mod columns;
mod compile;
mod computed;
mod constant;
mod context;
mod convert;
mod duplicates;
mod expression;
mod key;
mod key_hashes;
mod lookup;
mod mapper;
mod merge;
mod missing;
mod parent_refs;
mod policy;
mod reason;
mod references;
mod rules;
mod shared;
mod survey;
mod value_map;

pub use by_id::{ParentIds, ParentKeys};
pub use compile::Spec;
pub use duplicates::{Duplicates, Rival};
pub use mapper::{Mapped, Mapper};
pub use missing::placeholder;
pub use parent_refs::ParentRefs;
pub use survey::{Fit, Surveyed, SurveyedValues, survey, texts, type_name};

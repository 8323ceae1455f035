//! Mappings as a migration file writes them: what is mapped, what is refused alone, and what is no mapping at all.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bed;
mod compile_errors;
mod hostile;
mod ids;
mod keys;
mod policies;
mod references;
mod refusals;
mod rules;
mod survey;

//! Whole mappings, from the migration file to the mapped batch and the refusals.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod expressions;
mod support;

//! CSV files as a source: whatever stands in them, each record is read once, or told by file and line.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod catalogue;
mod errors;
mod folder;
mod tiling;
mod values;

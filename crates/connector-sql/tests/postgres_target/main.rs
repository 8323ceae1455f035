//! PostgreSQL as a target, on a real server: claims, fates, records that are refused alone, and values that come back as they were sent.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod claims;
mod database;
mod fences;
mod held;
mod trouble;
mod writes;

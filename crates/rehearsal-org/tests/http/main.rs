//! The org over HTTP, as clients see it: one module per area, sharing one small client.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod client;

mod bulk_errors;
mod bulk_jobs;
mod collections;
mod data_file;
mod describe;
mod faults;
mod oauth;
mod query;
mod records;
mod volume;

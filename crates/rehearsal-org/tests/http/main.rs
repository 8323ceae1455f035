//! The org over HTTP, as clients see it: one module per area, sharing one small client.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod classic_client;
mod client;

mod bulk_classic;
mod bulk_classic_query;
mod bulk_errors;
mod bulk_jobs;
mod bulk_multipart;
mod bulk_query;
mod collections;
mod composite;
mod describe;
mod faults;
mod grants;
mod oauth;
mod query;
mod query_lists;
mod records;
mod soap;

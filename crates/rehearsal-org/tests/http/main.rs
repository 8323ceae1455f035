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
mod data_file;
mod data_file_schema;
mod describe;
mod fault_orders;
mod faults;
mod grants;
mod oauth;
mod page;
mod query;
mod query_lists;
mod records;
mod replication;
mod schema_file;
mod search;
mod soap;
mod soap_records;
mod standard_objects;
mod tls;
mod tooling;
mod transport;
mod volume;

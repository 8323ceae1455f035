#![doc = include_str!("../README.md")]

mod address;
mod auth;
mod automation;
mod budget;
mod client;
mod collections;
mod columns;
mod csv_encode;
mod describe;
mod descriptions;
mod errors;
mod estimate;
mod held;
mod inspect;
mod jobs;
mod key;
mod lacking;
mod metadata;
mod parent_order;
mod placeholders;
mod prepare;
mod query;
mod results;
mod row_error;
mod soql;
mod source;
mod spool;
mod target;

pub use source::salesforce_source;
pub use target::salesforce_target;

#[cfg(test)]
mod testing;

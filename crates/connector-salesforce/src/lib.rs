#![doc = include_str!("../README.md")]

mod auth;
mod client;
mod columns;
mod csv_encode;
mod describe;
mod errors;
mod estimate;
mod inspect;
mod jobs;
mod key;
mod metadata;
mod prepare;
mod results;
mod row_error;
mod soql;
mod spool;
mod target;

pub use target::salesforce_target;

#[cfg(test)]
mod testing;

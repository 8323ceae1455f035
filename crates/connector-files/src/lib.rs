#![doc = include_str!("../README.md")]

mod catalogue;
mod csv_source;
mod files;
mod header;
mod parse;
mod scan;

pub use csv_source::csv_source;

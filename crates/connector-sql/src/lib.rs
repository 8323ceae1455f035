#![doc = include_str!("../README.md")]

mod calendar;
mod names;
mod postgres;
mod rows;
mod split;
mod sqlite;

pub use postgres::{postgres_source, postgres_target};
pub use sqlite::sqlite_source;

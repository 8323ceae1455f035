#![doc = include_str!("../README.md")]

mod calendar;
mod names;
mod postgres;
mod rows;
mod split;

pub use postgres::postgres_source;

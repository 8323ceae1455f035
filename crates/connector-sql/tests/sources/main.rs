//! PostgreSQL and SQLite as sources, against real databases: slices tile, types are carried exactly, errors say what to do.
//! One program, so that everything is linked once.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod catalogue;
mod chunk_by;
mod first;
mod postgres_errors;
mod postgres_tiling;
mod postgres_types;
mod sqlite_tiling;
mod sqlite_values;
mod support;

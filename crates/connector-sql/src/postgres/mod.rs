//! PostgreSQL, read and written.

mod copy;
mod source;
mod target;
mod types;

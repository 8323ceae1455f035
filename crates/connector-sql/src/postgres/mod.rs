//! PostgreSQL, read and written.

mod connections;
mod copy;
mod failure;
mod quote;
mod source;
mod target;
mod types;

pub use source::postgres_source;
pub use target::postgres_target;

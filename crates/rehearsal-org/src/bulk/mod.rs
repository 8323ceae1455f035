//! Bulk API 2.0: `query` holds query jobs, all else is ingest. `routes` takes the calls, `job` holds a job and its
//! states, `csv` and `table` read the upload, `process` works through it in the background, `results` writes the
//! result files.

mod create;
mod csv;
mod info;
mod job;
mod process;
pub(crate) mod query;
mod results;
pub(crate) mod routes;
pub(crate) mod summary;
mod table;
mod upload;

pub(crate) use job::Jobs;

//! Bulk API 2.0, and in `classic` 1.0: `query` holds query jobs, all else is ingest. `routes` takes the calls, `job`
//! holds a job and its states, `content` the upload, `csv` and `table` read it, `ledger` notes what becomes of each
//! row, `process` works through it in the background, `results` writes the result files.

pub(crate) mod classic;
mod content;
mod create;
mod csv;
mod info;
mod job;
mod ledger;
mod multipart;
mod process;
pub(crate) mod query;
mod results;
pub(crate) mod routes;
mod spec;
pub(crate) mod summary;
mod table;
mod upload;

pub(crate) use job::Jobs;

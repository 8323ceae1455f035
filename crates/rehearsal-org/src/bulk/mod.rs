//! Bulk API 2.0 ingest: `routes` takes the calls, `job` holds a job and its states, `content` the upload, `csv` and
//! `table` read it, `ledger` notes what becomes of each row, `process` works through it in the background, `results` writes the result files.

mod content;
mod create;
mod csv;
mod info;
mod job;
mod ledger;
mod process;
mod results;
pub(crate) mod routes;
mod table;
mod upload;

pub(crate) use job::Jobs;

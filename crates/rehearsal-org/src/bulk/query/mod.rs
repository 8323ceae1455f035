//! Bulk API 2.0 query: `create` takes the call that begins a job, `job` holds it, `drive` runs it in the background,
//! `pages` writes its results while they are sent, `routes` takes the calls.

mod create;
mod drive;
mod job;
mod pages;
pub(crate) mod routes;
mod summary;

pub(crate) use job::QueryJobs;
pub(super) use summary::summaries;

//! Bulk API 1.0, for clients that still use it: jobs of batches in CSV, JSON or XML. `routes` takes the calls,
//! `create` reads what a job is to do, `job` holds it, `content` reads batches, `drive` works through them by the
//! same writes as Bulk API 2.0, `results` and `rows` tell what came of it, `format` writes all else.

mod content;
mod create;
mod drive;
mod format;
mod job;
mod results;
mod routes;
mod rows;

pub(crate) use job::ClassicJobs;
pub(crate) use routes::answer;

/// The namespace of everything here.
const NAMESPACE: &str = "http://www.force.com/2009/06/asyncapi/dataload";

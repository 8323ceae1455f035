//! The whole line, distributed: six services as processes, a real broker, real databases. Every test compares what the target holds with what
//! the source holds, row by row.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bad_chunks;
mod bad_input;
mod before_a_run;
mod changes;
mod chinook;
mod crashes;
mod dry_run;
mod duplicates;
mod embedded;
mod files;
mod graph;
mod job_steps;
mod retrying;
mod salesforce;
mod sample;
#[allow(
    dead_code,
    reason = "the bench and the restart of the broker use it too"
)]
mod stage;
mod stopping;
mod wire;
mod zombies;

//! The whole line, distributed: six services as processes, a real broker, real databases. Every test compares what the target holds with what
//! the source holds, row by row.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod accounts;
mod automation;
mod bad_chunks;
mod bad_input;
mod before_a_run;
mod changes;
mod chinook;
mod chinook_org;
mod chunk_by;
mod crashes;
mod cut_off;
mod dry_run;
mod duplicates;
mod embedded;
mod files;
mod graph;
mod id_maps;
mod init;
mod job_steps;
mod missing_parents;
mod placeholders;
#[path = "../../crates/queue/tests/conformance/proxy.rs"]
#[allow(dead_code, reason = "the queue's own tests use all of it")]
mod proxy;
mod records;
mod rehearsal;
mod required_fields;
mod retrying;
mod salesforce;
mod sample;
mod second_passes;
#[allow(
    dead_code,
    reason = "the bench and the restart of the broker use it too"
)]
mod stage;
mod stopping;
mod wire;
mod zombies;

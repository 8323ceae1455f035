//! What the control database promises, held on both engines by the same cases. PostgreSQL is the server that
//! `STEVEDORE_TEST_POSTGRES` names; every case has a database of its own.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod audit;
mod automation;
mod bed;
mod changes;
mod deposed;
mod dispatch;
mod failures;
mod fixture;
mod id_map;
mod jobs;
mod keys;
mod leadership;
mod leases;
mod monitoring;
mod opening;
mod picked;
mod placeholders;
mod plan;
mod reports;
mod retry;
mod runs;
mod settle;

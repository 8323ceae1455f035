#![doc = include_str!("../README.md")]

mod dry_run;
mod foreseen_keys;
mod jobs;
mod queues;
mod transactions;

use connectors::Connections;
use model::Failure;
use service::{Line, Role};

/// Serves as a loader until the process ends.
pub async fn run(line: Line, connections: Connections) -> Result<(), Failure> {
    let (served, ()) = tokio::join!(
        queues::serve(&line, &connections),
        line.announce(Role::Loader)
    );
    served
}

#![doc = include_str!("../README.md")]

mod entry;
mod record_outcome;

use std::sync::Arc;

use model::Failure;
use queue::Queue;
use service::{Line, Role, Stage, Worker, work};

/// Serves as an auditor until the process ends.
pub async fn run(line: Line) -> Result<(), Failure> {
    let worker = Worker {
        role: Role::Auditor,
        stage: Stage::Auditing,
        queue: Queue::Audit,
        always: true,
        handler: Arc::new(record_outcome::Auditor { line: line.clone() }),
    };
    let (worked, ()) = tokio::join!(work(line.clone(), worker), line.announce(Role::Auditor));
    worked
}

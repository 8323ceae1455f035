#![doc = include_str!("../README.md")]

mod moved_before;
mod pick;
mod read;
mod rivals;

use std::sync::Arc;

use connectors::Connections;
use model::Failure;
use queue::Queue;
use service::{Line, Role, Stage, Worker, work};

/// Serves as an extractor until the process ends.
pub async fn run(line: Line, connections: Connections) -> Result<(), Failure> {
    let worker = Worker {
        role: Role::Extractor,
        stage: Stage::Extracting,
        queue: Queue::Extract,
        always: false,
        handler: Arc::new(read::Extractor {
            line: line.clone(),
            connections,
        }),
    };
    let (worked, ()) = tokio::join!(work(line.clone(), worker), line.announce(Role::Extractor));
    worked
}

#![doc = include_str!("../README.md")]

mod duplicates;
mod map;
mod mappers;
mod not_moved;
mod parents;

use std::sync::Arc;

use model::Failure;
use queue::Queue;
use service::{Line, Role, Stage, Worker, work};

/// Serves as a transformer until the process ends.
pub async fn run(line: Line) -> Result<(), Failure> {
    let worker = Worker {
        role: Role::Transformer,
        stage: Stage::Transforming,
        queue: Queue::Transform,
        always: false,
        handler: Arc::new(map::Transformer {
            line: line.clone(),
            mappers: mappers::Mappers::new(line.clone()),
        }),
    };
    let (worked, ()) = tokio::join!(work(line.clone(), worker), line.announce(Role::Transformer));
    worked
}

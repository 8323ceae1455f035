//! The load queues in use, one per target: found from the unfinished runs, and worked on from then on.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use connector::Writing;
use connectors::Connections;
use model::Failure;
use model::migration::Migration;
use queue::Queue;
use service::{Line, Role, Stage, Worker, work};

use crate::{jobs, transactions};

/// How often unfinished runs are looked for.
const EVERY: Duration = Duration::from_millis(300);

pub(crate) async fn serve(line: &Line, connections: &Connections) -> Result<(), Failure> {
    let mut served = HashSet::new();
    while !line.ending.is_cancelled() {
        if let Err(failure) = find(line, connections, &mut served).await {
            tracing::warn!(%failure, "the targets in use can't be found");
        }
        tokio::select! {
            () = line.ending.cancelled() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
    Ok(())
}

async fn find(
    line: &Line,
    connections: &Connections,
    served: &mut HashSet<Queue>,
) -> Result<(), Failure> {
    for run in line.control.active_runs().await? {
        let pinned = line.catalog.run(&run.id).await?;
        let queue = queue_of(&pinned.migration);
        if served.contains(&queue) {
            continue;
        }
        begin(line, connections, &pinned.migration, queue.clone()).await?;
        served.insert(queue);
    }
    Ok(())
}

fn queue_of(migration: &Migration) -> Queue {
    Queue::Load {
        migration: migration.migration.clone(),
        connection: migration.target.clone(),
    }
}

async fn begin(
    line: &Line,
    connections: &Connections,
    migration: &Migration,
    queue: Queue,
) -> Result<(), Failure> {
    tracing::debug!(%queue, "serves");
    let target = connections.target(migration).await?;
    if let Writing::Jobs(_) = target.writing() {
        let desk = jobs::Desk::new(line.clone(), connections.clone(), migration.clone());
        line.spawn(desk.clone().tell_room());
        line.tasks.spawn(desk.clone().fill(queue));
        line.tasks.spawn(desk.adopt());
        return Ok(());
    }
    let worker = Worker {
        role: Role::Loader,
        stage: Stage::Loading,
        queue,
        always: false,
        handler: Arc::new(transactions::Loader {
            line: line.clone(),
            connections: connections.clone(),
        }),
    };
    let line = line.clone();
    line.tasks.clone().spawn(async move {
        if let Err(failure) = work(line, worker).await {
            tracing::error!(%failure, "a load queue is served no more");
        }
    });
    Ok(())
}

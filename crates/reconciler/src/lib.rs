#![doc = include_str!("../README.md")]

mod counts;
mod reconcile;

use std::sync::Arc;

use connectors::Connections;
use model::Failure;
use service::{Line, Role};

/// Serves as a reconciler until the process ends.
pub async fn run(line: Line, connections: Connections) -> Result<(), Failure> {
    let reconciler = Arc::new(reconcile::Reconciler {
        line: line.clone(),
        connections,
    });
    let (served, ()) = tokio::join!(reconciler.serve(), line.announce(Role::Reconciler));
    served
}

#![doc = include_str!("../README.md")]

mod api;
mod automation;
mod before;
mod dispatch;
mod finish;
mod leader;
mod lost;
mod pick;
mod plan;
mod policy;
mod preflight;
mod reports;
mod scope;
mod steer;
mod stop_messages;

use connectors::Connections;
use model::Failure;
use service::{Line, Role};

pub use api::{Door, serve};

/// Serves as a coordinator until the process ends: leads when no other does. The API is served apart, by `serve`.
pub async fn run(line: Line, connections: Connections) -> Result<(), Failure> {
    let leader = leader::Leader::new(line.clone(), connections);
    tokio::join!(
        leader.stand(),
        stop_messages::keep(line.clone()),
        line.announce(Role::Coordinator),
    );
    Ok(())
}

//! Services in this process: the line put together from settings.

use std::sync::Arc;
use std::time::Duration;

use connectors::Connections;
use control::Control;
use model::{Failure, Secret};
use queue::{Broker, InProcess, RabbitMq, RabbitSettings};
use service::{Line, Role, Settings};

/// Joins the distributed line by its settings.
pub(crate) async fn distributed(
    settings: Settings,
    database: &Secret,
    broker: &Secret,
) -> Result<Line, Failure> {
    let control = Control::open(database).await?;
    let mut rabbit = RabbitSettings::new(broker.clone());
    rabbit.prefix.clone_from(&settings.broker.prefix);
    rabbit.max_body = settings.chunks.body_limit;
    let broker: Arc<dyn Broker> = Arc::new(RabbitMq::connect(rabbit).await?);
    Ok(Line::join(Arc::new(settings), control, broker))
}

/// Makes an embedded line on a control database of its own.
pub(crate) fn embedded(settings: Settings, control: Control) -> Line {
    let broker: Arc<dyn Broker> = Arc::new(InProcess::new());
    Line::join(Arc::new(settings), control, broker)
}

/// Starts services. They run until the line is left.
pub(crate) fn start(line: &Line, connections: &Connections, roles: &[Role]) {
    for role in roles {
        let (line, connections, role) = (line.clone(), connections.clone(), *role);
        line.tasks.clone().spawn(async move {
            let served = serve(line.clone(), connections, role).await;
            if let Err(failure) = served {
                tracing::error!(role = role.as_str(), %failure, "ended");
                line.ending.cancel();
            }
        });
    }
}

async fn serve(line: Line, connections: Connections, role: Role) -> Result<(), Failure> {
    match role {
        Role::Coordinator => coordinator::run(line, connections).await,
        Role::Extractor => extractor::run(line, connections).await,
        Role::Transformer => transformer::run(line).await,
        Role::Loader => loader::run(line, connections).await,
        Role::Auditor => auditor::run(line).await,
        Role::Reconciler => reconciler::run(line, connections).await,
    }
}

pub(crate) fn connections(settings: &Settings) -> Connections {
    Connections::new(settings.connections.clone())
}

/// How long work in hand may take when a process ends; Kubernetes' own grace period is thirty seconds.
pub(crate) const GRACE: Duration = Duration::from_secs(25);

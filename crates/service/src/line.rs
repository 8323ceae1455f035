//! A process's place in the line: its control database, its broker, its name, and the end of its work.

use std::sync::Arc;
use std::time::Duration;

use control::Control;
use model::Failure;
use queue::Broker;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::{Catalog, KillSwitch, Leases, Settings};

/// What a service does in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    Coordinator,
    Extractor,
    Transformer,
    Loader,
    Auditor,
    Reconciler,
}

impl Role {
    pub const ALL: [Self; 6] = [
        Self::Coordinator,
        Self::Extractor,
        Self::Transformer,
        Self::Loader,
        Self::Auditor,
        Self::Reconciler,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Coordinator => "coordinator",
            Self::Extractor => "extractor",
            Self::Transformer => "transformer",
            Self::Loader => "loader",
            Self::Auditor => "auditor",
            Self::Reconciler => "reconciler",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// Everything that the services of one process share. Cheap to clone.
#[derive(Clone)]
pub struct Line {
    pub settings: Arc<Settings>,
    pub control: Control,
    pub broker: Arc<dyn Broker>,
    pub kill_switch: KillSwitch,
    pub leases: Leases,
    pub catalog: Catalog,
    /// Something was reported or asked in this process: the runs are worth a look.
    pub news: Arc<Notify>,
    /// Names this process among all; new at each start, so that leases of a process that died are nobody's.
    pub instance: Arc<str>,
    /// Cancelled when the process is to end: no new work is taken, work in hand is finished or handed back.
    pub ending: CancellationToken,
    /// The tasks that are waited for before the process ends.
    pub tasks: TaskTracker,
}

impl Line {
    /// Joins a process to the line and starts what watches over it.
    pub fn join(settings: Arc<Settings>, control: Control, broker: Arc<dyn Broker>) -> Self {
        let instance: Arc<str> = format!("{}-{}", host(), uuid::Uuid::new_v4().simple()).into();
        let ending = CancellationToken::new();
        let line = Self {
            kill_switch: KillSwitch::new(control.clone()),
            leases: Leases::new(control.clone(), instance.clone(), settings.chunks.lease()),
            catalog: Catalog::new(control.clone()),
            news: Arc::default(),
            settings,
            control,
            broker,
            instance,
            ending,
            tasks: TaskTracker::new(),
        };
        line.spawn(line.kill_switch.clone().watch(line.broker.clone()));
        line.spawn(line.leases.clone().renew());
        line
    }

    /// Runs a watch until the process ends.
    pub fn spawn(&self, watch: impl Future<Output = ()> + Send + 'static) {
        let ending = self.ending.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = ending.cancelled() => {}
                () = watch => {}
            }
        });
    }

    /// Tells the coordinator that this process serves `role`, until it ends.
    pub async fn announce(&self, role: Role) {
        const EVERY: Duration = Duration::from_secs(2);
        while !self.ending.is_cancelled() {
            let (name, version) = (role.as_str(), env!("CARGO_PKG_VERSION"));
            let in_hand = self.tasks.len() as u64;
            if let Err(error) = self
                .control
                .heartbeat(&self.instance, name, &host(), version, true, in_hand)
                .await
            {
                tracing::warn!(role = role.as_str(), %error, "the heartbeat was not stored");
            }
            tokio::select! {
                () = self.ending.cancelled() => break,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
        if let Err(error) = self.control.farewell(&self.instance).await {
            tracing::warn!(role = role.as_str(), %error, "the farewell was not stored");
        }
    }

    /// Ends the process's part: work in hand is finished or handed back, within `grace`.
    pub async fn leave(&self, grace: Duration) -> Result<(), Failure> {
        self.ending.cancel();
        self.tasks.close();
        let drained = tokio::time::timeout(grace, self.tasks.wait()).await;
        self.broker.close().await;
        drained.map_err(|_| {
            Failure::retry("not_drained", "work in hand was not finished in time")
                .hint("what was not acknowledged is delivered again to another service")
        })
    }
}

fn host() -> String {
    std::env::var("HOSTNAME").unwrap_or_else(|_| "local".to_owned())
}

//! Leases: what a process has in hand, told to the control database and renewed until it is let go.

use std::sync::Arc;
use std::time::Duration;

use control::{Control, TakenLease};
use model::{Attempt, ChunkRef, Failure};

/// What is being done with a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    Extracting,
    Transforming,
    Loading,
    Auditing,
}

impl Stage {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Extracting => "extracting",
            Self::Transforming => "transforming",
            Self::Loading => "loading",
            Self::Auditing => "auditing",
        }
    }
}

/// The leases of one process.
#[derive(Clone)]
pub struct Leases {
    control: Control,
    holder: Arc<str>,
    ttl: Duration,
}

impl Leases {
    pub(crate) fn new(control: Control, holder: Arc<str>, ttl: Duration) -> Self {
        Self {
            control,
            holder,
            ttl,
        }
    }

    /// Takes a chunk in hand. False when the attempt is outdated: then there is nothing to do for it.
    pub async fn take(
        &self,
        chunk: &ChunkRef,
        attempt: Attempt,
        stage: Stage,
    ) -> Result<bool, Failure> {
        let lease = self
            .control
            .take_lease(chunk, attempt, stage.as_str(), &self.holder, self.ttl)
            .await?;
        Ok(lease == TakenLease::Taken)
    }

    /// Lets a chunk go. A lease that can't be deleted ends by itself.
    pub async fn release(&self, chunk: &ChunkRef, attempt: Attempt, stage: Stage) {
        let released = self
            .control
            .release_lease(chunk, attempt, stage.as_str(), &self.holder)
            .await;
        if let Err(error) = released {
            tracing::warn!(%chunk, %error, "a lease was not released; it ends by itself");
        }
    }

    /// Renews what is in hand, for ever.
    pub(crate) async fn renew(self) {
        loop {
            tokio::time::sleep(self.ttl / 3).await;
            if let Err(error) = self.control.renew_leases(&self.holder, self.ttl).await {
                tracing::warn!(%error, "leases were not renewed");
            }
        }
    }
}

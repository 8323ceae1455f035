//! The kill switch as a target sees it.

use async_trait::async_trait;
use model::Failure;

/// Asked right before a commit, or before the call that starts a writing.
#[async_trait]
pub trait Gate: Send + Sync {
    /// Returns when writing is allowed by a reading under a second old; otherwise fails with `FailureKind::Halted`.
    async fn pass(&self) -> Result<(), Failure>;
}

/// A gate that nobody closes, for work that no run's kill switch concerns.
#[derive(Debug, Clone, Copy)]
pub struct OpenGate;

#[async_trait]
impl Gate for OpenGate {
    async fn pass(&self) -> Result<(), Failure> {
        Ok(())
    }
}

//! What everything that came from one `RabbitMq` has in common: two connections, the names, the settings.
//! Publishing and consuming have a connection each: a broker short of memory stops reading from publishers, and
//! acknowledgements, which would help it, must not be stuck behind them.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lapin::types::ShortString;

use super::endpoint::Endpoint;
use super::link::Link;
use super::settings::RabbitSettings;
use super::topology::Topology;
use super::trouble::Trouble;

pub(crate) struct Shared {
    pub(crate) settings: RabbitSettings,
    pub(crate) endpoint: Endpoint,
    pub(crate) topology: Topology,
    pub(crate) publisher: Link,
    pub(crate) consumer: Link,
    known: Mutex<BTreeSet<ShortString>>,
    listeners: Mutex<BTreeSet<ShortString>>,
}

impl Shared {
    pub(crate) fn new(
        settings: RabbitSettings,
        endpoint: Endpoint,
        topology: Topology,
        publisher: Link,
        consumer: Link,
    ) -> Self {
        Self {
            settings,
            endpoint,
            topology,
            publisher,
            consumer,
            known: Mutex::default(),
            listeners: Mutex::default(),
        }
    }

    pub(crate) fn judge(&self, error: &lapin::Error, name: &str) -> Trouble {
        Trouble::judge(error, name, self.endpoint.shown())
    }

    /// Queues that were used and have no fixed name, so that they can be deleted.
    pub(crate) fn known(&self) -> MutexGuard<'_, BTreeSet<ShortString>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues of listeners of this process that live.
    pub(crate) fn listeners(&self) -> MutexGuard<'_, BTreeSet<ShortString>> {
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

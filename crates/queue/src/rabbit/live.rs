//! One connection while it lasts: its channels for publishing, and what was declared over it.
//! Nothing of it outlives the connection, so that a new one starts from nothing.

use std::collections::HashSet;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::Stream;
use lapin::options::ConfirmSelectOptions;
use lapin::{Channel, Connection, Event};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

/// Publishes under way at once. Each has a channel to itself: a broker's `return` carries no tag, so only on a
/// channel with one message under way is it clear whose it is. Enough to keep broker and network busy.
const PUBLISHERS: usize = 32;

pub(crate) struct Live {
    connection: Connection,
    declared: Mutex<HashSet<String>>,
    idle: Mutex<Vec<Channel>>,
    publishers: Arc<Semaphore>,
    over: watch::Sender<bool>,
}

impl Live {
    pub(crate) fn new(connection: Connection) -> Self {
        Self {
            connection,
            declared: Mutex::default(),
            idle: Mutex::default(),
            publishers: Arc::new(Semaphore::new(PUBLISHERS)),
            over: watch::Sender::new(false),
        }
    }

    /// Whoever waits for something over this connection waits no longer.
    pub(crate) fn end(&self) {
        self.over.send_replace(true);
    }

    /// Waits for something that comes over this connection; `None` when the connection ends before. What is handed to
    /// lapin in the moment in which a connection breaks may never be answered, so nothing may wait without this.
    pub(crate) async fn during<F: Future>(&self, waited_for: F) -> Option<F::Output> {
        let mut over = self.over.subscribe();
        tokio::select! {
            biased;
            output = waited_for => Some(output),
            _ = over.wait_for(|over| *over) => None,
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connection.status().connected()
    }

    pub(crate) fn events(&self) -> impl Stream<Item = Event> + Send + 'static {
        self.connection.events_listener()
    }

    pub(crate) async fn goodbye(&self, patience: Duration) {
        // Whatever it answers, the connection is over.
        let _ = timeout(patience, self.connection.close(200, "goodbye".into())).await;
    }

    pub(crate) async fn channel(&self) -> lapin::Result<Channel> {
        self.connection.create_channel().await
    }

    /// A channel for one publish, with confirms on. Given back when that went well; otherwise it is closed.
    pub(crate) async fn lease(self: &Arc<Self>) -> lapin::Result<Lease> {
        let permit = Arc::clone(&self.publishers).acquire_owned().await;
        let idle = self.idle().pop();
        let channel = match idle {
            Some(channel) if channel.status().connected() => channel,
            _ => {
                let channel = self.channel().await?;
                channel
                    .confirm_select(ConfirmSelectOptions::default())
                    .await?;
                channel
            }
        };
        Ok(Lease {
            live: Arc::clone(self),
            channel,
            _permit: permit.ok(),
        })
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Channel>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn declared(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.declared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn has_declared(&self, name: &str) -> bool {
        self.declared().contains(name)
    }

    pub(crate) fn remember(&self, name: &str) {
        self.declared().insert(name.to_owned());
    }

    /// The broker turned out not to have it; the next use declares it again.
    pub(crate) fn forget(&self, name: &str) {
        self.declared().remove(name);
    }
}

/// A channel of one's own.
pub(crate) struct Lease {
    live: Arc<Live>,
    channel: Channel,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Lease {
    pub(crate) fn live(&self) -> &Live {
        &self.live
    }

    pub(crate) fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Only for a channel on which nothing is under way.
    pub(crate) fn give_back(self) {
        let Self { live, channel, .. } = self;
        live.idle().push(channel);
    }
}

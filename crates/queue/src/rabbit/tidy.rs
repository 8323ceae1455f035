//! Taking away what was declared: the queue of a listener that has gone, or everything of a prefix.
//! Tests leave a broker as they found it by this; a service only ever removes its own listeners' queues.

use std::time::Duration;

use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};
use lapin::types::ShortString;
use tokio::time::{timeout, timeout_at};

use super::live::Live;
use super::shared::Shared;
use super::trouble::Trouble;
use crate::Error;
use crate::backoff::Patience;

/// Time to delete the queues of listeners when we leave; they expire anyway.
const LEAVING: Duration = Duration::from_secs(2);

#[derive(Clone)]
enum Doomed {
    Queue(ShortString),
    Exchange(ShortString),
}

impl Doomed {
    fn name(&self) -> &ShortString {
        match self {
            Self::Queue(name) | Self::Exchange(name) => name,
        }
    }
}

impl Shared {
    /// Deletes every queue and exchange of the prefix that this process knows of.
    pub(crate) async fn delete_all(&self) -> Result<(), Error> {
        let mut queues = self.topology.fixed();
        queues.extend(self.known().iter().cloned());
        queues.extend(self.listeners().iter().cloned());
        let exchanges = [self.topology.dead(), self.topology.control()];
        let queues = queues.into_iter().map(Doomed::Queue);
        for doomed in queues.chain(exchanges.map(Doomed::Exchange)) {
            let mut patience = Patience::new(self.settings.publish_patience);
            loop {
                let reason = match timeout_at(patience.deadline(), self.delete(&doomed)).await {
                    Ok(Ok(())) => break,
                    Ok(Err(Trouble::Lasting(error))) => return Err(error),
                    Ok(Err(Trouble::Passing(reason))) => reason,
                    Err(_) => "no connection, or no answer".into(),
                };
                if !patience.pause().await {
                    return Err(Error::NoAnswer {
                        queue: doomed.name().to_string(),
                        waited: patience.waited(),
                        reason,
                    });
                }
            }
        }
        Ok(())
    }

    /// Deletes the queues of this process's listeners, as far as that goes quickly.
    pub(crate) async fn delete_listeners(&self) {
        let listeners: Vec<_> = self.listeners().iter().cloned().collect();
        let deleting = async {
            for queue in listeners {
                self.delete_listener(queue).await;
            }
        };
        // What is left behind expires.
        let _ = timeout(LEAVING, deleting).await;
    }

    /// Deletes one of them. It stays listed until that has worked.
    pub(crate) async fn delete_listener(&self, queue: ShortString) {
        if self.delete(&Doomed::Queue(queue.clone())).await.is_ok() {
            self.listeners().remove(&queue);
        }
    }

    async fn delete(&self, doomed: &Doomed) -> Result<(), Trouble> {
        let live = self.publisher.live().await.map_err(Trouble::Lasting)?;
        live.during(self.delete_over(&live, doomed))
            .await
            .unwrap_or_else(|| Err(Trouble::lost()))
    }

    async fn delete_over(&self, live: &Live, doomed: &Doomed) -> Result<(), Trouble> {
        let judge = |error| self.judge(&error, doomed.name().as_str());
        let channel = live.channel().await.map_err(judge)?;
        match doomed {
            Doomed::Queue(name) => {
                let options = QueueDeleteOptions::default();
                let deleted = channel.queue_delete(name.clone(), options).await;
                deleted.map(|_| ()).map_err(judge)?;
            }
            Doomed::Exchange(name) => {
                let options = ExchangeDeleteOptions::default();
                let deleted = channel.exchange_delete(name.clone(), options).await;
                deleted.map_err(judge)?;
            }
        }
        live.forget(doomed.name().as_str());
        Ok(())
    }
}

//! Publishing: one message, one confirm. A message counts as published when the broker has said so, and not before.
//! A try whose fate is unknown because the connection broke is made again; that is why readers must bear with two.

use std::sync::Arc;

use bytes::Bytes;
use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use lapin::{BasicProperties, Confirmation};
use tokio::time::timeout_at;

use super::live::Live;
use super::shared::Shared;
use super::topology::Node;
use super::trouble::Trouble;
use crate::Error;
use crate::backoff::Patience;

/// A message on its way out.
pub(crate) struct Outgoing {
    pub(crate) exchange: ShortString,
    pub(crate) routing_key: ShortString,
    /// What must be there for it to arrive.
    pub(crate) node: Node,
    pub(crate) properties: BasicProperties,
    pub(crate) body: Bytes,
    /// For errors: what it is.
    pub(crate) identity: String,
}

impl Outgoing {
    /// Where it goes, for errors.
    fn goal(&self) -> &str {
        if self.exchange.as_str().is_empty() {
            self.routing_key.as_str()
        } else {
            self.exchange.as_str()
        }
    }
}

/// How a try ended that was not refused.
enum Fate {
    Confirmed,
    /// Nothing is bound there. The broker says so of a queue that was deleted behind our back.
    Returned,
}

impl Shared {
    /// Returns once the broker has confirmed the message.
    pub(crate) async fn publish(&self, message: &Outgoing) -> Result<(), Error> {
        let mut patience = Patience::new(self.settings.publish_patience);
        let mut returned = false;
        loop {
            let reason = match timeout_at(patience.deadline(), self.try_publish(message)).await {
                Ok(Ok(Fate::Confirmed)) => return Ok(()),
                Ok(Ok(Fate::Returned)) if returned => {
                    return Err(Error::Unroutable {
                        queue: message.goal().to_owned(),
                    });
                }
                Ok(Ok(Fate::Returned)) => {
                    returned = true;
                    continue;
                }
                Ok(Err(Trouble::Lasting(error))) => return Err(error),
                Ok(Err(Trouble::Passing(reason))) => reason,
                Err(_) => {
                    return Err(self.unconfirmed(message, &patience, "no word from the broker"));
                }
            };
            tracing::debug!(
                queue = message.goal(),
                message = message.identity,
                reason,
                "publishing again"
            );
            if !patience.pause().await {
                return Err(self.unconfirmed(message, &patience, &reason));
            }
        }
    }

    async fn try_publish(&self, message: &Outgoing) -> Result<Fate, Trouble> {
        let live = self.publisher.live().await.map_err(Trouble::Lasting)?;
        live.during(self.publish_over(&live, message))
            .await
            .unwrap_or_else(|| Err(Trouble::lost()))
    }

    async fn publish_over(&self, live: &Arc<Live>, message: &Outgoing) -> Result<Fate, Trouble> {
        let judge = |error| self.judge(&error, message.goal());
        let lease = live.lease().await.map_err(judge)?;
        self.topology
            .ensure(lease.live(), lease.channel(), &message.node)
            .await
            .map_err(judge)?;
        let options = BasicPublishOptions {
            mandatory: true,
            immediate: false,
        };
        let confirmation = lease
            .channel()
            .basic_publish(
                message.exchange.clone(),
                message.routing_key.clone(),
                options,
                &message.body,
                message.properties.clone(),
            )
            .await
            .map_err(judge)?
            .await
            .map_err(judge)?;
        match confirmation {
            Confirmation::Ack(None) => {
                lease.give_back();
                Ok(Fate::Confirmed)
            }
            Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)) => {
                lease.live().forget(&self.topology.key(&message.node));
                lease.give_back();
                Ok(Fate::Returned)
            }
            Confirmation::Nack(None) => {
                lease.give_back();
                Err(Trouble::Passing("the broker could not take it now".into()))
            }
            Confirmation::NotRequested => Err(Trouble::Passing(
                "the channel was not asked for confirms".into(),
            )),
        }
    }

    fn unconfirmed(&self, message: &Outgoing, patience: &Patience, reason: &str) -> Error {
        let reason = match self.publisher.trouble() {
            Some(trouble) => format!(
                "no connection to {}: {}",
                self.endpoint.shown(),
                trouble.reason
            ),
            None => reason.to_owned(),
        };
        Error::Unconfirmed {
            queue: message.goal().to_owned(),
            message: message.identity.clone(),
            waited: patience.waited(),
            reason,
        }
    }
}

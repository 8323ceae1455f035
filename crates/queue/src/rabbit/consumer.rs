//! Takes messages from a queue of the line, and control messages from a listener's queue.
//! What can't be read goes to the dead letters here, before any handler sees it.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use lapin::types::ShortString;
use lapin::{Acker, BasicProperties};
use model::ControlMessage;
use tokio::runtime::Handle;

use super::receipt::RabbitReceipt;
use super::shared::Shared;
use super::subscription::{Arrived, Subscription};
use super::topology::Node;
use super::wire;
use crate::parked::Parked;
use crate::{Consumer, ControlConsumer, ControlDelivery, Delivery, Error, Receipt};

/// How many control messages may be unacknowledged by one listener.
const CONTROL_PREFETCH: u16 = 16;
/// A control message of more bytes is not one.
const CONTROL_BODY: usize = 64 * 1024;

/// A message as it came, with the receipt made at once: whatever happens next, it can't be forgotten.
struct Taken {
    redelivered: bool,
    properties: BasicProperties,
    body: Bytes,
    receipt: Receipt,
}

fn take(shared: &Arc<Shared>, queue: &ShortString, arrived: Arrived) -> Taken {
    let Arrived { raw, channel, live } = arrived;
    let body = Bytes::from(raw.data);
    let acker: Acker = raw.acker;
    let receipt = Receipt::new(RabbitReceipt {
        shared: Arc::clone(shared),
        acker,
        queue: queue.clone(),
        properties: raw.properties.clone(),
        body: body.clone(),
        parked: Parked::default(),
        live,
        _channel: channel,
    });
    Taken {
        redelivered: raw.redelivered,
        properties: raw.properties,
        body,
        receipt,
    }
}

pub(crate) struct RabbitConsumer {
    shared: Arc<Shared>,
    queue: ShortString,
    subscription: Subscription,
}

impl RabbitConsumer {
    pub(crate) async fn start(
        shared: Arc<Shared>,
        queue: ShortString,
        prefetch: u16,
    ) -> Result<Self, Error> {
        let node = Node::Line(queue.clone());
        let subscription =
            Subscription::start(Arc::clone(&shared), node, queue.clone(), prefetch).await?;
        Ok(Self {
            shared,
            queue,
            subscription,
        })
    }
}

#[async_trait]
impl Consumer for RabbitConsumer {
    async fn next(&mut self) -> Result<Delivery, Error> {
        loop {
            let taken = take(&self.shared, &self.queue, self.subscription.next().await?);
            let read = wire::read(&taken.properties, taken.body, self.shared.settings.max_body);
            let reason = match read {
                Ok(envelope) => {
                    return Ok(Delivery {
                        envelope,
                        redelivered: taken.redelivered,
                        receipt: taken.receipt,
                    });
                }
                Err(reason) => reason,
            };
            match taken.receipt.reject(&reason).await {
                Ok(()) | Err(Error::Lost) => {}
                Err(Error::Closed) => return Err(Error::Closed),
                // Put back, and tried again when it comes again.
                Err(error) => tracing::warn!(
                    queue = self.queue.as_str(),
                    %error,
                    "an unreadable message can't be put with the dead letters"
                ),
            }
        }
    }
}

pub(crate) struct RabbitControl {
    shared: Arc<Shared>,
    queue: ShortString,
    /// Ours alone, and to be deleted with us.
    passing: bool,
    subscription: Subscription,
}

impl RabbitControl {
    pub(crate) async fn start(shared: Arc<Shared>, durable: Option<&str>) -> Result<Self, Error> {
        let (queue, node) = match durable {
            Some(name) => {
                let queue = shared.topology.keeper(name)?;
                shared.known().insert(queue.clone());
                (queue.clone(), Node::Keeper(queue))
            }
            None => {
                let queue = shared.topology.listener();
                shared.listeners().insert(queue.clone());
                (queue.clone(), Node::Listener(queue))
            }
        };
        let subscription =
            Subscription::start(Arc::clone(&shared), node, queue.clone(), CONTROL_PREFETCH).await?;
        Ok(Self {
            shared,
            queue,
            passing: durable.is_none(),
            subscription,
        })
    }
}

#[async_trait]
impl ControlConsumer for RabbitControl {
    async fn next(&mut self) -> Result<ControlDelivery, Error> {
        loop {
            let taken = take(&self.shared, &self.queue, self.subscription.next().await?);
            let reason = match read_control(&taken.body) {
                Ok(message) => {
                    return Ok(ControlDelivery {
                        message,
                        receipt: taken.receipt,
                    });
                }
                Err(reason) => reason,
            };
            tracing::warn!(
                queue = self.queue.as_str(),
                bytes = taken.body.len(),
                reason,
                "a control message can't be understood and is skipped; it looks like \
                 {{\"action\":\"stop\",\"run\":\"<id>\"}}"
            );
            // Should this not arrive, it is skipped once more.
            let _ = taken.receipt.ack().await;
        }
    }
}

fn read_control(body: &[u8]) -> Result<ControlMessage, String> {
    crate::readable::size(body.len(), CONTROL_BODY)?;
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

/// A listener's queue has no use without it. Should the word not get through, the queue expires.
impl Drop for RabbitControl {
    fn drop(&mut self) {
        if !self.passing || self.shared.consumer.is_closed() {
            return;
        }
        if let Ok(runtime) = Handle::try_current() {
            let (shared, queue) = (Arc::clone(&self.shared), self.queue.clone());
            runtime.spawn(async move { shared.delete_listener(queue).await });
        }
    }
}

//! Settling a message with RabbitMQ.
//! A receipt keeps its channel open, so that a message can be acknowledged after its consumer is gone.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use lapin::types::ShortString;
use lapin::{Acker, BasicProperties, Channel};
use tokio::time::timeout;

use super::live::Live;
use super::shared::Shared;
use crate::Error;
use crate::delivery::Settle;
use crate::parked::Parked;

/// A word that isn't on its way by then will not be heard any more.
const SENDING: Duration = Duration::from_secs(30);

const REQUEUE: BasicNackOptions = BasicNackOptions {
    requeue: true,
    multiple: false,
};

pub(crate) struct RabbitReceipt {
    pub(crate) shared: Arc<Shared>,
    pub(crate) acker: Acker,
    pub(crate) queue: ShortString,
    pub(crate) properties: BasicProperties,
    pub(crate) body: Bytes,
    pub(crate) parked: Parked,
    pub(crate) live: Arc<Live>,
    pub(crate) _channel: Channel,
}

impl RabbitReceipt {
    async fn ack_now(&self) -> Result<(), Error> {
        self.said(self.acker.ack(BasicAckOptions::default())).await
    }

    /// Waits until the word is on its way to the broker. lapin says `false` when the channel is gone, an error when it
    /// went while the word was under way, and nothing at all when it went at just the wrong moment.
    async fn said(&self, word: impl Future<Output = lapin::Result<bool>>) -> Result<(), Error> {
        match self.live.during(timeout(SENDING, word)).await {
            Some(Ok(Ok(true))) => Ok(()),
            _ => Err(Error::Lost),
        }
    }
}

#[async_trait]
impl Settle for RabbitReceipt {
    async fn ack(self: Box<Self>) -> Result<(), Error> {
        self.ack_now().await
    }

    async fn reject(mut self: Box<Self>, reason: &str) -> Result<(), Error> {
        let this = &mut *self;
        if let Err(error) = this.parked.recall(&mut this.body) {
            tracing::error!(%error, "a message in hand can't be read back; the broker has it still");
            return Err(Error::Lost);
        }
        // The letter first: should we die in between, there are two, and not none.
        self.shared
            .bury(&self.queue, &self.properties, self.body.clone(), reason)
            .await?;
        self.ack_now().await
    }

    async fn requeue(self: Box<Self>) -> Result<(), Error> {
        self.said(self.acker.nack(REQUEUE)).await
    }

    fn park(&mut self) {
        self.parked.park(&mut self.body);
    }
}

impl Drop for RabbitReceipt {
    fn drop(&mut self) {
        if self.acker.usable() {
            // The first poll hands the word to the connection; nobody waits for it to be written. Should it be lost,
            // so is the connection, and the broker puts the message back itself.
            let _ = self.acker.nack(REQUEUE).now_or_never();
        }
    }
}

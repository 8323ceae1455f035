//! Settling a message with RabbitMQ.
//! A receipt keeps its channel open, so that a message can be acknowledged after its consumer is gone.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use lapin::types::ShortString;
use lapin::{Acker, BasicProperties, Channel};

use super::shared::Shared;
use crate::Error;
use crate::delivery::Settle;

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
    pub(crate) _channel: Channel,
}

impl RabbitReceipt {
    async fn ack_now(&self) -> Result<(), Error> {
        done(self.acker.ack(BasicAckOptions::default()).await)
    }
}

/// lapin says `false` when the channel is gone, and an error when it went while the word was under way.
fn done(settled: lapin::Result<bool>) -> Result<(), Error> {
    match settled {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => Err(Error::Lost),
    }
}

#[async_trait]
impl Settle for RabbitReceipt {
    async fn ack(self: Box<Self>) -> Result<(), Error> {
        self.ack_now().await
    }

    async fn reject(self: Box<Self>, reason: &str) -> Result<(), Error> {
        // The letter first: should we die in between, there are two, and not none.
        self.shared
            .bury(&self.queue, &self.properties, self.body.clone(), reason)
            .await?;
        self.ack_now().await
    }

    async fn requeue(self: Box<Self>) -> Result<(), Error> {
        done(self.acker.nack(REQUEUE).await)
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

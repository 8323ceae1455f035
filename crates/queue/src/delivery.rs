//! A message in a consumer's hands, and what can be said about it to the broker.
//! Saying nothing is an answer too: a receipt that is dropped puts its message back.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use model::{ControlMessage, Envelope};

use crate::{Error, readable};

/// What a broker does when a message is settled. Dropping one that was not settled puts the message back.
#[async_trait]
pub(crate) trait Settle: Send + Sync {
    async fn ack(self: Box<Self>) -> Result<(), Error>;
    async fn reject(self: Box<Self>, reason: &str) -> Result<(), Error>;
    async fn requeue(self: Box<Self>) -> Result<(), Error>;
    /// Keeps the message's body out of memory until it is needed again.
    fn park(&mut self);
}

/// The right to settle one message, once. Dropped, it puts the message back into its queue.
///
/// It keeps the message's body, in memory or, once the message was parked, in a file: [`Receipt::reject`] needs it.
#[must_use = "dropping a receipt puts its message back"]
pub struct Receipt(Box<dyn Settle>);

impl Receipt {
    pub(crate) fn new(settle: impl Settle + 'static) -> Self {
        Self(Box::new(settle))
    }

    /// The message is done with; what follows from it is durable. [`Error::Lost`] means that it will be delivered
    /// again. There is no answer to an acknowledgement, so a success may still be followed by a redelivery.
    pub async fn ack(self) -> Result<(), Error> {
        self.0.ack().await
    }

    /// To the dead letters, with the reason. On an error the message is put back.
    pub async fn reject(self, reason: &str) -> Result<(), Error> {
        self.0.reject(reason).await
    }

    /// Back into the queue, flagged as redelivered. It counts towards the delivery limit: a handler that waits for
    /// something keeps the message, instead of putting it back again and again.
    pub async fn requeue(self) -> Result<(), Error> {
        self.0.requeue().await
    }
}

/// A message to be handled, with the right to settle it.
pub struct Delivery {
    pub envelope: Envelope,
    /// The message was handed out before and not acknowledged; it may have been handled in full.
    pub redelivered: bool,
    pub receipt: Receipt,
}

impl Delivery {
    /// The message was read and stays in hand for long: its body leaves memory, for an unnamed temporary file from which it is taken should
    /// the message go back. The envelope has none from here on.
    pub fn park(&mut self) {
        self.envelope.body = Bytes::new();
        self.receipt.0.park();
    }

    /// See [`Receipt::ack`].
    pub async fn ack(self) -> Result<(), Error> {
        self.receipt.ack().await
    }

    /// See [`Receipt::reject`].
    pub async fn reject(self, reason: &str) -> Result<(), Error> {
        self.receipt.reject(reason).await
    }

    /// See [`Receipt::requeue`].
    pub async fn requeue(self) -> Result<(), Error> {
        self.receipt.requeue().await
    }
}

/// Shows the message's identity and not its body, which may hold people's data.
impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("message", &readable::identity(&self.envelope))
            .field("redelivered", &self.redelivered)
            .finish_non_exhaustive()
    }
}

/// A control message, with the right to settle it.
pub struct ControlDelivery {
    pub message: ControlMessage,
    pub receipt: Receipt,
}

impl ControlDelivery {
    /// The message is stored, or obeyed.
    pub async fn ack(self) -> Result<(), Error> {
        self.receipt.ack().await
    }

    /// Back into the listener's queue.
    pub async fn requeue(self) -> Result<(), Error> {
        self.receipt.requeue().await
    }
}

impl fmt::Debug for ControlDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControlDelivery")
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}

//! The contract that every broker keeps, and that the conformance suite holds it to.
//! Services know these traits alone; which broker stands behind them is decided at start.

use async_trait::async_trait;
use model::{ControlMessage, Envelope};

use crate::{ControlDelivery, DeadLetter, Delivery, Error, Queue};

/// Carries messages between the services. Delivery is at least once: a message may come twice, and after a
/// broken connection late; it is never lost between a confirmed publish and an acknowledgement.
///
/// Every future here may be dropped at any await without losing a message.
#[async_trait]
pub trait Broker: Send + Sync {
    /// Returns once the broker has confirmed that the message is safe. The queue is declared on first use.
    ///
    /// Trouble that passes (a broken connection, a broker that restarts) is waited out for the settings' patience.
    /// Then, and when the broker does not confirm, it is [`Error::Unconfirmed`]: the message may be there or not,
    /// and publishing it again is right. [`Error::TooLarge`] and [`Error::Topology`] don't pass.
    async fn publish(&self, queue: &Queue, envelope: Envelope) -> Result<(), Error>;

    /// Starts to take messages, with at most `prefetch` (from 1) in the consumer's hands, unacknowledged.
    async fn consume(&self, queue: &Queue, prefetch: u16) -> Result<Box<dyn Consumer>, Error>;

    /// Messages ready in the queue, not counting those in a consumer's hands. A queue that does not exist is
    /// declared and empty. A clustered broker may say 0 while a queue has no leader: treat an empty queue as a
    /// hint to look twice, not as proof.
    async fn depth(&self, queue: &Queue) -> Result<u64, Error>;

    /// Publishes to everybody who listens to [`Broker::control`]. Fails with [`Error::Unroutable`] when nobody does
    /// and no durable queue stands in.
    async fn publish_control(&self, message: &ControlMessage) -> Result<(), Error>;

    /// Listens to control messages. With `durable`, a queue of that name keeps what is published while nobody
    /// listens, from the first call on; listeners of one name share it. With `None`, this listener gets every
    /// message that is published while it lives. What can't be understood is logged and skipped.
    async fn control(&self, durable: Option<&str>) -> Result<Box<dyn ControlConsumer>, Error>;

    /// Shows up to `most` dead letters, oldest first, and leaves them where they are. Others don't see them while
    /// this looks.
    async fn dead_letters(&self, most: usize) -> Result<Vec<DeadLetter>, Error>;

    /// Takes up to `most` dead letters away for good.
    async fn take_dead_letters(&self, most: usize) -> Result<Vec<DeadLetter>, Error>;

    /// Ends every consumer with [`Error::Closed`] and lets go of the broker. What is unacknowledged is delivered
    /// again. Calling it twice does nothing.
    async fn close(&self);
}

/// Takes messages from one queue.
///
/// Dropping it gives back what was not handed out yet. Deliveries already handed out live on and can still be
/// acknowledged, so that a service may stop taking and finish what it has.
#[async_trait]
pub trait Consumer: Send {
    /// Waits for the next message. Survives a broken connection: it subscribes again until it succeeds, and the
    /// only error is [`Error::Closed`].
    ///
    /// A message that can't be read as an `Envelope` is never returned. It goes to the dead letters with its reason,
    /// and the next one is taken.
    async fn next(&mut self) -> Result<Delivery, Error>;
}

/// Takes control messages.
#[async_trait]
pub trait ControlConsumer: Send {
    /// Waits for the next control message, like [`Consumer::next`].
    async fn next(&mut self) -> Result<ControlDelivery, Error>;
}

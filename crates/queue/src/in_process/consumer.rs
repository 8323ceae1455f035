//! Takes messages from a mailbox, as many at a time as the consumer has hands for.
//! What can't be handled is put with the dead letters here, before any handler sees it.

use std::sync::Arc;

use async_trait::async_trait;
use model::{ControlMessage, Envelope};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Shared;
use super::mailbox::{Letter, Mailbox};
use super::receipt::{Content, MailboxReceipt};
use crate::{Consumer, ControlConsumer, ControlDelivery, Delivery, Error, Receipt, readable};

/// How many control messages may be unacknowledged by one listener.
const CONTROL_PREFETCH: u16 = 16;

struct Taker<T: Content> {
    shared: Arc<Shared>,
    mailbox: Arc<Mailbox<T>>,
    hands: Arc<Semaphore>,
}

impl<T: Content> Taker<T> {
    fn new(shared: Arc<Shared>, mailbox: Arc<Mailbox<T>>, prefetch: u16) -> Self {
        Self {
            shared,
            mailbox,
            hands: Arc::new(Semaphore::new(usize::from(prefetch.max(1)))),
        }
    }

    async fn take(&self) -> Result<(Letter<T>, OwnedSemaphorePermit), Error> {
        let mut closed = self.shared.closed.subscribe();
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => Err(Error::Closed),
            taken = self.take_open() => taken,
        }
    }

    async fn take_open(&self) -> Result<(Letter<T>, OwnedSemaphorePermit), Error> {
        let hand = Arc::clone(&self.hands)
            .acquire_owned()
            .await
            .map_err(|_| Error::Closed)?;
        Ok((self.mailbox.take().await, hand))
    }

    fn receipt(&self, letter: Letter<T>, hand: OwnedSemaphorePermit) -> Receipt {
        Receipt::new(MailboxReceipt::new(
            Arc::clone(&self.shared),
            Arc::clone(&self.mailbox),
            letter,
            hand,
        ))
    }
}

pub(super) struct MailboxConsumer(Taker<Envelope>);

impl MailboxConsumer {
    pub(super) fn new(shared: Arc<Shared>, mailbox: Arc<Mailbox<Envelope>>, prefetch: u16) -> Self {
        Self(Taker::new(shared, mailbox, prefetch))
    }
}

#[async_trait]
impl Consumer for MailboxConsumer {
    async fn next(&mut self) -> Result<Delivery, Error> {
        loop {
            let (letter, hand) = self.0.take().await?;
            let Err(reason) = readable::version(letter.content.version) else {
                return Ok(Delivery {
                    envelope: letter.content.clone(),
                    redelivered: letter.returns > 0,
                    receipt: self.0.receipt(letter, hand),
                });
            };
            self.0.shared.bury(
                letter
                    .content
                    .dead(self.0.mailbox.name().to_owned(), reason),
            );
        }
    }
}

pub(super) struct MailboxControl(Taker<ControlMessage>);

impl MailboxControl {
    pub(super) fn new(shared: Arc<Shared>, mailbox: Arc<Mailbox<ControlMessage>>) -> Self {
        Self(Taker::new(shared, mailbox, CONTROL_PREFETCH))
    }
}

#[async_trait]
impl ControlConsumer for MailboxControl {
    async fn next(&mut self) -> Result<ControlDelivery, Error> {
        let (letter, hand) = self.0.take().await?;
        Ok(ControlDelivery {
            message: letter.content.clone(),
            receipt: self.0.receipt(letter, hand),
        })
    }
}

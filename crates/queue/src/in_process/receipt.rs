//! What becomes of a message from a mailbox when it is settled, or not.
//! A receipt that is dropped puts its message back, until it has come back too often.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use model::{ControlMessage, Envelope};
use tokio::sync::OwnedSemaphorePermit;

use super::Shared;
use super::mailbox::{Letter, Mailbox};
use crate::delivery::Settle;
use crate::parked::Parked;
use crate::{DeadLetter, Error, dead_letter};

/// What a mailbox can hold.
pub(super) trait Content: Clone + Send + Sync + 'static {
    /// What may leave memory.
    fn body(&mut self) -> Option<&mut Bytes>;

    /// As a dead letter from this queue.
    fn dead(self, queue: String, reason: String) -> DeadLetter;

    /// Whether it may come back for ever. A stop must not be lost because storing it took long.
    fn is_patient() -> bool;
}

impl Content for Envelope {
    fn body(&mut self) -> Option<&mut Bytes> {
        Some(&mut self.body)
    }

    fn dead(self, queue: String, reason: String) -> DeadLetter {
        DeadLetter {
            queue,
            reason,
            body: self.body.clone(),
            envelope: Some(self),
        }
    }

    fn is_patient() -> bool {
        false
    }
}

impl Content for ControlMessage {
    fn body(&mut self) -> Option<&mut Bytes> {
        None
    }

    fn dead(self, queue: String, reason: String) -> DeadLetter {
        DeadLetter {
            queue,
            reason,
            envelope: None,
            body: serde_json::to_vec(&self)
                .map(Bytes::from)
                .unwrap_or_default(),
        }
    }

    fn is_patient() -> bool {
        true
    }
}

pub(super) struct MailboxReceipt<T: Content> {
    shared: Arc<Shared>,
    mailbox: Arc<Mailbox<T>>,
    letter: Option<Letter<T>>,
    parked: Parked,
    /// One of the consumer's hands, free again when this is settled.
    _hand: OwnedSemaphorePermit,
}

impl<T: Content> MailboxReceipt<T> {
    pub(super) fn new(
        shared: Arc<Shared>,
        mailbox: Arc<Mailbox<T>>,
        letter: Letter<T>,
        hand: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            shared,
            mailbox,
            letter: Some(letter),
            parked: Parked::default(),
            _hand: hand,
        }
    }

    fn is_open(&self) -> Result<(), Error> {
        self.shared.open().map_err(|_| Error::Lost)
    }

    fn bury(&self, letter: Letter<T>, reason: String) {
        self.shared
            .bury(letter.content.dead(self.mailbox.name().to_owned(), reason));
    }

    /// The letter, whole. One whose body can't be read back goes to the dead letters: its chunk's lease ends, and it is read again.
    fn take(&mut self) -> Option<Letter<T>> {
        let mut letter = self.letter.take()?;
        let recalled = letter
            .content
            .body()
            .map_or(Ok(()), |body| self.parked.recall(body));
        match recalled {
            Ok(()) => Some(letter),
            Err(error) => {
                self.bury(letter, format!("its body can't be read back: {error}"));
                None
            }
        }
    }

    fn put_back(&mut self) {
        let Some(mut letter) = self.take() else {
            return;
        };
        let limit = self.shared.settings.delivery_limit;
        letter.returns = letter.returns.saturating_add(1);
        if letter.returns > limit && !T::is_patient() {
            self.bury(letter, dead_letter::too_often(limit));
        } else {
            self.mailbox.put_back(letter);
        }
    }
}

#[async_trait]
impl<T: Content> Settle for MailboxReceipt<T> {
    async fn ack(mut self: Box<Self>) -> Result<(), Error> {
        self.is_open()?;
        self.letter = None;
        Ok(())
    }

    async fn reject(mut self: Box<Self>, reason: &str) -> Result<(), Error> {
        self.is_open()?;
        if let Some(letter) = self.take() {
            self.bury(letter, reason.to_owned());
        }
        Ok(())
    }

    async fn requeue(mut self: Box<Self>) -> Result<(), Error> {
        self.is_open()?;
        self.put_back();
        Ok(())
    }

    fn park(&mut self) {
        if let Some(body) = self.letter.as_mut().and_then(|l| l.content.body()) {
            self.parked.park(body);
        }
    }
}

impl<T: Content> Drop for MailboxReceipt<T> {
    fn drop(&mut self) {
        self.put_back();
    }
}

//! The broker of the embedded line: queues in this process's memory, with the same contract as RabbitMQ's.
//! What it holds ends with the process; the control database has everything that is needed to go on.

mod consumer;
mod mailbox;
mod receipt;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use async_trait::async_trait;
use model::{ControlMessage, Envelope};
use tokio::sync::watch;

use self::consumer::{MailboxConsumer, MailboxControl};
use self::mailbox::Mailbox;
use crate::{
    Broker, Consumer, ControlConsumer, DEFAULT_DELIVERY_LIMIT, DeadLetter, Error, Queue, readable,
};

/// The prefix of names in errors and dead letters; there is only one broker in a process's memory.
const PREFIX: &str = "stevedore";

/// Limits of an in-process broker.
#[derive(Debug, Clone, Copy)]
pub struct InProcessSettings {
    /// The largest body, in bytes; any unless set otherwise, because it goes nowhere.
    pub max_body: usize,
    /// How often a message may come back before it goes to the dead letters.
    pub delivery_limit: u32,
}

impl Default for InProcessSettings {
    fn default() -> Self {
        Self {
            max_body: usize::MAX,
            delivery_limit: DEFAULT_DELIVERY_LIMIT,
        }
    }
}

/// A broker within this process. Clones are the same broker.
#[derive(Clone, Default)]
pub struct InProcess {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    settings: InProcessSettings,
    queues: Mutex<HashMap<Queue, Arc<Mailbox<Envelope>>>>,
    listeners: Mutex<Listeners>,
    dead: Mutex<VecDeque<DeadLetter>>,
    closed: watch::Sender<bool>,
}

#[derive(Default)]
struct Listeners {
    durable: HashMap<String, Arc<Mailbox<ControlMessage>>>,
    passing: Vec<Weak<Mailbox<ControlMessage>>>,
}

impl InProcess {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn with_settings(settings: InProcessSettings) -> Self {
        Self {
            shared: Arc::new(Shared {
                settings,
                ..Shared::default()
            }),
        }
    }
}

impl Shared {
    fn mailbox(&self, queue: &Queue) -> Result<Arc<Mailbox<Envelope>>, Error> {
        let mut queues = lock(&self.queues);
        // Looked at under the lock, so that no mailbox is made behind the back of `close`.
        self.open()?;
        Ok(Arc::clone(queues.entry(queue.clone()).or_insert_with(
            || Arc::new(Mailbox::new(queue.name(PREFIX))),
        )))
    }

    fn open(&self) -> Result<(), Error> {
        if *self.closed.borrow() {
            return Err(Error::Closed);
        }
        Ok(())
    }

    fn bury(&self, letter: DeadLetter) {
        tracing::warn!(
            queue = letter.queue,
            reason = letter.reason,
            message = letter.envelope.as_ref().map(readable::identity),
            "a message goes to the dead letters"
        );
        lock(&self.dead).push_back(letter);
    }
}

/// Nothing that holds one of these locks can leave the data half changed, so a panic elsewhere spoils nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Broker for InProcess {
    async fn publish(&self, queue: &Queue, envelope: Envelope) -> Result<(), Error> {
        let limit = self.shared.settings.max_body;
        if envelope.body.len() > limit {
            return Err(Error::TooLarge {
                queue: queue.name(PREFIX),
                message: readable::identity(&envelope),
                size: envelope.body.len(),
                limit,
            });
        }
        self.shared.mailbox(queue)?.append(envelope);
        Ok(())
    }

    async fn consume(&self, queue: &Queue, prefetch: u16) -> Result<Box<dyn Consumer>, Error> {
        let mailbox = self.shared.mailbox(queue)?;
        Ok(Box::new(MailboxConsumer::new(
            Arc::clone(&self.shared),
            mailbox,
            prefetch,
        )))
    }

    async fn depth(&self, queue: &Queue) -> Result<u64, Error> {
        Ok(self.shared.mailbox(queue)?.depth())
    }

    async fn publish_control(&self, message: &ControlMessage) -> Result<(), Error> {
        self.shared.open()?;
        let mut listeners = lock(&self.shared.listeners);
        listeners
            .passing
            .retain(|listener| listener.strong_count() > 0);
        let mut heard = false;
        let passing = listeners.passing.iter().filter_map(Weak::upgrade);
        for mailbox in passing.chain(listeners.durable.values().cloned()) {
            mailbox.append(message.clone());
            heard = true;
        }
        if heard {
            Ok(())
        } else {
            Err(Error::Unroutable {
                queue: format!("{PREFIX}.control"),
            })
        }
    }

    async fn control(&self, durable: Option<&str>) -> Result<Box<dyn ControlConsumer>, Error> {
        let mut listeners = lock(&self.shared.listeners);
        self.shared.open()?;
        let mailbox = match durable {
            Some(name) => Arc::clone(
                listeners
                    .durable
                    .entry(name.to_owned())
                    .or_insert_with(|| Arc::new(Mailbox::new(format!("{PREFIX}.control.{name}")))),
            ),
            None => {
                let mailbox = Arc::new(Mailbox::new(format!("{PREFIX}.control.passing")));
                listeners.passing.push(Arc::downgrade(&mailbox));
                mailbox
            }
        };
        Ok(Box::new(MailboxControl::new(
            Arc::clone(&self.shared),
            mailbox,
        )))
    }

    async fn dead_letters(&self, most: usize) -> Result<Vec<DeadLetter>, Error> {
        self.shared.open()?;
        Ok(lock(&self.shared.dead).iter().take(most).cloned().collect())
    }

    async fn take_dead_letters(&self, most: usize) -> Result<Vec<DeadLetter>, Error> {
        self.shared.open()?;
        let mut dead = lock(&self.shared.dead);
        let taken = most.min(dead.len());
        Ok(dead.drain(..taken).collect())
    }

    async fn close(&self) {
        let queues = lock(&self.shared.queues);
        self.shared.closed.send_replace(true);
        for mailbox in queues.values() {
            mailbox.clear();
        }
    }
}

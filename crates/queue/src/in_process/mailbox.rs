//! One queue in memory: messages in order, and a count of them to wait on.
//! The count is a semaphore's, so that waiting is fair and a wait that is given up loses nothing.

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::sync::Semaphore;

use super::lock;

/// A message and how often it has come back.
pub(super) struct Letter<T> {
    pub(super) content: T,
    pub(super) returns: u32,
}

pub(super) struct Mailbox<T> {
    name: String,
    ready: Mutex<VecDeque<Letter<T>>>,
    count: Semaphore,
}

impl<T> Mailbox<T> {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            ready: Mutex::new(VecDeque::new()),
            count: Semaphore::new(0),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn append(&self, content: T) {
        let letter = Letter {
            content,
            returns: 0,
        };
        lock(&self.ready).push_back(letter);
        self.count.add_permits(1);
    }

    /// To the front: what came back is older than what waits.
    pub(super) fn put_back(&self, letter: Letter<T>) {
        lock(&self.ready).push_front(letter);
        self.count.add_permits(1);
    }

    /// Waits for a message. There is no await after one is taken, so dropping this loses none.
    pub(super) async fn take(&self) -> Letter<T> {
        loop {
            if let Ok(permit) = self.count.acquire().await {
                permit.forget();
            }
            if let Some(letter) = lock(&self.ready).pop_front() {
                return letter;
            }
        }
    }

    pub(super) fn depth(&self) -> u64 {
        lock(&self.ready).len() as u64
    }

    pub(super) fn clear(&self) {
        lock(&self.ready).clear();
    }
}

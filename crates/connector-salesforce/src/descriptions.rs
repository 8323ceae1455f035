//! Descriptions that are kept for a while: several services prepare the same plans at once, and look at the same parents.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use model::Failure;

use crate::client::Client;
use crate::describe::{Described, describe};

/// How long a description serves for checks.
const FRESH: Duration = Duration::from_secs(60);

/// What an org said of its objects, and when.
pub(crate) struct Descriptions {
    client: Arc<Client>,
    known: Mutex<HashMap<String, (Instant, Arc<Described>)>>,
}

impl Descriptions {
    pub(crate) fn new(client: Arc<Client>) -> Self {
        Self {
            client,
            known: Mutex::default(),
        }
    }

    /// An object as the org described it within the last minute.
    pub(crate) async fn of(&self, to: &str) -> Result<Arc<Described>, Failure> {
        let known = self.known().get(to).cloned();
        match known {
            Some((read, described)) if read.elapsed() < FRESH => Ok(described),
            _ => self.read(to).await,
        }
    }

    /// An object as the org describes it now.
    pub(crate) async fn read(&self, to: &str) -> Result<Arc<Described>, Failure> {
        let described = describe(&self.client, to).await?;
        self.known()
            .insert(to.to_owned(), (Instant::now(), Arc::clone(&described)));
        Ok(described)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, (Instant, Arc<Described>)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! A connection that comes back. One task dials, watches, and dials again with growing pauses; everybody else waits
//! for the connection that is up now.
//!
//! lapin can recover connections by itself, replaying channels, consumers and topology. Here a lost connection is
//! given up instead and everything on it is made anew: what a publish or an acknowledgement on the old connection
//! came to is then never in doubt, and there is one path for a first connection and for a thousandth.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use lapin::Event;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use super::dial::{NoConnection, dial};
use super::endpoint::Endpoint;
use super::live::Live;
use crate::Error;
use crate::backoff::Backoff;

/// A connection that held this long was a good one; the next pause is a short one again.
const GOOD: Duration = Duration::from_secs(10);
/// How often a quiet connection's state is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// What a broker gets to answer our goodbye.
const GOODBYE: Duration = Duration::from_secs(3);

#[derive(Clone)]
enum State {
    Down { tries: u32, trouble: NoConnection },
    Up(Arc<Live>),
    Closed,
}

pub(crate) struct Link {
    state: watch::Receiver<State>,
    stop: watch::Sender<bool>,
    suspicion: Arc<Notify>,
}

impl Link {
    /// Starts dialling. `name` is shown in the broker's list of connections.
    pub(crate) fn open(endpoint: Endpoint, name: String) -> Self {
        let (sender, state) = watch::channel(State::Down {
            tries: 0,
            trouble: NoConnection {
                refused: false,
                reason: "not tried yet".into(),
            },
        });
        let (stop, stopped) = watch::channel(false);
        let suspicion = Arc::new(Notify::new());
        let keeper = Keeper {
            endpoint,
            name,
            state: sender,
            stopped,
            suspicion: Arc::clone(&suspicion),
        };
        tokio::spawn(keeper.run());
        Self {
            state,
            stop,
            suspicion,
        }
    }

    /// Waits for a connection that is up.
    pub(crate) async fn live(&self) -> Result<Arc<Live>, Error> {
        let mut state = self.state.clone();
        loop {
            match &*state.borrow_and_update() {
                State::Up(live) if live.is_connected() => return Ok(Arc::clone(live)),
                State::Up(_) => self.suspicion.notify_one(),
                State::Down { .. } => {}
                State::Closed => return Err(Error::Closed),
            }
            state.changed().await.map_err(|_| Error::Closed)?;
        }
    }

    /// Waits until `refusals` tries in a row were refused. Ends sooner with false when a connection is up.
    pub(crate) async fn refused(&self, refusals: u32) -> bool {
        let mut state = self.state.clone();
        let seen = state
            .wait_for(|state| match state {
                State::Down { tries, trouble } => trouble.refused && *tries >= refusals,
                State::Up(_) | State::Closed => true,
            })
            .await;
        seen.is_ok_and(|state| matches!(*state, State::Down { .. }))
    }

    /// Why there is no connection, if there is none.
    pub(crate) fn trouble(&self) -> Option<NoConnection> {
        match &*self.state.borrow() {
            State::Down { trouble, .. } => Some(trouble.clone()),
            State::Up(_) | State::Closed => None,
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        *self.stop.borrow()
    }

    /// Waits until this is closed by its owner.
    pub(crate) async fn closed(&self) {
        let mut stopped = self.stop.subscribe();
        // The sender is ours, so the wait can't fail.
        let _ = stopped.wait_for(|stopped| *stopped).await;
    }

    /// Closes the connection with a goodbye, and dials no more.
    pub(crate) async fn close(&self) {
        self.stop.send_replace(true);
        let mut state = self.state.clone();
        let closed = state.wait_for(|state| matches!(state, State::Closed));
        // Without an answer the keeper ends by itself a moment later.
        let _ = timeout(GOODBYE * 2, closed).await;
    }
}

/// The task behind a link. It ends when the link is closed or dropped.
struct Keeper {
    endpoint: Endpoint,
    name: String,
    state: watch::Sender<State>,
    stopped: watch::Receiver<bool>,
    suspicion: Arc<Notify>,
}

impl Keeper {
    async fn run(mut self) {
        let mut backoff = Backoff::default();
        let mut tries = 0_u32;
        loop {
            let dialled = tokio::select! {
                () = stop(&mut self.stopped) => break,
                dialled = dial(&self.endpoint, &self.name) => dialled,
            };
            let trouble = match dialled {
                Ok(connection) => {
                    tries = 0;
                    let since = Instant::now();
                    tracing::info!(
                        broker = self.endpoint.shown(),
                        connection = self.name,
                        "connected"
                    );
                    let live = Arc::new(Live::new(connection));
                    self.state.send_replace(State::Up(Arc::clone(&live)));
                    let Some(reason) = self.watch(&live).await else {
                        live.goodbye(GOODBYE).await;
                        live.end();
                        break;
                    };
                    live.end();
                    if since.elapsed() >= GOOD {
                        backoff.reset();
                    }
                    tracing::warn!(
                        broker = self.endpoint.shown(),
                        connection = self.name,
                        reason,
                        "connection lost"
                    );
                    NoConnection {
                        refused: false,
                        reason,
                    }
                }
                Err(trouble) => {
                    tries = tries.saturating_add(1);
                    trouble
                }
            };
            let reason = trouble.reason.clone();
            self.state.send_replace(State::Down { tries, trouble });
            let pause = backoff.next();
            if tries > 0 && backoff.worth_a_word() {
                tracing::warn!(
                    broker = self.endpoint.shown(),
                    connection = self.name,
                    reason,
                    tries,
                    "no connection; will try again"
                );
            }
            tokio::select! {
                () = stop(&mut self.stopped) => break,
                () = sleep(pause) => {}
            }
        }
        self.state.send_replace(State::Closed);
    }

    /// Waits for the connection's end and says why it ended. None when we are to stop.
    async fn watch(&mut self, live: &Live) -> Option<String> {
        let mut events = std::pin::pin!(live.events());
        let mut reason = None;
        loop {
            tokio::select! {
                () = stop(&mut self.stopped) => return None,
                event = events.next() => match event {
                    Some(Event::Error(error)) => reason = Some(error.to_string()),
                    Some(Event::ConnectionBlocked(why)) => tracing::warn!(
                        broker = self.endpoint.shown(), why, "the broker takes no messages for now"
                    ),
                    Some(Event::ConnectionUnblocked) => tracing::info!(
                        broker = self.endpoint.shown(), "the broker takes messages again"
                    ),
                    Some(_) => {}
                    // All senders are gone; the state below says the rest.
                    None => sleep(LOOK).await,
                },
                () = self.suspicion.notified() => {}
                () = sleep(LOOK) => {}
            }
            if !live.is_connected() {
                return Some(reason.unwrap_or_else(|| "the broker closed it".into()));
            }
        }
    }
}

/// Waits for the word to stop, or for the link to be gone.
async fn stop(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

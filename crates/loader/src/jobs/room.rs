//! How many jobs one loader has on their way at once: fewer after the target's records were fought over or it asked to be left alone, more again after jobs that
//! met no trouble.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

#[derive(Clone)]
pub(crate) struct Room {
    shared: Arc<Shared>,
}

struct Shared {
    most: usize,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Clone, Copy)]
struct State {
    limit: usize,
    used: usize,
}

/// One job's place; it is free again when this is dropped.
pub(crate) struct Place {
    shared: Arc<Shared>,
}

impl Room {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                most,
                state: Mutex::new(State {
                    limit: most,
                    used: 0,
                }),
                changed: Notify::new(),
            }),
        }
    }

    /// Waits for a place.
    pub(crate) async fn enter(&self) -> Place {
        loop {
            let changed = self.shared.changed.notified();
            {
                let mut state = self.shared.state();
                if state.used < state.limit {
                    state.used += 1;
                    // There may be room for the next one that waits as well.
                    self.shared.changed.notify_one();
                    return Place {
                        shared: Arc::clone(&self.shared),
                    };
                }
            }
            changed.await;
        }
    }

    /// Half as many from now on; those under way end as they are.
    pub(crate) fn narrow(&self) {
        let mut state = self.shared.state();
        let limit = (state.limit / 2).max(1);
        if limit < state.limit {
            tracing::info!(jobs_at_once = limit, "fewer jobs at once");
        }
        state.limit = limit;
    }

    /// One more, up to what there was at first.
    pub(crate) fn widen(&self) {
        let mut state = self.shared.state();
        if state.limit < self.shared.most {
            state.limit += 1;
            tracing::info!(jobs_at_once = state.limit, "more jobs at once");
            self.shared.changed.notify_one();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.state().used -= 1;
        self.shared.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn there_is_room_for_fewer_after_trouble_and_for_more_later() {
        let room = Room::new(4);
        let mut places = Vec::new();
        for _ in 0..4 {
            places.push(room.enter().await);
        }
        assert!(room.enter().now_or_never().is_none());
        room.narrow();
        drop(places.split_off(2));
        assert!(
            room.enter().now_or_never().is_none(),
            "two are under way, and two may be"
        );
        room.widen();
        let third = room.enter().now_or_never();
        assert!(third.is_some());
        assert!(room.enter().now_or_never().is_none());
        let waiting = {
            let room = room.clone();
            tokio::spawn(async move { room.enter().await })
        };
        tokio::task::yield_now().await;
        drop(third);
        assert!(waiting.await.is_ok(), "who waits is woken");
        for _ in 0..9 {
            room.narrow();
        }
        drop(places);
        assert!(
            room.enter().now_or_never().is_some(),
            "never fewer than one"
        );
    }
}

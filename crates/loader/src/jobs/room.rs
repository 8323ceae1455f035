//! How many jobs one loader has on their way at once: fewer after the target's records were fought over or it asked to be left alone, more again after jobs that
//! met no trouble.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use control::LoweredBy;
use tokio::sync::Notify;

#[derive(Clone)]
pub(crate) struct Room {
    shared: Arc<Shared>,
}

struct Shared {
    most: usize,
    state: Mutex<State>,
    changed: Notify,
    /// For who tells of it.
    news: Notify,
}

#[derive(Clone, Copy)]
struct State {
    limit: usize,
    used: usize,
    lowered: Option<(LoweredBy, Instant)>,
}

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) at_most: usize,
    pub(crate) at_once: usize,
    pub(crate) under_way: usize,
    /// Why there are fewer than could be, and for how long.
    pub(crate) lowered: Option<(LoweredBy, Duration)>,
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
                    lowered: None,
                }),
                changed: Notify::new(),
                news: Notify::new(),
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
                    self.shared.news.notify_one();
                    return Place {
                        shared: Arc::clone(&self.shared),
                    };
                }
            }
            changed.await;
        }
    }

    /// Half as many from now on; those under way end as they are.
    pub(crate) fn narrow(&self, by: LoweredBy) {
        let mut state = self.shared.state();
        let limit = (state.limit / 2).max(1);
        if limit < state.limit {
            tracing::info!(
                jobs_at_once = limit,
                because_of = by.as_str(),
                "fewer jobs at once"
            );
        }
        state.limit = limit;
        if limit < self.shared.most {
            let since = state.lowered.map_or_else(Instant::now, |(_, since)| since);
            state.lowered = Some((by, since));
        }
        self.shared.news.notify_one();
    }

    /// One more, up to what there was at first.
    pub(crate) fn widen(&self) {
        let mut state = self.shared.state();
        if state.limit < self.shared.most {
            state.limit += 1;
            tracing::info!(jobs_at_once = state.limit, "more jobs at once");
            if state.limit == self.shared.most {
                state.lowered = None;
            }
            self.shared.changed.notify_one();
            self.shared.news.notify_one();
        }
    }

    pub(crate) fn standing(&self) -> Standing {
        let state = *self.shared.state();
        Standing {
            at_most: self.shared.most,
            at_once: state.limit,
            under_way: state.used,
            lowered: state.lowered.map(|(by, since)| (by, since.elapsed())),
        }
    }

    /// Waits until it stands otherwise than when this was last waited for.
    pub(crate) async fn news(&self) {
        self.shared.news.notified().await;
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
        self.shared.news.notify_one();
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
        room.narrow(LoweredBy::Locks);
        let standing = room.standing();
        assert_eq!(
            (standing.at_most, standing.at_once, standing.under_way),
            (4, 2, 4)
        );
        assert_eq!(standing.lowered.map(|(by, _)| by), Some(LoweredBy::Locks));
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
            room.narrow(LoweredBy::Throttling);
        }
        drop(places);
        assert!(
            room.enter().now_or_never().is_some(),
            "never fewer than one"
        );
        for _ in 0..3 {
            assert!(room.standing().lowered.is_some());
            room.widen();
        }
        assert_eq!(room.standing().lowered, None, "as many as at first");
    }
}

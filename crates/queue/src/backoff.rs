//! How long to wait before trying again: longer each time, never long, and not in step with the others.
//! Services that lost the same broker at the same moment must not come back at the same moment.

use std::time::Duration;

use tokio::time::Instant;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// Counts failures in a row.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// Between half and all of 100 ms, 200 ms, 400 ms … 5 s.
    pub(crate) fn next(&mut self) -> Duration {
        let full = FIRST
            .saturating_mul(1_u32 << self.failures.min(16))
            .min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        full.mul_f64(rand::random_range(0.5..=1.0))
    }

    /// Whether this failure is worth a line in the log: the first, second, fourth, eighth …
    pub(crate) fn worth_a_word(&self) -> bool {
        self.failures.is_power_of_two()
    }
}

/// A deadline with retries before it.
#[derive(Debug)]
pub(crate) struct Patience {
    began: Instant,
    deadline: Instant,
    backoff: Backoff,
}

impl Patience {
    pub(crate) fn new(limit: Duration) -> Self {
        let began = Instant::now();
        Self {
            began,
            deadline: began + limit,
            backoff: Backoff::default(),
        }
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    pub(crate) fn waited(&self) -> Duration {
        self.began.elapsed()
    }

    /// Waits before the next try. False when there is no time for one.
    pub(crate) async fn pause(&mut self) -> bool {
        let wake = Instant::now() + self.backoff.next();
        if wake >= self.deadline {
            return false;
        }
        tokio::time::sleep_until(wake).await;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_bounded() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..40).map(|_| backoff.next()).collect();
        assert!(waits[0] <= FIRST && waits[0] >= FIRST / 2);
        assert!(waits[3] >= FIRST * 4);
        assert!(waits.iter().all(|wait| *wait <= LONGEST));
        assert!(waits[39] >= LONGEST / 2);
    }
}

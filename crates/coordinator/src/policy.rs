//! What becomes of a chunk that was refused: the one place where that is decided.

use std::time::Duration;

use model::{Attempt, Failure, FailureKind};

/// The decision about a refused attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The same again, after this long.
    Again(Duration),
    /// The chunk is given up; the run goes on.
    GiveUp,
    /// The run is paused; the chunk goes on when it is resumed.
    Pause,
}

/// Decides by the failure's kind and the number of attempts so far.
pub(crate) fn verdict(failure: &Failure, attempt: Attempt, attempts: i64) -> Verdict {
    match failure.kind {
        FailureKind::Halted => Verdict::Again(Duration::ZERO),
        FailureKind::PauseRun => Verdict::Pause,
        FailureKind::Retry | FailureKind::RetryAlone if attempt.0 < attempts => {
            Verdict::Again(backoff(attempt))
        }
        // Trouble that does not pass in this many attempts is not this chunk's: the rest would meet it too.
        FailureKind::Retry | FailureKind::RetryAlone => Verdict::Pause,
        FailureKind::RejectRecord
        | FailureKind::FailChunk
        | FailureKind::Usage
        | FailureKind::Bug => Verdict::GiveUp,
    }
}

/// Half a second, doubling up to a minute.
fn backoff(attempt: Attempt) -> Duration {
    let doublings = u32::try_from(attempt.0.clamp(1, 8) - 1).unwrap_or_default();
    Duration::from_millis(500 << doublings).min(Duration::from_secs(60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passing_trouble_is_tried_again_with_growing_patience() {
        let failure = Failure::retry("x", "x");
        let delays: Vec<_> = (1..6)
            .map(|attempt| match verdict(&failure, Attempt(attempt), 6) {
                Verdict::Again(delay) => delay.as_millis(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(delays, [500, 1000, 2000, 4000, 8000]);
        assert_eq!(verdict(&failure, Attempt(6), 6), Verdict::Pause);
    }

    #[test]
    fn what_no_retry_mends_is_not_tried_again() {
        assert_eq!(verdict(&Failure::bug("x"), Attempt(1), 6), Verdict::GiveUp);
        assert_eq!(
            verdict(&Failure::pause("x", "x"), Attempt(1), 6),
            Verdict::Pause
        );
    }
}

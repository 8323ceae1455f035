//! Knobs that make the org misbehave on purpose, for tests of what a client does then: failing and cut-off calls,
//! locked rows, jobs that fail half-way or stand still.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::settings::Pace;

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallFault {
    /// Answered with this HTTP status and the body the platform gives with it, without acting. 503 comes with HTML.
    Status(u16),
    /// The connection is dropped before the call is acted on.
    DropBefore,
    /// The call is acted on, then the connection is dropped without an answer: the client can't know.
    DropAfter,
}

/// The knobs. All of them may be turned at any time, from any thread.
#[derive(Debug)]
pub struct Faults {
    knobs: Mutex<Knobs>,
    hold: watch::Sender<Option<usize>>,
}

#[derive(Debug, Default)]
struct Knobs {
    calls: Vec<CallRule>,
    locked_rows: usize,
    fail_jobs_after: Vec<usize>,
    pace: Option<Pace>,
    empty_results_204: bool,
}

#[derive(Debug)]
struct CallRule {
    method: String,
    path: String,
    left: u32,
    fault: CallFault,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            knobs: Mutex::default(),
            hold: watch::Sender::new(None),
        }
    }
}

impl Faults {
    fn knobs(&self) -> MutexGuard<'_, Knobs> {
        self.knobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next `times` calls of this method (`""`: any) whose path contains `path` suffer `fault`. Rules are used
    /// in the order they were made. Paths are compared with single slashes, without the query.
    pub fn fail_calls(&self, method: &str, path: &str, times: u32, fault: CallFault) {
        self.knobs().calls.push(CallRule {
            method: method.to_owned(),
            path: path.to_owned(),
            left: times,
            fault,
        });
    }

    /// How many calls are still to fail: 0 once every rule was used up.
    pub fn calls_left(&self) -> u32 {
        self.knobs().calls.iter().map(|rule| rule.left).sum()
    }

    /// The next `rows` rows of any write fail with `UNABLE_TO_LOCK_ROW`.
    pub fn lock_rows(&self, rows: usize) {
        self.knobs().locked_rows += rows;
    }

    /// The next job to be processed ends as `Failed` once at least `rows` rows were processed (in chunks of 200);
    /// the rest stays unprocessed. Called twice: the next two jobs.
    pub fn fail_job_after(&self, rows: usize) {
        self.knobs().fail_jobs_after.push(rows);
    }

    /// Every job stands still in `InProgress` once it has processed at least `rows` rows (in chunks of 200), until
    /// [`Faults::release_jobs`] or its abort.
    pub fn hold_jobs_after(&self, rows: usize) {
        self.hold.send_replace(Some(rows));
    }

    /// Lets held jobs go on, and holds no more.
    pub fn release_jobs(&self) {
        self.hold.send_replace(None);
    }

    /// Jobs keep this pace instead of the setting's; `None` returns to it.
    pub fn pace_jobs(&self, pace: Option<Pace>) {
        self.knobs().pace = pace;
    }

    /// Whether a result file without rows is answered by 204 instead of its header alone.
    pub fn empty_results_as_204(&self, on: bool) {
        self.knobs().empty_results_204 = on;
    }

    /// Turns every knob back, releasing held jobs.
    pub fn clear(&self) {
        *self.knobs() = Knobs::default();
        self.release_jobs();
    }

    pub(crate) fn take_call(&self, method: &str, path: &str) -> Option<CallFault> {
        let mut knobs = self.knobs();
        let rule = knobs.calls.iter_mut().find(|rule| {
            rule.left > 0
                && (rule.method.is_empty() || rule.method.eq_ignore_ascii_case(method))
                && path.contains(&rule.path)
        })?;
        rule.left -= 1;
        let fault = rule.fault;
        knobs.calls.retain(|rule| rule.left > 0);
        Some(fault)
    }

    pub(crate) fn take_locks(&self, rows: usize) -> usize {
        let mut knobs = self.knobs();
        let taken = rows.min(knobs.locked_rows);
        knobs.locked_rows -= taken;
        taken
    }

    pub(crate) fn take_job_failure(&self) -> Option<usize> {
        let mut knobs = self.knobs();
        (!knobs.fail_jobs_after.is_empty()).then(|| knobs.fail_jobs_after.remove(0))
    }

    pub(crate) fn pace(&self) -> Option<Pace> {
        self.knobs().pace
    }

    pub(crate) fn empty_results(&self) -> bool {
        self.knobs().empty_results_204
    }

    pub(crate) fn hold(&self) -> watch::Receiver<Option<usize>> {
        self.hold.subscribe()
    }
}
